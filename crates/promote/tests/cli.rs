//! What `promote` promises to pipelines: refusals first.
#![cfg(test)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use testkit::cli::Run;
use testkit::house::House;

/// Nothing is live.
fn house() -> House {
    House::new().unwrap()
}

/// Version 1 is live, users ask, version 2 is signed.
fn furnished() -> House {
    let mut house = house();
    house.open().unwrap();
    house.release("1").unwrap();
    house.promote(0, "1").unwrap();
    house.release("2").unwrap();
    house
}

/// Signed by a key that the rules do not name, as nobody who reads them would.
const STRANGE: [&str; 3] = ["--no-config", "--service", "shop"];

/// As [`furnished`], and approvals are demanded from now on.
fn guarded() -> House {
    let house = furnished();
    house
        .configure("requires: [signature]", "requires: [signature, approval]")
        .unwrap();
    house
}

/// Every file with its bytes, but for what users and records add.
fn tree(house: &House) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let root = house.path("");
    let mut open = vec![root.clone()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(&root).unwrap().display().to_string();
            if path.is_dir() {
                open.push(path);
            } else if name != "counts.csv" && !name.contains("ledger") && !name.contains("users.") {
                files.insert(name, fs::read(path).unwrap());
            }
        }
    }
    files
}

/// Refused with this code for this reason; not a byte moved, and it is recorded.
fn refused(house: &House, code: i32, version: &str, why: &str) -> Value {
    let before = tree(house);
    let output = house.promote(code, version).unwrap();
    let said = format!("{}{}", output.stdout, output.stderr);
    assert!(said.contains(why), "{said}");
    assert_eq!(tree(house), before);
    let records = house.records();
    let last = records.last().unwrap();
    assert_eq!(last["kind"], "refused", "{last}");
    assert!(
        last["detail"]["reason"].as_str().unwrap().contains(why),
        "{last}"
    );
    serde_json::from_str(&output.stdout).unwrap_or_default()
}

fn args<'a>(subcommand: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&[subcommand, "--environment", "production"], more].concat()
}

#[test]
fn what_no_builder_signed_does_not_move() {
    let house = furnished();
    house.build("3", "0.2%").unwrap();
    house.sign("3", "mallory", &STRANGE).unwrap();
    let result = refused(&house, 10, "3", "signature");
    assert_eq!(
        (&result["verdict"], &result["recorded"]),
        (&json!("fail"), &json!(true))
    );
    fs::remove_dir_all(house.path(".liftlock/evidence")).unwrap();
    refused(&house, 10, "2", "signature: nothing");
}

#[test]
fn what_a_revoked_key_signed_does_not_move() {
    let house = furnished();
    house
        .configure(
            "key-file: keys/builder.pub }",
            "key-file: keys/builder.pub, revoked-at: 2020-01-01T00:00:00Z }",
        )
        .unwrap();
    refused(&house, 10, "2", "signature");
}

