//! Goes back, or goes on with a rollback under way.

use liftlock::failure::{Failure, Kind};
use liftlock::plan::back::{is_untouched, may_end};
use liftlock::plan::wish::{What, Wish};
use liftlock::plan::{Kind as PlanKind, Plan};
use liftlock::reject;
use liftlock::release::Reference;
use liftlock::report::Report;
use liftlock::rollback::alert::Notification;
use liftlock::rollback::{self, Against, Cause};
use liftlock::state::{Document, Owner, Run};
use liftlock::verdict::Verdict;
use liftlock_engine::{Engine, Opening, Outcome, Pace as _, Pen, World, follow, open};
use liftlock_io::cli::Session;
use liftlock_io::store;

use crate::alert::{self, Answer, Because};
use crate::args::Moved;
use crate::choose::{self, Glass};
use crate::run::make;
use crate::{copy, render};

pub(crate) fn go_back(session: &Session, moved: &Moved) -> Result<Report, Failure> {
    checked(session, moved)?;
    let said = moved.alert.as_deref().map(alert::read).transpose()?;
    let mut world = open::world(session, &moved.environment)?;
    if moved.break_glass && world.rules.allow.break_glass == Some(false) {
        let message = "the policy does not allow `--break-glass`";
        return Err(Failure::new(Kind::Blocked, message));
    }
    let copied = match &moved.state_copy {
        Some(folder) => Some(copy::stand_in(&mut world, folder)?),
        None => None,
    };
    bring(&mut world, moved)?;
    let gone = go(session, &world, moved, (copied.as_ref(), said.as_ref()));
    if let Err(failure) = &gone
        && !session.dry_run
    {
        world.failed(None, failure, session);
    }
    gone.map(|report| match &copied {
        Some(_) => report.with_caution(&format!(
            "the state store does not know of it: run `rollback run --environment {}` with `--to` this release once it answers",
            world.environment.name
        )),
        None => report,
    })
}

fn checked(session: &Session, moved: &Moved) -> Result<(), Failure> {
    if let Some(reason) = &moved.reason {
        reject::reason(reason)
            .map_err(|why| Failure::new(Kind::Usage, format!("`--reason` {why}")))?;
    }
    match moved.detected_at {
        Some(at) if at > session.now() => {
            let message = format!("`--detected-at {at}` lies ahead");
            Err(Failure::new(Kind::Usage, message))
        }
        Some(_) | None => Ok(()),
    }
}

/// Brings the evidence that is in files to every release that the state knows.
fn bring(world: &mut World, moved: &Moved) -> Result<(), Failure> {
    if moved.bundle.is_empty() {
        return Ok(());
    }
    let document = world.state_of(&moved.environment)?;
    for live in document.live.iter().chain(&document.good) {
        world.bring_files(&live.release, &moved.bundle)?;
    }
    Ok(())
}

fn go(
    session: &Session,
    world: &World,
    moved: &Moved,
    (copied, said): (Option<&Against>, Option<&Notification>),
) -> Result<Report, Failure> {
    let pen = Pen::hoped(&moved.signing, &world.rules, session)?;
    let mut engine = Engine::open(world, session)?;
    let owner = open::owner(session);
    let because = match alert::answer(session, (world, engine.document()), moved, said)? {
        Answer::Leave(because) => because,
        Answer::Stay(report) => return Ok(*report),
    };
    let state = engine.document();
    let driven = if state.under_way().is_some() && !gives_way(world, state, moved)? {
        if let Some(shown) = may_go_on(session, world, state, moved)? {
            return Ok(shown);
        }
        engine.resume(&owner)
    } else if let Some(run) = gone_already(world, state, moved)?.cloned() {
        if session.dry_run {
            let report = render::outcome(&Outcome::of(&run, false), None, None);
            return Ok(report.with_policy(world.rules.origin, false));
        }
        engine.emit();
        Ok(Outcome::of(&run, engine.is_recorded()))
    } else {
        let wanted = (moved, &because);
        let plan = match begin(session, &mut engine, wanted, copied, (&owner, &pen))? {
            Planned::Plan(plan) => plan,
            Planned::Report(report) => return Ok(*report),
        };
        store::probe(world.state.as_ref())?;
        let hold = Some(because.reason.as_str());
        engine.start(
            &plan,
            Opening {
                owner: &owner,
                hold,
            },
        )
    };
    match driven {
        Ok(outcome) => Ok(ended(session, (world, &engine), &outcome, (moved, &pen))),
        Err(failure) => {
            if failure.kind == Kind::Stuck
                && let Some(lines) = world.tell_hold(engine.document()).lines()
            {
                session.tell(&lines);
            }
            if let Some(run) = engine.document().under_way() {
                follow::open_still(run, moved.github.as_deref(), session);
            }
            Err(failure)
        }
    }
}

