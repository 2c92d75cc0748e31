//! Has the effect of one step. Each effect looks first, acts only where
//! something is left to do, and looks again: repeating one changes nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use liftlock::config::pointer::Target;
use liftlock::config::target::{Prove, Slots};
use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::name::Name;
use liftlock::plan::{self, Action, Plan, make};
use liftlock::pointer::{Live, is_open};
use liftlock::release::Reference;
use liftlock::state::Hold;
use liftlock::time::Time;
use liftlock_io::pointer::{self, Move, Moved, Scope};
use liftlock_io::slot;

use crate::lasting::Lasting;
use crate::world::World;

/// Where a pointer is before a move, and after it.
pub type Ends = (Option<Digest>, Digest);

/// What became of an effect.
#[derive(Debug)]
pub enum Done {
    /// It happened; a note about it.
    Now(String),
    /// People who were asked had it happen, by then, where the forge tells; a
    /// note about it.
    Made(Option<Time>, String),
    /// It happens once people merge the request on this page.
    Waits(String),
    /// It does not happen: people do not want it, or changed it.
    Refused(String),
    /// What was to be withdrawn happened before; a note about it.
    Merged(String),
}

/// What an effect needs beside its step.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// Artifact → where it was when the release was made.
    pub labels: &'a BTreeMap<Name, String>,
    /// The plan's id.
    pub id: Digest,
    /// The fence of whoever acts.
    pub fence: u64,
    /// The hold that stands.
    pub hold: Option<&'a Hold>,
    /// How long they may.
    pub lease: Lasting<'a>,
}

impl World {
    /// Has the effect of a step that does not judge.
    ///
    /// # Errors
    ///
    /// Fails when the counterpart does, or shows something else afterwards.
    pub fn effect(&self, action: &Action, context: Context<'_>) -> Result<Done, Failure> {
        let note = match action {
            Action::Copy { .. } => self.copy(action, context),
            Action::Place { slot } => self.place(slot, context),
            Action::Prove { slot, artifacts } => self.prove(slot, artifacts),
            Action::Shift { weights } => self.shift(weights, context),
            Action::Point { .. } => return self.point(action, context),
            Action::Withdraw { .. } => return self.withdraw(action, context),
            Action::Swap { slots } => Ok(format!("`{}` is the stable slot", slots.stable)),
            Action::Bake { .. } | Action::Check { .. } | Action::Watch { .. } => Err(Failure::new(
                Kind::Bug,
                format!("a step that waits has no effect: {action}"),
            )),
        };
        note.map(Done::Now)
    }

    /// How long an effect may take: the lease has to last longer.
    #[must_use]
    pub fn patience(&self, action: &Action) -> Duration {
        match action {
            Action::Copy { .. } => pointer::COPY,
            Action::Place { .. } => slot::PROOF + self.calling(action),
            Action::Prove { .. } => slot::PROOF,
            Action::Shift { .. } => self.shifting(),
            Action::Point { target, .. } | Action::Withdraw { target, .. } => {
                let target = self.environment.targets.get(*target);
                target.map_or(Duration::ZERO, pointer::patience)
            }
            Action::Check { .. } => slot::PROOF * 2 + self.asking(),
            Action::Bake { .. } | Action::Swap { .. } | Action::Watch { .. } => Duration::ZERO,
        }
    }

    /// How long the call may take that changes something, after the look before
    /// it.
    pub(crate) fn calling(&self, action: &Action) -> Duration {
        match action {
            Action::Place { .. } => {
                let place = self.environment.place.as_ref();
                place.map_or(Duration::ZERO, slot::patience)
            }
            Action::Shift { .. } => self.setting(),
            Action::Copy { .. }
            | Action::Prove { .. }
            | Action::Bake { .. }
            | Action::Check { .. }
            | Action::Point { .. }
            | Action::Withdraw { .. }
            | Action::Swap { .. }
            | Action::Watch { .. } => self.patience(action),
        }
    }

    fn place(&self, slot: &Name, context: Context<'_>) -> Result<String, Failure> {
        let release = &context.plan.release;
        // After a kill the command may have run: what is there is not put there again.
        if self.serves(slot, &release.artifacts).is_ok() {
            return Ok("it was there already".to_owned());
        }
        let Some(place) = &self.environment.place else {
            return Err(Failure::new(
                Kind::Invalid,
                format!("`{slot}` does not hold the release and `place` is not configured"),
            ));
        };
        context.lease.outlasts()?;
        slot::place(place, slot, release, context.labels)?;
        Ok(String::new())
    }

