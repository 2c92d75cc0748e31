//! Looks once and tells every condition that is not met, all of them at once.

mod looks;

use liftlock::canary::sight::Sight;
use liftlock::canary::{PassBy, Reason};
use liftlock::failure::Failure;
use liftlock::name::Name;
use liftlock::report::Report;
use liftlock::span::Span;
use liftlock::verdict::Verdict;
use liftlock_io::cli::Session;
use liftlock_io::{clock, telemetry};
use serde::Serialize;

use self::looks::Looks;
use crate::args::Explain;
use crate::further::Metrics;
use crate::render;
use crate::run::{Judged, Seen, recorded};
use crate::settings::{Settings, shifts};
use crate::watch::{before, client, refuse_without_history};

/// One condition of a pass.
#[derive(Serialize)]
struct Condition {
    condition: &'static str,
    met: bool,
    wanted: String,
    found: String,
    fix: String,
}

#[derive(Serialize)]
struct Detail<'a> {
    conditions: &'a [Condition],
    looks: &'a Looks,
    judgement: &'a liftlock::canary::Judgement,
    notes: &'a [String],
}

pub(crate) fn explain(args: &Explain, session: &Session) -> Result<Report, Failure> {
    let settings = Settings::read(session, args.environment.as_ref())?;
    let (judged, open, interval) = match &args.counts {
        Some(path) => {
            let policy = settings.policy(&args.proof, None)?;
            let judged = recorded(path, &args.proof, policy)?;
            let interval = looks::between(&judged.seen.tallies);
            (judged, Vec::new(), interval)
        }
        None => look(args, session, &settings)?,
    };
    let looks = Looks::new(&judged, interval);
    let mut conditions = conditions(&judged);
    conditions.push(looks.condition());
    conditions.extend(metrics(&judged, &open));
    let judgement = &judged.judgement;
    let detail = Detail {
        conditions: &conditions,
        looks: &looks,
        judgement,
        notes: &judged.notes,
    };
    let report = Report::new("explain", judgement.verdict, render::headline(judgement))
        .with_detail(&detail)
        .with_output("reason", render::word(judgement.reason))
        .with_human(human(&conditions));
    Ok(settings.label(report))
}

/// What one look showed, which decisive metrics are not proved yet, and how
/// long a row is.
fn look(
    args: &Explain,
    session: &Session,
    settings: &Settings,
) -> Result<(Judged, Vec<Name>, Option<Span>), Failure> {
    let draft = settings.policy(&args.proof, None)?;
    let mut source = settings.source(&args.place, &draft)?;
    refuse_without_history(&source)?;
    let policy = settings.policy(&args.proof, Some(source.cadence()))?;
    let now = clock::now();
    let (from, to) = (before(now, args.since), source.settled(now));
    let client = client(session)?;
    let list = settings.further(&args.place, args.metrics.as_ref(), policy.against)?;
    let metrics = Metrics::seen(list, (&client, &mut source), now)?;
    let begun = metrics.begin(&policy)?;
    let mut look = telemetry::rows(&client, &mut source, from, to)?;
    let tallies = metrics.beside(
        &mut look.gathered,
        (&client, &source),
        ((from, to), &mut look.asked),
    )?;
    let sight = Sight {
        shifts: shifts(&args.proof),
        changing: Vec::new(),
        faults: look.gathered.faults,
    };
    let mut panel = begun.clone();
    let judged = Judged {
        judgement: panel.judge(&tallies, &sight, now),
        seen: Seen { begun, tallies },
        policy,
        evidence: Vec::new(),
        asked: look.asked,
        notes: look.gathered.notes,
        probe: None,
    };
    let open = panel.unproved().into_iter().cloned().collect();
    Ok((judged, open, Some(source.interval())))
}

/// The condition about several metrics, where there are several.
fn metrics(judged: &Judged, open: &[Name]) -> Option<Condition> {
    if judged.judgement.counts.is_empty() {
        return None;
    }
    let names: Vec<&str> = open.iter().map(Name::as_str).collect();
    Some(Condition {
        condition: "metrics",
        met: names.is_empty() || judged.judgement.reason == Reason::SampleReached,
        wanted: "every decisive metric proved to be no worse".to_owned(),
        found: match names.as_slice() {
            [] => "all of them".to_owned(),
            names => format!("not yet {}", names.join(", ")),
        },
        fix: "wait for more requests, or plan a sample with `--bake`".to_owned(),
    })
}

fn conditions(judged: &Judged) -> Vec<Condition> {
    let (judgement, policy) = (&judged.judgement, &judged.policy);
    let blind = judgement.verdict == Verdict::Blind;
    let limit = policy.alpha.fail_threshold();
    let seen = judgement.detail.clone().filter(|_| blind);
    let sample = policy.sample.requests;
    let threshold = policy.beta.threshold();
    let by_sample = policy.pass_by == PassBy::Sample;
    let proved = judgement.log_e_pass >= threshold || judgement.reason == Reason::SampleReached;
    let other = if by_sample {
        format!(", or {sample} requests in {}", policy.sample.time)
    } else {
        String::new()
    };
    vec![
        Condition {
            condition: "sight",
            met: !blind,
            wanted: format!("both slots counted, none older than {}", policy.max_staleness),
            found: seen.unwrap_or_else(|| "sight".to_owned()),
            fix: "run `canary-check doctor` with the same flags".to_owned(),
        },
        Condition {
            condition: "no-failure",
            // Written so that what is no number is not met.
            met: judgement.log_e_fail < limit,
            wanted: format!("evidence to fail below {limit:.2}"),
            found: format!("{:.2}", judgement.log_e_fail),
            fix: "take the canary back and look at its errors".to_owned(),
        },
        Condition {
            condition: "requests",
            met: judgement.canary.total >= sample,
            wanted: sample.to_string(),
            found: judgement.canary.total.to_string(),
            fix: "give the canary more traffic or more time".to_owned(),
        },
        Condition {
            condition: "evidence",
            met: proved,
            wanted: format!("evidence to pass of {threshold:.2}{other}"),
            found: format!("{:.2}", judgement.log_e_pass),
            fix: match judgement.requests_to_go {
                Some(count) => format!("wait for about {count} more requests to the canary"),
                None if judgement.verdict == Verdict::Fail => {
                    "take the canary back: what failed does not pass later".to_owned()
                }
                None => "plan a sample with `--bake` and `--min-requests`: without bad requests there is no proof".to_owned(),
            },
        },
    ]
}

fn human(conditions: &[Condition]) -> String {
    let lines = conditions.iter().map(|condition| {
        let mark = if condition.met { "met    " } else { "not met" };
        let fix = if condition.met {
            String::new()
        } else {
            format!("\n             {}", condition.fix)
        };
        format!(
            "  {mark}  {}: wanted {}, found {}{fix}",
            condition.condition, condition.wanted, condition.found
        )
    });
    lines.collect::<Vec<_>>().join("\n")
}
