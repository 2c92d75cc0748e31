//! What all six binaries promise alike: exit codes, results, outputs, flags.
#![cfg(test)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use liftlock::exit::Exit;
use serde_json::Value;
use testkit::cli::{self, Output, Run};
use testkit::http::{Answer, Ending, Server};
use testkit::process::Process;
use testkit::samples::{Key, Release};
use testkit::schema::Schema;
use testkit::wait;

/// Secrets that every run has in its environment.
const PASSWORD: &str = "correct-horse-battery";
const TOKEN: &str = "t0ken-of-prometheus";

/// A binary with three runs of it: one that goes well, one that is refused
/// with a verdict, and one that comes to no verdict.
struct Verb {
    name: &'static str,
    pass: &'static str,
    refuse: (&'static str, i32, &'static str),
    error: (&'static str, i32),
}

const VERBS: [Verb; 6] = [
    Verb {
        name: "sign-artifact",
        pass: "sign --key builder.key api",
        refuse: ("verify --key other.pub other", 10, "fail"),
        error: ("verify --key absent.pub api", 3),
    },
    Verb {
        name: "canary-check",
        pass: "judge --counts good.csv",
        refuse: ("judge --counts bad.csv", 10, "fail"),
        error: ("judge --counts absent.csv", 3),
    },
    Verb {
        name: "await-approval",
        pass: "answer --request request.json --person alice --key alice.key --yes --output a.json",
        refuse: (
            "judge --request request.json --quorum 1 --people-key alice=alice.pub",
            13,
            "pending",
        ),
        error: (
            "judge --request absent.json --quorum 1 --people-key alice=alice.pub",
            3,
        ),
    },
    Verb {
        name: "promote",
        pass: "status --config shop.yaml --environment production",
        refuse: (
            "run --config shop.yaml --environment production --release release.json",
            10,
            "fail",
        ),
        error: (
            "run --config shop.yaml --environment production --release absent.json",
            3,
        ),
    },
    Verb {
        name: "rollback",
        pass: "list --config shop.yaml --environment production",
        refuse: (
            "run --config shop.yaml --environment production",
            10,
            "fail",
        ),
        error: ("run --config shop.yaml --environment nowhere", 3),
    },
    Verb {
        name: "audit-log",
        pass: "append --kind note --note hello --service shop --ledger file:ledger",
        refuse: ("verify --ledger file:forged", 10, "fail"),
        error: ("verify --ledger file:nothing", 3),
    },
];

const CONFIG: &str = "\
version: 1
service: shop
artifacts: { api: file }
state: file:state
ledger: file:ledger
evidence: file:evidence
environments:
  production:
    requires: [signature]
    place: { command: ['true'] }
    prove: { files: 'slots/{slot}' }
    traffic: { weights-file: { path: weights.json, slots: { stable: blue, canary: green } } }
    metrics: { counts: good.csv }
    slo: { availability: 99% }
";

/// A folder in which every run of [`VERBS`] can be run.
fn stage() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
    for name in ["builder", "alice", "other"] {
        let key = Key::named(name);
        put(&format!("{name}.key"), key.private_pem().as_bytes());
        put(&format!("{name}.pub"), key.public_pem().as_bytes());
    }
    put("api", b"api");
    put("other", b"other");
    put("shop.yaml", CONFIG.as_bytes());
    let release = Release::new("shop", "1").artifact("api", b"api");
    put("release.json", &release.bytes());
    for (name, row) in [("good", "600,12,600,12"), ("bad", "300,3,300,15")] {
        let rows = (0..60).map(|at| format!("2026-11-23T12:{at:02}:00Z,{row}\n"));
        let head = "time,baseline_total,baseline_bad,canary_total,canary_bad\n";
        put(
            &format!("{name}.csv"),
            (head.to_owned() + &rows.collect::<String>()).as_bytes(),
        );
    }
    let at = folder.path();
    let ask = "request --release release.json --environment production --quorum 1 \
               --people-key alice=alice.pub --output request.json";
    assert_eq!(run(at, "await-approval", ask).code, 13);
    let append = "append --kind note --note hello --service shop --ledger file:forged";
    for _ in 0..2 {
        assert_eq!(run(at, "audit-log", append).code, 0);
    }
    forge(&at.join("forged"));
    folder
}

