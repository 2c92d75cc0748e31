//! Arguments in, report out: gathers, has it decided, has it driven.

use liftlock::failure::Failure;
use liftlock::plan::judge::judgeable;
use liftlock::plan::outlook::Outlook;
use liftlock::plan::{self, Plan};
use liftlock::release::Reference;
use liftlock::report::Report;
use liftlock::state::Document;
use liftlock::verdict::Verdict;
use liftlock_engine::{
    Before, Engine, Opening, Outcome, Pace as _, Pen, World, doctor, follow, hold, open,
};
use liftlock_io::cli::Session;
use liftlock_io::file;
use liftlock_io::store;

use crate::ahead::Ahead;
use crate::args::{Args, Command, Continued, Examined, Moved, Shown};
use crate::page::{self, Rollout};
use crate::{adopt, ahead, ask, person, reconcile, render, sweep};

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
        Command::Plan(wanted) => ahead::plan(session, wanted),
        Command::Run(moved) => promote(session, moved),
        Command::Resume(continued) => resume(session, continued),
        Command::Abort(aborted) => ask::abort(session, aborted),
        Command::Pause(paused) => ask::pause(session, paused),
        Command::Advance(advanced) => ask::advance(session, advanced),
        Command::Sweep(swept) => sweep::sweep(session, swept),
        Command::Status(shown) => status(session, shown),
        Command::Explain(wanted) => ahead::explain(session, wanted),
        Command::Adopt(adopted) => adopt::adopt(session, adopted),
        Command::Reconcile(reasoned) => reconcile::reconcile(session, reasoned),
        Command::Doctor(examined) => examine(session, examined),
    }
}

fn promote(session: &Session, moved: &Moved) -> Result<Report, Failure> {
    let mut world = open::world(session, &moved.environment)?;
    person::told(&moved.person, &mut world, session)?;
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
    let pen = Pen::later(&moved.signing, &world.rules, session)?;
    let after = After {
        pen: &pen,
        github: moved.github.as_deref(),
    };
    let mut engine = Engine::open(world, session)?.staying(moved.parking.stay());
    let document = engine.document().clone();
    let strays = world.strays(&document)?;
    let outlook = ahead::outlook(&document, reference, &strays, session.now());
    match &outlook {
        Outlook::Another(_) => return Err(ahead::refusal(&outlook, world)),
        Outlook::GoesOn(_) | Outlook::Rests(..) | Outlook::Driven(..) => {
            return match session.dry_run {
                true => ahead::under_way("run", &engine, &outlook, session.now()),
                false => go_on(session, engine, "run", after),
            };
        }
        Outlook::Live(_) | Outlook::Stuck(_) | Outlook::Held(_) | Outlook::Begins => {}
    }
    pen.able()?;
    let signed = pen.sign_last(world, &document, Some(&reference.digest));
    match &outlook {
        Outlook::Live(_) => {
            if !session.dry_run {
                engine.emit();
            }
            let report = ahead::live("run", world, &document, &strays)?;
            // A run that was killed at its very end followed nothing up.
            let report = last(report, &document, after, session);
            signed.map(|_| report)
        }
        Outlook::Begins => {
            signed?;
            begin(session, engine, reference, (&outlook, after))
        }
        Outlook::Another(_)
        | Outlook::GoesOn(_)
        | Outlook::Rests(..)
        | Outlook::Driven(..)
        | Outlook::Stuck(_)
        | Outlook::Held(_) => {
            signed?;
            Err(ahead::refusal(&outlook, world))
        }
    }
}

/// Begins a plan, where everything demanded is there.
fn begin(
    session: &Session,
    mut engine: Engine<'_>,
    reference: &Reference,
    (outlook, after): (&Outlook<'_>, After<'_>),
) -> Result<Report, Failure> {
    let world = engine.world();
    world.refuse_held()?;
    let prepared = ahead::prepare(world, engine.document(), reference, session.now())?;
    let ahead = Ahead::of(outlook, &prepared.seen, (world, None));
    if ahead.verdict != Verdict::Pass {
        let why = ahead.why(&prepared.seen.chain);
        let recorded =
            !session.dry_run && world.refuse(Some(reference), ahead.verdict, &why, session);
        let report = render::refused("run", reference, (&prepared.seen, &ahead), world);
        return Ok(report.with_policy(world.rules.origin, recorded));
    }
    engine.asked(prepared.seen.chain.fresh.clone());
    let plan = prepared.plan?;
    if session.dry_run {
        return Ok(render::plan("run", &plan, (&prepared.seen, &ahead), world));
    }
    after.pen.ready(&world.rules, Before::Begun)?;
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
    let world = open::back_world(session, &continued.environment)?;
    let pen = Pen::later(&continued.signing, &world.rules, session)?;
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
        let able = after.pen.able();
        let signed = able.and_then(|()| after.pen.sign_last(world, engine.document(), None));
        let report = render::status(world, engine.document(), (&[], &[]));
        let report = match session.dry_run {
            true => report,
            false => world.tell_hold(engine.document()).said(report),
        };
        // What could not be signed holds up nothing that people are told.
        let report = last(report, engine.document(), after, session);
        return signed.map(|_| report);
    }
    let other = after.pen.going_on(&engine)?;
    let pen = other.as_ref().unwrap_or(after.pen);
    let after = After { pen, ..after };
    let outcome = engine.resume(&open::owner(session))?;
    ended(session, world, subcommand, &outcome, after)
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
    let signed = after.pen.sign(world, outcome);
    let kept = signed.as_ref().ok().copied().flatten();
    let report = render::outcome(subcommand, outcome, kept);
    let report = match after.pen.lacking().filter(|_| outcome.waits.is_none()) {
        Some(why) => report.with_caution(&format!("what it came to is not signed: {why}")),
        None => report,
    };
    let report = follow::up(report, outcome, after.github, session);
    let report = hold::follow(report, world, outcome);
    let report = followed(report, &outcome.plan);
    // Only now: what people have to know is told whoever signs.
    if let Err(failure) = signed {
        session.tell(&report.headline);
        return Err(failure);
    }
    Ok(report.with_policy(world.rules.origin, outcome.recorded))
}

fn status(session: &Session, shown: &Shown) -> Result<Report, Failure> {
    let world = open::back_world(session, &shown.environment)?;
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
    let document = engine.document();
    let strays = world.strays(document)?;
    // While a plan is under way, its journal tells what is where.
    let drift = match document.under_way() {
        Some(_) => Vec::new(),
        None => world.drift(document)?,
    };
    Ok(render::status(&world, document, (&drift, &strays)))
}

fn examine(session: &Session, examined: &Examined) -> Result<Report, Failure> {
    let world = open::examined(session, &examined.environment)?;
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
    Ok(doctor::doctor(&world, (state, &examined.signing), session))
}
