//! Drives a plan to its end: intent, effect, outcome, one step after the other.

use std::collections::BTreeMap;
use std::time::Duration;

use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::name::Name;
use liftlock::plan::back::back;
use liftlock::plan::journal::{Journal, Turned};
use liftlock::plan::next::{Next, next};
use liftlock::plan::{Action, Kind as PlanKind, Plan, Step};
use liftlock::state::{Document, Hold, How, Owner, Run};
use liftlock::verdict::Verdict;

use crate::effect::Context;
use crate::outcome::Outcome;
use crate::pace::Pace;
use crate::record::Emitted;
use crate::state::State;
use crate::world::World;

/// How often an effect is tried before the plan turns back.
const TRIES: u32 = 5;

/// The pause after the first failed try; it doubles each time.
const PAUSE: Duration = Duration::from_millis(100);

/// Drives the plan of one environment.
pub struct Engine<'a> {
    pub(crate) world: &'a World,
    pub(crate) pace: &'a dyn Pace,
    pub(crate) state: State<'a>,
    emitted: Emitted,
    labels: BTreeMap<Name, String>,
    recorded: bool,
}

impl std::fmt::Debug for Engine<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Engine")
            .field("world", &self.world)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// How a plan is begun.
#[derive(Clone, Copy, Debug)]
pub struct Opening<'a> {
    /// Who begins it.
    pub owner: &'a Owner,
    /// Why automation is to leave the environment alone afterwards.
    pub hold: Option<&'a str>,
}

impl<'a> Engine<'a> {
    /// Opens the state of the world's environment.
    ///
    /// # Errors
    ///
    /// Fails when the state cannot be read.
    pub fn open(world: &'a World, pace: &'a dyn Pace) -> Result<Self, Failure> {
        let key = Document::key(&world.rules.service, &world.environment.name);
        let state = State::open(world.state.as_ref(), key, world.environment.lease)?;
        Ok(Self {
            world,
            pace,
            state,
            emitted: Emitted::default(),
            labels: BTreeMap::new(),
            recorded: true,
        })
    }

    /// The state as it was last read or written.
    #[must_use]
    pub const fn document(&self) -> &Document {
        &self.state.document
    }

    /// Begins a plan and drives it. Plan, lease, fence and the approval's use
    /// are one compare-and-swap.
    ///
    /// # Errors
    ///
    /// Fails before anything moved as blocked, or as expired or by a signal in
    /// between, when the same plan can be resumed.
    pub fn start(&mut self, plan: &Plan, opening: Opening<'_>) -> Result<Outcome, Failure> {
        let id = plan.id();
        let now = self.pace.now();
        let hold = opening.hold.map(|reason| Hold {
            reason: reason.to_owned(),
            by: opening.owner.run.clone(),
            at: now,
        });
        self.state.acquire(opening.owner, now, &|document| {
            admit(document, plan, id)?;
            if let Some(slots) = &plan.slots {
                document.slots.get_or_insert_with(|| slots.clone());
            }
            if let Some(hold) = &hold {
                document.hold = Some(hold.clone());
            }
            document.run = Some(Run {
                id,
                plan: plan.clone(),
                journal: Journal::default(),
                verdict: None,
            });
            Ok(())
        })?;
        self.drive()
    }

    /// Goes on with the plan under way.
    ///
    /// # Errors
    ///
    /// Fails as blocked where there is none, where its owner still lives, or
    /// where the rules changed since.
    pub fn resume(&mut self, owner: &Owner) -> Result<Outcome, Failure> {
        let policy = self.world.rules.policy;
        let now = self.pace.now();
        self.state.acquire(owner, now, &|document| {
            let Some(run) = document.under_way() else {
                return Err(Failure::new(Kind::Blocked, "there is no plan under way"));
            };
            if run.plan.policy != policy {
                let message = "the policy changed since the plan was made";
                return Err(Failure::new(Kind::Blocked, message)
                    .with_hint("go on with the policy of the plan, or run `rollback run`"));
            }
            Ok(())
        })?;
        self.drive()
    }

