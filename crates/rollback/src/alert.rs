//! Going back because a monitor says so: what the alerts come to for an
//! environment, and the reason that they give.

use std::path::Path;

use liftlock::failure::{Failure, Kind};
use liftlock::plan::wish::{What, Wish};
use liftlock::report::Report;
use liftlock::rollback::alert::{self, Noticed, Notification, Ruling, Scene};
use liftlock::state::{Document, Owner};
use liftlock::time::Time;
use liftlock_engine::{Engine, Pace as _, Pen, World, open};
use liftlock_io::cli::Session;
use liftlock_io::file;

use crate::args::Moved;
use crate::down::{ended, left_open};
use crate::render;

/// The reason where nobody gave one.
const REASON: &str = "rolled back";

/// As [`REASON`], for an alert.
const ALERTED: &str = "an alert is firing";

/// How often alerts are judged where a plan ends under their eyes.
const TRIES: u32 = 2;

/// Why a release is left, and since when that is known.
#[derive(Debug)]
pub(crate) struct Because {
    pub(crate) reason: String,
    pub(crate) detected_at: Option<Time>,
}

/// Reads what a monitor says.
pub(crate) fn read(path: &Path) -> Result<Notification, Failure> {
    let bytes = file::read(path, alert::LARGEST)?;
    Notification::parse(&bytes).map_err(|error| {
        let message = format!("`{}` is no notification of a monitor", path.display());
        Failure::because(Kind::Invalid, message, error).with_hint(
            "send what Alertmanager or Grafana sends to a webhook; in a dispatch of GitHub as `client_payload.alert`",
        )
    })
}

/// What a word comes to.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The release is left.
    Leave(Because),
    /// It went back, or stays where it is, and why.
    Ended(Box<Report>),
}

/// What alerts come to.
enum Ruled {
    /// The release is left.
    Leave(Because),
    /// The promotion under way goes back.
    Abort(Because),
    /// Nothing moves, and why.
    Stay(Box<Report>),
}

/// Whether the release is left, and why: without a notification because somebody
/// runs the program; with one, where an alert in it counts. A promotion that may
/// be over by the time that it is to go back is judged once more: then another
/// release is live.
pub(crate) fn answer(
    session: &Session,
    engine: &mut Engine<'_>,
    (moved, said): (&Moved, Option<&Notification>),
    who: (&Owner, &Pen<'_>),
) -> Result<Answer, Failure> {
    for _ in 0..TRIES {
        match rule(session, (engine.world(), engine.document()), moved, said)? {
            Ruled::Leave(because) => return Ok(Answer::Leave(because)),
            Ruled::Stay(report) => return Ok(Answer::Ended(report)),
            Ruled::Abort(because) => {
                if let Some(report) = abort(session, engine, (moved, &because), who)? {
                    return Ok(Answer::Ended(Box::new(report)));
                }
            }
        }
    }
    let message = "each plan that the alert is about was over before it could be taken back";
    Err(Failure::new(Kind::Blocked, message).with_hint("run the same command again"))
}

fn rule(
    session: &Session,
    (world, state): (&World, &Document),
    moved: &Moved,
    said: Option<&Notification>,
) -> Result<Ruled, Failure> {
    let (reason, detected_at) = (moved.reason.as_deref(), moved.detected_at);
    let Some(said) = said else {
        let reason = reason.unwrap_or(REASON).to_owned();
        return Ok(Ruled::Leave(Because {
            reason,
            detected_at,
        }));
    };
    let reason = reason.unwrap_or(ALERTED);
    let going = state.under_way();
    if going.is_some_and(|run| run.plan.goes_down()) && said.fires() {
        // It is gone on with, for the reason that it was begun for.
        let reason = reason.to_owned();
        return Ok(Ruled::Leave(Because {
            reason,
            detected_at,
        }));
    }
    let aside = |error: alert::ParseError| {
        Failure::new(Kind::Invalid, error.to_string())
            .with_hint("set the clock of the monitor, or of this machine")
    };
    let noticed = |Noticed { name, at }| Because {
        reason: format!("{reason}: {name}"),
        detected_at: Some(at),
    };
    // What people merged is there since then, whoever looked.
    let seen = match said.fires() {
        true => &world.with_merges(state, session),
        false => state,
    };
    let scene = Scene {
        service: &world.rules.service,
        environment: &world.environment.name,
        state: seen,
        within: moved.within,
        now: session.now(),
    };
    if let Some(fault) = alert::judge_waiting(said, scene).map_err(aside)? {
        return Ok(Ruled::Abort(noticed(fault)));
    }
    Ok(match alert::judge(said, scene).map_err(aside)? {
        Ruling::Back(fault) => Ruled::Leave(noticed(fault)),
        Ruling::Stay(against) => Ruled::Stay(Box::new(render::stays(world, state, &against))),
    })
}

/// Has the promotion under way go back, which nobody judges, and holds the
/// environment as a rollback does: else a schedule takes the same release up
/// again. Nothing where it is over by now.
fn abort(
    session: &Session,
    engine: &mut Engine<'_>,
    (moved, because): (&Moved, &Because),
    (owner, pen): (&Owner, &Pen<'_>),
) -> Result<Option<Report>, Failure> {
    let world = engine.world();
    let by = open::actor(session);
    let wish = Wish::new(What::Abort, &because.reason, by, session.now())?;
    if session.dry_run {
        let outcome = engine.pending(wish.to_string(), None)?;
        let report = render::outcome(&outcome, None, None);
        return Ok(Some(report.with_policy(world.rules.origin, false)));
    }
    let outcome = match engine.abort_and_hold(&wish, owner) {
        Ok(Some(outcome)) => outcome,
        Ok(None) => return Ok(None),
        Err(failure) => {
            left_open(session, (world, engine), moved, &failure);
            return Err(failure);
        }
    };
    let report = ended(session, (world, engine), &outcome, (moved, pen));
    let hold = engine.document().hold.as_ref();
    Ok(Some(match hold {
        Some(hold) => report.with_caution(&format!("{}; `rollback lift` ends it", hold.told())),
        None => report,
    }))
}
