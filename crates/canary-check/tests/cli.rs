//! What `canary-check` promises to pipelines.
#![cfg(test)]

mod fake;

use std::path::Path;
use std::process::{Command, Output};

use fake::{Answer, start};
use serde_json::Value;
use testkit::http::Server;

const HEADER: &str = "time,baseline_total,baseline_bad,canary_total,canary_bad";

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_canary-check"));
    command.args(arguments).current_dir(folder).env_clear();
    command
}

fn check(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", stderr(output)))
}

fn rows(count: u32, row: &str) -> String {
    let lines = (0..count).map(|at| format!("2026-11-23T12:{at:02}:00Z,{row}"));
    let all: Vec<String> = std::iter::once(HEADER.to_owned()).chain(lines).collect();
    all.join("\n")
}

fn judge(counts: &str, more: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("counts.csv"), counts).unwrap();
    let arguments = ["judge", "--counts", "counts.csv", "--format", "json"];
    check(folder.path(), &[&arguments, more].concat())
}

#[test]
fn recorded_counts_give_each_verdict_its_exit_code() {
    let planned = ["--bake", "10m", "--min-requests", "100"];
    let promised = ["--slo", "99%"];
    let share = ["--weight", "5%"];
    #[rustfmt::skip]
    let cases: [(&str, &[&str], i32, &str, &str); 9] = [
        ("600,12,600,12", &[], 0, "pass", "no_worse"),
        ("600,0,600,0", &planned, 0, "pass", "sample_reached"),
        ("0,0,600,1", &promised, 0, "pass", "objective_met"),
        ("300,3,300,15", &[], 10, "fail", "worse"),
        ("0,0,300,15", &promised, 10, "fail", "objective_missed"),
        ("600,0,600,0", &[], 11, "inconclusive", "too_little"),
        ("600,12,0,0", &planned, 12, "blind", "canary_silent"),
        ("0,0,600,12", &[], 12, "blind", "baseline_silent"),
        ("600,12,600,12", &share, 12, "blind", "share_off"),
    ];
    for (row, more, expected, verdict, reason) in cases {
        let output = judge(&rows(60, row), more);
        let result = json(&output);
        assert_eq!(code(&output), expected, "{row} {more:?}: {result}");
        assert_eq!(result["verdict"], verdict, "{row}");
        assert_eq!(result["detail"]["reason"], reason, "{row}");
        assert_eq!(result["recorded"], false);
        let decided = result["detail"]["decided_at_row"].is_u64();
        assert_eq!(decided, expected == 0 || expected == 10, "{row}");
    }
}

#[test]
fn the_same_counts_give_the_same_verdict_byte_for_byte() {
    let counts = rows(60, "600,12,600,14");
    let (first, second) = (judge(&counts, &[]), judge(&counts, &[]));
    assert_eq!(first.stdout, second.stdout);
    assert_eq!(
        json(&first)["detail"]["algorithm"],
        "stratified-hypergeometric/4"
    );
}

#[test]
fn each_file_of_a_folder_is_judged_by_itself_and_the_worst_is_the_verdict() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, row: &str| {
        std::fs::write(folder.path().join(name), rows(60, row)).unwrap();
    };
    let run = |format: &str| {
        let line = ["judge", "--counts-dir", ".", "--format", format];
        check(folder.path(), &line)
    };
    let empty = run("jsonl");
    assert_eq!(code(&empty), 3);
    assert!(stderr(&empty).contains("no `.csv`"), "{}", stderr(&empty));
    put("b.csv", "600,12,600,12");
    put("notes.txt", "no counts");
    assert_eq!(code(&run("json")), 0);
    put("c.csv", "600,12,0,0");
    assert_eq!(code(&run("json")), 12);
    put("a.csv", "300,3,300,15");
    let output = run("jsonl");
    assert_eq!(code(&output), 10);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let told = |line: &Value| {
        let word = |field: &str| line[field].as_str().unwrap().to_owned();
        (
            word("file"),
            word("verdict"),
            line["decided_at_row"].as_u64(),
        )
    };
    let expected = [
        ("a.csv".to_owned(), "fail".to_owned(), Some(2)),
        ("b.csv".to_owned(), "pass".to_owned(), Some(60)),
        ("c.csv".to_owned(), "blind".to_owned(), None),
    ];
    assert_eq!(lines.iter().map(told).collect::<Vec<_>>(), expected);
    // A file that is no counts stops the run, under its name.
    put("d.csv", "600,12");
    let broken = run("jsonl");
    assert_eq!((code(&broken), broken.stdout.len()), (3, 0));
    assert!(stderr(&broken).contains("d.csv"), "{}", stderr(&broken));
}

