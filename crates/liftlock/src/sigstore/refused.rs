//! The check of a bundle that failed.

use super::identity::Mismatch;
use super::{body, checkpoint, timestamp};
use crate::attestation;
use crate::failure::{Explain, Kind};
use crate::signature;
use crate::time::Time;
use crate::x509::{self, path};

/// The check that failed.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Signed with a key.
    #[error("the bundle was signed with a key, not with a certificate")]
    Key,
    /// Signed with a certificate.
    #[error("the bundle was signed with a certificate, not with a key")]
    Certificate,
    /// An anchor that the bundle brings along.
    #[error("the bundle brings a root certificate along")]
    Root,
    /// A certificate that cannot be read.
    #[error("a certificate of the bundle cannot be used")]
    Malformed(#[from] x509::Error),
    /// A certificate that leads nowhere.
    #[error("the certificate does not count")]
    Path(#[source] path::Error),
    /// An authority that did not count.
    #[error("the certificate's authority did not count at {0}")]
    AuthorityTime(Time),
    /// No log of certificates saw it.
    #[error("no trusted log of certificates saw the certificate (no valid SCT)")]
    NoSct,
    /// A timestamp that does not count.
    #[error(transparent)]
    Timestamp(#[from] timestamp::Error),
    /// An entry about something else.
    #[error(transparent)]
    Body(#[from] body::Error),
    /// A log that the root does not name.
    #[error("the log entry is of a log that is not trusted")]
    UnknownLog,
    /// A checkpoint that is none.
    #[error(transparent)]
    Note(#[from] checkpoint::ParseError),
    /// A checkpoint of somebody else.
    #[error("the checkpoint is not signed by the log of the entry")]
    Checkpoint,
    /// A proof that does not lead to the checkpoint.
    #[error("the inclusion proof does not lead to the root of the checkpoint")]
    Inclusion,
    /// No proof at all.
    #[error("the log entry has no inclusion proof with a checkpoint")]
    NoProof,
    /// A promise of somebody else.
    #[error("the log's promise (signed entry timestamp) is wrong")]
    Promise,
    /// A log that did not count.
    #[error("the log did not count at {0}")]
    LogTime(Time),
    /// No log entry.
    #[error("the signature is in no trusted log")]
    NotLogged,
    /// No time.
    #[error("nobody trusted says when the signature was made")]
    NoTime,
    /// Nobody is trusted.
    #[error("there is no identity to check the certificate with")]
    NoIdentity,
    /// Somebody else.
    #[error(transparent)]
    Identity(#[from] Mismatch),
    /// Another artifact, or a broken signature.
    #[error(transparent)]
    Signature(#[from] signature::Refused),
    /// A broken envelope.
    #[error(transparent)]
    Attestation(#[from] attestation::Refused),
    /// A statement about something else.
    #[error("the statement is not about the artifact")]
    Subject,
}

impl Explain for Refused {
    fn kind(&self) -> Kind {
        match self {
            Self::Malformed(error) => error.kind(),
            Self::Timestamp(error) => error.kind(),
            Self::Signature(error) => error.kind(),
            Self::Attestation(error) => error.kind(),
            Self::Note(_) | Self::Body(body::Error::Kind(_) | body::Error::Malformed(_)) => {
                Kind::Invalid
            }
            Self::NoIdentity => Kind::Invalid,
            Self::Key
            | Self::Certificate
            | Self::Root
            | Self::Path(_)
            | Self::AuthorityTime(_)
            | Self::NoSct
            | Self::Body(body::Error::Other(_))
            | Self::UnknownLog
            | Self::Checkpoint
            | Self::Inclusion
            | Self::NoProof
            | Self::Promise
            | Self::LogTime(_)
            | Self::NotLogged
            | Self::NoTime
            | Self::Identity(_)
            | Self::Subject => Kind::Refuted,
        }
    }
}