#[test]
fn a_release_file_swapped_after_it_was_signed_does_not_move() {
    let house = guarded();
    house.approve("2", "production").unwrap();
    let text = house.text("release-2.json");
    let one = house.text("release-1.json");
    let digest = |text: &str| -> String {
        let release: Value = serde_json::from_str(text).unwrap();
        release["artifacts"]["api"]["digest"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    house
        .write(
            "release-2.json",
            text.replace(&digest(&text), &digest(&one)),
        )
        .unwrap();
    refused(&house, 10, "2", "it leaves out 1 of the artifacts");
    house.write("release-2.json", format!("{text} ")).unwrap();
    refused(&house, 10, "2", "it is about another release");
}

#[test]
fn an_approval_of_what_no_builder_attested_does_not_count() {
    let house = furnished();
    house
        .configure("requires: [signature]", "requires: [approval]")
        .unwrap();
    house.build("3", "0.2%").unwrap();
    house.sign("3", "mallory", &STRANGE).unwrap();
    house.approve("3", "production").unwrap();
    refused(&house, 10, "3", "no builder attested the release");
}

#[test]
fn an_approval_counts_for_one_plan_of_one_release_by_one_policy() {
    let house = guarded();
    refused(&house, 10, "2", "approval: nothing");
    house.approve("2", "production").unwrap();
    house.configure("look: 50ms", "look: 49ms").unwrap();
    refused(&house, 10, "2", "decided by another policy");
    house.configure("look: 49ms", "look: 50ms").unwrap();
    // Used up by a plan that goes back.
    house.write("swap", "").unwrap();
    let output = house.promote(10, "2").unwrap().json().unwrap();
    assert_eq!(output["detail"]["outcome"]["restored"], true, "{output}");
    fs::remove_file(house.path("swap")).unwrap();
    refused(&house, 10, "2", "used up by another plan");
}

#[test]
fn an_approval_by_several_rules_permits_and_counts_by_no_others() {
    let house = guarded();
    let flat = "approval: { quorum: 2, people: [alice, bob], expires: 1h }";
    let rules = |security: &str| {
        format!(
            "approval: {{ rules: [{{ name: release, quorum: 1, people: [alice, bob] }}, \
             {{ name: security, quorum: 1, people: [{security}] }}], distinct: true, expires: 1h }}"
        )
    };
    house.configure(flat, &rules("bob")).unwrap();
    refused(&house, 10, "2", "approval: nothing");
    house.approve("2", "production").unwrap();
    house.configure(&rules("bob"), &rules("alice")).unwrap();
    refused(&house, 10, "2", "decided by another policy");
    house.configure(&rules("alice"), &rules("bob")).unwrap();
    house.promote(0, "2").unwrap();
}

#[test]
fn an_approval_for_another_environment_or_out_of_time_does_not_count() {
    let house = guarded();
    let rules = house.text("liftlock.yaml");
    let (production, rest) = rules.split_once("trust:").unwrap();
    let (head, body) = production.split_once("  production:\n").unwrap();
    let staging = format!("{head}  production:\n{body}  staging:\n{body}trust:{rest}");
    house.write("liftlock.yaml", staging).unwrap();
    house.approve("2", "staging").unwrap();
    refused(&house, 10, "2", "it is for another environment");
    house.configure("expires: 1h", "expires: 1s").unwrap();
    house.approve("2", "production").unwrap();
    testkit::wait::pause(std::time::Duration::from_millis(1_100));
    refused(&house, 10, "2", "expired");
}

#[test]
fn what_is_live_differs_so_nothing_moves() {
    let changes: [(&str, &str, &str); 3] = [
        ("slots/green/api", "other", "serves api"),
        (
            "weights.json",
            r#"{"weights": {"blue": 5000, "green": 5000}, "stable": "blue", "canary": "green"}"#,
            "`green` does not get all requests: the split is blue 50%, green 50%, and should be blue 0%, green 100%",
        ),
        (
            "site/index.json",
            r#"{"schemaVersion":2,"manifests":[]}"#,
            "points at nothing, and should point at ",
        ),
    ];
    let house = furnished();
    for (file, text, why) in changes {
        let before = house.text(file);
        house.write(file, text).unwrap();
        let result = refused(&house, 14, "2", why);
        assert_eq!(result["verdict"], "blocked");
        let status = house.expect(14, "promote", &args("status", &[])).unwrap();
        assert!(status.stdout.contains(why));
        house.write(file, before).unwrap();
    }
    house.write("weights.json", "<html>").unwrap();
    refused(
        &house,
        3,
        "2",
        "cannot understand the weights in `weights.json`",
    );
}

#[test]
fn a_lost_state_is_no_first_contact() {
    let house = furnished();
    fs::remove_dir_all(house.path(".liftlock/state")).unwrap();
    refused(&house, 14, "2", "the ledger knows shop-1 to be live");
}

#[test]
fn a_hold_keeps_everything_where_it_is() {
    let house = furnished();
    let hold = args("hold", &["--reason", "incident"]);
    house.expect(0, "rollback", &hold).unwrap();
    refused(&house, 14, "2", "a hold is in place");
}

#[test]
fn a_swapped_slot_gets_no_request() {
    let house = furnished();
    house.write("swap", "").unwrap();
    let weights = house.text("weights.json");
    let result = house.promote(10, "2").unwrap().json().unwrap();
    assert_eq!(result["detail"]["outcome"]["restored"], true);
    assert!(
        result["headline"].as_str().unwrap().contains("serves api"),
        "{result}"
    );
    assert_eq!(house.text("weights.json"), weights);
    let finished = house.records();
    let finished = finished.last().unwrap();
    assert_eq!(finished["kind"], "promotion-finished");
    assert!(finished["detail"]["time_to_recover_ms"].as_i64().unwrap() >= 0);
}

#[test]
fn a_bad_release_goes_back_and_a_good_one_goes_up() {
    let house = furnished();
    house.build("3", "20%").unwrap();
    house.sign("3", "builder", &[]).unwrap();
    let weights = house.text("weights.json");
    let result = house.promote(10, "3").unwrap().json().unwrap();
    assert_eq!(
        (&result["verdict"], &result["detail"]["outcome"]["restored"]),
        (&json!("fail"), &json!(true))
    );
    let weighed = |text: &str| serde_json::from_str::<Value>(text).unwrap()["weights"].clone();
    assert_eq!(weighed(&house.text("weights.json")), weighed(&weights));
    house.promote(0, "2").unwrap();
    assert_eq!(house.state()["live"]["release"]["id"], "shop-2");
    // What is live already is not moved again.
    let before = tree(&house);
    house.promote(0, "2").unwrap();
    assert_eq!(tree(&house), before);
    house.expect(0, "audit-log", &["verify"]).unwrap();
}

#[test]
fn without_sight_or_sample_it_goes_back() {
    let mut house = furnished();
    house.close();
    house.configure("patience: 20s", "patience: 1s").unwrap();
    let result = house.promote(12, "2").unwrap().json().unwrap();
    assert_eq!(result["detail"]["outcome"]["restored"], true, "{result}");
    fs::remove_file(house.path("counts.csv")).unwrap();
    house.promote(12, "2").unwrap();
    house.write("counts.csv", "<html>").unwrap();
    let result = house.promote(12, "2").unwrap().json().unwrap();
    assert!(
        result["headline"]
            .as_str()
            .unwrap()
            .contains("`counts.csv`"),
        "{result}"
    );
    fs::remove_file(house.path("counts.csv")).unwrap();
    house.open().unwrap();
    house
        .configure("min-requests: 100", "min-requests: 100000")
        .unwrap();
    house.promote(11, "2").unwrap();
}

#[test]
fn a_place_command_that_hangs_is_ended_and_nothing_moves() {
    let house = furnished();
    house
        .configure(
            "place: { command: [./deploy, \"{slot}\"] }",
            "place: { command: [sleep, \"60\"], timeout: 200ms }",
        )
        .unwrap();
    let weights = house.text("weights.json");
    let output = house.promote(10, "2").unwrap();
    assert!(
        output.stdout.contains("did not end within"),
        "{}",
        output.stdout
    );
    assert_eq!(house.text("weights.json"), weights);
}

#[test]
fn rules_that_cannot_work_are_refused_with_the_place_and_a_way_out() {
    let house = furnished();
    let rules = house.text("liftlock.yaml");
    let blind = "metrics: { prometheus: { url: 'http://127.0.0.1:1', interval: 2s, \
                 total: 't{s=\"{slot}\"}', bad: 'b{s=\"{slot}\"}' } }\n    on-blind: back";
    let cases = [
        (
            "metrics: { counts: counts.csv }",
            blind,
            "`environments.production.bake` is 300ms, and nobody waits for sight, but \
             `metrics.prometheus` needs 4s to show a row",
            "write at least `bake: 4s`",
        ),
        (
            "requires: [signature]",
            "promotes-from: staging\n    requires: [signature]",
            "`environments.production.promotes-from` is `staging`, which is no environment here",
            "`staging: {}`",
        ),
        (
            "requires: [signature]",
            "promotes-from: production\n    requires: [signature]",
            "leads back to `production`",
            "leave out `promotes-from`",
        ),
    ];
    for (words, others, why, hint) in cases {
        house
            .write("liftlock.yaml", rules.replace(words, others))
            .unwrap();
        let output = house.promote(3, "2").unwrap();
        for part in ["error: cannot use `liftlock.yaml`\n", why, hint] {
            assert!(output.stderr.contains(part), "{part}: {}", output.stderr);
        }
    }
}

#[test]
fn bad_input_is_named_with_file_and_place() {
    let house = furnished();
    let rules = house.text("liftlock.yaml");
    let cases = [
        ("look: 50ms", "lok: 50ms", "lok"),
        ("bake: 300ms", "bake: soon", "soon"),
        ("version: 1", "version: 9", "version"),
    ];
    for (words, others, why) in cases {
        house
            .write("liftlock.yaml", rules.replace(words, others))
            .unwrap();
        let output = house.promote(3, "2").unwrap();
        assert!(output.stderr.contains("liftlock.yaml"), "{}", output.stderr);
        assert!(output.stderr.contains(why), "{}", output.stderr);
        let line = rules.lines().position(|line| line.contains(words)).unwrap() + 1;
        assert!(
            output.stderr.contains(&line.to_string()),
            "line {line}: {}",
            output.stderr
        );
    }
    house.write("liftlock.yaml", &rules).unwrap();
    house.write("release-3.json", "{}").unwrap();
    let output = house.promote(3, "3").unwrap();
    assert!(
        output.stderr.contains("release-3.json"),
        "{}",
        output.stderr
    );
    house.promote(3, "none").unwrap();
    house
        .expect(
            3,
            "promote",
            &[
                "run",
                "--environment",
                "moon",
                "--release",
                "release-2.json",
            ],
        )
        .unwrap();
    let state = ".liftlock/state/environments/shop/production.json";
    let newer = house
        .text(state)
        .replace("\"schema_version\":1", "\"schema_version\":2");
    house.write(state, newer).unwrap();
    let output = house.promote(3, "2").unwrap();
    assert!(
        output.stderr.contains("`schema_version` 2"),
        "{}",
        output.stderr
    );
}

#[test]
fn a_dry_run_changes_nothing_even_with_a_plan_under_way() {
    let house = furnished();
    let before = tree(&house);
    let records = house.records();
    let run = args("run", &["--release", "release-2.json", "--dry-run"]);
    let result = house.expect(0, "promote", &run).unwrap().json().unwrap();
    assert_eq!(result["recorded"], false);
    assert_eq!((tree(&house), house.records()), (before, records));
    // A run that ended by its time leaves a plan under way.
    let short = args(
        "run",
        &["--release", "release-2.json", "--timeout", "250ms"],
    );
    house.expect(15, "promote", &short).unwrap();
    let (before, records) = (tree(&house), house.records());
    house.expect(0, "promote", &run).unwrap();
    house
        .expect(0, "promote", &args("resume", &["--dry-run"]))
        .unwrap();
    house.expect(0, "promote", &args("status", &[])).unwrap();
    assert_eq!((tree(&house), house.records()), (before, records));
    house.release("3").unwrap();
    house.promote(14, "3").unwrap();
    house.promote(0, "2").unwrap();
}

#[test]
fn a_plan_needs_nothing_but_flags() {
    let house = furnished();
    let release = house.text("release-2.json");
    let empty = tempfile::tempdir().unwrap();
    fs::write(empty.path().join("release.json"), release).unwrap();
    let site = house.path("site").display().to_string();
    let target = format!("image=oci-layout:{site}:live");
    let output = Run::new(env!("CARGO_BIN_EXE_promote"))
        .folder(empty.path())
        .args(args(
            "plan",
            &[
                "--release",
                "release.json",
                "--target",
                &target,
                "--format",
                "json",
            ],
        ))
        .output()
        .unwrap();
    assert_eq!(output.code, 0, "{}", output.stderr);
    let result = output.json().unwrap();
    assert_eq!(result["recorded"], false);
    assert_eq!(
        result["detail"]["plan"]["steps"][0]["action"]["action"],
        "point"
    );
    let left: Vec<_> = fs::read_dir(empty.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn everything_that_is_missing_is_told_at_once() {
    let house = guarded();
    house.build("3", "0.2%").unwrap();
    house.sign("3", "mallory", &STRANGE).unwrap();
    house.write("slots/green/api", "other").unwrap();
    house
        .expect(0, "rollback", &args("hold", &["--reason", "incident"]))
        .unwrap();
    let explain = args("explain", &["--release", "release-3.json"]);
    let output = house.run("promote", &explain).output().unwrap();
    for part in ["signature", "approval", "serves api", "incident"] {
        assert!(output.stdout.contains(part), "{part}: {}", output.stdout);
    }
}

#[test]
fn what_is_adopted_is_proved_first() {
    let house = house();
    house.release("1").unwrap();
    let adopt = args(
        "adopt",
        &["--release", "release-1.json", "--reason", "it runs"],
    );
    house
        .write(
            "weights.json",
            r#"{"weights": {"blue": 10000, "green": 0}, "stable": "blue", "canary": "green"}"#,
        )
        .unwrap();
    for file in ["api", "image"] {
        house
            .write(&format!("slots/blue/{file}"), "something")
            .unwrap();
    }
    let output = house.expect(10, "promote", &adopt).unwrap();
    assert!(output.stderr.contains("serves"), "{}", output.stderr);
    for file in ["api", "image"] {
        house
            .write(
                &format!("slots/blue/{file}"),
                house.text(&format!("builds/shop-1/{file}")),
            )
            .unwrap();
    }
    let output = house.expect(10, "promote", &adopt).unwrap();
    assert!(
        output.stderr.contains("does not point at this release"),
        "{}",
        output.stderr
    );
    house.configure("    targets: [{ registry: { image: \"oci-layout:site\", tag: live }, artifact: image }]\n", "").unwrap();
    house.expect(0, "promote", &adopt).unwrap();
    assert_eq!(house.state()["live"]["how"], "adopted");
    house.expect(14, "promote", &adopt).unwrap();
}

fn adopt(release: &str) -> Vec<&str> {
    args("adopt", &["--release", release, "--reason", "it runs"])
}

#[test]
fn after_a_lost_state_what_serves_is_adopted_in_whichever_slot_it_is() {
    let house = furnished();
    let before = house.state();
    assert_eq!(before["slots"]["stable"], "green");
    fs::remove_dir_all(house.path(".liftlock/state")).unwrap();
    let output = house
        .expect(10, "promote", &adopt("release-2.json"))
        .unwrap();
    for part in ["slot `green` serves api", "does not point at this release"] {
        assert!(output.stderr.contains(part), "{part}: {}", output.stderr);
    }
    house
        .expect(0, "promote", &adopt("release-1.json"))
        .unwrap();
    let state = house.state();
    assert_eq!(state["slots"], before["slots"]);
    assert_eq!(state["contents"]["green"]["id"], "shop-1");
    house.expect(0, "promote", &args("status", &[])).unwrap();
    house.promote(0, "2").unwrap();
}

#[test]
fn all_that_contradicts_an_adoption_is_told_at_once() {
    let house = furnished();
    fs::remove_dir_all(house.path(".liftlock/state")).unwrap();
    house
        .write(
            "weights.json",
            r#"{"weights": {"blue": 4000, "green": 6000}, "stable": "green", "canary": "blue"}"#,
        )
        .unwrap();
    for file in ["api", "image"] {
        let path = format!("slots/blue/{file}");
        house.write(&path, "something").unwrap();
    }
    house
        .write("site/index.json", r#"{"schemaVersion":2,"manifests":[]}"#)
        .unwrap();
    let output = house
        .expect(10, "promote", &adopt("release-1.json"))
        .unwrap();
    let parts = [
        "neither `blue` nor `green` gets all requests",
        "slot `blue` serves api",
        "does not point at this release",
    ];
    for part in parts {
        assert!(output.stderr.contains(part), "{part}: {}", output.stderr);
    }
    let said = "slot `green` serves";
    assert!(!output.stderr.contains(said), "{}", output.stderr);
    assert!(house.state().is_null());
}

#[test]
fn a_file_may_only_tighten_the_policy() {
    let house = furnished();
    house
        .write("policy.yaml", house.text("liftlock.yaml"))
        .unwrap();
    let policy = format!("file:{}", house.path("policy.yaml").display());
    let run = |code: i32, words: &str, others: &str, why: &str| {
        // Who is trusted is the policy's alone.
        let rules = house.text("policy.yaml").replace(words, others);
        let rules = rules.split("trust:\n").next().unwrap().to_owned();
        house.write("liftlock.yaml", rules).unwrap();
        let run = args("run", &["--release", "release-2.json", "--dry-run"]);
        let output = house
            .run("promote", &run)
            .env("LIFTLOCK_POLICY", &policy)
            .output()
            .unwrap();
        assert_eq!(output.code, code, "{}{}", output.stdout, output.stderr);
        assert!(
            output.stderr.contains(why) || output.stdout.contains(why),
            "{}",
            output.stderr
        );
    };
    run(
        3,
        "bake: 300ms",
        "bake: 1ms",
        "environments.production.bake",
    );
    run(
        3,
        "min-requests: 100",
        "min-requests: 1",
        "environments.production.min-requests",
    );
    let trusting = "version: 1\ntrust: [{ name: me, roles: [builder], keys: [{ key-file: keys/mallory.pub }] }]";
    run(3, "version: 1", trusting, "`trust`");
    run(0, "bake: 300ms", "bake: 400ms", "protected");
    // Leaving a demand out does not lower it.
    house.build("3", "0.2%").unwrap();
    house.sign("3", "mallory", &STRANGE).unwrap();
    house
        .write(
            "liftlock.yaml",
            "version: 1
environments: { production: { requires: [] } }
",
        )
        .unwrap();
    let output = house
        .run("promote", &args("run", &["--release", "release-3.json"]))
        .env("LIFTLOCK_POLICY", &policy)
        .output()
        .unwrap();
    assert_eq!(output.code, 10, "{}{}", output.stdout, output.stderr);
}

#[test]
fn a_policy_that_forbids_to_observe_is_kept() {
    let house = furnished();
    let rules = house.text("liftlock.yaml");
    house
        .write(
            "liftlock.yaml",
            format!("{rules}allow: {{ observe: false }}\n"),
        )
        .unwrap();
    let run = args("run", &["--release", "release-2.json", "--mode", "observe"]);
    let output = house.expect(3, "promote", &run).unwrap();
    assert!(
        output.stderr.contains("does not allow `--mode observe`"),
        "{}",
        output.stderr
    );
}

#[test]
fn a_ledger_that_cannot_be_written_stops_nothing() {
    let house = furnished();
    let ledger = house.path(".liftlock/ledger");
    let aside = house.path("aside");
    fs::rename(&ledger, &aside).unwrap();
    fs::write(&ledger, "no folder").unwrap();
    let output = house.promote(0, "2").unwrap();
    assert_eq!(output.json().unwrap()["recorded"], false);
    assert!(output.stderr.contains("not recorded"), "{}", output.stderr);
    fs::remove_file(&ledger).unwrap();
    fs::rename(&aside, &ledger).unwrap();
    house.promote(0, "2").unwrap();
    let finished = |house: &House| {
        let records = house.records();
        records
            .iter()
            .filter(|record| record["kind"] == "promotion-finished")
            .count()
    };
    assert_eq!(finished(&house), 2);
}

#[test]
fn an_outcome_signed_by_the_gate_is_kept_as_evidence() {
    let house = furnished();
    let run = args(
        "run",
        &["--release", "release-2.json", "--key", "keys/gate.key"],
    );
    let result = house.expect(0, "promote", &run).unwrap().json().unwrap();
    let digest = result["detail"]["attestation"]
        .as_str()
        .unwrap()
        .replace("sha256:", "");
    let release = result["detail"]["outcome"]["plan"]["release"]["digest"]
        .as_str()
        .unwrap()
        .replace("sha256:", "");
    let folder = house.path(&format!(".liftlock/evidence/sha256/{release}"));
    let kept = fs::read_dir(folder).unwrap().any(|kind| {
        Path::new(&kind.unwrap().path())
            .join(format!("{digest}.json"))
            .exists()
    });
    assert!(kept);
}
