//! A promotion or a rollback as data: made by a pure function, fixed before
//! anything moves.

pub mod apart;
pub mod back;
pub mod journal;
pub mod judge;
pub mod make;
pub mod next;
pub mod outlook;
pub mod reconcile;
pub mod recovery;
pub mod rest;
pub mod standing;
pub mod stray;
#[cfg(test)]
mod tests;
pub mod wish;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::approval::break_glass::Broken;
use crate::canary::metric::Metric;
use crate::config::environment::Otherwise;
use crate::config::pointer::Reversible;
use crate::config::target::Slots;
use crate::digest::Digest;
use crate::name::Name;
use crate::percent::Percent;
use crate::release::Reference;
use crate::rollback::Cause;
use crate::span::Span;
use crate::time::Time;

/// What is to be done, in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Plan {
    /// What it is for.
    pub kind: Kind,
    /// The service.
    pub service: Name,
    /// The environment.
    pub environment: Name,
    /// The release that is to be live.
    pub release: Reference,
    /// The release that is live now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Reference>,
    /// The slots in their roles before the plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slots: Option<Slots>,
    /// Of a first release: how requests were split before it, where a slot got
    /// all of them; its way back.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub found: BTreeMap<Name, Percent>,
    /// How the canary is judged, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judging: Option<Judging>,
    /// What it is judged by beside its requests; the edges of histograms are
    /// known when it is first looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<Metric>,
    /// The policy it was made by.
    pub policy: Digest,
    /// The approval that it uses up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Digest>,
    /// The gates that it goes past, by a permission that it uses up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub break_glass: Option<Broken>,
    /// Why somebody has it made, where they were asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why a release is gone back to, and past what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// When it was made.
    pub made_at: Time,
    /// The steps.
    pub steps: Vec<Step>,
}

/// What a plan is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Up, beside a release that is live.
    Promotion,
    /// Up, where nothing was live before.
    First,
    /// Down, to a known-good release.
    Rollback,
}

/// How a canary is judged during a plan; fixed with it, so that a resume
/// judges by the same rules.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Judging {
    /// The chance of a false alarm, spent once over the whole plan.
    pub alpha: f64,
    /// The odds ratio up to which the canary counts as no worse.
    pub margin: f64,
    /// How much healthy versions differ beside that.
    pub spread: Percent,
    /// How long the plan lasts when nothing is in its way.
    pub horizon: Span,
    /// The promised share of good requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub availability: Option<Percent>,
    /// How often a look is taken.
    pub look: Span,
    /// When there is no sight.
    pub on_blind: Otherwise,
    /// When the sample does not come.
    pub on_inconclusive: Otherwise,
    /// How much longer than its bake a step waits for either; without it one
    /// more bake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patience: Option<Span>,
    /// How long people are asked about either; without it one more bake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_within: Option<Span>,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Step {
    /// Unique in its plan, such as `03-shift`.
    pub id: String,
    /// What it does.
    pub action: Action,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "action", rename_all = "kebab-case")]
pub enum Action {
    /// Copies an image, with all that is attached to it, to where a target points.
    Copy {
        /// Which of the environment's targets, from 0.
        target: usize,
        /// Its name for people.
        label: String,
        /// The repository that has it.
        from: String,
        /// The image.
        image: Digest,
    },
    /// Puts the release into a slot.
    Place {
        /// The slot.
        slot: Name,
    },
    /// Reads from a slot that it serves exactly these.
    Prove {
        /// The slot.
        slot: Name,
        /// Artifact → digest.
        artifacts: BTreeMap<Name, Digest>,
    },
    /// Gives each slot its share of the requests.
    Shift {
        /// Slot → share.
        weights: BTreeMap<Name, Percent>,
    },
    /// Lets the step ripen while the canary is judged.
    Bake {
        /// The least time.
        length: Span,
        /// The least number of canary requests.
        requests: u64,
        /// The canary's share during it.
        share: Percent,
    },
    /// Asks again whether everything that allowed this still holds.
    Check {
        /// The slot that has to be proved again.
        slot: Name,
    },
    /// Moves a pointer.
    Point {
        /// Which of the environment's targets, from 0.
        target: usize,
        /// Its name for people.
        label: String,
        /// Where it points before; absent where nothing was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<Digest>,
        /// Where it points after.
        to: Digest,
        /// Whether it can be moved back.
        #[serde(default, skip_serializing_if = "Reversible::is_yes")]
        reversible: Reversible,
    },
    /// Closes the request of a pointer that nobody merged: on the way back.
    Withdraw {
        /// Which of the environment's targets, from 0.
        target: usize,
        /// Its name for people.
        label: String,
        /// The step that opened it.
        step: String,
    },
    /// Gives the slots their roles.
    Swap {
        /// The roles after it.
        slots: Slots,
    },
    /// Goes on judging after the pointers moved.
    Watch {
        /// How long.
        length: Span,
    },
}

