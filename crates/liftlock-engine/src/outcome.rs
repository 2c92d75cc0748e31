//! How a run of a plan ended, for results and reports.

use liftlock::approval::fresh::AskedAgain;
use liftlock::digest::Digest;
use liftlock::failure::Failure;
use liftlock::plan::Plan;
use liftlock::plan::journal::{Entry, Turned};
use liftlock::plan::recovery::Recovery;
use liftlock::plan::standing::Standing;
use liftlock::plan::wish::Wish;
use liftlock::state::Run;
use liftlock::time::Time;
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
    /// What people asked of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub wishes: Vec<Wish>,
    /// Why the way back began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub turned: Option<Turned>,
    /// Whether what was live before is live again.
    pub restored: bool,
    /// Pointers that were left where they are: they pointed nowhere before, or at
    /// what is somebody else's on the way down.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<String>,
    /// What the plan waits for, where it is under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits: Option<Waits>,
    /// Where it stands, while it is under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standing: Option<Standing>,
    /// The command that goes on with it, while it is under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub way_on: Option<String>,
    /// When the fault was noticed and mended, where it went back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recovery: Option<Recovery>,
    #[serde(skip)]
    over: bool,
    /// Whether the ledger has all of it.
    pub recorded: bool,
}

/// What a plan under way waits for.
#[derive(Clone, Debug, Serialize)]
pub struct Waits {
    /// For what, for people.
    pub why: String,
    /// From when on somebody can go on with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resume_after: Option<Time>,
}

/// Whether a run is over; its plan may be under way.
#[derive(Debug)]
pub(crate) enum Ended {
    /// It goes on with the next step.
    No,
    /// It came to this.
    Run(Box<Outcome>),
    /// People do not want a step of a way down, which stays open.
    Refused(Box<Failure>),
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
            None => run.journal.left.clone(),
        };
        // What somebody else left is nothing that was live.
        let restores = run.journal.turned.is_some() && !run.plan.reconciles();
        Self {
            verdict,
            plan_id: run.id,
            plan: run.plan.clone(),
            journal: run.journal.entries.clone(),
            fresh: run.journal.fresh.clone(),
            wishes: run.journal.wishes.clone(),
            restored: restores && run.verdict.is_some() && left.is_empty(),
            turned: run.journal.turned.clone(),
            left,
            waits: None,
            standing: None,
            way_on: None,
            over: run.verdict.is_some(),
            recovery: Recovery::of(&run.plan, &run.journal),
            recorded,
        }
    }

    /// A plan that is under way and waits.
    #[must_use]
    pub fn pending(run: &Run, waits: Waits, recorded: bool) -> Self {
        Self {
            verdict: Verdict::Pending,
            waits: Some(waits),
            standing: Some(Standing::of(&run.plan, &run.journal)),
            way_on: Some(run.way_on()),
            recovery: None,
            ..Self::of(run, recorded)
        }
    }

    /// Whether the plan ended, whichever way.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.over
    }
}
