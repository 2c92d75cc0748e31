//! The applications of the demo keep what their help texts promise.
#![cfg(test)]

use std::fs;
use std::path::Path;
use std::time::Duration;

use liftlock::canary::counts::{self, Arm};
use liftlock::digest::Digest;
use testkit::cli::Run;
use testkit::demo::{App, Load};
use testkit::servers::{Haproxy, Prometheus, Scrape};
use testkit::{http, wait};

const LIMIT: Duration = Duration::from_secs(30);

fn slot(folder: &Path, version: &str) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("api"), version).unwrap();
    fs::write(folder.join("version"), version).unwrap();
}

fn digest(app: &App) -> String {
    let body = http::get(&app.url("/version")).unwrap().body;
    let value: serde_json::Value = serde_json::from_slice(&body).unwrap();
    value["digests"]["api"].as_str().unwrap().to_owned()
}

#[test]
fn an_application_serves_what_was_in_its_slot_when_it_was_loaded() {
    let folder = tempfile::tempdir().unwrap();
    slot(folder.path(), "v1");
    let app = App::start(folder.path()).unwrap();
    slot(folder.path(), "v2");
    assert_eq!(digest(&app), Digest::of(b"v1").to_string());
    app.reload().unwrap();
    assert_eq!(digest(&app), Digest::of(b"v2").to_string());
}

#[test]
fn an_application_goes_wrong_as_it_is_told() {
    let folder = tempfile::tempdir().unwrap();
    slot(folder.path(), "v1");
    let app = App::start(folder.path()).unwrap();
    let answer = http::get(&app.url("/")).unwrap();
    assert_eq!(
        (answer.status, answer.header("x-version")),
        (200, Some("v1"))
    );
    app.slot().set_error_rate("100%").unwrap();
    assert_eq!(http::get(&app.url("/")).unwrap().status, 500);
    let metrics = http::get(&app.url("/metrics")).unwrap().text();
    assert!(
        metrics.contains("http_requests_total{version=\"v1\",code=\"200\"} 1\n"),
        "{metrics}"
    );
    assert!(
        metrics.contains("http_requests_total{version=\"v1\",code=\"500\"} 1\n"),
        "{metrics}"
    );
}

#[test]
fn an_application_ends_when_asked_to() {
    let folder = tempfile::tempdir().unwrap();
    slot(folder.path(), "v1");
    let mut app = App::start(folder.path()).unwrap();
    app.process().signal("TERM").unwrap();
    app.process().wait(LIMIT).unwrap();
    assert!(http::get(&app.url("/")).is_err());
}

#[test]
fn load_that_nobody_answers_is_counted_as_failed() {
    let dead = testkit::process::free_address().unwrap();
    let args = ["--for", "100ms", "--connections", "2", "--url"];
    let run = Run::new(env!("CARGO_BIN_EXE_demo-load")).args(args);
    let output = run.args([format!("http://{dead}/")]).output().unwrap();
    let counts = output.json().unwrap();
    assert_eq!((output.code, &counts["requests"]), (0, &0.into()));
    assert!(counts["failed"].as_u64().unwrap() > 0);
}

#[test]
fn users_of_real_parts_are_split_counted_and_seen() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (folder.path().join("v1"), folder.path().join("v2"));
    slot(&old, "v1");
    slot(&new, "v2");
    let (v1, v2) = (App::start(&old).unwrap(), App::start(&new).unwrap());
    v2.slot().set_error_rate("50%").unwrap();
    let Some(proxy) = Haproxy::start((v1.address(), 75), (v2.address(), 25)).unwrap() else {
        return;
    };
    let scrapes = [
        Scrape::labelled(v1.address(), "track", "stable"),
        Scrape::labelled(v2.address(), "track", "canary"),
    ];
    let Some(prometheus) = Prometheus::start(&scrapes).unwrap() else {
        return;
    };
    let load = Load::start(&proxy.url(), 300).unwrap();
    wait::until("100 failures in Prometheus", LIMIT, || {
        let query = r#"sum(http_requests_total{track="canary",code="500"})"#;
        let value = prometheus.value(query).unwrap();
        value.is_some_and(|count| count >= 100.0).then_some(())
    })
    .unwrap();
    let counts = load.finish().unwrap();
    assert_eq!(counts.failed, 0);
    let (stable, canary) = (counts.of("v1"), counts.of("v2"));
    // Round robin is exact but for the edges of the run.
    assert!(stable.abs_diff(canary * 3) < 30, "{counts:?}");
    assert!(counts.versions["v2"][&500] >= 100);
    assert!(!counts.versions["v1"].contains_key(&500));
}