#[test]
fn quiet_weeks_tell_what_the_judge_would_have_done() {
    let folder = tempfile::tempdir().unwrap();
    let line = |minute: u32, canary: u32| {
        let (day, hour) = (1 + minute / 1440, minute / 60 % 24);
        let minute = minute % 60;
        format!("2026-11-{day:02}T{hour:02}:{minute:02}:00Z,600,6,600,{canary}")
    };
    let minutes = (0..30 * 60).map(|minute| line(minute, 5 + minute / 7 % 3));
    let all: Vec<String> = std::iter::once(HEADER.to_owned()).chain(minutes).collect();
    std::fs::write(folder.path().join("quiet.csv"), all.join("\n")).unwrap();
    let run = |more: &[&str]| {
        let line = ["backtest", "--counts", "quiet.csv", "--format", "json"];
        check(folder.path(), &[&line, more].concat())
    };
    let output = run(&[]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let found = json(&output)["detail"].take();
    assert_eq!(
        (&found["windows"], &found["alarms"]),
        (&30.into(), &0.into())
    );
    assert_eq!(found["spread"], "0%");
    assert!(found["proposed"].is_string(), "{found}");
    let faults = found["faults"].as_array().unwrap();
    let twice = faults.iter().find(|one| one["factor"] == 2.0).unwrap();
    assert_eq!(twice["found"], 30, "{found}");
    assert_eq!(code(&run(&["--slo", "99%"])), 2);
    // Longer windows are fewer, and too few to propose anything.
    let output = run(&["--horizon", "10h"]);
    let found = json(&output)["detail"].take();
    assert_eq!(
        (&found["windows"], &found["proposed"]),
        (&3.into(), &Value::Null)
    );
    std::fs::write(folder.path().join("quiet.csv"), rows(9, "0,0,600,6")).unwrap();
    let output = run(&[]);
    assert_eq!(code(&output), 3);
    assert!(stderr(&output).contains("no window"), "{}", stderr(&output));
}

#[test]
fn other_judges_are_told_beside_ours() {
    let folder = tempfile::tempdir().unwrap();
    let told = |row: &str, more: &[&str]| {
        std::fs::write(folder.path().join("counts.csv"), rows(60, row)).unwrap();
        let line = ["peers", "--counts", "counts.csv", "--format", "json"];
        let output = check(folder.path(), &[&line, more].concat());
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        let judges = json(&output)["detail"]["judges"].take();
        let judges = judges.as_array().unwrap().iter();
        judges
            .map(|one| (one["judge"].to_string(), one["fails_at_row"].as_u64()))
            .collect::<Vec<_>>()
    };
    let expected = |rows: [Option<u64>; 4]| {
        let names = ["canary-check", "kayenta", "argo-rollouts", "flagger"];
        let names = names.map(|name| format!("\"{name}\""));
        names.into_iter().zip(rows).collect::<Vec<_>>()
    };
    let worse = expected([Some(2), Some(10), Some(20), Some(5)]);
    assert_eq!(told("300,3,300,15", &[]), worse);
    let alike = expected([None; 4]);
    assert_eq!(told("300,3,300,3", &[]), alike);
    // Their limits are the user's: a low one fails what is healthy.
    let strict = expected([None, None, Some(20), Some(5)]);
    assert_eq!(told("300,3,300,3", &["--limit", "0.5%"]), strict);
    let raised = expected([Some(2), None, Some(20), Some(5)]);
    let allowed = ["--allowed-increase", "9"];
    assert_eq!(told("300,3,300,15", &allowed), raised);
    let output = check(folder.path(), &["peers"]);
    assert_eq!(code(&output), 2);
}

#[test]
fn observing_tells_a_fail_and_ends_with_zero() {
    let output = judge(&rows(60, "300,3,300,15"), &["--mode", "observe"]);
    assert_eq!(
        (code(&output), &json(&output)["verdict"]),
        (0, &Value::from("fail"))
    );
}

#[test]
fn a_page_is_written_whatever_the_verdict() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.html").display().to_string();
    for (row, expected, verdict) in [
        ("600,12,600,12", 0, "pass"),
        ("300,3,300,15", 10, "fail"),
        ("600,0,600,0", 11, "inconclusive"),
        ("600,12,0,0", 12, "blind"),
    ] {
        let output = judge(&rows(60, row), &["--html", &page]);
        assert_eq!(code(&output), expected, "{}", stderr(&output));
        let text = std::fs::read_to_string(&page).unwrap();
        let digest = json(&output)["detail"]["rows_digest"].take();
        assert!(text.contains(digest.as_str().unwrap()), "{row}");
        let title = format!("<title>canary-check: {verdict}</title>");
        assert!(text.contains(&title), "{row}");
        std::fs::remove_file(&page).unwrap();
    }
    // A rehearsal leaves nothing, and of a folder there is no one page.
    judge(&rows(60, "300,3,300,15"), &["--html", &page, "--dry-run"]);
    assert!(!Path::new(&page).exists());
    let many = ["judge", "--counts-dir", ".", "--html", &page];
    assert_eq!(code(&check(folder.path(), &many)), 2);
    let nowhere = folder.path().join("absent/page.html").display().to_string();
    let output = judge(&rows(60, "300,3,300,15"), &["--html", &nowhere]);
    assert_eq!((code(&output), output.stdout.len()), (3, 0));
    assert!(
        stderr(&output).contains("cannot write"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_watch_writes_a_page_also_when_it_saw_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.html").display().to_string();
    let more = [&AT_ONCE[..], &["--html", &page]].concat();
    let counters = Answer::Counters {
        baseline: (400, 10),
        canary: (400, 40),
    };
    for (answer, expected, told) in [
        (counters, 10, "<svg role=\"img\""),
        (Answer::Empty, 12, "No row was counted"),
    ] {
        let output = look(&start(answer), "run", &more);
        assert_eq!(code(&output), expected, "{}", stderr(&output));
        let text = std::fs::read_to_string(&page).unwrap();
        assert!(text.contains(told), "{answer:?}");
        // What was asked for, of both slots.
        assert!(text.contains("requests_total{version=~&quot;(?:v1|v2)&quot;}"));
    }
}

#[test]
fn a_step_summary_has_a_chart_under_its_table() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("counts.csv"), rows(60, "600,12,600,15")).unwrap();
    let output = command(folder.path(), &["judge", "--counts", "counts.csv"])
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_STEP_SUMMARY", "summary.md")
        .output()
        .unwrap();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let text = std::fs::read_to_string(folder.path().join("summary.md")).unwrap();
    let (table, chart) = text.split_once("\n\n```mermaid\n").unwrap();
    assert!(
        table.contains("| canary | 900 of 36000 (2.50 %) |"),
        "{table}"
    );
    assert!(chart.contains("\nxychart-beta\n"), "{chart}");
    let line = format!("    line [{}]\n```\n", ["2.5000"; 12].join(", "));
    assert!(chart.ends_with(&line), "{chart}");
}

