//! Arguments in, report out: gathers, has it decided, has it driven.

use liftlock::chain::Chain;
use liftlock::failure::{Failure, Kind};
use liftlock::plan::judge::judgeable;
use liftlock::plan::make::{Inputs, promotion};
use liftlock::plan::{self, Plan};
use liftlock::release::{Identified, Reference};
use liftlock::report::{PolicyOrigin, Report};
use liftlock::state::Document;
use liftlock::verdict::Verdict;
use liftlock_engine::gather::{Gathered, Moment};
use liftlock_engine::{
    Before, Engine, Opening, Outcome, Pace as _, Pen, World, follow, hold, open,
};
use liftlock_io::cli::Session;
use liftlock_io::file;
use liftlock_io::store;

use crate::args::{Args, Command, Continued, Examined, Moved, Shown, Wanted};
use crate::page::{self, Rollout};
use crate::{adopt, ask, reconcile, render, sweep};

/// What is done once a plan is over.
#[derive(Clone, Copy)]
pub(crate) struct After<'a> {
    /// Who signs what it came to.
    pub(crate) pen: &'a Pen<'a>,
    /// Where people are told that it went past gates.
    pub(crate) github: Option<&'a str>,
}

/// Runs one subcommand.
pub(crate) fn run(arguments: &Args, session: &Session) -> Result<Report, Failure> {
    match &arguments.command {
        Command::Plan(wanted) => plan(session, wanted),
        Command::Run(moved) => promote(session, moved),
        Command::Resume(continued) => resume(session, continued),
        Command::Abort(aborted) => ask::abort(session, aborted),
        Command::Pause(paused) => ask::pause(session, paused),
        Command::Advance(advanced) => ask::advance(session, advanced),
        Command::Sweep(swept) => sweep::sweep(session, swept),
        Command::Status(shown) => status(session, shown),
        Command::Explain(wanted) => explain(session, wanted),
        Command::Adopt(adopted) => adopt::adopt(session, adopted),
        Command::Reconcile(reasoned) => reconcile::reconcile(session, reasoned),
        Command::Doctor(examined) => doctor(session, examined),
    }
}

/// What is known before anything moves.
struct Prepared {
    gathered: Gathered,
    chain: Chain,
    drift: Vec<String>,
    plan: Result<Plan, Failure>,
}

fn prepare(
    world: &World,
    state: &Document,
    release: &Reference,
    now: liftlock::time::Time,
) -> Result<Prepared, Failure> {
    let gathered = world.gather(release, now)?;
    let moment = Moment {
        now,
        as_of: now,
        plan: None,
    };
    let chain = world.chain_asked_again(release, &gathered, state, moment)?;
    // In this order: a pointer that moves in between is drift now or a
    // refusal later, never the place that a plan starts from.
    let pointers = world.pointers()?;
    let drift = match state.under_way() {
        Some(_) => Vec::new(),
        None => world.drift(state)?,
    };
    let made = promotion(&Inputs {
        service: &world.rules.service,
        environment: &world.environment,
        state,
        release,
        pointers: &pointers,
        policy: world.rules.policy,
        approval: chain.approval,
        break_glass: chain.break_glass.as_ref(),
        now,
    });
    let plan = made.map_err(|refusal| Failure::new(refusal.kind(), refusal.to_string()));
    let plan = plan.and_then(|plan| world.whole(&plan).map(|()| plan));
    let plan = plan.and_then(|plan| world.first(plan));
    Ok(Prepared {
        gathered,
        chain,
        drift,
        plan,
    })
}

fn plan(session: &Session, wanted: &Wanted) -> Result<Report, Failure> {
    let (world, release, origin) = match session.rules()? {
        Some(rules) => {
            let origin = rules.origin;
            let mut world = open::within(session, rules, &wanted.environment)?;
            let release = wanted.release.read(&world.rules, world.state.as_ref())?;
            open::fits(&world, &release)?;
            wanted.release.bring(&mut world, &release)?;
            (world, release, origin)
        }
        None => {
            let (world, release) = without_rules(session, wanted)?;
            (world, release, PolicyOrigin::None)
        }
    };
    let engine = Engine::open(&world, session)?;
    let prepared = prepare(
        &world,
        engine.document(),
        &release.reference(),
        session.now(),
    )?;
    let seen = (&prepared.chain, &prepared.drift);
    Ok(render::plan("plan", &prepared.plan?, seen, &world).with_policy(origin, false))
}

