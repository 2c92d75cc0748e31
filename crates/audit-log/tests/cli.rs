#![cfg(test)]
//! What the binary promises, asked of the binary.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

const LEDGER: &str = "--ledger=file:ledger";

fn audit_log(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_audit-log"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .output()
        .unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Runs and expects this code; the result as JSON.
fn json(folder: &Path, expected: i32, arguments: &[&str]) -> Value {
    let file = folder.join("result.json");
    let result = format!("--result-file={}", file.display());
    let output = audit_log(folder, &[arguments, &[result.as_str()]].concat());
    assert_eq!(
        code(&output),
        expected,
        "{}{}",
        stdout(&output),
        stderr(&output)
    );
    let result: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(result["exit_code"], expected);
    result
}

fn note(folder: &Path, text: &str) -> Value {
    json(
        folder,
        0,
        &[
            "append",
            LEDGER,
            "--kind=note",
            "--service=shop",
            "--note",
            text,
        ],
    )
}

fn entry(folder: &Path, seq: u64) -> PathBuf {
    folder.join(format!("ledger/entries/{seq:012}.json"))
}

fn edit(path: &Path, change: impl Fn(String) -> String) {
    let text = std::fs::read_to_string(path).unwrap();
    std::fs::write(path, change(text)).unwrap();
}

/// A ledger of four notes and the head of its end.
fn ledger() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    for text in ["one", "two", "three", "four"] {
        note(folder.path(), text);
    }
    let result = json(folder.path(), 0, &["verify", LEDGER]);
    let head = &result["detail"]["head"];
    let head = format!("{}:{}", head["seq"], head["digest"].as_str().unwrap());
    (folder, head)
}

#[test]
fn an_empty_folder_and_flags_are_enough() {
    let folder = tempfile::tempdir().unwrap();
    let result = note(folder.path(), "first");
    assert_eq!(result["recorded"], true);
    assert_eq!(result["detail"]["position"]["seq"], 1);
    assert_eq!(result["detail"]["record"]["detail"]["note"], "first");
    let result = json(folder.path(), 0, &["query", LEDGER, "--kind=note"]);
    assert_eq!(result["detail"]["entries"].as_array().unwrap().len(), 1);
    assert_eq!(result["recorded"], false);
}

#[test]
fn without_any_flag_the_ledger_is_in_the_folder_of_liftlock() {
    let folder = tempfile::tempdir().unwrap();
    json(
        folder.path(),
        0,
        &["append", "--kind=note", "--service=shop"],
    );
    assert!(folder.path().join(".liftlock/ledger/entries").is_dir());
    json(folder.path(), 0, &["verify"]);
}

#[test]
fn a_dry_run_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let result = json(
        folder.path(),
        0,
        &[
            "append",
            LEDGER,
            "--kind=note",
            "--service=shop",
            "--dry-run",
        ],
    );
    assert_eq!(result["recorded"], false);
    assert!(!folder.path().join("ledger").exists());
}

#[test]
fn a_ledger_that_is_not_there_proves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let output = audit_log(folder.path(), &["verify", LEDGER]);
    assert_eq!(code(&output), 3);
    assert!(stderr(&output).contains("`file:ledger` has no entries"));
    assert!(!folder.path().join("ledger").exists());
}

#[test]
fn a_tampered_copy_is_caught_with_the_entry_named() {
    let (folder, _) = ledger();
    edit(&entry(folder.path(), 2), |text| text.replace("two", "TWO"));
    let result = json(folder.path(), 10, &["verify", LEDGER]);
    assert_eq!(result["verdict"], "fail");
    assert_eq!(result["detail"]["broken_at"], 3);
    let headline = result["headline"].as_str().unwrap();
    assert!(
        headline.contains("entry 3 does not follow entry 2: one of the two was altered"),
        "{headline}"
    );
    let output = audit_log(folder.path(), &["verify", LEDGER, "--mode=observe"]);
    assert_eq!(code(&output), 0);
    assert!(stdout(&output).starts_with("fail: "));
}

