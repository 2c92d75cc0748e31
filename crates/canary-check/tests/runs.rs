//! What has no traffic is judged by its runs.
#![cfg(test)]

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use liftlock::attestation;
use liftlock::bundle::Bundle;
use liftlock::canary::Predicate;
use liftlock::canary::runs::TEST_RESULT;
use liftlock::digest::Digest;
use liftlock::predicate::CANARY;
use liftlock::statement::{Statement, Subject};
use liftlock::verdict::Verdict;
use liftlock_io::clock;
use liftlock_io::key::{self, Private};
use liftlock_io::verify::Local;
use serde_json::{Value, json};
use testkit::peers;

fn job() -> Digest {
    Digest::of(b"job")
}

/// A log that ends now, of so many runs with one outcome, and then another.
fn log(folder: &Path, runs: u32, last: &str) {
    let mut text = "time,digest,outcome,id\n".to_owned();
    let now = clock::now().unix_millis();
    for number in 0..runs {
        let before = i64::from(runs - number) * 60_000;
        let time = liftlock::time::Time::from_unix_millis(now - before).unwrap();
        let outcome = if number + 1 == runs { last } else { "passed" };
        writeln!(text, "{time},{},{outcome},run-{number}", job()).unwrap();
    }
    let other = Digest::of(b"older");
    writeln!(text, "2026-01-01T00:00:00Z,{other},failed,old").unwrap();
    std::fs::write(folder.join("runs.csv"), text).unwrap();
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_canary-check"))
        .env_clear()
        .env("COSIGN_PASSWORD", "secret")
        .current_dir(folder)
        .args(["runs", "--format", "json"])
        .args(arguments)
        .output()
        .unwrap()
}

fn told(output: &Output) -> (Option<i32>, Value) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    let result = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{stderr}"));
    (output.status.code(), result)
}

#[test]
fn a_failed_run_fails_and_only_enough_good_ones_pass() {
    let folder = tempfile::tempdir().unwrap();
    let digest = job().to_string();
    let ask = |more: &[&str]| {
        let arguments = [&["--runs", "runs.csv", "--digest", &digest], more].concat();
        let (code, result) = told(&run(folder.path(), &arguments));
        let judgement = &result["detail"];
        let go = judgement["requests_to_go"].as_u64();
        (
            code.unwrap(),
            judgement["reason"].as_str().unwrap().to_owned(),
            go,
        )
    };
    let is = |code, reason: &str, go| (code, reason.to_owned(), go);
    log(folder.path(), 59, "failed");
    assert_eq!(ask(&[]), is(10, "runs_failed", None));
    log(folder.path(), 59, "warned");
    assert_eq!(ask(&[]), is(11, "run_unclear", Some(1)));
    log(folder.path(), 58, "passed");
    assert_eq!(ask(&[]), is(11, "runs_too_few", Some(1)));
    assert_eq!(ask(&["--at-most", "10%"]), is(0, "runs_passed", None));
    assert_eq!(ask(&["--successes", "58"]), is(0, "runs_passed", None));
    assert_eq!(
        ask(&["--at-most", "10%", "--successes", "60"]),
        is(11, "runs_too_few", Some(2))
    );
    log(folder.path(), 59, "passed");
    assert_eq!(ask(&[]), is(0, "runs_passed", None));
    assert_eq!(ask(&["--max-staleness", "30s"]), is(12, "stale", None));
    log(folder.path(), 200, "failed");
    assert_eq!(ask(&["--count-failures"]), is(0, "runs_passed", None));
    log(folder.path(), 0, "passed");
    assert_eq!(ask(&[]), is(12, "no_rows", None));
    std::fs::write(
        folder.path().join("runs.csv"),
        "time,digest,outcome,id\nnow,x,ok,1\n",
    )
    .unwrap();
    let broken = run(folder.path(), &["--runs", "runs.csv", "--digest", &digest]);
    assert_eq!(broken.status.code(), Some(3));
    let nothing = run(folder.path(), &["--runs", "runs.csv"]);
    assert_eq!(nothing.status.code(), Some(2));
}

