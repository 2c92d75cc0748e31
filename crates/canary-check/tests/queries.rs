//! The PromQL of every form of objective, in a real Prometheus.
#![cfg(test)]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use liftlock::burn::{Budget, Queries, Windows};
use liftlock::slo::{self, Budgeting, Form, Found, Indicator, Op, Part, Query, Share, Slo, Source};
use liftlock::span::Span;
use testkit::servers::Prometheus;

const START: i64 = 1_795_392_000;
const MINUTES: i64 = 120;
/// Not at a step of a subquery: versions differ in whether its start counts.
const END: i64 = START + 60 * (MINUTES - 1);
const HOUR: Span = Span::seconds(3_600);

/// Two hours of 100 requests a minute, of which 10 are slow; no errors at all.
/// A gauge is 0.4 in one minute of five, and no number in another.
fn samples() -> String {
    let mut text = String::new();
    for minute in 0..=MINUTES {
        let time = START + 60 * minute;
        let gauge = match minute % 5 {
            0 => "0.4",
            1 => "NaN",
            _ => "0.9",
        };
        for (series, value) in [
            ("m{code=\"200\"}", (100 * minute).to_string()),
            ("h_count", (100 * minute).to_string()),
            ("h_bucket{le=\"1\"}", (90 * minute).to_string()),
            ("still", "7".to_owned()),
            ("g", gauge.to_owned()),
        ] {
            writeln!(text, "{series} {value} {time}").unwrap();
        }
    }
    text + "# EOF\n"
}

fn objective(indicator: Indicator) -> Slo {
    let text = "version: prometheus/v1\nservice: shop\n\
        slos: [{name: up, objective: 99.9, sli: {raw: {error_ratio_query: up}}}]\n";
    let found = slo::parse(text.as_bytes()).unwrap();
    let [Found::Slo(slo)] = found.as_slice() else {
        panic!("{found:?}")
    };
    Slo {
        indicator,
        ..*slo.clone()
    }
}

fn ratio(part: Part, form: Form, events: &str, total: &str) -> Indicator {
    Indicator::Ratio {
        part,
        form,
        events: Query::prometheus(events),
        total: Query::prometheus(total),
    }
}

/// Every form, with the share of bad events that its samples have.
fn forms() -> Vec<(&'static str, Slo, f64)> {
    let amount = |name: &str| format!("sum(increase({name}[{{{{.window}}}}]))");
    let threshold = Indicator::Threshold {
        query: Query::prometheus("g"),
        op: Op::Gte,
        limit: 0.5,
    };
    let slow = Indicator::Latency {
        within: Query::prometheus("h_bucket{le=\"1\"}"),
        total: Query::prometheus("h_count"),
        bound: "1".to_owned(),
    };
    let share = |part| Indicator::Share {
        part,
        query: Query::prometheus(format!("{} / {}", amount("h_bucket"), amount("h_count"))),
    };
    let window = Span::seconds(300);
    let slices = |target: &str| Budgeting::Timeslices {
        target: Share::from_ratio(target).unwrap(),
        window,
    };
    let budgeted = |indicator: &Indicator, budgeting| Slo {
        budgeting,
        ..objective(indicator.clone())
    };
    let means = Budgeting::RatioTimeslices { window };
    let counter = |part, events| objective(ratio(part, Form::Counter, events, "m"));
    let amounts =
        |part, events, total| objective(ratio(part, Form::Amount, &amount(events), &amount(total)));
    vec![
        ("no error yet", counter(Part::Bad, "m{code=\"500\"}"), 0.0),
        ("all are errors", counter(Part::Bad, "m{code=\"200\"}"), 1.0),
        (
            "no good one yet",
            counter(Part::Good, "m{code=\"201\"}"),
            1.0,
        ),
        ("all are good", counter(Part::Good, "m{code=\"200\"}"), 0.0),
        (
            "amounts of good",
            amounts(Part::Good, "h_bucket", "h_count"),
            0.1,
        ),
        (
            "amounts of bad",
            amounts(Part::Bad, "h_bucket", "h_count"),
            0.9,
        ),
        ("slow", objective(slow.clone()), 0.1),
        ("share of good", objective(share(Part::Good)), 0.1),
        ("share of bad", objective(share(Part::Bad)), 0.9),
        ("threshold", objective(threshold.clone()), 0.25),
        ("good slices", budgeted(&slow, slices("0.89")), 0.0),
        ("bad slices", budgeted(&slow, slices("0.91")), 1.0),
        ("mean of slices", budgeted(&slow, means), 0.1),
        (
            "slices of moments",
            budgeted(&threshold, slices("0.1")),
            0.0,
        ),
    ]
}

