//! Why an approval or a permission to go past gates does not count.

use super::predicate::SCHEMA_VERSION;
use super::{MOST_ANSWERS, request};
use crate::digest::Digest;
use crate::failure::{Explain, Kind};
use crate::statement;
use crate::time::Time;
use crate::verdict::Verdict;

/// The approval does not permit this.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// No judge of the keyring.
    #[error("key {} that signed the approval is not a judge's that counts", .0.short())]
    Judge(Digest),
    /// Not an approval.
    #[error("the statement is no approval")]
    Statement(#[from] statement::Error),
    /// Written by a newer liftlock.
    #[error("`schema_version` {0} of the approval is not {SCHEMA_VERSION}")]
    Version(u32),
    /// A field that could mean anything.
    #[error("the approval has fields that this version does not know")]
    Unknown,
    /// Says nothing about these bytes.
    #[error("the approval is not about {0}")]
    NotAbout(Digest),
    /// The embedded request is none.
    #[error("the request inside the approval is invalid")]
    Asked(#[from] request::ParseError),
    /// The embedded request is another one.
    #[error("the request inside the approval is not the one it names")]
    Request,
    /// For something else.
    #[error("the approval's `{what}` is `{found}`, not `{wanted}`")]
    Mismatch {
        /// Which field.
        what: &'static str,
        /// What it has to be.
        wanted: String,
        /// What it is.
        found: String,
    },
    /// Too late.
    #[error("the approval expired at {0}")]
    Expired(Time),
    /// Not yet.
    #[error("the approval is dated in the future, {0}")]
    Future(Time),
    /// Other paths would change than those whose owners were asked.
    #[error("another release is live than when the owners of what changes were asked")]
    Live,
    /// The owners of another change were asked.
    #[error("the owners of another commit than the release's were asked")]
    Commit,
    /// More than any honest approval has.
    #[error("the approval has {0} answers, and at most {MOST_ANSWERS} are read")]
    TooMany(usize),
    /// Nobody says how many have to approve.
    #[error("the environment has no `approval` rule")]
    NoRule,
    /// Nobody may go past a gate there.
    #[error("the policy lets nobody break the glass there")]
    NoBreakGlass,
    /// The count does not come out.
    #[error("the answers inside do not make a pass: {why}")]
    Count {
        /// How they come out.
        verdict: Verdict,
        /// Why.
        why: String,
    },
    /// It came out when it was judged, and does not by what forges show now.
    #[error("the answers inside do not make a pass any more: {why}; {lost}")]
    Fallen {
        /// How they come out.
        verdict: Verdict,
        /// Why.
        why: String,
        /// Whose answers do not count any more, and why.
        lost: String,
    },
}

impl Explain for Refused {
    fn kind(&self) -> Kind {
        match self {
            Self::NoRule
            | Self::Statement(_)
            | Self::Asked(_)
            | Self::Version(_)
            | Self::Unknown => Kind::Invalid,
            Self::Expired(_) => Kind::Expired,
            Self::Judge(_)
            | Self::NotAbout(_)
            | Self::Request
            | Self::Mismatch { .. }
            | Self::Future(_)
            | Self::Live
            | Self::Commit
            | Self::TooMany(_)
            | Self::NoBreakGlass
            | Self::Count { .. }
            | Self::Fallen { .. } => Kind::Refuted,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NoRule => Some(
                "write `approval: { quorum: 2, people: [alice, bob] }` below the environment"
                    .to_owned(),
            ),
            Self::Expired(_)
            | Self::Count { .. }
            | Self::Fallen { .. }
            | Self::Mismatch { .. }
            | Self::Live
            | Self::Commit => Some("ask again with `await-approval request`".to_owned()),
            Self::Judge(_)
            | Self::Statement(_)
            | Self::Version(_)
            | Self::Unknown
            | Self::NotAbout(_)
            | Self::Asked(_)
            | Self::Request
            | Self::Future(_)
            | Self::NoBreakGlass
            | Self::TooMany(_) => None,
        }
    }
}
