//! Checks what `run` needs before anybody relies on it.

use liftlock::canary::{Policy, Reason, Unit};
use liftlock::config::metrics::{Counters, Provider};
use liftlock::failure::{Failure, Kind};
use liftlock::report::Report;
use liftlock::span::Span;
use liftlock::telemetry::Gathered;
use liftlock::time::Time;
use liftlock::verdict::Verdict;
use liftlock_io::cli::Session;
use liftlock_io::clock;
use liftlock_io::http::Client;
use liftlock_io::telemetry::{self, Look, Source};
use serde::Serialize;

use crate::args::{Doctor, Place, Proof};
use crate::further::{List, Metrics};
use crate::settings::Settings;
use crate::watch::{before, client};

/// Clocks that differ by more than this cut rows wrongly.
const SKEW: i64 = 5_000;

/// One thing that was looked at.
#[derive(Serialize)]
struct Check {
    check: String,
    ok: bool,
    found: String,
}

#[derive(Serialize)]
struct Detail {
    checks: Vec<Check>,
    yaml: String,
}

pub(crate) fn doctor(args: &Doctor, session: &Session) -> Result<Report, Failure> {
    let settings = Settings::read(session, args.environment.as_ref())?;
    let mut policy = policy(&settings, &args.place)?;
    if args.rate {
        policy.unit = Unit::Rate;
    }
    let mut source = settings.source(&args.place, &policy)?;
    let (provider, counters) = settings.counters(&args.place)?;
    let now = clock::now();
    let from = before(now, Span::seconds(300));
    let to = source.settled(now);
    let client = client(session)?;
    let look = telemetry::rows(&client, &mut source, from, to)?;
    let mut checks = checks(&look, &source, now);
    let list = settings.further(&args.place, args.metrics.as_ref(), policy.against)?;
    checks.extend(further(list, (&client, &mut source), (from, to))?);
    let broken = checks.iter().filter(|check| !check.ok).count();
    let (verdict, headline) = match broken {
        0 => (
            Verdict::Pass,
            "everything that `run` needs is there".to_owned(),
        ),
        count => (
            Verdict::Blind,
            format!("{count} of {} checks failed", checks.len()),
        ),
    };
    let detail = Detail {
        checks,
        yaml: yaml(provider, &counters),
    };
    let report = Report::new("doctor", verdict, headline)
        .with_human(human(&detail))
        .with_detail(&detail);
    Ok(settings.label(report))
}

/// Without a baseline slot the series of one slot are looked for.
fn policy(settings: &Settings, place: &Place) -> Result<Policy, Failure> {
    let has_slots = settings
        .environment
        .as_ref()
        .is_some_and(|environment| environment.slots.is_some());
    let alone = place.baseline_slot.is_none() && !has_slots;
    let slo = alone.then(|| "99%".parse().ok()).flatten();
    let proof = Proof {
        slo,
        ..Proof::default()
    };
    settings.draft(&proof, None)
}

fn checks(look: &Look, source: &Source, now: Time) -> Vec<Check> {
    let gathered = &look.gathered;
    let reached = fault(gathered, &[Reason::Unreachable, Reason::Unreadable]);
    let series = fault(gathered, &[Reason::CanaryMissing, Reason::BaselineMissing]);
    let whole = fault(gathered, &[Reason::Partial]);
    let rows = gathered.rows.len();
    let credentials = telemetry::present(source.provider());
    let asked = reached.is_none();
    vec![
        check("reachable", reached, "answers".to_owned()),
        check(
            "series",
            series.filter(|_| asked),
            match source.provider().has_history() {
                true => format!("{rows} rows in five minutes"),
                false => "there; their counts come with `run`".to_owned(),
            },
        ),
        check("complete", whole, "no warnings".to_owned()),
        clock_check(look, now),
        spacing_check(gathered, source),
        Check {
            check: "bad-requests".to_owned(),
            ok: true,
            found: match gathered.notes.first() {
                Some(note) => note.clone(),
                None => "the selector of bad requests finds series".to_owned(),
            },
        },
        Check {
            check: "credentials".to_owned(),
            ok: true,
            found: match credentials.as_slice() {
                [] => "none in the environment".to_owned(),
                names => format!("in {}", names.join(", ")),
            },
        },
    ]
}

