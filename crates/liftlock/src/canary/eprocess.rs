//! Evidence against a hypothesis that stays valid however often it is looked at.
//!
//! `E` is a betting score: while the hypothesis holds, the chance that it ever
//! reaches `1/α` is at most `α` (Ville's inequality), whenever one stops.

use serde::{Deserialize, Serialize};

use super::law::{Law, Odds};
use super::number::{ln_add, ln_sum, real};

/// Alternatives close to the hypothesis, and one far from it: what is wholly
/// broken has to show in a handful of requests.
const NEAR: u32 = 14;
const FAR: f64 = 16.0;
const POINTS: u32 = NEAR + 1;

/// The stake on a fault that is there from the first row on; the rest is on
/// faults that begin later.
const AT_ONCE: f64 = 0.1;

/// A new start is mixed in at every tenth row that can tell.
const EVERY: u64 = 10;

/// The hypothesis that is to be refuted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Hypothesis {
    /// The odds ratio is at most this, in every row; a fault may begin late.
    AtMost(f64),
    /// The odds ratio is at least this, from the first row on.
    AtLeast(f64),
}

/// A mixture of bets: over the grid, and over the row that a fault begins at.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Kept", into = "Kept")]
pub(super) struct Process {
    kept: Kept,
    /// The alternatives, and at the end the hypothesis itself.
    all: Vec<Odds>,
}

/// What a process carries from one run to the next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kept {
    hypothesis: Hypothesis,
    /// Rows so far that could tell.
    telling: u64,
    /// The logarithm of each bet's worth; empty before the first such row.
    logs: Vec<f64>,
}

impl Process {
    pub(super) fn new(hypothesis: Hypothesis) -> Self {
        Self::with(Kept {
            hypothesis,
            telling: 0,
            logs: Vec::new(),
        })
    }

    fn with(kept: Kept) -> Self {
        // How far from the hypothesis the alternatives reach: to faults that
        // matter, or to what a healthy canary is.
        let (null, away, nearest, farthest) = match kept.hypothesis {
            Hypothesis::AtMost(null) => (null, 1.0, 1.5, 4.0),
            Hypothesis::AtLeast(null) => (null, -1.0, 1.2, 3.0),
        };
        let (first, last) = (libm::log(nearest), libm::log(farthest));
        let step = (last - first) / f64::from(NEAR - 1);
        let near = (0..NEAR).map(|point| first + step * f64::from(point));
        let times = near.chain([libm::log(FAR)]).map(|ln| libm::exp(away * ln));
        let all = times.chain([1.0]).map(|times| Odds::new(null * times));
        Self {
            kept,
            all: all.collect(),
        }
    }

    /// Takes one more row.
    pub(super) fn push(&mut self, law: &Law) {
        if law.is_silent() {
            return;
        }
        let start = self.start();
        self.kept.telling = self.kept.telling.saturating_add(1);
        if self.kept.logs.is_empty() {
            self.kept.logs = vec![f64::NEG_INFINITY; self.all.len().saturating_sub(1)];
        }
        let found = law.ln_likelihoods(&self.all);
        let null = found.last().copied().unwrap_or_default();
        for (log, likelihood) in self.kept.logs.iter_mut().zip(found) {
            let begun = if start > 0.0 {
                ln_add(*log, libm::log(start))
            } else {
                *log
            };
            *log = begun + likelihood - null;
        }
    }

    /// The stake on a fault that begins at the next telling row. All stakes
    /// together are 1: some at once, then parts of `1/(k (k + 1))`.
    fn start(&self) -> f64 {
        let telling = self.kept.telling;
        match self.kept.hypothesis {
            Hypothesis::AtMost(_) if telling == 0 => AT_ONCE,
            Hypothesis::AtMost(_) if telling.is_multiple_of(EVERY) => {
                let turn = real((telling / EVERY).into());
                (1.0 - AT_ONCE) / (turn * (turn + 1.0))
            }
            Hypothesis::AtLeast(_) if telling == 0 => 1.0,
            Hypothesis::AtMost(_) | Hypothesis::AtLeast(_) => 0.0,
        }
    }

    /// What is not yet at stake.
    fn reserve(&self) -> f64 {
        let telling = self.kept.telling;
        match self.kept.hypothesis {
            Hypothesis::AtMost(_) | Hypothesis::AtLeast(_) if telling == 0 => 1.0,
            Hypothesis::AtMost(_) => (1.0 - AT_ONCE) / (real(((telling - 1) / EVERY).into()) + 1.0),
            Hypothesis::AtLeast(_) => 0.0,
        }
    }

    /// Whether both are against the same hypothesis.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.kept.hypothesis == other.kept.hypothesis
    }

    /// Whether any row could tell.
    pub(super) const fn has_told(&self) -> bool {
        self.kept.telling > 0
    }

    /// `ln E`.
    pub(super) fn ln_e(&self) -> f64 {
        let share = libm::log(f64::from(POINTS));
        let top = self.best();
        let reserve = libm::log(self.reserve());
        if top == f64::NEG_INFINITY {
            return reserve;
        }
        ln_add(ln_sum(self.kept.logs.iter().copied()) - share, reserve)
    }

    /// The logarithm of the best bet.
    pub(super) fn best(&self) -> f64 {
        self.kept
            .logs
            .iter()
            .copied()
            .fold(f64::NEG_INFINITY, f64::max)
    }
}