    fn drive(&mut self) -> Result<Outcome, Failure> {
        let release = self.run()?.plan.release.clone();
        let gathered = self.world.gather(&release, self.pace.now())?;
        self.labels = gathered.labels();
        self.emit();
        loop {
            let run = self.run()?;
            match next(&run.plan, &run.journal) {
                Next::Up(step) => self.up(&step)?,
                Next::Back(step) => {
                    if let Err(failure) = self.perform(&step) {
                        return self.stuck(&step, &failure);
                    }
                }
                Next::Done(verdict) => return self.finish(verdict),
            }
        }
    }

    pub(crate) fn run(&self) -> Result<&Run, Failure> {
        let run = self.state.document.run.as_ref();
        run.ok_or_else(|| Failure::new(Kind::Bug, "the plan under way is gone"))
    }

    /// One step up. What fails turns the plan back; only a lost lease, a
    /// signal or the end of the time given ends the run as it is.
    fn up(&mut self, step: &Step) -> Result<(), Failure> {
        let done = match &step.action {
            Action::Bake { .. } | Action::Watch { .. } => self.ripen(step),
            Action::Check { slot } => self.check(step, slot),
            Action::Place { .. }
            | Action::Prove { .. }
            | Action::Shift { .. }
            | Action::Point { .. }
            | Action::Swap { .. } => self.perform(step),
        };
        match done {
            Ok(()) => Ok(()),
            Err(failure) if ends_run(&failure) => Err(failure),
            Err(failure) => {
                let verdict = if failure.kind == Kind::Blind {
                    Verdict::Blind
                } else {
                    Verdict::Fail
                };
                self.turn(
                    verdict,
                    &format!("{}: {}", step.id, failure.lines().join(": ")),
                )
            }
        }
    }

    /// Intent, effect, outcome.
    pub(crate) fn perform(&mut self, step: &Step) -> Result<(), Failure> {
        self.begin(step)?;
        self.pace.tell(&format!("{}: {}", step.id, step.action));
        let note = self.attempt(step)?;
        self.end(step, &note)
    }

    fn attempt(&mut self, step: &Step) -> Result<String, Failure> {
        let mut pause = PAUSE;
        let mut tries = 0;
        loop {
            let run = self.run()?;
            let context = Context {
                plan: &run.plan,
                labels: &self.labels,
            };
            let failure = match self.world.effect(&step.action, context) {
                Ok(note) => return Ok(note),
                Err(failure) => failure,
            };
            tries += 1;
            let hopeless = matches!(failure.kind, Kind::Invalid | Kind::Bug | Kind::Credentials);
            if tries >= TRIES || hopeless {
                return Err(failure);
            }
            self.pace.wait(pause)?;
            pause *= 2;
            self.renew(self.world.patience(&step.action))?;
        }
    }

    pub(crate) fn begin(&mut self, step: &Step) -> Result<(), Failure> {
        let now = self.pace.now();
        let needed = self.world.patience(&step.action);
        self.state.commit(now, needed, &|document| {
            let fence = document.fence;
            // From the intent on nobody knows what the slot holds.
            if let Action::Place { slot } = &step.action {
                document.contents.remove(slot);
            }
            let run = under_way(document)?;
            run.journal.begin(&step.id, fence, now);
            Ok(())
        })
    }

    pub(crate) fn end(&mut self, step: &Step, note: &str) -> Result<(), Failure> {
        let now = self.pace.now();
        self.state.commit(now, Duration::ZERO, &|document| {
            let run = under_way(document)?;
            run.journal.end(&step.id, note.to_owned(), now);
            let release = run.plan.release.clone();
            match &step.action {
                Action::Place { slot } => {
                    document.contents.insert(slot.clone(), release);
                }
                Action::Swap { slots } => document.slots = Some(slots.clone()),
                Action::Prove { .. }
                | Action::Shift { .. }
                | Action::Bake { .. }
                | Action::Check { .. }
                | Action::Point { .. }
                | Action::Watch { .. } => {}
            }
            Ok(())
        })?;
        self.emit();
        Ok(())
    }

