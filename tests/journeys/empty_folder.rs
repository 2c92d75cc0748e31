//! First contact: an empty folder, no configuration, no ledger, no keys, and
//! every binary is of use from flags alone.

use std::fs;
use std::path::Path;

use liftlock::digest::Digest;
use serde_json::Value;
use testkit::cli::{self, Run};
use testkit::samples::Release;
use testkit::schema::Schema;

/// Runs a binary with a line of flags; its exit code and its result.
fn run(folder: &Path, verb: &str, line: &str) -> (i32, Value) {
    let output = Run::new(cli::bin(verb))
        .args(line.split_whitespace())
        .args(["--format", "json"])
        .env("COSIGN_PASSWORD", "")
        .folder(folder)
        .output()
        .unwrap();
    let result = output.json().unwrap();
    let faults = Schema::published("result").unwrap().faults(&result);
    assert_eq!(faults.unwrap(), Vec::<String>::new(), "{verb} {line}");
    (output.code, result)
}

fn assert_useful(folder: &Path, verb: &str, line: &str, code: i32, recorded: bool) -> Value {
    let (found, result) = run(folder, verb, line);
    assert_eq!(found, code, "{verb} {line}: {result:#}");
    assert_eq!(result["recorded"], recorded, "{verb} {line}");
    assert_eq!(result["policy"], "none", "{verb} {line}");
    result
}

fn put(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) {
    fs::write(folder.join(name), bytes).unwrap();
}

fn release(folder: &Path, version: &str) {
    let release = Release::new("shop", version).artifact("api", image(version).as_bytes());
    put(folder, &format!("release-{version}.json"), release.bytes());
}

/// The manifest of an image without layers.
fn image(version: &str) -> String {
    serde_json::json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": { "mediaType": "application/vnd.oci.empty.v1+json",
                    "digest": Digest::of(b"{}"), "size": 2 },
        "layers": [], "annotations": { "version": version },
    })
    .to_string()
}

/// The image is pushed there.
fn push(folder: &Path, version: &str) {
    let image = image(version);
    let digest = Digest::of(image.as_bytes());
    put(
        folder,
        &format!("images/blobs/sha256/{}", digest.hex()),
        &image,
    );
    let index = serde_json::json!({ "schemaVersion": 2, "manifests": [{
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": digest, "size": image.len(),
    }] });
    put(folder, "images/index.json", index.to_string());
}

/// An image layout folder without an image, as a registry before the first push.
fn layout(folder: &Path) {
    fs::create_dir_all(folder.join("images/blobs/sha256")).unwrap();
    put(
        folder,
        "images/oci-layout",
        r#"{"imageLayoutVersion":"1.0.0"}"#,
    );
    put(
        folder,
        "images/index.json",
        r#"{"schemaVersion":2,"manifests":[]}"#,
    );
}

#[test]
fn sign_artifact_makes_keys_signs_and_verifies() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    put(at, "api", "the api");
    let keys = "generate-key-pair --empty-password";
    assert_useful(at, "sign-artifact", keys, 0, false);
    assert_useful(at, "sign-artifact", "sign --key cosign.key api", 0, false);
    let proved = assert_useful(at, "sign-artifact", "verify --key cosign.pub api", 0, false);
    assert_eq!(proved["verdict"], "pass");
    put(at, "api", "another api");
    let refused = assert_useful(
        at,
        "sign-artifact",
        "verify --key cosign.pub api",
        10,
        false,
    );
    assert_eq!(refused["verdict"], "fail");
}

#[test]
fn canary_check_judges_recorded_counts() {
    let folder = tempfile::tempdir().unwrap();
    let rows = (10..60).map(|minute| format!("2026-11-23T12:{minute}:00Z,600,12,600,60\n"));
    let head = "time,baseline_total,baseline_bad,canary_total,canary_bad\n";
    put(
        folder.path(),
        "counts.csv",
        head.to_owned() + &rows.collect::<String>(),
    );
    let line = "judge --counts counts.csv";
    let judged = assert_useful(folder.path(), "canary-check", line, 10, false);
    assert_eq!(judged["verdict"], "fail");
}

#[test]
fn await_approval_asks_a_person_known_by_a_key() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    release(at, "1");
    let keys = "generate-key-pair --empty-password --output-key-prefix alice";
    assert_useful(at, "sign-artifact", keys, 0, false);
    let ask = "request --release release-1.json --environment production --quorum 1 \
               --people-key alice=alice.pub --output request.json";
    let asked = assert_useful(at, "await-approval", ask, 13, false);
    assert_eq!(asked["verdict"], "pending");
    let answer = "answer --request request.json --person alice --key alice.key --yes \
                  --output answer.json";
    assert_useful(at, "await-approval", answer, 0, false);
}

#[test]
fn audit_log_begins_a_ledger_and_verifies_it() {
    let folder = tempfile::tempdir().unwrap();
    let append = "append --kind note --note hello --service shop --ledger file:ledger";
    let appended = assert_useful(folder.path(), "audit-log", append, 0, true);
    assert_eq!(appended["detail"]["position"]["seq"], 1);
    let (code, verified) = run(folder.path(), "audit-log", "verify --ledger file:ledger");
    assert_eq!((code, &verified["detail"]["holds"]), (0, &true.into()));
}

#[test]
fn promote_shows_a_plan() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    release(at, "1");
    layout(at);
    let line = "plan --release release-1.json --environment production \
                --target api=oci-layout:images:production";
    let words = line.split_whitespace();
    let refused = Run::new(cli::bin("promote")).args(words).folder(at);
    let refused = refused.output().unwrap();
    assert_eq!(refused.code, 10, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("push the image"),
        "{}",
        refused.stderr
    );
    push(at, "1");
    let planned = assert_useful(at, "promote", line, 0, false);
    let plan = &planned["detail"]["plan"];
    let faults = Schema::published("plan").unwrap().faults(plan).unwrap();
    assert_eq!(faults, Vec::<String>::new(), "{plan:#}");
    assert_eq!(plan["release"]["id"], "shop-1");
    assert!(!at.join(".liftlock").exists(), "a plan writes nothing");
}

#[test]
fn rollback_shows_a_plan() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    release(at, "1");
    release(at, "2");
    layout(at);
    let line = "plan --good release-2.json --good release-1.json --to shop-1 \
                --environment production --target api=oci-layout:images:production";
    let planned = assert_useful(at, "rollback", line, 0, false);
    assert_eq!(planned["detail"]["plan"]["release"]["id"], "shop-1");
    assert!(!at.join(".liftlock").exists(), "a plan writes nothing");
}
