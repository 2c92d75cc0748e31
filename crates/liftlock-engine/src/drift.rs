//! Compares what is live with what the state says: a difference blocks.

use std::collections::BTreeMap;

use liftlock::config::target::Slots;
use liftlock::failure::{Failure, Kind};
use liftlock::name::Name;
use liftlock::percent::Percent;
use liftlock::plan::stray::Stray;
use liftlock::plan::{Kind as PlanKind, Plan, make};
use liftlock::pointer::Live;
use liftlock::rollback::known_good;
use liftlock::state::Document;
use liftlock_io::pointer;

use crate::world::World;

impl World {
    /// What differs between the state and the world, one line each; empty when
    /// nothing does, and at first contact, where the state says nothing.
    ///
    /// # Errors
    ///
    /// Fails when a counterpart cannot be read.
    pub fn drift(&self, state: &Document) -> Result<Vec<String>, Failure> {
        let Some(live) = &state.live else {
            return Ok(self.forgotten()?.into_iter().collect());
        };
        let mut differs = Vec::new();
        if let Some(slots) = self.slots(state.slots.as_ref()) {
            if let Err(failure) = self.serves(&slots.stable, &live.release.artifacts) {
                differs.push(failure.lines().join(": "));
            }
            let weights = split(slots, Percent::FULL, Percent::ZERO);
            if let Some(how) = self.split_otherwise(Some(slots), &weights)? {
                let stable = &slots.stable;
                differs.push(format!("`{stable}` does not get all requests: {how}"));
            }
        }
        for target in &self.environment.targets {
            let found = pointer::read(target, &self.scope())?;
            let aim = make::aim(target, &live.release);
            if !found.is(aim) {
                let (at, wanted) = (found.short(), Live::from(aim).short());
                let label = target.label();
                differs.push(format!(
                    "{label} points at {at}, and should point at {wanted}"
                ));
            }
        }
        Ok(differs)
    }

    /// Where every pointer is while a plan is under way, one line each.
    #[must_use]
    pub fn whereabouts(&self) -> Vec<String> {
        let targets = self.environment.targets.iter();
        let told = targets.map(|target| match pointer::read(target, &self.scope()) {
            Ok(found) => format!("{} points at {}", target.label(), found.short()),
            Err(failure) => {
                let why = failure.lines().join(": ");
                format!("{} cannot be read: {why}", target.label())
            }
        });
        told.collect()
    }

    /// The pointers that are still where a plan left them that went back; of a
    /// plan under way its journal tells.
    ///
    /// # Errors
    ///
    /// Fails when one cannot be read.
    pub fn strays(&self, state: &Document) -> Result<Vec<Stray>, Failure> {
        let mut still = Vec::new();
        let strays = match state.under_way() {
            Some(_) => Vec::new(),
            None => state.strays(),
        };
        for stray in strays {
            // What is not configured any more is not ours to look at.
            let Ok(target) = self.target(stray.target, &stray.label) else {
                continue;
            };
            if pointer::read(target, &self.scope())?.is(Some(stray.at)) {
                still.push(stray);
            }
        }
        Ok(still)
    }

    /// A first release's plan with how requests are split before it, so that its
    /// way back is no outage; other plans as they are.
    ///
    /// # Errors
    ///
    /// Fails as blocked where a slot that gets requests does not prove that it
    /// serves nothing: what is there is known good first, by `promote adopt`.
    /// Fails where it cannot be read how requests are split.
    pub fn first(&self, plan: Plan) -> Result<Plan, Failure> {
        let (PlanKind::First, Some(slots)) = (plan.kind, &plan.slots.clone()) else {
            return Ok(plan);
        };
        let nothing = split(slots, Percent::ZERO, Percent::ZERO);
        if self.is_shifted(Some(slots), &nothing)? {
            return Ok(plan);
        }
        let to_stable = split(slots, Percent::FULL, Percent::ZERO);
        if self.is_shifted(Some(slots), &to_stable)? {
            return Ok(match self.takes_nothing(&slots.stable, slots)? {
                true => plan,
                false => Plan {
                    found: to_stable,
                    ..plan
                },
            });
        }
        // The canary's slot holds what failed when the plan goes back: nothing
        // goes there again.
        let to_canary = split(slots, Percent::ZERO, Percent::FULL);
        self.takes_nothing(&slots.canary, slots)?;
        if !self.is_shifted(Some(slots), &to_canary)? {
            self.takes_nothing(&slots.stable, slots)?;
        }
        Ok(plan)
    }

    /// Whether no server is there for a slot that gets requests. Proxies start
    /// with the weights of their configuration, whether or not there is one.
    fn takes_nothing(&self, slot: &Name, slots: &Slots) -> Result<bool, Failure> {
        let is_down = !self.can_take(slot, slots)?;
        let refused = |why: &str| {
            let message = format!("`{slot}` gets requests {why}, and nothing is known to be live");
            Failure::new(Kind::Blocked, message).with_hint(
                "take what serves as known good first: `promote adopt`; where nothing does, take the requests away from that slot, or have it answer that it serves nothing",
            )
        };
        match self.is_empty(slot) {
            Ok(true) => Ok(is_down),
            Ok(false) => Err(refused("and serves something")),
            Err(_) if is_down => Ok(true),
            Err(unknown) if matches!(unknown.kind, Kind::Upstream | Kind::Credentials) => {
                let why = unknown.lines().join(": ");
                Err(refused(&format!("and does not say what it serves ({why})")))
            }
            Err(failure) => Err(failure),
        }
    }

    /// What the ledger knows to be live while the state knows nothing: a lost
    /// state must not pass for an environment that never served, and neither
    /// must a ledger that cannot be read.
    fn forgotten(&self) -> Result<Option<String>, Failure> {
        let entries = self.ledger.entries(0..u64::MAX)?;
        let good = known_good(&entries, &self.rules.service, &self.environment.name);
        Ok(good.first().map(|(release, since)| {
            format!(
                "the ledger knows {} to be live since {since}, the state knows nothing",
                release.id
            )
        }))
    }
}

fn split(slots: &Slots, stable: Percent, canary: Percent) -> BTreeMap<Name, Percent> {
    BTreeMap::from([
        (slots.stable.clone(), stable),
        (slots.canary.clone(), canary),
    ])
}
