//! Asks everything that a plan in an environment would reach, and changes
//! nothing but the probe of the state store.

use std::collections::BTreeMap;
use std::slice;

use liftlock::canary::Reason;
use liftlock::canary::sight::Blind;
use liftlock::config::pointer::Pointer;
use liftlock::config::target::Slots;
use liftlock::config::traffic::Way;
use liftlock::failure::{Failure, Kind};
use liftlock::name::Name;
use liftlock::percent::Percent;
use liftlock::report::Report;
use liftlock::span::Span;
use liftlock::state::Document;
use liftlock::telemetry::several::Wanted;
use liftlock::time::Time;
use liftlock::verdict::Verdict;
use liftlock_io::cli::Session;
use liftlock_io::cli::signing::Signing;
use liftlock_io::http::Client;
use liftlock_io::telemetry::{self, Source, further};
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
        findings.extend(counted(world, (slots, state), session.now()));
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
fn counted(world: &World, (slots, state): (&Slots, &Document), now: Time) -> Vec<Finding> {
    let Some(metrics) = world.environment.metrics.as_ref() else {
        return Vec::new();
    };
    if let Some(path) = &metrics.counts {
        let rows = look::recorded(path);
        let found = rows.map(|rows| format!("`{path}` has {} rows", rows.len()));
        return vec![("metrics".to_owned(), found)];
    }
    let Some((provider, place)) = metrics.source() else {
        return Vec::new();
    };
    let back = place.interval(provider).millis().saturating_mul(4);
    let back = Span::from_millis(back.max(BACK.millis()));
    let asking = || {
        let (stable, canary) = (slots.stable.as_str(), slots.canary.as_str());
        let source = Source::new(provider, place, Some(stable), canary)?;
        Ok((telemetry::client(&world.options())?, source))
    };
    let (client, mut source) = match asking() {
        Ok(both) => both,
        Err(failure) => return vec![("metrics".to_owned(), Err(failure))],
    };
    let from = now.unix_millis().saturating_sub_unsigned(back.millis());
    let from = Time::from_unix_millis(from).unwrap_or(now);
    let window = (from, source.settled(now));
    let live = state.live.is_some();
    let at = format!("{provider} at `{}`", place.url);
    let rows = telemetry::rows(&client, &mut source, window.0, window.1);
    let found = rows.map_err(Failure::from).and_then(|rows| {
        let seen = rows.gathered;
        let told = fit(&seen.faults, live, &at)?;
        Ok(format!(
            "{at} answers, {} rows in {back}{told}",
            seen.rows.len()
        ))
    });
    let mut findings = vec![("metrics".to_owned(), found)];
    match metrics.wanted() {
        Ok(wanted) => findings.extend(wanted.into_iter().map(|one| {
            let what = format!("metrics.further {}", one.metric.name);
            (what, further(one, (&client, &source), (window, now, live)))
        })),
        Err(error) => findings.push(("metrics.further".to_owned(), Err(error.into()))),
    }
    findings
}

/// Whether a further metric is there.
fn further(
    wanted: Wanted,
    (client, source): (&Client, &Source),
    (window, now, live): ((Time, Time), Time, bool),
) -> Result<String, Failure> {
    let mut seen = further::seen(client, source, slice::from_ref(&wanted), now)?;
    let asked: Vec<_> = seen
        .pop()
        .map(|metric| (wanted, metric))
        .into_iter()
        .collect();
    let columns = further::columns(client, source, &asked, window)?.columns;
    let faults: Vec<Blind> = columns.iter().flat_map(|one| one.faults.clone()).collect();
    let told = fit(&faults, live, "asked for")?;
    let rows: usize = columns.iter().map(|one| one.rows.len()).sum();
    Ok(format!("{rows} rows{told}"))
}

/// What is to be told of an answer that a plan could judge by. What serves is
/// counted; the other slot may never have served.
fn fit(faults: &[Blind], live: bool, what: &str) -> Result<String, Failure> {
    let is_no_answer = |fault: &&Blind| {
        let none = [Reason::Unreachable, Reason::Unreadable, Reason::Partial];
        none.contains(&fault.reason) || (fault.reason == Reason::BaselineMissing && live)
    };
    if let Some(fault) = faults.iter().find(is_no_answer) {
        return Err(Failure::new(
            Kind::Blind,
            format!("{what}: {}", fault.detail),
        ));
    }
    let told = faults.iter().map(|fault| format!("; {}", fault.detail));
    Ok(told.collect())
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
