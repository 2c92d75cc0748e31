//! Pointers that people move by merging a request: the plan waits for them
//! without a runner, and goes by the value alone.

use std::time::Duration;

use liftlock::config::pointer::{Request, Reversible, Target};
use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::plan::journal::Requested;
use liftlock::plan::{Action, Plan, Step, make};
use liftlock::pointer::request::Merged;
use liftlock::pointer::{Live, is_open};
use liftlock::release::Reference;
use liftlock::state::{Document, Run};
use liftlock::time::Time;
use liftlock_io::pointer::{self, Move};

use crate::down::Open;
use crate::drive::{Engine, under_way};
use crate::effect::{Context, Done, Ends};
use crate::outcome::{Ended, Outcome};
use crate::pace::Pace;
use crate::world::World;

/// A move of a plan's, by whoever has this fence, that says nothing of a hold.
const fn bare((from, to): Ends, release: &Reference, (plan, fence): (Digest, u64)) -> Move<'_> {
    Move {
        from,
        to,
        release,
        plan,
        fence,
        notice: None,
    }
}

impl World {
    /// A move in the name of a plan.
    pub(crate) fn moving<'a>(target: &Target, (from, to): Ends, context: Context<'a>) -> Move<'a> {
        let plan: &'a Plan = context.plan;
        let releases = [Some(&plan.release), plan.previous.as_ref()];
        let mut releases = releases.into_iter().flatten();
        let release = releases.find(|release| make::aim(target, release) == Some(to));
        Move {
            from,
            to,
            release: release.unwrap_or(&plan.release),
            plan: context.id,
            fence: context.fence,
            notice: None,
        }
    }

    /// Closes the request of a step that nobody merged. Where somebody did, the
    /// step ended.
    pub(crate) fn withdraw(&self, action: &Action, context: Context<'_>) -> Result<Done, Failure> {
        let Action::Withdraw { label, step, .. } = action else {
            return Err(Failure::new(Kind::Bug, "a step that does not withdraw"));
        };
        let Some(begun) = context.plan.step(step).map(|step| &step.action) else {
            return Err(Failure::new(Kind::Bug, "nobody was asked by this step"));
        };
        let (live, ends) = self.take_back(begun, context)?;
        Ok(match is_open(label, &live, ends)? {
            true => Done::Now("nobody merged it".to_owned()),
            false => Done::Merged("somebody merged it before".to_owned()),
        })
    }

    /// Sees to it that nobody merges what a step asked for, wherever its
    /// pointer is.
    pub(crate) fn take_back(
        &self,
        begun: &Action,
        context: Context<'_>,
    ) -> Result<(Live, Ends), Failure> {
        context.lease.outlasts()?;
        self.close(begun, &context.plan.release, (context.id, context.fence))
    }

    /// Closes at once what a plan that has to go back asks people to merge;
    /// whoever takes it back finds that done. What may be merged all the same,
    /// one line each.
    #[must_use]
    pub fn close_requests(&self, document: &Document) -> Vec<String> {
        let called_back = |run: &&Run| run.called_back(document.hold.as_ref()).is_some();
        let Some(run) = document.under_way().filter(called_back) else {
            return Vec::new();
        };
        let told = |request: &Requested| {
            let step = run.plan.step(&request.step)?;
            let by = (run.id, document.fence);
            match self.close(&step.action, &run.plan.release, by) {
                Ok((live, (_, to))) if live.is(Some(to)) => Some(format!(
                    "{} was merged before: `promote resume` takes it back",
                    request.page
                )),
                Ok(_) => None,
                Err(failure) => Some(format!(
                    "{} may still be open: {}",
                    request.page,
                    failure.lines().join(": ")
                )),
            }
        };
        run.journal.requests.iter().filter_map(told).collect()
    }

    /// The state as people left it: what they merged for the plan under way is
    /// noted, though no run looked yet. What cannot be seen is told, and stays as
    /// the state says.
    #[must_use]
    pub fn with_merges(&self, document: &Document, pace: &dyn Pace) -> Document {
        let mut document = document.clone();
        let by = document.fence;
        let Some(run) = document.run.as_mut().filter(|run| run.verdict.is_none()) else {
            return document;
        };
        for request in run.journal.requests.clone() {
            let Some(step) = run.plan.step(&request.step) else {
                continue;
            };
            match self.merge(&step.action, &run.plan.release, (run.id, by)) {
                Ok(Some(merged)) => run.journal.merged(&request.step, merged.at),
                Ok(None) => {}
                Err(failure) => pace.tell(&format!(
                    "whether {} was merged is not known: {}",
                    request.page,
                    failure.lines().join(": ")
                )),
            }
        }
        document
    }

    fn merge(
        &self,
        action: &Action,
        release: &Reference,
        by: (Digest, u64),
    ) -> Result<Option<Merged>, Failure> {
        let (target, ends) = self.move_of(action)?;
        pointer::merged(target, &bare(ends, release, by), &self.scope())
    }

    fn close(
        &self,
        action: &Action,
        release: &Reference,
        by: (Digest, u64),
    ) -> Result<(Live, Ends), Failure> {
        let (target, ends) = self.move_of(action)?;
        let withdrawn = pointer::withdraw(target, &bare(ends, release, by), &self.scope())?;
        Ok((withdrawn.live, ends))
    }

    /// The target of a step that points, and its move.
    ///
    /// # Errors
    ///
    /// Fails as invalid where the target is not the one that the plan was made
    /// for, or is moved in another way: a request that nobody knows of would
    /// stay open.
    pub(crate) fn move_of(&self, action: &Action) -> Result<(&Target, Ends), Failure> {
        let Action::Point {
            target: index,
            label,
            from,
            to,
            reversible,
        } = action
        else {
            return Err(Failure::new(Kind::Bug, "a step that does not point"));
        };
        let target = self.target(*index, label)?;
        let how = match (target.request(), reversible) {
            (Some(_), Reversible::Request) => return Ok((target, (*from, *to))),
            (Some(_), Reversible::Yes | Reversible::Window | Reversible::No) => "with",
            (None, Reversible::Request) => "without",
            (None, Reversible::Yes | Reversible::Window | Reversible::No) => {
                return Ok((target, (*from, *to)));
            }
        };
        let message =
            format!("{label} is configured {how} `request`, and was not when the plan was made");
        Err(Failure::new(Kind::Invalid, message)
            .with_hint("put `request` back as it was until the plan is over"))
    }

    /// A target of a plan, as it is configured.
    ///
    /// # Errors
    ///
    /// Fails as invalid where the target is not the one that the plan was made
    /// for.
    pub(crate) fn target(&self, index: usize, label: &str) -> Result<&Target, Failure> {
        let target = self.environment.targets.get(index);
        target
            .filter(|target| target.label() == label)
            .ok_or_else(|| {
                let message = format!("the plan's target {label} is not configured any more");
                Failure::new(Kind::Invalid, message)
            })
    }
}

