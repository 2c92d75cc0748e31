//! State, history and an approval that an earlier version wrote are gone on
//! with; what a later one wrote is read, or refused by its number.
#![cfg(test)]

mod sample;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use liftlock::digest::Digest;
use serde_json::{Value, json};
use testkit::house::House;
use testkit::wait;

use crate::sample::unpack;

const STATE: &str = ".liftlock/state/environments/shop/production.json";

/// A house as an earlier version left it: version 1 live, version 2 approved
/// and killed in the middle of its plan, at 5 %. Users ask.
fn house() -> House {
    let mut house = House::new().unwrap();
    unpack(&house);
    house.open().unwrap();
    wait::until("rows", Duration::from_secs(20), || {
        (house.text("counts.csv").lines().count() > 5).then_some(())
    })
    .unwrap();
    house
}

fn args<'a>(subcommand: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&[subcommand, "--environment", "production"], more].concat()
}

fn steps(house: &House) -> Vec<String> {
    let records = house.records();
    let records = records
        .iter()
        .filter(|record| record["kind"] == "step-done" && record["release"]["id"] == "shop-2");
    let name = |record: &Value| record["detail"]["step"].as_str().unwrap().to_owned();
    records.map(name).collect()
}

/// Changes the state as a text of JSON.
fn alter(house: &House, change: impl FnOnce(&mut Value)) {
    let mut state = house.state();
    change(&mut state);
    house.write(STATE, state.to_string()).unwrap();
}

/// Appends a record by hand, in the form that every version of the chain has.
fn append(house: &House, record: &Value) {
    let folder = house.path(".liftlock/ledger/entries");
    let mut names: Vec<PathBuf> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    names.sort();
    let last = fs::read(names.last().unwrap()).unwrap();
    let seq = names.len() + 1;
    let entry = json!({ "seq": seq, "previous": Digest::of(&last), "record": record });
    fs::write(folder.join(format!("{seq:012}.json")), format!("{entry}\n")).unwrap();
}

/// Every file of the stores and of what they move.
fn files(house: &House) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> = [".liftlock", "slots", "site"]
        .map(|name| house.path(name))
        .into();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(
                fs::read_dir(path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        } else {
            found.push((path.clone(), fs::read(path).unwrap()));
        }
    }
    found.sort();
    found.push((
        PathBuf::from("weights"),
        fs::read(house.path("weights.json")).unwrap(),
    ));
    found
}

/// Refused with 3, by this word, and nothing is another than before.
fn refused(house: &House, program: &str, args: &[&str], word: &str) {
    let before = files(house);
    let output = house.expect(3, program, args).unwrap();
    assert!(output.stderr.contains(word), "{program}: {}", output.stderr);
    assert!(
        files(house) == before,
        "{program} {args:?} changed something"
    );
}

#[test]
fn a_plan_that_an_earlier_version_began_is_finished() {
    let house = house();
    let begun = steps(&house);
    assert_eq!(begun, ["01-place", "02-prove", "03-shift"]);
    let run = ["--release", "release-2.json"];
    house.expect(0, "promote", &args("run", &run)).unwrap();
    let state = house.state();
    assert_eq!(state["live"]["release"]["id"], "shop-2");
    assert_eq!(state["run"]["verdict"], "pass");
    let planned = state["run"]["plan"]["steps"].as_array().unwrap();
    let planned: Vec<&str> = planned
        .iter()
        .map(|step| step["id"].as_str().unwrap())
        .collect();
    assert_eq!(steps(&house), planned);
    house.expect(0, "promote", &args("status", &[])).unwrap();
    house.expect(0, "audit-log", &["verify"]).unwrap();
    // What it wrote is enough to go back by.
    house.expect(0, "rollback", &args("run", &[])).unwrap();
    assert_eq!(house.state()["live"]["release"]["id"], "shop-1");
}

#[test]
fn a_plan_that_an_earlier_version_began_is_taken_back() {
    let house = house();
    let hold = args("hold", &["--reason", "complaints"]);
    house.expect(0, "rollback", &hold).unwrap();
    house.expect(10, "promote", &args("resume", &[])).unwrap();
    let state = house.state();
    assert_eq!(state["live"]["release"]["id"], "shop-1");
    let stable = state["slots"]["stable"].as_str().unwrap();
    let weights: Value = serde_json::from_str(&house.text("weights.json")).unwrap();
    assert_eq!(weights["weights"][stable], 10_000);
    house.expect(0, "promote", &args("status", &[])).unwrap();
}

#[test]
fn an_approval_that_an_earlier_version_judged_counts_and_is_used_up() {
    let house = house();
    let approval = house.state()["run"]["plan"]["approval"].clone();
    // The chain is judged again, with every answer in it, at each check.
    house.expect(0, "promote", &args("resume", &[])).unwrap();
    let state = house.state();
    let plan = state["used"][approval.as_str().unwrap()].clone();
    assert_eq!(plan, state["run"]["id"]);
    // Without it the same plan may not go on.
    let other = self::house();
    let evidence = other.path(".liftlock/evidence");
    for subject in fs::read_dir(evidence.join("sha256")).unwrap() {
        let approvals = subject.unwrap().path().join("approval-v1");
        if approvals.exists() {
            fs::remove_dir_all(approvals).unwrap();
        }
    }
    let output = other.expect(10, "promote", &args("resume", &[])).unwrap();
    assert!(output.stderr.contains("approval"), "{}", output.stderr);
    assert_eq!(other.state()["live"]["release"]["id"], "shop-1");
}