/// A world of the flags alone, in which the service is the release's.
fn without_rules(session: &Session, wanted: &Wanted) -> Result<(World, Identified), Failure> {
    if wanted.release.request.is_some() {
        let message = "without a configuration there is no store to find the request in";
        return Err(Failure::new(Kind::Usage, message)
            .with_hint("write a liftlock.yaml, or give `--release FILE`"));
    }
    let named = match (&wanted.release.release, &session.service) {
        (Some(path), _) => open::release(path)?.release.service,
        (None, Some(service)) => service.clone(),
        (None, None) => {
            let message = "neither a configuration nor `--service` names the service";
            return Err(Failure::new(Kind::Usage, message).with_hint("add `--service NAME`"));
        }
    };
    let release = wanted.release.at_hand(&named)?;
    let mut world = open::from_targets(session, &named, &wanted.environment, &wanted.target)?;
    wanted.release.bring(&mut world, &release)?;
    Ok((world, release))
}

fn promote(session: &Session, moved: &Moved) -> Result<Report, Failure> {
    let mut world = open::world(session, &moved.environment)?;
    let release = moved.release.read(&world.rules, world.state.as_ref())?;
    let reference = release.reference();
    let taken = open::fits(&world, &release)
        .and_then(|()| moved.release.bring(&mut world, &release))
        .and_then(|()| take(session, &world, moved, &reference));
    told(session, &world, Some(&reference), taken)
}

fn take(
    session: &Session,
    world: &World,
    moved: &Moved,
    reference: &Reference,
) -> Result<Report, Failure> {
    let pen = Pen::open(&moved.signing, &world.rules, session)?;
    let after = After {
        pen: &pen,
        github: moved.github.as_deref(),
    };
    let mut engine = Engine::open(world, session)?.staying(moved.parking.stay());
    if let Some(run) = engine.document().under_way() {
        if run.plan.release.digest != reference.digest {
            let message = format!("a plan for {} is under way", run.plan.release.id);
            return Err(Failure::new(Kind::Blocked, message).with_hint("run `promote resume`"));
        }
        return go_on(session, engine, "run", after);
    }
    pen.sign_last(world, engine.document(), Some(&reference.digest))?;
    if let Some(live) = &engine.document().live
        && live.release.digest == reference.digest
    {
        if !session.dry_run {
            engine.emit();
        }
        let drift = world.drift(engine.document())?;
        let report = render::status(world, engine.document(), &drift);
        // A run that was killed at its very end followed nothing up.
        return Ok(last(report, engine.document(), after, session));
    }
    refuse_held(engine.document())?;
    world.refuse_held()?;
    let prepared = prepare(world, engine.document(), reference, session.now())?;
    let seen = (&prepared.chain, &prepared.drift);
    if prepared.chain.verdict != Verdict::Pass || !prepared.drift.is_empty() {
        let verdict = render::refusal(&prepared.chain, &prepared.drift);
        let why = render::why(&prepared.chain, &prepared.drift);
        let recorded = !session.dry_run && world.refuse(Some(reference), verdict, &why, session);
        return Ok(
            render::refused(seen, reference, world.rules.origin, recorded).with_scope(
                Some(world.rules.service.clone()),
                Some(world.environment.name.clone()),
            ),
        );
    }
    engine.asked(prepared.chain.fresh.clone());
    let plan = prepared.plan?;
    if session.dry_run {
        return Ok(render::plan("run", &plan, seen, world));
    }
    pen.ready(&world.rules, Before::Begun)?;
    store::probe(world.state.as_ref())?;
    world.keep(reference, &prepared.gathered)?;
    let outcome = engine.start(
        &plan,
        Opening {
            owner: &open::owner(session),
            hold: None,
        },
    )?;
    ended(session, world, "run", &outcome, after)
}

/// Follows up the last plan of an environment, where it is over.
fn last(report: Report, document: &Document, after: After<'_>, session: &Session) -> Report {
    let report = follow::last(report, document, after.github, session);
    match &document.run {
        Some(run) => followed(report, &run.plan),
        None => report,
    }
}

/// The outputs of what is followed up.
fn followed(report: Report, plan: &Plan) -> Report {
    let told = follow::told(&report, "follow_up");
    let issue = follow::told(&report, "issue");
    let report = match (&plan.break_glass, told) {
        (Some(broken), Some(told)) => report
            .with_output("break-glass", broken.request.to_string())
            .with_output("follow-up", told),
        (None, _) | (_, None) => report,
    };
    match issue {
        Some(url) => report.with_output("issue", url),
        None => report,
    }
}

