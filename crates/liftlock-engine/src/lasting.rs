//! Whether the lease outlasts a call that changes something, asked right before
//! the call: a runner may have stood still since it looked.

use std::time::Duration;

use liftlock::failure::{Failure, Kind};
use liftlock::plan::Action;
use liftlock::time::Time;

use crate::drive::Engine;
use crate::pace::Pace;

/// The right to change something, as long as it lasts.
#[derive(Clone, Copy)]
pub struct Lasting<'a> {
    pace: &'a dyn Pace,
    until: Time,
    needed: Duration,
}

impl std::fmt::Debug for Lasting<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Lasting")
            .field("until", &self.until)
            .field("needed", &self.needed)
            .finish_non_exhaustive()
    }
}

impl Lasting<'_> {
    /// Whether the call may be made now.
    ///
    /// # Errors
    ///
    /// Fails where the lease may be over before the call is: renewed by whoever
    /// still has it, it is tried once more.
    pub(crate) fn outlasts(self) -> Result<(), Failure> {
        let left = self.until.millis_since(self.pace.now());
        let needed = i64::try_from(self.needed.as_millis()).unwrap_or(i64::MAX);
        if left > 0 && left >= needed {
            return Ok(());
        }
        let message = "too little of the lease was left for the next call";
        Err(Failure::new(Kind::Upstream, message))
    }
}

impl Engine<'_> {
    /// How long this run may act, for a call of such a step.
    pub(crate) fn lasting(&self, action: &Action) -> Lasting<'_> {
        let lease = self.document().lease.as_ref();
        Lasting {
            pace: self.pace,
            until: lease.map_or(Time::EPOCH, |lease| lease.expires_at),
            needed: self.world.calling(action),
        }
    }
}