    fn prove(&self, slot: &Name, artifacts: &BTreeMap<Name, Digest>) -> Result<String, Failure> {
        self.serves(slot, artifacts)?;
        Ok(format!("`{slot}` serves {} artifacts", artifacts.len()))
    }

    /// Proves that a slot serves exactly these artifacts.
    ///
    /// # Errors
    ///
    /// Fails as refuted when it serves something else.
    pub fn serves(&self, slot: &Name, artifacts: &BTreeMap<Name, Digest>) -> Result<(), Failure> {
        let names: Vec<&Name> = artifacts.keys().collect();
        let found = slot::prove(self.proof()?, slot, &names, &|| self.client())?;
        for (name, digest) in artifacts {
            match found.get(name) {
                Some(serves) if serves == digest => {}
                Some(serves) => {
                    let message = format!(
                        "slot `{slot}` serves {name} {} and not {}",
                        serves.short(),
                        digest.short()
                    );
                    return Err(Failure::new(Kind::Refuted, message));
                }
                None => {
                    let message = format!("slot `{slot}` says nothing about {name}");
                    return Err(Failure::new(Kind::Refuted, message));
                }
            }
        }
        Ok(())
    }

    /// Copies what a target will point at; nothing that is live changes by it.
    fn copy(&self, action: &Action, context: Context<'_>) -> Result<String, Failure> {
        let Action::Copy {
            target: index,
            label,
            from,
            image,
        } = action
        else {
            return Err(Failure::new(Kind::Bug, "a step that does not copy"));
        };
        let target = self.target(*index, label)?;
        if target.source() != Some(from.as_str()) {
            let message = format!("{label} is not copied to from {from} any more");
            return Err(Failure::new(Kind::Invalid, message));
        }
        context.lease.outlasts()?;
        let copied = pointer::copy(target, from, image, self.ca_file.as_deref())?;
        Ok(format!(
            "{} manifests, {} blobs taken over, {} sent ({} bytes), {} attached",
            copied.manifests,
            copied.mounted,
            copied.sent,
            copied.bytes,
            copied.attached.len()
        ))
    }

    fn point(&self, action: &Action, context: Context<'_>) -> Result<Done, Failure> {
        let (target, ends, is_open) = self.may_point(action)?;
        let moved = Self::moving(target, ends, context);
        if !is_open {
            return self.pointed(target, &moved, "it pointed there already".to_owned());
        }
        let plan = context.plan;
        // The way down goes to what was good, whoever lost a part of it.
        let is_up =
            plan.kind != plan::Kind::Rollback && make::aim(target, &plan.release) == Some(ends.1);
        if is_up && !pointer::has(target, &ends.1, &self.scope())? {
            let message = format!(
                "not all of {} is where {} points",
                ends.1.short(),
                target.label()
            );
            return Err(Failure::new(Kind::Refuted, message));
        }
        let notice = context
            .hold
            .map(|hold| self.notice(hold, Some(moved.release)));
        let moved = Move {
            notice: notice.as_ref(),
            ..moved
        };
        context.lease.outlasts()?;
        match pointer::point(target, &moved, &self.scope())? {
            Moved::Already => {}
            Moved::Waits(page) => return Ok(Done::Waits(page)),
            Moved::Refused(why) => return Ok(Done::Refused(why)),
        }
        self.pointed(target, &moved, format!("points at {}", moved.to.short()))
    }

    /// A move that is made, once nobody is asked to make it any more.
    fn pointed(&self, target: &Target, moved: &Move<'_>, note: String) -> Result<Done, Failure> {
        let withdrawn = pointer::withdraw(target, moved, &self.scope())?;
        if !withdrawn.live.is(Some(moved.to)) {
            let message = "the pointer is somewhere else right after it was moved";
            return Err(Failure::new(Kind::Upstream, message));
        }
        Ok(match target.request() {
            Some(_) => Done::Made(withdrawn.merged_at, note),
            None => Done::Now(note),
        })
    }