/// A bundle over a test result about something.
fn result(signer: &Private, about: &Digest, (word, number): (&str, u32)) -> Vec<u8> {
    let predicate = json!({
        "result": word, "configuration": [{ "name": "nightly" }],
        "url": format!("https://ci.example/{number}"),
    });
    let statement = Statement::new(vec![Subject::new(about)], TEST_RESULT, &predicate).unwrap();
    attestation::sign(&statement, signer)
        .unwrap()
        .bytes()
        .to_vec()
}

fn prepare(folder: &Path, created_at: &str) -> Private {
    let release = json!({
        "schema_version": 1, "id": "shop-1", "service": "shop", "version": "1", "owner": "team",
        "artifacts": { "job": { "digest": job().to_string(), "name": "job", "kind": "file" } },
        "created_at": created_at,
    });
    std::fs::write(folder.join("release.json"), release.to_string()).unwrap();
    let private = Private::generate().unwrap();
    let prefix = folder.join("gate").display().to_string();
    key::write_pair(&private, &prefix, "secret").unwrap();
    let tester = Private::generate().unwrap();
    let prefix = folder.join("tester").display().to_string();
    key::write_pair(&tester, &prefix, "secret").unwrap();
    tester
}

/// Whose results count, about what, and who signs the verdict.
const ABOUT: [&str; 10] = [
    "--trusted-key",
    "tester.pub",
    "--release",
    "release.json",
    "--environment",
    "staging",
    "--key",
    "gate.key",
    "--bundle",
    "canary.json",
];

#[test]
fn signed_results_about_the_release_are_signed_into_a_verdict_that_promote_takes() {
    let folder = tempfile::tempdir().unwrap();
    let created = clock::now().to_string();
    let tester = prepare(folder.path(), &created);
    let keep =
        |name: &str, bytes: Vec<u8>| std::fs::write(folder.path().join(name), bytes).unwrap();
    let ask = |files: &[&str]| {
        let files: Vec<&str> = files.iter().flat_map(|file| ["--result", file]).collect();
        run(
            folder.path(),
            &[&ABOUT[..], &["--successes", "3"], &files].concat(),
        )
    };
    for number in 0..3 {
        keep(
            &format!("{number}.json"),
            result(&tester, &job(), ("PASSED", number)),
        );
    }
    keep("twice.json", result(&tester, &job(), ("PASSED", 1)));
    keep("warned.json", result(&tester, &job(), ("WARNED", 7)));
    keep("failed.json", result(&tester, &job(), ("FAILED", 8)));
    keep(
        "other.json",
        result(&tester, &Digest::of(b"other"), ("PASSED", 9)),
    );
    let stranger = Private::generate().unwrap();
    keep("strange.json", result(&stranger, &job(), ("PASSED", 10)));
    let code = |files: &[&str]| ask(files).status.code();
    assert_eq!(code(&["0.json", "1.json", "failed.json"]), Some(10));
    assert_eq!(code(&["0.json", "1.json", "twice.json"]), Some(11));
    assert_eq!(code(&["0.json", "1.json", "other.json"]), Some(11));
    assert_eq!(
        code(&["0.json", "1.json", "2.json", "warned.json"]),
        Some(11)
    );
    let strange = ask(&["0.json", "1.json", "strange.json"]);
    assert_eq!(strange.status.code(), Some(10));
    assert!(
        strange.stdout.is_empty(),
        "no verdict, and none that is signed"
    );
    let (code, told) = told(&ask(&["0.json", "1.json", "2.json"]));
    assert_eq!((code, &told["verdict"]), (Some(0), &json!("pass")));
    let bytes = std::fs::read(folder.path().join("canary.json")).unwrap();
    let public = key::public(&folder.path().join("gate.pub").display().to_string()).unwrap();
    let proved = attestation::verify(&Bundle::parse(&bytes).unwrap(), &[public], &Local).unwrap();
    let predicate: Predicate = proved.statement.predicate_as(CANARY).unwrap();
    assert_eq!(predicate.ruling.verdict, Verdict::Pass);
    assert_eq!(predicate.ruling.environment.as_str(), "staging");
    assert_eq!(predicate.evidence.len(), 3);
    assert!(proved.statement.is_about(&job()));
}