impl Plan {
    /// What the plan is known by.
    #[must_use]
    pub fn id(&self) -> Digest {
        // A plan is plain data: serialising it cannot fail.
        Digest::of(&serde_json::to_vec(self).unwrap_or_default())
    }

    /// The requests that it rests on: each of them can be taken back.
    #[must_use]
    pub fn requests(&self) -> Vec<Digest> {
        let broken = self.break_glass.as_ref().map(|broken| broken.request);
        self.approval.into_iter().chain(broken).collect()
    }

    /// Whether it makes the world again what the state says: a rollback to what
    /// is live already.
    #[must_use]
    pub fn reconciles(&self) -> bool {
        let previous = self.previous.as_ref().map(|previous| previous.digest);
        self.kind == Kind::Rollback && previous == Some(self.release.digest)
    }

    /// Whether it goes down to another release than the one that is live.
    #[must_use]
    pub fn goes_down(&self) -> bool {
        self.kind == Kind::Rollback && !self.reconciles()
    }

    /// The step with this id.
    #[must_use]
    pub fn step(&self, id: &str) -> Option<&Step> {
        self.steps.iter().find(|step| step.id == id)
    }

    /// The slot that the release goes to.
    #[must_use]
    pub fn candidate(&self) -> Option<&Name> {
        self.slots.as_ref().map(|slots| &slots.canary)
    }

    /// Whether the known version serves beside the canary in some bake, so that
    /// both can be compared.
    #[must_use]
    pub fn has_baseline(&self) -> bool {
        let beside = |step: &Step| matches!(step.action, Action::Bake { share, .. } if share < Percent::FULL);
        self.kind == Kind::Promotion && self.steps.iter().any(beside)
    }

    /// Whether the canary is held against the objective in some step.
    #[must_use]
    pub fn has_objective(&self) -> bool {
        let mut steps = self.steps.iter();
        !self.has_baseline() || steps.any(|step| step.action.is_alone())
    }

    /// What a test may spend of the chance of a false alarm: half of it where
    /// the plan has one beside the baseline and one beside the objective.
    #[must_use]
    pub fn part(&self) -> f64 {
        match self.has_baseline() && self.has_objective() {
            true => 0.5,
            false => 1.0,
        }
    }

    /// How long the canary is held against the objective when nothing is in
    /// the way.
    #[must_use]
    pub fn alone_for(&self) -> Span {
        let alone = self.steps.iter().filter(|step| step.action.is_alone());
        let lengths = alone.map(|step| match &step.action {
            Action::Bake { length, .. } | Action::Watch { length } => length.millis(),
            Action::Copy { .. }
            | Action::Place { .. }
            | Action::Prove { .. }
            | Action::Shift { .. }
            | Action::Check { .. }
            | Action::Point { .. }
            | Action::Withdraw { .. }
            | Action::Swap { .. } => 0,
        });
        Span::from_millis(lengths.fold(0, u64::saturating_add))
    }

