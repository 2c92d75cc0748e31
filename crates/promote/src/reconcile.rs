//! Makes what is live again what the state says, by a plan of its own.

use liftlock::failure::{Failure, Kind};
use liftlock::plan::back::may_end;
use liftlock::plan::journal::Journal;
use liftlock::plan::make::Inputs;
use liftlock::plan::wish::reason;
use liftlock::plan::{Plan, reconcile as planned};
use liftlock::report::Report;
use liftlock::state::Document;
use liftlock_engine::{Before, Engine, Opening, Pace as _, Pen, World, open};
use liftlock_io::cli::Session;
use liftlock_io::store;

use crate::args::Reasoned;
use crate::render;
use crate::run::{After, ended, told};

/// Puts weights and pointers right, or tells that nothing differs.
pub(crate) fn reconcile(session: &Session, reasoned: &Reasoned) -> Result<Report, Failure> {
    let world = open::world(session, &reasoned.environment)?;
    let pen = Pen::open(&reasoned.signing, &world.rules, session)?;
    let after = After {
        pen: &pen,
        github: None,
    };
    let done = put_right(session, &world, &reasoned.reason, after);
    told(session, &world, None, done)
}

fn put_right(
    session: &Session,
    world: &World,
    why: &str,
    after: After<'_>,
) -> Result<Report, Failure> {
    let why = reason(why)?;
    let mut engine = Engine::open(world, session)?;
    let document = engine.document();
    if let Some(run) = document.under_way() {
        let message = format!("a plan for {} is under way", run.plan.release.id);
        return Err(Failure::new(Kind::Blocked, message).with_hint(run.way_on()));
    }
    let plan = plan(session, world, document, why)?;
    let drift = world.drift(document)?;
    if drift.is_empty() {
        return Ok(render::status(world, document, (&drift, &[])).about("reconcile"));
    }
    can_be_done(world, &plan)?;
    if session.dry_run {
        return Ok(render::reconcile(&plan, &drift).with_policy(world.rules.origin, false));
    }
    after.pen.ready(&world.rules, Before::Begun)?;
    store::probe(world.state.as_ref())?;
    let owner = open::owner(session);
    let opening = Opening {
        owner: &owner,
        hold: None,
    };
    let outcome = engine.start(&plan, opening)?;
    ended(session, world, "reconcile", &outcome, after)
}

fn plan(session: &Session, world: &World, state: &Document, why: &str) -> Result<Plan, Failure> {
    let Some(live) = &state.live else {
        let message = "the state does not say what is live: there is nothing to go by";
        return Err(Failure::new(Kind::Blocked, message)
            .with_hint("restore the state, or run `promote adopt` at first contact"));
    };
    let pointers = world.pointers()?;
    let inputs = Inputs {
        service: &world.rules.service,
        environment: &world.environment,
        state,
        release: &live.release,
        pointers: &pointers,
        policy: world.rules.policy,
        approval: None,
        break_glass: None,
        now: session.now(),
    };
    planned::reconcile(&inputs, why)
        .map_err(|refusal| Failure::new(refusal.kind(), refusal.to_string()))
}

/// Refuses before anything moves what could only end half done.
fn can_be_done(world: &World, plan: &Plan) -> Result<(), Failure> {
    if may_end(plan, &Journal::default())
        && let Some(rejected) = world.rejected(&plan.release)?
    {
        let message = format!("{} is live and {}", plan.release.id, rejected.told());
        return Err(Failure::new(Kind::Refuted, message)
            .with_hint("run `rollback run`: no pointer is moved to what was rejected"));
    }
    if let Some(slots) = &plan.slots
        && let Err(failure) = world.serves(&slots.stable, &plan.release.artifacts)
    {
        let message = format!(
            "{}: requests and pointers are put right, not what a slot serves",
            failure.lines().join(": ")
        );
        return Err(Failure::new(Kind::Blocked, message)
            .with_hint("deploy the slot again, or run `rollback run`"));
    }
    for step in &plan.steps {
        if !world.can_point(&step.action)? {
            let message = format!("cannot {}: it is not there any more", step.action);
            return Err(Failure::new(Kind::Blocked, message)
                .with_hint("push the image again, or run `rollback run`"));
        }
    }
    Ok(())
}
