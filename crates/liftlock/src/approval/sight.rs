//! When a judge first saw a request and its answers. An answer was made not
//! later than that, whatever its maker says.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::MOST_ANSWERS;
use super::answer::Heard;
use crate::digest::Digest;
use crate::time::Time;

/// When a judge first saw a request and its signed answers; in the state
/// store, changed by comparison.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Sightings {
    /// When the request was first judged, or where a time to look is demanded
    /// when `request` wrote it down.
    pub request: Time,
    /// When a forge says that its question was written, where a judge found it
    /// there unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Time>,
    /// The digest of a signed answer → when it was first seen. What people say
    /// on a forge has the forge's time.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub answers: BTreeMap<Digest, Time>,
}

impl Sightings {
    /// Of a request that is judged for the first time.
    #[must_use]
    pub const fn of(now: Time) -> Self {
        Self {
            request: now,
            asked: None,
            answers: BTreeMap::new(),
        }
    }

    /// The same with what is heard now: who was seen before stays as seen
    /// then. Only what somebody known signed is kept, and no more than
    /// [`MOST_ANSWERS`]: others could write any number.
    #[must_use]
    pub fn noting(mut self, heard: &[Heard], now: Time) -> Self {
        for one in heard {
            let Heard::Proved { bundle, .. } = one else {
                continue;
            };
            if self.answers.len() < MOST_ANSWERS {
                self.answers.entry(*bundle).or_insert(now);
            }
        }
        self
    }

    /// The same with when a forge says that the question was written.
    #[must_use]
    pub fn asked_at(mut self, at: Option<Time>) -> Self {
        self.asked = [self.asked, at].into_iter().flatten().min();
        self
    }

    /// The first time at which anybody but whoever asks saw the request: what it
    /// says of itself can be any time.
    #[must_use]
    pub fn first(&self) -> Time {
        self.asked
            .map_or(self.request, |asked| asked.min(self.request))
    }

    /// When an answer was made at the latest: by its maker's clock, or when it
    /// was first seen, whichever is earlier.
    #[must_use]
    pub fn made_by(&self, bundle: &Digest, made_at: Time) -> Time {
        let seen = self.answers.get(bundle);
        seen.map_or(made_at, |seen| made_at.min(*seen))
    }
}

#[cfg(test)]
mod tests {
    use super::super::answer::Say;
    use super::super::toy::{answer, at, heard};
    use super::*;

    fn digest(heard: &Heard) -> Digest {
        match heard {
            Heard::Proved { bundle, .. }
            | Heard::Told { bundle, .. }
            | Heard::Refused { bundle, .. } => *bundle,
        }
    }

    #[test]
    fn what_was_seen_stays_as_it_was_first_seen() {
        let first = heard(&answer("alice", Say::Yes, "10:30"), 1);
        let second = heard(&answer("bob", Say::Yes, "10:40"), 2);
        let forged = heard(&answer("bob", Say::Yes, "10:40"), 77);
        let seen = Sightings::of(at("10:05"));
        let seen = seen.noting(&[first.clone(), forged.clone()], at("10:10"));
        let seen = seen.noting(&[first.clone(), second.clone()], at("10:50"));
        assert_eq!(seen.request, at("10:05"));
        assert_eq!(seen.answers.len(), 2);
        // A clock ahead is bounded; one behind is its maker's loss.
        assert_eq!(seen.made_by(&digest(&first), at("10:30")), at("10:10"));
        assert_eq!(seen.made_by(&digest(&second), at("10:40")), at("10:40"));
        assert_eq!(seen.made_by(&digest(&forged), at("10:40")), at("10:40"));
    }
}
