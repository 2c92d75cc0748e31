//! Why a timestamp does not count.

use super::LARGEST;
use crate::der::Error as DerError;
use crate::failure::{Explain, Kind};
use crate::time::Time;
use crate::x509::{self, path};

/// The timestamp does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not DER.
    #[error("the timestamp is malformed")]
    Der(#[from] DerError),
    /// Larger than any honest one.
    #[error("the timestamp has {0} bytes, more than {LARGEST}")]
    TooLarge(usize),
    /// Another shape.
    #[error("the timestamp cannot be used: {0}")]
    Shape(&'static str),
    /// The authority refused.
    #[error("the timestamp authority refuses with status {0}")]
    Status(u64),
    /// Of another signature.
    #[error("the timestamp is of another signature")]
    Imprint,
    /// Of nobody who is trusted.
    #[error("the timestamp is not of a trusted authority")]
    Untrusted,
    /// The authority was not trusted then.
    #[error("the timestamp is of {0}, when its authority did not count")]
    Time(Time),
    /// A signature that does not fit.
    #[error("the signature of the timestamp is wrong")]
    Signature,
    /// The authority's certificate did not count.
    #[error("the certificate of the timestamp's authority does not count")]
    Path(#[from] path::Error),
    /// Algorithms that are not read.
    #[error("the timestamp is signed in a way that is not supported")]
    Scheme(#[from] x509::Error),
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Der(_) | Self::TooLarge(_) | Self::Shape(_) | Self::Scheme(_) => Kind::Invalid,
            Self::Status(_) => Kind::Upstream,
            Self::Path(error) => error.kind(),
            Self::Imprint | Self::Untrusted | Self::Time(_) | Self::Signature => Kind::Refuted,
        }
    }
}
