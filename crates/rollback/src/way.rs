//! Has a promotion under way go back, because an alert is about it.

use liftlock::failure::Failure;
use liftlock::plan::wish::{What, Wish};
use liftlock::report::Report;
use liftlock::state::Owner;
use liftlock_engine::{Engine, Pace as _, Pen, open};
use liftlock_io::cli::Session;

use crate::alert::Because;
use crate::args::Moved;
use crate::down::ended;
use crate::render;

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
