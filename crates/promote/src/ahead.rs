//! What a run would do: told to whoever only looks, and to the run itself.

use liftlock::chain::Chain;
use liftlock::failure::{Failure, Kind};
use liftlock::plan::Plan;
use liftlock::plan::make::{Inputs, promotion};
use liftlock::plan::outlook::{Outlook, Seen};
use liftlock::plan::stray::Stray;
use liftlock::release::{Identified, Reference};
use liftlock::report::{PolicyOrigin, Report};
use liftlock::state::Document;
use liftlock::time::Time;
use liftlock::verdict::Verdict;
use liftlock_engine::gather::{Gathered, Moment};
use liftlock_engine::{Engine, Pace as _, World, open};
use liftlock_io::cli::Session;
use liftlock_io::owner;

use crate::args::Wanted;
use crate::render;

/// What a run for a release would do, as far as the state tells.
pub(crate) fn outlook<'a>(
    document: &'a Document,
    release: &Reference,
    strays: &'a [Stray],
    now: Time,
) -> Outlook<'a> {
    document.outlook(&release.digest, Seen { strays, now }, &owner::is_dead)
}

/// Why a run does nothing, where that is no report.
pub(crate) fn refusal(outlook: &Outlook<'_>, world: &World) -> Failure {
    let kind = match outlook.verdict() {
        Verdict::Stuck => Kind::Stuck,
        Verdict::Pass
        | Verdict::Fail
        | Verdict::Inconclusive
        | Verdict::Blind
        | Verdict::Pending
        | Verdict::Blocked
        | Verdict::Expired => Kind::Blocked,
    };
    let failure = Failure::new(kind, outlook.to_string());
    match outlook.hint(&world.environment.name) {
        Some(hint) => failure.with_hint(hint),
        None => failure,
    }
}

/// That a release is live already, or that something differs from it.
pub(crate) fn live(
    subcommand: &'static str,
    world: &World,
    document: &Document,
    strays: &[Stray],
) -> Result<Report, Failure> {
    let drift = world.drift(document)?;
    Ok(render::status(world, document, (&drift, strays)).about(subcommand))
}

/// What a run would do with a plan under way.
pub(crate) fn under_way(
    subcommand: &'static str,
    engine: &Engine<'_>,
    outlook: &Outlook<'_>,
    now: Time,
) -> Result<Report, Failure> {
    let (run, is_driven) = match outlook {
        Outlook::GoesOn(run) | Outlook::Rests(run, _) => (*run, false),
        Outlook::Driven(run, _) => (*run, true),
        Outlook::Live(_)
        | Outlook::Another(_)
        | Outlook::Stuck(_)
        | Outlook::Held(_)
        | Outlook::Begins => return Err(Failure::new(Kind::Bug, "no plan is under way")),
    };
    let against = match is_driven || engine.is_at_rest(now)? {
        true => None,
        false => engine.speaks_against()?,
    };
    let (verdict, headline) = match against {
        Some(why) => (Verdict::Fail, format!("{outlook}; it goes back: {why}")),
        None => (outlook.verdict(), outlook.to_string()),
    };
    let hint = outlook.hint(&engine.world().environment.name);
    let report = render::under_way((subcommand, verdict), headline, run, hint);
    Ok(report.with_policy(engine.world().rules.origin, false))
}

/// What is known before anything moves.
pub(crate) struct Prepared {
    pub(crate) gathered: Gathered,
    pub(crate) seen: Conditions,
    pub(crate) plan: Result<Plan, Failure>,
}

/// Whether everything demanded is there, and nothing differs.
pub(crate) struct Conditions {
    pub(crate) chain: Chain,
    pub(crate) drift: Vec<String>,
}

/// Gathers what there is about a release, and plans.
pub(crate) fn prepare(
    world: &World,
    state: &Document,
    release: &Reference,
    now: Time,
) -> Result<Prepared, Failure> {
    let gathered = world.gather(release, now)?;
    let moment = Moment {
        now,
        as_of: now,
        plan: None,
    };
    let chain = world.chain_asked_again(release, &gathered, state, moment)?;
    // In this order: a pointer that moves in between is drift now or a
    // refusal later, never the place that a plan starts from.
    let pointers = world.pointers()?;
    let drift = match state.under_way() {
        Some(_) => Vec::new(),
        None => world.drift(state)?,
    };
    let made = promotion(&Inputs {
        service: &world.rules.service,
        environment: &world.environment,
        state,
        release,
        pointers: &pointers,
        policy: world.rules.policy,
        approval: chain.approval,
        break_glass: chain.break_glass.as_ref(),
        now,
    });
    let plan = made.map_err(|refusal| Failure::new(refusal.kind(), refusal.to_string()));
    let plan = plan.and_then(|plan| world.whole(&plan).map(|()| plan));
    let plan = plan.and_then(|plan| world.first(plan));
    Ok(Prepared {
        gathered,
        seen: Conditions { chain, drift },
        plan,
    })
}

/// How a run would end where no plan for its release is under way, and what is in
/// everybody's way.
pub(crate) struct Ahead {
    pub(crate) verdict: Verdict,
    pub(crate) in_the_way: Vec<String>,
}

impl Ahead {
    pub(crate) fn of(
        outlook: &Outlook<'_>,
        seen: &Conditions,
        (world, held): (&World, Option<&Failure>),
    ) -> Self {
        let held = held.map(|failure| failure.lines().join(": "));
        let place = &world.environment.name;
        let drift = seen.drift.iter().map(|line| format!("drift: {line}"));
        let beside: Vec<String> = held.into_iter().chain(drift).collect();
        let verdict = outlook.ends(&beside, seen.chain.verdict);
        let by_state = outlook.hint(place).map(|hint| format!("{outlook}: {hint}"));
        let mended = seen.drift.first().map(|_| render::mended(place));
        Self {
            verdict,
            in_the_way: by_state.into_iter().chain(beside).chain(mended).collect(),
        }
    }