fn resume(session: &Session, continued: &Continued) -> Result<Report, Failure> {
    let world = open::world(session, &continued.environment)?;
    let pen = Pen::open(&continued.signing, &world.rules, session)?;
    let after = After {
        pen: &pen,
        github: continued.github.as_deref(),
    };
    let engine =
        Engine::open(&world, session).map(|engine| engine.staying(continued.parking.stay()));
    let gone_on = engine.and_then(|engine| go_on(session, engine, "resume", after));
    told(session, &world, None, gone_on)
}

/// Goes on with the plan under way.
fn go_on(
    session: &Session,
    mut engine: Engine<'_>,
    subcommand: &'static str,
    after: After<'_>,
) -> Result<Report, Failure> {
    let world = engine.world();
    // A schedule may ask at any time: nothing to do is no refusal.
    if session.dry_run || engine.document().under_way().is_none() {
        after.pen.sign_last(world, engine.document(), None)?;
        let report = render::status(world, engine.document(), &[]);
        let report = match session.dry_run {
            true => report,
            false => world.tell_hold(engine.document()).said(report),
        };
        return Ok(last(report, engine.document(), after, session));
    }
    after.pen.ready(&world.rules, Before::GoneOn)?;
    let outcome = engine.resume(&open::owner(session))?;
    ended(session, world, subcommand, &outcome, after)
}

fn refuse_held(document: &Document) -> Result<(), Failure> {
    let Some(hold) = &document.hold else {
        return Ok(());
    };
    let message = format!("a hold is in place since {}: {}", hold.at, hold.reason);
    Err(Failure::new(Kind::Blocked, message).with_hint("run `rollback lift`"))
}

/// What moved nothing, or not to its end, is recorded as well.
pub(crate) fn told(
    session: &Session,
    world: &World,
    release: Option<&Reference>,
    ended: Result<Report, Failure>,
) -> Result<Report, Failure> {
    if let Err(failure) = &ended
        && !session.dry_run
    {
        world.failed(release, failure, session);
    }
    ended
}

pub(crate) fn ended(
    session: &Session,
    world: &World,
    subcommand: &'static str,
    outcome: &Outcome,
    after: After<'_>,
) -> Result<Report, Failure> {
    let signed = after.pen.sign(world, outcome)?;
    let report = render::outcome(subcommand, outcome, signed);
    let report = match after.pen.lacking().filter(|_| outcome.waits.is_none()) {
        Some(why) => report.with_caution(&format!("what it came to is not signed: {why}")),
        None => report,
    };
    let report = follow::up(report, outcome, after.github, session);
    let report = hold::follow(report, world, outcome);
    Ok(followed(report, &outcome.plan).with_policy(world.rules.origin, outcome.recorded))
}

fn status(session: &Session, shown: &Shown) -> Result<Report, Failure> {
    let world = open::world(session, &shown.environment)?;
    let engine = Engine::open(&world, session)?;
    if let Some(path) = shown.html.as_ref().filter(|_| !session.dry_run) {
        let page = page::render(&Rollout {
            service: &world.rules.service,
            environment: &world.environment.name,
            state: engine.document(),
            now: session.now(),
        });
        file::write(path, page.as_bytes())?;
    }
    // While a plan is under way, pointers may be anywhere.
    Ok(match engine.document().under_way() {
        Some(_) => render::under_way(&world, engine.document()),
        None => {
            let drift = world.drift(engine.document())?;
            render::status(&world, engine.document(), &drift)
        }
    })
}

fn explain(session: &Session, wanted: &Wanted) -> Result<Report, Failure> {
    let (world, release) = wanted.release.open(session, &wanted.environment)?;
    let engine = Engine::open(&world, session)?;
    let prepared = prepare(
        &world,
        engine.document(),
        &release.reference(),
        session.now(),
    )?;
    let refused = [prepared.plan.err(), world.refuse_held().err()];
    let refused = refused.into_iter().flatten();
    Ok(render::explain(
        &world,
        engine.document(),
        (&prepared.chain, &prepared.drift),
        refused.map(|failure| failure.lines().join(": ")).collect(),
    ))
}

fn doctor(session: &Session, examined: &Examined) -> Result<Report, Failure> {
    let world = open::world(session, &examined.environment)?;
    let engine = Engine::open(&world, session)?;
    let state = engine.document();
    if world.slots(state.slots.as_ref()).is_some() {
        let kind = match state.live {
            Some(_) => plan::Kind::Promotion,
            None => plan::Kind::First,
        };
        judgeable(&world.environment, kind)
            .map_err(|refusal| Failure::new(refusal.kind(), refusal.to_string()))?;
    }
    Ok(open::doctor(&world, (state, &examined.signing), session))
}
