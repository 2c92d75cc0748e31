//! What other judges would have said about the same counts, by rules written
//! from their published behaviour. They show what a change of the judge would
//! change; no gate decides by them.

pub mod argo;
pub mod flagger;
pub mod increase;
pub mod kayenta;

use crate::canary::counts::{Arm, Row};

/// The share of bad requests, as a query for it would answer: none without
/// requests.
#[must_use]
pub fn share(arm: Arm) -> Option<f64> {
    let [bad, total] = [arm.bad, arm.total].map(real);
    (arm.total > 0).then(|| bad / total)
}

/// A value of the canary at each look over so many rows, which are the last
/// ones, with the number of the row, counted from 1.
fn measured(rows: &[Row], every: usize) -> impl Iterator<Item = (u64, Option<f64>)> {
    looks(rows, every).map(move |(row, seen)| {
        let begin = seen.len().saturating_sub(every);
        let window = seen.get(begin..).unwrap_or_default();
        let canary = window.iter().map(|row| row.canary);
        (row, share(canary.fold(Arm::default(), Arm::plus)))
    })
}

/// The nearest real; exact below 2^53.
#[expect(
    clippy::cast_precision_loss,
    clippy::as_conversions,
    reason = "rounds to nearest, as the queries of the peers do"
)]
const fn real(count: u64) -> f64 {
    count as f64
}

/// The rows at whose end a judge looks that comes every so many rows, with
/// their number, counted from 1.
fn looks(rows: &[Row], every: usize) -> impl Iterator<Item = (u64, &[Row])> {
    let every = every.max(1);
    (1..)
        .map(move |look: usize| look.saturating_mul(every))
        .map_while(|end| Some((u64::try_from(end).ok()?, rows.get(..end)?)))
}