#[test]
fn an_entry_altered_at_the_end_is_caught_with_a_pinned_head() {
    let (folder, head) = ledger();
    let pinned = format!("--expect-head={head}");
    json(folder.path(), 0, &["verify", LEDGER, &pinned]);
    edit(&entry(folder.path(), 4), |text| {
        text.replace("four", "FOUR")
    });
    json(folder.path(), 0, &["verify", LEDGER]);
    let result = json(folder.path(), 10, &["verify", LEDGER, &pinned]);
    assert_eq!(result["detail"]["broken_at"], 4);
}

#[test]
fn a_truncated_ledger_is_caught_with_a_pinned_head() {
    let (folder, head) = ledger();
    std::fs::remove_file(entry(folder.path(), 4)).unwrap();
    json(folder.path(), 0, &["verify", LEDGER]);
    let pinned = format!("--expect-head={head}");
    let result = json(folder.path(), 10, &["verify", LEDGER, &pinned]);
    let headline = result["headline"].as_str().unwrap();
    assert!(
        headline.contains("entry 4 was seen before and is gone"),
        "{headline}"
    );
    std::fs::remove_dir_all(folder.path().join("ledger")).unwrap();
    json(folder.path(), 10, &["verify", LEDGER, &pinned]);
}

#[test]
fn a_removed_and_a_swapped_entry_are_caught() {
    let (folder, _) = ledger();
    std::fs::remove_file(entry(folder.path(), 2)).unwrap();
    let result = json(folder.path(), 10, &["verify", LEDGER]);
    assert_eq!(result["detail"]["broken_at"], 2);
    let (folder, _) = ledger();
    std::fs::rename(entry(folder.path(), 2), folder.path().join("kept")).unwrap();
    std::fs::rename(entry(folder.path(), 3), entry(folder.path(), 2)).unwrap();
    std::fs::rename(folder.path().join("kept"), entry(folder.path(), 3)).unwrap();
    let result = json(folder.path(), 10, &["verify", LEDGER]);
    assert_eq!(result["detail"]["broken_at"], 2);
}

#[test]
fn a_malformed_entry_is_named_and_nothing_is_appended_to_it() {
    let (folder, _) = ledger();
    edit(&entry(folder.path(), 2), |_| "{\"seq\": 2,\n".to_owned());
    let result = json(folder.path(), 10, &["verify", LEDGER]);
    let headline = result["headline"].as_str().unwrap();
    assert!(headline.contains("`file:ledger`"), "{headline}");
    assert!(
        headline.contains("entry 2 cannot be understood"),
        "{headline}"
    );
    for arguments in [
        ["query", LEDGER, "--kind=note"],
        ["report", LEDGER, "--release=shop-1"],
        ["append", LEDGER, "--kind=note"],
    ] {
        let output = audit_log(
            folder.path(),
            &[&arguments[..], &["--service=shop"]].concat(),
        );
        assert_eq!(code(&output), 10, "{arguments:?}");
        assert!(stdout(&output).is_empty());
        assert!(stderr(&output).contains("entry 2 cannot be understood"));
    }
    assert!(!entry(folder.path(), 5).exists());
}

#[test]
fn a_newer_major_is_refused_by_name() {
    let (folder, _) = ledger();
    edit(&entry(folder.path(), 4), |text| {
        text.replace("\"schema_version\":1", "\"schema_version\":2")
    });
    let output = audit_log(folder.path(), &["verify", LEDGER]);
    assert_eq!(code(&output), 3);
    assert!(stderr(&output).contains("entry 4 has a record with `schema_version` 2"));
    assert!(stderr(&output).contains("hint: use a newer liftlock"));
}

#[test]
fn a_newer_minor_is_read() {
    let (folder, _) = ledger();
    edit(&entry(folder.path(), 4), |text| {
        text.replace(
            "\"kind\":\"note\"",
            "\"kind\":\"moon-phase\",\"weather\":\"fine\"",
        )
    });
    let result = json(folder.path(), 0, &["query", LEDGER]);
    assert_eq!(
        result["detail"]["entries"][3]["record"]["kind"],
        "moon-phase"
    );
}

