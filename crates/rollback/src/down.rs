//! Goes back, or goes on with a rollback under way.

use liftlock::failure::{Failure, Kind};
use liftlock::plan::Plan;
use liftlock::plan::back::{gives_way as may_give_way, may_end};
use liftlock::reject;
use liftlock::report::Report;
use liftlock::rollback::alert::Notification;
use liftlock::rollback::{Against, Cause};
use liftlock::state::Owner;
use liftlock::verdict::Verdict;
use liftlock_engine::{Engine, Opening, Outcome, Pace as _, Pen, World, follow, open};
use liftlock_io::cli::Session;
use liftlock_io::store;

use crate::alert::{self, Answer, Because};
use crate::args::Moved;
use crate::before::{gives_way, gone_already, make_way, may_go_on};
use crate::choose::{self, Glass};
use crate::run::make;
use crate::{copy, render};

/// What is told of a rollback that is asked for once more.
const AGAIN: &str = "that was done before, and nothing moved now; `--to RELEASE` goes further back";

pub(crate) fn go_back(session: &Session, moved: &Moved) -> Result<Report, Failure> {
    checked(session, moved)?;
    let said = moved.alert.as_deref().map(alert::read).transpose()?;
    let mut world = open::back_world(session, &moved.environment)?;
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
    let who = (&owner, &pen);
    let because = match alert::answer(session, &mut engine, (moved, said), who)? {
        Answer::Leave(because) => because,
        Answer::Ended(report) => return Ok(*report),
    };
    let state = engine.document();
    let mut again = None;
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
        again = Some(AGAIN);
        Ok(Outcome::of(&run, engine.is_recorded()))
    } else {
        let wanted = (moved, &because);
        let plan = match begin(session, &mut engine, wanted, copied, who)? {
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
        Ok(outcome) => {
            let report = ended(session, (world, &engine), &outcome, (moved, &pen));
            Ok(again.into_iter().fold(report, Report::with_caution))
        }
        Err(failure) => {
            left_open(session, (world, &engine), moved, &failure);
            Err(failure)
        }
    }
}

/// Tells others of a plan that stays open, and of its hold.
pub(crate) fn left_open(
    session: &Session,
    (world, engine): (&World, &Engine<'_>),
    moved: &Moved,
    failure: &Failure,
) {
    if failure.kind == Kind::Stuck
        && let Some(lines) = world.tell_hold(engine.document()).lines()
    {
        session.tell(&lines);
    }
    if let Some(run) = engine.document().under_way() {
        follow::open_still(run, moved.github.as_deref(), session);
    }
}

/// Plans the way down, once there is one and nothing is under way any more. What
/// may end for that ends wherever it leads, where its release was rejected.
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
    let ends = may_give_way(&run.plan, &run.journal) || may_end(&run.plan, &run.journal);
    let is_gone = run.plan.goes_down() && ends && world.rejected(&run.plan.release)?.is_some();
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
    let glass = match moved.break_glass {
        true => Glass::Broken,
        false => Glass::Whole,
    };
    let candidates = choose::candidates(world, state, (session, glass))?;
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
pub(crate) fn ended(
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
