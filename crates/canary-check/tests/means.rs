//! Means of gauges in a real Prometheus.
#![cfg(test)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use testkit::remote_write::Batch;
use testkit::servers::Prometheus;

/// Milliseconds between two scrapes.
const EVERY: i64 = 15_000;
const SCRAPES: u32 = 121;

const MEMORY: &str = r#"metrics: [{name: memory, gauge: 'resident_bytes{version="{slot}"}', most: 4e9, role: decisive}]"#;

/// The present of the server, in milliseconds.
fn now(prometheus: &Prometheus) -> i64 {
    let seconds = prometheus.value("vector(time())").unwrap().unwrap();
    1000 * format!("{seconds:.0}").parse::<i64>().unwrap()
}

fn write(
    batch: &mut Batch,
    now: i64,
    (name, version, pod): (&str, &str, &str),
    value: impl Fn(u32) -> Option<f64>,
) {
    let labels = [
        ("__name__", name),
        ("version", version),
        ("instance", pod),
        ("code", if name == "bad_total" { "500" } else { "" }),
    ];
    let labels: Vec<_> = labels
        .into_iter()
        .filter(|(_, text)| !text.is_empty())
        .collect();
    let samples: Vec<(i64, f64)> = (1..=SCRAPES)
        .filter_map(|scrape| {
            let before = EVERY * i64::from(SCRAPES - scrape);
            value(scrape).map(|value| (now - before, value))
        })
        .collect();
    batch.values(&labels, &samples);
}

/// A server with both versions, whose pods have so much memory at a scrape.
fn serving(
    baseline: impl Fn(u32) -> Option<f64>,
    canary: impl Fn(u32) -> Option<f64>,
) -> Option<(Prometheus, tempfile::TempDir)> {
    let prometheus = Prometheus::receiving().unwrap()?;
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("metrics.yaml"), MEMORY).unwrap();
    let now = now(&prometheus);
    let mut batch = Batch::default();
    for version in ["v1", "v2"] {
        let total = |scrape: u32| Some(f64::from(scrape * 300));
        let bad = |scrape: u32| Some(f64::from(scrape * 6));
        write(&mut batch, now, ("all_total", version, version), total);
        write(&mut batch, now, ("bad_total", version, version), bad);
    }
    write(&mut batch, now, ("resident_bytes", "v1", "a"), &baseline);
    write(&mut batch, now, ("resident_bytes", "v1", "b"), &baseline);
    write(&mut batch, now, ("resident_bytes", "v2", "c"), &canary);
    prometheus.write(&batch).unwrap();
    Some((prometheus, folder))
}

