//! Asks everything that a plan in an environment would reach, and changes
//! nothing but the probe of the state store.

use std::collections::BTreeMap;

use liftlock::canary::Reason;
use liftlock::config::metrics::{Counters, Provider};
use liftlock::config::pointer::Pointer;
use liftlock::config::target::Slots;
use liftlock::config::traffic::Way;
use liftlock::failure::{Failure, Kind};
use liftlock::name::Name;
use liftlock::percent::Percent;
use liftlock::report::Report;
use liftlock::span::Span;
use liftlock::state::Document;
use liftlock::time::Time;
use liftlock::verdict::Verdict;
use liftlock_io::cli::Session;
use liftlock_io::cli::signing::Signing;
use liftlock_io::telemetry::{self, Source};
use liftlock_io::{haproxy, pointer, process, slot, store};

use crate::look;
use crate::pace::Pace as _;
use crate::world::World;

/// What was asked, and what it said.
type Finding = (String, Result<String, Failure>);

/// How far back counts are asked for, at least.
const BACK: Span = Span::seconds(300);

/// Tries everything that a plan in this environment would reach.
#[must_use]
pub fn doctor(world: &World, (state, signing): (&Document, &Signing), session: &Session) -> Report {
    let mut findings = stores(world, session);
    findings.extend(targets(world, state, session.now()));
    let signs = signing.check(world.office(), session);
    findings.extend(signs.map(|found| ("who signs".to_owned(), found)));
    let slots = world.slots(state.slots.as_ref());
    findings.extend(commands(world, slots));
    if let Some(slots) = slots {
        findings.push(("traffic".to_owned(), traffic(world, slots)));
        let counted = counted(world, (slots, state), session.now());
        findings.extend(counted.map(|found| ("metrics".to_owned(), found)));
        if let Some(live) = &state.live {
            let proved = world.serves(&slots.stable, &live.release.artifacts);
            let found = proved.map(|()| format!("`{}` serves {}", slots.stable, live.release.id));
            findings.push(("slots".to_owned(), found));
        }
    }
    told(world, &findings)
}

fn stores(world: &World, session: &Session) -> Vec<Finding> {
    let probed = if session.dry_run {
        Ok("not probed: --dry-run".to_owned())
    } else {
        store::probe(world.state.as_ref())
            .map(|()| "keeps put-if-absent and compare-and-swap".to_owned())
            .map_err(Failure::from)
    };
    let head = world.ledger.verify();
    let head = head.map(|head| format!("holds up to {}", head.seq));
    // What is about nothing is in no store: it is only asked whether it answers.
    let kept = world.evidence.list(&world.rules.policy);
    let kept = kept.map(|_| "answers".to_owned());
    let forgotten = session.forgotten(&world.rules.stores());
    let forgotten = forgotten.map(|(_, failure)| ("stores".to_owned(), Err(failure)));
    let mut findings = vec![
        ("state".to_owned(), probed),
        ("ledger".to_owned(), head.map_err(Failure::from)),
        ("evidence".to_owned(), kept.map_err(Failure::from)),
    ];
    findings.extend(forgotten);
    findings
}

fn targets(world: &World, state: &Document, now: Time) -> Vec<Finding> {
    let mut findings = Vec::new();
    for target in &world.environment.targets {
        let live = pointer::read(target, &world.scope());
        let found = live.map(|live| {
            let (label, rights) = (target.label(), target.rights());
            format!("{label} is at {live}; moving it needs {rights}")
        });
        findings.push(("target".to_owned(), found));
        if !target.marks().is_empty() {
            let shown = world.shown(target, state, now);
            findings.push(("hold".to_owned(), shown.map(|lines| lines.join("; "))));
        }
    }
    findings
}

/// Whether the programs are there that only a plan runs; none is run.
fn commands(world: &World, slots: Option<&Slots>) -> Vec<Finding> {
    let environment = &world.environment;
    let mut programs: Vec<(String, &[String])> = Vec::new();
    if let Some(place) = &environment.place {
        programs.push(("place.command".to_owned(), &place.command));
    }
    if let Some(command) = environment
        .prove
        .as_ref()
        .and_then(|way| way.command.as_ref())
    {
        programs.push(("prove.command".to_owned(), command));
    }
    match environment
        .traffic
        .as_ref()
        .and_then(|traffic| traffic.way())
    {
        Some(Way::Nginx(nginx)) => {
            programs.push(("traffic.nginx.reload".to_owned(), &nginx.reload));
        }
        Some(Way::Command(own)) => {
            programs.push(("traffic.command.shift".to_owned(), &own.shift));
        }
        Some(Way::Haproxy(_) | Way::Envoy(_) | Way::WeightsFile(_)) | None => {}
    }
    for target in &environment.targets {
        if let Pointer::Command(own) = &target.pointer {
            programs.push((format!("command.point of {}", own.name), &own.point));
        }
    }
    let both = slots.map(|slots| vec![&slots.stable, &slots.canary]);
    let both = both.unwrap_or_default();
    let all = programs.into_iter();
    all.map(|(field, command)| (field, there(command, &both)))
        .collect()
}