#[test]
fn malformed_counts_are_refused_with_line_and_field() {
    let cases = [
        (
            "600,12,600,NaN",
            "line 2: field `canary_bad`: `NaN` is not a whole number",
        ),
        (
            "600,12,600,601",
            "line 2: field `canary_bad` is greater than `canary_total`",
        ),
        ("600,12,600", "line 2: 4 fields, expected 5"),
        (
            "600,-1,600,1",
            "line 2: field `baseline_bad`: `-1` is not a whole number",
        ),
    ];
    for (row, message) in cases {
        let output = judge(&rows(3, row), &[]);
        assert_eq!(code(&output), 3, "{row}");
        assert!(stderr(&output).contains("cannot understand `counts.csv`"));
        assert!(stderr(&output).contains(message), "{}", stderr(&output));
        assert!(output.stdout.is_empty());
    }
    for counts in ["", HEADER, "a,b\n1,2"] {
        assert_eq!(code(&judge(counts, &[])), 3, "{counts}");
    }
    let folder = tempfile::tempdir().unwrap();
    let absent = check(folder.path(), &["judge", "--counts", "absent.csv"]);
    assert_eq!(code(&absent), 3);
    assert_eq!(code(&check(folder.path(), &["judge"])), 2);
}

#[test]
fn limits_that_let_everything_through_are_refused() {
    let counts = rows(9, "300,3,300,15");
    for more in [
        ["--alpha", "nan"],
        ["--alpha", "0"],
        ["--margin", "inf"],
        ["--margin", "0.5"],
        ["--slo", "101%"],
        ["--bake", "-1s"],
    ] {
        assert_eq!(code(&judge(&counts, &more)), 2, "{more:?}");
    }
    assert_eq!(code(&judge(&counts, &["--slo", "100%"])), 3);
}

const TOTAL: &str = r#"requests_total{version="{slot}"}"#;
const BAD: &str = r#"requests_total{version="{slot}",code="500"}"#;