impl From<Process> for Kept {
    fn from(process: Process) -> Self {
        process.kept
    }
}

impl TryFrom<Kept> for Process {
    type Error = Broken;

    fn try_from(kept: Kept) -> Result<Self, Broken> {
        let (Hypothesis::AtMost(null) | Hypothesis::AtLeast(null)) = kept.hypothesis;
        let begun = kept.telling > 0;
        let process = Self::with(kept);
        let points = process.all.len().saturating_sub(1);
        let expected = if begun { points } else { 0 };
        let logs = &process.kept.logs;
        let finite = null > 0.0 && null.is_finite() && logs.iter().all(|log| log.is_finite());
        if finite && logs.len() == expected {
            Ok(process)
        } else {
            Err(Broken)
        }
    }
}

/// What was stored is no process of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stored evidence is broken")]
pub(super) struct Broken;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canary::counts::Arm;

    fn law(canary: (u64, u64), baseline: (u64, u64)) -> Law {
        let arm = |(bad, total)| Arm { total, bad };
        Law::pair(arm(canary), arm(baseline))
    }

    /// Equal weights on given odds ratios, all from the first row on.
    fn plain(null: f64, grid: &[f64]) -> Vec<f64> {
        let rows = if null > 1.4 {
            [law((4, 400), (5, 410)), law((3, 390), (6, 405))]
        } else {
            [law((7, 240), (4, 260)), law((6, 250), (3, 245))]
        };
        let mut logs = vec![0.0; grid.len()];
        let mut found = Vec::new();
        for row in rows {
            for (log, odds) in logs.iter_mut().zip(grid) {
                *log += row.ln_likelihood(Odds::new(*odds)) - row.ln_likelihood(Odds::new(null));
            }
            let sum: f64 = logs.iter().map(|log| log.exp()).sum();
            found.push((sum / 2.0).ln());
        }
        found
    }

    #[test]
    fn mixtures_agree_with_the_published_values() {
        for (null, grid, expected) in [
            (1.0, [2.0, 3.0], [0.441_325_332, 0.860_776_967]),
            (1.25, [2.5, 3.75], [-0.041_535_898, 0.011_218_413]),
            (1.5, [0.75, 1.0], [0.380_605_69, 1.309_568_641]),
        ] {
            for (found, expected) in plain(null, &grid).iter().zip(expected) {
                assert!((found - expected).abs() < 1e-8, "{found} {expected}");
            }
        }
    }

    #[test]
    fn the_process_is_the_mixture_over_grid_and_starts() {
        let rows: Vec<Law> = (0..25)
            .map(|row| law((3 + row % 4, 200), (2, 210)))
            .collect();
        let mut process = Process::new(Hypothesis::AtMost(1.25));
        assert!(process.ln_e().abs() < 1e-12);
        let mut naive = 0.0;
        for (last, row) in rows.iter().enumerate() {
            process.push(row);
            naive = 0.9 / real((1 + last / 10) as u128);
            for start in (0..=last).step_by(10) {
                let turn = real((start / 10) as u128);
                let stake = if start == 0 {
                    0.1
                } else {
                    0.9 / (turn * (turn + 1.0))
                };
                let (null, grid) = process.all.split_last().unwrap();
                for odds in grid {
                    let worth: f64 = rows[start..=last]
                        .iter()
                        .map(|row| row.ln_likelihood(*odds) - row.ln_likelihood(*null))
                        .sum();
                    naive += stake / f64::from(POINTS) * worth.exp();
                }
            }
        }
        assert!((process.ln_e() - naive.ln()).abs() < 1e-9);
    }

    #[test]
    fn all_stakes_together_are_one() {
        let mut process = Process::new(Hypothesis::AtMost(1.25));
        let mut staked = 0.0;
        for telling in 0..1000 {
            process.kept.telling = telling;
            assert!(
                (staked + process.reserve() - 1.0).abs() < 1e-12,
                "{telling}"
            );
            staked += process.start();
        }
    }

    #[test]
    fn a_stored_process_goes_on_to_the_last_bit() {
        let mut whole = Process::new(Hypothesis::AtMost(1.25));
        for row in 0..7 {
            whole.push(&law((3 + row, 200), (2, 210)));
        }
        let text = serde_json::to_string(&whole).unwrap();
        let mut again: Process = serde_json::from_str(&text).unwrap();
        let next = law((5, 199), (1, 230));
        whole.push(&next);
        again.push(&next);
        assert_eq!(whole.kept, again.kept);
        let mut broken = whole.kept.clone();
        broken.logs.pop();
        assert_eq!(Process::try_from(broken).unwrap_err(), Broken);
    }
}
