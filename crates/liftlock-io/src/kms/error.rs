//! Why a key in a service cannot be used.

use liftlock::crypto::ParseError;
use liftlock::failure::{Explain, Kind};

use crate::http;

/// The service does not sign.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The reference names no key.
    #[error("`{text}` is no key reference like `{wanted}`")]
    Reference {
        /// What was given.
        text: String,
        /// How it should look.
        wanted: &'static str,
    },
    /// Neither variable nor file says it.
    #[error("{service} needs {wanted}")]
    Missing {
        /// Which service.
        service: &'static str,
        /// What is missing.
        wanted: &'static str,
    },
    /// A file or variable with credentials is no such thing.
    #[error("cannot use the credentials in {what}: {reason}")]
    Credentials {
        /// Where they are.
        what: String,
        /// What is wrong with them, without showing them.
        reason: String,
    },
    /// A secret would be readable on its way.
    #[error("`{0}` would get credentials without TLS")]
    Clear(String),
    /// What should be an address is none.
    #[error("`{0}` is no address")]
    Address(String),
    /// The service does not let us.
    #[error("{service} refuses the credentials ({status}): {said}")]
    Refused {
        /// Which service.
        service: &'static str,
        /// The status or name of its answer.
        status: String,
        /// What it said.
        said: String,
    },
    /// There is no such key.
    #[error("{service} has no key `{key}` ({said})")]
    Unknown {
        /// Which service.
        service: &'static str,
        /// Which key.
        key: String,
        /// What it said.
        said: String,
    },
    /// The service failed, or did not want the request.
    #[error("{service} answers with {status}: {said}")]
    Failed {
        /// Which service.
        service: &'static str,
        /// The status or name of its answer.
        status: String,
        /// What it said.
        said: String,
    },
    /// What came is not what the service documents.
    #[error("the answer of {service} is not as documented: {reason}")]
    Answer {
        /// Which service.
        service: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// Another kind of key.
    #[error("a key of the kind `{0}` cannot be used for this")]
    Kind(String),
    /// The public half is no such key.
    #[error("cannot use the public key that the service shows")]
    PublicKey(#[from] ParseError),
    /// No answer.
    #[error(transparent)]
    Http(#[from] http::Error),
    /// What came back was not signed by this key.
    #[error("the signature that the service made does not fit the public key that it shows")]
    Unproved,
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Reference { .. }
            | Self::Address(_)
            | Self::Unknown { .. }
            | Self::Kind(_)
            | Self::PublicKey(_) => Kind::Invalid,
            Self::Missing { .. }
            | Self::Credentials { .. }
            | Self::Clear(_)
            | Self::Refused { .. } => Kind::Credentials,
            Self::Http(error) => error.kind(),
            Self::Failed { .. } | Self::Answer { .. } | Self::Unproved => Kind::Upstream,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Kind(_) => Some(
                "use an ECDSA P-256 key of the service, which signs files of any size".to_owned(),
            ),
            Self::Clear(_) => Some("give an address that begins with `https://`".to_owned()),
            Self::Http(error) => error.hint(),
            Self::Unproved => {
                Some("run again: the key may have got a new version in between".to_owned())
            }
            Self::Reference { .. }
            | Self::Address(_)
            | Self::Unknown { .. }
            | Self::PublicKey(_)
            | Self::Missing { .. }
            | Self::Credentials { .. }
            | Self::Refused { .. }
            | Self::Failed { .. }
            | Self::Answer { .. } => None,
        }
    }
}