#[test]
fn every_form_gives_the_share_that_its_samples_have() {
    let Some(prometheus) = Prometheus::recorded(&samples()).unwrap() else {
        return;
    };
    let only = |query: &str| {
        let series = prometheus.at(query, END).unwrap();
        let [(_, value)] = series.as_slice() else {
            panic!("{query}: {series:?}")
        };
        value.parse::<f64>().unwrap()
    };
    for (name, slo, expected) in forms() {
        let queries = Queries::new(&slo).unwrap();
        let found = only(&queries.error_ratio(HOUR));
        assert!((found - expected).abs() <= 1e-9, "{name}: {found}");
        let counts = queries.bad(HOUR).zip(queries.total(HOUR));
        assert_eq!(
            counts.is_none(),
            matches!(slo.indicator, Indicator::Share { .. })
        );
        if let Some((bad, total)) = counts {
            let found = only(&bad) / only(&total);
            assert!(
                (found - expected).abs() <= 1e-9,
                "{name}: {found} by counts"
            );
        }
    }
}

#[test]
fn silence_has_no_share() {
    let Some(prometheus) = Prometheus::recorded(&samples()).unwrap() else {
        return;
    };
    let still = ratio(Part::Bad, Form::Counter, "still{code=\"5\"}", "still");
    let absent = ratio(Part::Bad, Form::Counter, "nobody", "nobody");
    for (indicator, expected) in [(still, vec!["NaN"]), (absent, vec![])] {
        let slo = objective(indicator);
        let queries = Queries::new(&slo).unwrap();
        let series = prometheus.at(&queries.error_ratio(HOUR), END).unwrap();
        let values: Vec<&str> = series.iter().map(|(_, value)| value.as_str()).collect();
        assert_eq!(values, expected);
        let windows = Windows::google("30d".parse().unwrap()).unwrap();
        let budget = Budget::from(slo.target);
        let fires = queries.fires(windows.tiers(), budget, 50).unwrap();
        assert_eq!(prometheus.at(&fires, END).unwrap(), []);
    }
}

/// All files of the shared vectors, whatever they hold.
fn files(folder: PathBuf) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(&folder) else {
        return vec![folder];
    };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().flat_map(files).collect()
}

#[test]
fn every_objective_of_others_becomes_promql() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors/slo");
    if !folder.is_dir() {
        eprintln!("skipped: shared/vectors/slo not found");
        return;
    }
    let Some(prometheus) = Prometheus::recorded("# EOF\n").unwrap() else {
        return;
    };
    let mut count = 0;
    for path in files(folder) {
        let bytes = fs::read(&path).unwrap();
        let slos = slo::parse(&bytes).unwrap_or_default().into_iter();
        for slo in slos.filter_map(Found::slo) {
            let name = format!("{} {}", path.display(), slo.name);
            let queries = match Queries::new(&slo) {
                Ok(queries) => queries,
                Err(refused) => {
                    let mut sources = slo.indicator.queries().into_iter();
                    let foreign = sources.any(|query| query.source != Source::Prometheus);
                    assert!(foreign, "{name}: {refused}");
                    eprintln!("skipped: {name}: {refused}");
                    continue;
                }
            };
            let windows = Windows::pyrra(slo.window.span()).unwrap();
            let fires = queries.fires(windows.tiers(), Budget::from(slo.target), 50);
            let ratio = Some(queries.error_ratio(HOUR));
            for query in [queries.bad(HOUR), queries.total(HOUR), ratio, fires] {
                let Some(query) = query else { continue };
                let formatted = prometheus.formatted(&query);
                // Sloth's example for VictoriaMetrics is no PromQL.
                assert!(
                    formatted.is_ok() || name.contains("victoria"),
                    "{name}: {query}"
                );
                count += 1;
            }
        }
    }
    assert!(count > 20, "{count} queries");
}
