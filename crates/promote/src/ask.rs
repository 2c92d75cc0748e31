//! What people ask of a plan under way.

use liftlock::failure::Failure;
use liftlock::plan::apart::separate;
use liftlock::plan::wish::{What, Wish};
use liftlock::report::Report;
use liftlock::verdict::Verdict;
use liftlock_engine::{Before, Engine, Pace as _, Pen, World, open};
use liftlock_io::cli::Session;

use crate::args::{Advanced, Paused, Reasoned};
use crate::run::{After, ended, told};
use crate::{person, render};

/// Has the plan under way go back.
pub(crate) fn abort(session: &Session, aborted: &Reasoned) -> Result<Report, Failure> {
    let asked = (What::Abort, aborted.reason.as_str());
    let world = open::back_world(session, &aborted.environment)?;
    ask(session, &world, asked, &|engine, wish| {
        let pen = Pen::hoped(&aborted.signing, &engine.world().rules, session)?;
        let after = After {
            pen: &pen,
            github: None,
        };
        let outcome = engine.abort(wish, &open::owner(session))?;
        ended(session, engine.world(), "abort", &outcome, after)
    })
}

/// Has the plan under way stop where it is.
pub(crate) fn pause(session: &Session, paused: &Paused) -> Result<Report, Failure> {
    let asked = (What::Pause, paused.reason.as_str());
    let world = open::back_world(session, &paused.environment)?;
    ask(session, &world, asked, &|engine, wish| {
        let driver = engine.ask_for(wish)?;
        let outcome = engine.pending(wish.to_string(), None)?;
        let (release, environment) = (&outcome.plan.release.id, &outcome.plan.environment);
        let (verdict, headline) = match driver {
            Some(driver) => (
                Verdict::Pending,
                format!("{driver} stops {release} in {environment} at its next safe point"),
            ),
            None => (
                Verdict::Pass,
                format!("{release} stays where it is in {environment}"),
            ),
        };
        let report = render::asked(("pause", verdict), headline, &outcome, None);
        let run = engine.document().under_way();
        let report = match run.filter(|run| person::is_untold(&world, run)) {
            Some(_) => report.with_caution(&person::untold(&world)),
            None => report,
        };
        let pages = run.map(|run| run.journal.requests.iter());
        let pages: Vec<&str> = pages
            .into_iter()
            .flatten()
            .map(|one| one.page.as_str())
            .collect();
        let report = match pages.as_slice() {
            [] => report,
            [_, ..] => report.with_caution(&format!(
                "whoever merges {} moves it all the same; `promote abort` closes it",
                pages.join(", ")
            )),
        };
        Ok(report.with_policy(engine.world().rules.origin, outcome.recorded))
    })
}

/// Lets the plan under way go on after a pause or a question.
pub(crate) fn advance(session: &Session, advanced: &Advanced) -> Result<Report, Failure> {
    let asked = (What::Advance, advanced.reason.as_str());
    let mut world = open::world(session, &advanced.environment)?;
    person::told(&advanced.person, &mut world, session)?;
    ask(session, &world, asked, &|engine, wish| {
        let rules = &engine.world().rules;
        let pen = Pen::open(&advanced.signing, rules, session)?;
        pen.ready(rules, Before::GoneOn)?;
        go_on(engine, wish, &pen)
    })
}

fn go_on(engine: &mut Engine<'_>, wish: &Wish, pen: &Pen<'_>) -> Result<Report, Failure> {
    let world = engine.world();
    let driver = engine.ask_for(wish)?;
    let outcome = engine.pending(wish.to_string(), None)?;
    let who = driver.map_or(
        "`promote resume` or the next sweep goes".to_owned(),
        |one| format!("{one} goes"),
    );
    let headline = format!(
        "{} may go on in {}: {who} on with it",
        outcome.plan.release.id, outcome.plan.environment
    );
    let signed = pen.word(world, &outcome)?;
    let report = render::asked(("advance", Verdict::Pass), headline, &outcome, signed);
    Ok(report.with_policy(world.rules.origin, outcome.recorded))
}

/// Asks something of the plan under way; a dry run only finds out whether it
/// could be asked.
fn ask(
    session: &Session,
    world: &World,
    (what, reason): (What, &str),
    act: &dyn Fn(&mut Engine<'_>, &Wish) -> Result<Report, Failure>,
) -> Result<Report, Failure> {
    let asked = Engine::open(world, session).and_then(|mut engine| {
        let wish = Wish::new(what, reason, world.actor.clone(), session.now())?;
        if what == What::Advance {
            apart(world, &engine)?;
        }
        if session.dry_run {
            let mut document = engine.document().clone();
            wish.note(&mut document)?;
            return Ok(render::status(world, &document, (&[], &[])));
        }
        act(&mut engine, &wish)
    });
    told(session, world, None, asked)
}

/// Nobody who has to be kept apart from the plan under way lets it go on.
fn apart(world: &World, engine: &Engine<'_>) -> Result<(), Failure> {
    let Some(run) = engine.document().under_way() else {
        return Ok(());
    };
    let policy = person::rule(world);
    Ok(separate(policy.as_ref(), &run.actors, &world.actors)?)
}
