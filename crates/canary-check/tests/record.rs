//! A watch that is written down, gone on with, and judged again.
#![cfg(test)]

#[expect(dead_code, reason = "the other file of tests needs all answers")]
mod fake;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use fake::{Answer, start};
use liftlock::digest::Digest;
use liftlock_io::key::{self, Private};
use serde_json::{Value, json};
use testkit::http::Server;

const FLAGS: [&str; 10] = [
    "--total",
    r#"requests_total{version="{slot}"}"#,
    "--bad",
    r#"requests_total{version="{slot}",code="500"}"#,
    "--baseline-slot",
    "v1",
    "--canary-slot",
    "v2",
    "--since",
    "10m",
];

fn check(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_canary-check"))
        .env_clear()
        .env("COSIGN_PASSWORD", "secret")
        .current_dir(folder)
        .args(arguments)
        .args(["--format", "json"])
        .output()
        .unwrap()
}

fn look(folder: &Path, server: &Server, more: &[&str]) -> Output {
    let url = server.url("/");
    let arguments = [&["once", "--prometheus", &url], &FLAGS[..], more].concat();
    check(folder, &arguments)
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn detail(output: &Output) -> Value {
    let json: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    json["detail"].clone()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What a verdict says, without what it was made from.
fn judged(output: &Output) -> String {
    let mut detail = detail(output);
    for field in ["evidence", "asked", "notes", "attestation", "rules"] {
        detail.as_object_mut().unwrap().remove(field);
    }
    detail.to_string()
}

fn counters(canary_bad: u64) -> Answer {
    Answer::Counters {
        baseline: (400, 10),
        canary: (400, canary_bad),
    }
}

#[test]
fn a_replayed_verdict_is_the_same_to_the_byte_and_a_changed_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (answer, expected) in [
        (counters(40), 10),
        (counters(10), 0),
        (Answer::Warned, 12),
        (Answer::Empty, 12),
    ] {
        let server = start(answer);
        let live = look(folder.path(), &server, &["--record", "watch.jsonl"]);
        assert_eq!(code(&live), expected, "{answer:?} {}", stderr(&live));
        let again = check(folder.path(), &["replay", "watch.jsonl"]);
        assert_eq!(code(&again), expected, "{answer:?} {}", stderr(&again));
        assert_eq!(judged(&live), judged(&again), "{answer:?}");
        let bytes = fs::read(folder.path().join("watch.jsonl")).unwrap();
        let digest = Digest::of(&bytes).to_string();
        assert_eq!(detail(&live)["evidence"][0], digest.as_str());
        let asked = detail(&live)["asked"].as_array().unwrap().len();
        assert_eq!(asked, 1, "{answer:?}");
    }
    let server = start(counters(40));
    look(folder.path(), &server, &["--record", "watch.jsonl"]);
    let path = folder.path().join("watch.jsonl");
    let record = fs::read_to_string(&path).unwrap();
    let lenient = record.replacen("\"verdict\":\"fail\"", "\"verdict\":\"pass\"", 1);
    assert_ne!(lenient, record);
    fs::write(&path, lenient).unwrap();
    let refused = check(folder.path(), &["replay", "watch.jsonl"]);
    assert_eq!(code(&refused), 10);
    assert!(stderr(&refused).contains("claims `pass`, and its looks give `fail`"));
    let healthy = record.replacen("[400,10,400,40]", "[400,10,400,10]", 40);
    assert_ne!(healthy, record);
    fs::write(&path, healthy).unwrap();
    assert_eq!(code(&check(folder.path(), &["replay", "watch.jsonl"])), 10);
    fs::write(&path, "{}\n").unwrap();
    assert_eq!(code(&check(folder.path(), &["replay", "watch.jsonl"])), 3);
}

fn release(folder: &Path, id: &str) {
    let artifact = Digest::of(b"api").to_string();
    let release = json!({
        "schema_version": 1, "id": id, "service": "shop", "version": "1", "owner": "team",
        "artifacts": { "api": { "digest": artifact, "name": "api", "kind": "file" } },
        "created_at": "2026-11-23T11:00:00Z",
    });
    fs::write(folder.join("release.json"), release.to_string()).unwrap();
}

fn key_pair(folder: &Path, name: &str) {
    let prefix = folder.join(name).display().to_string();
    key::write_pair(&Private::generate().unwrap(), &prefix, "secret").unwrap();
}

#[test]
fn a_state_is_gone_on_with_only_when_this_key_signed_it_about_this_canary() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    release(path, "shop-1");
    key_pair(path, "gate");
    key_pair(path, "other");
    let server = start(counters(11));
    let about = ["--environment", "production", "--release", "release.json"];
    let kept = ["--resume", "state", "--bundle", "canary.json"];
    let signed = |key: &str| {
        let key = ["--key", key];
        let more = [&about[..], &kept, &key, &["--pass-margin", "1.05"]].concat();
        look(path, &server, &more)
    };
    let first = signed("gate.key");
    assert_eq!(code(&first), 11, "{}", stderr(&first));
    let state = fs::read(path.join("state")).unwrap();
    let second = signed("gate.key");
    assert_eq!(code(&second), 11, "{}", stderr(&second));
    let rows = |output: &Output| detail(output)["rows"].as_u64().unwrap();
    assert!(rows(&second) <= rows(&first) + 1);

    let foreign = signed("other.key");
    assert_eq!(code(&foreign), 10, "{}", stderr(&foreign));
    let unsigned = look(
        path,
        &server,
        &["--resume", "state", "--pass-margin", "1.05"],
    );
    assert_eq!(code(&unsigned), 3);
    assert!(stderr(&unsigned).contains("there is no `--key` to check it by"));

    // Less risk spent than was.
    let text = String::from_utf8(state.clone()).unwrap();
    let (line, bundle) = text.split_once('\n').unwrap();
    let mut saved: Value = serde_json::from_str(line).unwrap();
    let spent = "/panel/strands/0/state/planned/spent";
    *saved.pointer_mut(spent).unwrap() = json!(0.0);
    fs::write(path.join("state"), format!("{saved}\n{bundle}")).unwrap();
    let changed = signed("gate.key");
    assert_eq!(code(&changed), 10);
    assert!(stderr(&changed).contains("is not proved"));
    fs::write(path.join("state"), format!("{line}\n")).unwrap();
    let bare = signed("gate.key");
    assert_eq!(code(&bare), 3);
    assert!(stderr(&bare).contains("is not signed"));

    fs::write(path.join("state"), &state).unwrap();
    release(path, "shop-2");
    let other = signed("gate.key");
    assert_eq!(code(&other), 3);
    assert!(
        stderr(&other).contains("another canary"),
        "{}",
        stderr(&other)
    );
}

