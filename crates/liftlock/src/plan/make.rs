//! Makes plans from rules, live state and what is to be live.

use std::collections::BTreeMap;

use super::judge::judgeable;
use super::{Action, Judging, Kind, Plan, Step};
use crate::approval::break_glass::Broken;
use crate::canary::metric::Metric;
use crate::config::effective::Environment;
use crate::config::metrics::{Metrics, Provider};
use crate::config::pointer::{Reversible, Target};
use crate::config::target::Slots;
use crate::digest::Digest;
use crate::failure;
use crate::name::Name;
use crate::percent::Percent;
use crate::release::Reference;
use crate::span::Span;
use crate::state::Document;
use crate::time::Time;

/// What a plan is made of.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// The service.
    pub service: &'a Name,
    /// The environment's rules.
    pub environment: &'a Environment,
    /// The environment's state.
    pub state: &'a Document,
    /// What is to be live.
    pub release: &'a Reference,
    /// Where each target points now, in order.
    pub pointers: &'a [Option<Digest>],
    /// The digest of the rules.
    pub policy: Digest,
    /// The approval to use up.
    pub approval: Option<Digest>,
    /// The permission to go past gates, to use up as well.
    pub break_glass: Option<&'a Broken>,
    /// Now.
    pub now: Time,
}

/// Why there can be no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nothing to move.
    #[error("environment `{0}` has neither `traffic` nor `targets`: there is nothing to move")]
    Nothing(Name),
    /// Traffic that nobody could judge.
    #[error("environment `{0}` has `traffic` but no `metrics`: a canary could not be judged")]
    NoMetrics(Name),
    /// Counts that another process could not ask for again.
    #[error(
        "environment `{0}` has `traffic` and `metrics.{1}`, which keeps no history: a plan that goes on elsewhere could not be judged"
    )]
    NoHistory(Name, Provider),
    /// Slots that nobody can read.
    #[error("environment `{0}` has `traffic` but no `prove`: a slot could not be proved")]
    NoProof(Name),
    /// Nothing to compare with and no promise to hold it to.
    #[error(
        "nothing is live in `{0}` and `slo.availability` is not set: a first release could not be judged"
    )]
    NoObjective(Name),
    /// All requests at once, without a promise.
    #[error(
        "environment `{0}` has no step below 100 % and no `slo.availability`: there is nothing to compare with"
    )]
    NoBaseline(Name),
    /// A watch without a promise.
    #[error(
        "environment `{0}` has `watch` but no `slo.availability`: there is no baseline after 100 %"
    )]
    NoWatch(Name),
    /// A bake at 100 % without a promise.
    #[error(
        "environment `{0}` bakes at 100 %, where nobody serves beside the canary, and has no `slo.availability`: write the promise, such as `slo: {{ availability: 99.9% }}`"
    )]
    NoWhole(Name),
    /// A pointer for an artifact that the release does not have.
    #[error("target `{0}` points at an artifact that the release does not have")]
    NoArtifact(String),
    /// It is live already.
    #[error("release `{0}` is live already")]
    Live(String),
    /// A pointer that was moved and cannot be moved back.
    #[error("{0} cannot be moved back: its target says `reversible: no`")]
    Irreversible(String),
    /// Nothing to make it like.
    #[error("the state does not say what is live in `{0}`")]
    Unknown(Name),
    /// Further metrics that nobody could ask for.
    #[error("environment `{0}`: `metrics.further` {1}")]
    Further(Name, String),
}

impl Refusal {
    /// What has to change: the configuration, or the wish.
    #[must_use]
    pub const fn kind(&self) -> failure::Kind {
        match self {
            Self::Irreversible(_) => failure::Kind::Refuted,
            Self::Nothing(_)
            | Self::NoMetrics(_)
            | Self::NoHistory(..)
            | Self::NoProof(_)
            | Self::NoObjective(_)
            | Self::NoBaseline(_)
            | Self::NoWatch(_)
            | Self::NoWhole(_)
            | Self::NoArtifact(_)
            | Self::Live(_)
            | Self::Unknown(_)
            | Self::Further(..) => failure::Kind::Invalid,
        }
    }
}

