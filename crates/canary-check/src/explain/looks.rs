//! The looks that `run` plans, and what those over the rows seen came to.

use liftlock::canary::counts::Tally;
use liftlock::span::Span;
use liftlock::verdict::Verdict;
use serde::Serialize;

use super::Condition;
use crate::run::Judged;
use crate::words::Words;

/// How looks are planned, and where these rows left them.
#[derive(Serialize)]
pub(super) struct Looks {
    /// How far apart they are; absent where one row does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    interval: Option<Span>,
    /// How long they are planned for.
    horizon: Span,
    /// How many that makes.
    #[serde(skip_serializing_if = "Option::is_none")]
    planned: Option<u64>,
    /// The rows that were looked at.
    rows: u64,
    /// The chance that all of them together ever fail a healthy canary.
    risk: f64,
    /// What of it these rows spent.
    spent: f64,
    /// How many more bad requests would have failed the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    short_of_fail: Option<u64>,
    /// Whether one of them failed.
    failed: bool,
    /// What bad ones are called.
    #[serde(skip)]
    bad: &'static str,
}

/// How long a row is, as far as the rows tell.
pub(super) fn between(tallies: &[Tally]) -> Option<Span> {
    let (first, second) = tallies.first().zip(tallies.get(1))?;
    let apart = u64::try_from(second.time.millis_since(first.time)).ok()?;
    (apart > 0).then(|| Span::from_millis(apart))
}

impl Looks {
    pub(super) fn new(judged: &Judged, interval: Option<Span>) -> Self {
        let (judgement, policy) = (&judged.judgement, &judged.policy);
        let horizon = policy.horizon;
        let failed = judgement.verdict == Verdict::Fail
            && judgement.log_e_fail < policy.alpha.fail_threshold();
        Self {
            interval,
            horizon,
            planned: interval.map(|span| horizon.millis().div_ceil(span.millis().max(1))),
            rows: judgement.rows,
            risk: policy.alpha.planned(),
            spent: judgement.spent,
            short_of_fail: judgement.short_of_fail,
            failed,
            bad: Words::of(judgement.unit).bad,
        }
    }

    pub(super) fn condition(&self) -> Condition {
        let each = match (self.interval, self.planned) {
            (Some(interval), Some(planned)) => format!("each {interval}, {planned} in all"),
            (_, _) => "at each row".to_owned(),
        };
        Condition {
            condition: "planned-looks",
            met: !self.failed,
            wanted: format!(
                "none fails of the looks planned for {}, {each}, which may spend {:.3} % of risk together",
                self.horizon,
                100.0 * self.risk
            ),
            found: self.found(),
            fix: "take the canary back and look at its errors".to_owned(),
        }
    }

    fn found(&self) -> String {
        let spent = format!("{:.3} % spent in {} rows", 100.0 * self.spent, self.rows);
        match self.short_of_fail {
            _ if self.failed => format!("one failed, {spent}"),
            Some(more) => format!(
                "{spent}, {more} more {} would have failed the last",
                self.bad
            ),
            None if self.spent > 0.0 => format!("{spent}, and none is open any more"),
            None => format!("{spent}: a row without {} is no look", self.bad),
        }
    }
}