/// Goes on with the plan under way, or refuses; what a dry run shows of it.
fn may_go_on(
    session: &Session,
    world: &World,
    state: &Document,
    moved: &Moved,
) -> Result<Option<Report>, Failure> {
    let Some(run) = state.under_way() else {
        return Ok(None);
    };
    if run.plan.reconciles() {
        let message = format!("a reconcile to {} is under way", run.plan.release.id);
        return Err(Failure::new(Kind::Blocked, message).with_hint("run `promote resume`"));
    }
    if run.plan.kind != PlanKind::Rollback {
        let message = format!("a promotion of {} is under way", run.plan.release.id);
        return Err(Failure::new(Kind::Blocked, message).with_hint(
            "run `promote abort`: the promotion goes back; `rollback hold` keeps the next one away",
        ));
    }
    still_wanted(world, run, moved)?;
    let shown = session.dry_run.then(|| {
        let report = render::plan(&run.plan, &[]);
        report.with_policy(world.rules.origin, false)
    });
    Ok(shown)
}

/// Whether the plan under way ends for this rollback: a reconcile, unless it
/// puts right what a rollback went back to, and a way down that nobody wants any
/// more, before it touched anything; where its release was rejected also while it
/// waits for people to merge that.
fn gives_way(world: &World, state: &Document, moved: &Moved) -> Result<bool, Failure> {
    let Some(run) = state.under_way() else {
        return Ok(false);
    };
    if run.plan.reconciles() && last_gone(world, state, moved)?.is_none() {
        return Ok(true);
    }
    if !run.plan.goes_down() {
        return Ok(false);
    }
    if is_untouched(&run.plan, &run.journal) {
        return Ok(unwanted(world, run, moved)?.is_some());
    }
    Ok(may_end(&run.plan, &run.journal) && world.rejected(&run.plan.release)?.is_some())
}

/// Why somebody does not want a rollback under way any more.
fn unwanted(world: &World, run: &Run, moved: &Moved) -> Result<Option<String>, Failure> {
    let release = &run.plan.release;
    Ok(match moved.to.as_deref() {
        Some(to) if is(release, to) => None,
        Some(to) => Some(format!("{to} is asked for now")),
        None => {
            let rejected = world.rejected(release)?;
            rejected.map(|rejected| format!("{} was {}", release.id, rejected.told()))
        }
    })
}

/// Plans the way down, once there is one and nothing is under way any more. What
/// was rejected before it touched anything ends wherever that leads.
fn begin(
    session: &Session,
    engine: &mut Engine<'_>,
    wanted: (&Moved, &Because),
    copied: Option<&Against>,
    who: (&Owner, &Pen<'_>),
) -> Result<Planned, Failure> {
    let world = engine.world();
    let found = planned(session, (world, engine), wanted, copied)?;
    let Some(run) = engine.document().under_way() else {
        return Ok(found);
    };
    let is_gone = run.plan.goes_down()
        && is_untouched(&run.plan, &run.journal)
        && world.rejected(&run.plan.release)?.is_some();
    match &found {
        Planned::Plan(_) => {
            make_way(session, engine, wanted.0, who)?;
            // Somebody may have merged what it asked for.
            planned(session, (world, engine), wanted, copied)
        }
        Planned::Report(_) => {
            if is_gone && !session.dry_run {
                make_way(session, engine, wanted.0, who)?;
            }
            Ok(found)
        }
    }
}

/// Ends the plan under way that gives way, and tells what it came to.
fn make_way(
    session: &Session,
    engine: &mut Engine<'_>,
    moved: &Moved,
    (owner, pen): (&Owner, &Pen<'_>),
) -> Result<(), Failure> {
    let world = engine.world();
    let Some(run) = engine.document().under_way() else {
        return Ok(());
    };
    let unwanted = unwanted(world, run, moved)?;
    let untouched = is_untouched(&run.plan, &run.journal);
    let ended = if run.plan.reconciles() {
        let (reason, by) = ("a rollback takes its place", open::actor(session));
        let wish = Wish::new(What::Abort, reason, by, session.now())?;
        engine.abort(&wish, owner)?
    } else {
        match unwanted.filter(|_| untouched) {
            Some(why) => engine.call_off(owner, &why)?,
            None => engine.resume(owner)?,
        }
    };
    if let Some(waits) = &ended.waits {
        let message = format!("{} is under way: {}", ended.plan.release.id, waits.why);
        return Err(Failure::new(Kind::Blocked, message).with_hint("run the same command again"));
    }
    let report = render::outcome(&ended, None, None);
    let report = follow::up(report, &ended, moved.github.as_deref(), session);
    session.tell(&report.headline);
    if let Err(failure) = pen.sign(world, &ended) {
        let why = failure.lines().join(": ");
        session.tell(&format!("its signed outcome is not kept: {why}"));
    }
    Ok(())
}

/// The rollback that was done last, or what puts it right, where the same one is
/// asked for again: its hold is in place, and what it went back to is live.
fn last_gone<'a>(
    world: &World,
    state: &'a Document,
    moved: &Moved,
) -> Result<Option<&'a Run>, Failure> {
    let Some(run) = rollback::stands(state) else {
        return Ok(None);
    };
    let release = &run.plan.release;
    let same = moved.to.as_deref().is_none_or(|to| is(release, to));
    let stands = same && world.rejected(release)?.is_none();
    Ok(Some(run).filter(|_| stands))
}

