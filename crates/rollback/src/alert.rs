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
use crate::down::ended;
use crate::render;

/// The reason where nobody gave one.
const REASON: &str = "rolled back";

/// As [`REASON`], for an alert.
const ALERTED: &str = "an alert is firing";

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

/// What a monitor's word comes to.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The release is left.
    Leave(Because),
    /// The promotion under way goes back.
    Abort(Because),
    /// Nothing moves, and why.
    Stay(Box<Report>),
}

/// Whether the release is left, and why: without a notification because somebody
/// runs the program; with one, where an alert in it counts.
pub(crate) fn answer(
    session: &Session,
    (world, state): (&World, &Document),
    moved: &Moved,
    said: Option<&Notification>,
) -> Result<Answer, Failure> {
    let (reason, detected_at) = (moved.reason.as_deref(), moved.detected_at);
    let Some(said) = said else {
        let reason = reason.unwrap_or(REASON).to_owned();
        return Ok(Answer::Leave(Because {
            reason,
            detected_at,
        }));
    };
    let reason = reason.unwrap_or(ALERTED);
    let going = state.under_way();
    if going.is_some_and(|run| run.plan.goes_down()) && said.fires() {
        // It is gone on with, for the reason that it was begun for.
        let reason = reason.to_owned();
        return Ok(Answer::Leave(Because {
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
    let scene = Scene {
        service: &world.rules.service,
        environment: &world.environment.name,
        state,
        within: moved.within,
        now: session.now(),
    };
    if let Some(fault) = alert::judge_waiting(said, scene).map_err(aside)? {
        return Ok(Answer::Abort(noticed(fault)));
    }
    Ok(match alert::judge(said, scene).map_err(aside)? {
        Ruling::Back(fault) => Answer::Leave(noticed(fault)),
        Ruling::Stay(against) => Answer::Stay(Box::new(render::stays(world, state, &against))),
    })
}

/// Has the promotion under way go back, which nobody judges.
pub(crate) fn abort(
    session: &Session,
    engine: &mut Engine<'_>,
    (moved, because): (&Moved, &Because),
    (owner, pen): (&Owner, &Pen<'_>),
) -> Result<Report, Failure> {
    let world = engine.world();
    let by = open::actor(session);
    let wish = Wish::new(What::Abort, &because.reason, by, session.now())?;
    if session.dry_run {
        let outcome = engine.pending(wish.to_string(), None)?;
        let report = render::outcome(&outcome, None, None);
        return Ok(report.with_policy(world.rules.origin, false));
    }
    let outcome = engine.abort(&wish, owner)?;
    Ok(ended(session, (world, engine), &outcome, (moved, pen)))
}
