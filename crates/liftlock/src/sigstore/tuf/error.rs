//! Why an update is not taken.

use crate::failure::{Explain, Kind};
use crate::json;
use crate::time::Time;

use super::Role;

/// Metadata or a target that does not count.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Not the JSON of this role.
    #[error("the {role} metadata are malformed")]
    Malformed {
        /// Which role.
        role: Role,
        /// What is wrong with it.
        source: json::ParseError,
    },
    /// A signed document with a number that is not whole.
    #[error("a signed document holds a number that is not whole")]
    Fraction,
    /// A field that cannot be used.
    #[error("the {role} metadata cannot be used: {reason}")]
    Unusable {
        /// Which role.
        role: Role,
        /// What is wrong with it.
        reason: String,
    },
    /// Too few good signatures.
    #[error("the {role} metadata have {found} of the {needed} signatures that they need")]
    Signatures {
        /// Which role.
        role: Role,
        /// By how many different keys it is signed.
        found: usize,
        /// How many it takes.
        needed: u64,
    },
    /// Another version than was announced.
    #[error("the {role} metadata are version {found}, expected {expected}")]
    Version {
        /// Which role.
        role: Role,
        /// Which version it should be.
        expected: u64,
        /// Which one it is.
        found: u64,
    },
    /// Older than what was seen before.
    #[error("the {role} metadata went back from version {held} to {found}")]
    Rollback {
        /// Which role.
        role: Role,
        /// Which version is held.
        held: u64,
        /// Which one came.
        found: u64,
    },
    /// Nobody renewed it, or somebody holds the renewal back.
    #[error("the {role} metadata expired at {at}")]
    Expired {
        /// Which role.
        role: Role,
        /// When.
        at: Time,
    },
    /// Other bytes than were signed for.
    #[error("`{0}` is not the file that the metadata describe")]
    Mixed(String),
    /// Nobody signed for such a file.
    #[error("the metadata name no `{0}`")]
    Unlisted(String),
    /// The repository lacks what it has to have.
    #[error("the repository has no `{0}`")]
    Absent(String),
    /// More new roots than any honest repository has.
    #[error("the repository offers more than {0} new roots at once")]
    TooManyRoots(usize),
    /// What was kept is none.
    #[error("what is kept of the last update is malformed")]
    Kept(#[source] json::ParseError),
}

impl Explain for Refused {
    fn kind(&self) -> Kind {
        match self {
            Self::Malformed { .. }
            | Self::Fraction
            | Self::Unusable { .. }
            | Self::Unlisted(_)
            | Self::Kept(_) => Kind::Invalid,
            Self::Absent(_) => Kind::Upstream,
            Self::Signatures { .. }
            | Self::Version { .. }
            | Self::Rollback { .. }
            | Self::Expired { .. }
            | Self::Mixed(_)
            | Self::TooManyRoots(_) => Kind::Refuted,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Expired { .. } => Some(
                "check this machine's clock; else the mirror is stale, or holds updates back"
                    .to_owned(),
            ),
            Self::Malformed { .. }
            | Self::Fraction
            | Self::Unusable { .. }
            | Self::Signatures { .. }
            | Self::Version { .. }
            | Self::Rollback { .. }
            | Self::Mixed(_)
            | Self::Unlisted(_)
            | Self::Absent(_)
            | Self::TooManyRoots(_)
            | Self::Kept(_) => None,
        }
    }
}