/// Alters the first entry of a ledger in a folder.
fn forge(ledger: &Path) {
    let entries = fs::read_dir(ledger.join("entries")).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let text = fs::read_to_string(&paths[0]).unwrap();
    fs::write(&paths[0], text.replace("hello", "jello")).unwrap();
}

fn bare(folder: &Path, verb: &str, line: &str) -> Run {
    Run::new(cli::bin(verb))
        .args(line.split_whitespace())
        .env("COSIGN_PASSWORD", PASSWORD)
        .env("LIFTLOCK_PROMETHEUS_TOKEN", TOKEN)
        .folder(folder)
}

fn run(folder: &Path, verb: &str, line: &str) -> Output {
    bare(folder, verb, line).output().unwrap()
}

fn assert_result(result: &Value) {
    let faults = Schema::published("result").unwrap().faults(result).unwrap();
    assert_eq!(faults, Vec::<String>::new(), "{result:#}");
}

fn parsed(path: &Path) -> Value {
    let result = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    assert_result(&result);
    result
}

#[test]
fn help_and_version_are_results_and_nothing_typed_is_usage() {
    let folder = tempfile::tempdir().unwrap();
    for verb in VERBS {
        let name = verb.name;
        let version = run(folder.path(), name, "--version");
        let told = format!("{name} {}\n", env!("CARGO_PKG_VERSION"));
        assert_eq!((version.code, version.stdout), (0, told));
        let help = run(folder.path(), name, "--help");
        assert_eq!((help.code, help.stderr.as_str()), (0, ""), "{name}");
        for subcommand in ["explain", "doctor"] {
            assert!(help.stdout.contains(&format!("  {subcommand} ")), "{name}");
        }
        for line in ["", "--no-such-flag", "no-such-subcommand"] {
            let output = run(folder.path(), name, line);
            assert_eq!(
                (output.code, output.stdout.as_str()),
                (2, ""),
                "{name} {line}"
            );
            assert!(output.stderr.contains("Usage: "), "{name} {line}");
        }
    }
}

#[test]
fn a_variable_that_fits_no_flag_is_named_and_an_empty_one_is_unset() {
    let folder = stage();
    for verb in VERBS {
        let stray = format!("LIFTLOCK_{}_X", verb.name.replace('-', "_").to_uppercase());
        let odd = bare(folder.path(), verb.name, verb.pass).env(&stray, "1");
        let odd = odd.output().unwrap();
        assert_eq!(odd.code, 2, "{}", verb.name);
        assert!(odd.stderr.contains(&format!("`{stray}`")), "{}", odd.stderr);
        let empty = bare(folder.path(), verb.name, verb.pass)
            .env("LIFTLOCK_FORMAT", "")
            .env("LIFTLOCK_MODE", "")
            .env("LIFTLOCK_TIMEOUT", "")
            .env("LIFTLOCK_DRY_RUN", "")
            .env("LIFTLOCK_POLICY", "")
            .output()
            .unwrap();
        assert_eq!(empty.code, 0, "{}: {}", verb.name, empty.stderr);
    }
}

/// Every flag and operand with a value, each in the first subcommand that has it.
fn valued(mut command: clap::Command) -> BTreeMap<String, Vec<String>> {
    command.build();
    let mut found = BTreeMap::new();
    for inner in command.get_subcommands() {
        for argument in inner.get_arguments() {
            if inner.get_name() == "help" || !argument.get_action().takes_values() {
                continue;
            }
            let (sub, flag) = (inner.get_name(), argument.get_long());
            let operand = argument.get_id().as_str().to_ascii_uppercase();
            let name = flag.map_or(operand, |flag| format!("--{flag}"));
            let words = [sub, &name, ""].map(str::to_owned).into_iter();
            let words = words.filter(|word| flag.is_some() || *word != name);
            let words = words.collect();
            found.entry(name).or_insert(words);
        }
    }
    found
}

