//! The Update Framework (TUF, specification 1.0): takes a newer trusted root
//! from a mirror that nobody has to trust. Only the part that Sigstore needs:
//! no delegations, no succinct roles.
//!
//! The workflow of a client (§5) is [`refresh`]; what it needs from the world
//! it asks a closure for.

mod age;
mod canonical;
mod error;
mod kept;
mod metadata;
mod refresh;
mod signed;
#[cfg(test)]
mod tests;

use std::fmt;

pub use age::{ASKED_AFTER, Age, SIGNS_UNTIL};
pub use error::Refused;
pub use kept::{Kept, Versions};
pub use refresh::{Start, refresh};

/// The target that says whom to trust; every repository has it.
pub const TRUSTED_ROOT: &str = "trusted_root.json";

/// The target that says where to sign; a private repository may lack it.
pub const SIGNING_CONFIG: &str = "signing_config.v0.2.json";

/// The most bytes of a target.
pub const LARGEST_TARGET: u64 = 4 * 1024 * 1024;

/// The most new roots at once, as in the reference client.
pub const ROTATIONS: usize = 256;

/// Who signs what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The keys of all roles.
    Root,
    /// Which snapshot is the newest.
    Timestamp,
    /// Which versions belong together.
    Snapshot,
    /// Which files there are.
    Targets,
}

impl Role {
    const fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Timestamp => "timestamp",
            Self::Snapshot => "snapshot",
            Self::Targets => "targets",
        }
    }

    const fn file(self) -> &'static str {
        match self {
            Self::Root => "root.json",
            Self::Timestamp => "timestamp.json",
            Self::Snapshot => "snapshot.json",
            Self::Targets => "targets.json",
        }
    }

    /// The most bytes of its metadata, as in the reference client.
    const fn limit(self) -> u64 {
        match self {
            Self::Root => 512_000,
            Self::Timestamp => 16_384,
            Self::Snapshot => 2_000_000,
            Self::Targets => 5_000_000,
        }
    }

    fn unusable(self, reason: &str) -> Refused {
        Refused::Unusable {
            role: self,
            reason: reason.to_owned(),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