#[test]
fn results_that_nobody_saw_signed_are_as_old_as_the_release() {
    let folder = tempfile::tempdir().unwrap();
    let tester = prepare(folder.path(), "2026-01-01T00:00:00Z");
    std::fs::write(
        folder.path().join("0.json"),
        result(&tester, &job(), ("PASSED", 0)),
    )
    .unwrap();
    let arguments = [&ABOUT[..], &["--successes", "1", "--result", "0.json"]].concat();
    assert_eq!(run(folder.path(), &arguments).status.code(), Some(12));
    let patient = [&arguments[..], &["--max-staleness", "360d"]].concat();
    assert_eq!(run(folder.path(), &patient).status.code(), Some(0));
    let untrusted: Vec<&str> = arguments[2..].to_vec();
    assert_eq!(run(folder.path(), &untrusted).status.code(), Some(2));
}

const PROTECTED: &str = "file:policy.yaml";

#[test]
fn a_protected_policy_lets_nobody_ask_for_fewer_runs_or_for_runs_in_the_place_of_traffic() {
    let folder = tempfile::tempdir().unwrap();
    prepare(folder.path(), "2026-01-01T00:00:00Z");
    let digest = job().to_string();
    log(folder.path(), 59, "passed");
    let ask = |policy: &str, environment: &str, more: &[&str]| {
        let metrics = "metrics: { counts: counts.csv }";
        let rules = format!(
            "version: 1\nservice: shop\nenvironments:\n  batch: {{}}\n  long: {{ bake: 2h }}\n  traffic: {{ {metrics} }}\n"
        );
        std::fs::write(folder.path().join("policy.yaml"), &rules).unwrap();
        std::fs::write(folder.path().join("liftlock.yaml"), &rules).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_canary-check"))
            .env_clear()
            .env("LIFTLOCK_POLICY", policy)
            .current_dir(folder.path())
            .args([
                "runs", "--format", "json", "--runs", "runs.csv", "--digest", &digest,
            ])
            .args(["--environment", environment])
            .args(more)
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), stderr)
    };
    for more in [
        ["--at-most", "10%"],
        ["--successes", "58"],
        ["--risk", "10%"],
        ["--max-staleness", "3d"],
        ["--count-failures", "--at-most=5%"],
    ] {
        let (code, stderr) = ask(PROTECTED, "batch", &more);
        assert_eq!(code, Some(3), "{more:?} {stderr}");
        let told = format!("`{}` would loosen the policy", more[0]);
        assert!(stderr.contains(&told), "{stderr}");
    }
    let (code, stderr) = ask(PROTECTED, "batch", &[]);
    assert_eq!(code, Some(3), "nobody signed the log: {stderr}");
    assert!(stderr.contains("`--runs` would loosen"), "{stderr}");
    let (code, stderr) = ask(PROTECTED, "traffic", &[]);
    assert_eq!(code, Some(3), "{stderr}");
    assert!(stderr.contains("by its traffic"), "{stderr}");
    assert_eq!(ask("", "batch", &[]).0, Some(0));
    assert_eq!(ask("", "batch", &["--at-most", "1%"]).0, Some(11));
    // The runs span an hour of the two.
    assert_eq!(ask("", "long", &[]).0, Some(11));
}

#[test]
fn scipy_has_the_same_interval() {
    let Some(python) = peers::require("scipy-python") else {
        return;
    };
    let cases = [
        (1, 0.05),
        (29, 0.05),
        (59, 0.05),
        (299, 0.01),
        (10_000, 0.001),
    ];
    let script = "import sys\nfrom scipy.stats import beta\nfor line in sys.stdin:\n  n, risk = line.split()\n  print(float(beta.ppf(1 - float(risk), 1, int(n))))\n";
    let mut child = Command::new(python)
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines: String = cases
        .iter()
        .map(|(runs, risk)| format!("{runs} {risk}\n"))
        .collect();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), lines.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let theirs = String::from_utf8(output.stdout).unwrap();
    let theirs: Vec<f64> = theirs.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(theirs.len(), cases.len());
    for ((runs, risk), theirs) in cases.into_iter().zip(theirs) {
        let risk = liftlock::canary::Risk::try_from(risk).unwrap();
        let ours = liftlock::canary::runs::ruled_out(runs, risk).unwrap();
        assert!((ours - theirs).abs() < 1e-12, "{runs}: {ours} {theirs}");
    }
}
