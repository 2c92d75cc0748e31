//! Where a plan stands: which release has which share of the requests, which
//! pointers moved, and how to go on with it.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::journal::Journal;
use super::next::{Next, next};
use super::wish::Asked;
use super::{Action, Kind, Plan, back};
use crate::name::Name;
use crate::percent::Percent;
use crate::state::Run;

/// Where a plan stands, as its journal tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// How requests are split; empty where the plan splits none, or nobody
    /// knows.
    pub shares: Vec<Share>,
    /// How they may be split already: a shift was begun and its end is not noted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub or: Vec<Share>,
    /// Pointers that were moved, or may have been.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub moved: Vec<String>,
    /// The release that the plan is for.
    pub release: String,
    /// The step that comes next or was begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
}

/// What one slot gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Share {
    /// The slot.
    pub slot: Name,
    /// The release that it serves, where the plan knows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    /// Its share of the requests.
    pub share: Percent,
}

type Weights = BTreeMap<Name, Percent>;

impl Standing {
    /// Where a plan stands.
    #[must_use]
    pub fn of(plan: &Plan, journal: &Journal) -> Self {
        let (now, or) = split(plan, journal);
        let shares = |weights: Weights| {
            let shares = weights.into_iter();
            let shares = shares.map(|(slot, share)| Share {
                release: serves(plan, &slot),
                slot,
                share,
            });
            shares.collect()
        };
        let step = match next(plan, journal) {
            Next::Up(step) | Next::Back(step) => Some(step.id),
            Next::Done(_) => None,
        };
        Self {
            shares: shares(now),
            or: shares(or),
            moved: moved(plan, journal),
            release: plan.release.id.clone(),
            step,
        }
    }
}

/// How requests are split, and how they may be where a shift was begun only.
fn split(plan: &Plan, journal: &Journal) -> (Weights, Weights) {
    let before = match (&plan.slots, plan.reconciles()) {
        (Some(slots), false) if plan.previous.is_some() => back::weights_before(plan, slots),
        // What somebody else did, or whatever was there at first contact.
        (Some(_) | None, _) => plan.found.clone(),
    };
    let mut split = (before, Weights::new());
    for step in plan.steps.iter().chain(&journal.back) {
        let (Action::Shift { weights }, Some(entry)) = (&step.action, journal.entry(&step.id))
        else {
            continue;
        };
        match entry.ended_at {
            Some(_) => split = (weights.clone(), Weights::new()),
            None => split.1.clone_from(weights),
        }
    }
    split
}

/// Which release a slot serves while the plan is under way.
fn serves(plan: &Plan, slot: &Name) -> Option<String> {
    let slots = plan.slots.as_ref()?;
    let (stable, canary) = match plan.reconciles() {
        true => (Some(&plan.release), None),
        false => (plan.previous.as_ref(), Some(&plan.release)),
    };
    let release = match slot {
        slot if *slot == slots.stable => stable,
        slot if *slot == slots.canary => canary,
        _ => None,
    };
    release.map(|release| release.id.clone())
}

/// The pointers that moved and were not moved back.
fn moved(plan: &Plan, journal: &Journal) -> Vec<String> {
    let is_back = |label: &str| {
        let mut back = journal.back.iter();
        back.any(|step| step.action.pointer() == Some(label) && journal.is_done(&step.id))
    };
    let begun = plan
        .steps
        .iter()
        .filter(|step| journal.entry(&step.id).is_some());
    let begun = begun.filter_map(|step| Some((step.action.pointer()?, journal.is_done(&step.id))));
    begun
        .filter(|(label, _)| !is_back(label))
        .map(|(label, is_done)| match is_done {
            true => label.to_owned(),
            false => format!("{label} (begun)"),
        })
        .collect()
}

fn told(shares: &[Share]) -> String {
    let known = |share: &&Share| share.release.is_some() || share.share > Percent::ZERO;
    let shares = shares.iter().filter(known);
    let told: Vec<String> = shares.map(Share::to_string).collect();
    told.join(", ")
}

impl fmt::Display for Share {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.release {
            Some(release) => write!(formatter, "{release} {}", self.share),
            None => write!(formatter, "`{}` {}", self.slot, self.share),
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        match (told(&self.shares), told(&self.or)) {
            (now, or) if now.is_empty() && or.is_empty() => {}
            (now, or) if or.is_empty() => parts.push(format!("requests: {now}")),
            (now, or) if now.is_empty() => parts.push(format!("requests may be split: {or}")),
            (now, or) => parts.push(format!("requests: {now}, or already {or}")),
        }
        if !self.moved.is_empty() {
            let (moved, release) = (self.moved.join(", "), &self.release);
            parts.push(format!("moved to {release}: {moved}"));
        }
        match &self.step {
            Some(step) => parts.push(format!("{step} is not done")),
            None => parts.push("every step is done, its end is not noted".to_owned()),
        }
        formatter.write_str(&parts.join("; "))
    }
}

impl Run {
    /// Whether people were asked to say or to merge something, and did not as far
    /// as the journal tells.
    #[must_use]
    pub fn waits_for_people(&self) -> bool {
        self.journal.question().is_some() || !self.journal.requests.is_empty()
    }

    /// Whether somebody has to let it go on: it was paused, or asks people.
    #[must_use]
    pub fn waits_for_a_word(&self) -> bool {
        matches!(self.journal.asked(), Asked::Stop(_)) || self.journal.question().is_some()
    }

    /// The command that goes on with it, and the one that takes it back.
    #[must_use]
    pub fn way_on(&self) -> String {
        let (plan, journal) = (&self.plan, &self.journal);
        let place = &plan.environment;
        let resume = format!("`promote resume --environment {place}`");
        let abort = format!("`promote abort --environment {place} --reason TEXT`");
        let advance = format!("`promote advance --environment {place} --reason TEXT`");
        if plan.kind == Kind::Rollback && !plan.reconciles() {
            return format!("run `rollback run --environment {place}` to go on with it");
        }
        if plan.kind == Kind::Rollback || journal.is_going_back() {
            return format!("run {resume} to go on with it");
        }
        match self.waits_for_a_word() {
            true => format!("run {advance} to let it go on, or {abort} to take it back"),
            false => format!("run {resume} to go on with it, or {abort} to take it back"),
        }
    }
}
