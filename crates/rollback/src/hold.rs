//! Places and lifts holds.

use liftlock::failure::{Failure, Kind};
use liftlock::record::Kind as RecordKind;
use liftlock::reject;
use liftlock::report::Report;
use liftlock::state::{Document, Hold};
use liftlock::verdict::Verdict;
use liftlock_engine::hold::Told;
use liftlock_engine::state::State;
use liftlock_engine::{Pace as _, World, open};
use liftlock_io::cli::Session;

use crate::args::Held;

/// Keeps automation from moving an environment.
pub(crate) fn hold(session: &Session, held: &Held) -> Result<Report, Failure> {
    let (world, hold) = opened(session, held)?;
    let mut state = state(&world)?;
    if session.dry_run {
        free(&state.document)?;
        return Ok(report("hold", &world, held, false));
    }
    let placed = state.note(&|document| {
        free(document)?;
        let record = world.hold_record(RecordKind::HoldPlaced, &hold, document);
        document.hold = Some(hold.clone());
        document.keep(record);
        Ok(())
    });
    match placed {
        Ok(()) => {
            let recorded = world.record_all(&mut state, session);
            let told = world.tell_hold(&state.document);
            let open = world.close_requests(&state.document);
            let report = told.said(report("hold", &world, held, recorded));
            Ok(match open.as_slice() {
                [] => report,
                [_, ..] => report.with_caution(&open.join("; ")),
            })
        }
        // What could not be told when it was placed is told now.
        Err(failure) if failure.kind == Kind::Blocked => {
            world.record_all(&mut state, session);
            say(session, &world.tell_hold(&state.document));
            for line in world.close_requests(&state.document) {
                session.tell(&line);
            }
            Err(failure)
        }
        Err(failure) => Err(failure),
    }
}

/// Ends a hold.
pub(crate) fn lift(session: &Session, held: &Held) -> Result<Report, Failure> {
    let (world, lift) = opened(session, held)?;
    let mut state = state(&world)?;
    if state.document.hold.is_none() {
        return lift_in_git(session, (&world, &mut state), held, &lift);
    }
    if session.dry_run {
        return Ok(report("lift", &world, held, false));
    }
    state.note(&|document| {
        let record = world.hold_record(RecordKind::HoldLifted, &lift, document);
        document.hold.take().ok_or_else(absent)?;
        document.keep(record);
        Ok(())
    })?;
    let recorded = world.record_all(&mut state, session);
    let told = world.tell_lift(&state.document, &lift);
    Ok(told.said(report("lift", &world, held, recorded)))
}

/// Ends what only git tells of: a hold that somebody wrote there, or one of
/// which the end could not be told.
fn lift_in_git(
    session: &Session,
    (world, state): (&World, &mut State<'_>),
    held: &Held,
    lift: &Hold,
) -> Result<Report, Failure> {
    if session.dry_run {
        return match world.refuse_held() {
            Ok(()) => Err(absent()),
            Err(failure) if failure.kind == Kind::Blocked => Ok(report("lift", world, held, false)),
            Err(failure) => Err(failure),
        };
    }
    let recorded = world.record_all(state, session);
    let told = world.tell_lift(&state.document, lift);
    if !told.written.is_empty() {
        return Ok(told.said(report("lift", world, held, recorded)));
    }
    match told.away {
        Some(failure) => Err(failure),
        None => {
            say(session, &told);
            Err(absent())
        }
    }
}

fn opened(session: &Session, held: &Held) -> Result<(World, Hold), Failure> {
    reject::reason(&held.reason)
        .map_err(|why| Failure::new(Kind::Usage, format!("`--reason` {why}")))?;
    let hold = Hold {
        reason: held.reason.clone(),
        by: open::actor(session).id,
        at: session.now(),
    };
    Ok((open::back_world(session, &held.environment)?, hold))
}

fn state(world: &World) -> Result<State<'_>, Failure> {
    let key = Document::key(&world.rules.service, &world.environment.name);
    State::open(world.state.as_ref(), key, world.environment.lease)
}

/// Refuses a second hold.
fn free(document: &Document) -> Result<(), Failure> {
    let Some(hold) = &document.hold else {
        return Ok(());
    };
    let message = format!("a hold is in place since {}: {}", hold.at, hold.reason);
    Err(Failure::new(Kind::Blocked, message))
}

fn absent() -> Failure {
    Failure::new(Kind::Invalid, "there is no hold to lift")
}

fn say(session: &Session, told: &Told) {
    if let Some(lines) = told.lines() {
        session.tell(&lines);
    }
}

fn report(subcommand: &'static str, world: &World, held: &Held, recorded: bool) -> Report {
    let now = match subcommand {
        "lift" => "is held no more",
        _ => "is held",
    };
    let headline = format!("{} {now}: {}", world.environment.name, held.reason);
    Report::new(subcommand, Verdict::Pass, headline)
        .with_scope(
            Some(world.rules.service.clone()),
            Some(world.environment.name.clone()),
        )
        .with_detail(&serde_json::json!({ "reason": held.reason }))
        .with_policy(world.rules.origin, recorded)
}
