//! Whether a plan may begin in an environment as it is now.

use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::plan::{Kind as PlanKind, Plan};
use liftlock::state::{Document, Hold};

/// Uses up what people said yes to, or refuses the plan.
pub(crate) fn admit(document: &mut Document, plan: &Plan, id: Digest) -> Result<(), Failure> {
    if let Some(run) = document.under_way() {
        let message = format!("a plan for {} is under way", run.plan.release.id);
        return Err(Failure::new(Kind::Blocked, message).with_hint(run.way_on()));
    }
    if let (Some(hold), PlanKind::Promotion | PlanKind::First) = (&document.hold, plan.kind) {
        let message = format!("a hold is in place since {}: {}", hold.at, hold.reason);
        return Err(
            Failure::new(Kind::Blocked, message).with_hint(Hold::way_out(&plan.environment))
        );
    }
    let live = document.live.as_ref().map(|live| &live.release.digest);
    if live != plan.previous.as_ref().map(|previous| &previous.digest) {
        let message = "what is live changed since the plan was made";
        return Err(Failure::new(Kind::Blocked, message).with_hint("run the same command again"));
    }
    for request in plan.requests() {
        if *document.used.entry(request).or_insert(id) != id {
            let message = "what people said yes to was used up by another plan";
            return Err(Failure::new(Kind::Refuted, message));
        }
    }
    Ok(())
}
