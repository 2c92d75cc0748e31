//! How a plan goes from one run to the next: taken over, or given up with what
//! whoever comes next has to know.

use std::time::Duration;

use liftlock::failure::{Failure, Kind};
use liftlock::plan::standing::Standing;
use liftlock::state::{Owner, Run};

use crate::drive::{Engine, under_way};
use crate::outcome::Outcome;

impl Engine<'_> {
    /// Takes the lease of the plan under way, where it is the one that was begun
    /// and this is allowed of it.
    pub(crate) fn take_over(
        &mut self,
        owner: &Owner,
        allowed: &dyn Fn(&Run) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let now = self.pace.now();
        let taken = self.state.acquire(owner, now, &|document| {
            let Some(run) = document.under_way() else {
                return Err(Failure::new(Kind::Blocked, "there is no plan under way"));
            };
            if run.plan.id() != run.id {
                let message = "the plan under way was altered: its digest is another";
                return Err(Failure::new(Kind::Stuck, message)
                    .with_hint("find out who can write the state, and put the document back"));
            }
            allowed(run)
        });
        taken.map(drop)
    }

    /// Where this run has to end before the plan does, the plan stays open and
    /// the lease is given up, so that anybody can go on.
    pub(crate) fn close(&mut self, ended: Result<Outcome, Failure>) -> Result<Outcome, Failure> {
        let failure = match ended {
            Ok(outcome) => return Ok(outcome),
            Err(failure) => failure,
        };
        // Best effort: a lease that cannot be given up ends with its time.
        drop(self.state.give_up(self.pace.now()));
        match self.state.document.under_way() {
            Some(run) if stops(failure.kind) => Err(left(run, failure)),
            Some(_) | None => Err(failure),
        }
    }

    /// Notes where nobody can go on before a person looked; the next step that is
    /// begun ends that. A state that is away is told by the next write.
    pub(crate) fn note_stuck(&mut self, at: &[String]) {
        let now = self.pace.now();
        drop(self.state.commit(now, Duration::ZERO, &|document| {
            under_way(document)?.journal.stuck = at.to_vec();
            Ok(())
        }));
    }
}

/// Whether a failure stops a run somewhere, and says nothing of where.
const fn stops(kind: Kind) -> bool {
    match kind {
        Kind::Expired | Kind::Interrupted | Kind::Terminated | Kind::Upstream => true,
        Kind::Usage
        | Kind::Invalid
        | Kind::Credentials
        | Kind::Blind
        | Kind::Blocked
        | Kind::Refuted
        | Kind::Stuck
        | Kind::Bug => false,
    }
}

/// The same failure with what it leaves behind, and how to go on.
fn left(run: &Run, mut failure: Failure) -> Failure {
    let plan = &run.plan;
    let message = format!(
        "{} is under way in {}, and nobody drives it now: {}",
        plan.release.id,
        plan.environment,
        Standing::of(plan, &run.journal)
    );
    failure.hint.get_or_insert_with(|| run.way_on());
    failure.under(message)
}
