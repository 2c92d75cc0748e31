//! How a run of a plan ended, for results and reports.

use liftlock::approval::fresh::AskedAgain;
use liftlock::digest::Digest;
use liftlock::plan::Plan;
use liftlock::plan::journal::{Entry, Turned};
use liftlock::state::Run;
use liftlock::verdict::Verdict;
use serde::Serialize;

/// What a plan came to.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// How it ended.
    pub verdict: Verdict,
    /// The digest of the plan.
    pub plan_id: Digest,
    /// The plan.
    pub plan: Plan,
    /// What was begun and done.
    pub journal: Vec<Entry>,
    /// When forges were asked whether answers still stand, and what came of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fresh: Vec<AskedAgain>,
    /// Why the way back began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub turned: Option<Turned>,
    /// Whether what was live before is live again.
    pub restored: bool,
    /// Pointers that pointed nowhere before and so were left where they are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<String>,
    /// Whether the ledger has all of it.
    pub recorded: bool,
}

impl Outcome {
    /// The outcome of a run as the state has it.
    #[must_use]
    pub fn of(run: &Run, recorded: bool) -> Self {
        let verdict = run.verdict.unwrap_or(Verdict::Stuck);
        let left: Vec<String> = match run.journal.turned {
            Some(_) => liftlock::plan::back::irreversible(&run.plan, &run.journal)
                .into_iter()
                .map(str::to_owned)
                .collect(),
            None => Vec::new(),
        };
        Self {
            verdict,
            plan_id: run.id,
            plan: run.plan.clone(),
            journal: run.journal.entries.clone(),
            fresh: run.journal.fresh.clone(),
            restored: run.journal.turned.is_some() && run.verdict.is_some() && left.is_empty(),
            turned: run.journal.turned.clone(),
            left,
            recorded,
        }
    }
}