#[test]
fn the_same_id_is_appended_once() {
    let folder = tempfile::tempdir().unwrap();
    let append = [
        "append",
        LEDGER,
        "--kind=note",
        "--service=shop",
        "--id=0123456789abcdef",
    ];
    for _ in 0..2 {
        let result = json(folder.path(), 0, &append);
        assert_eq!(result["detail"]["position"]["seq"], 1);
    }
    let result = json(folder.path(), 0, &["verify", LEDGER]);
    assert_eq!(result["detail"]["head"]["seq"], 1);
}

#[test]
fn a_known_id_tells_the_real_head_and_a_taken_one_keeps_nothing_out() {
    let folder = tempfile::tempdir().unwrap();
    let append = |more: &[&str]| {
        let words = ["append", LEDGER, "--service=shop", "--id=0123456789abcdef"];
        json(folder.path(), 0, &[&words, more].concat())
    };
    append(&["--kind=note"]);
    let end = note(folder.path(), "later");
    let again = append(&["--kind=note"]);
    assert_eq!(again["detail"]["position"]["seq"], 1);
    assert_eq!(again["detail"]["head"], end["detail"]["head"]);
    let failed = ["--kind=promotion-finished", "--verdict=fail"];
    for _ in 0..2 {
        let told = append(&failed);
        assert_eq!(told["recorded"], true);
        assert_eq!(told["detail"]["position"]["seq"], 3);
        assert_eq!(told["detail"]["instead_of"], 1);
        let headline = told["headline"].as_str().unwrap();
        for word in [
            "entry 1 has the id",
            "`kind`",
            "promotion-finished is entry 3",
        ] {
            assert!(headline.contains(word), "{headline}");
        }
    }
    let verified = json(folder.path(), 0, &["verify", LEDGER]);
    assert_eq!(verified["detail"]["second_ids"], serde_json::json!([3]));
    let headline = verified["headline"].as_str().unwrap();
    assert!(
        headline.contains("somebody had taken the ids"),
        "{headline}"
    );
}