fn look(server: &Server, subcommand: &str, more: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let url = server.url("/");
    let arguments = [
        subcommand,
        "--prometheus",
        &url,
        "--total",
        TOTAL,
        "--bad",
        BAD,
        "--baseline-slot",
        "v1",
        "--canary-slot",
        "v2",
        "--format",
        "json",
    ];
    check(folder.path(), &[&arguments, more].concat())
}

const AT_ONCE: [&str; 4] = ["--since", "10m", "--timeout", "1s"];

#[test]
fn prometheus_gives_each_verdict_from_flags_alone() {
    #[rustfmt::skip]
    let cases = [
        (Answer::Counters { baseline: (400, 10), canary: (400, 10) }, 0, "pass", "no_worse"),
        (Answer::Counters { baseline: (400, 10), canary: (400, 40) }, 10, "fail", "worse"),
        (Answer::Counters { baseline: (400, 0), canary: (400, 0) }, 11, "inconclusive", "too_little"),
        (Answer::Counters { baseline: (400, 10), canary: (0, 0) }, 12, "blind", "canary_silent"),
        (Answer::Empty, 12, "blind", "canary_missing"),
        (Answer::NotANumber, 12, "blind", "unreadable"),
        (Answer::Warned, 12, "blind", "partial"),
        (Answer::Page(200), 12, "blind", "unreadable"),
        (Answer::Page(502), 12, "blind", "unreadable"),
    ];
    for (answer, expected, verdict, reason) in cases {
        let output = look(&start(answer), "run", &AT_ONCE);
        let result = json(&output);
        assert_eq!(code(&output), expected, "{answer:?}: {result}");
        assert_eq!(result["verdict"], verdict, "{answer:?}");
        assert_eq!(result["detail"]["reason"], reason, "{answer:?}");
        assert_eq!(result["recorded"], false);
    }
}

#[test]
fn a_refused_query_and_refused_credentials_end_at_once() {
    let refused = look(&start(Answer::Refused(422)), "run", &[]);
    assert_eq!(code(&refused), 3);
    assert!(stderr(&refused).contains("cannot use the answer of Prometheus"));
    assert!(stderr(&refused).contains("many-to-many"));
    assert_eq!(code(&look(&start(Answer::Refused(400)), "run", &[])), 3);
    assert_eq!(code(&look(&start(Answer::Page(401)), "run", &[])), 4);
    assert_eq!(code(&look(&start(Answer::Fractions), "run", &AT_ONCE)), 3);
}

#[test]
fn nobody_listening_is_blind() {
    let server = start(Answer::Empty);
    let address = server.url("/");
    drop(server);
    let folder = tempfile::tempdir().unwrap();
    let arguments = [
        "run",
        "--prometheus",
        &address,
        "--total",
        TOTAL,
        "--bad",
        BAD,
        "--baseline-slot",
        "v1",
        "--canary-slot",
        "v2",
        "--timeout",
        "1s",
        "--format",
        "json",
    ];
    let output = check(folder.path(), &arguments);
    assert_eq!(code(&output), 12, "{}", stderr(&output));
    assert_eq!(json(&output)["detail"]["reason"], "unreachable");
}

#[test]
fn flags_that_could_not_judge_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let run = |more: &[&str]| {
        let base = ["run", "--prometheus", "http://127.0.0.1:9"];
        check(folder.path(), &[&base, more].concat())
    };
    let slots = ["--baseline-slot", "v1", "--canary-slot", "v2"];
    let same = ["--total", "m", "--bad", BAD];
    let output = run(&[&same[..], &slots].concat());
    assert_eq!(code(&output), 3);
    assert!(stderr(&output).contains("`total` does not hold `{slot}`"));
    let rate = ["--total", "rate(m[5m])", "--bad", BAD];
    assert_eq!(code(&run(&[&rate[..], &slots].concat())), 3);
    let fine = ["--total", TOTAL, "--bad", BAD];
    assert_eq!(
        code(&run(&[&fine[..], &["--canary-slot", "v2"]].concat())),
        2
    );
    assert_eq!(
        code(&run(&[&fine[..], &["--baseline-slot", "v1"]].concat())),
        2
    );
    let twice = ["--baseline-slot", "v1", "--canary-slot", "v1"];
    assert_eq!(code(&run(&[&fine[..], &twice].concat())), 3);
    let output = run(&[&fine[..], &slots, &["--horizon", "0s"]].concat());
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("no look can be planned in no time"));
}