fn traffic(folder: &Path, seed: &str) -> Vec<counts::Row> {
    let args = [
        "--weights",
        "weights.json",
        "--roles",
        "roles.json",
        "--slots",
        "slots",
        "--counts",
        "counts.csv",
        "--for",
        "1m",
        "--from",
        "2026-01-05T08:00:00Z",
        "--interval",
        "1s",
        "--seed",
        seed,
    ];
    let run = Run::new(env!("CARGO_BIN_EXE_demo-traffic")).args(args);
    let output = run.folder(folder).output().unwrap();
    assert_eq!((output.code, output.stderr.as_str()), (0, ""));
    counts::parse(&fs::read(folder.join("counts.csv")).unwrap()).unwrap()
}

fn stage(weights: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    slot(&at.join("slots/green"), "v2");
    fs::write(at.join("slots/green/error-rate"), "10%").unwrap();
    fs::write(
        at.join("roles.json"),
        r#"{"stable":"blue","canary":"green"}"#,
    )
    .unwrap();
    fs::write(at.join("weights.json"), weights).unwrap();
    folder
}

#[test]
fn invented_users_follow_weights_and_error_rates() {
    let folder = stage(r#"{"weights":{"blue":9000,"green":1000}}"#);
    let rows = traffic(folder.path(), "7");
    assert_eq!(rows.len(), 60);
    let sum = |arm: fn(&counts::Row) -> Arm| rows.iter().map(arm).fold(Arm::default(), Arm::plus);
    let (baseline, canary) = (sum(|row| row.baseline), sum(|row| row.canary));
    // About 24,000 requests: a tenth to the canary, a tenth of those bad.
    assert!((1_800..3_000).contains(&canary.total), "{canary:?}");
    assert!((150..350).contains(&canary.bad), "{canary:?}");
    assert!((18_000..26_000).contains(&baseline.total), "{baseline:?}");
    assert!((10..110).contains(&baseline.bad), "{baseline:?}");
}

#[test]
fn invented_users_are_the_same_for_the_same_seed() {
    let rows = |seed| {
        traffic(
            stage(r#"{"weights":{"blue":5000,"green":5000}}"#).path(),
            seed,
        )
    };
    assert_eq!(rows("7"), rows("7"));
    assert_ne!(rows("7"), rows("8"));
}

#[test]
fn invented_users_end_when_the_file_appears() {
    let folder = stage(r#"{"weights":{"blue":10000,"green":0}}"#);
    let args = [
        "--weights",
        "weights.json",
        "--roles",
        "roles.json",
        "--slots",
        "slots",
        "--counts",
        "counts.csv",
        "--interval",
        "1ms",
        "--stop",
        "stop",
    ];
    let run = Run::new(env!("CARGO_BIN_EXE_demo-traffic")).args(args);
    let at = folder.path().to_owned();
    let running = std::thread::spawn(move || run.folder(at).output().unwrap());
    let counts = folder.path().join("counts.csv");
    wait::until("five rows", LIMIT, || {
        let rows = counts::parse(&fs::read(&counts).ok()?).ok()?;
        (rows.len() >= 5).then_some(())
    })
    .unwrap();
    fs::write(folder.path().join("stop"), "").unwrap();
    let output = running.join().unwrap();
    assert_eq!(
        (output.code, &output.json().unwrap()["canary"]["total"]),
        (0, &0.into())
    );
}

fn deploy(folder: &Path, digest: Digest) -> testkit::cli::Output {
    let input = serde_json::json!({ "artifacts": { "api": { "digest": digest } } });
    let args = ["--from", "dist", "--slots", "slots", "--slot", "blue"];
    let run = Run::new(env!("CARGO_BIN_EXE_demo-deploy")).args(args);
    run.stdin(input.to_string())
        .folder(folder)
        .output()
        .unwrap()
}

#[test]
fn a_deployer_takes_files_by_digest_and_replaces_the_whole_slot() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    slot(&at.join("dist/1"), "v1");
    slot(&at.join("dist/2"), "v2");
    fs::write(at.join("dist/2/error-rate"), "8%").unwrap();
    let blue = testkit::demo::Slot::new(at.join("slots/blue"));

    assert_eq!(deploy(at, Digest::of(b"v2")).code, 0);
    assert_eq!(
        (blue.version().as_str(), blue.error_rate()),
        ("v2", "8%".parse().ok())
    );
    assert_eq!(deploy(at, Digest::of(b"v1")).code, 0);
    assert_eq!((blue.version().as_str(), blue.error_rate()), ("v1", None));
    let unknown = deploy(at, Digest::of(b"v3"));
    assert_eq!(unknown.code, 1);
    assert!(
        unknown.stderr.contains("no file of `dist` is sha256:"),
        "{}",
        unknown.stderr
    );
    assert_eq!(blue.artifacts().unwrap().len(), 1);
}
