//! How long requests can stay at a share that nobody judges.

use std::fmt;

use liftlock::plan::{Action, Plan};
use liftlock::span::Span;
use serde::Serialize;

use crate::world::World;

/// What is left alone for how long when the runner of a plan dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Unattended {
    /// Until the dead runner's lease is over, in milliseconds: what it lasts,
    /// and what the longest effect after the first shift may take.
    pub lease_ms: u64,
    /// How often `promote sweep` is scheduled, where that is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sweep_ms: Option<u64>,
    /// Both together: the most that requests stay as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub most_ms: Option<u64>,
}

impl World {
    /// What is left alone for how long when the runner of a plan dies; nothing
    /// where the plan splits no requests.
    #[must_use]
    pub fn unattended(&self, plan: &Plan) -> Option<Unattended> {
        let split = |action: &Action| matches!(action, Action::Shift { .. });
        let after = plan.steps.iter().skip_while(|step| !split(&step.action));
        let longest = after.map(|step| self.patience(&step.action)).max()?;
        let longest = u64::try_from(longest.as_millis()).unwrap_or(u64::MAX);
        let lease_ms = self.environment.lease.millis().saturating_add(longest);
        let sweep_ms = self.environment.sweep.map(Span::millis);
        Some(Unattended {
            lease_ms,
            sweep_ms,
            most_ms: sweep_ms.map(|sweep| lease_ms.saturating_add(sweep)),
        })
    }
}

impl fmt::Display for Unattended {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lease = Span::from_millis(self.lease_ms);
        match (self.most_ms, self.sweep_ms) {
            (Some(most), Some(sweep)) => write!(
                formatter,
                "should its runner die, requests stay at their share for at most {} \
                 ({lease} of its lease, {} until the next sweep)",
                Span::from_millis(most),
                Span::from_millis(sweep)
            ),
            (None, _) | (_, None) => write!(
                formatter,
                "should its runner die, requests stay at their share until somebody runs \
                 `promote resume` or `promote sweep`, at the earliest after {lease}; \
                 schedule the latter and say how often by `sweep`"
            ),
        }
    }
}
