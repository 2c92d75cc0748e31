//! What was begun before a rollback: gone on with, ended for it, or done already.

use liftlock::failure::{Failure, Kind};
use liftlock::plan::Kind as PlanKind;
use liftlock::plan::back::{self, may_end};
use liftlock::plan::wish::{What, Wish};
use liftlock::release::Reference;
use liftlock::report::Report;
use liftlock::rollback;
use liftlock::state::{Document, Owner, Run};
use liftlock_engine::{Engine, Pace as _, Pen, World, follow, open};
use liftlock_io::cli::Session;

use crate::args::Moved;
use crate::render;

/// Goes on with the plan under way, or refuses; what a dry run shows of it.
pub(crate) fn may_go_on(
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
        return Err(Failure::new(Kind::Blocked, message).with_hint(run.way_on()));
    }
    if run.plan.kind != PlanKind::Rollback {
        let message = format!("a promotion of {} is under way", run.plan.release.id);
        let place = &world.environment.name;
        return Err(Failure::new(Kind::Blocked, message).with_hint(format!(
            "run `promote abort --environment {place} --reason TEXT`: the promotion goes back; \
             `rollback hold --environment {place} --reason TEXT` keeps the next one away"
        )));
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
/// more, before it touched anything, or where it is stuck and pointers are all
/// there is; where its release was rejected also while it waits for people to
/// merge that.
pub(crate) fn gives_way(world: &World, state: &Document, moved: &Moved) -> Result<bool, Failure> {
    let Some(run) = state.under_way() else {
        return Ok(false);
    };
    if run.plan.reconciles() && last_gone(world, state, moved)?.is_none() {
        return Ok(true);
    }
    if !run.plan.goes_down() {
        return Ok(false);
    }
    if back::gives_way(&run.plan, &run.journal) && unwanted(world, run, moved)?.is_some() {
        return Ok(true);
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

/// Ends the plan under way that gives way, and tells what it came to.
pub(crate) fn make_way(
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
    let gives_way = back::gives_way(&run.plan, &run.journal);
    let ended = if run.plan.reconciles() {
        let (reason, by) = ("a rollback takes its place", open::actor(session));
        let wish = Wish::new(What::Abort, reason, by, session.now())?;
        engine.abort(&wish, owner)?
    } else {
        match unwanted.filter(|_| gives_way) {
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
pub(crate) fn gone_already<'a>(
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
