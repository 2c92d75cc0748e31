//! Whether enough runs succeeded, for what has no traffic: batch jobs, timers,
//! consumers. Only a run that passed is a success.

mod log;
mod result;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use log::{LARGEST, ParseError, parse};
pub use result::{TEST_RESULT, TestResult};

use super::counts::{Arm, Pair, Tally};
use super::judgement::Judgement;
use super::limit::Risk;
use super::panel::Panel;
use super::policy::{Against, Invalid, Policy};
use super::reason::Reason;
use super::sight::{Blind, Sight};
use crate::digest::Digest;
use crate::percent::Percent;
use crate::span::Span;
use crate::time::Time;
use crate::verdict::Verdict;

/// The rules of the computation where no run may fail.
const ALGORITHM: &str = "runs/1";

/// How far the clock of whoever wrote a run may be ahead.
const AHEAD: Span = Span::seconds(300);

/// One run of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// When it ended.
    pub time: Time,
    /// What ran.
    pub digest: Digest,
    /// How it ended.
    pub outcome: Outcome,
    /// What tells it from other runs.
    pub id: String,
}

/// How a run ended, the worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It succeeded.
    Passed,
    /// It ended with warnings: no success, and no failure.
    Warned,
    /// Nobody knows, such as of a run whose machine was lost.
    Unknown,
    /// It failed.
    Failed,
}

/// What a failed run means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failures {
    /// One fails the candidate.
    Fail,
    /// They fail it when they are proved to be more than the objective allows;
    /// runs that neither passed nor failed count as failed.
    Counted,
}

/// How many runs without a failure prove that fewer than this share of runs
/// fail: the least `n` with `(1 - at_most)^n <= risk`. Nothing where no number
/// does, for 0 % and 100 %.
#[must_use]
pub fn needed(at_most: Percent, risk: Risk) -> Option<u64> {
    let share = at_most.fraction();
    let each = -libm::log1p(-share);
    (share > 0.0 && share < 1.0)
        .then(|| whole(libm::ceil(risk.threshold() / each - 1e-9)))
        .flatten()
}

/// The share of failing runs that so many runs without a failure rule out, at
/// this risk: `1 - risk^(1/n)`, the upper end of Clopper and Pearson's interval.
#[must_use]
pub fn ruled_out(successes: u64, risk: Risk) -> Option<f64> {
    let count = super::number::real(u128::from(successes));
    (successes > 0).then(|| -libm::expm1(-risk.threshold() / count))
}

/// The objective that so many runs without a failure prove, rounded up to a
/// hundredth of a percent.
///
/// # Errors
///
/// Fails when there is none: no runs at all, or nearly no risk.
pub fn objective(successes: u64, risk: Risk) -> Result<Against, Invalid> {
    let share = ruled_out(successes, risk).unwrap_or(1.0);
    let points = whole(libm::ceil(share * 10_000.0 - 1e-9));
    let points = points.and_then(|points| u16::try_from(points).ok());
    let at_most = points.and_then(Percent::from_basis_points);
    Against::slo(at_most.unwrap_or(Percent::FULL).rest())
}

fn whole(value: f64) -> Option<u64> {
    format!("{value:.0}").parse().ok()
}

/// Judges the runs of a candidate, in any order: each counts once, by its
/// worst outcome. The policy is held against an objective; its sample is the
/// least number of runs, and the least time from the first to the last.
#[must_use]
pub fn judge(policy: &Policy, runs: &[Run], (failures, now): (Failures, Time)) -> Judgement {
    let runs = distinct(runs);
    let tallies = tallies(&runs);
    let mut panel = Panel::single(policy.clone());
    if let Some(early) = runs.iter().find(|run| run.time > now.after(AHEAD)) {
        let detail = format!("run `{}` of {} is not over yet", early.id, early.time);
        return Judgement::blind(&panel, Blind::new(Reason::Unreadable, detail));
    }
    match failures {
        Failures::Counted => {
            let found = panel.judge(&tallies, &Sight::default(), now);
            counted(found, within(policy, &runs))
        }
        Failures::Fail => {
            let failed = runs.iter().find(|run| run.outcome == Outcome::Failed);
            let last = failed.map(|run| run.time);
            for tally in &tallies {
                if last.is_none_or(|last| tally.time <= last) {
                    panel.push(tally, None);
                }
            }
            all_passed(&panel, &runs, (failed, now))
        }
    }
}

