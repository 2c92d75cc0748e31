//! `canary-check` reads what OpenTelemetry's own SDK exports.
#![cfg(test)]

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use testkit::{peers, wait};

/// A process that serves until it is dropped.
struct Service(Child);

impl Service {
    fn start(folder: &Path, temporality: &str, bad: u32) -> Option<Self> {
        let python = peers::require("otlp-python")?;
        let child = Command::new(python)
            .arg("tests/otlp.py")
            .arg(folder.join("metrics.json"))
            .args([temporality, &bad.to_string()])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let service = Self(child);
        let path = folder.join("metrics.json");
        let exported = || {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            (text.contains("v1") && text.contains("v2")).then_some(())
        };
        wait::until("exports", Duration::from_secs(60), exported).unwrap();
        Some(service)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn ask(folder: &Path, subcommand: &str, name: &str, more: &[&str]) -> (Option<i32>, Value, String) {
    let source = format!("otlp:{}", folder.join("metrics.json").display());
    let total = format!(r#"{{"{name}","service.version"="{{slot}}"}}"#);
    let status = r#""http.response.status_code"=~"5..""#;
    let bad = format!(r#"{{"{name}","service.version"="{{slot}}",{status}}}"#);
    let output: Output = Command::new(env!("CARGO_BIN_EXE_canary-check"))
        .env_clear()
        .args([
            subcommand, "--source", &source, "--total", &total, "--bad", &bad,
        ])
        .args([
            "--baseline-slot",
            "v1",
            "--canary-slot",
            "v2",
            "--interval",
            "1s",
        ])
        .args(["--format", "json"])
        .args(more)
        .output()
        .unwrap();
    let json = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), json, stderr)
}

#[test]
fn a_bad_version_fails_by_its_counter_and_by_its_histogram_in_both_temporalities() {
    for (temporality, name) in [
        ("cumulative", "shop.requests"),
        ("delta", "shop.requests"),
        ("cumulative", "http.server.request.duration_count"),
        ("delta", "http.server.request.duration_count"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let Some(_service) = Service::start(folder.path(), temporality, 10) else {
            return;
        };
        let (code, result, stderr) = ask(folder.path(), "run", name, &["--timeout", "60s"]);
        assert_eq!(code, Some(10), "{temporality} {name}: {result} {stderr}");
        assert_eq!(result["detail"]["reason"], "worse");
        // What is written within one export lies in it as a whole.
        let canary = &result["detail"]["canary"];
        let [total, bad] = ["total", "bad"].map(|field| canary[field].as_u64().unwrap());
        assert!(
            total > 0 && bad * 5 >= total - 250 && bad * 5 <= total + 250,
            "{canary}"
        );
    }
}

#[test]
fn a_good_version_passes_its_sample_and_can_be_looked_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let Some(_service) = Service::start(folder.path(), "cumulative", 1) else {
        return;
    };
    let name = "shop.requests";
    let sample = ["--bake", "5s", "--min-requests", "500", "--timeout", "60s"];
    let (code, result, stderr) = ask(folder.path(), "run", name, &sample);
    assert_eq!(code, Some(0), "{result} {stderr}");
    let rows = result["detail"]["rows"].as_u64().unwrap();
    let (_, once, stderr) = ask(folder.path(), "once", name, &["--since", "4s"]);
    assert!(
        once["detail"]["rows"].as_u64().unwrap() >= 2,
        "{once} {stderr}"
    );
    assert!(rows >= 5, "{result}");
    let (code, _, stderr) = ask(folder.path(), "doctor", name, &[]);
    assert_eq!(code, Some(0), "{stderr}");
}

#[test]
fn a_file_that_is_not_there_or_no_export_is_blind() {
    let folder = tempfile::tempdir().unwrap();
    let (code, result, _) = ask(folder.path(), "run", "m", &["--timeout", "1s"]);
    assert_eq!(
        (code, &result["detail"]["reason"]),
        (Some(12), &"unreachable".into())
    );
    std::fs::write(
        folder.path().join("metrics.json"),
        "{\"status\":\"success\"}\n",
    )
    .unwrap();
    let (code, result, _) = ask(folder.path(), "run", "m", &["--timeout", "1s"]);
    assert_eq!(
        (code, &result["detail"]["reason"]),
        (Some(12), &"unreadable".into())
    );
}
