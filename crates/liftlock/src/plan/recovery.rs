//! How long a fault lasted, noticed, decided, restored; and since when a release
//! can have one.

use serde::Serialize;

use super::journal::Journal;
use super::{Action, Kind, Plan, Step};
use crate::config::pointer::Reversible;
use crate::percent::Percent;
use crate::time::Time;

/// The moments of a way back that was gone to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Recovery {
    /// When the fault was noticed: by the look that failed, or as somebody said.
    pub detected_at: Time,
    /// When it was decided to go back.
    pub decided_at: Time,
    /// When the last step of it ended.
    pub restored_at: Time,
    /// From notice to end.
    pub time_to_recover_ms: i64,
}

impl Recovery {
    /// That of a promotion that went back by itself, or of a rollback; nothing
    /// of a plan up that stayed up, of a rollback that did not get there, and of
    /// what only puts back what was live.
    #[must_use]
    pub fn of(plan: &Plan, journal: &Journal) -> Option<Self> {
        let (detected_at, decided_at) = match (plan.kind, &journal.turned) {
            (Kind::Promotion | Kind::First, Some(turned)) => (turned.at, turned.at),
            (Kind::Rollback, None) if !plan.reconciles() => {
                let noticed = plan.cause.as_ref().and_then(|cause| cause.detected_at);
                (noticed.unwrap_or(plan.made_at), plan.made_at)
            }
            (Kind::Promotion | Kind::First, None) | (Kind::Rollback, _) => return None,
        };
        let ends = journal.entries.iter().filter_map(|entry| entry.ended_at);
        let restored_at = ends.chain([decided_at]).max().unwrap_or(decided_at);
        Some(Self {
            detected_at,
            decided_at,
            restored_at,
            time_to_recover_ms: restored_at.millis_since(detected_at),
        })
    }
}

impl Plan {
    /// Since when the release is there for users: since it began to get a share of
    /// requests, or else since a pointer began to move to it, or people merged that.
    #[must_use]
    pub fn up_since(&self, journal: &Journal) -> Option<Time> {
        let began = |step: &Step| journal.entry(&step.id).map(|entry| entry.began_at);
        let is_share = |step: &&Step| {
            let Action::Shift { weights } = &step.action else {
                return false;
            };
            let share = self.candidate().and_then(|slot| weights.get(slot));
            share.is_some_and(|share| *share > Percent::ZERO)
        };
        let points = |step: &Step| match &step.action {
            Action::Point {
                reversible: Reversible::Request,
                ..
            } => journal.entry(&step.id)?.moved_at(),
            Action::Point { .. } => began(step),
            Action::Copy { .. }
            | Action::Place { .. }
            | Action::Prove { .. }
            | Action::Shift { .. }
            | Action::Bake { .. }
            | Action::Check { .. }
            | Action::Withdraw { .. }
            | Action::Swap { .. }
            | Action::Watch { .. } => None,
        };
        let shares = self.steps.iter().filter(is_share).filter_map(began);
        shares
            .min()
            .or_else(|| self.steps.iter().filter_map(points).min())
    }
}
