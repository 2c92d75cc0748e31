//! Requests that are known to be bad show whether errors are seen at all.
#![cfg(test)]

use std::process::{Command, Output};

use serde_json::Value;
use testkit::http::{Answer, Server};
use testkit::servers::{Prometheus, Scrape};

/// What an application's counter of requests knows of those that crash it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Crashes {
    Counted,
    /// Whatever counts is not asked when the application crashes.
    Missed,
}

/// An application that serves 50 requests between two scrapes, and crashes at
/// `/boom`.
fn app(crashes: Crashes) -> Server {
    let (mut good, mut bad) = (0, 0);
    Server::start(move |request| match request.path() {
        "/metrics" => {
            good += 50;
            let mut text = format!("requests_total{{code=\"200\"}} {good}\n");
            if bad > 0 {
                text.push_str(&format!("requests_total{{code=\"500\"}} {bad}\n"));
            }
            Answer::new(200)
                .header("content-type", "text/plain; version=0.0.4")
                .body(text)
        }
        "/boom" => {
            bad += u64::from(crashes == Crashes::Counted);
            Answer::new(500).body("out of luck")
        }
        _ => Answer::new(200).body("fine"),
    })
    .unwrap()
}

fn scrape(app: &Server, version: &str) -> Scrape {
    let url = app.url("");
    let address = url.trim_start_matches("http://").parse().unwrap();
    Scrape::labelled(address, "version", version)
}

fn run(arguments: &[&str]) -> (Option<i32>, Value, String) {
    let output: Output = Command::new(env!("CARGO_BIN_EXE_canary-check"))
        .env_clear()
        .args(arguments)
        .args(["--format", "json"])
        .output()
        .unwrap();
    let json = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), json, stderr)
}

const QUERIES: [&str; 10] = [
    "--total",
    r#"requests_total{version="{slot}"}"#,
    "--bad",
    r#"requests_total{version="{slot}",code=~"5.."}"#,
    "--baseline-slot",
    "v1",
    "--canary-slot",
    "v2",
    "--interval",
    "2s",
];

#[test]
fn a_counter_that_misses_a_known_error_is_blind_and_says_so_again_from_its_record() {
    let (known, canary) = (app(Crashes::Counted), app(Crashes::Missed));
    let Some(prometheus) =
        Prometheus::start(&[scrape(&known, "v1"), scrape(&canary, "v2")]).unwrap()
    else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("watch.jsonl").display().to_string();
    let (url, boom) = (prometheus.url(), canary.url("/boom"));
    let asked = [
        "run",
        "--prometheus",
        &url,
        "--probe",
        &boom,
        "--record",
        &record,
    ];
    let limits = ["--probe-within", "8s", "--bake", "1s", "--timeout", "60s"];
    let (code, live, stderr) = run(&[&asked[..], &QUERIES, &limits].concat());
    assert_eq!(code, Some(12), "{live} {stderr}");
    assert_eq!(live["detail"]["reason"], "probe_unseen");
    assert_eq!(live["detail"]["probe"]["counted"], 0);
    let (code, again, stderr) = run(&["replay", &record]);
    assert_eq!(code, Some(12), "{stderr}");
    for field in ["reason", "detail", "probe", "rows_digest", "rows"] {
        assert_eq!(live["detail"][field], again["detail"][field], "{field}");
    }
}

#[test]
fn a_known_error_that_is_counted_gives_sight_and_is_not_held_against_the_canary() {
    let (known, canary) = (app(Crashes::Counted), app(Crashes::Counted));
    let Some(prometheus) =
        Prometheus::start(&[scrape(&known, "v1"), scrape(&canary, "v2")]).unwrap()
    else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("watch.jsonl").display().to_string();
    let (url, boom) = (prometheus.url(), canary.url("/boom"));
    let asked = [
        "run",
        "--prometheus",
        &url,
        "--probe",
        &boom,
        "--record",
        &record,
    ];
    let limits = ["--probe-count", "40", "--bake", "6s", "--timeout", "60s"];
    let (code, live, stderr) = run(&[&asked[..], &QUERIES, &limits].concat());
    assert_eq!(code, Some(0), "{live} {stderr}");
    let probe = &live["detail"]["probe"];
    assert!(probe["counted"].as_u64().unwrap() >= 40, "{probe}");
    assert_eq!(live["detail"]["canary"]["bad"], 0, "{live}");
    assert!(live["detail"]["canary"]["total"].as_u64().unwrap() >= 100);
    let (code, again, stderr) = run(&["replay", &record]);
    assert_eq!(code, Some(0), "{stderr}");
    for field in [
        "reason",
        "probe",
        "rows_digest",
        "rows",
        "canary",
        "log_e_pass",
    ] {
        assert_eq!(live["detail"][field], again["detail"][field], "{field}");
    }
}

/// Pages of both versions; the new one crashes at `/boom`, and fails every
/// fiftieth request whatever it is asked.
fn pages() -> Server {
    let mut served = std::collections::BTreeMap::<String, u64>::new();
    let mut crashed = 0;
    Server::start(move |request| match request.path() {
        "/boom" => {
            crashed += 1;
            Answer::new(503).body("out of luck")
        }
        "/fine" => Answer::new(200).body("fine"),
        page => {
            let scrapes = served.entry(page.to_owned()).or_default();
            *scrapes += 1;
            let bad = *scrapes + if page.contains("v2") { crashed } else { 0 };
            let text = format!(
                "requests_total{{code=\"200\"}} {}\nrequests_total{{code=\"503\"}} {bad}\n",
                *scrapes * 49
            );
            Answer::new(200)
                .header("content-type", "text/plain; version=0.0.4")
                .body(text)
        }
    })
    .unwrap()
}

#[test]
fn a_page_of_metrics_is_read_before_the_probe_and_a_good_answer_is_no_probe() {
    let server = pages();
    let source = format!("openmetrics:{}", server.url("/{slot}/metrics"));
    let queries = [
        "run",
        "--source",
        &source,
        "--total",
        "requests_total",
        "--bad",
        r#"requests_total{code="503"}"#,
        "--baseline-slot",
        "v1",
        "--canary-slot",
        "v2",
        "--interval",
        "1s",
    ];
    let boom = server.url("/boom");
    let more = [
        "--probe",
        &boom,
        "--probe-count",
        "60",
        "--probe-status",
        "503",
        "--bake",
        "3s",
        "--timeout",
        "60s",
    ];
    let (code, result, stderr) = run(&[&queries[..], &more].concat());
    assert_eq!(code, Some(0), "{result} {stderr}");
    let [canary, baseline] = ["canary", "baseline"].map(|arm| &result["detail"][arm]["bad"]);
    let [canary, baseline] = [canary, baseline].map(|bad| bad.as_u64().unwrap());
    // Each version's own errors count, and none of the sixty.
    assert!(canary > 0 && canary <= baseline + 2, "{result}");
    let fine = server.url("/fine");
    let (code, _, stderr) = run(&[&queries[..], &["--probe", &fine]].concat());
    assert_eq!(code, Some(3), "{stderr}");
    assert!(stderr.contains("the probe was not bad"), "{stderr}");
}