#[test]
fn a_dry_run_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(counters(10));
    let more = ["--record", "watch", "--resume", "state", "--dry-run"];
    assert_eq!(code(&look(folder.path(), &server, &more)), 0);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn events_may_be_more_than_what_they_are_counted_beside() {
    let folder = tempfile::tempdir().unwrap();
    let write = |canary: u64| {
        let rows = (0..30).map(|minute| {
            format!(
                "2026-11-23T12:{minute:02}:00Z,60,90,60,{}",
                canary + minute % 3
            )
        });
        let head = "time,baseline_total,baseline_bad,canary_total,canary_bad".to_owned();
        let lines: Vec<String> = std::iter::once(head).chain(rows).collect();
        fs::write(folder.path().join("counts.csv"), lines.join("\n")).unwrap();
    };
    let judge = |more: &[&str]| {
        check(
            folder.path(),
            &[&["judge", "--counts", "counts.csv"], more].concat(),
        )
    };
    write(180);
    assert_eq!(code(&judge(&[])), 3, "requests cannot fail twice");
    let failed = judge(&["--rate"]);
    assert_eq!(code(&failed), 10, "{}", stderr(&failed));
    let ratio = detail(&failed)["odds_ratio"].as_f64().unwrap();
    assert!((1.9..2.1).contains(&ratio), "{ratio}");
    write(89);
    assert_eq!(code(&judge(&["--rate"])), 0);
    assert_eq!(code(&judge(&["--rate", "--slo", "99%"])), 2);
}
