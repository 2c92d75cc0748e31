//! Says a verdict to people: one line, a table, Markdown.

use liftlock::canary::counts::Arm;
use liftlock::canary::probe::Probe;
use liftlock::canary::record::Asked;
use liftlock::canary::{Against, Finding, Judgement, Means, Policy, Reason, Standing};
use liftlock::ci::github::escape_markdown;
use liftlock::digest::Digest;
use liftlock::report::Report;
use liftlock::verdict::Verdict;
use serde::Serialize;

use crate::attest::Kept;
use crate::chart;
use crate::html::tables;
use crate::run::Judged;
use crate::words::Words;

/// The verb's own part of the result JSON.
#[derive(Serialize)]
struct Detail<'a> {
    #[serde(flatten)]
    judgement: &'a Judgement,
    rules: &'a Policy,
    evidence: &'a [Digest],
    asked: &'a [Asked],
    notes: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    probe: Option<&'a Probe>,
    attestation: Option<Digest>,
}

pub(crate) fn report(subcommand: &'static str, judged: &Judged, kept: Option<&Kept>) -> Report {
    let judgement = &judged.judgement;
    let row = judgement.decided_at_row.map(|row| row.to_string());
    let odds = judgement.odds_ratio.map(|odds| format!("{odds:.4}"));
    let detail = Detail {
        judgement,
        rules: &judged.policy,
        evidence: &judged.evidence,
        asked: &judged.asked,
        notes: &judged.notes,
        probe: judged.probe.as_ref(),
        attestation: kept.map(|kept| kept.bundle),
    };
    let report = Report::new(subcommand, judgement.verdict, headline(judgement))
        .with_detail(&detail)
        .with_output("reason", word(judgement.reason))
        .with_output("decided-at-row", row.unwrap_or_default())
        .with_output("canary-total", judgement.canary.total.to_string())
        .with_output("canary-bad", judgement.canary.bad.to_string())
        .with_output("baseline-total", judgement.baseline.total.to_string())
        .with_output("baseline-bad", judgement.baseline.bad.to_string())
        .with_output("odds-ratio", odds.unwrap_or_default());
    let attestation = kept.map(|kept| kept.bundle.to_string());
    report
        .with_output("attestation", attestation.unwrap_or_default())
        .with_human(human(judged, kept))
        .with_summary(summary(judged))
}

