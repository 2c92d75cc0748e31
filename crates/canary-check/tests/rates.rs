//! Events beside an exposure that holds fractions, counted by a real Prometheus.
#![cfg(test)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::Value;
use testkit::http::{Answer, Server};
use testkit::servers::{Prometheus, Scrape};
use testkit::wait;

/// A worker that is busy for 20.25 seconds between two scrapes, and writes
/// this many lines of errors.
fn worker(lines: u64) -> Server {
    let mut scrapes = 0_u32;
    Server::start(move |_| {
        scrapes += 1;
        let seconds = 20.25 * f64::from(scrapes);
        let lines = lines * u64::from(scrapes);
        let text =
            format!("busy_seconds_total {seconds}\nlines_total{{level=\"error\"}} {lines}\n");
        Answer::new(200)
            .header("content-type", "text/plain; version=0.0.4")
            .body(text)
    })
    .unwrap()
}

fn watched(lines: [u64; 2]) -> Option<(Prometheus, [Server; 2])> {
    let workers = lines.map(worker);
    let scrapes = [("v1", &workers[0]), ("v2", &workers[1])].map(|(version, worker)| {
        let url = worker.url("");
        let address = url.trim_start_matches("http://").parse().unwrap();
        Scrape::labelled(address, "version", version)
    });
    let prometheus = Prometheus::start(&scrapes).unwrap()?;
    let query = "min(count_over_time(busy_seconds_total[1h])) >= 9";
    let seen = || prometheus.value(query).unwrap();
    wait::until("some scrapes of both", Duration::from_secs(60), seen).unwrap();
    Some((prometheus, workers))
}

const EXPOSURE: &str = r#"busy_seconds_total{version="{slot}"}"#;
const EVENTS: &str = r#"lines_total{version="{slot}",level="error"}"#;

fn check(prometheus: &Prometheus, folder: &Path, more: &[&str]) -> (i32, Value, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_canary-check"));
    command
        .env_clear()
        .current_dir(folder)
        .args(more)
        .args(["--prometheus", &prometheus.url(), "--format", "json"])
        .args(["--baseline-slot", "v1", "--canary-slot", "v2"])
        .args(["--interval", "2s"]);
    told(&command.output().unwrap())
}

fn told(output: &Output) -> (i32, Value, String) {
    let json = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code().unwrap(), json, stderr)
}

#[test]
fn a_canary_with_more_events_for_its_exposure_fails_while_it_is_watched() {
    let Some((prometheus, _workers)) = watched([30, 90]) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let place = ["--total", EXPOSURE, "--bad", EVENTS];
    let look = |subcommand: &[&str]| {
        let more = [subcommand, &place].concat();
        check(&prometheus, folder.path(), &more)
    };
    let since = ["--since", "5m", "--timeout", "60s"];
    let kept = ["--save-counts", "counts.csv", "--record", "watch"];
    let (code, result, stderr) = look(&[&["run", "--rate"], &since[..], &kept].concat());
    assert_eq!(code, 10, "{result} {stderr}");
    let count = |slot: &str, field: &str| result["detail"][slot][field].as_u64().unwrap();
    let (seconds, lines) = (count("canary", "total"), count("canary", "bad"));
    // 90 lines for each 20.25 seconds.
    assert!(
        (seconds * 90).abs_diff(lines * 81 / 4) <= 90,
        "{seconds} {lines}"
    );
    assert!(lines > 4 * seconds, "more events than exposure");
    let ratio = result["detail"]["odds_ratio"].as_f64().unwrap();
    assert!((2.5..3.5).contains(&ratio), "{ratio}");

    let offline = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_canary-check"));
        command.env_clear().current_dir(folder.path());
        told(
            &command
                .args(arguments)
                .args(["--format", "json"])
                .output()
                .unwrap(),
        )
    };
    let (code, again, _) = offline(&["replay", "watch"]);
    assert_eq!(
        (code, &again["detail"]["canary"]),
        (10, &result["detail"]["canary"])
    );
    let (code, judged, stderr) = offline(&["judge", "--counts", "counts.csv", "--rate"]);
    assert_eq!(code, 10, "{stderr}");
    assert_eq!(
        judged["detail"]["rows_digest"],
        result["detail"]["rows_digest"]
    );

    let (code, result, stderr) = look(&["explain", "--rate", "--since", "5m"]);
    assert_eq!(code, 10, "{result} {stderr}");
    let (code, result, stderr) = look(&["doctor", "--rate"]);
    assert_eq!(code, 0, "{result} {stderr}");
    let (code, _, stderr) = look(&["once", "--since", "5m"]);
    assert_eq!(code, 3, "{stderr}");
    assert!(stderr.contains("is no counter of requests"), "{stderr}");
    let (code, _, stderr) = look(&["once", "--rate", "--slo", "99%"]);
    assert_eq!(code, 2, "{stderr}");
}

#[test]
fn a_rate_is_a_metric_beside_others() {
    let Some((prometheus, _workers)) = watched([30, 90]) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let text =
        format!("metrics:\n  - name: lines\n    exposure: '{EXPOSURE}'\n    events: '{EVENTS}'\n");
    fs::write(folder.path().join("metrics.yaml"), text).unwrap();
    // As many lines as lines, so that the first count shows nothing.
    let first = [
        "--total",
        EVENTS,
        "--bad",
        r#"lines_total{version="{slot}",level="fatal"}"#,
    ];
    let more = [
        "run",
        "--since",
        "5m",
        "--timeout",
        "60s",
        "--metrics",
        "metrics.yaml",
    ];
    let (code, result, stderr) = check(&prometheus, folder.path(), &[&more[..], &first].concat());
    assert_eq!(code, 10, "{result} {stderr}");
    assert_eq!(result["detail"]["metric"], "lines");
    let (bad, total) = (
        &result["detail"]["canary"]["bad"],
        &result["detail"]["canary"]["total"],
    );
    assert!(bad.as_u64() > total.as_u64(), "{result}");
}

#[test]
fn workers_alike_pass() {
    let Some((prometheus, _workers)) = watched([90, 90]) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let place = ["--total", EXPOSURE, "--bad", EVENTS];
    let more = ["run", "--rate", "--since", "5m", "--timeout", "90s"];
    let (code, result, stderr) = check(&prometheus, folder.path(), &[&more[..], &place].concat());
    assert_eq!(code, 0, "{result} {stderr}");
    assert_eq!(result["detail"]["reason"], "no_worse");
}