    /// Whose pointers are read and moved.
    #[must_use]
    pub fn scope(&self) -> Scope<'_> {
        Scope {
            service: &self.rules.service,
            environment: &self.environment.name,
            ca_file: self.ca_file.as_deref(),
        }
    }

    /// The target of a step that points, its move, and whether that is still to
    /// be made.
    ///
    /// # Errors
    ///
    /// Fails as refuted where somebody else moved it, as invalid where the
    /// target is not the one that the plan was made for.
    pub fn may_point(&self, action: &Action) -> Result<(&Target, Ends, bool), Failure> {
        let (target, ends) = self.move_of(action)?;
        let live = pointer::read(target, &self.scope())?;
        Ok((target, ends, is_open(&target.label(), &live, ends)?))
    }

    /// Where every target points now, in order.
    ///
    /// # Errors
    ///
    /// Fails when one cannot be read, and as blocked where one points at what
    /// is not understood.
    pub fn pointers(&self) -> Result<Vec<Option<Digest>>, Failure> {
        let targets = self.environment.targets.iter();
        targets
            .map(|target| match pointer::read(target, &self.scope())? {
                Live::Nowhere => Ok(None),
                Live::At(digest) => Ok(Some(digest)),
                strange @ Live::Strange(_) => {
                    let message = format!("{} is at {strange}", target.label());
                    Err(Failure::new(Kind::Blocked, message)
                        .with_hint("put back what was there, or empty it where nothing is live"))
                }
            })
            .collect()
    }

    /// Whether what a step points at is there.
    ///
    /// # Errors
    ///
    /// Fails when the repository cannot be read.
    pub fn can_point(&self, action: &Action) -> Result<bool, Failure> {
        let Action::Point { target, to, .. } = action else {
            return Ok(true);
        };
        let target = self.environment.targets.get(*target);
        target.map_or(Ok(false), |target| pointer::has(target, to, &self.scope()))
    }

    /// What of a release is not where targets would point at it.
    ///
    /// # Errors
    ///
    /// Fails when a registry cannot be read.
    pub fn absent(&self, release: &Reference) -> Result<Option<String>, Failure> {
        for target in &self.environment.targets {
            let Some(image) = make::aim(target, release) else {
                continue;
            };
            if let Some(missing) = pointer::missing(target, &image, &self.scope())? {
                let told = format!(
                    "{} is not where {} would point",
                    missing.short(),
                    target.label()
                );
                return Ok(Some(told));
            }
        }
        Ok(None)
    }

    /// Proves that all of what goes up is where targets will point at it, or
    /// where it is copied from.
    ///
    /// # Errors
    ///
    /// Fails as refuted where some of it is not, and when a registry cannot be
    /// read.
    pub fn whole(&self, plan: &Plan) -> Result<(), Failure> {
        let absent = match plan.kind {
            plan::Kind::Promotion | plan::Kind::First => self.absent(&plan.release)?,
            plan::Kind::Rollback => None,
        };
        let Some(told) = absent else {
            return Ok(());
        };
        let hint = "push the image there, of an index everything below it as well";
        Err(Failure::new(Kind::Refuted, told).with_hint(hint))
    }

    /// Whether a slot says itself that it serves nothing.
    ///
    /// # Errors
    ///
    /// Fails where it does not say what it serves.
    pub(crate) fn is_empty(&self, slot: &Name) -> Result<bool, Failure> {
        slot::is_empty(self.proof()?, slot, &|| self.client())
    }

    fn proof(&self) -> Result<&Prove, Failure> {
        let prove = self.environment.prove.as_ref();
        prove.ok_or_else(|| Failure::new(Kind::Invalid, "`prove` is not configured"))
    }

    /// Which release of some a slot serves, by proof.
    #[must_use]
    pub fn serves_one_of<'a>(
        &self,
        slot: &Name,
        releases: impl Iterator<Item = &'a Reference>,
    ) -> Option<&'a Reference> {
        let mut releases = releases;
        releases.find(|release| self.serves(slot, &release.artifacts).is_ok())
    }

    /// The roles of the slots: of the state, or of the configuration at first contact.
    #[must_use]
    pub fn slots<'a>(&'a self, known: Option<&'a Slots>) -> Option<&'a Slots> {
        known.or(self.environment.slots.as_ref())
    }
}
