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
/// noted: it is undone. What was never begun is left alone. A way down moves no
/// pointer up again; what people were asked to merge for it is withdrawn.
#[must_use]
pub fn back(plan: &Plan, journal: &Journal) -> Vec<Step> {
    let begun: Vec<&Step> = plan
        .steps
        .iter()
        .filter(|step| journal.entry(&step.id).is_some())
        .collect();
    let begun_any = |is: fn(&Action) -> bool| begun.iter().any(|step| is(&step.action));
    // What somebody else left is nothing to go back to.
    let slots = plan.slots.as_ref().filter(|_| !plan.reconciles());
    let shifted = slots.filter(|_| begun_any(|action| matches!(action, Action::Shift { .. })));
    let swapped = slots.filter(|_| begun_any(|action| matches!(action, Action::Swap { .. })));
    let mut actions = Vec::new();
    actions.extend(shifted.map(|slots| Action::Shift {
        weights: weights_before(plan, slots),
    }));
    for step in begun.iter().rev() {
        actions.extend(withdrawal(step, journal));
        actions.extend(point_back(step).filter(|_| plan.kind != Kind::Rollback));
    }
    actions.extend(swapped.map(|slots| Action::Swap {
        slots: slots.clone(),
    }));
    if let (Some(slots), Some(previous)) = (shifted, &plan.previous) {
        actions.push(Action::Prove {
            slot: slots.stable.clone(),
            artifacts: previous.artifacts.clone(),
        });
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

/// Whether a way down gave requests to the older release already, moved a pointer
/// to it, or may have asked people to: whatever fails then, nothing goes back to
/// the one that is left.
#[must_use]
pub fn is_down(plan: &Plan, journal: &Journal) -> bool {
    let went = |step: &Step| match &step.action {
        Action::Shift { .. } => journal.is_done(&step.id),
        Action::Point { .. } => journal.is_done(&step.id) || asks(step, journal),
        Action::Copy { .. }
        | Action::Place { .. }
        | Action::Prove { .. }
        | Action::Bake { .. }
        | Action::Check { .. }
        | Action::Withdraw { .. }
        | Action::Swap { .. }
        | Action::Watch { .. } => false,
    };
    plan.goes_down() && plan.steps.iter().any(went)
}

/// The pointers that a way down began to move: where they are tells whether it
/// did.
#[must_use]
pub fn perhaps_moved<'a>(plan: &'a Plan, journal: &Journal) -> Vec<&'a Step> {
    let is_begun = |step: &&Step| {
        let is_open = journal.entry(&step.id).is_some() && !journal.is_done(&step.id);
        is_open && step.action.pointer().is_some() && !asks(step, journal)
    };
    let steps = plan.steps.iter().filter(|_| plan.goes_down());
    steps.filter(is_begun).collect()
}

/// Whether a plan touched nothing yet that anybody asks or reads: neither
/// requests nor pointers. What it placed serves nobody.
#[must_use]
pub fn is_untouched(plan: &Plan, journal: &Journal) -> bool {
    let touches = |step: &&Step| {
        matches!(
            step.action,
            Action::Shift { .. } | Action::Point { .. } | Action::Swap { .. }
        )
    };
    let mut touching = plan.steps.iter().filter(touches);
    touching.all(|step| journal.entry(&step.id).is_none())
}

/// Whether a way down may end for another one that somebody wants: before it
/// touched anything, and where it is stuck and has no requests that its end would
/// leave somewhere. The next plan reads pointers anew.
#[must_use]
pub fn gives_way(plan: &Plan, journal: &Journal) -> bool {
    plan.goes_down() && (is_untouched(plan, journal) || is_stuck(plan, journal))
}

/// Whether a person has to look before a plan that splits no requests can go on.
const fn is_stuck(plan: &Plan, journal: &Journal) -> bool {
    plan.slots.is_none() && !journal.stuck.is_empty()
}

/// Whether a way down may end before it gets there, once its release was
/// rejected: while it waits for people, who may not want to merge that, or is
/// stuck, and has no requests that its end would leave somewhere. A reconcile may
/// while it has pointers to move.
#[must_use]
pub fn may_end(plan: &Plan, journal: &Journal) -> bool {
    let is_open =
        |step: &Step| matches!(step.action, Action::Point { .. }) && !journal.is_done(&step.id);
    match plan.goes_down() {
        true => {
            let waits = plan.steps.iter().any(|step| asks(step, journal));
            is_stuck(plan, journal) || (plan.slots.is_none() && waits)
        }
        false => plan.reconciles() && plan.steps.iter().any(is_open),
    }
}

/// Whether people were asked to merge a step and are not known to have.
fn asks(step: &Step, journal: &Journal) -> bool {
    let by_people = matches!(
        step.action,
        Action::Point {
            reversible: Reversible::Request,
            ..
        }
    );
    by_people && journal.entry(&step.id).is_some() && !journal.is_done(&step.id)
}

/// What people were asked to merge and may not have is withdrawn: nobody shall
/// merge it any more.
fn withdrawal(step: &Step, journal: &Journal) -> Option<Action> {
    let Action::Point { target, label, .. } = &step.action else {
        return None;
    };
    asks(step, journal).then(|| Action::Withdraw {
        target: *target,
        label: label.clone(),
        step: step.id.clone(),
    })
}

/// What moves one pointer back.
fn point_back(step: &Step) -> Option<Action> {
    let Action::Point {
        target,
        label,
        from,
        to,
        reversible,
    } = &step.action
    else {
        return None;
    };
    let from = from.filter(|_| *reversible != Reversible::No)?;
    Some(Action::Point {
        target: *target,
        label: label.clone(),
        from: Some(*to),
        to: from,
        reversible: *reversible,
    })
}

/// Pointers that were moved but pointed nowhere before, or cannot be moved
/// twice, and all that a way down moved: no way back for them.
#[must_use]
pub fn irreversible<'a>(plan: &'a Plan, journal: &Journal) -> Vec<&'a str> {
    let steps = stranded(plan, journal).into_iter();
    steps.filter_map(|step| step.action.pointer()).collect()
}

/// The steps that moved them.
pub(super) fn stranded<'a>(plan: &'a Plan, journal: &Journal) -> Vec<&'a Step> {
    if plan.reconciles() {
        return Vec::new();
    }
    let begun = |step: &&Step| journal.entry(&step.id).is_some();
    let steps = plan.steps.iter().filter(begun);
    steps
        .filter(|step| match &step.action {
            // What nobody merged did not move.
            Action::Point { .. } if asks(step, journal) => false,
            Action::Point { .. } if plan.goes_down() => true,
            // What pointed there already did not, either.
            Action::Point {
                from,
                to,
                reversible: Reversible::No,
                ..
            } => *from != Some(*to),
            Action::Point { from, .. } => from.is_none(),
            Action::Withdraw { .. }
            | Action::Copy { .. }
            | Action::Place { .. }
            | Action::Prove { .. }
            | Action::Shift { .. }
            | Action::Bake { .. }
            | Action::Check { .. }
            | Action::Swap { .. }
            | Action::Watch { .. } => false,
        })
        .collect()
}

/// Everything to the stable slot. Where nothing was live, what was found before
/// the plan, else nothing to either.
pub(super) fn weights_before(plan: &Plan, slots: &Slots) -> BTreeMap<Name, Percent> {
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
