//! Past gates that are not met, by a permission that names every one of them.

use std::collections::BTreeSet;

use super::{Chain, Circumstances, Condition, Item};
use crate::approval::break_glass::Broken;
use crate::config::break_glass::Gate;
use crate::config::requirement::What;
use crate::predicate;
use crate::reject::Rejected;
use crate::release::Reference;
use crate::verdict::Verdict;

/// Goes past every gate that is not met, or past none: by one statement, about
/// all of this release, that was not used up.
pub(super) fn go(
    chain: &mut Chain,
    gates: &[Gate],
    release: &Reference,
    (items, around): (&[Item], &Circumstances<'_>),
) {
    let unmet = chain.conditions.iter().zip(gates);
    let unmet = unmet.filter(|(condition, _)| !condition.met);
    let unmet: BTreeSet<Gate> = unmet.map(|(_, gate)| gate.clone()).collect();
    // It proves which bytes move. No permission can name it; this is the wall
    // behind that one. A rejection has to be taken back.
    if unmet.contains(&Gate::Demand(What::Signature)) || around.rejected.is_some() {
        return;
    }
    let permits = |item: &Item| {
        let said = item.outcome.as_ref().ok()?;
        let mut subjects = std::iter::once(&release.digest).chain(release.artifacts.values());
        let whole = subjects.all(|digest| said.statement.is_about(digest));
        let broken = (around.broken)(said).ok().filter(|_| whole)?;
        let fits = broken.past.is_superset(&unmet) && !(around.used)(&broken.request);
        fits.then_some(Broken {
            statement: item.bundle,
            ..broken
        })
    };
    let mut statements = items
        .iter()
        .filter(|item| item.predicate_type == predicate::BREAK_GLASS);
    let Some(broken) = statements.find_map(permits) else {
        return;
    };
    for condition in chain.conditions.iter_mut().filter(|one| !one.met) {
        condition.past = Some(broken.statement);
    }
    chain.evidence.push(broken.statement);
    chain.break_glass = Some(Broken {
        past: unmet,
        ..broken
    });
    chain.verdict = Verdict::Pass;
}

/// What a rejected release lacks.
pub(super) fn never(rejected: &Rejected) -> Condition {
    Condition {
        wanted: "not rejected".to_owned(),
        met: false,
        found: rejected.told(),
        who: "whoever says why it may go up after all".to_owned(),
        fix: format!("rollback reject {} --undo --reason TEXT", rejected.digest),
        past: None,
    }
}
