//! Whether a canary is worse than what it would replace, however often one looks.
//!
//! Counts come in as [`counts::Row`]s, [`state::State`] folds them into two
//! e-processes of constant size, [`sight`] says whether they may be believed,
//! and [`decide`](fn@decide) or [`watch`] turn them into a [`Judgement`].

pub mod backtest;
mod combine;
pub mod counts;
mod decide;
mod eprocess;
#[cfg(test)]
mod exact;
mod group;
mod histogram;
mod interval;
mod judgement;
mod law;
mod limit;
mod masses;
mod mean;
pub mod metric;
pub mod notes;
mod null;
pub(crate) mod number;
mod outlook;
pub mod panel;
mod pilot;
pub mod place;
mod policy;
mod predicate;
pub mod probe;
mod reason;
pub mod record;
pub mod runs;
pub mod sight;
pub mod state;
pub mod trace;
pub mod values;

pub use decide::{Evidence, Progress, Reached, decide};
pub use interval::Range;
pub use judgement::{Finding, Judgement, Limits, Means, Standing};
pub use limit::{Margin, Most, Risk, Spread};
pub use mean::PARTS;
pub use policy::{ALGORITHM, Against, Invalid, Objective, PassBy, Policy, Sample, Unit};
pub use predicate::Predicate;
pub use reason::Reason;
