//! Splits requests between the slots, and waits for the servers that a share needs.

use std::collections::BTreeMap;
use std::time::Duration;

use liftlock::config::target::Slots;
use liftlock::config::traffic::{Capacity, Way};
use liftlock::failure::{Failure, Kind};
use liftlock::name::Name;
use liftlock::percent::Percent;
use liftlock::plan::{Action, Step};
use liftlock::span::Span;
use liftlock::traffic::capacity::{self, Lack};
use liftlock::traffic::command::{Order, Question, Release, VERSION, points};
use liftlock::traffic::{told, weighed};
use liftlock_io::{envoy, haproxy, nginx, splitter, weights};

use crate::drive::Engine;
use crate::effect::Context;
use crate::outcome::Ended;
use crate::world::World;

/// How often it is looked whether missing servers are there.
const LOOK: Span = Span::seconds(1);

/// How often it is listened meanwhile to what people want: that reads the state.
const LISTEN: Span = Span::seconds(5);

/// How long a file may take to be written and read back.
const FILE: Duration = Duration::from_secs(5);

/// What is not known where nobody says whom to ask.
const UNASKED: &str = "; Envoy was not asked whether it took them";

impl World {
    pub(crate) fn shift(
        &self,
        shares: &BTreeMap<Name, Percent>,
        context: Context<'_>,
    ) -> Result<String, Failure> {
        let way = self.way()?;
        let slots = context.plan.slots.as_ref().unwrap_or(way.slots());
        // What cannot be read, or understood, is set again and read back.
        if tells_all(way) && self.is_shifted(Some(slots), shares).unwrap_or(false) {
            return Ok("the weights were set already".to_owned());
        }
        context.lease.outlasts()?;
        match way {
            Way::Haproxy(target) => haproxy::set(target, shares)?,
            Way::Nginx(target) => nginx::set(target, shares)?,
            Way::Envoy(target) => envoy::set(target, shares, &|| self.client())?,
            Way::WeightsFile(target) => weights::set(target, slots, shares)?,
            Way::Command(target) => {
                let order = Order {
                    weights: points(shares),
                    plan: context.plan.id(),
                    release: Release {
                        id: &context.plan.release.id,
                        digest: context.plan.release.digest,
                    },
                    fence: context.fence,
                };
                splitter::shift(target, &self.question(slots, Some(order)))?;
            }
        }
        let asked = match way {
            Way::Envoy(target) if target.admin.is_empty() => UNASKED,
            Way::Haproxy(_)
            | Way::Nginx(_)
            | Way::Envoy(_)
            | Way::WeightsFile(_)
            | Way::Command(_) => "",
        };
        Ok(format!("{}{asked}", told(shares)))
    }

    /// Whether requests are split like this now; a command is told the roles,
    /// those of the configuration where none are known.
    ///
    /// # Errors
    ///
    /// Fails when that cannot be read.
    pub fn is_shifted(
        &self,
        roles: Option<&Slots>,
        shares: &BTreeMap<Name, Percent>,
    ) -> Result<bool, Failure> {
        let way = self.way()?;
        let slots = roles.unwrap_or(way.slots());
        Ok(match way {
            Way::Haproxy(target) => haproxy::is_set(target, shares)?,
            Way::Nginx(target) => nginx::is_set(target, shares)?,
            Way::Envoy(target) => envoy::is_set(target, shares, &|| self.client())?,
            Way::WeightsFile(target) => weights::is_set(target, shares)?,
            Way::Command(target) => {
                let split = splitter::read(target, &self.question(slots, None))?;
                let wanted = points(shares).into_iter();
                wanted.eq(split.weights.iter().map(|(slot, points)| (slot, *points)))
            }
        })
    }

    /// How requests are split now and how they should be, in words, where that
    /// differs.
    ///
    /// # Errors
    ///
    /// Fails when it cannot be read how they are split.
    pub fn split_otherwise(
        &self,
        roles: Option<&Slots>,
        shares: &BTreeMap<Name, Percent>,
    ) -> Result<Option<String>, Failure> {
        if self.is_shifted(roles, shares)? {
            return Ok(None);
        }
        let found = self.split(roles, shares)?;
        let wanted = told(shares);
        Ok(Some(format!(
            "the split is {found}, and should be {wanted}"
        )))
    }

    /// How requests are split now, in words, between the slots of these shares.
    ///
    /// # Errors
    ///
    /// Fails when it cannot be read how they are split.
    pub(crate) fn split(
        &self,
        roles: Option<&Slots>,
        shares: &BTreeMap<Name, Percent>,
    ) -> Result<String, Failure> {
        let way = self.way()?;
        let slots = roles.unwrap_or(way.slots());
        Ok(match way {
            Way::Haproxy(target) => haproxy::found(target, slots)?,
            Way::Nginx(target) => nginx::found(target)?,
            Way::Envoy(target) => envoy::found(target, shares, &|| self.client())?,
            Way::WeightsFile(target) => weights::found(target)?,
            Way::Command(target) => {
                let split = splitter::read(target, &self.question(slots, None))?;
                weighed(&split.weights)
            }
        })
    }

    /// The longest that a shift may take once it was looked how requests are
    /// split.
    pub(crate) fn setting(&self) -> Duration {
        let traffic = self.environment.traffic.as_ref();
        match traffic.and_then(|traffic| traffic.way()) {
            Some(Way::Command(target)) => target.timeout().duration() * 2,
            Some(Way::Haproxy(_) | Way::Nginx(_) | Way::Envoy(_) | Way::WeightsFile(_)) | None => {
                self.shifting()
            }
        }
    }

