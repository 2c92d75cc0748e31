//! Where a fault is, and objectives as metrics, counted by a real Prometheus.
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

const ROUTES: [&str; 3] = ["/", "/buy", "/search"];

/// A version that serves 200 requests of each route between two scrapes, of
/// which so many of a hundred fail on `/buy`, and one on the others.
fn app(buy: u64) -> Server {
    let mut scrapes = 0;
    Server::start(move |_| {
        scrapes += 1;
        let all = 200 * scrapes;
        let mut text = String::new();
        for route in ROUTES {
            let part = if route == "/buy" { buy } else { 1 };
            let bad = all * part / 100;
            for (code, count) in [("200", all - bad), ("500", bad)] {
                let labels = format!("route=\"{route}\",code=\"{code}\"");
                writeln!(text, "requests_total{{{labels}}} {count}").unwrap();
            }
            for (le, part) in [("0.5", 99 - part), ("+Inf", 100)] {
                let labels = format!("route=\"{route}\",le=\"{le}\"");
                writeln!(text, "seconds_bucket{{{labels}}} {}", all * part / 100).unwrap();
            }
            writeln!(text, "seconds_count{{route=\"{route}\"}} {all}").unwrap();
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

fn started(buy: u64) -> Option<(Prometheus, [Server; 2])> {
    let apps = [app(1), app(buy)];
    let scrapes = [scrape(&apps[0], "v1"), scrape(&apps[1], "v2")];
    let prometheus = Prometheus::start(&scrapes).unwrap()?;
    let query = "min(count_over_time(requests_total[1h])) >= 10";
    let seen = || prometheus.value(query).unwrap();
    wait::until("some scrapes of both", Duration::from_secs(60), seen).unwrap();
    Some((prometheus, apps))
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
        .args(["--interval", "2s"])
        .output()
        .unwrap();
    let json = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output, json)
}

/// The values that are told as where the fault is.
fn named(result: &Value) -> Vec<(String, String)> {
    let places = result["detail"]["places"].as_array().unwrap();
    let named = places
        .iter()
        .filter(|one| one["standing"] == "worse" || one["standing"] == "suspect");
    let text = |one: &Value| one.as_str().unwrap_or_default().to_owned();
    named
        .map(|one| (text(&one["metric"]), text(&one["value"])))
        .collect()
}

#[test]
fn a_fail_names_the_route_that_is_broken_and_no_other() {
    let Some((prometheus, _apps)) = started(20) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let metrics = "metrics: [{ name: calls, total: 'requests_total{version=\"{slot}\"}', \
                   good: 'requests_total{version=\"{slot}\",code=\"200\"}', by: [route] }]";
    fs::write(folder.path().join("metrics.yaml"), metrics).unwrap();
    let run = [
        "once",
        "--since",
        "5m",
        "--by",
        "route",
        "--metrics",
        "metrics.yaml",
        "--resume",
        "state",
        "--record",
        "watch",
        "--html",
        "page.html",
    ];
    let (output, result) = check(&prometheus, folder.path(), &run);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(10), "{stderr}");
    let buy = |metric: &str| (metric.to_owned(), "/buy".to_owned());
    assert_eq!(named(&result), [buy("requests"), buy("calls")]);
    // Three routes and all others, for either metric; counts are apart of it.
    let places = result["detail"]["places"].as_array().unwrap();
    assert_eq!(places.len(), 2 * (ROUTES.len() + 1));
    assert_eq!(result["detail"]["counts"].as_array().unwrap().len(), 2);
    let whole = &result["detail"]["counts"][0]["canary"]["total"];
    let parts = places
        .iter()
        .take(4)
        .map(|one| one["canary"]["total"].as_u64().unwrap());
    assert_eq!(parts.sum::<u64>(), whole.as_u64().unwrap());
    let page = fs::read_to_string(folder.path().join("page.html")).unwrap();
    assert!(page.contains("Where: requests by route"), "{page}");

    let again = Command::new(env!("CARGO_BIN_EXE_canary-check"))
        .env_clear()
        .current_dir(folder.path())
        .args(["replay", "watch", "--format", "json"])
        .output()
        .unwrap();
    let again: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(again["detail"]["places"], result["detail"]["places"]);
    let state = fs::metadata(folder.path().join("state")).unwrap();
    assert!(state.len() < 100_000, "{}", state.len());
    let (output, later) = check(&prometheus, folder.path(), &run[..9]);
    assert_eq!(output.status.code(), Some(10));
    assert_eq!(named(&later).len(), 2, "what was found is not forgotten");
}

#[test]
fn a_healthy_canary_is_named_nowhere() {
    let Some((prometheus, _apps)) = started(1) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let once = ["once", "--since", "5m", "--by", "route,absent"];
    let (output, result) = check(&prometheus, folder.path(), &once);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_ne!(output.status.code(), Some(10), "{stderr}");
    assert_eq!(named(&result), []);
    let places = result["detail"]["places"].as_array().unwrap();
    // A label that no series has is one value, the empty one.
    assert_eq!(places.len(), 3 + 1 + 1 + 1, "{places:?}");
    for (by, expected) in [("le", "no label"), ("a,a", "no label"), ("a-b", "no label")] {
        let (output, _) = check(&prometheus, folder.path(), &["once", "--by", by]);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "{by} {stderr}");
        assert!(stderr.contains(expected), "{by} {stderr}");
    }
}

const OPENSLO: &str = r#"
apiVersion: openslo/v1
kind: SLO
metadata: { name: Purchases }
spec:
  service: shop
  indicator:
    metadata: { name: purchases }
    spec:
      ratioMetric:
        counter: true
        good: { metricSource: { type: Prometheus, spec: { query: 'sum(rate(requests_total{route="/buy",code="200"}[5m]))' } } }
        total: { metricSource: { type: Prometheus, spec: { query: 'sum(rate(requests_total{route="/buy"}[5m]))' } } }
  timeWindow: [{ duration: 28d, isRolling: true }]
  budgetingMethod: Occurrences
  objectives: [{ target: 0.95 }]
"#;

const SLOTH: &str = r#"
version: prometheus/v1
service: shop
slos:
  - name: quick-purchases
    objective: 95
    sli:
      events:
        error_query: |
          (
            sum(rate(seconds_count{route="/buy"}[{{.window}}]))
            -
            sum(rate(seconds_bucket{route="/buy",le="0.5"}[{{.window}}]))
          )
        total_query: sum(rate(seconds_count{route="/buy"}[{{.window}}]))
    alerting: { page_alert: { disable: true }, ticket_alert: { disable: true } }
"#;

#[test]
fn objectives_are_judged_beside_a_baseline_or_against_their_own_target() {
    let Some((prometheus, _apps)) = started(20) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("slo.yaml"), OPENSLO).unwrap();
    fs::write(at("sloth.yaml"), SLOTH).unwrap();
    let import = Command::new(env!("CARGO_BIN_EXE_canary-check"))
        .env_clear()
        .current_dir(folder.path())
        .args(["import", "sloth.yaml", "--output", "imported.yaml"])
        .output()
        .unwrap();
    assert_eq!(import.status.code(), Some(0), "{import:?}");
    let label = ["--slot-label", "version"];
    for (file, name) in [
        ("slo.yaml", "purchases"),
        ("sloth.yaml", "quick-purchases"),
        ("imported.yaml", "quick-purchases"),
    ] {
        let once = [&["once", "--since", "5m", "--metrics", file], &label[..]].concat();
        let (output, result) = check(&prometheus, folder.path(), &once);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(10), "{file} {stderr}");
        let count = &result["detail"]["counts"][1];
        assert_eq!(count["metric"], name, "{file}");
        assert_eq!(count["standing"], "worse", "{file}");
        // A fifth of the canary's purchases failed, or were slow beside one.
        let share = |arm: &str| {
            let count = |key: &str| count[arm][key].as_f64().unwrap();
            count("bad") / count("total")
        };
        assert!((share("canary") - 0.205).abs() < 0.03, "{file} {count}");
        assert!(share("baseline") < 0.03, "{file} {count}");
        // A first release, against 95 %: the first count keeps its own promise.
        let alone = [&once[..], &["--slo", "50%"]].concat();
        let (output, result) = check(&prometheus, folder.path(), &alone);
        assert_eq!(output.status.code(), Some(10), "{file}");
        assert_eq!(result["detail"]["metric"], name, "{file}");
        assert_eq!(result["detail"]["reason"], "objective_missed", "{file}");
    }
    let (output, _) = check(
        &prometheus,
        folder.path(),
        &["once", "--metrics", "slo.yaml"],
    );
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(
        stderr.contains("objective `Purchases` does not say where the slot is"),
        "{stderr}"
    );
}
