//! How time passes for a plan: the real clock, or a test's.

use std::time::Duration;

use liftlock::failure::Failure;
use liftlock::time::Time;
use liftlock_io::cli::Session;
use liftlock_io::clock;

/// The clock of a plan, and whoever may ask it to stop.
pub trait Pace {
    /// Now.
    fn now(&self) -> Time;

    /// Waits for that long.
    ///
    /// # Errors
    ///
    /// Fails when the run has to stop: its time is over or a signal came.
    fn wait(&self, length: Duration) -> Result<(), Failure>;

    /// Tells a person what happens.
    fn tell(&self, line: &str);
}

/// Where the runner is while a step ripens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stay {
    /// It looks on.
    #[default]
    Through,
    /// It is given back: whoever comes when the time is over judges.
    Parked,
}

impl Pace for Session {
    fn now(&self) -> Time {
        clock::now()
    }

    fn wait(&self, length: Duration) -> Result<(), Failure> {
        Self::wait(self, length)
    }

    fn tell(&self, line: &str) {
        liftlock_io::cli::progress(line);
    }
}