/// Plans a promotion; the first one where nothing is live.
///
/// # Errors
///
/// Refuses what could not be judged, proved or undone.
pub fn promotion(inputs: &Inputs<'_>) -> Result<Plan, Refusal> {
    let environment = inputs.environment;
    if let Some(live) = &inputs.state.live
        && live.release.digest == inputs.release.digest
    {
        return Err(Refusal::Live(inputs.release.id.clone()));
    }
    let slots = inputs.state.slots.as_ref().or(environment.slots.as_ref());
    let kind = match inputs.state.live {
        Some(_) => Kind::Promotion,
        None => Kind::First,
    };
    let mut actions = copies(inputs)?;
    if let Some(slots) = slots {
        judgeable(environment, kind)?;
        up(inputs, slots, kind, &mut actions);
    } else if environment.targets.is_empty() {
        return Err(Refusal::Nothing(environment.name.clone()));
    }
    actions.extend(points(inputs)?);
    if let Some(slots) = slots {
        actions.push(Action::Swap {
            slots: slots.swapped(),
        });
        if environment.watch > Span::ZERO {
            actions.push(Action::Watch {
                length: environment.watch,
            });
        }
    }
    let metrics = match slots {
        Some(_) => further(environment)?,
        None => Vec::new(),
    };
    Ok(Plan {
        metrics,
        ..assemble(inputs, kind, slots, actions)
    })
}

/// What the canary is judged by beside its requests.
fn further(environment: &Environment) -> Result<Vec<Metric>, Refusal> {
    let wanted = environment.metrics.as_ref().map(Metrics::wanted);
    let wanted = wanted.unwrap_or_else(|| Ok(Vec::new()));
    let wanted =
        wanted.map_err(|error| Refusal::Further(environment.name.clone(), error.to_string()))?;
    Ok(wanted.into_iter().map(|one| one.metric).collect())
}

/// Plans a rollback: traffic first, then pointers, then proof. Where neither
/// slot holds the release any more it is placed again.
///
/// # Errors
///
/// Refuses what is live already and what could not be moved or proved.
pub fn rollback(inputs: &Inputs<'_>) -> Result<Plan, Refusal> {
    let environment = inputs.environment;
    if let Some(live) = &inputs.state.live
        && live.release.digest == inputs.release.digest
    {
        return Err(Refusal::Live(inputs.release.id.clone()));
    }
    let slots = inputs.state.slots.as_ref().or(environment.slots.as_ref());
    let mut actions = copies(inputs)?;
    if let Some(slots) = slots {
        if environment.prove.is_none() {
            return Err(Refusal::NoProof(environment.name.clone()));
        }
        let holds = |slot: &Name| {
            let held = inputs.state.contents.get(slot);
            held.is_some_and(|held| held.digest == inputs.release.digest)
        };
        // Where there is a command it looks first: what the state says of a
        // slot may not be so any more.
        if environment.place.is_some() || !holds(&slots.canary) {
            actions.push(Action::Place {
                slot: slots.canary.clone(),
            });
        }
        actions.push(prove(&slots.canary, inputs.release));
        actions.push(Action::Shift {
            weights: weights(slots, Percent::FULL),
        });
    } else if environment.targets.is_empty() {
        return Err(Refusal::Nothing(environment.name.clone()));
    }
    let points = points(inputs)?;
    refuse_the_irreversible(&points)?;
    actions.extend(points);
    if let Some(slots) = slots {
        actions.push(Action::Swap {
            slots: slots.swapped(),
        });
        actions.push(prove(&slots.canary, inputs.release));
    }
    Ok(assemble(inputs, Kind::Rollback, slots, actions))
}

/// What cannot be moved back has to be where it should be already.
pub(super) fn refuse_the_irreversible(points: &[Action]) -> Result<(), Refusal> {
    for point in points {
        if let Action::Point {
            label,
            from,
            to,
            reversible: Reversible::No,
            ..
        } = point
            && *from != Some(*to)
        {
            return Err(Refusal::Irreversible(label.clone()));
        }
    }
    Ok(())
}