#[test]
fn an_empty_value_is_a_usage_error_wherever_it_is_typed() {
    let folder = tempfile::tempdir().unwrap();
    let verbs = [
        sign_artifact::command(),
        canary_check::command(),
        await_approval::command(),
        promote::command(),
        rollback::command(),
        audit_log::command(),
    ];
    let (mut tried, mut texts) = (0, 0);
    for command in verbs {
        let verb = command.get_name().to_owned();
        for (name, words) in valued(command) {
            let output = bare(folder.path(), &verb, "")
                .args(&words)
                .output()
                .unwrap();
            let told = output.stderr.lines().next().unwrap_or_default();
            assert_eq!(output.code, 2, "{verb} {words:?}: {told}");
            let plain = told == format!("error: {name} is empty");
            // What is no text has words of its own, with a name for operands.
            let shown = if name.starts_with("--") { &name } else { "<" };
            let typed = ["invalid value '' for", "a value is required for"];
            let typed = typed.map(|words| format!("error: {words} '{shown}"));
            let is_typed = typed.iter().any(|words| told.starts_with(words));
            assert!(plain || is_typed, "{verb} {words:?}: {told}");
            tried += 1;
            texts += i32::from(plain);
        }
    }
    assert!(tried > 150 && texts > 50, "{tried}, {texts}");
    let files = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(files, 0, "something was written");
}

#[test]
fn each_end_has_its_code_its_word_and_a_result_file() {
    let folder = stage();
    let at = folder.path();
    for verb in VERBS {
        let (refuse, code, word) = verb.refuse;
        let cases = [
            (verb.pass, 0, Some("pass")),
            (refuse, code, Some(word)),
            (verb.error.0, verb.error.1, None),
            ("--no-such-flag", 2, None),
        ];
        for (line, code, word) in cases {
            let name = format!("{} {line}", verb.name);
            let output = run(at, verb.name, &format!("{line} --result-file result.json"));
            assert_eq!(output.code, code, "{name}: {}", output.stderr);
            let result = parsed(&at.join("result.json"));
            fs::remove_file(at.join("result.json")).unwrap();
            assert_eq!(result["exit_code"], code, "{name}");
            assert_eq!(result["verdict"].as_str(), word, "{name}");
            assert_eq!(result["verb"], verb.name);
            let known = Exit::ALL.iter().any(|exit| i32::from(exit.code()) == code);
            assert!(known, "{name}: {code} is reserved");
            if word.is_none() {
                assert_eq!(output.stdout, "", "{name}: an error is no result");
                assert!(output.stderr.starts_with("error: "), "{name}");
            }
        }
    }
}

#[test]
fn each_format_is_what_it_says() {
    let folder = stage();
    for verb in VERBS {
        let of = |format: &str| {
            run(
                folder.path(),
                verb.name,
                &format!("{} --format {format}", verb.pass),
            )
            .stdout
        };
        assert!(of("human").starts_with("pass: "), "{}", verb.name);
        let (json, line) = (of("json"), of("jsonl"));
        assert_eq!(line.trim_end().lines().count(), 1, "{}", verb.name);
        for text in [json, line] {
            let result: Value = serde_json::from_str(&text).unwrap();
            assert_result(&result);
            assert_eq!(result["verdict"], "pass");
        }
    }
}

#[test]
fn observing_tells_a_refusal_and_does_not_block() {
    let folder = stage();
    let at = folder.path();
    for verb in VERBS {
        let (line, _, word) = verb.refuse;
        let line = format!("{line} --mode observe --result-file result.json");
        let output = run(at, verb.name, &line);
        assert_eq!(output.code, 0, "{line}: {}", output.stderr);
        let result = parsed(&at.join("result.json"));
        assert_eq!(
            (&result["verdict"], &result["mode"]),
            (&word.into(), &"observe".into())
        );
        let error = run(at, verb.name, &format!("{} --mode observe", verb.error.0));
        assert_eq!(error.code, verb.error.1, "what is invalid blocks still");
    }
}