/// Whether the program is there, for each slot where its name holds one.
fn there(command: &[String], slots: &[&Name]) -> Result<String, Failure> {
    let program = command.first().map_or("", String::as_str);
    let mut names: Vec<String> = slots.iter().map(|slot| slot::put(program, slot)).collect();
    if names.is_empty() {
        names.push(program.to_owned());
    }
    names.dedup();
    for name in &names {
        process::find(name)?;
    }
    Ok(format!("`{}` is there", names.join("`, `")))
}

/// Whether it can be read how requests are split, and set where that can be
/// known without doing it.
fn traffic(world: &World, slots: &Slots) -> Result<String, Failure> {
    let shares = BTreeMap::from([
        (slots.stable.clone(), Percent::FULL),
        (slots.canary.clone(), Percent::ZERO),
    ]);
    let split = world.split(Some(slots), &shares)?;
    if let Some(needs) = world.needs() {
        // Missing servers are awaited by a plan; here they only have to be told.
        drop(world.lacking(slots, &shares, needs.full)?);
    }
    let traffic = world.environment.traffic.as_ref();
    match traffic.and_then(|traffic| traffic.way()) {
        Some(Way::Haproxy(target)) => {
            let level = haproxy::examine(target, slots)?;
            Ok(format!("the split is {split}; {level}"))
        }
        Some(Way::Nginx(_) | Way::Envoy(_) | Way::WeightsFile(_) | Way::Command(_)) | None => {
            Ok(format!("the split is {split}"))
        }
    }
}

/// Whether the source of the counts answers, and knows the slot that serves.
fn counted(
    world: &World,
    (slots, state): (&Slots, &Document),
    now: Time,
) -> Option<Result<String, Failure>> {
    let metrics = world.environment.metrics.as_ref()?;
    if let Some(path) = &metrics.counts {
        let rows = look::recorded(path);
        return Some(rows.map(|rows| format!("`{path}` has {} rows", rows.len())));
    }
    let source = metrics.source()?;
    Some(asked(world, source, (slots, state), now))
}

fn asked(
    world: &World,
    (provider, place): (Provider, &Counters),
    (slots, state): (&Slots, &Document),
    now: Time,
) -> Result<String, Failure> {
    let (stable, canary) = (slots.stable.as_str(), slots.canary.as_str());
    let mut source = Source::new(provider, place, Some(stable), canary)?;
    let back = place.interval(provider).millis().saturating_mul(4);
    let back = back.max(BACK.millis());
    let from = now.unix_millis().saturating_sub_unsigned(back);
    let from = Time::from_unix_millis(from).unwrap_or(now);
    let client = telemetry::client(&world.options())?;
    let to = source.settled(now);
    let seen = telemetry::rows(&client, &mut source, from, to)?.gathered;
    // What serves is counted; the other slot may never have served.
    let is_unknown = |reason| reason == Reason::BaselineMissing && state.live.is_some();
    let is_no_answer = |reason| {
        matches!(
            reason,
            Reason::Unreachable | Reason::Unreadable | Reason::Partial
        )
    };
    let mut faults = seen.faults.iter();
    let fatal = faults.find(|fault| is_no_answer(fault.reason) || is_unknown(fault.reason));
    if let Some(fault) = fatal {
        let message = format!("{provider} at `{}`: {}", place.url, fault.detail);
        return Err(Failure::new(Kind::Blind, message));
    }
    let told = seen
        .faults
        .iter()
        .map(|fault| format!("; {}", fault.detail));
    let span = Span::from_millis(back);
    Ok(format!(
        "{provider} at `{}` answers, {} rows in {span}{}",
        place.url,
        seen.rows.len(),
        told.collect::<String>()
    ))
}

fn told(world: &World, findings: &[Finding]) -> Report {
    let lines: Vec<String> = findings
        .iter()
        .map(|(what, found)| match found {
            Ok(text) => format!("ok   {what}: {text}"),
            Err(failure) => {
                let hint = failure.hint.iter().map(|hint| format!("; {hint}"));
                let hint = hint.collect::<String>();
                format!("BAD  {what}: {}{hint}", failure.lines().join(": "))
            }
        })
        .collect();
    let broken = findings.iter().filter(|(_, found)| found.is_err()).count();
    let verdict = if broken == 0 {
        Verdict::Pass
    } else {
        Verdict::Fail
    };
    let headline = format!("{broken} of {} checks failed", findings.len());
    Report::new("doctor", verdict, headline)
        .with_scope(
            Some(world.rules.service.clone()),
            Some(world.environment.name.clone()),
        )
        .with_detail(&serde_json::json!({ "checks": lines }))
        .with_human(lines.join("\n"))
        .with_policy(world.rules.origin, false)
}
