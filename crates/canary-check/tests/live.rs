//! `canary-check` against a real Prometheus on loopback.
#![cfg(test)]

use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use testkit::http::{Answer, Server};
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
    let more = [&BAD[..], &["--since", "5m", "--timeout", "60s"]].concat();
    let (code, result, stderr) = run(&prometheus, "run", &more);
    assert_eq!(code, 10, "{result} {stderr}");
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
    let (code, _, stderr) = run(&prometheus, "run", &wrong);
    assert_eq!(code, 3, "{stderr}");
    assert!(
        stderr.contains("Prometheus refuses the query (bad_data)"),
        "{stderr}"
    );
}
