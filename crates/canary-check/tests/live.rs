//! `canary-check` against a real Prometheus on loopback.
#![cfg(test)]

use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use testkit::http::{Answer, Server};
use testkit::process::Process;
use testkit::servers::{Prometheus, Scrape};
use testkit::wait;

/// A version of an app that serves 50 requests between two scrapes. The
/// series of its errors is born with the third scrape.
fn app(errors: u64) -> Server {
    let mut scrapes = 0;
    Server::start(move |_| {
        scrapes += 1;
        let bad = errors * u64::saturating_sub(scrapes, 2);
        let good = 50 * scrapes - bad;
        let mut text = format!("requests_total{{code=\"200\"}} {good}\n");
        if bad > 0 {
            text.push_str(&format!("requests_total{{code=\"500\"}} {bad}\n"));
        }
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

fn run(prometheus: &Prometheus, subcommand: &str, more: &[&str]) -> (i32, Value, String) {
    let url = prometheus.url();
    let output = Command::new(env!("CARGO_BIN_EXE_canary-check"))
        .env_clear()
        .args([subcommand, "--prometheus", &url, "--format", "json"])
        .args(["--total", r#"requests_total{version="{slot}"}"#])
        .args(["--baseline-slot", "v1", "--canary-slot", "v2"])
        .args(["--interval", "2s"])
        .args(more)
        .output()
        .unwrap();
    let json = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code().unwrap(), json, stderr)
}

const BAD: [&str; 2] = ["--bad", r#"requests_total{version="{slot}",code=~"5.."}"#];

#[test]
fn a_bad_canary_fails_while_it_is_watched_and_its_first_errors_count() {
    let (good, bad) = (app(1), app(10));
    let scrapes = [scrape(&good, "v1"), scrape(&bad, "v2")];
    let Some(prometheus) = Prometheus::start(&scrapes).unwrap() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("watch.jsonl").display().to_string();
    let kept = ["--since", "5m", "--timeout", "60s", "--record", &record];
    let (code, result, stderr) = run(&prometheus, "run", &[&BAD[..], &kept].concat());
    assert_eq!(code, 10, "{result} {stderr}");
    // What the first looks had to say is not forgotten by the last one.
    let notes = &result["detail"]["notes"];
    assert!(notes.to_string().contains("finds no series yet"), "{notes}");
    let again = Command::new(env!("CARGO_BIN_EXE_canary-check"))
        .env_clear()
        .args(["replay", &record, "--format", "json"])
        .output()
        .unwrap();
    let again: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(&again["detail"]["notes"], notes);
    assert_eq!(result["detail"]["reason"], "worse");
    let canary = &result["detail"]["canary"];
    let (total, bad) = (
        canary["total"].as_u64().unwrap(),
        canary["bad"].as_u64().unwrap(),
    );
    // 10 of 50 fail from the third scrape on; the first scrape is where counting
    // begins. `increase` would lose the first 10.
    assert_eq!((total % 50, bad % 10), (0, 0), "{canary}");
    assert_eq!(
        bad / 10 + 1,
        total / 50,
        "{canary}: the first errors were lost"
    );
    let (code, _, stderr) = run(&prometheus, "doctor", &BAD);
    assert_eq!(code, 0, "{stderr}");
}

#[test]
fn a_canary_that_nobody_scrapes_is_blind_and_a_wrong_query_is_refused() {
    let good = app(1);
    let Some(prometheus) = Prometheus::start(&[scrape(&good, "v1")]).unwrap() else {
        return;
    };
    let scraped = || {
        let value = prometheus.value("count(requests_total)").unwrap();
        value.filter(|series| *series >= 1.0)
    };
    wait::until("a first scrape", Duration::from_secs(30), scraped).unwrap();
    let more = [&BAD[..], &["--timeout", "1s"]].concat();
    let (code, result, stderr) = run(&prometheus, "run", &more);
    assert_eq!(code, 12, "{result} {stderr}");
    assert_eq!(result["detail"]["reason"], "canary_missing");
    let wrong = ["--bad", r#"requests_total{version="{slot}",code=~"("}"#];
    let (code, _, stderr) = run(&prometheus, "once", &wrong);
    assert_eq!(code, 3, "{stderr}");
    assert!(stderr.contains("an expression that is none"), "{stderr}");
    let named_twice = r#"requests_total{version="{slot}",__name__="x"}"#;
    let output = Command::new(env!("CARGO_BIN_EXE_canary-check"))
        .env_clear()
        .args(["once", "--prometheus", &prometheus.url()])
        .args(["--total", named_twice, "--bad", named_twice])
        .args(["--baseline-slot", "v1", "--canary-slot", "v2"])
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(
        stderr.contains("Prometheus refuses the query (bad_data)"),
        "{stderr}"
    );
}

/// A version that serves 50 requests a scrape, one of which fails.
fn healthy() -> Server {
    app(1)
}

#[test]
fn a_prometheus_that_is_killed_leaves_a_blind_verdict_that_replays() {
    let (v1, v2) = (healthy(), healthy());
    let scrapes = [scrape(&v1, "v1"), scrape(&v2, "v2")];
    let Some(mut prometheus) = Prometheus::start(&scrapes).unwrap() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("watch.jsonl");
    let mut command = Command::new(env!("CARGO_BIN_EXE_canary-check"));
    command
        .env_clear()
        .args(["run", "--prometheus", &prometheus.url(), "--format", "json"])
        .args(["--total", r#"requests_total{version="{slot}"}"#])
        .args(["--baseline-slot", "v1", "--canary-slot", "v2"])
        .args(["--interval", "2s", "--pass-margin", "1.05"])
        .args(["--timeout", "30s", "--record"])
        .arg(&record)
        .args(BAD);
    let mut watch = Process::spawn("watch", &mut command, folder.path()).unwrap();
    let seen = || {
        let text = std::fs::read_to_string(&record).unwrap_or_default();
        text.contains("\"tallies\"").then_some(())
    };
    wait::until("a first row", Duration::from_secs(30), seen).unwrap();
    prometheus.process().kill().unwrap();
    let ended = watch.wait(Duration::from_secs(60)).unwrap();
    assert_eq!(ended.code(), Some(12), "{}", watch.stderr());
    let live: Value = serde_json::from_str(&watch.stdout()).unwrap();
    assert_eq!(live["detail"]["reason"], "unreachable");
    assert!(live["detail"]["rows"].as_u64().unwrap() >= 1);
    let again = Command::new(env!("CARGO_BIN_EXE_canary-check"))
        .env_clear()
        .args(["replay", "--format", "json"])
        .arg(&record)
        .output()
        .unwrap();
    assert_eq!(again.status.code(), Some(12));
    let again: Value = serde_json::from_slice(&again.stdout).unwrap();
    for field in [
        "reason",
        "detail",
        "rows",
        "rows_digest",
        "log_e_fail",
        "log_e_pass",
        "spent",
    ] {
        assert_eq!(live["detail"][field], again["detail"][field], "{field}");
    }
}

#[test]
fn a_canary_that_is_in_its_own_baseline_is_refused() {
    let (good, bad) = (app(1), app(10));
    let scrapes = [("shop-5f", &good), ("shop-canary-7b", &bad)];
    let scrapes = scrapes.map(|(pod, app)| Scrape {
        labels: vec![("pod".to_owned(), pod.to_owned())],
        ..scrape(app, pod)
    });
    let Some(prometheus) = Prometheus::start(&scrapes).unwrap() else {
        return;
    };
    let query = "min(count_over_time(requests_total{code=\"200\"}[1h])) >= 5";
    let scraped = || prometheus.value(query).unwrap();
    wait::until("scrapes of both", Duration::from_secs(30), scraped).unwrap();
    let selector = |code: &str| format!("requests_total{{pod=~\"{{slot}}-.*\"{code}}}");
    let (total, bad) = (selector(""), selector(",code=~\"5..\""));
    let place = ["--total", &total, "--bad", &bad];
    let slots = ["--baseline-slot", "shop", "--canary-slot", "shop-canary"];
    for subcommand in ["run", "once", "explain", "doctor"] {
        let output = Command::new(env!("CARGO_BIN_EXE_canary-check"))
            .env_clear()
            .args([subcommand, "--timeout", "5s"])
            .args(["--prometheus", &prometheus.url()])
            .args(place)
            .args(slots)
            .args(["--interval", "2s"])
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "{subcommand} {stderr}");
        assert!(stderr.contains("shop-canary-7b"), "{stderr}");
        assert!(stderr.contains("is of both slots"), "{stderr}");
    }
}
