//! Drives a plan to its end: intent, effect, outcome, one step after the other.

use std::collections::BTreeMap;
use std::time::Duration;

use liftlock::approval::fresh::AskedAgain;
use liftlock::failure::{Failure, Kind};
use liftlock::name::Name;
use liftlock::plan::journal::Journal;
use liftlock::plan::next::{Next, next};
use liftlock::plan::{Action, Plan, Step};
use liftlock::state::{Document, Hold, Owner, Run};
use liftlock::verdict::Verdict;

use crate::admit::admit;
use crate::asked::Heard;
use crate::down::Open;
use crate::effect::Context;
use crate::outcome::{Ended, Outcome};
use crate::pace::{Pace, Stay};
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
    pub(crate) emitted: Emitted,
    pub(crate) recorded: bool,
    /// What forges were asked and the state does not tell yet.
    pub(crate) asked: Vec<AskedAgain>,
    pub(crate) stay: Stay,
    labels: BTreeMap<Name, String>,
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
            asked: Vec::new(),
            stay: Stay::Through,
        })
    }

    /// The same, with another way to stay while a step ripens.
    #[must_use]
    pub const fn staying(mut self, stay: Stay) -> Self {
        self.stay = stay;
        self
    }

    /// The environment with everything around it.
    #[must_use]
    pub const fn world(&self) -> &'a World {
        self.world
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
        self.world.whole(plan)?;
        let now = self.pace.now();
        let hold = opening.hold.map(|reason| Hold {
            reason: reason.to_owned(),
            by: opening.owner.run.clone(),
            at: now,
        });
        self.emit();
        let told = self.told();
        let asked = std::mem::take(&mut self.asked);
        let recorded = &self.emitted;
        self.state.acquire(opening.owner, now, &|document| {
            admit(document, plan, plan.id())?;
            document.retire(told);
            document.recorded(recorded.ids());
            if let Some(slots) = &plan.slots {
                document.slots.get_or_insert_with(|| slots.clone());
            }
            let held = hold.clone().filter(|_| document.hold.is_none());
            if held.is_some() {
                document.hold.clone_from(&held);
            }
            document.run = Some(Run {
                id: plan.id(),
                plan: plan.clone(),
                journal: Journal {
                    fresh: asked.clone(),
                    ..Journal::default()
                },
                actors: self.world.actors.clone(),
                verdict: None,
                held,
            });
            Ok(())
        })?;
        self.emit();
        let ended = self.steps();
        self.close(ended)
    }

    /// Goes on with the plan under way: up where everything that allowed it
    /// still holds, else back.
    ///
    /// # Errors
    ///
    /// Fails as blocked where there is none and where its owner still lives,
    /// and as stuck where the plan is not the one that was begun.
    pub fn resume(&mut self, owner: &Owner) -> Result<Outcome, Failure> {
        let now = self.pace.now();
        if let Some(outcome) = self.rests(now)? {
            return Ok(outcome);
        }
        self.take_over(owner, &|_| Ok(()))?;
        let settled = self.settle();
        let ended = settled.and_then(|_| self.steps());
        self.close(ended)
    }

    /// Turns a plan back that may not go on upwards.
    fn settle(&mut self) -> Result<Ended, Failure> {
        self.emit();
        match self.doubt()? {
            Some(doubt) => self.turn(Verdict::Fail, &doubt),
            None => Ok(Ended::No),
        }
    }

    pub(crate) fn steps(&mut self) -> Result<Outcome, Failure> {
        loop {
            let run = self.run()?;
            let ended = match next(&run.plan, &run.journal) {
                Next::Up(step) => self.onwards(&step)?,
                Next::Back(_) => self.back()?,
                Next::Done(verdict) => self.finish(verdict)?,
            };
            if let Ended::Run(outcome) = ended {
                return Ok(*outcome);
            }
        }
    }

    /// One step up, unless people want something else.
    fn onwards(&mut self, step: &Step) -> Result<Ended, Failure> {
        match self.heed()? {
            Some(ended) => Ok(ended),
            None => self.up(step),
        }
    }

    /// How the plan goes on where people want something else than the way up.
    pub(crate) fn heed(&mut self) -> Result<Option<Ended>, Failure> {
        let ended = match self.listen()? {
            Heard::Nothing => match self.recalled()? {
                Some(why) => self.turn(Verdict::Fail, &why),
                None => return Ok(None),
            },
            Heard::Back(why) => self.turn(Verdict::Fail, &why),
            Heard::Stop(wish) => self.stop(&wish),
        };
        ended.map(Some)
    }

    pub(crate) fn run(&self) -> Result<&Run, Failure> {
        let run = self.state.document.run.as_ref();
        run.ok_or_else(|| Failure::new(Kind::Bug, "the plan under way is gone"))
    }

    /// One step up. What fails turns the plan back; only a lost lease, a
    /// signal, the end of the time given, or people whom nobody can ask what
    /// they did, ends the run as it is.
    fn up(&mut self, step: &Step) -> Result<Ended, Failure> {
        let done = match &step.action {
            Action::Bake { .. } | Action::Watch { .. } => self.ripen(step),
            Action::Check { slot } => self.check(step, slot),
            Action::Copy { .. }
            | Action::Place { .. }
            | Action::Prove { .. }
            | Action::Shift { .. }
            | Action::Point { .. }
            | Action::Withdraw { .. }
            | Action::Swap { .. } => self.perform(step),
        };
        match done {
            Ok(Ended::Run(pending)) => self.rest_until_merged(step, pending),
            Ok(Ended::No) => Ok(Ended::No),
            Ok(Ended::Refused(failure)) => self.beside(step, Open::refused(*failure)),
            Err(failure) if ends_run(&failure) => Err(failure),
            Err(failure) if self.is_down()? => self.stay_down(step, failure),
            Err(failure) if self.is_unseen(step, &failure)? => Err(failure),
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
    pub(crate) fn perform(&mut self, step: &Step) -> Result<Ended, Failure> {
        let patience = self.world.patience(&step.action);
        if let Action::Point { .. } = &step.action {
            // What somebody else moved is not ours to move: no intent is noted.
            self.attempt(patience, &|engine| engine.world.may_point(&step.action))?;
        }
        // Names of files are needed only where something is to be put.
        if let Action::Place { slot } = &step.action
            && self
                .world
                .serves(slot, &self.run()?.plan.release.artifacts)
                .is_err()
        {
            self.labels = self.found_labels(patience)?;
        }
        self.begin(step)?;
        self.pace.tell(&format!("{}: {}", step.id, step.action));
        if let Some(ended) = self.await_capacity(step)? {
            return Ok(ended);
        }
        let done = self.attempt(patience, &|engine| {
            let context = engine.context(&step.action)?;
            engine.world.effect(&step.action, context)
        })?;
        self.conclude(step, done)
    }

    pub(crate) fn context(&self, action: &Action) -> Result<Context<'_>, Failure> {
        let run = self.run()?;
        Ok(Context {
            plan: &run.plan,
            labels: &self.labels,
            id: run.id,
            fence: self.document().fence,
            hold: self.document().hold.as_ref(),
            lease: self.lasting(action),
        })
    }

    /// Tries something a few times, with a lease that lasts longer than it may.
    pub(crate) fn attempt<T>(
        &mut self,
        patience: Duration,
        act: &dyn Fn(&Self) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut pause = PAUSE;
        let mut tries = 0;
        loop {
            let failure = match act(self) {
                Ok(done) => return Ok(done),
                Err(failure) => failure,
            };
            tries += 1;
            let hopeless = matches!(failure.kind, Kind::Invalid | Kind::Bug | Kind::Credentials);
            if tries >= TRIES || hopeless {
                return Err(failure);
            }
            self.pace.wait(pause)?;
            pause *= 2;
            self.renew(patience)?;
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

    pub(crate) fn end(&mut self, step: &Step, note: &str) -> Result<Ended, Failure> {
        let now = self.pace.now();
        let asked = std::mem::take(&mut self.asked);
        self.state.commit(now, Duration::ZERO, &|document| {
            let run = under_way(document)?;
            run.journal.fresh.extend(asked.iter().cloned());
            run.journal.end(&step.id, note.to_owned(), now);
            let release = run.plan.release.clone();
            match &step.action {
                Action::Place { slot } => {
                    document.contents.insert(slot.clone(), release);
                }
                Action::Swap { slots } => document.slots = Some(slots.clone()),
                Action::Copy { .. }
                | Action::Prove { .. }
                | Action::Shift { .. }
                | Action::Bake { .. }
                | Action::Check { .. }
                | Action::Point { .. }
                | Action::Withdraw { .. }
                | Action::Watch { .. } => {}
            }
            Ok(())
        })?;
        self.emit();
        Ok(Ended::No)
    }

    pub(crate) fn renew(&mut self, needed: Duration) -> Result<(), Failure> {
        let now = self.pace.now();
        self.state.commit(now, needed, &|_| Ok(()))
    }
}

pub(crate) fn under_way(document: &mut Document) -> Result<&mut Run, Failure> {
    let run = document.run.as_mut();
    run.ok_or_else(|| Failure::new(Kind::Bug, "the plan under way is gone"))
}

/// Whether a failure ends this run and leaves the plan to whoever comes next.
pub(crate) const fn ends_run(failure: &Failure) -> bool {
    matches!(
        failure.kind,
        Kind::Blocked | Kind::Expired | Kind::Interrupted | Kind::Terminated | Kind::Bug
    )
}