#[test]
fn a_page_that_cannot_be_written_is_told_by_its_own_name() {
    let folder = tempfile::tempdir().unwrap();
    let counts = folder.path().join("counts.csv");
    let header = "time,baseline_total,baseline_bad,canary_total,canary_bad";
    std::fs::write(&counts, format!("{header}\n2026-11-26T10:00:00Z,9,1,9,1\n")).unwrap();
    let arguments = [
        "judge",
        "--counts",
        "counts.csv",
        "--html",
        "none/page.html",
    ];
    let output = check(folder.path(), &arguments);
    assert_eq!(code(&output), 3, "{}", stderr(&output));
    assert!(stderr(&output).contains("`none/page.html`"));
    assert!(
        !stderr(&output).contains(".liftlock-"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn requests_of_the_warm_up_are_told_to_be_that() {
    let server = start(Answer::Counters {
        baseline: (400, 10),
        canary: (400, 40),
    });
    let more = ["--since", "10m", "--timeout", "1s", "--warm-up", "1h"];
    let output = look(&server, "run", &more);
    assert_eq!(code(&output), 11, "{}", stderr(&output));
    let told = json(&output)["headline"].to_string();
    assert!(
        told.contains("all requests of the canary were in the warm-up of 1h"),
        "{told}"
    );
}

#[test]
fn what_was_counted_can_be_judged_again() {
    let answer = Answer::Counters {
        baseline: (400, 10),
        canary: (400, 40),
    };
    let server = start(answer);
    let folder = tempfile::tempdir().unwrap();
    let saved = folder.path().join("seen.csv").display().to_string();
    let more = ["--since", "10m", "--timeout", "1s", "--save-counts", &saved];
    let live = json(&look(&server, "run", &more));
    let staleness = ["--max-staleness", "60s", "--format", "json"];
    let again = check(
        folder.path(),
        &[&["judge", "--counts", "seen.csv"], &staleness[..]].concat(),
    );
    let again = json(&again);
    for field in ["verdict", "decided_at_row", "log_e_fail", "rows_digest"] {
        assert_eq!(live["detail"][field], again["detail"][field], "{field}");
    }
}

#[test]
fn a_resumed_run_does_not_count_a_row_twice() {
    let answer = Answer::Counters {
        baseline: (400, 0),
        canary: (400, 0),
    };
    let server = start(answer);
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state.json").display().to_string();
    let more = ["--since", "10m", "--timeout", "1s", "--resume", &state];
    let first = json(&look(&server, "run", &more));
    let second = json(&look(&server, "run", &more));
    let rows = |result: &Value| result["detail"]["rows"].as_u64().unwrap();
    assert!(rows(&second) <= rows(&first) + 1, "{first} {second}");
    let other = [&more[..], &["--margin", "2"]].concat();
    assert_eq!(code(&look(&server, "run", &other)), 3);
}

#[test]
fn explain_and_doctor_say_what_is_missing() {
    let blind = look(&start(Answer::Empty), "explain", &[]);
    assert_eq!(code(&blind), 12);
    let conditions = &json(&blind)["detail"]["conditions"];
    assert_eq!(conditions[0]["condition"], "sight");
    assert_eq!(conditions[0]["met"], false);
    let answer = Answer::Counters {
        baseline: (400, 10),
        canary: (400, 10),
    };
    let healthy = start(answer);
    let met = json(&look(&healthy, "explain", &[]));
    let conditions = met["detail"]["conditions"].as_array().unwrap();
    assert!(conditions.iter().all(|one| one["met"] == true), "{met}");
    let output = look(&healthy, "doctor", &[]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(
        json(&output)["detail"]["yaml"]
            .as_str()
            .unwrap()
            .contains("prometheus:")
    );
    assert_eq!(code(&look(&start(Answer::Empty), "doctor", &[])), 12);
}

/// The conditions of recorded counts by name, the looks, and the verdict.
fn explained(counts: &str, more: &[&str]) -> (Value, Value, String) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("c.csv"), counts).unwrap();
    let arguments = ["explain", "--counts", "c.csv", "--format", "json"];
    let result = json(&check(folder.path(), &[&arguments, more].concat()));
    let conditions = result["detail"]["conditions"].as_array().unwrap();
    let named = conditions.iter().map(|one| {
        let name = one["condition"].as_str().unwrap();
        (name.to_owned(), one.clone())
    });
    let verdict = result["verdict"].as_str().unwrap().to_owned();
    let conditions = Value::Object(named.collect());
    (conditions, result["detail"]["looks"].clone(), verdict)
}

#[test]
fn explain_tells_the_planned_looks_as_run_takes_them() {
    // A planned look fails it long before the evidence does.
    let worse = rows(20, "300,3,300,9");
    let (conditions, looks, verdict) = explained(&worse, &["--horizon", "30m"]);
    assert_eq!(verdict, "fail", "{conditions}");
    assert_eq!(conditions["planned-looks"]["met"], false, "{conditions}");
    assert_eq!(conditions["no-failure"]["met"], true, "{conditions}");
    assert_eq!(looks["failed"], true);
    let (conditions, looks, _) = explained(&rows(30, "600,12,600,12"), &["--alpha", "2%"]);
    let told = &conditions["planned-looks"];
    assert_eq!(told["met"], true, "{told}");
    assert_eq!(
        told["wanted"],
        "none fails of the looks planned for 1h, each 1m, 60 in all, which may spend 1.400 % of risk together"
    );
    let found = told["found"].as_str().unwrap();
    assert!(
        found.contains("more bad requests would have failed the last"),
        "{found}"
    );
    assert_eq!(
        (&looks["planned"], &looks["interval"]),
        (&60.into(), &"1m".into())
    );
    let (spent, risk) = (
        looks["spent"].as_f64().unwrap(),
        looks["risk"].as_f64().unwrap(),
    );
    assert!(0.0 < spent && spent <= risk, "{looks}");
    let (conditions, _, _) = explained(&rows(60, "600,0,600,0"), &[]);
    let found = conditions["planned-looks"]["found"].as_str().unwrap();
    assert!(
        found.contains("a row without bad requests is no look"),
        "{found}"
    );
    // One row tells no interval, and nobody makes one up.
    let (conditions, looks, _) = explained(&rows(1, "600,12,600,12"), &[]);
    assert!(
        looks["planned"].is_null() && looks["interval"].is_null(),
        "{looks}"
    );
    let wanted = conditions["planned-looks"]["wanted"].as_str().unwrap();
    assert!(wanted.contains("at each row"), "{wanted}");
}

#[test]
fn environment_variables_are_flags_and_help_names_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("c.csv"), rows(60, "300,3,300,15")).unwrap();
    let output = command(folder.path(), &["judge"])
        .env("LIFTLOCK_CANARY_CHECK_COUNTS", "c.csv")
        .output()
        .unwrap();
    assert_eq!(code(&output), 10);
    let typo = command(folder.path(), &["judge", "--counts", "c.csv"])
        .env("LIFTLOCK_CANARY_CHECK_MARGN", "2")
        .output()
        .unwrap();
    assert_eq!(code(&typo), 2);
}

