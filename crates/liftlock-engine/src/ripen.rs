//! The steps that wait and ask: bake, watch and check.

use std::time::Duration;

use liftlock::failure::{Failure, Kind};
use liftlock::name::Name;
use liftlock::plan::judge::{Decision, Look, Wait, decide};
use liftlock::plan::rest::Question;
use liftlock::plan::{Action, Step};
use liftlock::time::Time;
use liftlock::verdict::Verdict;

use crate::asked::Heard;
use crate::drive::{Engine, under_way};
use crate::look::{self, Beside, Seen};
use crate::outcome::Ended;
use crate::pace::Stay;
use crate::turn::Held;

impl Engine<'_> {
    /// Waits while the canary is judged.
    pub(crate) fn ripen(&mut self, step: &Step) -> Result<Ended, Failure> {
        self.begin(step)?;
        self.pace.tell(&format!("{}: {}", step.id, step.action));
        loop {
            match self.listen()? {
                Heard::Nothing => {}
                Heard::Back(why) => return self.turn(Verdict::Fail, &why),
                Heard::Stop(wish) => return self.stop(&wish),
            }
            let now = self.pace.now();
            let fixed = self.fix_metrics(now);
            let (wait, question) = self.question(step, now)?;
            let Some(judging) = question.plan.judging else {
                return Err(Failure::new(Kind::Bug, "the plan has no judging"));
            };
            let (look, note) = self.see(step, question, fixed)?;
            let ripe = wait.since.after(wait.length);
            let length = match decide(&judging, &wait, &look, now) {
                Decision::GoOn => {
                    self.pace.tell(&format!("{}: {note}", step.id));
                    return self.end(step, &note);
                }
                Decision::GoOnWithout(verdict) => {
                    let note = format!("{note}; {}", self.word(step, verdict)?);
                    self.pace.tell(&format!("{}: {note}", step.id));
                    return self.end(step, note.trim_start_matches("; "));
                }
                Decision::Turn(verdict, reason) => {
                    return self.turn(verdict, &format!("{}: {reason}", step.id));
                }
                Decision::Ask(verdict, why, until) => {
                    return self.ask(step, Question { verdict, why }, until);
                }
                Decision::Wait(length) if self.stay == Stay::Parked => {
                    return self.park(step, ripe.max(now.after(length)));
                }
                Decision::Wait(length) => length,
            };
            if self.state.is_aging(now.after(length)) {
                self.renew(length.duration())?;
                // Not the step's own verdict: the canary may be well.
                if let Some(why) = self.recalled()? {
                    return self.turn(Verdict::Fail, &why);
                }
            }
            self.pace.wait(length.duration())?;
        }
    }

    /// Looks beside the baseline, as far as there was one, and beside the
    /// objective where the canary is alone: what was compared before says
    /// nothing of what began since.
    fn see(
        &self,
        step: &Step,
        question: look::Question<'_>,
        fixed: Result<(), Failure>,
    ) -> Result<(Look, String), Failure> {
        let (look, note) = sight(fixed.and_then(|()| self.world.look(&question)))?;
        if question.beside == Beside::Objective || !step.action.is_alone() {
            return Ok((look, note));
        }
        let (other, told) = sight(self.world.look(&look::Question {
            from: question.step,
            beside: Beside::Objective,
            ..question
        }))?;
        let other = match other {
            Look::Failed(why) => Look::Failed(format!("beside the objective: {why}")),
            Look::Blind(_) | Look::Going { .. } => other,
        };
        // Where there was no sight there are no numbers.
        let note = match told.is_empty() {
            true => note,
            false => format!("{note}; beside the objective: {told}"),
        };
        Ok((look.and(other), note))
    }

    /// Keeps the edges of the plan's histograms, for all of its looks.
    fn fix_metrics(&mut self, now: Time) -> Result<(), Failure> {
        let run = self.run()?;
        let compared = run.plan.has_baseline() && !run.plan.metrics.is_empty();
        if !compared || !run.journal.metrics.is_empty() {
            return Ok(());
        }
        let metrics = self.world.edges(&run.plan, now)?;
        self.state.commit(now, Duration::ZERO, &|document| {
            under_way(document)?.journal.metrics.clone_from(&metrics);
            Ok(())
        })
    }

    /// What is asked of a look in this step: since when, how much, beside what.
    fn question(&self, step: &Step, now: Time) -> Result<(Wait, look::Question<'_>), Failure> {
        let run = self.run()?;
        let shifts = run.plan.shifted_at(&run.journal, &step.id);
        let begun = run.journal.entry(&step.id).map(|entry| entry.began_at);
        let beside = match run.plan.has_baseline() {
            true => Beside::Baseline,
            false => Beside::Objective,
        };
        let asked = match &step.action {
            Action::Bake {
                length, requests, ..
            } => {
                let ends = shifts.first().copied().zip(shifts.last().copied());
                ends.map(|(first, last)| (first, last, *length, *requests, beside))
            }
            // The test beside the objective began when the canary was alone.
            Action::Watch { length } => begun.map(|begun| {
                let alone = shifts.last().copied().unwrap_or(begun);
                (alone, begun, *length, 0, Beside::Objective)
            }),
            Action::Copy { .. }
            | Action::Place { .. }
            | Action::Prove { .. }
            | Action::Shift { .. }
            | Action::Check { .. }
            | Action::Point { .. }
            | Action::Withdraw { .. }
            | Action::Swap { .. } => None,
        };
        let Some((from, since, length, requests, beside)) = asked else {
            let message = format!("{} is judged before it has traffic", step.id);
            return Err(Failure::new(Kind::Bug, message));
        };
        let rest = run.journal.rest.as_ref();
        let asked = rest.filter(|rest| rest.question.is_some() && rest.step == step.id);
        let wait = Wait {
            since,
            length,
            asked_until: asked.map(|rest| rest.until),
            past: run
                .journal
                .advances(&step.id)
                .filter_map(|wish| Some((wish.past?, wish.at)))
                .collect(),
        };
        let question = look::Question {
            plan: &run.plan,
            journal: &run.journal,
            from,
            step: since,
            requests,
            beside,
            now,
        };
        Ok((wait, question))
    }

    /// Whether everything that allowed the plan still holds.
    pub(crate) fn check(&mut self, step: &Step, slot: &Name) -> Result<Ended, Failure> {
        self.begin(step)?;
        self.pace.tell(&format!("{}: {}", step.id, step.action));
        let run = self.run()?;
        let artifacts = run.plan.release.artifacts.clone();
        let shares = run.plan.shares_before(&step.id).cloned();
        let slots = run.plan.slots.clone();
        let patience = self.world.patience(&step.action);
        self.attempt(patience, &|engine| engine.world.serves(slot, &artifacts))?;
        if let Some(shares) = shares
            && let Some(how) = self.attempt(patience, &|engine| {
                engine.world.split_otherwise(slots.as_ref(), &shares)
            })?
        {
            let message = format!("requests are split in another way than this plan did: {how}");
            return Err(Failure::new(Kind::Refuted, message));
        }
        if let Some(hold) = &self.state.document.hold {
            return Err(Failure::new(Kind::Refuted, hold.told()));
        }
        match self.attempt(patience, &Self::unmet)? {
            Held::Still(asked) => {
                let told = asked.iter().map(|one| format!("; approval: {one}"));
                let note = format!("everything still holds{}", told.collect::<String>());
                self.asked(asked);
                self.end(step, &note)
            }
            Held::Not(unmet) => Err(Failure::new(Kind::Refuted, unmet)),
        }
    }
}

/// A look and its numbers for people. Telemetry that fails for now is no
/// sight; what waiting cannot mend is an error at once.
fn sight(seen: Result<Seen, Failure>) -> Result<(Look, String), Failure> {
    match seen {
        Ok(seen) => {
            let note = look::told(&seen.judgement);
            Ok((seen.look, note))
        }
        Err(failure) if matches!(failure.kind, Kind::Upstream | Kind::Blind) => {
            Ok((Look::Blind(failure.lines().join(": ")), String::new()))
        }
        Err(failure) if matches!(failure.kind, Kind::Invalid | Kind::Credentials) => {
            Err(Failure::new(Kind::Blind, failure.lines().join(": ")))
        }
        Err(failure) => Err(failure),
    }
}
