//! Plans what makes the world again what the state says: weights and pointers.

use super::make::{Inputs, Refusal, assemble, points, prove, refuse_the_irreversible, weights};
use super::{Action, Kind, Plan};
use crate::percent::Percent;

/// Plans it: the slot that has to be live is proved before anything moves, and
/// after. What a slot serves is not put right: a slot that cannot be proved
/// ends the plan before it began.
///
/// # Errors
///
/// Refuses where the state does not say what is live, and what could not be
/// pointed at or proved.
pub fn reconcile(inputs: &Inputs<'_>, reason: &str) -> Result<Plan, Refusal> {
    let environment = inputs.environment;
    let unknown = || Refusal::Unknown(environment.name.clone());
    let live = inputs.state.live.as_ref().ok_or_else(unknown)?;
    let slots = inputs.state.slots.as_ref().or(environment.slots.as_ref());
    let inputs = Inputs {
        release: &live.release,
        ..*inputs
    };
    let mut actions = Vec::new();
    if let Some(slots) = slots {
        if environment.prove.is_none() {
            return Err(Refusal::NoProof(environment.name.clone()));
        }
        actions.push(prove(&slots.stable, &live.release));
        actions.push(Action::Shift {
            weights: weights(slots, Percent::ZERO),
        });
    } else if environment.targets.is_empty() {
        return Err(Refusal::Nothing(environment.name.clone()));
    }
    let points = points(&inputs)?;
    refuse_the_irreversible(&points)?;
    // What points where it should is left alone.
    let differs =
        |action: &Action| !matches!(action, Action::Point { from, to, .. } if *from == Some(*to));
    actions.extend(points.into_iter().filter(differs));
    if let Some(slots) = slots {
        actions.push(prove(&slots.stable, &live.release));
    }
    Ok(Plan {
        judging: None,
        reason: Some(reason.to_owned()),
        ..assemble(&inputs, Kind::Rollback, slots, actions)
    })
}
