//! Places and lifts holds.

use liftlock::failure::{Failure, Kind};
use liftlock::record::{Id, Kind as RecordKind};
use liftlock::report::Report;
use liftlock::state::{Document, Hold};
use liftlock::verdict::Verdict;
use liftlock_engine::state::State;
use liftlock_engine::{Pace as _, World, open};
use liftlock_io::cli::Session;

use crate::args::Held;

/// Keeps automation from moving an environment.
pub(crate) fn hold(session: &Session, held: &Held) -> Result<Report, Failure> {
    let world = open::world(session, &held.environment)?;
    let hold = Hold {
        reason: held.reason.clone(),
        by: open::actor(session).id,
        at: session.now(),
    };
    change(
        session,
        &world,
        ("hold", RecordKind::HoldPlaced),
        held,
        &|document| {
            if let Some(hold) = &document.hold {
                let message = format!("a hold is in place since {}: {}", hold.at, hold.reason);
                return Err(Failure::new(Kind::Blocked, message));
            }
            document.hold = Some(hold.clone());
            Ok(())
        },
    )
}

/// Ends a hold.
pub(crate) fn lift(session: &Session, held: &Held) -> Result<Report, Failure> {
    let world = open::world(session, &held.environment)?;
    change(
        session,
        &world,
        ("lift", RecordKind::HoldLifted),
        held,
        &|document| match document.hold.take() {
            Some(_) => Ok(()),
            None => Err(Failure::new(Kind::Invalid, "there is no hold to lift")),
        },
    )
}

fn change(
    session: &Session,
    world: &World,
    (subcommand, kind): (&'static str, RecordKind),
    held: &Held,
    change: &dyn Fn(&mut Document) -> Result<(), Failure>,
) -> Result<Report, Failure> {
    let key = Document::key(&world.rules.service, &world.environment.name);
    let mut state = State::open(world.state.as_ref(), key, world.environment.lease)?;
    let headline = format!("{}: {}", world.environment.name, held.reason);
    let report = Report::new(subcommand, Verdict::Pass, headline)
        .with_scope(
            Some(world.rules.service.clone()),
            Some(world.environment.name.clone()),
        )
        .with_detail(&serde_json::json!({ "reason": held.reason }));
    if session.dry_run {
        change(&mut state.document.clone())?;
        return Ok(report.with_policy(world.rules.origin, false));
    }
    state.note(change)?;
    let now = session.now();
    let revision = state.document.revision.to_string();
    let id = Id::derived(&[subcommand, world.environment.name.as_str(), &revision]);
    let mut record = world.record(id, kind, now);
    record
        .detail
        .insert("reason".to_owned(), held.reason.as_str().into());
    let recorded = world.note(&record, session);
    Ok(report.with_policy(world.rules.origin, recorded))
}