#[test]
fn what_a_newer_minor_added_is_skipped() {
    let house = house();
    alter(&house, |state| {
        state["weather"] = json!({ "wind": 3 });
        state["live"]["mood"] = json!("good");
        state["run"]["journal"]["pace"] = json!([1, 2]);
        state["run"]["journal"]["entries"][0]["colour"] = json!("blue");
        state["lease"]["colour"] = json!("blue");
        state["good"][0]["colour"] = json!("blue");
    });
    let mut record = house.records().last().unwrap().clone();
    record["id"] = json!("0123456789abcdef0123456789abcdef");
    record["kind"] = json!("moon-seen");
    record["moon"] = json!("full");
    append(&house, &record);
    house.expect(0, "audit-log", &["verify"]).unwrap();
    house.expect(0, "promote", &args("resume", &[])).unwrap();
    assert_eq!(house.state()["live"]["release"]["id"], "shop-2");
    house.expect(0, "audit-log", &["verify"]).unwrap();
    assert_eq!(
        house
            .records()
            .iter()
            .filter(|one| one["kind"] == "moon-seen")
            .count(),
        1
    );
}

#[test]
fn a_plan_with_more_than_is_known_is_not_gone_on_with() {
    let house = house();
    alter(&house, |state| {
        state["run"]["plan"]["dance"] = json!("waltz");
        // As its writer would have it: the digest of the whole plan.
        state["run"]["id"] = json!(Digest::of(b"with a dance"));
    });
    let weights = house.text("weights.json");
    let output = house.expect(16, "promote", &args("resume", &[])).unwrap();
    assert!(
        output.stderr.contains("its digest is another"),
        "{}",
        output.stderr
    );
    assert_eq!(house.text("weights.json"), weights);
}

#[test]
fn a_state_of_a_newer_major_is_refused_by_its_number() {
    let house = house();
    alter(&house, |state| state["schema_version"] = json!(2));
    let word = "`schema_version` 2 is not 1";
    let release = ["--release", "release-2.json"];
    for (program, args) in [
        ("promote", args("status", &[])),
        ("promote", args("plan", &release)),
        (
            "promote",
            args("run", &[&release[..], &["--dry-run"]].concat()),
        ),
        ("rollback", args("list", &[])),
        ("rollback", args("hold", &["--reason", "wait"])),
    ] {
        refused(&house, program, &args, word);
    }
    // What would have moved something is on record, and nothing moved.
    for (program, args) in [
        ("promote", args("run", &release)),
        ("promote", args("resume", &[])),
        ("rollback", args("run", &[])),
    ] {
        let (state, weights) = (house.text(STATE), house.text("weights.json"));
        let output = house.expect(3, program, &args).unwrap();
        assert!(output.stderr.contains(word), "{program}: {}", output.stderr);
        assert_eq!(
            (house.text(STATE), house.text("weights.json")),
            (state, weights)
        );
        let records = house.records();
        let last = records.last().unwrap();
        assert_eq!(last["kind"], "refused");
        assert!(
            last["detail"]["reason"].as_str().unwrap().contains(word),
            "{last}"
        );
    }
}

#[test]
fn a_ledger_of_a_newer_major_is_refused_by_its_number() {
    let house = house();
    let mut record = house.records().last().unwrap().clone();
    record["id"] = json!("0123456789abcdef0123456789abcdef");
    record["schema_version"] = json!(2);
    append(&house, &record);
    let word = "`schema_version` 2, and this version reads 1";
    for args in [
        &["verify"][..],
        &["query"],
        &[
            "append",
            "--kind",
            "note",
            "--service",
            "shop",
            "--note",
            "hello",
        ],
    ] {
        refused(&house, "audit-log", args, word);
    }
    // No way back hangs on history: the state's own memory is shown, and named as such.
    let before = files(&house);
    let list = house.expect(0, "rollback", &args("list", &[])).unwrap();
    assert!(
        list.stderr.contains("BY THE STATE ALONE"),
        "{}",
        list.stderr
    );
    assert!(list.stderr.contains(word), "{}", list.stderr);
    assert!(files(&house) == before, "a list changed something");
    // History is a projection: the plan goes on, and says that it is not recorded.
    let output = house.expect(0, "promote", &args("resume", &[])).unwrap();
    assert_eq!(output.json().unwrap()["recorded"], false);
    assert!(output.stderr.contains(word), "{}", output.stderr);
}

#[test]
fn a_release_and_a_configuration_of_a_newer_major_are_refused_by_their_number() {
    let house = house();
    let release = house.text("release-2.json");
    house
        .write(
            "release-2.json",
            release
                .replace("\"schema_version\": 1", "\"schema_version\": 2")
                .replace("\"schema_version\":1", "\"schema_version\":2"),
        )
        .unwrap();
    let run = args("plan", &["--release", "release-2.json"]);
    refused(&house, "promote", &run, "`schema_version` 2");
    house.configure("version: 1", "version: 2").unwrap();
    refused(&house, "promote", &args("status", &[]), "version");
}

#[test]
fn the_sample_is_what_it_is_said_to_be() {
    let house = House::new().unwrap();
    unpack(&house);
    assert!(Path::new(&house.path(STATE)).exists());
    let state = house.state();
    let entries = state["run"]["journal"]["entries"].as_array().unwrap();
    let last = entries.last().unwrap();
    assert_eq!(last["step"], "04-bake");
    assert!(last["ended_at"].is_null() && state["run"]["verdict"].is_null());
    assert!(state["lease"].is_object());
}