    pub(crate) fn renew(&mut self, needed: Duration) -> Result<(), Failure> {
        let now = self.pace.now();
        self.state.commit(now, needed, &|_| Ok(()))
    }

    /// Begins the way back, fixed as data before its first effect.
    pub(crate) fn turn(&mut self, verdict: Verdict, reason: &str) -> Result<(), Failure> {
        let now = self.pace.now();
        self.pace.tell(&format!("going back: {reason}"));
        self.state.commit(now, Duration::ZERO, &|document| {
            let run = under_way(document)?;
            if run.journal.turned.is_none() {
                run.journal.turned = Some(Turned {
                    verdict,
                    reason: reason.to_owned(),
                    at: now,
                });
                run.journal.back = back(&run.plan, &run.journal);
            }
            Ok(())
        })?;
        self.emit();
        Ok(())
    }

    /// The way back does not go on: the plan stays open, a person must look.
    fn stuck(&mut self, step: &Step, failure: &Failure) -> Result<Outcome, Failure> {
        if ends_run(failure) {
            return Err(Failure::new(failure.kind, failure.lines().join(": ")));
        }
        let message = format!(
            "the way back is stuck at {} ({}): {}",
            step.id,
            step.action,
            failure.lines().join(": ")
        );
        Err(Failure::new(Kind::Stuck, message)
            .with_hint("mend the counterpart, then run `promote resume`"))
    }

    fn finish(&mut self, verdict: Verdict) -> Result<Outcome, Failure> {
        let now = self.pace.now();
        self.state.commit(now, Duration::ZERO, &|document| {
            let run = under_way(document)?;
            run.verdict = Some(verdict);
            let (release, kind) = (run.plan.release.clone(), run.plan.kind);
            if verdict == Verdict::Pass {
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
        Ok(Outcome::of(self.run()?, self.recorded))
    }

    /// The ledger is a projection: when it cannot be written the plan goes on,
    /// and the next emission, or the next run, brings what is missing.
    fn emit(&mut self) {
        let Some(run) = self.state.document.run.as_ref() else {
            return;
        };
        match self.world.emit(run, &mut self.emitted) {
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
}

fn admit(document: &mut Document, plan: &Plan, id: Digest) -> Result<(), Failure> {
    if let Some(run) = document.under_way() {
        let message = format!("a plan for {} is under way", run.plan.release.id);
        return Err(Failure::new(Kind::Blocked, message).with_hint("run `promote resume`"));
    }
    if let (Some(hold), PlanKind::Promotion | PlanKind::First) = (&document.hold, plan.kind) {
        let message = format!("a hold is in place since {}: {}", hold.at, hold.reason);
        return Err(Failure::new(Kind::Blocked, message).with_hint("run `rollback lift`"));
    }
    let live = document.live.as_ref().map(|live| &live.release.digest);
    if live != plan.previous.as_ref().map(|previous| &previous.digest) {
        let message = "what is live changed since the plan was made";
        return Err(Failure::new(Kind::Blocked, message).with_hint("run the same command again"));
    }
    if let Some(approval) = plan.approval
        && *document.used.entry(approval).or_insert(id) != id
    {
        return Err(Failure::new(
            Kind::Refuted,
            "the approval was used up by another plan",
        ));
    }
    Ok(())
}

fn under_way(document: &mut Document) -> Result<&mut Run, Failure> {
    let run = document.run.as_mut();
    run.ok_or_else(|| Failure::new(Kind::Bug, "the plan under way is gone"))
}

/// Whether a failure ends this run and leaves the plan to whoever comes next.
const fn ends_run(failure: &Failure) -> bool {
    matches!(
        failure.kind,
        Kind::Blocked | Kind::Expired | Kind::Interrupted | Kind::Terminated | Kind::Bug
    )
}
