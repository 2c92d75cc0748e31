//! Why a bucket could not answer.

use liftlock::failure::{Explain, Kind};
use liftlock::s3::ParseError;

use crate::http;

/// Why a bucket could not answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A variable that is needed.
    #[error("`{0}` is not set")]
    Missing(&'static str),
    /// No region's name.
    #[error("`{0}` is no region")]
    Region(String),
    /// A key id with characters that none has.
    #[error("`AWS_ACCESS_KEY_ID` is no key id")]
    KeyId,
    /// No address of a service.
    #[error("`{0}` is no https address of an object store")]
    Address(String),
    /// An address that others could listen at.
    #[error("`{0}` is not https: only this machine may be asked without")]
    Clear(String),
    /// No whole answer.
    #[error(transparent)]
    Http(#[from] http::Error),
    /// The key is wrong, or may not do this.
    #[error("the store refused the credentials: {0}")]
    Refused(String),
    /// No such bucket.
    #[error("there is no such bucket")]
    NoBucket,
    /// The bucket is in another region.
    #[error("the bucket is in region `{0}`")]
    Elsewhere(String),
    /// Anything else.
    #[error("the store answered {0}")]
    Failed(String),
    /// A listing that is none.
    #[error(transparent)]
    Listing(#[from] ParseError),
    /// A write whose answer got lost, and after which somebody else wrote.
    #[error("the answer to a write got lost, and somebody else wrote since")]
    Overtaken,
    /// The store was busy for as long as we may wait.
    #[error("other writers were at it for too long")]
    Busy,
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Missing("AWS_REGION") => Kind::Invalid,
            Self::Missing(_) | Self::KeyId | Self::Refused(_) => Kind::Credentials,
            Self::Region(_)
            | Self::Address(_)
            | Self::Clear(_)
            | Self::NoBucket
            | Self::Elsewhere(_) => Kind::Invalid,
            Self::Http(error) => error.kind(),
            Self::Failed(_) | Self::Listing(_) | Self::Overtaken | Self::Busy => Kind::Upstream,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Missing("AWS_REGION") => "set `AWS_REGION` to the bucket's region",
            Self::Missing(_) | Self::KeyId => {
                "set it as for the AWS command line; `aws configure export-credentials --format env` prints what a login has"
            }
            Self::Refused(_) => {
                "allow this key `s3:GetObject`, `s3:PutObject` and `s3:ListBucket` on the bucket, and check the clock"
            }
            Self::NoBucket => "create the bucket, or correct its name",
            Self::Elsewhere(region) => return Some(format!("set `AWS_REGION` to `{region}`")),
            Self::Overtaken | Self::Busy => "run the same command again",
            Self::Http(error) => return error.hint(),
            Self::Region(_)
            | Self::Address(_)
            | Self::Clear(_)
            | Self::Failed(_)
            | Self::Listing(_) => return None,
        };
        Some(hint.to_owned())
    }
}
