//! Native histograms in a real Prometheus.
#![cfg(test)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use testkit::remote_write::{Batch, Histogram};
use testkit::servers::Prometheus;

/// Milliseconds between two scrapes.
const EVERY: i64 = 15_000;
const SCRAPES: u64 = 41;

/// The index of the bucket up to 0.25 s, at schema 3, and of that up to 0.35 s.
const FAST: i32 = -16;
const SLOW: i32 = -12;

/// What a version has observed by a scrape, around a bucket.
fn observed(middle: i32, scrapes: u64) -> Histogram {
    let weight = |away: i32| 1 << (8 - away.unsigned_abs());
    let buckets = (-8..=8).map(|away| (middle + away, scrapes * weight(away)));
    Histogram {
        schema: 3,
        zero: scrapes,
        buckets: buckets.collect(),
    }
}

/// The present of the server, in milliseconds.
fn now(prometheus: &Prometheus) -> i64 {
    let seconds = prometheus.value("vector(time())").unwrap().unwrap();
    1000 * format!("{seconds:.0}").parse::<i64>().unwrap()
}

/// The times of the scrapes, the last of which is now.
fn times(now: i64) -> Vec<(i64, u64)> {
    let before = |scrape: u64| EVERY * i64::try_from(SCRAPES - scrape).unwrap();
    (1..=SCRAPES)
        .map(|scrape| (now - before(scrape), scrape))
        .collect()
}

fn requests(batch: &mut Batch, version: &str, times: &[(i64, u64)]) {
    for (code, each) in [("200", 760), ("500", 7)] {
        let labels = [
            ("__name__", "requests_total"),
            ("instance", version),
            ("version", version),
            ("code", code),
        ];
        let value = |scrape: u64| f64::from(u32::try_from(scrape * each).unwrap());
        let samples: Vec<(i64, f64)> = times
            .iter()
            .map(|(time, scrape)| (*time, value(*scrape)))
            .collect();
        batch.values(&labels, &samples);
    }
}

fn latency(
    batch: &mut Batch,
    version: &str,
    times: &[(i64, u64)],
    observed: impl Fn(u64) -> Histogram,
) {
    let labels = [
        ("__name__", "seconds"),
        ("instance", version),
        ("version", version),
    ];
    let readings: Vec<(i64, Histogram)> = times
        .iter()
        .map(|(time, scrape)| (*time, observed(*scrape)))
        .collect();
    batch.histograms(&labels, &readings);
}

fn metrics(folder: &Path, selector: &str) {
    let text = format!("metrics: [{{name: latency, histogram: '{selector}'}}]");
    fs::write(folder.join("metrics.yaml"), text).unwrap();
}

