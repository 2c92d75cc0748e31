//! What the applications of the demo share, and handles that start them in tests.

mod app;
mod load;
mod random;
mod slot;
mod stop;

pub use app::App;
pub use load::{Counts, Load};
pub use random::Random;
pub use slot::Slot;
pub use stop::Stop;
