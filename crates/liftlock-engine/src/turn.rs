//! The way back, the end of a plan, and what the ledger is told of it.

use std::time::Duration;

use liftlock::approval::fresh::AskedAgain;
use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::plan::back::{back, irreversible, may_end};
use liftlock::plan::journal::Turned;
use liftlock::plan::{Kind as PlanKind, Step};
use liftlock::state::{How, Left, Run};
use liftlock::verdict::Verdict;

use crate::down::told;
use crate::drive::{Engine, ends_run, under_way};
use crate::gather::Moment;
use crate::outcome::{Ended, Outcome};

/// Whether the chain holds.
pub(crate) enum Held {
    /// It does; what forges were asked about it.
    Still(Vec<AskedAgain>),
    /// It does not, and why.
    Not(String),
}

impl Engine<'_> {
    /// Whether the plan under way goes down or back, or has to now; also where
    /// nobody can tell, as the plan itself turns back then.
    #[must_use]
    pub fn goes_back(&self) -> bool {
        self.state.document.under_way().is_some_and(|run| {
            run.plan.kind == PlanKind::Rollback
                || run.journal.turned.is_some()
                || !matches!(self.speaks_against(), Ok(None))
        })
    }

    /// What speaks against going on upwards with a plan that was begun before.
    /// A way down is never doubted.
    pub(crate) fn doubt(&mut self) -> Result<Option<String>, Failure> {
        match self.attempt(self.world.asking(), &Self::holds) {
            Ok(Held::Not(why)) => Ok(Some(why)),
            Ok(Held::Still(asked)) => {
                self.asked(asked);
                Ok(None)
            }
            Err(failure) if ends_run(&failure) => Err(failure),
            Err(failure) => Ok(Some(failure.lines().join(": "))),
        }
    }

    /// The same, asked once and of the plan under way as it is, by whoever only
    /// looks.
    ///
    /// # Errors
    ///
    /// Fails where nobody can tell.
    pub fn speaks_against(&self) -> Result<Option<String>, Failure> {
        if self.run()?.journal.turned.is_some() {
            return Ok(None);
        }
        if let Some(why) = self.recall()? {
            return Ok(Some(why));
        }
        Ok(match self.holds()? {
            Held::Not(why) => Some(why),
            Held::Still(_) => None,
        })
    }

    /// Whether what allowed the plan under way does so still.
    fn holds(&self) -> Result<Held, Failure> {
        let run = self.run()?;
        if run.plan.kind == PlanKind::Rollback || run.journal.turned.is_some() {
            return Ok(Held::Still(Vec::new()));
        }
        if let Some(why) = run.called_back(self.state.document.hold.as_ref()) {
            return Ok(Held::Not(why));
        }
        if run.plan.policy != self.world.rules.policy {
            let why = "the policy changed since the plan was made";
            return Ok(Held::Not(why.to_owned()));
        }
        self.unmet()
    }

    /// Whether the release was rejected, or what the plan rests on was taken
    /// back since: asked before each step upwards and while one ripens. A way
    /// down ends by it only where it may, and never because nobody can tell.
    pub(crate) fn recalled(&mut self) -> Result<Option<String>, Failure> {
        match self.attempt(Duration::ZERO, &Self::recall) {
            Ok(why) => Ok(why),
            Err(failure) if ends_run(&failure) => Err(failure),
            Err(_) if self.run()?.plan.kind == PlanKind::Rollback => Ok(None),
            Err(failure) => Ok(Some(failure.lines().join(": "))),
        }
    }

    /// The same, asked once.
    pub(crate) fn recall(&self) -> Result<Option<String>, Failure> {
        let Run { plan, journal, .. } = self.run()?;
        if plan.kind == PlanKind::Rollback && !may_end(plan, journal) {
            return Ok(None);
        }
        if let Some(rejected) = self.world.rejected(&plan.release)? {
            return Ok(Some(rejected.told()));
        }
        for request in plan.requests() {
            if let Some(why) = self.world.recalled(&request)? {
                return Ok(Some(why));
            }
        }
        Ok(None)
    }

    /// Whether the chain still holds, by the evidence there is now.
    pub(crate) fn unmet(&self) -> Result<Held, Failure> {
        let run = self.run()?;
        let now = self.pace.now();
        let gathered = self.world.gather(&run.plan.release, now)?;
        let moment = Moment {
            now,
            as_of: run.plan.made_at,
            plan: Some(run.id),
        };
        let state = &self.state.document;
        let chain = self
            .world
            .chain_asked_again(&run.plan.release, &gathered, state, moment)?;
        if chain.verdict != Verdict::Pass {
            let unmet = chain.unmet();
            return Ok(Held::Not(format!(
                "the chain does not hold any more: {unmet}"
            )));
        }
        Ok(match (&chain.break_glass, &run.plan.break_glass) {
            (None, _) => Held::Still(chain.fresh),
            (Some(now), Some(then))
                if now.request == then.request && now.past.is_subset(&then.past) =>
            {
                Held::Still(chain.fresh)
            }
            (Some(now), _) => Held::Not(format!(
                "the plan does not say that it goes past this: {now}"
            )),
        })
    }

    /// Keeps what forges were asked, to be written with the next step.
    pub fn asked(&mut self, asked: Vec<AskedAgain>) {
        for one in asked.iter().filter(|one| one.unreached.is_some()) {
            self.pace.tell(&format!("approval: {one}"));
        }
        self.asked.extend(asked);
    }

    /// Begins the way back, fixed as data before its first effect.
    pub(crate) fn turn(&mut self, verdict: Verdict, reason: &str) -> Result<Ended, Failure> {
        self.pace.tell(&format!("going back: {reason}"));
        let unmoved = self.unmoved()?;
        let now = self.pace.now();
        self.state.commit(now, Duration::ZERO, &|document| {
            let run = under_way(document)?;
            if run.journal.turned.is_none() {
                run.journal.forget(&unmoved);
                run.journal.turned = Some(Turned {
                    verdict,
                    reason: reason.to_owned(),
                    at: now,
                });
                run.journal.back = back(&run.plan, &run.journal);
                run.journal.rest = None;
            }
            Ok(())
        })?;
        Ok(Ended::No)
    }

    /// Undoes whatever can be undone, even where one step cannot: then the
    /// plan stays open, and a person must look.
    pub(crate) fn back(&mut self) -> Result<Ended, Failure> {
        let steps: Vec<Step> = self.run()?.journal.back.clone();
        let (mut stuck, mut waiting, mut unseen) = (Vec::new(), None, None);
        for step in steps {
            if self.run()?.journal.is_done(&step.id) {
                continue;
            }
            match self.perform(&step) {
                Ok(Ended::No) => {}
                // The other steps back do not wait for people.
                Ok(Ended::Run(pending)) => {
                    if let Some(waits) = &pending.waits {
                        self.pace.tell(&waits.why);
                    }
                    waiting = Some(pending);
                }
                Err(failure) if ends_run(&failure) => return Err(failure),
                Err(failure) if self.is_unseen(&step, &failure)? => unseen = Some(failure),
                Ok(Ended::Refused(failure)) => stuck.push(told(&step, &failure)),
                Err(failure) => stuck.push(told(&step, &failure)),
            }
        }
        if stuck.is_empty() {
            // Whoever comes next looks whether people merged it.
            return match (unseen, waiting) {
                (Some(failure), _) => Err(failure),
                (None, Some(pending)) => {
                    self.state.give_up(self.pace.now())?;
                    Ok(Ended::Run(pending))
                }
                (None, None) => Ok(Ended::No),
            };
        }
        self.note_stuck(&stuck);
        let message = format!("the way back is stuck at {}", stuck.join("; "));
        let way_on = self.run()?.way_on();
        let hint = format!("mend the counterpart, then {way_on}");
        Err(Failure::new(Kind::Stuck, message).with_hint(hint))
    }

    /// Ends the plan. Whoever asks for the way back in the last moment, or holds
    /// the environment, gets it: then there is no end yet.
    pub(crate) fn finish(&mut self, verdict: Verdict) -> Result<Ended, Failure> {
        let now = self.pace.now();
        let emitted = &self.emitted;
        self.state.commit(now, Duration::ZERO, &|document| {
            document.recorded(emitted.ids());
            let hold = document.hold.clone();
            let run = under_way(document)?;
            let turned = run.journal.turned.is_some();
            if run.called_back(hold.as_ref()).is_some() {
                return Ok(());
            }
            // A pointer that pointed nowhere before still points at what failed.
            let left = turned && !irreversible(&run.plan, &run.journal).is_empty();
            run.verdict = Some(if left { Verdict::Stuck } else { verdict });
            let (release, kind) = (run.plan.release.clone(), run.plan.kind);
            let left = Left::by(run);
            // What is reconciled was live all the time.
            let goes_live = verdict == Verdict::Pass && !run.plan.reconciles();
            document.left.extend(left);
            if goes_live {
                let how = match kind {
                    PlanKind::Promotion | PlanKind::First => How::Promoted,
                    PlanKind::Rollback => How::RolledBack,
                };
                document.go_live(release, how, now);
            }
            document.lease = None;
            Ok(())
        })?;
        self.emit();
        let run = self.run()?;
        if run.verdict.is_none()
            && let Some(why) = run.called_back(self.state.document.hold.as_ref())
        {
            return self.turn(Verdict::Fail, &why);
        }
        let outcome = Outcome::of(run, self.recorded);
        Ok(Ended::Run(Box::new(outcome)))
    }

    /// Tells the ledger what it does not know yet. It is a projection: when it
    /// cannot be written the plan goes on, and whoever comes next brings what
    /// is missing.
    pub fn emit(&mut self) {
        match self.world.emit(&self.state.document, &mut self.emitted) {
            Ok(()) => self.recorded = true,
            Err(failure) => {
                if self.recorded {
                    let why = failure.lines().join(": ");
                    self.pace.tell(&format!("not recorded yet: {why}"));
                }
                self.recorded = false;
            }
        }
    }

    /// Whether the ledger knows all of it, as far as it was told.
    #[must_use]
    pub const fn is_recorded(&self) -> bool {
        self.recorded
    }

    /// The run that the ledger knows all of.
    pub(crate) fn told(&self) -> Option<Digest> {
        let run = self.state.document.run.as_ref();
        run.filter(|_| self.recorded).map(|run| run.id)
    }
}