impl Engine<'_> {
    /// What an effect came to is what its step came to.
    pub(crate) fn conclude(&mut self, step: &Step, done: Done) -> Result<Ended, Failure> {
        match done {
            Done::Now(note) => self.end(step, &note),
            Done::Made(at, note) => {
                self.refuse_late(step, at)?;
                self.note_merge(step, at)?;
                self.end(step, &note)
            }
            Done::Waits(page) => self.ask_to_merge(step, &page),
            Done::Refused(why) => self.refused(&why),
            Done::Merged(note) => {
                self.end_of(step, &note)?;
                self.end(step, &note)
            }
        }
    }

    /// Notes that people are asked to merge what a step needs, and keeps the
    /// lease: other steps may go on. On the way up not for ever; a way down
    /// waits without end.
    fn ask_to_merge(&mut self, step: &Step, page: &str) -> Result<Ended, Failure> {
        let now = self.pace.now();
        let until = self.merged_until(step)?;
        if let Some((until, within)) = until
            && now >= until
        {
            let message = format!("nobody merged {page} within {}", within.within());
            return Err(Failure::new(Kind::Refuted, message));
        }
        let requested = Requested {
            step: step.id.clone(),
            page: page.to_owned(),
            until: until.map(|(until, _)| until),
        };
        let why = requested.to_string();
        self.state.commit(now, Duration::ZERO, &|document| {
            under_way(document)?.journal.request(requested.clone());
            Ok(())
        })?;
        Ok(Ended::Run(Box::new(self.pending(why, None)?)))
    }

    /// Refuses what people did after the time that they had; where nobody knows
    /// when they did it, it counts as done now.
    fn refuse_late(&self, step: &Step, at: Option<Time>) -> Result<(), Failure> {
        let at = at.unwrap_or_else(|| self.pace.now());
        let Some((until, request)) = self.merged_until(step)? else {
            return Ok(());
        };
        if at < until {
            return Ok(());
        }
        let message = format!(
            "people moved it by {at}, and not within {}: the time was over at {until}",
            request.within()
        );
        Err(Failure::new(Kind::Refuted, message))
    }

    /// Keeps when people merged what a step asked for: since then its release is
    /// up, whenever it was looked at.
    fn note_merge(&mut self, step: &Step, at: Option<Time>) -> Result<(), Failure> {
        if at.is_none() {
            return Ok(());
        }
        let now = self.pace.now();
        self.state.commit(now, Duration::ZERO, &|document| {
            under_way(document)?.journal.merged(&step.id, at);
            Ok(())
        })
    }

    /// Gives lease and runner back until people merged what a step needs; the
    /// other pointers of a way down do not wait for them.
    pub(crate) fn rest_until_merged(
        &mut self,
        step: &Step,
        pending: Box<Outcome>,
    ) -> Result<Ended, Failure> {
        let run = self.run()?;
        let mut requests = run.journal.requests.iter();
        let asked = requests.find(|request| request.step == step.id);
        match asked.map(Requested::to_string) {
            Some(why) if run.plan.goes_down() => self.beside(step, Open::waits(why)),
            Some(why) => self.rest(None, why, None),
            None => Ok(Ended::Run(pending)),
        }
    }

    /// Whether a step waits for people and nobody can see what they did: forge or
    /// repository are away, not shown to this token, or not where this job looks
    /// for them. Then whoever comes next looks again. That the target is not the
    /// one any more that the plan was made for is seen without them.
    pub(crate) fn is_unseen(&self, step: &Step, failure: &Failure) -> Result<bool, Failure> {
        let mut requests = self.run()?.journal.requests.iter();
        let waits = requests.any(|request| request.step == step.id);
        let unseen = match failure.kind {
            Kind::Upstream | Kind::Credentials => true,
            Kind::Invalid => self.world.move_of(&step.action).is_ok(),
            Kind::Usage
            | Kind::Blind
            | Kind::Blocked
            | Kind::Expired
            | Kind::Refuted
            | Kind::Stuck
            | Kind::Interrupted
            | Kind::Terminated
            | Kind::Bug => false,
        };
        Ok(waits && unseen)
    }

    /// Until when people may merge what a step asks for, and by which rule.
    fn merged_until(&self, step: &Step) -> Result<Option<(Time, &Request)>, Failure> {
        let run = self.run()?;
        let goes_down = run.plan.goes_down() || run.journal.turned.is_some();
        let (target, _) = self.world.move_of(&step.action)?;
        let request = target.request();
        let begun = run.journal.entry(&step.id).map(|entry| entry.began_at);
        let until = begun.zip(request).filter(|_| !goes_down);
        Ok(until.map(|(begun, request)| (begun.after(request.within()), request)))
    }

    /// What becomes of a step whose request people do not want. Going up, the
    /// plan turns back, and a reconcile ends. Going down it stays open: traffic
    /// may be down already, and back up is no way.
    fn refused(&self, why: &str) -> Result<Ended, Failure> {
        let run = self.run()?;
        if !run.plan.goes_down() || run.journal.turned.is_some() {
            return Err(Failure::new(Kind::Refuted, why));
        }
        let mut hint =
            "reopen and merge it, or change the value by hand, then run `promote resume`"
                .to_owned();
        // With requests at it, its end would leave them somewhere.
        if run.plan.slots.is_none() {
            let release = &run.plan.release.id;
            hint.push_str(&format!(
                "; where nobody wants {release} any more, `rollback reject` it and run `rollback run`"
            ));
        }
        let failure = Failure::new(Kind::Blocked, why).with_hint(hint);
        Ok(Ended::Refused(Box::new(failure)))
    }

    /// The step that was to be withdrawn had its effect.
    fn end_of(&mut self, withdrawal: &Step, note: &str) -> Result<(), Failure> {
        let Action::Withdraw { step, .. } = &withdrawal.action else {
            return Err(Failure::new(Kind::Bug, "a step that does not withdraw"));
        };
        let now = self.pace.now();
        self.state.commit(now, Duration::ZERO, &|document| {
            let journal = &mut under_way(document)?.journal;
            journal.end(step, note.to_owned(), now);
            Ok(())
        })
    }
}
