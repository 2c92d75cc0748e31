//! Where an instance of Sigstore is from, and how old that makes it.

use liftlock::sigstore::public;
use liftlock::sigstore::tuf::Versions;
use liftlock::time::Time;

/// Where an instance is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// From files that were named.
    Files,
    /// From this program.
    Compiled,
    /// From an update.
    Update {
        /// Of which mirror.
        mirror: String,
        /// How new it is.
        versions: Versions,
        /// When the mirror last said that there is nothing newer.
        day: Time,
    },
}

impl Origin {
    /// The day on which it was the newest, if anybody knows.
    #[must_use]
    pub fn day(&self) -> Option<Time> {
        match self {
            Self::Files => None,
            Self::Compiled => public::DATE.parse().ok(),
            Self::Update { day, .. } => Some(*day),
        }
    }

    /// Its age in whole days.
    #[must_use]
    pub fn days(&self, now: Time) -> Option<i64> {
        let millis = now.millis_since(self.day()?);
        Some(millis.max(0) / (24 * 60 * 60 * 1000))
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Files => formatter.write_str("from files"),
            Self::Compiled => formatter.write_str("compiled in"),
            Self::Update {
                mirror, versions, ..
            } => write!(
                formatter,
                "updated from {mirror} (root {}, timestamp {})",
                versions.root, versions.timestamp
            ),
        }
    }
}
