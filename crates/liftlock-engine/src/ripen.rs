//! The steps that wait and ask: bake, watch and check.

use std::time::Duration;

use liftlock::failure::{Failure, Kind};
use liftlock::name::Name;
use liftlock::plan::judge::{Decision, Wait, decide};
use liftlock::plan::{Action, Kind as PlanKind, Step};
use liftlock::time::Time;
use liftlock::verdict::Verdict;

use crate::drive::Engine;
use crate::gather::Moment;
use crate::look::{Beside, Question};

impl Engine<'_> {
    /// Waits while the canary is judged.
    pub(crate) fn ripen(&mut self, step: &Step) -> Result<(), Failure> {
        self.begin(step)?;
        self.pace.tell(&format!("{}: {}", step.id, step.action));
        loop {
            let now = self.pace.now();
            let (wait, question) = self.question(step, now)?;
            let judging = question.plan.judging;
            let seen = self.world.look(&question)?;
            let Some(judging) = judging else {
                return Err(Failure::new(Kind::Bug, "the plan has no judging"));
            };
            match decide(&judging, wait, &seen.look, now) {
                Decision::GoOn => {
                    let note = crate::look::told(&seen.judgement);
                    self.pace.tell(&format!("{}: {note}", step.id));
                    return self.end(step, &note);
                }
                Decision::Turn(verdict, reason) => {
                    return self.turn(verdict, &format!("{}: {reason}", step.id));
                }
                Decision::Wait(length) => self.pace.wait(length.duration())?,
            }
            if self.state.is_aging(self.pace.now()) {
                self.renew(Duration::ZERO)?;
            }
        }
    }

    /// What is asked of a look in this step: since when, how much, beside what.
    fn question(&self, step: &Step, now: Time) -> Result<(Wait, Question<'_>), Failure> {
        let run = self.run()?;
        let shifts = run.plan.shifted_at(&run.journal, &step.id);
        let begun = run.journal.entry(&step.id).map(|entry| entry.began_at);
        let beside = match run.plan.kind {
            PlanKind::Promotion => Beside::Baseline,
            PlanKind::First | PlanKind::Rollback => Beside::Objective,
        };
        let asked = match &step.action {
            Action::Bake {
                length, requests, ..
            } => {
                let ends = shifts.first().copied().zip(shifts.last().copied());
                ends.map(|(first, last)| (first, last, *length, *requests, beside))
            }
            Action::Watch { length } => {
                begun.map(|begun| (begun, begun, *length, 0, Beside::Objective))
            }
            Action::Place { .. }
            | Action::Prove { .. }
            | Action::Shift { .. }
            | Action::Check { .. }
            | Action::Point { .. }
            | Action::Swap { .. } => None,
        };
        let Some((from, since, length, requests, beside)) = asked else {
            let message = format!("{} is judged before it has traffic", step.id);
            return Err(Failure::new(Kind::Bug, message));
        };
        let question = Question {
            plan: &run.plan,
            journal: &run.journal,
            from,
            step: since,
            requests,
            beside,
            now,
        };
        Ok((Wait { since, length }, question))
    }

    /// Whether everything that allowed the plan still holds.
    pub(crate) fn check(&mut self, step: &Step, slot: &Name) -> Result<(), Failure> {
        self.begin(step)?;
        let now = self.pace.now();
        let run = self.run()?;
        let (plan, id) = (run.plan.clone(), run.id);
        self.world.serves(slot, &plan.release.artifacts)?;
        if let Some(hold) = &self.state.document.hold {
            let message = format!("a hold was placed by {}: {}", hold.by, hold.reason);
            return Err(Failure::new(Kind::Refuted, message));
        }
        let gathered = self.world.gather(&plan.release, now)?;
        let moment = Moment {
            now,
            as_of: plan.made_at,
            plan: Some(id),
        };
        let chain = self
            .world
            .chain(&plan.release, &gathered, &self.state.document, moment)?;
        if chain.verdict != Verdict::Pass {
            let message = format!("the chain does not hold any more: {}", chain.unmet());
            return Err(Failure::new(Kind::Refuted, message));
        }
        self.end(step, "everything still holds")
    }
}
