//! A sweep over several environments: what one waits for holds up no other.
#![cfg(test)]

use std::fs;
use std::time::Duration;

use serde_json::Value;
use testkit::cli::{Run, bin};
use testkit::house::House;
use testkit::process::Process;
use testkit::wait;

const LIMIT: Duration = Duration::from_secs(60);

/// An environment before production, which nobody uses: it bakes for an hour.
const EARLY: &str = r#"  early:
    requires: [signature]
    place: { command: [./deploy, "{slot}"] }
    prove: { files: "slots/{slot}" }
    traffic: { weights-file: { path: early.json, slots: { stable: old, canary: new } } }
    steps: [5%, 100%]
    bake: 1h
    look: 50ms
    min-requests: 100
    slo: { availability: 99% }
    metrics: { counts: early.csv }
trust:
"#;

/// Version 1 is live in both environments, and version 2 is signed.
fn house() -> House {
    let mut house = House::new().unwrap();
    house.open().unwrap();
    house.release("1").unwrap();
    house.promote(0, "1").unwrap();
    house.release("2").unwrap();
    house.configure("bake: 300ms", "bake: 30s").unwrap();
    house.configure("trust:\n", EARLY).unwrap();
    let header = liftlock::canary::counts::HEADER;
    house.write("early.csv", format!("{header}\n")).unwrap();
    let all = r#"{"weights":{"old":10000,"new":0},"stable":"old","canary":"new"}"#;
    house.write("early.json", all).unwrap();
    fs::create_dir_all(house.path("slots/new")).unwrap();
    fs::create_dir_all(house.path("slots/old")).unwrap();
    for file in ["api", "image"] {
        let built = house.text(&format!("builds/shop-1/{file}"));
        house.write(&format!("slots/old/{file}"), built).unwrap();
    }
    let adopt = ["adopt", "--environment", "early", "--reason", "it runs"];
    let release = ["--release", "release-1.json"];
    let adopt = [&adopt[..], &release].concat();
    house.expect(0, "promote", &adopt).unwrap();
    house
}

fn state(house: &House, environment: &str) -> Value {
    let path = format!(".liftlock/state/environments/shop/{environment}.json");
    serde_json::from_str(&house.text(&path)).unwrap_or_default()
}

fn start(house: &House, words: &[&str]) -> Process {
    let run = Run::new(bin("promote")).args(words);
    let mut command = run.command(&house.path(""));
    command.current_dir(house.path(""));
    Process::spawn(words[0], &mut command, &house.path("")).unwrap()
}

/// A plan for version 2 whose runner was killed in its first bake.
fn orphaned(house: &House, environment: &str) {
    let words = ["run", "--release", "release-2.json", "--environment"];
    let mut run = start(house, &[&words[..], &[environment]].concat());
    wait::until("a bake", LIMIT, || {
        let under_way = &state(house, environment)["run"];
        let is_ours = under_way["plan"]["release"]["id"] == "shop-2";
        let mut entries = under_way["journal"]["entries"].as_array()?.iter();
        let is_baking = entries.any(|one| one["step"] == "04-bake");
        (is_ours && is_baking).then_some(())
    })
    .unwrap();
    run.kill().unwrap();
}

#[test]
fn what_bakes_in_one_environment_keeps_no_sweep_from_taking_another_back() {
    let house = house();
    orphaned(&house, "early");
    orphaned(&house, "production");
    house.write("slots/blue/error-rate", "50%").unwrap();
    let mut sweep = start(&house, &["sweep"]);
    wait::until("the way back", LIMIT, || {
        (state(&house, "production")["run"]["verdict"] == "fail").then_some(())
    })
    .unwrap_or_else(|error| panic!("{error}: {}", sweep.stderr()));
    let live = &state(&house, "production")["live"];
    assert_eq!(live["release"]["id"], "shop-1");
    // The other one is still driven, and still bakes.
    let early = state(&house, "early");
    assert!(early["run"]["verdict"].is_null(), "{early}");
    assert!(early["lease"]["owner"].is_object(), "{early}");
    sweep.signal("TERM").unwrap();
    assert_eq!(sweep.wait(LIMIT).unwrap().code(), Some(143));
    assert!(state(&house, "early")["lease"].is_null());
    let said = sweep.stderr();
    assert!(said.contains("production: going back: 04-bake"), "{said}");
    assert!(said.contains("early: 04-bake"), "{said}");
}
