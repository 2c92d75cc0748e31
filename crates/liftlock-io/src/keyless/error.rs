//! Why a signature was not made, or not seen.

use liftlock::failure::{Explain, Failure, Kind};
use liftlock::sigstore::{fulcio, rekor, signing_config, timestamp, token, verify};
use liftlock::{bundle, statement};
use url::Url;

use crate::http::{self, Response};
use crate::key;

/// A keyless signature failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No answer.
    #[error("a service of the signature cannot be reached")]
    Http(#[from] http::Error),
    /// An answer that is none.
    #[error("`{url}` answers {status}{message}")]
    Status {
        /// Who.
        url: String,
        /// The status.
        status: u16,
        /// What it says; begins with `: ` or is empty.
        message: String,
    },
    /// The entry is there already; where, if the log says so.
    #[error("the log has this very signature already")]
    Conflict(Option<String>),
    /// Patience is over.
    #[error("{what} did not answer in {attempts} attempts")]
    Exhausted {
        /// Who.
        what: &'static str,
        /// How often it was asked.
        attempts: u32,
        /// How the last attempt ended.
        #[source]
        last: Box<Self>,
    },
    /// The signing config names nobody.
    #[error("the signing config names no service for {0}")]
    NoService(&'static str),
    /// Too few took part.
    #[error("only {found} of {needed} {what} took part")]
    TooFew {
        /// Which services.
        what: &'static str,
        /// How many.
        found: usize,
        /// How many are needed.
        needed: usize,
        /// How the last one failed.
        #[source]
        last: Box<Self>,
    },
    /// No address.
    #[error("`{0}` is no address")]
    Address(String),
    /// No token.
    #[error("there is no identity token: {0}")]
    NoToken(String),
    /// A token that cannot be used.
    #[error(transparent)]
    Token(#[from] token::ParseError),
    /// No certificate.
    #[error(transparent)]
    Certificate(#[from] fulcio::Error),
    /// No entry.
    #[error(transparent)]
    Entry(#[from] rekor::Error),
    /// No timestamp.
    #[error(transparent)]
    Timestamp(#[from] timestamp::Error),
    /// A timestamp for another request.
    #[error("the timestamp authority answers another request (nonce)")]
    Nonce,
    /// No key.
    #[error(transparent)]
    Key(#[from] key::Error),
    /// The key refuses.
    #[error("cannot sign")]
    Sign(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No statement.
    #[error(transparent)]
    Statement(#[from] statement::Error),
    /// A bundle that cannot be written.
    #[error("cannot write the bundle")]
    Bundle(#[from] bundle::ParseError),
    /// A request that cannot be written.
    #[error("cannot write the request")]
    Json(#[source] serde_json::Error),
    /// No services.
    #[error(transparent)]
    Config(#[from] signing_config::ParseError),
    /// What was made does not prove.
    #[error("the signature that was just made does not verify")]
    Unproved(#[from] Box<verify::Refused>),
    /// The run has to end.
    #[error("{}", .0.lines().join(": "))]
    Ended(Failure),
}

impl Error {
    pub(super) fn status(url: &Url, response: &Response) -> Self {
        if response.status == 409 {
            return Self::Conflict(response.header("location").map(ToOwned::to_owned));
        }
        let text = String::from_utf8_lossy(&response.body);
        let text: String = text
            .chars()
            .map(|one| if one.is_control() { ' ' } else { one })
            .take(300)
            .collect();
        let text = text.trim();
        let message = if text.is_empty() || response.is_html() {
            String::new()
        } else {
            format!(": {text}")
        };
        let host = url.host_str().unwrap_or_default();
        let port = url
            .port()
            .map(|port| format!(":{port}"))
            .unwrap_or_default();
        Self::Status {
            url: format!("{}://{host}{port}{}", url.scheme(), url.path()),
            status: response.status,
            message,
        }
    }
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Http(error) => error.kind(),
            Self::Status {
                status: 401 | 403, ..
            }
            | Self::NoToken(_) => Kind::Credentials,
            Self::Status { .. } | Self::Conflict(_) | Self::Nonce | Self::Sign(_) => Kind::Upstream,
            Self::Exhausted { last, .. } | Self::TooFew { last, .. } => last.kind(),
            Self::NoService(_) | Self::Address(_) => Kind::Invalid,
            Self::Token(error) => error.kind(),
            Self::Certificate(error) => error.kind(),
            Self::Entry(error) => error.kind(),
            // Whatever is wrong with it, the authority is to blame.
            Self::Timestamp(_) => Kind::Upstream,
            Self::Key(error) => error.kind(),
            Self::Statement(error) => error.kind(),
            Self::Bundle(_) | Self::Json(_) => Kind::Bug,
            Self::Config(error) => error.kind(),
            Self::Unproved(error) => error.kind(),
            Self::Ended(failure) => failure.kind,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Http(error) => error.hint(),
            Self::Exhausted { last, .. } | Self::TooFew { last, .. } => last.hint(),
            Self::Token(error) => error.hint(),
            Self::NoToken(_) => Some(
                "give the job `permissions: id-token: write` (GitHub) or `id_tokens: SIGSTORE_ID_TOKEN: aud: sigstore` (GitLab), or sign with `--key`"
                    .to_owned(),
            ),
            Self::Status { .. }
            | Self::Conflict(_)
            | Self::NoService(_)
            | Self::Address(_)
            | Self::Certificate(_)
            | Self::Entry(_)
            | Self::Timestamp(_)
            | Self::Nonce
            | Self::Key(_)
            | Self::Sign(_)
            | Self::Statement(_)
            | Self::Bundle(_)
            | Self::Json(_)
            | Self::Config(_)
            | Self::Unproved(_)
            | Self::Ended(_) => None,
        }
    }
}
