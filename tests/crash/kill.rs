//! Runs that are killed at every boundary of an effect, and run again.

use crate::cases::{Route, Wanted, each, is_soak};
use crate::fault::{Act, Fault};
use crate::meaning::differences;
use crate::stage::{KILLED, Stage};

/// Where a run is killed: before each effect that anybody else sees, in the
/// middle of the deployer, and at its very end. After an effect is before the
/// next one, for all that anybody sees.
pub(crate) fn boundaries(wanted: &Wanted) -> Vec<Fault> {
    let before: &[Act] = &[Act::KillBefore];
    let push: &[Act] = if is_soak() {
        &[Act::KillBefore, Act::KillAfter, Act::Orphan]
    } else {
        before
    };
    let place = [
        Act::KillBefore,
        Act::KillHalfway,
        Act::KillAfter,
        Act::Orphan,
    ];
    let mut all = each(wanted, "push", push);
    all.extend(each(wanted, "place", &place));
    all.extend(each(wanted, "set-weight", before));
    all.extend(each(wanted, "registry-write", before));
    for call in wanted.seen.keys().filter(|what| what.starts_with("call-")) {
        all.extend(each(wanted, call, before));
    }
    all
}

pub(crate) fn killed(stage: &Stage, fault: &Fault, wanted: &Wanted, route: &Route) -> Vec<String> {
    let ended = stage.run(&route.journey, Some(fault));
    // With another number of looks it has other numbers of some calls.
    let was_late = ended.code == 0 && fault.call().is_some() && is_soak();
    if ended.code != KILLED && !was_late {
        return vec![format!(
            "it was not killed but ended with {}: {}",
            ended.code, ended.told
        )];
    }
    let again = stage.run(&route.journey, None);
    if again.code != 0 {
        return vec![format!(
            "run again it ended with {}: {}",
            again.code, again.told
        )];
    }
    differences(&stage.meaning(), &wanted.meaning)
}