/// Flags that a protected policy does not let pass.
const LOOSE: [[&str; 2]; 11] = [
    ["--slo", "1%"],
    ["--prometheus", "http://127.0.0.1:1/"],
    ["--total", "flattering_total{version=\"{slot}\"}"],
    ["--horizon", "1s"],
    ["--spread", "20%"],
    ["--canary-slot", "v1"],
    ["--warm-up", "1h"],
    ["--metrics", "metrics.yaml"],
    ["--resume", "state"],
    ["--probe-within=1h", "--probe=http://127.0.0.1:1/"],
    ["--probe-count=9", "--probe=http://127.0.0.1:1/"],
];

/// What was recorded elsewhere cannot stand in for what the policy names.
fn no_record_stands_in_for_the_source(folder: &Path) {
    for flag in ["--counts", "--values"] {
        let judge = ["judge", "--environment", "production", flag, "a.csv"];
        let most: &[&str] = if flag == "--values" {
            &["--most", "1"]
        } else {
            &[]
        };
        let output = command(folder, &[&judge[..], most].concat())
            .env("LIFTLOCK_POLICY", "file:policy.yaml")
            .output()
            .unwrap();
        assert_eq!(code(&output), 3);
        let message = format!("`{flag}` would loosen the policy");
        assert!(stderr(&output).contains(&message), "{}", stderr(&output));
    }
}

