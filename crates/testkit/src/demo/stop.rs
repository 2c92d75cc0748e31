//! When an application of the demo ends by itself.

use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Ends after a time or when a file appears, whichever is first.
#[derive(Clone, Debug)]
pub struct Stop {
    start: Instant,
    limit: Option<Duration>,
    file: Option<PathBuf>,
}

impl Stop {
    /// Begins now; without either it never ends by itself.
    #[must_use]
    pub fn new(limit: Option<Duration>, file: Option<PathBuf>) -> Self {
        Self {
            start: Instant::now(),
            limit,
            file,
        }
    }

    /// Whether it is over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.limit.is_some_and(|limit| self.elapsed() >= limit)
            || self.file.as_ref().is_some_and(|file| file.exists())
    }

    /// The time since it began.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }
}