/// The reason as the result JSON has it.
pub(crate) fn word(reason: Reason) -> String {
    let value = serde_json::to_value(reason).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

/// One line: why.
pub(crate) fn headline(judgement: &Judgement) -> String {
    if let Some(told) = of_means(judgement) {
        return told;
    }
    let (canary, baseline) = (judgement.canary, judgement.baseline);
    let words = Words::of(judgement.unit);
    let fails = words.did(canary);
    let beside = words.beside(baseline);
    match judgement.reason {
        Reason::Worse => match &judgement.metric {
            Some(metric) => format!("{metric}: {}, {beside}", words.counted(canary)),
            None => format!("{fails}, {beside}"),
        },
        Reason::ObjectiveMissed => match &judgement.metric {
            Some(metric) => format!(
                "{metric}: {}, more than its objective allows",
                words.counted(canary)
            ),
            None => format!("{fails}, more than the objective allows"),
        },
        Reason::NoWorse => format!("the canary is no worse: {fails}, {beside}"),
        Reason::ObjectiveMet => format!("the canary keeps the objective: {fails}"),
        Reason::SampleReached => format!(
            "the planned sample of {} was reached and nothing failed",
            words.sample(canary.total)
        ),
        Reason::TooLittle => match (judgement.requests_to_go, &judgement.detail) {
            (_, Some(detail)) => format!("not enough evidence yet: {detail}"),
            (Some(count), None) => {
                let time = judgement.time_to_go.map(|span| format!(" in about {span}"));
                let time = time.unwrap_or_default();
                let more = words.more(count);
                format!("not enough evidence yet, about {more}{time}")
            }
            (None, None) => "not enough evidence yet".to_owned(),
        },
        Reason::RunsFailed
        | Reason::RunsPassed
        | Reason::RunsTooFew
        | Reason::RunUnclear
        | Reason::NoRows
        | Reason::CanaryMissing
        | Reason::BaselineMissing
        | Reason::CanarySilent
        | Reason::BaselineSilent
        | Reason::Stale
        | Reason::ShareOff
        | Reason::ProbeUnseen
        | Reason::Partial
        | Reason::Unreachable
        | Reason::Unreadable => judgement
            .detail
            .clone()
            .unwrap_or_else(|| word(judgement.reason)),
    }
}

/// One line while it is watched.
pub(crate) fn progress(judgement: &Judgement) -> String {
    format!(
        "{}: {} ({} rows, canary {}, baseline {})",
        judgement.verdict,
        headline(judgement),
        judgement.rows,
        seen(judgement, judgement.canary),
        seen(judgement, judgement.baseline)
    )
}

/// What was judged of a slot.
pub(crate) fn seen(judgement: &Judgement, arm: Arm) -> String {
    let warming = judgement.reason == Reason::TooLittle && judgement.detail.is_some();
    match arm.total {
        0 if warming => "none after the warm-up".to_owned(),
        _ => Words::of(judgement.unit).counted(arm),
    }
}

/// Why, where means were compared and that decided it.
fn of_means(judgement: &Judgement) -> Option<String> {
    let means = mean_words(judgement.means.as_ref()?);
    let metric = judgement.metric.as_deref().unwrap_or("the canary");
    let told = [
        (Reason::Worse, format!("{metric}: {means}")),
        (Reason::NoWorse, format!("{metric} is no worse: {means}")),
        (
            Reason::SampleReached,
            format!("the planned sample was reached and nothing failed: {means}"),
        ),
    ];
    let mut told = told.into_iter();
    told.find_map(|(reason, words)| (reason == judgement.reason).then_some(words))
}

/// Means of both slots, with four digits each.
fn mean_words(means: &Means) -> String {
    format!(
        "{} on average, {} of the baseline's",
        digits(means.canary),
        digits(means.baseline)
    )
}

fn digits(value: f64) -> String {
    let rounded = format!("{value:.3e}").parse::<f64>().unwrap_or(value);
    match (1e-4..1e15).contains(&rounded.abs()) {
        true => rounded.to_string(),
        false => format!("{rounded:e}"),
    }
}

/// What there is to know about a verdict: a name and a value each.
pub(crate) fn lines(judgement: &Judgement, policy: &Policy) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    let words = Words::of(judgement.unit);
    if let Some(metric) = &judgement.metric {
        lines.push(("metric", metric.clone()));
        lines.push(("all metrics", standings(judgement)));
    }
    let against = judgement
        .limits
        .map_or(policy.against, |limits| limits.against);
    match &judgement.means {
        Some(means) => lines.extend(mean_lines(means)),
        None => lines.push(("canary", seen(judgement, judgement.canary))),
    }
    match against {
        Against::Baseline if judgement.means.is_some() => {}
        Against::Baseline => lines.push(("baseline", seen(judgement, judgement.baseline))),
        Against::Slo(objective) => {
            let allowed = format!("{:.2} % may fail", objective.allowed() * 100.0);
            lines.push(("objective", allowed));
        }
    }
    if let Some(odds) = judgement.odds_ratio {
        let limit = match against {
            Against::Baseline => format!("{odds:.2} ({})", healthy(judgement, policy)),
            Against::Slo(_) => format!("{odds:.2} of the odds allowed"),
        };
        lines.push((words.ratio, limit));
    }
    let fail = (judgement.log_e_fail, policy.alpha.fail_threshold());
    let pass = (judgement.log_e_pass, policy.beta.threshold());
    lines.push((
        "evidence to fail",
        format!("{:.2} of {:.2}", fail.0, fail.1),
    ));
    lines.push((
        "evidence to pass",
        format!("{:.2} of {:.2}", pass.0, pass.1),
    ));
    let planned = match (judgement.verdict, judgement.short_of_fail) {
        (Verdict::Fail, _) => (fail.0 < fail.1).then(|| "failed it".to_owned()),
        (_, Some(more)) => Some(format!("{more} more {} would have failed it", words.bad)),
        (_, None) => None,
    };
    lines.extend(planned.map(|told| ("planned looks", told)));
    if let Some(requests) = judgement.requests_to_show_double {
        let shows = format!("after about {} of the canary", words.sample(requests));
        lines.push(("2 times shows", shows));
    }
    let at = judgement.decided_at_row;
    let rows = at.map_or_else(
        || judgement.rows.to_string(),
        |row| format!("decided at {row}"),
    );
    lines.push(("rows", rows));
    if judgement.verdict == Verdict::Pass {
        let only = "for what was seen: whoever keeps watching may still find a fault";
        lines.push(("holds", only.to_owned()));
    }
    lines
}

fn mean_lines(means: &Means) -> Vec<(&'static str, String)> {
    let ratio = means.canary / means.baseline;
    let most = means.at_most.map(|most| format!(" to {most:.2}"));
    let range = format!("{:.2}{}", means.at_least, most.unwrap_or_default());
    let told = format!(
        "{ratio:.2} (up to {:.2} is healthy; not refuted: from {range})",
        means.limit
    );
    let ratio = ratio.is_finite().then_some(("ratio of means", told));
    [
        ("canary's mean", digits(means.canary)),
        ("baseline's mean", digits(means.baseline)),
    ]
    .into_iter()
    .chain(ratio)
    .collect()
}

