//! Objectives beside the rules that Sloth makes of them, in a real Prometheus.
#![cfg(test)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use liftlock::burn::{Alarm, Budget, Queries, Ratio, Reading, Seen, Severity, Tier, Windows};
use liftlock::slo::{self, Alert, Found, Slo};
use liftlock::span::Span;
use liftlock::yaml;
use serde_json::Value;
use testkit::servers::Prometheus;

/// A Monday, 00:00 UTC.
const START: i64 = 1_795_392_000;
const STEP: i64 = 120;
const STEPS: i64 = 4 * 86_400 / STEP;

fn examples() -> PathBuf {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR"));
    crates.join("../../../shared/vectors/slo/sloth/examples")
}

/// The objectives of a file and what it names that cannot be run.
fn objectives(text: &str) -> (Vec<Slo>, Vec<String>) {
    let (mut slos, mut skipped) = (Vec::new(), Vec::new());
    match slo::parse(text.as_bytes()) {
        Ok(found) => {
            for one in found {
                if let Found::Slo(slo) = one {
                    slos.push(*slo);
                } else if let Found::Skipped(what) = one {
                    skipped.push(what.what);
                }
            }
        }
        Err(refused) => skipped.push(refused.to_string()),
    }
    (slos, skipped)
}

/// What Sloth made of one objective.
#[derive(Debug, Default)]
struct Golden {
    objective: String,
    budget: String,
    days: String,
    /// Recorded error ratios by their windows.
    ratios: BTreeMap<Span, String>,
    /// Alerts by `page` and `ticket`.
    alerts: BTreeMap<String, String>,
}

/// All that Sloth made of a file, in order.
fn golden(text: &str) -> Vec<Golden> {
    let mut ids: Vec<String> = Vec::new();
    let mut all: Vec<Golden> = Vec::new();
    for document in yaml::documents(text).unwrap() {
        let groups = document.pointer("/spec/groups").or(document.get("groups"));
        for group in groups.unwrap().as_array().unwrap() {
            let name = group["name"].as_str().unwrap();
            let id = ["-recordings-", "-alerts-"]
                .iter()
                .find_map(|part| name.split_once(part));
            let id = id.unwrap().1.to_owned();
            if !ids.contains(&id) {
                ids.push(id.clone());
                all.push(Golden::default());
            }
            let place = ids.iter().position(|known| *known == id).unwrap();
            for rule in group["rules"].as_array().unwrap() {
                learn(&mut all[place], rule);
            }
        }
    }
    all
}

fn learn(golden: &mut Golden, rule: &Value) {
    let expression = rule["expr"].as_str().unwrap().to_owned();
    let label = |name: &str| rule["labels"][name].as_str().map(str::to_owned);
    match rule["record"].as_str() {
        Some("slo:objective:ratio") => golden.objective = expression,
        Some("slo:error_budget:ratio") => golden.budget = expression,
        Some("slo:time_period:days") => golden.days = expression,
        Some(name) if name.starts_with("slo:sli_error:ratio_rate") => {
            let window = label("sloth_window").unwrap().parse().unwrap();
            golden.ratios.insert(window, expression);
        }
        Some(_) => {}
        None => {
            let severity = label("sloth_severity").unwrap();
            golden.alerts.insert(severity, expression);
        }
    }
}

/// Counters and gauges of every example: a day of few errors, an hour of many,
/// a day of somewhat too many, a restart, silence, and a calm end.
fn samples() -> String {
    let mut text = String::new();
    for (name, labels, at) in [
        ("apiserver_request_total", "verb=\"GET\",", 3),
        ("apiserver_request_total", "verb=\"POST\",", 5),
        ("http_request_duration_seconds_count", "job=\"myapp\",", 7),
    ] {
        for (code, every) in [(200, 1), (404, 40), (429, 800), (500, 500), (503, 900)] {
            let series = format!("{name}{{{labels}code=\"{code}\"}}");
            count(&mut text, &series, |step| {
                let usual = i64::from((step * at) % every == 0);
                match code {
                    200 | 404 => 100 * usual,
                    _ => 3 * usual + burst(step) / 4,
                }
            });
        }
    }
    let slow = |step, bucket: i64| {
        let late = burst(step) * (5 - bucket) / 2;
        let usual = 4 * (5 - bucket) * i64::from(step % 3 == 0);
        (1_000 - usual - late).max(0)
    };
    for verb in ["GET", "WATCH"] {
        let name = "apiserver_request_duration_seconds";
        for (le, bucket) in [("0.1", 2), ("0.4", 3), ("5", 4), ("+Inf", 5)] {
            let series = format!("{name}_bucket{{verb=\"{verb}\",le=\"{le}\"}}");
            count(&mut text, &series, |step| slow(step, bucket));
        }
        let series = format!("{name}_count{{verb=\"{verb}\"}}");
        count(&mut text, &series, |step| slow(step, 5));
    }
    for client in 0..12_i64 {
        for step in (0..STEPS).filter(|step| !is_silent(*step)) {
            let bad = client < 2 * burst(step).min(5) || (step % 97 == 0 && client == 0);
            let value = if bad { "0.4" } else { "0.9" };
            let name = "unifipoller_client_satisfaction_ratio";
            let time = START + step * STEP;
            writeln!(text, "{name}{{client=\"{client}\"}} {value} {time}").unwrap();
        }
    }
    text + "# EOF\n"
}

