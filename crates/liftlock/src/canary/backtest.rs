//! What the judge would have done on a quiet record: two arms that were known
//! to be healthy, hour after hour.

use serde::Serialize;

use super::counts::{Arm, Row};
use super::decide::{Evidence, decide};
use super::law::Law;
use super::limit::Spread;
use super::null::Null;
use super::number::{count, real};
use super::policy::Policy;
use super::sight::Sight;
use crate::percent::Percent;
use crate::span::Span;
use crate::time::Time;
use crate::verdict::Verdict;

/// Faults that are put into the record, as factors of the share of bad requests.
const FAULTS: [f64; 7] = [1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0];

/// Half of the 90 % quantile of chi-square with one degree of freedom: a spread
/// whose log-likelihood is lower by more is refuted at 95 % on this side.
const DROP: f64 = 1.353;

/// With fewer windows the spread is hardly known.
const FEW: usize = 20;

/// A record cut into windows as long as a watch is planned.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Backtest {
    /// Windows in which both arms had requests.
    pub windows: usize,
    /// Windows that fail under the rules as they are.
    pub alarms: usize,
    /// The likeliest spread between the arms.
    pub spread: Percent,
    /// The largest spread that the record does not refute at 95 %.
    pub at_most: Percent,
    /// The spread to set, or nothing where the record is too short.
    pub proposed: Option<Percent>,
    /// Windows that fail with the proposed spread.
    pub alarms_then: Option<usize>,
    /// What is found of faults that were put in, with the proposed spread, or
    /// the one that holds where there is none.
    pub faults: Vec<Fault>,
}

/// A fault that was put into every window, from its first row on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fault {
    /// What the share of bad requests was multiplied by.
    pub factor: f64,
    /// Windows that fail.
    pub found: usize,
    /// The row at which half of all windows had failed, counted from 1.
    pub median_row: Option<u64>,
}

/// Judges a record of two healthy arms again, window by window.
#[must_use]
pub fn backtest(policy: &Policy, rows: &[Row]) -> Backtest {
    let windows = windows(rows, policy.horizon);
    let (spread, at_most) = fitted(&windows);
    let proposed = (windows.len() >= FEW).then_some(at_most);
    let then = proposed.and_then(|spread| {
        let spread = Spread::try_from(spread).ok()?;
        Some(Policy {
            spread,
            ..policy.clone()
        })
    });
    let alarms = |policy: &Policy| {
        let failed = windows.iter().filter(|rows| failed(policy, rows).is_some());
        failed.count()
    };
    let ruling = then.as_ref().unwrap_or(policy);
    Backtest {
        windows: windows.len(),
        alarms: alarms(policy),
        spread,
        at_most,
        proposed,
        alarms_then: then.as_ref().map(alarms),
        faults: FAULTS
            .iter()
            .map(|factor| fault(*factor, &windows, ruling))
            .collect(),
    }
}

/// Whole windows; those in which an arm had nothing say nothing.
fn windows(rows: &[Row], length: Span) -> Vec<&[Row]> {
    let Some(begun) = rows.first().map(|row| row.time) else {
        return Vec::new();
    };
    let length = i64::try_from(length.millis().max(1)).unwrap_or(i64::MAX);
    let window = |time: Time| time.millis_since(begun) / length;
    let cut = rows.chunk_by(|one, other| window(one.time) == window(other.time));
    let told = |rows: &&[Row]| {
        let [canary, baseline] = totals(rows);
        rows.len() > 1 && canary.total > 0 && baseline.total > 0
    };
    cut.filter(told).collect()
}

fn totals(rows: &[Row]) -> [Arm; 2] {
    let add = |arm: fn(&Row) -> Arm| {
        rows.iter()
            .fold(Arm::default(), |all, row| all.plus(arm(row)))
    };
    [add(|row| row.canary), add(|row| row.baseline)]
}

fn failed(policy: &Policy, rows: &[Row]) -> Option<u64> {
    let sight = Sight::default();
    let evidence = Evidence {
        rows,
        sight: &sight,
    };
    let now = rows.last().map_or(Time::EPOCH, |row| row.time);
    let found = decide(policy, &evidence, now);
    found
        .decided_at_row
        .filter(|_| found.verdict == Verdict::Fail)
}

