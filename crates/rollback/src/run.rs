//! Arguments in, report out: chooses, plans, has it driven.

use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::plan::Plan;
use liftlock::plan::make::{Inputs, rollback};
use liftlock::record::{Id, Kind as RecordKind};
use liftlock::release::Reference;
use liftlock::report::{PolicyOrigin, Report};
use liftlock::state::Document;
use liftlock_engine::{Engine, Opening, Pace as _, World, open};
use liftlock_io::cli::Session;
use liftlock_io::key::Private;
use liftlock_io::store;

use crate::args::{Args, Command, Moved, Place, Wanted};
use crate::{choose, hold, reject, render};

/// Runs one subcommand.
pub(crate) fn run(arguments: &Args, session: &Session) -> Result<Report, Failure> {
    match &arguments.command {
        Command::Plan(wanted) => plan(session, wanted),
        Command::Run(moved) => go_back(session, moved),
        Command::List(place) => list(session, place),
        Command::Hold(held) => hold::hold(session, held),
        Command::Lift(held) => hold::lift(session, held),
        Command::Reject(never) => reject::reject(session, never),
        Command::Explain(place) => explain(session, place),
        Command::Doctor(place) => doctor(session, place),
    }
}

fn make(
    world: &World,
    state: &Document,
    release: &Reference,
    session: &Session,
) -> Result<Plan, Failure> {
    let pointers = world.pointers()?;
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

fn plan(session: &Session, wanted: &Wanted) -> Result<Report, Failure> {
    let Some(rules) = session.rules()? else {
        return plan_from_flags(session, wanted);
    };
    let origin = rules.origin;
    let world = open::within(session, rules, &wanted.environment)?;
    let engine = Engine::open(&world, session)?;
    let candidates = choose::candidates(&world, engine.document(), session)?;
    let picked = choose::pick(&candidates, wanted.to.as_deref())?;
    let plan = make(&world, engine.document(), &picked.release, session)?;
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

fn go_back(session: &Session, moved: &Moved) -> Result<Report, Failure> {
    let world = open::world(session, &moved.environment)?;
    let gone = go(session, &world, moved);
    if let Err(failure) = &gone
        && !session.dry_run
    {
        world.failed(None, failure, session);
    }
    gone
}

fn go(session: &Session, world: &World, moved: &Moved) -> Result<Report, Failure> {
    let key = moved.key.as_deref().map(Private::open).transpose()?;
    let mut engine = Engine::open(world, session)?;
    let owner = open::owner(session);
    let outcome = if let Some(run) = engine.document().under_way() {
        if run.plan.reconciles() {
            let message = format!("a reconcile to {} is under way", run.plan.release.id);
            return Err(Failure::new(Kind::Blocked, message).with_hint("run `promote resume`"));
        }
        if run.plan.kind != liftlock::plan::Kind::Rollback {
            let message = format!("a promotion of {} is under way", run.plan.release.id);
            return Err(Failure::new(Kind::Blocked, message).with_hint(
                "run `promote abort`: the promotion goes back; `rollback hold` keeps the next one away",
            ));
        }
        if session.dry_run {
            let plan = run.plan.clone();
            return Ok(render::plan(&plan, &[]).with_policy(world.rules.origin, false));
        }
        engine.resume(&owner)?
    } else {
        let candidates = choose::candidates(world, engine.document(), session)?;
        let picked = choose::pick(&candidates, moved.to.as_deref())?;
        let plan = make(world, engine.document(), &picked.release, session)?;
        if session.dry_run {
            return Ok(render::plan(&plan, &candidates).with_policy(world.rules.origin, false));
        }
        store::probe(world.state.as_ref())?;
        engine.start(
            &plan,
            Opening {
                owner: &owner,
                hold: Some(&moved.reason),
            },
        )?
    };
    if let Some(hold) = &engine.document().hold
        && hold.at >= outcome.plan.made_at
    {
        // By the plan's id: a rollback that is continued tells it once.
        let id = Id::derived(&[&outcome.plan_id.to_string(), "hold"]);
        let mut record = world.record(id, RecordKind::HoldPlaced, hold.at);
        let reason = hold.reason.as_str().into();
        record.detail.insert("reason".to_owned(), reason);
        world.note(&record, session);
    }
    let signed = key
        .map(|key| world.attest(&outcome, &key, session.now()))
        .transpose()?;
    Ok(render::outcome(&outcome, signed).with_policy(world.rules.origin, outcome.recorded))
}

fn list(session: &Session, place: &Place) -> Result<Report, Failure> {
    let world = open::world(session, &place.environment)?;
    let engine = Engine::open(&world, session)?;
    let candidates = choose::candidates(&world, engine.document(), session)?;
    Ok(render::list(&world, &candidates))
}

fn explain(session: &Session, place: &Place) -> Result<Report, Failure> {
    let world = open::world(session, &place.environment)?;
    let engine = Engine::open(&world, session)?;
    let candidates = choose::candidates(&world, engine.document(), session)?;
    Ok(render::explain(&world, engine.document(), &candidates))
}

fn doctor(session: &Session, place: &Place) -> Result<Report, Failure> {
    let world = open::world(session, &place.environment)?;
    let engine = Engine::open(&world, session)?;
    Ok(open::doctor(&world, engine.document(), session))
}