fn check(prometheus: &Prometheus, folder: &Path, more: &[&str]) -> (Output, Value) {
    let output = Command::new(env!("CARGO_BIN_EXE_canary-check"))
        .env_clear()
        .current_dir(folder)
        .args(more)
        .args(["--prometheus", &prometheus.url(), "--format", "json"])
        .args(["--total", r#"requests_total{version="{slot}"}"#])
        .args(["--bad", r#"requests_total{version="{slot}",code="500"}"#])
        .args(["--baseline-slot", "v1", "--canary-slot", "v2"])
        .args(["--interval", "30s", "--metrics", "metrics.yaml"])
        .output()
        .unwrap();
    let json = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output, json)
}

const ONCE: [&str; 3] = ["once", "--since", "9m"];
const SECONDS: &str = r#"seconds{version="{slot}"}"#;

/// A server with both versions, whose canary observes so.
fn serving(canary: impl Fn(u64) -> Histogram) -> Option<(Prometheus, tempfile::TempDir)> {
    let prometheus = Prometheus::receiving().unwrap()?;
    let folder = tempfile::tempdir().unwrap();
    metrics(folder.path(), SECONDS);
    let times = times(now(&prometheus));
    let mut batch = Batch::default();
    for version in ["v1", "v2"] {
        requests(&mut batch, version, &times);
    }
    latency(&mut batch, "v1", &times, |scrape| observed(FAST, scrape));
    latency(&mut batch, "v2", &times, canary);
    prometheus.write(&batch).unwrap();
    Some((prometheus, folder))
}

fn edges(result: &Value) -> Vec<&Value> {
    let counts = result["detail"]["counts"].as_array().unwrap();
    counts
        .iter()
        .filter(|count| count["metric"] == "latency")
        .collect()
}

#[test]
fn a_slow_canary_fails_by_its_native_histogram_and_the_record_says_the_same() {
    let Some((prometheus, folder)) = serving(|scrape| observed(SLOW, scrape)) else {
        return;
    };
    let recorded = [&ONCE[..], &["--record", "watch"]].concat();
    let (output, result) = check(&prometheus, folder.path(), &recorded);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(10), "{stderr} {result}");
    let failed = result["detail"]["metric"].as_str().unwrap();
    assert!(failed.starts_with("latency above "), "{failed}");
    let again = Command::new(env!("CARGO_BIN_EXE_canary-check"))
        .env_clear()
        .current_dir(folder.path())
        .args(["replay", "watch", "--format", "json"])
        .output()
        .unwrap();
    assert_eq!(again.status.code(), Some(10));
    let again: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(again["detail"]["counts"], result["detail"]["counts"]);
}

#[test]
fn a_restart_and_coarser_buckets_change_no_count() {
    // A new process from the 20th scrape on, which merges its buckets later.
    let canary = |scrape: u64| match scrape {
        0..20 => observed(FAST, scrape),
        20..30 => observed(FAST, scrape - 19),
        _ => observed(FAST, scrape - 19).coarser(1),
    };
    let Some((prometheus, folder)) = serving(canary) else {
        return;
    };
    let (output, result) = check(&prometheus, folder.path(), &ONCE);
    assert!(
        matches!(output.status.code(), Some(0 | 11)),
        "{output:?} {result}"
    );
    let edges = edges(&result);
    assert!(edges.len() >= 4, "{edges:?}");
    for edge in &edges {
        assert_eq!(edge["canary"], edge["baseline"], "{edge}");
    }
    // What is above 0.25 s of each scrape: all buckets beyond the middle one.
    let quarter = edges.iter().find(|edge| edge["edge"] == "0.25").unwrap();
    let arm = &quarter["canary"];
    let [total, above] = ["total", "bad"].map(|name| arm[name].as_u64().unwrap());
    assert!(total > 10_000, "{total}");
    assert_eq!(above * 767, total * 255, "{arm}");
}

#[test]
fn a_histogram_that_is_missing_mixed_or_turned_native_is_no_pass() {
    let Some((prometheus, folder)) = serving(|scrape| observed(FAST, scrape)) else {
        return;
    };
    let code = |selector: &str| {
        metrics(folder.path(), selector);
        let (output, result) = check(&prometheus, folder.path(), &ONCE);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), format!("{stderr} {result}"))
    };
    let bucket = code(r#"seconds_bucket{version="{slot}"}"#);
    assert_eq!(bucket.0, Some(12), "{}", bucket.1);
    let mixed = code(r#"{__name__=~"seconds|requests_total",version="{slot}"}"#);
    assert_eq!(mixed.0, Some(3), "{}", mixed.1);
    assert!(
        mixed.1.contains("native histograms and values"),
        "{}",
        mixed.1
    );
    let counter = r#"metrics: [{name: a, total: 'seconds{version="{slot}"}', bad: 'seconds{version="{slot}",code="5"}'}]"#;
    fs::write(folder.path().join("metrics.yaml"), counter).unwrap();
    let (output, _) = check(&prometheus, folder.path(), &ONCE);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(
        stderr.contains("native histogram, not a counter"),
        "{stderr}"
    );

    let Some(half) = Prometheus::receiving().unwrap() else {
        return;
    };
    let times = times(now(&half));
    let mut batch = Batch::default();
    for version in ["v1", "v2"] {
        requests(&mut batch, version, &times);
    }
    latency(&mut batch, "v1", &times, |scrape| observed(FAST, scrape));
    half.write(&batch).unwrap();
    metrics(folder.path(), SECONDS);
    let (output, result) = check(&half, folder.path(), &ONCE);
    assert_eq!(output.status.code(), Some(12), "{result}");
    let why = result["detail"]["detail"].as_str().unwrap();
    assert!(
        why.contains("metric `latency`: no series of the canary"),
        "{why}"
    );
}

#[test]
fn a_later_run_keeps_the_edges_and_is_blind_where_a_bucket_reaches_across_one() {
    let Some(prometheus) = Prometheus::receiving().unwrap() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    metrics(folder.path(), SECONDS);
    let times = times(now(&prometheus));
    let (first, later) = times.split_at(25);
    let write = |times: &[(i64, u64)], canary: &dyn Fn(u64) -> Histogram| {
        let mut batch = Batch::default();
        for version in ["v1", "v2"] {
            requests(&mut batch, version, times);
        }
        latency(&mut batch, "v1", times, |scrape| observed(FAST, scrape));
        latency(&mut batch, "v2", times, canary);
        prometheus.write(&batch).unwrap();
    };
    write(first, &|scrape| observed(FAST, scrape));
    let resumed = [&ONCE[..], &["--resume", "state", "--max-staleness", "20m"]].concat();
    let (output, result) = check(&prometheus, folder.path(), &resumed);
    assert!(matches!(output.status.code(), Some(0 | 11)), "{result}");
    let begun = edges(&result).len();
    write(later, &|scrape| {
        let mut wider = observed(FAST, scrape);
        wider.buckets.push((80, 1));
        wider.coarser(-1)
    });
    let (output, result) = check(&prometheus, folder.path(), &resumed);
    assert_eq!(output.status.code(), Some(12), "{output:?} {result}");
    assert_eq!(edges(&result).len(), begun);
    let why = result["detail"]["detail"].as_str().unwrap();
    assert!(why.contains("reaches across the edge"), "{why}");
}