#[test]
fn an_environment_of_the_configuration_is_enough_and_the_policy_cannot_be_loosened() {
    let answer = Answer::Counters {
        baseline: (400, 10),
        canary: (400, 40),
    };
    let server = start(answer);
    let folder = tempfile::tempdir().unwrap();
    let config = format!(
        "version: 1\nservice: shop\nenvironments:\n  production:\n    traffic: {{ weights-file: {{ path: w.json, \
         slots: {{ stable: v1, canary: v2 }} }} }}\n    slo: {{ margin: 1.25, alpha: 1% }}\n    \
         metrics: {{ prometheus: {{ url: '{}', total: '{TOTAL}', bad: '{BAD}' }} }}\n",
        server.url("/")
    );
    std::fs::write(folder.path().join("liftlock.yaml"), &config).unwrap();
    let run = ["run", "--environment", "production", "--format", "json"];
    let output = check(folder.path(), &[&run[..], &AT_ONCE].concat());
    assert_eq!(code(&output), 10, "{}", stderr(&output));
    assert_eq!(json(&output)["policy"], "local");
    // What is to be written down is what is configured.
    let doctor = ["doctor", "--environment", "production", "--format", "json"];
    let told = json(&check(folder.path(), &doctor));
    let yaml = told["detail"]["yaml"].as_str().unwrap();
    assert!(
        yaml.contains(&format!("url: \"{}\"", server.url("/"))),
        "{yaml}"
    );
    let own = [&doctor[..], &["--bad", "other_total{version=\"{slot}\"}"]].concat();
    let told = json(&check(folder.path(), &own));
    let yaml = told["detail"]["yaml"].as_str().unwrap();
    assert!(
        yaml.contains("other_total") && yaml.contains(&server.url("/")),
        "{yaml}"
    );
    std::fs::write(folder.path().join("policy.yaml"), &config).unwrap();
    let loose = [&run[..], &AT_ONCE, &["--margin", "2"]].concat();
    let output = command(folder.path(), &loose)
        .env("LIFTLOCK_POLICY", "file:policy.yaml")
        .output()
        .unwrap();
    assert_eq!(code(&output), 3);
    assert!(
        stderr(&output).contains("`--margin` would loosen the policy"),
        "{}",
        stderr(&output)
    );
    for flags in LOOSE {
        let output = command(folder.path(), &[&run[..], &flags].concat())
            .env("LIFTLOCK_POLICY", "file:policy.yaml")
            .output()
            .unwrap();
        assert_eq!(code(&output), 3, "{flags:?}");
        let (flag, _) = flags[0].split_once('=').unwrap_or((flags[0], ""));
        let message = format!("`{flag}` would loosen the policy");
        assert!(stderr(&output).contains(&message), "{}", stderr(&output));
    }
    no_record_stands_in_for_the_source(folder.path());
    let unknown = ["run", "--environment", "nowhere"];
    assert_eq!(code(&check(folder.path(), &unknown)), 3);
}

#[test]
fn after_a_promotion_the_slots_have_the_roles_that_the_state_knows() {
    let server = start(Answer::Counters {
        baseline: (400, 40),
        canary: (400, 10),
    });
    let folder = tempfile::tempdir().unwrap();
    let config = format!(
        "version: 1\nservice: shop\nenvironments:\n  production:\n    traffic: {{ weights-file: {{ path: w.json, \
         slots: {{ stable: v1, canary: v2 }} }} }}\n    \
         metrics: {{ prometheus: {{ url: '{}', total: '{TOTAL}', bad: '{BAD}' }} }}\n",
        server.url("/")
    );
    std::fs::write(folder.path().join("liftlock.yaml"), &config).unwrap();
    let run = ["run", "--environment", "production"];
    let arguments = [&run[..], &AT_ONCE].concat();
    assert_ne!(code(&check(folder.path(), &arguments)), 10);
    let state = folder.path().join(".liftlock/state/environments/shop");
    std::fs::create_dir_all(&state).unwrap();
    let document = liftlock::state::Document {
        slots: Some(liftlock::config::target::Slots {
            stable: "v2".parse().unwrap(),
            canary: "v1".parse().unwrap(),
        }),
        ..liftlock::state::Document::default()
    };
    let bytes = serde_json::to_vec(&document).unwrap();
    std::fs::write(state.join("production.json"), bytes).unwrap();
    let output = check(folder.path(), &arguments);
    assert_eq!(code(&output), 10, "{}", stderr(&output));
}

#[test]
fn a_look_is_one_query_about_one_moment_and_carries_the_token() {
    let server = start(Answer::Empty);
    let folder = tempfile::tempdir().unwrap();
    let url = server.url("/below/");
    let arguments = [
        "explain",
        "--prometheus",
        &url,
        "--total",
        TOTAL,
        "--bad",
        BAD,
        "--baseline-slot",
        "v1",
        "--canary-slot",
        "v2",
    ];
    let output = command(folder.path(), &arguments)
        .env("LIFTLOCK_PROMETHEUS_TOKEN", "a-secret")
        .output()
        .unwrap();
    assert_eq!(code(&output), 12);
    let told = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        stderr(&output)
    );
    assert!(!told.contains("a-secret"));
    let requests = server.requests();
    assert_eq!(requests.len(), 1, "one question is enough for both slots");
    let request = &requests[0];
    assert_eq!(
        (request.method.as_str(), request.path()),
        ("POST", "/below/api/v1/query")
    );
    assert_eq!(request.header("authorization"), Some("Bearer a-secret"));
    let form = String::from_utf8(request.body.clone()).unwrap();
    let times = form.split('&').filter(|pair| pair.starts_with("time="));
    assert_eq!(times.count(), 1, "{form}");
}

