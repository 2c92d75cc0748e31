//! One cause, one exit code, in every program: what may not be read or written
//! is 4, a policy that is not there is 3, and the line says which and why.
#![cfg(test)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use testkit::cli::{self, Output, Run};
use testkit::git;
use testkit::samples::{Key, Release};

/// Files without any right, by name.
const DENIED: [&str; 6] = [
    "denied.key",
    "denied.pub",
    "denied.json",
    "denied.csv",
    "denied.yaml",
    "denied.jsonl",
];

const CONFIG: &str = "\
version: 1
service: shop
artifacts: { api: file }
state: file:STATE
ledger: file:LEDGER
evidence: file:EVIDENCE
environments:
  production:
    requires: [signature]
    place: { command: ['true'] }
    prove: { files: 'slots/{slot}' }
    traffic: { weights-file: { path: weights.json, slots: { stable: blue, canary: green } } }
    metrics: { counts: counts.csv }
    slo: { availability: 99% }
";

/// A folder with what every program needs, and things it has no right to.
fn stage() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
    let key = Key::named("builder");
    put("builder.key", key.private_pem().as_bytes());
    put("builder.pub", key.public_pem().as_bytes());
    put("api", b"api");
    let release = Release::new("shop", "1").artifact("api", b"api");
    put("release.json", &release.bytes());
    put(
        "counts.csv",
        b"time,baseline_total,baseline_bad,canary_total,canary_bad\n2026-11-23T12:00:00Z,600,12,600,12\n",
    );
    for store in ["STATE", "LEDGER", "EVIDENCE"] {
        let config = CONFIG.replace(store, "denied");
        put(&format!("{}.yaml", store.to_lowercase()), config.as_bytes());
    }
    put("liftlock.yaml", CONFIG.as_bytes());
    for name in DENIED {
        put(name, b"-");
    }
    for (name, mode) in [("denied", 0o000), ("readonly", 0o555)] {
        fs::create_dir(folder.path().join(name)).unwrap();
        let mode = fs::Permissions::from_mode(mode);
        fs::set_permissions(folder.path().join(name), mode).unwrap();
    }
    for name in DENIED {
        let none = fs::Permissions::from_mode(0o000);
        fs::set_permissions(folder.path().join(name), none).unwrap();
    }
    folder
}

/// A program whose rights are those that the modes give; the system's own
/// account would have all others, too.
fn bound(verb: &str) -> Run {
    if !rustix::process::geteuid().is_root() {
        return Run::new(cli::bin(verb));
    }
    Run::new("setpriv")
        .args(["--bounding-set=-dac_override,-dac_read_search", "--"])
        .args([cli::bin(verb)])
}

fn run(folder: &Path, verb: &str, line: &str, variables: &[(&str, &str)]) -> Output {
    let run = bound(verb).args(line.split_whitespace()).folder(folder);
    let run = variables
        .iter()
        .fold(run, |run, (name, value)| run.env(name, value));
    run.output().unwrap()
}

/// What is wrong with an ending, if anything.
fn wrong(output: &Output, code: i32, words: &[&str]) -> Option<String> {
    // A sweep tells of each environment before.
    let mut lines = output.stderr.lines();
    let told = lines.any(|line| line.starts_with("error: "))
        && words.iter().all(|word| output.stderr.contains(word));
    let right = output.code == code && told;
    (!right).then(|| format!("{} {}{}", output.code, output.stdout, output.stderr))
}