/// A counter that grows step by step, and begins again at step 1600.
fn count(text: &mut String, series: &str, growth: impl Fn(i64) -> i64) {
    let mut value = 0;
    for step in 0..STEPS {
        if step == 1_600 {
            value = 0;
        }
        if !is_silent(step) {
            value += growth(step);
        }
        writeln!(text, "{series} {value} {}", START + step * STEP).unwrap();
    }
}

fn is_silent(step: i64) -> bool {
    (2_000..2_100).contains(&step)
}

/// How bad a moment is: 0 is usual.
fn burst(step: i64) -> i64 {
    match step {
        700..=760 => 60,
        900..=1500 => 4,
        2110..=2125 => 90,
        _ => 0,
    }
}

fn near(ours: f64, theirs: f64, what: &str) {
    let close = (ours - theirs).abs() <= 1e-12 * theirs.abs();
    assert!(close, "{what}: {ours} and Sloth's {theirs}");
}

fn real(ratio: Ratio) -> f64 {
    ratio.decimal(25).parse().unwrap()
}

/// The number in `vector(…)`, which may be a difference.
fn vector(text: &str) -> f64 {
    let inside = text.trim().strip_prefix("vector(").unwrap();
    let mut parts = inside.strip_suffix(')').unwrap().split('-');
    let first: f64 = parts.next().unwrap().parse().unwrap();
    first - parts.next().map_or(0.0, |part| part.parse().unwrap())
}

/// The pairs of an alert as Prometheus writes it: short window, long window
/// and, for both, factor and budget.
fn pairs(formatted: &str) -> Vec<(Span, Span, Ratio, f64)> {
    let words: Vec<&str> = formatted.split_whitespace().collect();
    let text = words.join(" ");
    let halves = text.split("slo:sli_error:ratio_rate").skip(1).map(|half| {
        let (window, rest) = half.split_once('{').unwrap();
        let (_, rest) = rest.split_once("} > (").unwrap();
        let (number, _) = rest.split_once(')').unwrap();
        let (factor, budget) = number.split_once(" * ").unwrap();
        let budget: f64 = budget.parse().unwrap();
        let (window, factor): (Span, Ratio) = (window.parse().unwrap(), factor.parse().unwrap());
        (window, factor, budget)
    });
    let halves: Vec<_> = halves.collect();
    let pairs = halves.chunks(2).map(|pair| {
        let [short, long] = pair else {
            panic!("{text}")
        };
        assert_eq!((short.1, short.2.to_bits()), (long.1, long.2.to_bits()));
        (short.0, long.0, short.1, short.2)
    });
    pairs.collect()
}

/// The alert with every recorded series replaced by what it was recorded from.
fn unrecorded(alert: &str, golden: &Golden) -> String {
    let mut text = String::new();
    for (index, part) in alert.split("slo:sli_error:ratio_rate").enumerate() {
        if index == 0 {
            text.push_str(part);
            continue;
        }
        let (window, rest) = part.split_once('{').unwrap();
        let (_, rest) = rest.split_once('}').unwrap();
        let ratio = &golden.ratios[&window.parse().unwrap()];
        write!(text, "({ratio}){rest}").unwrap();
    }
    text
}

/// When it is looked: calm, burning, after it, in silence, after it, the end.
fn moments() -> Vec<i64> {
    let steps = [
        200, 702, 759, 790, 1_000, 1_499, 1_610, 2_050, 2_115, 2_140, 2_879,
    ];
    steps.iter().map(|step| START + step * STEP).collect()
}

/// Both answers in the same order, `NaN` being the same as `NaN`.
fn same(prometheus: &Prometheus, ours: &str, theirs: &str, time: i64) -> usize {
    let sorted = |query| {
        let mut series = prometheus.at(query, time).unwrap();
        series.sort_by_key(|(labels, _)| labels.to_string());
        series
    };
    let (ours_found, theirs_found) = (sorted(ours), sorted(theirs));
    assert_eq!(
        ours_found, theirs_found,
        "{ours}\nand Sloth's {theirs}\nat {time}"
    );
    ours_found.len()
}

/// What Prometheus tells about a short and a long window, read exactly.
fn seen(prometheus: &Prometheus, queries: &Queries<'_>, spans: [Span; 2], time: i64) -> Seen {
    let value = |query: String| -> Option<Ratio> {
        let series = prometheus.at(&query, time).unwrap();
        series.first().and_then(|(_, value)| value.parse().ok())
    };
    let [short, long] = spans.map(|window| -> Option<Reading> {
        let (part, events) = queries.events(window).unwrap();
        let (events, total) = (value(events)?, value(queries.total(window).unwrap())?);
        Reading::of_amounts(part, events, total).unwrap()
    });
    Seen { short, long }
}