#[test]
fn a_chain_without_an_expected_head_is_told_from_one_that_was_proved() {
    let (folder, head) = ledger();
    let pinned = format!("--expect-head={head}");
    for (more, expected, word) in [
        ("--mode=enforce", false, "no head was expected"),
        (pinned.as_str(), true, "entry 4 is as it was seen"),
    ] {
        let told = json(folder.path(), 0, &["verify", LEDGER, more]);
        assert_eq!(told["detail"]["expected"].is_null(), !expected);
        let headline = told["headline"].as_str().unwrap();
        assert!(headline.contains(word), "{headline}");
    }
    let required = ["verify", LEDGER, "--require-head", &pinned];
    json(folder.path(), 0, &required);
    // As an action passes it whose input was not given.
    let output = Command::new(env!("CARGO_BIN_EXE_audit-log"))
        .args(["verify", LEDGER, "--require-head"])
        .current_dir(folder.path())
        .env_clear()
        .env("LIFTLOCK_AUDIT_LOG_EXPECT_HEAD", "")
        .output()
        .unwrap();
    assert_eq!(code(&output), 2);
    assert!(
        stderr(&output).contains("no head is expected"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_record_comes_from_a_file_or_is_refused_with_the_file_named() {
    let folder = tempfile::tempdir().unwrap();
    let good = record("hold-placed", None);
    std::fs::write(folder.path().join("good.json"), good.to_string()).unwrap();
    json(folder.path(), 0, &["append", LEDGER, "--record=good.json"]);
    let mut newer = good.clone();
    newer["schema_version"] = 2.into();
    let mut wrong = good;
    wrong["verdict"] = "maybe".into();
    for (name, text) in [
        ("newer.json", newer.to_string()),
        ("wrong.json", wrong.to_string()),
        ("broken.json", "{".to_owned()),
        ("absent.json", String::new()),
    ] {
        if !text.is_empty() {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let file = format!("--record={name}");
        let output = audit_log(folder.path(), &["append", LEDGER, &file]);
        assert_eq!(code(&output), 3, "{name}");
        assert!(stderr(&output).contains(name), "{}", stderr(&output));
    }
    assert!(!entry(folder.path(), 2).exists());
}

/// A record about release shop-2 in production.
fn record(kind: &str, verdict: Option<&str>) -> Value {
    let digest = format!("sha256:{}", "ab".repeat(32));
    let release = |id: &str| serde_json::json!({ "id": id, "digest": digest, "artifacts": {} });
    let mut record = serde_json::json!({
        "schema_version": 1, "id": "0123456789abcdef", "kind": kind,
        "at": "2026-11-23T12:00:00Z", "service": "shop", "environment": "production",
        "release": release("shop-2"), "previous": release("shop-1"),
        "actor": { "id": "ci|<b>", "proof": "oidc" },
    });
    if let Some(verdict) = verdict {
        record["verdict"] = verdict.into();
    }
    record
}

/// A promotion that goes back by itself 90 s after the canary failed.
fn story() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let story = [
        ("signed", Some("pass"), "12:00:00"),
        ("promotion-started", None, "12:01:00"),
        ("canary-judged", Some("fail"), "12:05:00"),
        ("promotion-finished", Some("fail"), "12:06:30"),
    ];
    for (number, (kind, verdict, time)) in story.into_iter().enumerate() {
        let mut record = record(kind, verdict);
        record["id"] = format!("{number:016}").into();
        record["at"] = format!("2026-11-23T{time}Z").into();
        record["detail"] = serde_json::json!({ "restored": kind == "promotion-finished" });
        std::fs::write(folder.path().join("record.json"), record.to_string()).unwrap();
        json(
            folder.path(),
            0,
            &["append", LEDGER, "--record=record.json"],
        );
    }
    folder
}

#[test]
fn a_report_tells_gates_moves_and_the_time_to_recover() {
    let folder = story();
    let arguments = [
        "report",
        LEDGER,
        "--release=shop-2",
        "--markdown=timeline.md",
    ];
    let result = json(folder.path(), 0, &arguments);
    let detail = &result["detail"];
    assert_eq!(detail["recoveries"][0]["time_to_recover_ms"], 90_000);
    assert_eq!(detail["gates"][1]["verdict"], "fail");
    assert_eq!(detail["gates"][2]["seen"], false);
    assert_eq!(detail["moves"].as_array().unwrap().len(), 2);
    let markdown = std::fs::read_to_string(folder.path().join("timeline.md")).unwrap();
    assert!(markdown.contains("time to recover in production: 1 min 30 s"));
    assert!(!markdown.contains("<b>"), "{markdown}");
    let output = audit_log(folder.path(), &["report", LEDGER, "--release=shop-9"]);
    assert_eq!(code(&output), 3);
    assert!(stderr(&output).contains("`shop-9`"));
}

#[test]
fn a_query_keeps_what_fits_every_filter() {
    let folder = story();
    for (count, filters) in [
        (4, vec!["--release=shop-1", "--service=shop"]),
        (0, vec!["--service=web"]),
        (2, vec!["--kind=signed", "--kind=canary-judged"]),
        (
            2,
            vec!["--since=2026-11-23T12:05:00Z", "--environment=production"],
        ),
        (0, vec!["--environment=staging"]),
    ] {
        let arguments = [&["query", LEDGER][..], &filters].concat();
        let result = json(folder.path(), 0, &arguments);
        let found = result["detail"]["entries"].as_array().unwrap().len();
        assert_eq!(found, count, "{filters:?}");
    }
    let output = audit_log(folder.path(), &["query", LEDGER, "--kind=moon-phase"]);
    assert_eq!(code(&output), 2);
}

#[test]
fn explain_names_every_gate_that_is_missing_at_once() {
    let folder = story();
    let result = json(folder.path(), 10, &["explain", LEDGER, "--release=shop-2"]);
    let conditions = result["detail"]["conditions"].as_array().unwrap();
    let missing: Vec<&str> = conditions
        .iter()
        .filter(|condition| condition["met"] == false)
        .map(|condition| condition["wanted"].as_str().unwrap())
        .collect();
    let expected = [
        "a pass of the gate `canary`",
        "a pass of the gate `approval`",
    ];
    assert_eq!(missing, expected);
}

#[test]
fn what_one_release_passed_is_not_told_of_another_of_its_id() {
    let folder = tempfile::tempdir().unwrap();
    let digests = ["ab", "cd"].map(|byte| format!("sha256:{}", byte.repeat(32)));
    let append = |number: usize, kind: &str, digest: &str| {
        let mut record = record(kind, Some("pass"));
        record["id"] = format!("{number:016}").into();
        record["release"]["digest"] = digest.into();
        record.as_object_mut().unwrap().remove("previous");
        std::fs::write(folder.path().join("r.json"), record.to_string()).unwrap();
        json(folder.path(), 0, &["append", LEDGER, "--record=r.json"]);
    };
    let gates = ["signed", "canary-judged", "approval-judged"];
    for (number, gate) in gates.into_iter().enumerate() {
        append(number, gate, &digests[0]);
    }
    let explain = |code: i32, release: &str, service: &str| {
        let words = [
            "explain",
            LEDGER,
            "--release",
            release,
            "--service",
            service,
        ];
        json(folder.path(), code, &words)["detail"]["conditions"].clone()
    };
    explain(0, "shop-2", "shop");
    append(3, "promotion-finished", &digests[1]);
    let conditions = explain(10, "shop-2", "shop");
    let open = conditions.as_array().unwrap().iter();
    let mut open = open.filter(|condition| condition["met"] == false);
    let found = open.next().unwrap()["found"].as_str().unwrap();
    assert!(
        digests.iter().all(|digest| found.contains(digest)),
        "{found}"
    );
    assert!(open.next().is_none());
    explain(0, &digests[0], "shop");
    explain(10, &digests[1], "shop");
    explain(10, "shop-2", "cart");
}

#[test]
fn doctor_probes_the_stores_and_prints_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let stores = [LEDGER, "--evidence=file:evidence"];
    let result = json(folder.path(), 0, &[&["doctor"][..], &stores].concat());
    assert!(
        result["detail"]["yaml"]
            .as_str()
            .unwrap()
            .starts_with("ledger: file:ledger\n")
    );
    std::fs::write(folder.path().join("evidence/probe/probe.json"), "").unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    let output = audit_log(folder.path(), &["doctor", "--ledger=file:file/ledger"]);
    assert_eq!(code(&output), 10);
    assert!(
        stdout(&output).contains("BAD  ledger"),
        "{}",
        stdout(&output)
    );
}

#[test]
fn evidence_about_a_digest_is_listed_and_altered_evidence_refused() {
    let folder = story();
    let digest = "ab".repeat(32);
    let bundle = b"{}";
    let name = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    let place = folder
        .path()
        .join(format!("evidence/sha256/{digest}/canary-v1"));
    std::fs::create_dir_all(&place).unwrap();
    std::fs::write(place.join(format!("{name}.json")), bundle).unwrap();
    let digest = format!("sha256:{digest}");
    let arguments = ["evidence", &digest, LEDGER, "--evidence=file:evidence"];
    let result = json(folder.path(), 0, &arguments);
    assert_eq!(result["detail"]["items"][0]["predicate"], "canary-v1");
    assert_eq!(result["detail"]["entries"], serde_json::json!([1, 2, 3, 4]));
    std::fs::write(place.join(format!("{name}.json")), b"{ }").unwrap();
    let output = audit_log(folder.path(), &arguments);
    assert_eq!(code(&output), 10);
    assert!(stderr(&output).contains(name));
}

#[test]
fn a_ledger_on_a_git_ref_works_alike() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("repo.git");
    let mut git = Command::new("git");
    git.args(["init", "--quiet", "--bare"]).arg(&path);
    assert!(git.status().unwrap().success());
    let ledger = format!(
        "--ledger=git+file://{}#refs/liftlock/ledger",
        path.display()
    );
    for seq in 1..3 {
        let arguments = ["append", &ledger, "--kind=note", "--service=shop"];
        let result = json(folder.path(), 0, &arguments);
        assert_eq!(result["detail"]["position"]["seq"], seq);
    }
    let result = json(folder.path(), 0, &["verify", &ledger]);
    assert_eq!(result["detail"]["head"]["seq"], 2);
}

#[test]
fn wrong_words_are_usage_and_wrong_places_invalid() {
    let folder = tempfile::tempdir().unwrap();
    for (expected, arguments) in [
        (2, vec!["append", LEDGER]),
        (2, vec!["append", LEDGER, "--kind=note"]),
        (2, vec!["verify", LEDGER, "--expect-head=4"]),
        (2, vec!["report", LEDGER]),
        (2, vec!["evidence", "sha256:12"]),
        (3, vec!["verify", "--ledger=s3://bucket"]),
        (3, vec!["verify", "--ledger=git+ext::sh#refs/a/b"]),
    ] {
        let output = audit_log(folder.path(), &arguments);
        assert_eq!(
            code(&output),
            expected,
            "{arguments:?}: {}",
            stderr(&output)
        );
    }
}

#[test]
fn the_ledger_of_a_protected_policy_cannot_be_left() {
    let folder = tempfile::tempdir().unwrap();
    let policy = "version: 1\nservice: shop\nledger: file:official\n";
    std::fs::write(folder.path().join("policy.yaml"), policy).unwrap();
    let run = |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_audit-log"))
            .args(arguments)
            .current_dir(folder.path())
            .env_clear()
            .env("LIFTLOCK_POLICY", "file:policy.yaml")
            .output()
            .unwrap()
    };
    let output = run(&["append", "--kind=note", LEDGER, "--evidence=file:e"]);
    assert_eq!(code(&output), 3, "{}", stderr(&output));
    assert_eq!(code(&run(&["append", "--kind=note"])), 0);
    assert!(folder.path().join("official/entries").is_dir());
}