#[test]
fn what_may_not_be_read_or_written_is_4_in_every_program() {
    let digest = format!("sha256:{}", "0".repeat(64));
    let evidence = format!("evidence {digest} --evidence file:denied --ledger file:ledger");
    let runs = format!("runs --runs denied.csv --digest {digest}");
    #[rustfmt::skip]
    let cases: &[(&str, &str, &str)] = &[
        ("sign-artifact", "sign --key denied.key api", "denied.key"),
        ("sign-artifact", "sign --key builder.key denied.json", "denied.json"),
        ("sign-artifact", "sign --key builder.key oci-layout:denied:1", "denied"),
        ("sign-artifact", "verify --key denied.pub api", "denied.pub"),
        ("sign-artifact", "verify --key builder.pub --bundle denied.json api", "denied.json"),
        ("sign-artifact", "verify --key builder.pub denied", "denied"),
        ("sign-artifact", "generate-key-pair --empty-password --output-key-prefix readonly/cosign", "readonly/cosign.key"),
        ("canary-check", "judge --counts denied.csv", "denied.csv"),
        ("canary-check", "judge --counts-dir denied", "denied"),
        ("canary-check", "judge --counts counts.csv --html readonly/page.html", "readonly/page.html"),
        ("canary-check", "replay denied.jsonl", "denied.jsonl"),
        ("canary-check", "lint denied.yaml", "denied.yaml"),
        ("canary-check", "import denied.yaml", "denied.yaml"),
        ("canary-check", "backtest --counts denied.csv", "denied.csv"),
        ("canary-check", "peers --counts denied.csv", "denied.csv"),
        ("canary-check", &runs, "denied.csv"),
        ("canary-check", "once --source otlp:denied.jsonl --total a{v=\"{slot}\"} --bad b{v=\"{slot}\"} --baseline-slot v1 --canary-slot v2", "denied.jsonl"),
        ("canary-check", "once --prometheus http://127.0.0.1:1 --total a{v=\"{slot}\"} --bad b{v=\"{slot}\"} --baseline-slot v1 --canary-slot v2 --metrics denied.yaml", "denied.yaml"),
        ("canary-check", "once --prometheus https://127.0.0.1:1 --total a{v=\"{slot}\"} --bad b{v=\"{slot}\"} --baseline-slot v1 --canary-slot v2 --ca-file denied.pub", "denied.pub"),
        ("canary-check", "once --prometheus http://127.0.0.1:1 --total a{v=\"{slot}\"} --bad b{v=\"{slot}\"} --baseline-slot v1 --canary-slot v2 --resume denied/state", "denied/state"),
        ("canary-check", "judge --environment production --counts counts.csv --config state.yaml", "denied"),
        ("await-approval", "request --no-config --environment p --quorum 1 --people-key a=builder.pub --output r.json --release denied.json", "denied.json"),
        ("await-approval", "request --no-config --environment p --quorum 1 --people-key a=denied.pub --output r.json --release release.json", "denied.pub"),
        ("await-approval", "judge --no-config --quorum 1 --people-key a=builder.pub --request denied.json", "denied.json"),
        ("await-approval", "answer --no-config --person a --key builder.key --yes --output a.json --request denied.json", "denied.json"),
        ("audit-log", "query --ledger file:denied", "denied"),
        ("audit-log", "verify --ledger file:denied", "denied"),
        ("audit-log", "append --kind note --service shop --note x --ledger file:denied", "denied"),
        ("audit-log", "append --kind note --service shop --note x --ledger file:readonly", "readonly"),
        ("audit-log", "append --kind release-created --release-file denied.json --ledger file:ledger", "denied.json"),
        ("audit-log", &evidence, "denied"),
        ("promote", "plan --no-config --environment p --target oci-layout:x:p --release denied.json", "denied.json"),
        ("promote", "status --config state.yaml --environment production", "denied"),
        ("promote", "plan --config state.yaml --environment production --release release.json", "denied"),
        ("promote", "run --config state.yaml --environment production --release release.json", "denied"),
        ("promote", "run --config evidence.yaml --environment production --release release.json", "denied"),
        ("promote", "sweep --config state.yaml", "denied"),
        ("promote", "abort --config state.yaml --environment production --reason x", "denied"),
        ("rollback", "plan --no-config --environment p --target oci-layout:x:p --good denied.json", "denied.json"),
        ("rollback", "list --config state.yaml --environment production", "denied"),
        ("rollback", "run --config state.yaml --environment production", "denied"),
        ("rollback", "hold --config state.yaml --environment production --reason x", "denied"),
        ("rollback", "reject --config state.yaml --file release.json --reason x", "denied"),
    ];
    let folder = stage();
    let found = cases.iter().filter_map(|(verb, line, name)| {
        let output = run(folder.path(), verb, line, &[]);
        let wrong = wrong(&output, 4, &[name, "ermission denied"])?;
        Some(format!("{verb} {line}: {wrong}"))
    });
    let found: Vec<String> = found.collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// A run of each program that reads the rules.
const RULED: [(&str, &str); 6] = [
    ("sign-artifact", "verify --role builder api"),
    (
        "canary-check",
        "judge --environment production --counts counts.csv",
    ),
    (
        "await-approval",
        "request --environment production --release release.json",
    ),
    ("promote", "status --environment production"),
    ("rollback", "list --environment production"),
    ("audit-log", "query"),
];

#[test]
fn rules_that_may_not_be_read_are_4_and_rules_that_are_not_there_3() {
    let folder = stage();
    let at = folder.path();
    let policy = tempfile::tempdir().unwrap();
    let url = git::bare_with(
        &policy.path().join("policy.git"),
        &[("policy.yaml", CONFIG)],
    )
    .unwrap();
    let nowhere = "git+file:///nowhere/policy.git@main#policy.yaml".to_owned();
    #[rustfmt::skip]
    let policies = [
        ("file:denied.yaml".to_owned(), 4, "denied.yaml"),
        ("file:denied/policy.yaml".to_owned(), 4, "denied/policy.yaml"),
        ("file:absent.yaml".to_owned(), 3, "absent.yaml"),
        ("file:denied".to_owned(), 4, "denied"),
        ("file:readonly".to_owned(), 3, "readonly"),
        (nowhere, 3, "does not appear to be a git repository"),
        (format!("git+{url}@absent#policy.yaml"), 3, "couldn't find remote ref"),
        (format!("git+{url}@main#absent.yaml"), 3, "absent.yaml"),
    ];
    let mut found = Vec::new();
    for (verb, line) in RULED {
        for (place, code, word) in &policies {
            let output = run(at, verb, line, &[("LIFTLOCK_POLICY", place)]);
            let wrong = wrong(&output, *code, &[word]);
            found.extend(wrong.map(|wrong| format!("{verb} {line} under {place}: {wrong}")));
        }
        for (config, code) in [("denied.yaml", 4), ("denied/x.yaml", 4), ("absent.yaml", 3)] {
            let line = format!("{line} --config {config}");
            let output = run(at, verb, &line, &[]);
            let wrong = wrong(&output, code, &[config]);
            found.extend(wrong.map(|wrong| format!("{verb} {line}: {wrong}")));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_folder_that_may_not_be_looked_into_is_not_taken_for_one_without_rules() {
    let folder = stage();
    let at = folder.path();
    fs::remove_file(at.join("liftlock.yaml")).unwrap();
    fs::create_dir(at.join(".github")).unwrap();
    fs::write(at.join(".github/liftlock.yaml"), CONFIG).unwrap();
    let closed = |mode| {
        let mode = fs::Permissions::from_mode(mode);
        fs::set_permissions(at.join(".github"), mode).unwrap();
    };
    closed(0o000);
    let found = RULED.iter().filter_map(|(verb, line)| {
        let output = run(at, verb, line, &[]);
        let wrong = wrong(&output, 4, &[".github/liftlock.yaml"])?;
        Some(format!("{verb} {line}: {wrong}"))
    });
    let found: Vec<String> = found.collect();
    closed(0o755);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn an_owner_whom_git_doubts_is_told_in_gits_words() {
    let folder = stage();
    let at = folder.path();
    let url = git::bare(&at.join("store.git")).unwrap();
    let doubt = [("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")];
    let query = format!("query --ledger git+{url}#refs/liftlock/ledger");
    let output = run(at, "audit-log", &query, &doubt);
    let words = ["dubious ownership", "safe.directory"];
    assert_eq!(wrong(&output, 4, &words), None);
    let place = format!("git+{url}@main#policy.yaml");
    let variables = [doubt[0], ("LIFTLOCK_POLICY", place.as_str())];
    let output = run(at, "promote", "status --environment production", &variables);
    assert_eq!(wrong(&output, 4, &words), None);
}
