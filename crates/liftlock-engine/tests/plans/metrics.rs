//! Plans that are judged by several metrics, counted by a real Prometheus.

use std::fmt::Write as _;

use liftlock::plan::journal::Journal;
use liftlock::verdict::Verdict;
use liftlock_engine::Outcome;
use serde_json::{Value, json};
use testkit::samples;
use testkit::servers::Prometheus;

use crate::stage::{Stage, Way};
use crate::store::Death;

/// How long is recorded, in seconds from a minute before the plans on.
const LENGTH: u32 = 400;

/// What a slot serves in a second, and how many of a thousand look-ups hit and
/// how many requests are within each edge.
struct Slot {
    name: &'static str,
    requests: u64,
    hits: u64,
    within: [u64; 3],
}

const EDGES: [&str; 3] = ["0.1", "0.5", "1"];
const QUICK: [u64; 3] = [500, 950, 998];
const SLOW: [u64; 3] = [100, 600, 980];

/// Samples of every second; two of a thousand requests fail everywhere.
fn recording(slots: &[Slot]) -> String {
    let begin = samples::now().unix_millis() / 1000 - 60;
    let mut series: Vec<(&str, String, u64)> = Vec::new();
    for slot in slots {
        let Slot {
            name,
            requests,
            hits,
            within,
        } = slot;
        for (code, part) in [("200", 998), ("500", 2)] {
            let labels = format!("requests_total{{slot=\"{name}\",code=\"{code}\"}}");
            series.push(("requests", labels, requests * part));
        }
        for (hit, part) in [("yes", *hits), ("no", 1000 - hits)] {
            let labels = format!("lookups_total{{slot=\"{name}\",hit=\"{hit}\"}}");
            series.push(("lookups", labels, requests * part));
        }
        let edges = EDGES.iter().zip(within).chain([(&"+Inf", &1000)]);
        for (edge, part) in edges {
            let labels = format!("seconds_bucket_total{{slot=\"{name}\",le=\"{edge}\"}}");
            series.push(("seconds_bucket", labels, requests * part));
        }
    }
    series.sort();
    let mut text = String::new();
    let mut family = "";
    for (of, labels, rate) in &series {
        if family != *of {
            writeln!(text, "# TYPE {of} counter").unwrap();
            family = of;
        }
        for second in 0..LENGTH {
            let value = rate * u64::from(second) / 1000;
            writeln!(text, "{labels} {value} {}", begin + i64::from(second)).unwrap();
        }
    }
    text + "# EOF\n"
}

fn metrics(prometheus: &Prometheus) -> Value {
    json!({
        "prometheus": {
            "url": prometheus.url(), "interval": "1s",
            "total": "requests_total{slot=\"{slot}\"}",
            "bad": "requests_total{slot=\"{slot}\",code=\"500\"}",
        },
        "further": [
            { "name": "cache", "total": "lookups_total{slot=\"{slot}\"}",
              "good": "lookups_total{slot=\"{slot}\",hit=\"yes\"}" },
            { "name": "latency", "histogram": "seconds_bucket_total{slot=\"{slot}\"}" },
        ],
    })
}

/// A first release into green, then one into blue, which gets a tenth of the
/// requests and serves them like this.
fn promoted(hits: u64, within: [u64; 3]) -> Option<(Stage, Outcome, tempfile::TempDir)> {
    let slots = [
        Slot {
            name: "green",
            requests: 900,
            hits: 900,
            within: QUICK,
        },
        Slot {
            name: "blue",
            requests: 100,
            hits,
            within,
        },
    ];
    let prometheus = Prometheus::recorded(&recording(&slots)).unwrap()?;
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::new(folder.path());
    stage.metrics = Some(metrics(&prometheus));
    let first = stage.up(&stage.release("1"));
    assert_eq!(first.verdict, Verdict::Pass, "{:?}", first.turned);
    let outcome = stage.up(&stage.release("2"));
    Some((stage, outcome, folder))
}

fn journal(stage: &Stage) -> Journal {
    stage.document().run.unwrap().journal
}

#[test]
fn a_rollout_whose_requests_are_fine_fails_by_its_second_metric() {
    for (hits, within, metric) in [(600, QUICK, "cache"), (900, SLOW, "latency above ")] {
        let Some((stage, outcome, _folder)) = promoted(hits, within) else {
            return;
        };
        assert_eq!(outcome.verdict, Verdict::Fail, "{metric}");
        assert!(outcome.restored, "{metric}");
        let reason = outcome.turned.unwrap().reason;
        assert!(reason.contains(metric), "{reason}");
        assert_eq!(stage.end().live.as_deref(), Some("shop-1"), "{metric}");
    }
}

#[test]
fn a_rollout_that_is_fine_by_every_metric_goes_up_by_one_set_of_edges() {
    let Some((stage, outcome, _folder)) = promoted(900, QUICK) else {
        return;
    };
    assert_eq!(outcome.verdict, Verdict::Pass, "{:?}", outcome.turned);
    let kept = journal(&stage).metrics;
    let edges: Vec<String> = kept[1].edges.iter().map(ToString::to_string).collect();
    assert_eq!(
        (kept[0].edges.len(), edges),
        (0, EDGES.map(str::to_owned).to_vec())
    );
    // Names and edges, whatever was counted.
    assert!(serde_json::to_string(&kept).unwrap().len() < 500);
}

#[test]
fn a_process_that_dies_between_looks_goes_on_with_the_metrics_of_the_plan() {
    let slots = [
        Slot {
            name: "green",
            requests: 900,
            hits: 900,
            within: QUICK,
        },
        Slot {
            name: "blue",
            requests: 100,
            hits: 600,
            within: QUICK,
        },
    ];
    let Some(prometheus) = Prometheus::recorded(&recording(&slots)).unwrap() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::new(folder.path());
    stage.metrics = Some(metrics(&prometheus));
    stage.up(&stage.release("1"));
    let release = stage.release("2");
    let plan = stage.plan(&stage.sound(), &release, Way::Up);
    // Each process lives for one write more than the one before.
    let mut writes = 0;
    while journal(&stage).metrics.is_empty() {
        writes += 1;
        let (ended, _) = stage.drive(&plan, Way::Up, Death::After(writes));
        assert!(ended.is_err() && writes < 60, "no look kept the edges");
    }
    let kept = journal(&stage).metrics;
    let (ended, _) = stage.drive(&plan, Way::Up, Death::Never);
    assert_eq!(ended.unwrap().verdict, Verdict::Fail);
    assert_eq!(journal(&stage).metrics, kept);
}

#[test]
fn metrics_that_the_configuration_lost_are_no_sight() {
    let slots = [
        Slot {
            name: "green",
            requests: 900,
            hits: 900,
            within: QUICK,
        },
        Slot {
            name: "blue",
            requests: 100,
            hits: 900,
            within: QUICK,
        },
    ];
    let Some(prometheus) = Prometheus::recorded(&recording(&slots)).unwrap() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::new(folder.path());
    stage.metrics = Some(metrics(&prometheus));
    stage.up(&stage.release("1"));
    let plan = stage.plan(&stage.sound(), &stage.release("2"), Way::Up);
    let mut without = metrics(&prometheus);
    without["further"] = json!([]);
    stage.metrics = Some(without);
    let (ended, _) = stage.drive(&plan, Way::Up, Death::Never);
    let outcome = ended.unwrap();
    assert_eq!(outcome.verdict, Verdict::Blind);
    let reason = outcome.turned.unwrap().reason;
    assert!(
        reason.contains("`cache`, which is not in the configuration"),
        "{reason}"
    );
}
