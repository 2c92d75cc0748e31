//! `promote` killed at every step of its plan, and many at once.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use testkit::cli::bin;
use testkit::house::House;
use testkit::wait;

const LIMIT: Duration = Duration::from_secs(60);

/// Version 0 is live, users ask.
fn house() -> House {
    let mut house = House::new().unwrap();
    house.configure("bake: 300ms", "bake: 150ms").unwrap();
    // With dozens of plans one in a hundred would be a false alarm too many.
    let often = "availability: 99%";
    let rarely = format!("{often}, alpha: 0.01%");
    house.configure(often, &rarely).unwrap();
    house.open().unwrap();
    house.release("0").unwrap();
    house.promote(0, "0").unwrap();
    house
}

/// A `promote` or `rollback` of its own process.
fn start(house: &House, program: &str, version: &str) -> std::process::Child {
    let mut command = Command::new(bin(program));
    command
        .current_dir(house.path(""))
        .args(["run", "--environment", "production"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if program == "promote" {
        command.args(["--release", &format!("release-{version}.json")]);
    }
    command.spawn().unwrap()
}

fn steps(house: &House, release: &str) -> Vec<String> {
    let run = &house.state()["run"];
    assert_eq!(run["plan"]["release"]["id"], release);
    let steps = run["plan"]["steps"].as_array().unwrap();
    steps
        .iter()
        .map(|step| step["id"].as_str().unwrap().to_owned())
        .collect()
}

/// Whether a step of this release's plan was begun, or everything is over.
fn reached(state: &Value, release: &str, step: &str) -> bool {
    let run = &state["run"];
    let entries = run["journal"]["entries"].as_array();
    run["plan"]["release"]["id"] == release
        && (!run["verdict"].is_null()
            || entries.is_some_and(|entries| entries.iter().any(|entry| entry["step"] == step)))
}

/// What a promotion of this version has to come to, whatever happened on the way.
fn is_live(house: &House, version: &str) {
    let release = format!("shop-{version}");
    let state = house.state();
    assert_eq!(state["live"]["release"]["id"], release);
    assert_eq!(state["run"]["verdict"], "pass");
    assert!(state.get("lease").is_none());
    let stable = state["slots"]["stable"].as_str().unwrap();
    assert_eq!(
        house.text(&format!("slots/{stable}/api")),
        format!("api {version}")
    );
    let weights: Value = serde_json::from_str(&house.text("weights.json")).unwrap();
    assert_eq!(weights["weights"][stable], 10_000);
    // Tag, weights and slot: all of it is compared.
    let status = ["status", "--environment", "production"];
    house.expect(0, "promote", &status).unwrap();
}

/// Every step is in the ledger once, under fences that only grow.
fn noted_once(house: &House, release: &str, steps: &[String]) {
    let records = house.records();
    let of_release = records
        .iter()
        .filter(|record| record["release"]["id"] == release);
    let done: Vec<&Value> = of_release
        .clone()
        .filter(|record| record["kind"] == "step-done")
        .collect();
    let names: Vec<&str> = done
        .iter()
        .map(|record| record["detail"]["step"].as_str().unwrap())
        .collect();
    let whys = of_release
        .clone()
        .map(|record| &record["detail"]["reason"])
        .filter(|why| !why.is_null());
    assert_eq!(names, steps, "{release}: {:?}", whys.collect::<Vec<_>>());
    let fences: Vec<u64> = done
        .iter()
        .map(|record| record["fence"].as_u64().unwrap())
        .collect();
    assert!(fences.is_sorted(), "{fences:?}");
    for kind in ["promotion-started", "promotion-finished"] {
        let told = of_release.clone().filter(|record| record["kind"] == kind);
        assert_eq!(told.count(), 1, "{release}: {kind}");
    }
}

#[test]
fn a_promotion_that_is_killed_at_any_step_is_finished_by_the_same_command() {
    let house = house();
    house.release("1").unwrap();
    house.promote(0, "1").unwrap();
    let wanted = steps(&house, "shop-1");
    assert!(wanted.len() > 10, "{wanted:?}");
    let mut killed = BTreeSet::new();
    for (number, step) in wanted.iter().enumerate() {
        let version = (number + 2).to_string();
        let release = format!("shop-{version}");
        house.release(&version).unwrap();
        let mut child = start(&house, "promote", &version);
        wait::until(step, LIMIT, || {
            reached(&house.state(), &release, step).then_some(())
        })
        .unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        if house.state()["run"]["verdict"].is_null() {
            killed.insert(step.clone());
        }
        house.promote(0, &version).unwrap();
        is_live(&house, &version);
        noted_once(&house, &release, &wanted);
        let placed = house.text("placed.log");
        let placed = placed
            .lines()
            .filter(|line| line.ends_with(&format!(" {release}")));
        // Only a kill in the middle of the command makes a second one.
        assert!(
            placed.count() <= 1 + usize::from(step == "01-place"),
            "{step}"
        );
    }
    assert!(killed.len() + 2 >= wanted.len(), "only {killed:?}");
    house.expect(0, "audit-log", &["verify"]).unwrap();
}

#[test]
fn of_many_at_once_one_moves_the_environment() {
    let house = house();
    house.release("1").unwrap();
    house.promote(0, "1").unwrap();
    let wanted = steps(&house, "shop-1");
    house.release("2").unwrap();
    let before = house.records().len();
    let mut children: Vec<_> = (0..8).map(|_| start(&house, "promote", "2")).collect();
    children.push(start(&house, "rollback", ""));
    let codes: Vec<i32> = children
        .iter_mut()
        .map(|child| child.wait().unwrap().code().unwrap())
        .collect();
    assert!(codes.iter().all(|code| [0, 14].contains(code)), "{codes:?}");
    assert!(codes.contains(&0), "{codes:?}");
    let records = house.records().split_off(before);
    let mut seen = BTreeSet::new();
    let mut highest = 0;
    for record in records
        .iter()
        .filter(|record| record["kind"] == "step-done")
    {
        let step = format!("{} {}", record["plan"], record["detail"]["step"]);
        assert!(seen.insert(step.clone()), "{step} is there twice");
        let fence = record["fence"].as_u64().unwrap();
        assert!(fence >= highest, "fence {fence} after {highest}");
        highest = fence;
    }
    let began = |kind: &str| {
        records
            .iter()
            .filter(|record| record["kind"] == kind)
            .count()
    };
    assert!(began("promotion-started") <= 1 && began("rollback-started") <= 1);
    assert_eq!(began("promotion-started"), began("promotion-finished"));
    assert_eq!(began("rollback-started"), began("rollback-finished"));
    let refused = codes.iter().filter(|code| **code == 14).count();
    assert_eq!(began("refused"), refused, "{codes:?}");
    if began("rollback-started") == 0 {
        is_live(&house, "2");
        noted_once(&house, "shop-2", &wanted);
    }
    house
        .expect(0, "promote", &["status", "--environment", "production"])
        .unwrap();
    house.expect(0, "audit-log", &["verify"]).unwrap();
}

#[test]
fn an_environment_that_nobody_can_write_is_told_and_not_half_moved() {
    let house = house();
    house.release("1").unwrap();
    let state = house.path(".liftlock/state");
    let aside = house.path("aside");
    fs::rename(&state, &aside).unwrap();
    fs::write(&state, "no folder").unwrap();
    let weights = house.text("weights.json");
    house.promote(1, "1").unwrap();
    assert_eq!(house.text("weights.json"), weights);
    fs::remove_file(&state).unwrap();
    fs::rename(&aside, &state).unwrap();
    house.promote(0, "1").unwrap();
    is_live(&house, "1");
}