/// Whether each further metric is there.
fn further(
    list: List,
    (client, source): (&Client, &mut Source),
    window: (Time, Time),
) -> Result<Vec<Check>, Failure> {
    if list.is_empty() {
        return Ok(Vec::new());
    }
    let metrics = match Metrics::seen(list, (client, source), window.1) {
        Ok(metrics) => metrics,
        Err(unseen) if unseen.kind == Kind::Blind => {
            let found = unseen.lines().join(": ");
            return Ok(vec![check("metrics", Some(found), String::new())]);
        }
        Err(failure) => return Err(failure),
    };
    let columns = metrics.columns((client, source), (window, &mut Vec::new()))?;
    let checks = columns.iter().map(|(metric, column)| {
        let fault = column.faults.first().map(|fault| fault.detail.clone());
        let rows = column.rows.len();
        let edges = match metric.edges.len() {
            0 => String::new(),
            count => format!(", {count} edges"),
        };
        let name = format!("metric {}", metric.name);
        check(&name, fault, format!("{rows} rows{edges}"))
    });
    Ok(checks.collect())
}

fn fault(gathered: &Gathered, reasons: &[Reason]) -> Option<String> {
    let found = gathered
        .faults
        .iter()
        .find(|fault| reasons.contains(&fault.reason));
    found.map(|fault| fault.detail.clone())
}

fn check(name: &str, fault: Option<String>, fine: String) -> Check {
    Check {
        check: name.to_owned(),
        ok: fault.is_none(),
        found: fault.unwrap_or(fine),
    }
}

fn clock_check(look: &Look, now: Time) -> Check {
    let date = look.date.as_deref().and_then(Time::from_http);
    let skew = date.map(|date| now.millis_since(date));
    Check {
        check: "clock".to_owned(),
        ok: skew.is_none_or(|skew| skew.abs() <= SKEW),
        found: match skew {
            Some(skew) => format!("{} s apart", skew / 1000),
            None => "the server tells no time".to_owned(),
        },
    }
}

fn spacing_check(gathered: &Gathered, source: &Source) -> Check {
    Check {
        check: "interval".to_owned(),
        ok: true,
        found: match gathered.spacing {
            Some(spacing) => format!("{} over samples every {spacing}", source.interval()),
            None => format!("{}; too few samples to compare", source.interval()),
        },
    }
}

/// What to write into `liftlock.yaml`, as JSON strings are YAML strings.
fn yaml(provider: Provider, counters: &Counters) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let line = |key: &str, value: String| format!("\n    {key}: {value}");
    let interval = counters
        .interval
        .map(|span| line("interval", span.to_string()));
    let tenant = counters.tenant.as_deref();
    let tenant = tenant.map(|tenant| line("tenant", quoted(tenant)));
    format!(
        "metrics:\n  {provider}:\n    url: {}\n    total: {}\n    bad: {}{}{}",
        quoted(&counters.url),
        quoted(&counters.total),
        quoted(&counters.bad),
        interval.unwrap_or_default(),
        tenant.unwrap_or_default(),
    )
}

fn human(detail: &Detail) -> String {
    let lines = detail.checks.iter().map(|check| {
        let mark = if check.ok { "ok " } else { "BAD" };
        format!("  {mark}  {:<13} {}", check.check, check.found)
    });
    let yaml = detail.yaml.lines().map(|line| format!("      {line}"));
    let head = "  for an environment in liftlock.yaml:".to_owned();
    let all: Vec<String> = lines.chain([head]).chain(yaml).collect();
    all.join("\n")
}