#[test]
fn a_malformed_configuration_names_line_and_key() {
    let folder = stage();
    let at = folder.path();
    let broken = CONFIG.replace("\nservice: shop", "\nservcie: shop");
    fs::write(at.join("shop.yaml"), &broken).unwrap();
    fs::write(at.join("liftlock.yaml"), &broken).unwrap();
    let lines = [
        (
            "canary-check",
            "judge --counts good.csv --environment production",
        ),
        ("await-approval", "doctor"),
        (
            "promote",
            "status --config shop.yaml --environment production",
        ),
        (
            "rollback",
            "list --config shop.yaml --environment production",
        ),
        ("audit-log", "verify"),
        (
            "sign-artifact",
            "release --key builder.key --version 1 --owner o --artifact api=api",
        ),
    ];
    for (verb, line) in lines {
        let output = run(at, verb, line);
        assert_eq!((output.code, output.stdout.as_str()), (3, ""), "{verb}");
        for part in ["liftlock.yaml", "shop.yaml"] {
            if output.stderr.contains(part) {
                break;
            }
            assert_eq!(part, "liftlock.yaml", "{verb}: {}", output.stderr);
        }
        for part in ["line 2", "`servcie`", "did you mean `service`"] {
            assert!(output.stderr.contains(part), "{verb}: {}", output.stderr);
        }
    }
}

/// The variables by which each CI is known, and the files that it reads.
fn outputs_of(at: &Path, system: &str, run: Run) -> (Output, String) {
    let (github, reports) = (at.join("github.txt"), at.join("reports"));
    drop(fs::remove_dir_all(&reports));
    fs::write(&github, "").unwrap();
    let run = run.env("LIFTLOCK_REPORT_DIR", &reports);
    let output = match system {
        "github" => run
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_OUTPUT", &github)
            .env("GITHUB_STEP_SUMMARY", &github),
        "gitlab" => run.env("GITLAB_CI", "true"),
        _ => run.env("JENKINS_URL", "http://ci").env("BUILD_ID", "1"),
    };
    let output = output.output().unwrap();
    if system == "github" {
        return (output, fs::read_to_string(&github).unwrap());
    }
    let mut text = String::new();
    for entry in fs::read_dir(&reports).unwrap() {
        let path = entry.unwrap().path();
        text.push_str(&format!("{}\n", path.file_name().unwrap().display()));
        text.push_str(&fs::read_to_string(path).unwrap());
    }
    (output, text)
}

#[test]
fn each_ci_learns_of_each_end_and_of_no_secret() {
    let folder = stage();
    let at = folder.path();
    for verb in VERBS {
        let constant = verb.name.replace('-', "_").to_uppercase();
        let (refuse, code, word) = verb.refuse;
        let cases = [
            (verb.pass, 0, "pass"),
            (refuse, code, word),
            (verb.error.0, verb.error.1, "none"),
            ("--no-such-flag", 2, "none"),
        ];
        for system in ["github", "gitlab", "jenkins"] {
            for (line, code, word) in cases {
                let name = format!("{system}: {} {line}", verb.name);
                let (output, text) = outputs_of(at, system, bare(at, verb.name, line));
                assert_eq!(output.code, code, "{name}: {}", output.stderr);
                let wanted = if system == "github" {
                    vec![
                        "verdict<<".to_owned(),
                        format!("\n{word}\n"),
                        format!("\n{code}\n"),
                    ]
                } else {
                    vec![
                        format!("LIFTLOCK_OUT_{constant}_VERDICT={word}\n"),
                        format!("LIFTLOCK_OUT_{constant}_EXIT_CODE={code}\n"),
                        "<testsuite ".to_owned(),
                    ]
                };
                for part in wanted {
                    assert!(text.contains(&part), "{name} has no {part}: {text}");
                }
                let all = format!("{}{}{text}", output.stdout, output.stderr);
                for secret in [PASSWORD, TOKEN] {
                    assert!(!all.contains(secret), "{name}");
                }
            }
        }
    }
}

