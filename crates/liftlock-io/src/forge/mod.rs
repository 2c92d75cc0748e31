//! What GitHub and GitLab have in common: an API that is asked with a token,
//! in pages, at a pace that the forge sets.

mod again;
mod error;
pub(crate) mod page;
mod watch;
pub(crate) mod wire;

use liftlock::approval::forge::{Event, Instance, Question};

pub use again::Again;
pub use error::Error;
pub use watch::{Watched, until_decided};
pub use wire::{Pace, Wire};

/// A request that people are asked to merge: from one branch of a repository to
/// another.
#[cfg(feature = "pointer")]
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    /// Its title.
    pub title: &'a str,
    /// Its text, in Markdown.
    pub body: &'a str,
    /// The branch that has the change.
    pub head: &'a str,
    /// The branch that is to get it.
    pub base: &'a str,
}

/// Whether people are on the installation that this job's environment names:
/// accounts of another one are other people.
pub(crate) fn same(asked: &Instance, here: &Instance) -> Result<(), Error> {
    if asked == here {
        return Ok(());
    }
    Err(Error::Elsewhere {
        asked: asked.name().to_owned(),
        here: here.name().to_owned(),
    })
}

/// What people said in one place of a forge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answers {
    /// Everything that answers a request, or tries to.
    pub events: Vec<Event>,
    /// Whether what they were asked is still there.
    pub question: Question,
}