    /// Why nothing moves, in one line.
    pub(crate) fn why(&self, chain: &Chain) -> String {
        let mut reasons = vec![chain.unmet()];
        reasons.extend(self.in_the_way.iter().cloned());
        reasons.retain(|reason| !reason.is_empty());
        reasons.join("; ")
    }
}

/// Why the environment is held in git, where it is.
fn held(world: &World) -> Result<Option<Failure>, Failure> {
    match world.refuse_held() {
        Ok(()) => Ok(None),
        Err(failure) if failure.kind == Kind::Blocked => Ok(Some(failure)),
        Err(failure) => Err(failure),
    }
}

/// Shows the steps, and what is missing.
pub(crate) fn plan(session: &Session, wanted: &Wanted) -> Result<Report, Failure> {
    let (world, release, origin) = match session.rules()? {
        Some(rules) => {
            session.lasting(&rules.stores())?;
            let origin = rules.origin;
            let mut world = open::within(session, rules, &wanted.environment)?;
            let release = wanted.release.read(&world.rules, world.state.as_ref())?;
            open::fits(&world, &release)?;
            wanted.release.bring(&mut world, &release)?;
            (world, release, origin)
        }
        None => {
            let (world, release) = without_rules(session, wanted)?;
            (world, release, PolicyOrigin::None)
        }
    };
    let engine = Engine::open(&world, session)?;
    let (document, reference, now) = (engine.document(), release.reference(), session.now());
    let strays = world.strays(document)?;
    let outlook = outlook(document, &reference, &strays, now);
    let report = match &outlook {
        Outlook::Live(_) => live("plan", &world, document, &strays)?,
        Outlook::GoesOn(_) | Outlook::Rests(..) | Outlook::Driven(..) => {
            under_way("plan", &engine, &outlook, now)?
        }
        Outlook::Another(_) | Outlook::Stuck(_) => return Err(refusal(&outlook, &world)),
        Outlook::Held(_) | Outlook::Begins => {
            let prepared = prepare(&world, document, &reference, now)?;
            let ahead = Ahead::of(&outlook, &prepared.seen, (&world, held(&world)?.as_ref()));
            match prepared.plan {
                Err(failure) if ahead.verdict == Verdict::Pass => return Err(failure),
                Err(_) => render::refused("plan", &reference, (&prepared.seen, &ahead), &world),
                Ok(plan) => render::plan("plan", &plan, (&prepared.seen, &ahead), &world),
            }
        }
    };
    Ok(render::beside(report, &strays).with_policy(origin, false))
}

/// Tells every condition, whether met or not.
pub(crate) fn explain(session: &Session, wanted: &Wanted) -> Result<Report, Failure> {
    let (world, release) = wanted.release.open(session, &wanted.environment)?;
    let engine = Engine::open(&world, session)?;
    let (document, reference, now) = (engine.document(), release.reference(), session.now());
    let strays = world.strays(document)?;
    let outlook = outlook(document, &reference, &strays, now);
    let report = match &outlook {
        Outlook::Live(_) => live("explain", &world, document, &strays)?,
        Outlook::GoesOn(_) | Outlook::Rests(..) | Outlook::Driven(..) => {
            under_way("explain", &engine, &outlook, now)?
        }
        Outlook::Another(_) | Outlook::Stuck(_) | Outlook::Held(_) | Outlook::Begins => {
            let prepared = prepare(&world, document, &reference, now)?;
            let ahead = Ahead::of(&outlook, &prepared.seen, (&world, held(&world)?.as_ref()));
            explained(&world, prepared, ahead)?
        }
    };
    Ok(render::beside(report, &strays).with_policy(world.rules.origin, false))
}

/// Every condition, and what else is in the way.
fn explained(world: &World, prepared: Prepared, ahead: Ahead) -> Result<Report, Failure> {
    let Ahead {
        mut verdict,
        mut in_the_way,
    } = ahead;
    if let Err(failure) = prepared.plan {
        // What has no verdict is told as a run tells it, where it is all there is.
        match (verdict, Verdict::of(failure.kind.exit())) {
            (Verdict::Pass, None) => return Err(failure),
            (Verdict::Pass, Some(refused)) => verdict = refused,
            _ => {}
        }
        in_the_way.push(failure.lines().join(": "));
    }
    Ok(render::explain(
        verdict,
        world,
        &prepared.seen.chain,
        &in_the_way,
    ))
}

/// A world of the flags alone, in which the service is the release's.
fn without_rules(session: &Session, wanted: &Wanted) -> Result<(World, Identified), Failure> {
    if wanted.release.request.is_some() {
        let message = "without a configuration there is no store to find the request in";
        return Err(Failure::new(Kind::Usage, message)
            .with_hint("write a liftlock.yaml, or give `--release FILE`"));
    }
    let named = match (&wanted.release.release, &session.service) {
        (Some(path), _) => open::release(path)?.release.service,
        (None, Some(service)) => service.clone(),
        (None, None) => {
            let message = "neither a configuration nor `--service` names the service";
            return Err(Failure::new(Kind::Usage, message).with_hint("add `--service NAME`"));
        }
    };
    let release = wanted.release.at_hand(&named)?;
    let mut world = open::from_targets(session, &named, &wanted.environment, &wanted.target)?;
    wanted.release.bring(&mut world, &release)?;
    Ok((world, release))
}