#[test]
fn a_reader_that_left_and_a_full_disk_are_told_apart() {
    let folder = stage();
    for verb in VERBS {
        let line = format!("{} --result-file result.json", verb.pass);
        let home = tempfile::tempdir().unwrap();
        let start = |stdout: Stdio| {
            let mut command = bare(folder.path(), verb.name, &line).command(home.path());
            let child = command.current_dir(folder.path()).stdout(stdout);
            child.stderr(Stdio::piped()).spawn().unwrap()
        };
        let mut left = start(Stdio::piped());
        drop(left.stdout.take());
        let left = left.wait_with_output().unwrap();
        assert_eq!(left.status.code(), Some(0), "{}", verb.name);
        assert_eq!(String::from_utf8_lossy(&left.stderr), "", "{}", verb.name);
        fs::remove_file(folder.path().join("result.json")).unwrap();

        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let full = start(full.into()).wait_with_output().unwrap();
        assert_eq!(full.status.code(), Some(1), "{}", verb.name);
        let told = String::from_utf8_lossy(&full.stderr).into_owned();
        assert!(told.contains("cannot write the result"), "{told}");
        parsed(&folder.path().join("result.json"));
    }
}

#[test]
fn that_nobody_can_be_told_changes_neither_the_code_nor_the_result() {
    let folder = stage();
    for verb in VERBS {
        let (line, code) = verb.error;
        let line = format!("{line} --result-file untold.json");
        let home = tempfile::tempdir().unwrap();
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let mut command = bare(folder.path(), verb.name, &line).command(home.path());
        let child = command.current_dir(folder.path()).stderr(full);
        let ended = child.output().unwrap();
        assert_eq!(ended.status.code(), Some(code), "{}", verb.name);
        let path = folder.path().join("untold.json");
        assert_eq!(parsed(&path)["exit_code"], code, "{}", verb.name);
        fs::remove_file(path).unwrap();
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let mut command = bare(folder.path(), verb.name, "--no-such").command(home.path());
        let ended = command.stderr(full).output().unwrap();
        assert_eq!(ended.status.code(), Some(2), "{}", verb.name);
    }
}

#[test]
fn a_misspelt_shared_variable_and_no_time_at_all_are_refused() {
    let folder = stage();
    for verb in VERBS {
        let wrong = bare(folder.path(), verb.name, verb.pass).env("LIFTLOCK_POLCY", "x");
        let wrong = wrong.output().unwrap();
        assert_eq!(wrong.code, 2, "{}", verb.name);
        let named = wrong.stderr.contains("did you mean `LIFTLOCK_POLICY`?");
        assert!(named, "{}", wrong.stderr);
        let line = format!("{} --timeout 0s", verb.pass);
        let none = run(folder.path(), verb.name, &line);
        assert_eq!(none.code, 2, "{}: {}", verb.name, none.stderr);
    }
}

/// A runner kills ten seconds after it asked: the result has to be there before.
#[test]
fn a_signal_ends_the_wait_for_a_server_that_hangs() {
    let folder = stage();
    let at = folder.path();
    let hanging = Answer::json("{}").ending(Ending::HangAfter(1));
    for (signal, code) in [("TERM", 143), ("INT", 130)] {
        let server = Server::script([hanging.clone()]).unwrap();
        let line = format!(
            "run --prometheus {} --total a{{s=\"{{slot}}\"}} --bad b{{s=\"{{slot}}\"}} \
             --baseline-slot a --canary-slot b --bake 1m --timeout 60s --result-file result.json",
            server.url("")
        );
        let home = tempfile::tempdir().unwrap();
        let mut command = bare(at, "canary-check", &line).command(home.path());
        let mut process =
            Process::spawn("canary-check", command.current_dir(at), home.path()).unwrap();
        let limit = Duration::from_secs(20);
        wait::until("a request", limit, || server.requests().pop()).unwrap();
        let begun = Instant::now();
        process.signal(signal).unwrap();
        let status = process.wait(limit).unwrap();
        assert!(begun.elapsed() < Duration::from_secs(5), "{signal}");
        assert_eq!(status.code(), Some(code), "{}", process.stderr());
        assert_eq!(parsed(&at.join("result.json"))["exit_code"], code);
    }
}

#[test]
fn the_codes_of_the_table_are_these() {
    let codes = Exit::ALL.map(Exit::code);
    assert_eq!(
        codes,
        [0, 1, 2, 3, 4, 10, 11, 12, 13, 14, 15, 16, 70, 130, 143]
    );
}