/// Starts an append without waiting for its end.
fn start(folder: &Path, text: &str) -> std::process::Child {
    Command::new(env!("CARGO_BIN_EXE_audit-log"))
        .args([
            "append",
            LEDGER,
            "--kind=note",
            "--service=shop",
            "--note",
            text,
        ])
        .current_dir(folder)
        .env_clear()
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn many_processes_append_to_one_chain() {
    let folder = tempfile::tempdir().unwrap();
    let writers: Vec<_> = (0..8)
        .map(|number| start(folder.path(), &number.to_string()))
        .collect();
    for mut writer in writers {
        assert!(writer.wait().unwrap().success());
    }
    let result = json(folder.path(), 0, &["verify", LEDGER]);
    assert_eq!(result["detail"]["head"]["seq"], 8);
}

#[test]
fn killed_writers_leave_a_chain_that_holds_and_can_be_continued() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..8 {
        let mut writer = start(folder.path(), &number.to_string());
        // The time that a few reads take is time for the writer to get further.
        for _ in 0..number * 20 {
            drop(std::fs::read(folder.path().join("ledger/.lock")));
        }
        writer.kill().unwrap();
        writer.wait().unwrap();
    }
    note(folder.path(), "last");
    json(folder.path(), 0, &["verify", LEDGER]);
}

#[test]
fn a_ledger_that_does_not_answer_ends_with_the_deadline() {
    let folder = tempfile::tempdir().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let ledger = format!("--ledger=git+http://{address}/a.git#refs/liftlock/ledger");
    let output = audit_log(folder.path(), &["verify", &ledger, "--timeout=1s"]);
    assert_eq!(code(&output), 15, "{}", stderr(&output));
}
