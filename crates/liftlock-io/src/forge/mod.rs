//! What GitHub and GitLab have in common: an API that is asked with a token,
//! in pages, at a pace that the forge sets.

mod again;
mod error;
pub(crate) mod page;
mod watch;
pub(crate) mod wire;

use liftlock::approval::forge::{Event, Question};

pub use again::Again;
pub use error::Error;
pub use watch::{Watched, until_decided};
pub use wire::{Pace, Wire};

/// What people said in one place of a forge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answers {
    /// Everything that answers a request, or tries to.
    pub events: Vec<Event>,
    /// Whether what they were asked is still there.
    pub question: Question,
}
