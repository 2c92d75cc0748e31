//! What GitHub and GitLab have in common: an API that is asked with a token,
//! in pages, at a pace that the forge sets.

mod again;
mod error;
pub(crate) mod page;
mod watch;
pub(crate) mod wire;

pub use again::Again;
pub use error::Error;
pub use watch::{Watched, until_decided};
pub use wire::{Pace, Wire};
