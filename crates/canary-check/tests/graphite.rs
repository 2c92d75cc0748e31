//! `canary-check` with a real Graphite on loopback.
#![cfg(test)]

use std::process::Command;

use serde_json::Value;
use testkit::process::{Process, free_address};
use testkit::{http, peers};

fn explain(url: &str, canary: &str, bad: &str) -> (i32, Value, String) {
    let source = format!("graphite:{url}");
    let output = Command::new(env!("CARGO_BIN_EXE_canary-check"))
        .env_clear()
        .args(["explain", "--format", "json", "--source", &source])
        .args(["--total", "shop.{slot}.requests", "--bad", bad])
        .args(["--baseline-slot", "v1", "--canary-slot", canary])
        .args(["--since", "20m"])
        .output()
        .unwrap();
    let json = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code().unwrap(), json, stderr)
}

#[test]
fn graphite_sums_whole_minutes_and_its_holes_are_not_zero() {
    let Some(python) = peers::require("graphite-python") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let address = free_address().unwrap();
    let mut command = Command::new(python);
    command
        .arg(peers::root().join("crates/canary-check/tests/render.py"))
        .arg(folder.path())
        .arg(address.port().to_string());
    let mut process = Process::spawn("graphite", &mut command, folder.path()).unwrap();
    let url = format!("http://{address}");
    let ready = || http::answers(&format!("{url}/render?target=x&format=json"), 200);
    process.ready(ready).unwrap();

    let errors = "shop.{slot}.errors";
    let (code, result, stderr) = explain(&url, "v2", errors);
    assert_eq!(code, 10, "{result} {stderr}");
    let canary = &result["detail"]["judgement"]["canary"];
    let (total, bad) = (
        canary["total"].as_u64().unwrap(),
        canary["bad"].as_u64().unwrap(),
    );
    assert!(
        total > 0 && total % 30 == 0,
        "six times five a minute: {canary}"
    );
    assert_eq!(bad * 5, total, "{canary}");

    let (code, result, _) = explain(&url, "v3", errors);
    assert_eq!(code, 12, "{result}");
    assert_eq!(result["detail"]["judgement"]["reason"], "partial");
    let filled = "transformNull(shop.{slot}.errors,0)";
    let (code, result, stderr) = explain(&url, "v3", filled);
    assert_eq!(code, 10, "{result} {stderr}");
    let (code, result, _) = explain(&url, "v4", errors);
    assert_eq!(code, 12, "{result}");
    assert_eq!(result["detail"]["judgement"]["reason"], "canary_missing");
    let (code, _, stderr) = explain(&url, "v2", "shop.*.errors");
    assert_eq!(code, 3, "{stderr}");
}