/// What odds ratios are healthy, of the count that is told.
fn healthy(judgement: &Judgement, policy: &Policy) -> String {
    match judgement.limits {
        Some(limits) => format!(
            "up to {} is healthy, give or take {:.0}%",
            limits.margin,
            limits.spread * 100.0
        ),
        None => format!(
            "up to {} is healthy, give or take {}",
            policy.margin, policy.spread
        ),
    }
}

/// How the counts stand, the worst of them by name.
fn standings(judgement: &Judgement) -> String {
    let of = |wanted: Standing| {
        let counts = judgement.counts.iter();
        counts.filter(move |one| one.standing == wanted)
    };
    let told = [
        (Standing::Worse, "worse"),
        (Standing::Suspect, "stand out"),
        (Standing::NoWorse, "no worse"),
        (Standing::Open, "open"),
    ];
    let told = told.map(|(standing, word)| {
        let names: Vec<String> = match standing {
            Standing::Worse | Standing::Suspect => of(standing).take(5).map(name).collect(),
            Standing::NoWorse | Standing::Open => Vec::new(),
        };
        let names = match names.as_slice() {
            [] => String::new(),
            names => format!(" ({})", names.join(", ")),
        };
        (of(standing).count(), format!("{word}{names}"))
    });
    let told = told.iter().filter(|(count, _)| *count > 0);
    let told = told.map(|(count, word)| format!("{count} {word}"));
    told.collect::<Vec<_>>().join(", ")
}

fn name(finding: &Finding) -> String {
    match &finding.edge {
        Some(edge) => format!("{} above {edge}", finding.metric),
        None => finding.metric.to_string(),
    }
}

/// The values that are told as where the fault is.
const MOST_PLACES: usize = 10;

/// Where the fault is, one value of a label a line.
pub(crate) fn places(judged: &Judged) -> Vec<(&'static str, String)> {
    let places = &judged.judgement.places;
    let named = places.iter().filter(|place| place.is_named());
    let told = named.take(MOST_PLACES).map(|one| {
        let words = Words::of(judged.policy.unit);
        let standing = match one.standing {
            Standing::Worse => "worse",
            Standing::Suspect | Standing::NoWorse | Standing::Open => "stands out",
        };
        let ratio = one
            .odds_ratio
            .map(|ratio| format!(", {} {ratio:.2}", words.ratio));
        let range = judged
            .range(one)
            .map(|range| format!(" ({})", tables::between(range)));
        format!(
            "{} at {}: {standing}, canary {}, baseline {}{}{}",
            one.metric,
            one.place,
            words.counted(one.canary),
            words.counted(one.baseline),
            ratio.unwrap_or_default(),
            range.unwrap_or_default()
        )
    });
    let mut told: Vec<_> = told.map(|line| ("where", line)).collect();
    let count = places.iter().filter(|place| place.is_named()).count();
    if let Some(more) = count.checked_sub(MOST_PLACES).filter(|more| *more > 0) {
        told.push(("where", format!("and {more} more")));
    }
    if told.is_empty() && !places.is_empty() && judged.judgement.verdict == Verdict::Fail {
        let nowhere = "no value of the labels stands out by itself";
        told.push(("where", nowhere.to_owned()));
    }
    told
}

/// The same with where the fault is, and the notes.
fn told(judged: &Judged) -> Vec<(&'static str, String)> {
    let mut lines = lines(&judged.judgement, &judged.policy);
    lines.extend(places(judged));
    lines.extend(judged.probe.as_ref().map(|probe| {
        let Probe {
            sent,
            counted,
            status,
            ..
        } = probe;
        (
            "probe",
            format!("{sent} answered with {status}, {counted} counted as bad"),
        )
    }));
    lines.extend(judged.notes.iter().map(|note| ("note", note.clone())));
    lines
}

fn human(judged: &Judged, kept: Option<&Kept>) -> String {
    let mut lines = told(judged);
    if let Some(kept) = kept {
        lines.push(("attestation", kept.bundle.to_string()));
    }
    let lines = lines
        .iter()
        .map(|(name, value)| format!("  {name:<16}  {value}"));
    lines.collect::<Vec<_>>().join("\n")
}

fn summary(judged: &Judged) -> String {
    let rows = told(judged)
        .into_iter()
        .map(|(name, value)| format!("| {name} | {} |", escape_markdown(&value)));
    let head = ["| | |".to_owned(), "|---|---|".to_owned()];
    // The first count; of values there is no share of requests.
    let first = judged.seen.begun.strands().first();
    let counted = first.filter(|first| first.most.is_none());
    let chart = counted.and_then(|_| chart::shares(&judged.rows(0), &judged.policy));
    let chart = chart.map(|chart| format!("\n{chart}"));
    let all: Vec<String> = head.into_iter().chain(rows).chain(chart).collect();
    all.join("\n")
}
