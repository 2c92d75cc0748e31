//! Many metrics of one canary, counted by a real Prometheus with one question each.
#![cfg(test)]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::Value;
use testkit::http::{Answer, Server};
use testkit::servers::{Prometheus, Scrape};
use testkit::wait;

/// Counters beside the requests and the histogram: 200 metrics in all.
const COUNTERS: usize = 198;

/// Bounds of the histogram, and how many of a hundred requests are within.
const EDGES: [&str; 4] = ["0.1", "0.25", "0.5", "1"];
const HEALTHY: [u64; 4] = [50, 90, 98, 100];
const SLOW: [u64; 4] = [15, 50, 80, 97];

/// A version that serves 200 requests between two scrapes, one of which fails.
fn app(within: [u64; 4]) -> Server {
    let mut scrapes = 0;
    Server::start(move |_| {
        scrapes += 1;
        let (all, bad) = (200 * scrapes, scrapes);
        let mut text = String::new();
        let mut counter = |name: &str| {
            let good = all - bad;
            writeln!(text, "{name}{{code=\"200\"}} {good}").unwrap();
            writeln!(text, "{name}{{code=\"500\"}} {bad}").unwrap();
        };
        counter("requests_total");
        for number in 0..COUNTERS {
            counter(&format!("calls_{number}_total"));
        }
        for (edge, share) in EDGES.iter().zip(within) {
            let count = all * share / 100;
            writeln!(text, "seconds_bucket{{le=\"{edge}\"}} {count}").unwrap();
        }
        writeln!(text, "seconds_bucket{{le=\"+Inf\"}} {all}").unwrap();
        Answer::new(200)
            .header("content-type", "text/plain; version=0.0.4")
            .body(text)
    })
    .unwrap()
}

fn scrape(app: &Server, version: &str) -> Scrape {
    let url = app.url("");
    let address = url.trim_start_matches("http://").parse().unwrap();
    Scrape::labelled(address, "version", version)
}

fn metrics(folder: &Path, counters: usize) {
    let mut text = "metrics:\n".to_owned();
    for number in 0..counters {
        let total = format!("calls_{number}_total{{version=\"{{slot}}\"}}");
        let bad = total.replace('}', "").replace("{slot\"", "{slot}\"");
        writeln!(text, "  - name: calls-{number}\n    total: '{total}'").unwrap();
        writeln!(text, "    bad: '{bad},code=~\"5..\"}}'").unwrap();
        writeln!(text, "    role: supporting").unwrap();
    }
    text.push_str("  - name: latency\n    histogram: 'seconds_bucket{version=\"{slot}\"}'\n");
    fs::write(folder.join("metrics.yaml"), text).unwrap();
}