/// The same, where nothing is left to do. Whoever was killed at its very end is
/// not taken further back, or up again; where something differs now, no other
/// release mends that.
fn gone_already<'a>(
    world: &World,
    state: &'a Document,
    moved: &Moved,
) -> Result<Option<&'a Run>, Failure> {
    let Some(run) = last_gone(world, state, moved)? else {
        return Ok(None);
    };
    let release = &run.plan.release;
    let drift = world.drift(state)?;
    if drift.is_empty() {
        return Ok(Some(run));
    }
    let message = format!(
        "{} was gone back to, and since then something differs: {}",
        release.id,
        drift.join("; ")
    );
    Err(Failure::new(Kind::Blocked, message).with_hint(format!(
        "`promote reconcile --environment {} --reason TEXT` puts it right; `--to RELEASE` goes to another one",
        world.environment.name
    )))
}

/// Refuses to finish silently what somebody does not want any more.
fn still_wanted(world: &World, run: &Run, moved: &Moved) -> Result<(), Failure> {
    let Some(why) = unwanted(world, run, moved)? else {
        return Ok(());
    };
    let (id, place) = (&run.plan.release.id, &world.environment.name);
    let message = format!("a rollback to {id} is under way: {why}");
    Err(Failure::new(Kind::Blocked, message).with_hint(format!(
        "`rollback run --environment {place} --to {id}` finishes it; then go on to another one"
    )))
}

/// Whether a release is called so.
fn is(release: &Reference, to: &str) -> bool {
    to == release.id || to == release.digest.to_string()
}

/// What comes before anything moves.
enum Planned {
    /// This is to be done.
    Plan(Box<Plan>),
    /// Nothing moves, and why.
    Report(Box<Report>),
}

fn planned(
    session: &Session,
    (world, engine): (&World, &Engine<'_>),
    (moved, because): (&Moved, &Because),
    copied: Option<&Against>,
) -> Result<Planned, Failure> {
    let state = engine.document();
    let candidates = choose::candidates(world, state, session)?;
    let glass = match moved.break_glass {
        true => Glass::Broken,
        false => Glass::Whole,
    };
    let origin = world.rules.origin;
    let picked = match choose::pick(&candidates, moved.to.as_deref(), glass) {
        Err(failure) if failure.kind == Kind::Refuted => {
            let why = failure.lines().join(": ");
            let recorded = !session.dry_run && world.refuse(None, Verdict::Fail, &why, session);
            let report = render::no_way("run", world, (state, candidates.as_slice()), &failure);
            return Ok(Planned::Report(Box::new(
                report.with_policy(origin, recorded),
            )));
        }
        picked => picked?,
    };
    let plan = Plan {
        cause: Some(Cause {
            reason: because.reason.clone(),
            by: open::actor(session).id,
            detected_at: because.detected_at,
            past: picked.past.into_iter().chain(copied.cloned()).collect(),
        }),
        ..make(world, state, picked.release, session)?
    };
    if session.dry_run {
        let report = render::plan(&plan, &candidates).with_policy(origin, false);
        return Ok(Planned::Report(Box::new(report)));
    }
    if let Some(broken) = plan.cause.as_ref().and_then(Cause::broken) {
        session.tell(&broken);
    }
    Ok(Planned::Plan(Box::new(plan)))
}

/// Tells what it came to. From here on nothing undoes the way down: what cannot
/// be signed, seen or told is said.
fn ended(
    session: &Session,
    (world, engine): (&World, &Engine<'_>),
    outcome: &Outcome,
    (moved, pen): (&Moved, &Pen<'_>),
) -> Report {
    // Updaters are told before anybody looks how it does.
    let told = world.tell_hold(engine.document());
    let signed = pen.sign(world, outcome);
    let health = match outcome.verdict {
        Verdict::Pass => Some(engine.health(moved.watch)),
        Verdict::Fail
        | Verdict::Inconclusive
        | Verdict::Blind
        | Verdict::Pending
        | Verdict::Blocked
        | Verdict::Expired
        | Verdict::Stuck => None,
    };
    let record = health
        .as_ref()
        .and_then(|health| engine.health_record(health));
    let noted = record.is_none_or(|record| world.note(&record, session));
    let kept = signed.as_ref().ok().copied().flatten();
    let report = render::outcome(outcome, kept, health.as_ref());
    let report = follow::up(report, outcome, moved.github.as_deref(), session);
    let report = match follow::told(&report, "issue") {
        Some(url) => report.with_output("issue", url),
        None => report,
    };
    let unsigned = match signed {
        Err(failure) => Some(failure.lines().join(": ")),
        // What is under way did not come to anything yet.
        Ok(_) => pen.lacking().filter(|_| outcome.waits.is_none()),
    };
    let report = match unsigned {
        Some(why) => report.with_caution(&format!("its signed outcome is not kept: {why}")),
        None => report,
    };
    told.said(report)
        .with_policy(world.rules.origin, outcome.recorded && noted)
}
