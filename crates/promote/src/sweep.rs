//! Goes on with the plans that nobody drives and somebody should, side by side:
//! what bakes in one environment keeps nobody from judging another.

use std::time::Duration;

use liftlock::config::effective::Rules;
use liftlock::exit::Exit;
use liftlock::failure::{Failure, Kind};
use liftlock::name::Name;
use liftlock::plan::rest::Found;
use liftlock::report::Report;
use liftlock::time::Time;
use liftlock::verdict::Verdict;
use liftlock_engine::{Engine, Pace, Pen, open};
use liftlock_io::cli::{Session, progress};
use liftlock_io::{owner, parallel};
use serde::Serialize;

use crate::args::Swept;
use crate::run::{After, ended, told};

/// How many environments are looked after at once: more than a service has, as
/// all that they do is wait.
const AT_ONCE: usize = 64;

/// The pace of one environment among others: what is told there names it.
struct Among<'a> {
    session: &'a Session,
    environment: &'a Name,
}

impl Pace for Among<'_> {
    fn now(&self) -> Time {
        self.session.now()
    }

    fn wait(&self, length: Duration) -> Result<(), Failure> {
        self.session.wait(length)
    }

    fn tell(&self, line: &str) {
        progress(&format!("{}: {line}", self.environment));
    }
}

/// What was done in one environment.
#[derive(Debug, Serialize)]
struct Done {
    environment: Name,
    /// `nothing`, `left`, `due` in a dry run, `driven`, or `failed`.
    did: &'static str,
    verdict: Option<Verdict>,
    exit_code: u8,
    told: String,
    recorded: bool,
    #[serde(skip)]
    exit: Exit,
    #[serde(skip)]
    failed: Option<Kind>,
}

impl Done {
    fn new(environment: &Name, did: &'static str, verdict: Verdict, told: String) -> Self {
        Self {
            environment: environment.clone(),
            did,
            verdict: Some(verdict),
            exit_code: verdict.exit().code(),
            told,
            recorded: false,
            exit: verdict.exit(),
            failed: None,
        }
    }

    fn failed(environment: &Name, failure: &Failure) -> Self {
        let exit = failure.kind.exit();
        Self {
            verdict: Verdict::of(exit),
            exit_code: exit.code(),
            exit,
            failed: Some(failure.kind),
            ..Self::new(
                environment,
                "failed",
                Verdict::Fail,
                failure.lines().join(": "),
            )
        }
    }

    fn line(&self) -> String {
        format!("{}: {}", self.environment, self.told)
    }
}

/// Looks after every environment, or one.
pub(crate) fn sweep(session: &Session, swept: &Swept) -> Result<Report, Failure> {
    let rules = open::back_rules(session)?;
    let pen = Pen::later(&swept.signing, &rules, session)?;
    let after = After {
        pen: &pen,
        github: swept.github.as_deref(),
    };
    let names: Vec<Name> = match &swept.environment {
        Some(name) => {
            let known = rules.environment(name);
            let known = known.map_err(|error| Failure::new(Kind::Invalid, error.to_string()));
            vec![known?.name.clone()]
        }
        None => rules.environments.keys().cloned().collect(),
    };
    let all = parallel::map(AT_ONCE, &names, |name| {
        let done = match look_after(session, (&rules, name), swept, after) {
            Ok(done) => done,
            // Whoever is out of time, or asked to stop, goes to no other one.
            Err(failure) if ends_all(failure.kind) => return Err(failure),
            Err(failure) => Done::failed(name, &failure),
        };
        progress(&done.line());
        Ok(done)
    })?;
    let is_idle = |done: &Done| done.did != "driven" && done.failed.is_none();
    if all.iter().all(is_idle) {
        pen.able()?;
    }
    report(&rules, swept, &all)
}

const fn ends_all(kind: Kind) -> bool {
    matches!(kind, Kind::Expired | Kind::Interrupted | Kind::Terminated)
}

fn look_after(
    session: &Session,
    (rules, name): (&Rules, &Name),
    swept: &Swept,
    after: After<'_>,
) -> Result<Done, Failure> {
    let world = open::within(session, rules.clone(), name)?;
    let pace = Among {
        session,
        environment: name,
    };
    let mut engine = Engine::open(&world, &pace)?.staying(swept.parking.stay());
    let found = engine.document().found(session.now(), &owner::is_dead);
    let left = match found {
        Found::Nothing => {
            let drift = world.drift(engine.document())?;
            let verdict = match drift.as_slice() {
                [] => Verdict::Pass,
                [_, ..] => Verdict::Blocked,
            };
            let untold = match session.dry_run {
                true => None,
                false => world.tell_hold(engine.document()).lines(),
            };
            let mut told = vec!["no plan is under way".to_owned()];
            told.extend(drift.into_iter().chain(untold));
            ("nothing", verdict, told.join("; "))
        }
        Found::Driven(lease) => {
            let told = format!("{} drives it until {}", lease.owner.run, lease.expires_at);
            ("left", Verdict::Pass, told)
        }
        Found::Resting(resting) if engine.is_at_rest(session.now())? => {
            ("left", Verdict::Pending, resting.to_string())
        }
        Found::Due | Found::Resting(_) if session.dry_run => {
            let told = "nobody drives it: a sweep goes on with it".to_owned();
            ("due", Verdict::Pending, told)
        }
        Found::Due | Found::Resting(_) => {
            let report = after.pen.going_on(&engine).and_then(|other| {
                let pen = other.as_ref().unwrap_or(after.pen);
                let after = After { pen, ..after };
                let outcome = engine.resume(&open::owner(session))?;
                ended(session, &world, "sweep", &outcome, after)
            });
            let report = told(session, &world, None, report)?;
            let mut done = Done::new(name, "driven", report.verdict, report.headline);
            done.recorded = report.recorded;
            return Ok(done);
        }
    };
    let (did, verdict, told) = left;
    Ok(Done::new(name, did, verdict, told))
}

/// The worst of all is what the sweep came to. What has no verdict ends it as
/// a failure, which tells of the others as well.
fn report(rules: &Rules, swept: &Swept, all: &[Done]) -> Result<Report, Failure> {
    let lines: Vec<String> = all.iter().map(Done::line).collect();
    let worst = all.iter().max_by_key(|done| done.exit.weight());
    let verdict = match worst.map(|done| (done.verdict, done.failed)) {
        None => Verdict::Pass,
        Some((Some(verdict), _)) => verdict,
        Some((None, kind)) => {
            let kind = kind.unwrap_or(Kind::Bug);
            return Err(Failure::new(kind, lines.join("; ")));
        }
    };
    let driven = all.iter().filter(|done| done.did == "driven");
    let (driven, recorded) = driven.fold((0, true), |(count, recorded), done| {
        (count + 1, recorded && done.recorded)
    });
    let headline = format!(
        "{driven} of {} environments had a plan to go on with",
        all.len()
    );
    let rows: Vec<String> = all
        .iter()
        .map(|done| {
            let told = liftlock::ci::github::escape_markdown(&done.told);
            format!("| {} | {} | {told} |", done.environment, done.exit_code)
        })
        .collect();
    Ok(Report::new("sweep", verdict, headline)
        .with_scope(Some(rules.service.clone()), swept.environment.clone())
        .with_detail(&serde_json::json!({ "environments": all }))
        .with_lines(all)
        .with_human(lines.join("\n"))
        .with_summary(format!(
            "| environment | code | |\n|---|---|---|\n{}",
            rows.join("\n")
        ))
        .with_policy(rules.origin, driven > 0 && recorded))
}
