//! The verdict as a statement that others can check.
#![cfg(test)]

use std::path::Path;
use std::process::{Command, Output};

use liftlock::attestation;
use liftlock::bundle::Bundle;
use liftlock::canary::Predicate;
use liftlock::digest::Digest;
use liftlock::predicate::CANARY;
use liftlock::verdict::Verdict;
use liftlock_io::key::{self, Private};
use liftlock_io::verify::Local;
use serde_json::{Value, json};

const COUNTS: &str = "time,baseline_total,baseline_bad,canary_total,canary_bad\n\
    2026-11-23T12:00:00Z,300,3,300,30\n2026-11-23T12:01:00Z,300,3,300,30\n";

fn prepare(folder: &Path) {
    std::fs::write(folder.join("counts.csv"), COUNTS).unwrap();
    let artifact = Digest::of(b"api");
    let release = json!({
        "schema_version": 1, "id": "shop-1", "service": "shop", "version": "1", "owner": "team",
        "artifacts": { "api": { "digest": artifact.to_string(), "name": "api", "kind": "file" } },
        "created_at": "2026-11-23T11:00:00Z",
    });
    std::fs::write(folder.join("release.json"), release.to_string()).unwrap();
    let private = Private::generate().unwrap();
    let prefix = folder.join("gate").display().to_string();
    key::write_pair(&private, &prefix, "secret").unwrap();
}

fn judge(folder: &Path, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_canary-check"))
        .env_clear()
        .env("COSIGN_PASSWORD", "secret")
        .current_dir(folder)
        .args(["judge", "--counts", "counts.csv", "--format", "json"])
        .args([
            "--release",
            "release.json",
            "--key",
            "gate.key",
            "--environment",
            "production",
        ])
        .args(more)
        .output()
        .unwrap()
}

#[test]
fn a_fail_is_signed_about_the_release_and_each_of_its_artifacts() {
    let folder = tempfile::tempdir().unwrap();
    prepare(folder.path());
    let output = judge(
        folder.path(),
        &["--bundle", "canary.json", "--evidence", "file:evidence"],
    );
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(10), "{stderr}");
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    let bytes = std::fs::read(folder.path().join("canary.json")).unwrap();
    let bundle = Bundle::parse(&bytes).unwrap();
    assert_eq!(result["detail"]["attestation"], bundle.digest().to_string());
    let public = key::public(&folder.path().join("gate.pub").display().to_string()).unwrap();
    let proved = attestation::verify(&bundle, &[public], &Local).unwrap();
    let predicate: Predicate = proved.statement.predicate_as(CANARY).unwrap();
    assert_eq!(predicate.ruling.verdict, Verdict::Fail);
    assert_eq!(predicate.ruling.environment.as_str(), "production");
    assert_eq!(predicate.evidence, [Digest::of(COUNTS.as_bytes())]);
    assert_eq!(predicate.judgement.rows, 1);
    let release = Digest::of(&std::fs::read(folder.path().join("release.json")).unwrap());
    for subject in [release, Digest::of(b"api")] {
        assert!(proved.statement.is_about(&subject));
        let kept = folder.path().join("evidence/sha256").join(subject.hex());
        assert!(kept.is_dir(), "{}", kept.display());
    }
}

#[test]
fn a_page_names_the_release_and_the_signed_verdict() {
    let folder = tempfile::tempdir().unwrap();
    prepare(folder.path());
    let kept = ["--bundle", "canary.json", "--html", "page.html"];
    let output = judge(folder.path(), &kept);
    assert_eq!(output.status.code(), Some(10));
    let page = std::fs::read_to_string(folder.path().join("page.html")).unwrap();
    assert!(page.contains("shop in production"), "{page}");
    for file in ["release.json", "canary.json"] {
        let digest = Digest::of(&std::fs::read(folder.path().join(file)).unwrap());
        assert!(page.contains(&digest.to_string()), "{file}");
    }
}

#[test]
fn with_a_configuration_the_ledger_has_a_record() {
    let folder = tempfile::tempdir().unwrap();
    prepare(folder.path());
    let config = "version: 1\nservice: shop\nenvironments:\n  production: {}\n";
    std::fs::write(folder.path().join("liftlock.yaml"), config).unwrap();
    let output = judge(folder.path(), &[]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(10), "{stderr}");
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(result["recorded"], true);
    assert_eq!(result["policy"], "local");
    assert!(folder.path().join(".liftlock/ledger/entries").is_dir());
}

#[test]
fn a_release_or_key_that_cannot_be_used_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    prepare(folder.path());
    let nowhere = judge(folder.path(), &[]);
    assert_eq!(nowhere.status.code(), Some(2));
    std::fs::write(folder.path().join("release.json"), "{}").unwrap();
    let broken = judge(folder.path(), &["--bundle", "canary.json"]);
    assert_eq!(broken.status.code(), Some(3));
    let stderr = String::from_utf8_lossy(&broken.stderr);
    assert!(
        stderr.contains("cannot understand `release.json`"),
        "{stderr}"
    );
    assert!(broken.stdout.is_empty());
    assert!(!folder.path().join("canary.json").exists());
}