/// Where no run may fail.
fn all_passed(panel: &Panel, runs: &[Run], (failed, now): (Option<&Run>, Time)) -> Judgement {
    let policy = panel.policy();
    let passed = runs.iter().filter(|run| run.outcome == Outcome::Passed);
    let passed = u64::try_from(passed.count()).unwrap_or(u64::MAX);
    let mut open = policy.sample.requests.saturating_sub(passed);
    let (reason, detail) = match failed {
        Some(run) => {
            let others = runs.iter().filter(|one| one.outcome == Outcome::Failed);
            let others = match others.count() {
                1 => String::new(),
                all => format!(", one of {all} that did"),
            };
            let detail = format!("run `{}` of {} failed{others}", run.id, run.time);
            (Reason::RunsFailed, detail)
        }
        None => undecided(policy, runs, (passed, open, now)).unwrap_or_else(|| {
            let share = ruled_out(passed, policy.beta).unwrap_or(1.0) * 100.0;
            let detail = format!("{passed} of {passed} runs passed: fewer than {share:.2} % fail");
            (Reason::RunsPassed, detail)
        }),
    };
    if reason.verdict() != Verdict::Inconclusive {
        open = 0;
    }
    let each = match policy.against {
        Against::Slo(objective) => -libm::log1p(-objective.allowed()),
        Against::Baseline => 0.0,
    };
    let clean = failed.is_none() && runs.iter().all(|run| run.outcome == Outcome::Passed);
    let evidence = super::number::real(u128::from(passed)) * each;
    Judgement {
        // Against "as often failing as the objective allows", any failure is none.
        log_e_pass: if clean { evidence } else { 0.0 },
        short_of_fail: failed.is_none().then_some(1),
        requests_to_go: (open > 0).then_some(open),
        time_to_go: None,
        requests_to_show_double: None,
        algorithm: ALGORITHM.to_owned(),
        ..Judgement::new(panel, reason, Some(detail))
    }
}

/// Why there is no pass yet where nothing failed.
fn undecided(
    policy: &Policy,
    runs: &[Run],
    (passed, open, now): (u64, u64, Time),
) -> Option<(Reason, String)> {
    let Some(last) = runs.last() else {
        return Some((
            Reason::NoRows,
            "no run of the candidate is known".to_owned(),
        ));
    };
    let span = |from: Time, to: Time| u64::try_from(to.millis_since(from)).unwrap_or(0);
    let limit = policy.max_staleness;
    if span(last.time, now) > limit.millis() {
        let detail = format!("the newest run is of {}, older than {limit}", last.time);
        return Some((Reason::Stale, detail));
    }
    let unclear = |run: &&Run| matches!(run.outcome, Outcome::Warned | Outcome::Unknown);
    if let Some(run) = runs.iter().find(unclear) {
        let detail = format!("run `{}` of {} neither passed nor failed", run.id, run.time);
        return Some((Reason::RunUnclear, detail));
    }
    if open > 0 {
        let all = policy.sample.requests;
        let detail = format!("{passed} of {all} runs passed and none failed, {open} more runs");
        return Some((Reason::RunsTooFew, detail));
    }
    within(policy, runs).map(|within| {
        let detail = format!("{passed} runs passed {within}");
        (Reason::RunsTooFew, detail)
    })
}

/// In how little time all runs were, where more is wanted.
fn within(policy: &Policy, runs: &[Run]) -> Option<String> {
    let (first, last) = (runs.first()?, runs.last()?);
    let lasted = u64::try_from(last.time.millis_since(first.time)).unwrap_or(0);
    let (lasted, wanted) = (Span::from_millis(lasted), policy.sample.time);
    (lasted < wanted).then(|| format!("within {lasted}, of the {wanted} that are wanted"))
}

/// A verdict over requests, said of runs.
fn counted(found: Judgement, short: Option<String>) -> Judgement {
    let Arm { total, bad } = found.canary;
    let runs = format!("{bad} of {total} runs did not pass");
    if let (Verdict::Pass, Some(within)) = (found.verdict, short) {
        return Judgement {
            verdict: Verdict::Inconclusive,
            reason: Reason::RunsTooFew,
            detail: Some(format!("{runs}, {within}")),
            ..found
        };
    }
    let said = if found.verdict == Verdict::Fail {
        Some((
            Reason::RunsFailed,
            "more than the objective allows".to_owned(),
        ))
    } else if found.verdict == Verdict::Pass {
        Some((
            Reason::RunsPassed,
            "fewer than the objective allows".to_owned(),
        ))
    } else if found.verdict == Verdict::Inconclusive {
        let more = found
            .requests_to_go
            .map(|more| format!(", about {more} more runs"));
        let more = more.unwrap_or_default();
        Some((Reason::RunsTooFew, format!("not enough evidence yet{more}")))
    } else {
        None
    };
    match said {
        Some((reason, said)) => Judgement {
            reason,
            detail: Some(format!("{runs}, {said}")),
            ..found
        },
        None => found,
    }
}

/// Each run once, by its worst outcome, oldest first.
fn distinct(runs: &[Run]) -> Vec<Run> {
    let mut found: BTreeMap<&str, &Run> = BTreeMap::new();
    for run in runs {
        let kept = found.entry(&run.id).or_insert(run);
        if (run.outcome, run.time) > (kept.outcome, kept.time) {
            *kept = run;
        }
    }
    let mut all: Vec<Run> = found.into_values().cloned().collect();
    all.sort_by(|one, other| (one.time, &one.id).cmp(&(other.time, &other.id)));
    all
}

/// The runs as counts, a row for each moment; all that did not pass is bad.
#[must_use]
pub fn tallies(runs: &[Run]) -> Vec<Tally> {
    let mut rows: Vec<Tally> = Vec::new();
    for run in distinct(runs) {
        let one = Arm {
            total: 1,
            bad: u64::from(run.outcome != Outcome::Passed),
        };
        match rows.last_mut().filter(|row| row.time == run.time) {
            Some(row) => {
                for pair in &mut row.counts {
                    pair.canary = pair.canary.plus(one);
                }
            }
            None => rows.push(Tally {
                time: run.time,
                counts: vec![Pair {
                    baseline: Arm::default(),
                    canary: one,
                }],
            }),
        }
    }
    rows
}

#[cfg(test)]
mod tests;