fn check(prometheus: &Prometheus, folder: &Path, more: &[&str]) -> (Output, Value) {
    let output = Command::new(env!("CARGO_BIN_EXE_canary-check"))
        .env_clear()
        .current_dir(folder)
        .args(more)
        .args(["--prometheus", &prometheus.url(), "--format", "json"])
        .args(["--total", r#"requests_total{version="{slot}"}"#])
        .args(["--bad", r#"requests_total{version="{slot}",code=~"5.."}"#])
        .args(["--baseline-slot", "v1", "--canary-slot", "v2"])
        .args(["--interval", "2s", "--metrics", "metrics.yaml"])
        .output()
        .unwrap();
    let json = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output, json)
}

fn scraped(prometheus: &Prometheus, times: u64) {
    let query = format!("min(count_over_time(seconds_bucket[1h])) >= {times}");
    let seen = || prometheus.value(&query).unwrap();
    wait::until("some scrapes of both", Duration::from_secs(60), seen).unwrap();
}

#[test]
fn a_slow_canary_fails_by_its_histogram_among_two_hundred_metrics() {
    let (good, slow) = (app(HEALTHY), app(SLOW));
    let scrapes = [scrape(&good, "v1"), scrape(&slow, "v2")];
    let Some(prometheus) = Prometheus::start(&scrapes).unwrap() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    metrics(folder.path(), COUNTERS);
    scraped(&prometheus, 8);
    let run = [
        "run",
        "--since",
        "5m",
        "--timeout",
        "60s",
        "--record",
        "watch",
    ];
    let (output, result) = check(&prometheus, folder.path(), &run);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(10), "{stderr}");
    let detail = &result["detail"];
    let failed = detail["metric"].as_str().unwrap();
    assert!(failed.starts_with("latency above "), "{failed}");
    assert_eq!(detail["counts"].as_array().unwrap().len(), 1 + COUNTERS + 4);

    // One question about each metric of both slots.
    let record = fs::read_to_string(folder.path().join("watch")).unwrap();
    let look: Value = serde_json::from_str(record.lines().nth(1).unwrap()).unwrap();
    assert_eq!(look["asked"].as_array().unwrap().len(), 200);
    let again = Command::new(env!("CARGO_BIN_EXE_canary-check"))
        .env_clear()
        .current_dir(folder.path())
        .args(["replay", "watch", "--format", "json"])
        .output()
        .unwrap();
    assert_eq!(again.status.code(), Some(10));
    let again: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(again["detail"]["counts"], detail["counts"]);
}

#[test]
fn a_decisive_metric_that_nobody_sees_is_blind_and_a_shown_one_is_told() {
    let (good, alike) = (app(HEALTHY), app(HEALTHY));
    let scrapes = [scrape(&good, "v1"), scrape(&alike, "v2")];
    let Some(prometheus) = Prometheus::start(&scrapes).unwrap() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let absent = |role: &str| {
        let text = format!(
            "metrics:\n  - name: absent\n    total: 'absent_total{{version=\"{{slot}}\"}}'\n    \
             good: 'absent_total{{version=\"{{slot}}\",code=\"200\"}}'\n    role: {role}\n"
        );
        fs::write(folder.path().join("metrics.yaml"), text).unwrap();
    };
    scraped(&prometheus, 4);
    absent("decisive");
    let once = ["once", "--since", "5m"];
    let (output, result) = check(&prometheus, folder.path(), &once);
    assert_eq!(output.status.code(), Some(12), "{result}");
    let told = result["detail"]["detail"].as_str().unwrap();
    assert!(
        told.starts_with("metric `absent`: no series of the canary"),
        "{told}"
    );
    absent("shown");
    let (output, result) = check(&prometheus, folder.path(), &once);
    assert_ne!(output.status.code(), Some(12), "{result}");
    let notes = result["detail"]["notes"].to_string();
    assert!(notes.contains("metric `absent`"), "{notes}");
}

#[test]
fn a_file_that_names_no_counts_is_refused() {
    let (good, alike) = (app(HEALTHY), app(HEALTHY));
    let scrapes = [scrape(&good, "v1"), scrape(&alike, "v2")];
    let Some(prometheus) = Prometheus::start(&scrapes).unwrap() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    for (text, expected) in [
        (
            "metrics: [{name: a}]",
            "metric `a` needs `total` with `bad` or `good`",
        ),
        (
            "metrics: [{name: a, histogram: 'b{v=\"1\"}'}]",
            "does not hold `{slot}`",
        ),
        (
            "metrics: [{name: requests, histogram: 'b{v=\"{slot}\"}'}]",
            "two metrics `requests`",
        ),
        (
            "metrics: [{name: a, histogram: 'rate(b[5m])'}]",
            "metric `a`",
        ),
        (
            "metrics: [{name: a, weight: 0, histogram: 'b{v=\"{slot}\"}'}]",
            "is no weight",
        ),
        ("rules: []", "it is no list of metrics"),
    ] {
        fs::write(folder.path().join("metrics.yaml"), text).unwrap();
        let (output, _) = check(&prometheus, folder.path(), &["once"]);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "{text} {stderr}");
        assert!(stderr.contains(expected), "{text} {stderr}");
    }
    let text = "metrics: [{name: a, histogram: 'b{version=\"{slot}\"}'}]";
    fs::write(folder.path().join("metrics.yaml"), text).unwrap();
    let (output, _) = check(&prometheus, folder.path(), &["once"]);
    assert_eq!(output.status.code(), Some(12), "no bucket is no sight");
}

#[test]
fn a_server_that_is_not_there_is_blind() {
    let folder = tempfile::tempdir().unwrap();
    metrics(folder.path(), 3);
    let url = format!("http://{}/", testkit::process::free_address().unwrap());
    let output = Command::new(env!("CARGO_BIN_EXE_canary-check"))
        .env_clear()
        .current_dir(folder.path())
        .args(["once", "--prometheus", &url, "--metrics", "metrics.yaml"])
        .args(["--total", r#"requests_total{version="{slot}"}"#])
        .args(["--bad", r#"requests_total{version="{slot}",code=~"5.."}"#])
        .args(["--baseline-slot", "v1", "--canary-slot", "v2"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(12));
}

/// The rules of an environment with further metrics.
fn environment(prometheus: &Prometheus, further: &str) -> String {
    format!(
        "version: 1\nservice: shop\nenvironments:\n  production:\n    \
         prove: {{ files: 'slots/{{slot}}' }}\n    \
         traffic: {{ weights-file: {{ path: w.json, slots: {{ stable: v1, canary: v2 }} }} }}\n    \
         metrics:\n      prometheus:\n        url: {}\n        interval: 2s\n        \
         total: 'requests_total{{version=\"{{slot}}\"}}'\n        \
         bad: 'requests_total{{version=\"{{slot}}\",code=~\"5..\"}}'\n      further: [{further}]\n",
        prometheus.url()
    )
}

const LATENCY: &str = "{ name: latency, histogram: 'seconds_bucket{version=\"{slot}\"}' }";

fn configured(folder: &Path, more: &[&str]) -> (Output, Value) {
    let output = Command::new(env!("CARGO_BIN_EXE_canary-check"))
        .env_clear()
        .current_dir(folder)
        .args(more)
        .args(["--environment", "production", "--format", "json"])
        .output()
        .unwrap();
    let json = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output, json)
}

#[test]
fn metrics_of_an_environment_are_judged_explained_and_looked_for() {
    let (good, slow) = (app(HEALTHY), app(SLOW));
    let scrapes = [scrape(&good, "v1"), scrape(&slow, "v2")];
    let Some(prometheus) = Prometheus::start(&scrapes).unwrap() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("liftlock.yaml");
    fs::write(&config, environment(&prometheus, LATENCY)).unwrap();
    scraped(&prometheus, 10);
    let (output, result) = configured(folder.path(), &["once", "--since", "5m"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(10), "{stderr}");
    let failed = result["detail"]["metric"].as_str().unwrap();
    assert!(failed.starts_with("latency above "), "{failed}");

    let (output, result) = configured(folder.path(), &["explain"]);
    assert_eq!(output.status.code(), Some(10));
    let conditions = result["detail"]["conditions"].as_array().unwrap();
    let last = conditions.last().unwrap();
    assert_eq!(last["condition"], "metrics", "{conditions:?}");
    assert!(
        last["found"].as_str().unwrap().contains("latency"),
        "{last}"
    );

    let (output, result) = configured(folder.path(), &["doctor"]);
    assert_eq!(output.status.code(), Some(0), "{result}");
    let checks = result["detail"]["checks"].as_array().unwrap();
    let latency = checks.iter().find(|one| one["check"] == "metric latency");
    let found = latency.unwrap()["found"].as_str().unwrap();
    assert!(found.ends_with("rows, 4 edges"), "{found}");

    let absent = LATENCY.replace("seconds_bucket", "absent_bucket");
    fs::write(&config, environment(&prometheus, &absent)).unwrap();
    let (output, result) = configured(folder.path(), &["doctor"]);
    assert_eq!(output.status.code(), Some(12), "{result}");
}

#[test]
fn a_change_drops_and_replaces_no_metric_of_a_protected_policy() {
    let (good, slow) = (app(HEALTHY), app(SLOW));
    let scrapes = [scrape(&good, "v1"), scrape(&slow, "v2")];
    let Some(prometheus) = Prometheus::start(&scrapes).unwrap() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("policy.yaml"), environment(&prometheus, LATENCY)).unwrap();
    scraped(&prometheus, 10);
    let protected = |local: &str, more: &[&str]| {
        fs::write(at("liftlock.yaml"), local).unwrap();
        let policy = format!("file:{}", at("policy.yaml").display());
        let output = Command::new(env!("CARGO_BIN_EXE_canary-check"))
            .env_clear()
            .env("LIFTLOCK_POLICY", policy)
            .current_dir(folder.path())
            .args(["once", "--since", "5m", "--environment", "production"])
            .args(more)
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), stderr)
    };
    // Whoever leaves the list out, or has no metrics at all, is judged by it.
    for local in [
        "version: 1\nservice: shop\n".to_owned(),
        environment(&prometheus, ""),
    ] {
        assert_eq!(protected(&local, &[]).0, Some(10), "{local}");
    }
    let shown = LATENCY.replace("name: latency,", "name: latency, role: shown,");
    let (code, stderr) = protected(&environment(&prometheus, &shown), &[]);
    assert_eq!(code, Some(3), "{stderr}");
    assert!(stderr.contains("metrics.further.latency.role"), "{stderr}");
    fs::write(at("none.yaml"), "metrics: []").unwrap();
    let local = "version: 1\nservice: shop\n";
    let (code, stderr) = protected(local, &["--metrics", "none.yaml"]);
    assert_eq!(code, Some(3), "{stderr}");
    assert!(stderr.contains("`--metrics` would loosen"), "{stderr}");
}