fn check(prometheus: &Prometheus, folder: &Path, more: &[&str]) -> (Output, Value) {
    let output = Command::new(env!("CARGO_BIN_EXE_canary-check"))
        .env_clear()
        .current_dir(folder)
        .args(["once", "--since", "28m"])
        .args(more)
        .args(["--prometheus", &prometheus.url(), "--format", "json"])
        .args(["--total", r#"all_total{version="{slot}"}"#])
        .args(["--bad", r#"bad_total{version="{slot}"}"#])
        .args(["--baseline-slot", "v1", "--canary-slot", "v2"])
        .args(["--interval", "30s", "--metrics", "metrics.yaml"])
        .output()
        .unwrap();
    let json = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output, json)
}

/// A sawtooth as a garbage collector draws it, around so many bytes.
fn sawtooth(around: f64, out_of_step: u32) -> impl Fn(u32) -> Option<f64> {
    move |scrape| {
        let place = (scrape + out_of_step) % 20;
        Some(around * (0.8 + 0.02 * f64::from(place)))
    }
}

#[test]
fn a_canary_of_twice_the_memory_fails_and_its_record_says_the_same() {
    let Some((prometheus, folder)) = serving(sawtooth(1.5e9, 0), sawtooth(3e9, 7)) else {
        return;
    };
    let recorded = ["--record", "watch"];
    let (output, result) = check(&prometheus, folder.path(), &recorded);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(10), "{stderr} {result}");
    let detail = &result["detail"];
    assert_eq!(detail["metric"], "memory");
    let means = &detail["means"];
    let [canary, baseline, least] =
        ["canary", "baseline", "at_least"].map(|name| means[name].as_f64().unwrap());
    assert!((2.7e9..3.3e9).contains(&canary), "{canary}");
    assert!((1.35e9..1.65e9).contains(&baseline), "{baseline}");
    assert!(least > 1.0, "{least}");
    let headline = result["headline"].as_str().unwrap();
    assert!(headline.starts_with("memory: "), "{headline}");
    let again = Command::new(env!("CARGO_BIN_EXE_canary-check"))
        .env_clear()
        .current_dir(folder.path())
        .args(["replay", "watch", "--format", "json"])
        .output()
        .unwrap();
    assert_eq!(again.status.code(), Some(10));
    let again: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(again["detail"]["counts"], detail["counts"]);
    assert_eq!(again["detail"]["means"], detail["means"]);
}

#[test]
fn a_canary_of_the_same_memory_passes_though_it_is_out_of_step() {
    let Some((prometheus, folder)) = serving(sawtooth(1.5e9, 0), sawtooth(1.5e9, 10)) else {
        return;
    };
    let (output, result) = check(&prometheus, folder.path(), &[]);
    assert_eq!(output.status.code(), Some(0), "{output:?} {result}");
    let memory = &result["detail"]["counts"][1];
    assert_eq!(memory["metric"], "memory");
    assert_eq!(memory["standing"], "no_worse");
    // A look that resumes goes on; it does not begin anew.
    let resumed = ["--resume", "state"];
    let (output, _) = check(&prometheus, folder.path(), &resumed);
    assert_eq!(output.status.code(), Some(0));
    let state = fs::read_to_string(folder.path().join("state")).unwrap();
    let (output, _) = check(&prometheus, folder.path(), &resumed);
    assert!(matches!(output.status.code(), Some(0 | 11)), "{output:?}");
    let broken = state.replacen(r#""side":"above""#, r#""side":"below""#, 1);
    assert_ne!(broken, state);
    fs::write(folder.path().join("state"), broken).unwrap();
    let (output, _) = check(&prometheus, folder.path(), &resumed);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
}

#[test]
fn memory_that_is_missing_broken_or_old_is_blind() {
    let steady = |_| Some(1.5e9);
    for (canary, reason) in [
        (
            Box::new(|_| None) as Box<dyn Fn(u32) -> Option<f64>>,
            "canary_missing",
        ),
        (
            Box::new(|scrape| Some(if scrape == 100 { f64::NAN } else { 1.5e9 })),
            "unreadable",
        ),
        (
            Box::new(|scrape| Some(if scrape == 100 { -1.0 } else { 1.5e9 })),
            "unreadable",
        ),
        (
            Box::new(|scrape| (scrape < 30).then_some(1.5e9)),
            "canary_silent",
        ),
    ] {
        let Some((prometheus, folder)) = serving(steady, canary) else {
            return;
        };
        let (output, result) = check(&prometheus, folder.path(), &[]);
        assert_eq!(output.status.code(), Some(12), "{reason} {result}");
        assert_eq!(result["detail"]["reason"], reason, "{result}");
    }
}

#[test]
fn a_gauge_without_a_bound_a_slot_or_a_baseline_is_refused() {
    let steady = |_| Some(1.5e9);
    let Some((prometheus, folder)) = serving(steady, steady) else {
        return;
    };
    for (text, expected) in [
        (
            r#"{name: m, gauge: 'g{version="{slot}"}'}"#,
            "`gauge` with `most`",
        ),
        (
            r#"{name: m, gauge: 'g{version="{slot}"}', most: 0}"#,
            "no bound of values",
        ),
        (
            r#"{name: m, gauge: 'g{version="{slot}"}', most: .nan}"#,
            "`.nan` is not a finite number",
        ),
        (
            r#"{name: m, gauge: 'g', most: 1}"#,
            "does not hold `{slot}`",
        ),
        (
            r#"{name: m, most: 1, histogram: 'g{version="{slot}"}'}"#,
            "`gauge` with `most`",
        ),
        (
            r#"{name: m, most: 1, slo: 99%, gauge: 'g{version="{slot}"}'}"#,
            "beside a baseline",
        ),
    ] {
        fs::write(
            folder.path().join("metrics.yaml"),
            format!("metrics: [{text}]"),
        )
        .unwrap();
        let (output, _) = check(&prometheus, folder.path(), &[]);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "{text} {stderr}");
        assert!(stderr.contains(expected), "{text} {stderr}");
    }
}

fn judge(folder: &Path, more: &[&str]) -> (Option<i32>, Value) {
    let output = Command::new(env!("CARGO_BIN_EXE_canary-check"))
        .env_clear()
        .current_dir(folder)
        .args(["judge", "--values", "values.csv", "--format", "json"])
        .args(more)
        .output()
        .unwrap();
    let json = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output.status.code(), json)
}

fn recorded(folder: &Path, row: impl Fn(u32) -> String) {
    let rows = (0..60).map(|minute| format!("2026-11-23T12:{minute:02}:00Z,{}\n", row(minute)));
    let text = format!("time,baseline,canary\n{}", rows.collect::<String>());
    fs::write(folder.join("values.csv"), text).unwrap();
}

#[test]
fn recorded_values_fail_pass_or_are_blind() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let most = ["--most", "100"];
    recorded(folder, |minute| {
        format!("{},{}", 30 + minute % 3, 75 + minute % 5)
    });
    let page = [&most[..], &["--html", "page.html"]].concat();
    let (code, result) = judge(folder, &page);
    assert_eq!(code, Some(10), "{result}");
    let headline = result["headline"].as_str().unwrap();
    assert!(headline.starts_with("the canary: 7"), "{headline}");
    assert!(headline.contains(" on average, 3"), "{headline}");
    let html = fs::read_to_string(folder.join("page.html")).unwrap();
    let told = ["of the most, %", "ratio of means", "Planned looks"];
    assert_eq!(told.map(|one| html.contains(one)), [true, true, false]);
    recorded(folder, |minute| {
        format!("{},{}", 30 + minute % 3, 30 + minute % 4)
    });
    let (code, result) = judge(folder, &most);
    assert_eq!(code, Some(0), "{result}");
    assert_eq!(result["detail"]["reason"], "no_worse");
    let (code, _) = judge(folder, &["--most", "100000"]);
    assert_eq!(code, Some(11), "a bound that is far away tells little");
    let (code, result) = judge(folder, &["--most", "31"]);
    assert_eq!(code, Some(0));
    assert_eq!(
        result["detail"]["notes"][0],
        "values above `--most` count as 31"
    );
    recorded(folder, |minute| match minute {
        0..50 => "30,30".to_owned(),
        _ => "30,".to_owned(),
    });
    let (code, result) = judge(folder, &most);
    assert_eq!(code, Some(12), "{result}");
    assert_eq!(result["detail"]["reason"], "canary_silent");
    for wrong in [
        &["--most", "0"][..],
        &["--most", "NaN"],
        &[],
        &["--most", "9", "--rate"],
    ] {
        assert_eq!(judge(folder, wrong).0, Some(2), "{wrong:?}");
    }
    recorded(folder, |_| "30,NaN".to_owned());
    assert_eq!(judge(folder, &most).0, Some(3));
}