    /// The longest that a shift may take.
    pub(crate) fn shifting(&self) -> Duration {
        let traffic = self.environment.traffic.as_ref();
        match traffic.and_then(|traffic| traffic.way()) {
            Some(Way::Haproxy(_)) => haproxy::LONGEST,
            Some(Way::Nginx(_)) => nginx::RELOAD + FILE,
            Some(Way::Envoy(target)) => envoy::longest(target),
            Some(Way::WeightsFile(_)) => FILE,
            // Read, shift, and read again.
            Some(Way::Command(target)) => target.timeout().duration() * 3,
            None => Duration::ZERO,
        }
    }

    /// How many servers the requests need, where that is known.
    pub(crate) fn needs(&self) -> Option<Capacity> {
        let traffic = self.environment.traffic.as_ref();
        traffic.and_then(|traffic| traffic.needs())
    }

    /// The first slot whose healthy servers could not bear its share.
    ///
    /// # Errors
    ///
    /// Fails when it cannot be read which servers are healthy.
    pub(crate) fn lacking(
        &self,
        slots: &Slots,
        shares: &BTreeMap<Name, Percent>,
        full: u32,
    ) -> Result<Option<Lack>, Failure> {
        let healthy = match self.way()? {
            Way::Haproxy(target) => haproxy::healthy(target, slots)?,
            Way::Command(target) => {
                let split = splitter::read(target, &self.question(slots, None))?;
                split.healthy.ok_or_else(|| {
                    let message =
                        "`traffic.command.read` does not say how many servers are healthy";
                    Failure::new(Kind::Invalid, message)
                        .with_hint("have it print `healthy`, or remove `traffic.capacity`")
                })?
            }
            Way::Envoy(target) => envoy::healthy(target, slots, &|| self.client())?,
            Way::Nginx(_) | Way::WeightsFile(_) => {
                let message = "nobody tells which servers are healthy";
                return Err(Failure::new(Kind::Bug, message));
            }
        };
        Ok(capacity::lacking(shares, &healthy, full))
    }

    /// Whether a slot could be given requests: HAProxy takes none without a
    /// server that runs.
    pub(crate) fn can_take(&self, slot: &Name, slots: &Slots) -> Result<bool, Failure> {
        match self.way()? {
            Way::Haproxy(target) => {
                let healthy = haproxy::healthy(target, slots)?;
                Ok(healthy.get(slot).is_some_and(|servers| *servers > 0))
            }
            Way::Nginx(_) | Way::Envoy(_) | Way::WeightsFile(_) | Way::Command(_) => Ok(true),
        }
    }

    fn way(&self) -> Result<Way<'_>, Failure> {
        let traffic = self.environment.traffic.as_ref();
        traffic
            .and_then(|traffic| traffic.way())
            .ok_or_else(|| Failure::new(Kind::Invalid, "`traffic` is not configured"))
    }

    fn question<'a>(&'a self, slots: &'a Slots, order: Option<Order<'a>>) -> Question<'a> {
        Question {
            schema_version: VERSION,
            service: &self.rules.service,
            environment: &self.environment.name,
            slots,
            order,
        }
    }
}

/// Whether reading the shares tells all that a shift does. A file that nginx
/// includes says what holds after the next reload, and a weights file has the
/// roles of the plan as well: both are written again.
const fn tells_all(way: Way<'_>) -> bool {
    match way {
        Way::Nginx(_) | Way::WeightsFile(_) => false,
        Way::Haproxy(_) | Way::Envoy(_) | Way::Command(_) => true,
    }
}

impl Engine<'_> {
    /// Waits for the servers that a shift needs, but not without end; how the
    /// plan goes on where people want something else meanwhile. The way back
    /// does not ask: what served before the plan is the best there is.
    pub(crate) fn await_capacity(&mut self, step: &Step) -> Result<Option<Ended>, Failure> {
        let (Action::Shift { weights }, Some(needs)) = (&step.action, self.world.needs()) else {
            return Ok(None);
        };
        let run = self.run()?;
        let (Some(slots), None) = (run.plan.slots.clone(), &run.journal.turned) else {
            return Ok(None);
        };
        let patience = self.world.shifting();
        let begun = self.pace.now();
        let (until, mut heard) = (begun.after(needs.wait()), begun);
        loop {
            let lack = self.attempt(patience, &|engine| {
                engine.world.lacking(&slots, weights, needs.full)
            })?;
            let now = self.pace.now();
            let Some(lack) = lack else {
                if now < begun.after(LOOK) {
                    return Ok(None);
                }
                // Nobody listened since the last time, and what was spent by
                // waiting is missing to the effect's time.
                let ended = self.heed()?;
                if ended.is_none() {
                    self.renew(patience)?;
                }
                return Ok(ended);
            };
            if now >= until {
                let message = format!("{lack}, also after {}", needs.wait());
                return Err(Failure::new(Kind::Upstream, message));
            }
            if now >= heard.after(LISTEN) {
                heard = now;
                if let Some(ended) = self.heed()? {
                    return Ok(Some(ended));
                }
            }
            if self.state.is_aging(now.after(LOOK)) {
                self.renew(patience)?;
            }
            self.pace.wait(LOOK.duration())?;
        }
    }
}