const SLOTH: &str = "version: prometheus/v1\nservice: shop\nslos:\n- name: up\n  objective: 99.9\n  \
    sli: {events: {error_query: 'e[{{.window}}]', total_query: 't[{{.window}}]'}}\n  \
    alerting: {page_alert: {labels: {a: b}}}\n";

#[test]
fn an_import_of_nothing_or_of_nonsense_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let write = |text: &str| std::fs::write(folder.path().join("slo.yaml"), text).unwrap();
    for (text, told) in [
        ("a: [", "not the expected YAML"),
        ("groups: []", "rules are made from an objective"),
        (&*SLOTH.replace("99.9", "100"), "leaves no error budget"),
        (
            &*SLOTH.replace("events: {", "plugin: {id: x, "),
            "only Sloth runs",
        ),
    ] {
        write(text);
        let arguments = ["import", "slo.yaml", "--output", "new.yaml"];
        let output = check(folder.path(), &arguments);
        assert_eq!(code(&output), 3, "{text}");
        assert!(stderr(&output).contains(told), "{}", stderr(&output));
        assert!(!folder.path().join("new.yaml").exists());
    }
    let output = check(folder.path(), &["import", "none.yaml"]);
    assert_eq!(code(&output), 3);
}

#[test]
fn an_import_is_shown_or_written_and_tells_what_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("slo.yaml"), SLOTH).unwrap();
    let output = check(folder.path(), &["import", "slo.yaml", "--format", "json"]);
    let result = json(&output);
    assert_eq!(
        (code(&output), &result["detail"]["written"]),
        (0, &serde_json::json!(["up"]))
    );
    assert!(
        result["detail"]["lost"][0]["why"]
            .as_str()
            .unwrap()
            .contains("labels")
    );
    let shown = String::from_utf8(check(folder.path(), &["import", "slo.yaml"]).stdout).unwrap();
    assert!(shown.contains("\n---\n# SLO `up`: "), "{shown}");
    assert!(shown.contains("\napiVersion: openslo/v1\n"), "{shown}");
    let dry = ["import", "slo.yaml", "--output", "new.yaml", "--dry-run"];
    assert_eq!(code(&check(folder.path(), &dry)), 0);
    assert!(!folder.path().join("new.yaml").exists());
    assert_eq!(code(&check(folder.path(), &dry[..4])), 0);
    let written = std::fs::read_to_string(folder.path().join("new.yaml")).unwrap();
    assert_eq!(written, result["detail"]["openslo"].as_str().unwrap());
    let again = check(folder.path(), &["import", "new.yaml", "--format", "json"]);
    assert_eq!(json(&again)["detail"]["lost"], serde_json::json!([]));
}

#[test]
fn a_lint_fails_for_errors_only() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("good.yaml", SLOTH);
    write("bad.yaml", &SLOTH.replace("99.9", "0.999"));
    write("ugly.yaml", "a: [");
    let lint = |files: &[&str]| {
        check(
            folder.path(),
            &[&["lint", "--format", "json"], files].concat(),
        )
    };
    let output = lint(&["good.yaml"]);
    assert_eq!(
        (code(&output), &json(&output)["verdict"]),
        (0, &"pass".into())
    );
    let output = lint(&["good.yaml", "bad.yaml"]);
    let result = json(&output);
    assert_eq!((code(&output), &result["verdict"]), (10, &"fail".into()));
    let findings = result["detail"]["findings"].as_array().unwrap();
    let worst = findings
        .iter()
        .find(|one| one["severity"] == "error")
        .unwrap();
    assert_eq!(
        (&worst["file"], &worst["place"]),
        (&"bad.yaml".into(), &"SLO `up`".into())
    );
    assert_eq!(worst["code"], "page-unreachable");
    assert_eq!(code(&lint(&["good.yaml", "ugly.yaml"])), 3);
    assert_eq!(code(&check(folder.path(), &["lint"])), 2);
}
