//! A way down, past whatever is in its way: what went to the older release stays
//! there, and no pointer waits for another one.

use std::time::Duration;

use liftlock::failure::{Failure, Kind};
use liftlock::plan::back::{is_down, perhaps_moved};
use liftlock::plan::{Action, Plan, Step};
use liftlock::pointer::is_open;
use liftlock_io::pointer;

use crate::drive::{Engine, ends_run, under_way};
use crate::outcome::Ended;

/// What a way down could not move.
#[derive(Debug, Default)]
pub(crate) struct Open {
    /// What failed, and why.
    failed: Vec<String>,
    /// Whether some of it is broken, and not at what is somebody else's.
    broken: bool,
    /// What people do not want.
    refused: Option<Failure>,
    /// What nobody can see while a forge is away.
    unseen: Option<Failure>,
    /// What people are asked to merge.
    waits: Vec<String>,
}

impl Open {
    /// People are asked.
    pub(crate) fn waits(why: String) -> Self {
        Self {
            waits: vec![why],
            ..Self::default()
        }
    }

    /// People do not want it.
    pub(crate) fn refused(failure: Failure) -> Self {
        Self {
            refused: Some(failure),
            ..Self::default()
        }
    }

    /// All of it, one line each.
    fn told(self) -> String {
        let away = self.refused.into_iter().chain(self.unseen);
        let away = away.map(|failure| failure.lines().join(": "));
        let all = self.failed.into_iter().chain(away).chain(self.waits);
        all.collect::<Vec<_>>().join("; ")
    }
}

/// A step, and why it failed.
pub(crate) fn told(step: &Step, failure: &Failure) -> String {
    let why = failure.lines().join(": ");
    format!("{} ({}): {why}", step.id, step.action)
}

impl Engine<'_> {
    /// Whether something went to the older release already, or may have where
    /// nobody can tell.
    pub(crate) fn is_down(&self) -> Result<bool, Failure> {
        let run = self.run()?;
        let perhaps = perhaps_moved(&run.plan, &run.journal).len();
        Ok(is_down(&run.plan, &run.journal) || self.unmoved()?.len() < perhaps)
    }

    /// The steps of a way down that were begun and moved nothing: their pointers
    /// are where they were.
    pub(crate) fn unmoved(&self) -> Result<Vec<String>, Failure> {
        let run = self.run()?;
        let is_there = |step: &&Step| {
            let Ok((target, (from, _))) = self.world.move_of(&step.action) else {
                return false;
            };
            let found = pointer::read(target, &self.world.scope());
            found.is_ok_and(|found| found.is(from))
        };
        let perhaps = perhaps_moved(&run.plan, &run.journal).into_iter();
        Ok(perhaps
            .filter(is_there)
            .map(|step| step.id.clone())
            .collect())
    }

    /// What fails once something went to the older release: it stays there. Where
    /// requests did, a pointer at what is somebody else's is left; of the others
    /// those that can be moved are, and the plan stays open.
    pub(crate) fn stay_down(&mut self, step: &Step, failure: Failure) -> Result<Ended, Failure> {
        let failure = match self.to_leave(step)? {
            None => failure,
            Some(label) => match self.leave(step, &label, &failure.lines().join(": ")) {
                Err(failure) if !ends_run(&failure) => failure,
                ended => return ended,
            },
        };
        // Where the state is away, that is what failed.
        self.renew(Duration::ZERO)?;
        let mut open = Open::default();
        self.fails(step, failure, &mut open)?;
        self.beside(step, open)
    }

    /// Moves the other pointers of a way down that can be moved, past a step that
    /// cannot end now, and ends the run.
    pub(crate) fn beside(&mut self, step: &Step, mut open: Open) -> Result<Ended, Failure> {
        let others = self.run()?.plan.steps.clone();
        let is_other =
            |one: &&Step| matches!(one.action, Action::Point { .. }) && one.id != step.id;
        for other in others.iter().filter(is_other) {
            if self.run()?.journal.is_done(&other.id) {
                continue;
            }
            match self.perform(other) {
                Ok(Ended::No) => {}
                Ok(Ended::Run(pending)) => open.waits.extend(pending.waits.map(|waits| waits.why)),
                Ok(Ended::Refused(failure)) => open.refused = Some(*failure),
                Err(failure) if ends_run(&failure) => return Err(failure),
                // Whoever goes on with the plan leaves it.
                Err(_) if self.to_leave(other)?.is_some() => {}
                Err(failure) => self.fails(other, failure, &mut open)?,
            }
        }
        if !open.failed.is_empty() {
            return Err(self.stuck_down(open)?);
        }
        match open.refused.or(open.unseen) {
            Some(failure) => {
                open.waits.iter().for_each(|why| self.pace.tell(why));
                Err(failure)
            }
            None => self.rest(None, open.waits.join("; "), None),
        }
    }

    /// Notes why a step stays open.
    fn fails(&self, step: &Step, failure: Failure, open: &mut Open) -> Result<(), Failure> {
        if self.is_unseen(step, &failure)? {
            open.unseen = Some(failure);
            return Ok(());
        }
        open.failed.push(told(step, &failure));
        open.broken |= self.elsewhere(step).is_none();
        Ok(())
    }

    /// The end of a run whose plan a person has to look at.
    fn stuck_down(&mut self, open: Open) -> Result<Failure, Failure> {
        self.note_stuck(&open.failed);
        let (kind, mend) = match open.broken {
            true => (Kind::Stuck, "mend the counterpart"),
            false => (
                Kind::Blocked,
                "put back the value that it had, or the new one",
            ),
        };
        let Plan {
            environment,
            slots,
            release,
            ..
        } = &self.run()?.plan;
        let (what, or) = match slots {
            Some(_) => ("requests stay", ""),
            None => ("what moved stays", "; `--to RELEASE` goes to another one"),
        };
        let message = format!(
            "{what} at {}, and the plan stays open at {}",
            release.id,
            open.told()
        );
        Ok(Failure::new(kind, message).with_hint(format!(
            "{mend}, then run `rollback run --environment {environment}` again: it goes on{or}"
        )))
    }

    /// A pointer that is left where it is: it is at what is somebody else's, and
    /// requests say what is live.
    fn to_leave(&self, step: &Step) -> Result<Option<String>, Failure> {
        let has_traffic = self.run()?.plan.slots.is_some();
        Ok(self.elsewhere(step).filter(|_| has_traffic))
    }

    /// The pointer of a step, where it is at neither end of its move.
    fn elsewhere(&self, step: &Step) -> Option<String> {
        let (target, ends) = self.world.move_of(&step.action).ok()?;
        let label = target.label();
        let found = pointer::read(target, &self.world.scope()).ok()?;
        let is_ours = is_open(&label, &found, ends).is_ok();
        (!is_ours).then(|| format!("{label} at {found}"))
    }

    /// Leaves a pointer where it is: it is not ours to write over, and nobody
    /// shall merge what would.
    fn leave(&mut self, step: &Step, left: &str, why: &str) -> Result<Ended, Failure> {
        self.begin(step)?;
        self.attempt(self.world.patience(&step.action), &|engine| {
            let context = engine.context(&step.action)?;
            engine.world.take_back(&step.action, context)
        })?;
        self.pace
            .tell(&format!("{}: left as it is: {why}", step.id));
        let now = self.pace.now();
        self.state.commit(now, Duration::ZERO, &|document| {
            let journal = &mut under_way(document)?.journal;
            journal.end(&step.id, format!("left as it is: {why}"), now);
            journal.left.push(left.to_owned());
            Ok(())
        })?;
        self.emit();
        Ok(Ended::No)
    }
}