    /// How requests are split when a step begins, if the plan split them.
    #[must_use]
    pub fn shares_before(&self, step: &str) -> Option<&BTreeMap<Name, Percent>> {
        let before = self.steps.iter().take_while(|one| one.id != step);
        before
            .filter_map(|one| match &one.action {
                Action::Shift { weights } => Some(weights),
                Action::Copy { .. }
                | Action::Place { .. }
                | Action::Prove { .. }
                | Action::Bake { .. }
                | Action::Check { .. }
                | Action::Point { .. }
                | Action::Withdraw { .. }
                | Action::Swap { .. }
                | Action::Watch { .. } => None,
            })
            .last()
    }

    /// When each shift was in force that came before a step, oldest first.
    #[must_use]
    pub fn shifted_at(&self, journal: &journal::Journal, before: &str) -> Vec<Time> {
        self.steps
            .iter()
            .take_while(|step| step.id != before)
            .filter(|step| matches!(step.action, Action::Shift { .. }))
            .filter_map(|step| journal.entry(&step.id)?.ended_at)
            .collect()
    }
}

impl Action {
    /// Whether nobody serves beside the canary while it is judged: there only
    /// the objective is left to hold it against. A bake that takes no time and
    /// no requests judges nothing.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        match self {
            Self::Bake {
                length,
                requests,
                share,
            } => *share == Percent::FULL && (!length.is_zero() || *requests > 0),
            Self::Watch { .. } => true,
            Self::Copy { .. }
            | Self::Place { .. }
            | Self::Prove { .. }
            | Self::Shift { .. }
            | Self::Check { .. }
            | Self::Point { .. }
            | Self::Withdraw { .. }
            | Self::Swap { .. } => false,
        }
    }

    /// The pointer that it moves, by its name for people.
    #[must_use]
    pub fn pointer(&self) -> Option<&str> {
        match self {
            Self::Point { label, .. } => Some(label),
            Self::Copy { .. }
            | Self::Place { .. }
            | Self::Prove { .. }
            | Self::Shift { .. }
            | Self::Bake { .. }
            | Self::Check { .. }
            | Self::Withdraw { .. }
            | Self::Swap { .. }
            | Self::Watch { .. } => None,
        }
    }

    /// The word of an action.
    const fn word(&self) -> &'static str {
        match self {
            Self::Copy { .. } => "copy",
            Self::Place { .. } => "place",
            Self::Prove { .. } => "prove",
            Self::Shift { .. } => "shift",
            Self::Bake { .. } => "bake",
            Self::Check { .. } => "check",
            Self::Point { .. } => "point",
            Self::Withdraw { .. } => "withdraw",
            Self::Swap { .. } => "swap",
            Self::Watch { .. } => "watch",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Copy {
                label, from, image, ..
            } => write!(formatter, "copy {} from {from} for {label}", image.short()),
            Self::Place { slot } => write!(formatter, "place the release into `{slot}`"),
            Self::Prove { slot, .. } => write!(formatter, "prove what `{slot}` serves"),
            Self::Shift { weights } => {
                let shares: Vec<String> = weights
                    .iter()
                    .map(|(slot, share)| format!("{slot} {share}"))
                    .collect();
                write!(formatter, "shift requests: {}", shares.join(", "))
            }
            Self::Bake {
                length, requests, ..
            } => write!(
                formatter,
                "bake for {length} and {requests} canary requests, judging"
            ),
            Self::Check { .. } => formatter.write_str("check that everything still holds"),
            Self::Point {
                label,
                to,
                reversible,
                ..
            } => {
                write!(formatter, "point {label} at {}", to.short())?;
                match reversible {
                    Reversible::Yes => Ok(()),
                    Reversible::Window | Reversible::Request | Reversible::No => {
                        write!(formatter, ", reversible: {reversible}")
                    }
                }
            }
            Self::Withdraw { label, .. } => write!(formatter, "withdraw the request for {label}"),
            Self::Swap { slots } => write!(formatter, "make `{}` the stable slot", slots.stable),
            Self::Watch { length } => write!(formatter, "watch for {length}"),
        }
    }
}
