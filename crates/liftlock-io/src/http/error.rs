//! Why there is no answer, told apart by what a person can do about it.

use std::error::Error as _;
use std::io;
use std::path::PathBuf;

use liftlock::failure::{Explain, Kind};
use url::Url;

use crate::file;

/// No whole answer came.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The machine gives no event loop.
    #[error("cannot start the network runtime")]
    Runtime(#[source] io::Error),
    /// Somebody asked for that.
    #[error("this run is to stay offline")]
    Offline,
    /// A proxy's address, most likely.
    #[error("cannot prepare the HTTP client")]
    Prepare(#[source] reqwest::Error),
    /// The TLS library refuses its own defaults.
    #[error("cannot prepare TLS")]
    Configure(#[source] rustls::Error),
    /// A file with certificates or a key cannot be read.
    #[error(transparent)]
    File(#[from] file::Error),
    /// A file with certificate authorities holds none.
    #[error("cannot use the certificate authorities in `{}`: {reason}", path.display())]
    Authorities {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A client certificate that is none, or without its key.
    #[error("cannot use the client certificate in `{}`: {reason}", path.display())]
    Identity {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Neither `http` nor `https`.
    #[error("`{url}` is neither http nor https")]
    Scheme {
        /// Where the request was to go.
        url: String,
    },
    /// Nobody listens, or the name is unknown.
    #[error("cannot connect to `{url}`")]
    Connect {
        /// Where the request was to go.
        url: String,
        /// Why.
        source: reqwest::Error,
    },
    /// The counterpart could not prove who it is.
    #[error("no trusted TLS connection to `{url}`")]
    Tls {
        /// Where the request was to go.
        url: String,
        /// Why.
        source: reqwest::Error,
    },
    /// It took too long.
    #[error("no whole answer from `{url}` in time")]
    Timeout {
        /// Where the request went.
        url: String,
    },
    /// A signal came first.
    #[error("a signal ended the wait for `{url}`")]
    Stopped {
        /// Where the request went.
        url: String,
    },
    /// More bytes than allowed.
    #[error("the answer of `{url}` is larger than {limit} bytes")]
    TooLarge {
        /// Where the request went.
        url: String,
        /// The most it may have.
        limit: u64,
    },
    /// A loop, most likely.
    #[error("too many redirects, the last to `{url}`")]
    Redirects {
        /// The last target.
        url: String,
    },
    /// A redirect that would leave TLS, or that is no address.
    #[error("`{url}` redirects to a place that must not be followed: `{target}`")]
    BadRedirect {
        /// Where the request went.
        url: String,
        /// Where it was sent on to.
        target: String,
    },
    /// The connection broke, or what came is not HTTP.
    #[error("the connection to `{url}` broke")]
    Broken {
        /// Where the request went.
        url: String,
        /// Why.
        source: reqwest::Error,
    },
    /// The answer's bytes have nowhere to go.
    #[error("cannot write what was downloaded")]
    Write(#[source] io::Error),
}

impl Error {
    pub(super) fn of(url: &Url, source: reqwest::Error) -> Self {
        let url = shown(url);
        let source = source.without_url();
        if is_tls(&source) {
            Self::Tls { url, source }
        } else if source.is_timeout() {
            Self::Timeout { url }
        } else if source.is_connect() {
            Self::Connect { url, source }
        } else {
            Self::Broken { url, source }
        }
    }

    /// Whether the request surely never reached the counterpart.
    #[must_use]
    pub const fn is_unsent(&self) -> bool {
        match self {
            Self::Offline
            | Self::Runtime(_)
            | Self::Prepare(_)
            | Self::Configure(_)
            | Self::File(_)
            | Self::Authorities { .. }
            | Self::Identity { .. }
            | Self::Scheme { .. }
            | Self::Connect { .. }
            | Self::Tls { .. } => true,
            Self::Timeout { .. }
            | Self::Stopped { .. }
            | Self::TooLarge { .. }
            | Self::Redirects { .. }
            | Self::BadRedirect { .. }
            | Self::Broken { .. }
            | Self::Write(_) => false,
        }
    }
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Offline => Kind::Usage,
            Self::File(error) => error.kind(),
            Self::Authorities { .. } | Self::Identity { .. } | Self::Scheme { .. } => Kind::Invalid,
            Self::Runtime(_)
            | Self::Prepare(_)
            | Self::Configure(_)
            | Self::Connect { .. }
            | Self::Tls { .. }
            | Self::Timeout { .. }
            | Self::Stopped { .. }
            | Self::TooLarge { .. }
            | Self::Redirects { .. }
            | Self::BadRedirect { .. }
            | Self::Broken { .. }
            | Self::Write(_) => Kind::Upstream,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Tls { .. } => Some(
                "name the authority of a private server with `--ca-file` or `SSL_CERT_FILE`"
                    .to_owned(),
            ),
            Self::Offline => {
                Some("name files or layout folders, or leave `--offline` away".to_owned())
            }
            Self::File(error) => error.hint(),
            Self::Runtime(_)
            | Self::Prepare(_)
            | Self::Configure(_)
            | Self::Authorities { .. }
            | Self::Identity { .. }
            | Self::Scheme { .. }
            | Self::Connect { .. }
            | Self::Timeout { .. }
            | Self::Stopped { .. }
            | Self::TooLarge { .. }
            | Self::Redirects { .. }
            | Self::BadRedirect { .. }
            | Self::Broken { .. }
            | Self::Write(_) => None,
        }
    }
}

/// An address for people: without user, password, query and fragment.
pub(super) fn shown(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map(|port| format!(":{port}"));
    let port = port.unwrap_or_default();
    format!("{}://{host}{port}{}", url.scheme(), url.path())
}

fn is_tls(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.is::<rustls::Error>() {
            return true;
        }
        // An `io::Error` hides the error it wraps from the chain of sources.
        let wrapped = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        if wrapped.is_some_and(|inner| inner.is::<rustls::Error>()) {
            return true;
        }
        cause = error.source();
    }
    false
}
