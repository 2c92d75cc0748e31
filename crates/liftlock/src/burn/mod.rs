//! Error budgets and how fast they burn: whole numbers in, decisions out.
//!
//! No decision is made by floating point. A window without events has no
//! value; it is neither 0 nor healthy.

mod budget;
mod events;
mod lint;
mod query;
mod ratio;
mod stake;
mod tier;
mod windows;

pub use budget::{Budget, Exhaustion, Left, NoBudget};
pub use events::{Events, Excess, Reading};
pub use lint::{Finding, Traffic, lint};
pub use query::{NoQuery, Queries};
pub use ratio::{ParseError, Ratio};
pub use stake::{Stake, burnt};
pub use tier::{Alarm, Pace, Seen, Severity, Tier};
pub use windows::{Invalid, Name, Spend, Windows};