fn up(inputs: &Inputs<'_>, slots: &Slots, kind: Kind, actions: &mut Vec<Action>) {
    let environment = inputs.environment;
    if environment.place.is_some() {
        actions.push(Action::Place {
            slot: slots.canary.clone(),
        });
    }
    // A first release has nothing beside it: a smaller share would only mean
    // that the rest of the requests goes nowhere.
    let shares: &[Percent] = match kind {
        Kind::First => &[Percent::FULL],
        Kind::Promotion | Kind::Rollback => &environment.steps,
    };
    for share in shares {
        actions.push(prove(&slots.canary, inputs.release));
        actions.push(Action::Shift {
            weights: weights(slots, *share),
        });
        actions.push(Action::Bake {
            length: environment.bake,
            requests: environment.min_requests,
            share: *share,
        });
        actions.push(Action::Check {
            slot: slots.canary.clone(),
        });
    }
}

pub(super) fn prove(slot: &Name, release: &Reference) -> Action {
    Action::Prove {
        slot: slot.clone(),
        artifacts: release.artifacts.clone(),
    }
}

pub(super) fn weights(slots: &Slots, share: Percent) -> BTreeMap<Name, Percent> {
    BTreeMap::from([
        (slots.stable.clone(), share.rest()),
        (slots.canary.clone(), share),
    ])
}

/// What has to be where targets point before it can be placed or pointed at.
fn copies(inputs: &Inputs<'_>) -> Result<Vec<Action>, Refusal> {
    let targets = inputs.environment.targets.iter().enumerate();
    targets
        .filter_map(|(index, target)| Some((index, target, target.source()?)))
        .map(|(index, target, from)| {
            let image =
                aim(target, inputs.release).ok_or_else(|| Refusal::NoArtifact(target.label()))?;
            Ok(Action::Copy {
                target: index,
                label: target.label(),
                from: from.to_owned(),
                image,
            })
        })
        .collect()
}

pub(super) fn points(inputs: &Inputs<'_>) -> Result<Vec<Action>, Refusal> {
    let targets = inputs.environment.targets.iter().enumerate();
    targets
        .map(|(index, target)| {
            let to =
                aim(target, inputs.release).ok_or_else(|| Refusal::NoArtifact(target.label()))?;
            Ok(Action::Point {
                target: index,
                label: target.label(),
                from: inputs.pointers.get(index).copied().flatten(),
                to,
                reversible: target.reversible(),
            })
        })
        .collect()
}

/// The digest that a target has to point at for a release.
#[must_use]
pub fn aim(target: &Target, release: &Reference) -> Option<Digest> {
    match &target.artifact {
        Some(name) => release.artifacts.get(name).copied(),
        None if release.artifacts.len() == 1 => release.artifacts.values().next().copied(),
        None => None,
    }
}

pub(super) fn assemble(
    inputs: &Inputs<'_>,
    kind: Kind,
    slots: Option<&Slots>,
    actions: Vec<Action>,
) -> Plan {
    let environment = inputs.environment;
    let steps = actions.into_iter().enumerate().map(|(index, action)| Step {
        id: format!("{:02}-{}", index + 1, action.word()),
        action,
    });
    Plan {
        kind,
        service: inputs.service.clone(),
        environment: environment.name.clone(),
        release: inputs.release.clone(),
        previous: inputs.state.live.as_ref().map(|live| live.release.clone()),
        slots: slots.cloned(),
        found: BTreeMap::new(),
        judging: slots.map(|_| Judging {
            alpha: environment.alpha,
            margin: environment.margin,
            spread: environment.spread,
            horizon: environment.horizon(),
            availability: environment.availability,
            look: environment.look,
            on_blind: environment.on_blind,
            on_inconclusive: environment.on_inconclusive,
            patience: environment.patience,
            answer_within: environment.answer_within,
        }),
        metrics: Vec::new(),
        policy: inputs.policy,
        approval: inputs.approval,
        break_glass: inputs.break_glass.cloned(),
        reason: None,
        cause: None,
        made_at: inputs.now,
        steps: steps.collect(),
    }
}