/// The likeliest spread in whole per cent, and the largest one that is not
/// refuted. Each window has an odds ratio of its own.
fn fitted(windows: &[&[Row]]) -> (Percent, Percent) {
    let laws: Vec<Vec<Law>> = windows
        .iter()
        .map(|rows| {
            let pairs = rows.iter().map(|row| Law::pair(row.canary, row.baseline));
            pairs.collect()
        })
        .collect();
    let likelihood = |spread: Percent| -> f64 {
        let one = |laws: &Vec<Law>| {
            let mut null = Null::new(1.0, spread.fraction());
            laws.iter().for_each(|law| null.push(law));
            null.ln_marginal()
        };
        laws.iter().map(one).sum()
    };
    let steps = (0..=Percent::HALF.basis_points()).step_by(100);
    let all: Vec<(Percent, f64)> = steps
        .filter_map(Percent::from_basis_points)
        .map(|spread| (spread, likelihood(spread)))
        .collect();
    let zero = (Percent::ZERO, 0.0);
    let best = all
        .iter()
        .copied()
        .fold(zero, |best, one| match one.1 > best.1 {
            true => one,
            false => best,
        });
    let kept = all.iter().filter(|(_, found)| *found >= best.1 - DROP);
    let most = kept.map(|(spread, _)| *spread).max();
    (best.0, most.unwrap_or(best.0))
}

fn fault(factor: f64, windows: &[&[Row]], policy: &Policy) -> Fault {
    let mut rows: Vec<Option<u64>> = windows
        .iter()
        .map(|rows| failed(policy, &with_fault(rows, factor)))
        .collect();
    rows.sort_by_key(|row| row.unwrap_or(u64::MAX));
    Fault {
        factor,
        found: rows.iter().flatten().count(),
        median_row: rows
            .get(rows.len().saturating_sub(1) / 2)
            .copied()
            .flatten(),
    }
}

/// As many more bad requests of the canary as the fault would bring, spread
/// evenly over its requests.
fn with_fault(rows: &[Row], factor: f64) -> Vec<Row> {
    let [canary, baseline] = totals(rows);
    let all = canary.plus(baseline);
    let share = real(all.bad.into()) / real(all.total.max(1).into());
    let (mut due, mut paid) = (0.0, 0);
    let one = |row: &Row| {
        due += (factor - 1.0) * share * real(row.canary.total.into());
        let more = count(libm::floor(due)).saturating_sub(paid);
        paid += more;
        let bad = row.canary.bad.saturating_add(more).min(row.canary.total);
        Row {
            canary: Arm { bad, ..row.canary },
            ..*row
        }
    };
    rows.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Windows of an hour whose odds ratios lie this far apart, to both sides.
    fn record(hours: i64, away: f64) -> Vec<Row> {
        let minutes = 0..60 * hours;
        let bad = |minute: i64, times: f64| count(10.0 * times) + u64::from(minute % 3 == 0);
        minutes
            .map(|minute| {
                let side = if (minute / 60) % 2 == 0 { away } else { -away };
                Row {
                    time: Time::from_unix_millis(1_795_435_200_000 + 60_000 * minute).unwrap(),
                    baseline: Arm {
                        total: 1000,
                        bad: bad(minute, 1.0),
                    },
                    canary: Arm {
                        total: 1000,
                        bad: bad(minute, side.exp()),
                    },
                }
            })
            .collect()
    }

    #[test]
    fn a_spread_is_found_and_proposed_with_what_it_costs() {
        let narrow = backtest(&Policy::default(), &record(40, 0.0));
        let wide = backtest(&Policy::default(), &record(40, 0.4));
        assert_eq!((narrow.windows, wide.windows), (40, 40));
        assert_eq!((narrow.alarms, narrow.spread), (0, Percent::ZERO));
        assert!(narrow.proposed < wide.proposed, "{narrow:?} {wide:?}");
        // Every second window is far off on the bad side, and no longer fails.
        assert_eq!((wide.alarms, wide.alarms_then), (20, Some(0)));
        let spread = wide.spread.fraction();
        assert!((0.3..0.5).contains(&spread), "{spread}");
        for (one, other) in narrow.faults.iter().zip(&wide.faults) {
            assert!(one.found >= other.found, "{one:?} {other:?}");
        }
        let last = narrow.faults.last().unwrap();
        assert_eq!((last.found, last.median_row), (40, Some(1)));
    }

    #[test]
    fn a_short_record_proposes_nothing() {
        let short = backtest(&Policy::default(), &record(3, 0.0));
        assert_eq!((short.windows, short.proposed), (3, None));
        assert_eq!(backtest(&Policy::default(), &[]).windows, 0);
        let mut silent = record(2, 0.0);
        for row in &mut silent {
            row.canary = Arm::default();
        }
        assert_eq!(backtest(&Policy::default(), &silent).windows, 0);
    }
}
