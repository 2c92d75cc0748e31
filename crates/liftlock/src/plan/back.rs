//! The way back from any point of a plan: traffic first, then pointers, then
//! roles, then proof.

use std::collections::BTreeMap;

use super::journal::Journal;
use super::{Action, Kind, Plan, Step};
use crate::config::pointer::Reversible;
use crate::config::target::Slots;
use crate::name::Name;
use crate::percent::Percent;

/// The steps that undo whatever of the plan was begun.
///
/// A step that was begun may have had its effect, whether or not its end was
/// noted: it is undone. What was never begun is left alone.
#[must_use]
pub fn back(plan: &Plan, journal: &Journal) -> Vec<Step> {
    // What somebody else left is nothing to go back to.
    if plan.reconciles() {
        return Vec::new();
    }
    let begun: Vec<&Step> = plan
        .steps
        .iter()
        .filter(|step| journal.entry(&step.id).is_some())
        .collect();
    let mut actions = Vec::new();
    let shifted = begun
        .iter()
        .any(|step| matches!(step.action, Action::Shift { .. }));
    if let Some(slots) = plan.slots.as_ref().filter(|_| shifted) {
        actions.push(Action::Shift {
            weights: weights_before(plan, slots),
        });
    }
    for step in begun.iter().rev() {
        actions.extend(point_back(step, journal));
    }
    if let Some(slots) = &plan.slots {
        let swapped = begun
            .iter()
            .any(|step| matches!(step.action, Action::Swap { .. }));
        if swapped {
            actions.push(Action::Swap {
                slots: slots.clone(),
            });
        }
        if let Some(previous) = plan.previous.as_ref().filter(|_| shifted) {
            actions.push(Action::Prove {
                slot: slots.stable.clone(),
                artifacts: previous.artifacts.clone(),
            });
        }
    }
    actions
        .into_iter()
        .enumerate()
        .map(|(index, action)| Step {
            id: format!("back-{:02}-{}", index + 1, action.word()),
            action,
        })
        .collect()
}

/// Whether a way down gave requests to the older release already: whatever fails
/// then, they do not go back to the one that is left.
#[must_use]
pub fn is_down(plan: &Plan, journal: &Journal) -> bool {
    let shifted =
        |step: &Step| matches!(step.action, Action::Shift { .. }) && journal.is_done(&step.id);
    plan.kind == Kind::Rollback && !plan.reconciles() && plan.steps.iter().any(shifted)
}

/// What moves one pointer back. What people were asked to merge and may not
/// have is withdrawn first: nobody shall merge it any more.
fn point_back(step: &Step, journal: &Journal) -> Vec<Action> {
    let Action::Point {
        target,
        label,
        from,
        to,
        reversible,
    } = &step.action
    else {
        return Vec::new();
    };
    let (may_be_open, may_go_back) = match reversible {
        Reversible::Yes | Reversible::Window => (false, true),
        Reversible::Request => (!journal.is_done(&step.id), true),
        Reversible::No => (false, false),
    };
    let withdraw = may_be_open.then(|| Action::Withdraw {
        target: *target,
        label: label.clone(),
        step: step.id.clone(),
    });
    let point = from.filter(|_| may_go_back).map(|from| Action::Point {
        target: *target,
        label: label.clone(),
        from: Some(*to),
        to: from,
        reversible: *reversible,
    });
    withdraw.into_iter().chain(point).collect()
}

/// Pointers that were moved but pointed nowhere before, or cannot be moved
/// twice: no way back for them.
#[must_use]
pub fn irreversible<'a>(plan: &'a Plan, journal: &Journal) -> Vec<&'a str> {
    if plan.reconciles() {
        return Vec::new();
    }
    plan.steps
        .iter()
        .filter(|step| journal.entry(&step.id).is_some())
        .filter_map(|step| match &step.action {
            // What nobody merged did not move.
            Action::Point {
                reversible: Reversible::Request,
                ..
            } if !journal.is_done(&step.id) => None,
            Action::Point {
                label, from: None, ..
            }
            | Action::Point {
                label,
                reversible: Reversible::No,
                ..
            } => Some(label.as_str()),
            Action::Point { .. }
            | Action::Withdraw { .. }
            | Action::Copy { .. }
            | Action::Place { .. }
            | Action::Prove { .. }
            | Action::Shift { .. }
            | Action::Bake { .. }
            | Action::Check { .. }
            | Action::Swap { .. }
            | Action::Watch { .. } => None,
        })
        .collect()
}

/// Everything to the stable slot. Where nothing was live, what was found before
/// the plan, else nothing to either.
fn weights_before(plan: &Plan, slots: &Slots) -> BTreeMap<Name, Percent> {
    if plan.previous.is_none() && !plan.found.is_empty() {
        return plan.found.clone();
    }
    let stable = match plan.previous {
        Some(_) => Percent::FULL,
        None => Percent::ZERO,
    };
    BTreeMap::from([
        (slots.stable.clone(), stable),
        (slots.canary.clone(), Percent::ZERO),
    ])
}
