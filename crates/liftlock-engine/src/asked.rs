//! What people ask of a plan under way, how it is heard, and how a run ends
//! while its plan rests.

use std::time::Duration;

use liftlock::failure::{Failure, Kind};
use liftlock::plan::Step;
use liftlock::plan::back::gives_way;
use liftlock::plan::rest::{Question, Rest};
use liftlock::plan::wish::{Asked, Refusal, Wish};
use liftlock::record::Kind as RecordKind;
use liftlock::state::{Document, Hold, Owner};
use liftlock::time::Time;
use liftlock::verdict::Verdict;
use liftlock_io::owner;

use crate::drive::{Engine, under_way};
use crate::outcome::{Ended, Outcome, Waits};

/// What a runner hears at a safe point.
#[derive(Debug)]
pub(crate) enum Heard {
    /// Nothing that is in the way.
    Nothing,
    /// It has to stop.
    Stop(Wish),
    /// It has to go back, and why.
    Back(String),
}

impl Engine<'_> {
    /// Notes what somebody asks of the plan under way; whoever drives it now.
    ///
    /// # Errors
    ///
    /// Fails where that cannot be asked of it.
    pub fn ask_for(&mut self, wish: &Wish) -> Result<Option<String>, Failure> {
        self.state.note(&|document| Ok(wish.note(document)?))?;
        Ok(self.noted())
    }

    /// Whoever drives the plan for which something was noted just now.
    fn noted(&mut self) -> Option<String> {
        self.emit();
        let now = self.pace.now();
        let lease = self.state.document.holder(now, &owner::is_dead);
        lease.map(|lease| lease.owner.run.clone())
    }

    /// The plan under way as an outcome that is still to come.
    ///
    /// # Errors
    ///
    /// Fails as a bug where no plan ever was.
    pub fn pending(&self, why: String, resume_after: Option<Time>) -> Result<Outcome, Failure> {
        let waits = Waits { why, resume_after };
        Ok(Outcome::pending(self.run()?, waits, self.recorded))
    }

    /// Has the plan under way go back: whoever drives it is told, and where
    /// nobody does it is driven back here.
    ///
    /// # Errors
    ///
    /// Fails as blocked where no plan is under way that goes up, and as
    /// [`Engine::resume`].
    pub fn abort(&mut self, wish: &Wish, who: &Owner) -> Result<Outcome, Failure> {
        let driver = self.ask_for(wish)?;
        self.taken_back(driver, who)
    }

    /// The same for the plan that is under way as the state was last read, and in
    /// the same write a hold, unless there is one: no automation takes the release
    /// up again. Nothing where that plan is over by now.
    ///
    /// # Errors
    ///
    /// As [`Engine::abort`].
    pub fn abort_and_hold(&mut self, wish: &Wish, who: &Owner) -> Result<Option<Outcome>, Failure> {
        let under_way = |document: &Document| document.under_way().map(|run| run.id);
        let (world, meant) = (self.world, under_way(&self.state.document));
        let hold = Hold {
            reason: wish.reason.clone(),
            by: who.run.clone(),
            at: wish.at,
        };
        let noted = self.state.note(&|document| {
            if under_way(document) != meant {
                return Err(Refusal::Nothing.into());
            }
            wish.note(document)?;
            if document.hold.is_none() {
                let record = world.hold_record(RecordKind::HoldPlaced, &hold, document);
                document.keep(record);
                document.hold = Some(hold.clone());
            }
            Ok(())
        });
        if noted.is_err() && under_way(&self.state.document) != meant {
            return Ok(None);
        }
        noted?;
        let driver = self.noted();
        self.taken_back(driver, who).map(Some)
    }

    fn taken_back(&mut self, driver: Option<String>, who: &Owner) -> Result<Outcome, Failure> {
        match driver {
            Some(driver) => {
                let why = format!("{driver} takes it back at its next safe point");
                self.pending(why, None)
            }
            None => self.resume(who),
        }
    }

    /// Ends a way down that nobody wants any more and that touched nothing yet,
    /// or is stuck where pointers are all there is, so that another one can begin.
    ///
    /// # Errors
    ///
    /// Fails as blocked where none is under way, where it moved something
    /// meanwhile, and while its owner lives.
    pub fn call_off(&mut self, who: &Owner, why: &str) -> Result<Outcome, Failure> {
        self.take_over(who, &|run| {
            if gives_way(&run.plan, &run.journal) {
                return Ok(());
            }
            let message = format!(
                "the plan for {} moved something already",
                run.plan.release.id
            );
            Err(Failure::new(Kind::Blocked, message).with_hint("run the same command again"))
        })?;
        self.emit();
        let ended = self.turn(Verdict::Fail, why);
        let ended = ended.and_then(|_| self.steps());
        self.close(ended)
    }

    /// What others noted while the plan went up, and whether they hold the
    /// environment.
    pub(crate) fn listen(&mut self) -> Result<Heard, Failure> {
        self.state.refresh()?;
        let run = self.run()?;
        if let Some(why) = run.called_back(self.state.document.hold.as_ref()) {
            return Ok(Heard::Back(why));
        }
        Ok(match run.journal.asked() {
            Asked::Nothing | Asked::Back(_) => Heard::Nothing,
            Asked::Stop(wish) => Heard::Stop(wish.clone()),
        })
    }

    /// The plan under way where nobody is to go on with it now. What it rests
    /// on may be gone all the same: then it has to go back.
    pub(crate) fn rests(&self, now: Time) -> Result<Option<Outcome>, Failure> {
        let Some(resting) = self.state.document.resting(now) else {
            return Ok(None);
        };
        if self.recall()?.is_some() {
            return Ok(None);
        }
        let outcome = self.pending(resting.to_string(), resting.resume_after())?;
        Ok(Some(outcome))
    }

    /// Whether nobody has to go on with the plan under way, though nobody
    /// drives it.
    ///
    /// # Errors
    ///
    /// Fails where nobody can tell whether what it rests on was taken back.
    pub fn is_at_rest(&self, now: Time) -> Result<bool, Failure> {
        Ok(self.rests(now)?.is_some())
    }

    /// Ends the run where somebody wants the plan to stop.
    pub(crate) fn stop(&mut self, wish: &Wish) -> Result<Ended, Failure> {
        let why = format!("{wish}; `promote advance` ends it");
        self.rest(None, why, None)
    }

    /// Gives the runner back until a step can be judged.
    pub(crate) fn park(&mut self, step: &Step, until: Time) -> Result<Ended, Failure> {
        let why = format!("{} is parked; resume after {until}", step.id);
        let rest = self.resting(step, until, None);
        self.rest(Some(&rest), why, Some(until))
    }

    /// Gives the runner back until somebody says whether a step may go on.
    pub(crate) fn ask(
        &mut self,
        step: &Step,
        question: Question,
        until: Time,
    ) -> Result<Ended, Failure> {
        let why = format!(
            "{} is {}: {}; it goes back unless somebody runs `promote advance` before {until}",
            step.id, question.verdict, question.why
        );
        let rest = self.resting(step, until, Some(question));
        self.rest(Some(&rest), why, None)
    }

    fn resting(&self, step: &Step, until: Time, question: Option<Question>) -> Rest {
        Rest {
            step: step.id.clone(),
            at: self.pace.now(),
            until,
            question,
        }
    }

    /// Gives the lease up in the write that says why. Whoever asked for the way
    /// back in the last moment was told that it is gone here: then it is.
    pub(crate) fn rest(
        &mut self,
        rest: Option<&Rest>,
        why: String,
        resume_after: Option<Time>,
    ) -> Result<Ended, Failure> {
        let now = self.pace.now();
        let asked = std::mem::take(&mut self.asked);
        self.state.commit(now, Duration::ZERO, &|document| {
            let hold = document.hold.clone();
            let run = under_way(document)?;
            run.journal.fresh.extend(asked.iter().cloned());
            if run.called_back(hold.as_ref()).is_some() {
                return Ok(());
            }
            if let Some(rest) = rest {
                run.journal.rest = Some(rest.clone());
            }
            document.lease = None;
            Ok(())
        })?;
        if let Some(why) = self.run()?.called_back(self.state.document.hold.as_ref()) {
            return self.turn(Verdict::Fail, &why);
        }
        self.pace.tell(&why);
        Ok(Ended::Run(Box::new(self.pending(why, resume_after)?)))
    }

    /// Whose word it is that a step goes on by.
    pub(crate) fn word(&self, step: &Step, verdict: Verdict) -> Result<String, Failure> {
        let mut words = self.run()?.journal.advances(&step.id);
        let word = words.find(|wish| wish.past == Some(verdict));
        Ok(word.map(Wish::to_string).unwrap_or_default())
    }
}
