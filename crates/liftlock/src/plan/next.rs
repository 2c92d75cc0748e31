//! What comes next in a plan, by its journal alone.

use super::journal::Journal;
use super::{Plan, Step};
use crate::verdict::Verdict;

/// What comes next.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// This step, on the way up.
    Up(Step),
    /// This step, on the way back.
    Back(Step),
    /// Nothing; this is how it ended.
    Done(Verdict),
}

/// The first step that has not ended, in the direction the plan goes.
///
/// The same journal gives the same answer, whoever asks: a run that was
/// killed anywhere is finished by whoever comes next.
#[must_use]
pub fn next(plan: &Plan, journal: &Journal) -> Next {
    let open = |steps: &[Step]| {
        let found = steps.iter().find(|step| !journal.is_done(&step.id));
        found.cloned()
    };
    match &journal.turned {
        None => open(&plan.steps).map_or(Next::Done(Verdict::Pass), Next::Up),
        Some(turned) => open(&journal.back).map_or(Next::Done(turned.verdict), Next::Back),
    }
}