fn plain(name: &str, slo: &Slo, golden: &Golden, windows: &Windows) {
    let name = format!("{name} {}", slo.name);
    let budget = Budget::from(slo.target);
    near(
        slo.target.share().fraction(),
        vector(&golden.objective),
        &name,
    );
    let theirs = vector(&golden.budget);
    let gap = (real(budget.share()) - theirs).abs();
    assert!(gap <= 2e-16, "{name}: 1 minus a real is off by {gap}");
    assert_eq!(golden.days, "vector(30)");
    let spans: Vec<Span> = golden
        .ratios
        .keys()
        .copied()
        .filter(|span| *span != windows.period())
        .collect();
    assert_eq!(
        spans,
        windows.spans().into_iter().collect::<Vec<_>>(),
        "{name}"
    );
    for (severity, alert) in [
        (Severity::Page, &slo.alerting.page),
        (Severity::Ticket, &slo.alerting.ticket),
    ] {
        let wanted = matches!(alert, Alert::On { .. });
        let found = golden.alerts.contains_key(&severity.to_string());
        // Sloth makes no alerts of OpenSLO.
        let none = name.contains("openslo");
        assert_eq!(found, wanted && !none, "{name}: {severity}");
    }
}

/// Compares the alerts at every moment, with Sloth's where it makes any: how
/// often they fire and how often not.
fn alerts(prometheus: &Prometheus, slo: &Slo, golden: &Golden, windows: &Windows) -> [usize; 2] {
    let (budget, queries) = (Budget::from(slo.target), Queries::new(slo).unwrap());
    let mut counts = [0, 0];
    for severity in [Severity::Page, Severity::Ticket] {
        let tiers = windows.tiers().iter().copied();
        let tiers = tiers.filter(|tier| tier.severity == severity);
        let tiers: Vec<Tier> = tiers.collect();
        let alert = golden.alerts.get(&severity.to_string());
        let theirs = alert.map(|alert| pairs(&prometheus.formatted(alert).unwrap()));
        assert!(
            theirs
                .as_ref()
                .is_none_or(|theirs| theirs.len() == tiers.len())
        );
        for (tier, (short, long, factor, share)) in tiers.iter().zip(theirs.unwrap_or_default()) {
            assert_eq!((tier.short, tier.long, tier.factor), (short, long, factor));
            near(real(budget.share()), share, &slo.name);
        }
        let ours = queries.fires(&tiers, budget, 0).unwrap();
        let theirs = alert.map_or_else(|| ours.clone(), |alert| unrecorded(alert, golden));
        for time in moments() {
            let fires = same(prometheus, &ours, &theirs, time);
            let seen = |tier: &Tier| seen(prometheus, &queries, [tier.short, tier.long], time);
            let judged = tiers
                .iter()
                .any(|tier| tier.judge(budget, 0, seen(tier)) == Alarm::Fires);
            assert_eq!(judged, fires == 1, "{} at {time}", slo.name);
            counts[usize::from(fires == 0)] += 1;
        }
    }
    counts
}

#[test]
fn windows_ratios_and_alerts_are_those_of_sloth() {
    let Ok(folder) = fs::read_dir(examples().join("_gen")) else {
        eprintln!("skipped: shared/vectors/slo not found");
        return;
    };
    let Some(prometheus) = Prometheus::recorded(&samples()).unwrap() else {
        return;
    };
    let mut names: Vec<_> = folder.map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    let windows = Windows::google("30d".parse().unwrap()).unwrap();
    let (mut compared, mut fired, mut quiet) = (0, 0, 0);
    for file in names {
        let name = file.to_string_lossy();
        let (slos, skipped) = objectives(&fs::read_to_string(examples().join(&file)).unwrap());
        if !skipped.is_empty() {
            eprintln!("left out: {name}: {}", skipped.join(", "));
            assert!(
                skipped.iter().all(|what| what.contains("plugin")),
                "{skipped:?}"
            );
            continue;
        }
        let all = golden(&fs::read_to_string(examples().join("_gen").join(&file)).unwrap());
        assert_eq!(slos.len(), all.len(), "{name}");
        for (slo, golden) in slos.iter().zip(&all) {
            plain(&name, slo, golden, &windows);
            let queries = Queries::new(slo).unwrap();
            for time in moments() {
                for span in windows.spans() {
                    let ours = queries.error_ratio(span);
                    compared += same(&prometheus, &ours, &golden.ratios[&span], time);
                }
            }
            let [fires, calm] = alerts(&prometheus, slo, golden, &windows);
            (fired, quiet) = (fired + fires, quiet + calm);
        }
    }
    eprintln!("{compared} ratios, {fired} alerts that fire, {quiet} that do not");
    assert!(
        compared > 500 && fired > 30 && quiet > 30,
        "{compared} {fired} {quiet}"
    );
}
