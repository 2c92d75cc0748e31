//! Whether a canary is worse than what it would replace, however often one looks.
//!
//! Counts come in as [`counts::Row`]s, [`state::State`] folds them into two
//! e-processes of constant size, [`sight`] says whether they may be believed,
//! and [`decide`](fn@decide) or [`watch`] turn them into a [`Judgement`].

pub mod backtest;
pub mod counts;
mod decide;
mod eprocess;
#[cfg(test)]
mod exact;
mod group;
mod law;
mod masses;
mod null;
mod number;
mod outlook;
mod policy;
mod predicate;
mod reason;
pub mod sight;
pub mod state;

pub use decide::{Evidence, Judgement, Progress, Reached, decide, watch};
pub use policy::{
    ALGORITHM, Against, Invalid, Margin, Objective, PassBy, Policy, Risk, Sample, Spread,
};
pub use predicate::Predicate;
pub use reason::Reason;
