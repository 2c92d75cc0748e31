//! Arguments in, report out: chooses, plans, has it driven.

use liftlock::config::pointer::Reversible;
use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::plan::Plan;
use liftlock::plan::make::{Inputs, aim, rollback};
use liftlock::pointer::Live;
use liftlock::release::Reference;
use liftlock::report::{PolicyOrigin, Report};
use liftlock::state::Document;
use liftlock_engine::{Engine, Pace as _, World, doctor, open};
use liftlock_io::cli::Session;
use liftlock_io::pointer;

use crate::args::{Args, Command, Examined, Place, Wanted};
use crate::choose::Glass;
use crate::{choose, down, hold, reject, render};

/// Runs one subcommand.
pub(crate) fn run(arguments: &Args, session: &Session) -> Result<Report, Failure> {
    match &arguments.command {
        Command::Plan(wanted) => plan(session, wanted),
        Command::Run(moved) => down::go_back(session, moved),
        Command::List(place) => list(session, place),
        Command::Hold(held) => hold::hold(session, held),
        Command::Lift(held) => hold::lift(session, held),
        Command::Reject(never) => reject::reject(session, never),
        Command::Explain(place) => explain(session, place),
        Command::Doctor(examined) => examine(session, examined),
    }
}

/// The plan by which a release is gone back to.
pub(crate) fn make(
    world: &World,
    state: &Document,
    release: &Reference,
    session: &Session,
) -> Result<Plan, Failure> {
    let pointers = pointers(world, state, release, session)?;
    rollback(&Inputs {
        service: &world.rules.service,
        environment: &world.environment,
        state,
        release,
        pointers: &pointers,
        policy: world.rules.policy,
        approval: None,
        break_glass: None,
        now: session.now(),
    })
    .map_err(|refusal| Failure::new(refusal.kind(), refusal.to_string()))
}

/// Where every target points now. What is not understood stops no requests from
/// going back: it is told, and the plan leaves it as it is.
fn pointers(
    world: &World,
    state: &Document,
    release: &Reference,
    session: &Session,
) -> Result<Vec<Option<Digest>>, Failure> {
    if world.slots(state.slots.as_ref()).is_none() {
        return world.pointers();
    }
    let targets = world.environment.targets.iter();
    targets
        .map(|target| match pointer::read(target, &world.scope())? {
            Live::Nowhere => Ok(None),
            Live::At(digest) => Ok(Some(digest)),
            strange @ Live::Strange(_) => {
                session.tell(&format!("{} is left at {strange}", target.label()));
                // What is not moved need not be movable.
                let stays = target.reversible() == Reversible::No;
                Ok(aim(target, release).filter(|_| stays))
            }
        })
        .collect()
}

fn plan(session: &Session, wanted: &Wanted) -> Result<Report, Failure> {
    let Some(rules) = session.rules_of_a_way_back()? else {
        return plan_from_flags(session, wanted);
    };
    open::remember(session, &rules)?;
    let origin = rules.origin;
    let world = open::within(session, rules, &wanted.environment)?;
    let engine = Engine::open(&world, session)?;
    let candidates = choose::candidates(&world, engine.document(), (session, Glass::Whole))?;
    let seen = (engine.document(), candidates.as_slice());
    let picked = match choose::pick(&candidates, wanted.to.as_deref(), Glass::Whole) {
        Err(failure) if failure.kind == Kind::Refuted => {
            return Ok(render::no_way("plan", &world, seen, &failure).with_policy(origin, false));
        }
        picked => picked?,
    };
    let plan = make(&world, engine.document(), picked.release, session)?;
    Ok(render::plan(&plan, &candidates).with_policy(origin, false))
}

/// In a folder without a configuration: the files given are the known-good
/// releases, newest first, and the tags given are the targets.
fn plan_from_flags(session: &Session, wanted: &Wanted) -> Result<Report, Failure> {
    let mut good = Vec::new();
    for path in &wanted.good {
        good.push(open::release(path)?);
    }
    let matches = |id: &str, digest: &Digest| {
        let to = wanted.to.as_deref();
        to.is_none_or(|to| to == id || to == digest.to_string())
    };
    let chosen = good
        .iter()
        .find(|one| matches(&one.release.id, &one.digest))
        .ok_or_else(|| {
            Failure::new(
                Kind::Usage,
                "there is no `liftlock.yaml` and no release to go back to",
            )
            .with_hint("give `--good release.json`, or write a `liftlock.yaml`")
        })?;
    let service = &chosen.release.service;
    let world = open::from_targets(session, service, &wanted.environment, &wanted.target)?;
    let plan = make(&world, &Document::default(), &chosen.reference(), session)?;
    Ok(render::plan(&plan, &[]).with_policy(PolicyOrigin::None, false))
}

fn list(session: &Session, place: &Place) -> Result<Report, Failure> {
    let world = open::back_world(session, &place.environment)?;
    let engine = Engine::open(&world, session)?;
    let candidates = choose::candidates(&world, engine.document(), (session, Glass::Whole))?;
    Ok(render::list(&world, &candidates))
}

fn explain(session: &Session, place: &Place) -> Result<Report, Failure> {
    let world = open::back_world(session, &place.environment)?;
    let engine = Engine::open(&world, session)?;
    let candidates = choose::candidates(&world, engine.document(), (session, Glass::Whole))?;
    Ok(render::explain(&world, engine.document(), &candidates))
}

fn examine(session: &Session, examined: &Examined) -> Result<Report, Failure> {
    let world = open::examined(session, &examined.environment)?;
    let engine = Engine::open(&world, session)?;
    let seen = (engine.document(), &examined.signing);
    Ok(doctor::doctor(&world, seen, session))
}
