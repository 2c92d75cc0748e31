//! First contact: what serves already is not taken for nothing.

use std::fs;

use liftlock::failure::Kind;
use liftlock::plan::Kind as PlanKind;
use liftlock::verdict::Verdict;
use serde_json::json;

use crate::stage::{Stage, Way, folder};

/// All requests go to blue, as a proxy or a person set them.
fn all_to_blue(stage: &Stage) {
    let weights = json!({ "weights": { "blue": 10_000, "green": 0 },
                          "stable": "blue", "canary": "green" });
    fs::write(stage.root.join("weights.json"), weights.to_string()).unwrap();
}

#[test]
fn a_slot_that_serves_everybody_has_to_be_adopted_first() {
    let folder = folder();
    let stage = Stage::new(folder.path());
    all_to_blue(&stage);
    fs::write(stage.root.join("slots/blue/api"), "since long ago").unwrap();
    let world = stage.sound();
    let plan = stage.plan(&world, &stage.release("1"), Way::Up);
    assert_eq!(plan.kind, PlanKind::First);
    let refused = world.first(plan).unwrap_err();
    assert_eq!(refused.kind, Kind::Blocked);
    let hint = refused.hint.unwrap();
    assert!(hint.contains("promote adopt"), "{hint}");
}

#[test]
fn a_first_release_that_fails_sets_back_how_requests_were_split() {
    let folder = folder();
    let stage = Stage::new(folder.path());
    all_to_blue(&stage);
    let world = stage.sound();
    let plan = stage.plan(&world, &stage.release("1-bad"), Way::Up);
    let plan = world.first(plan).unwrap();
    let outcome = stage.drive_in(&world, &plan, Way::Up).unwrap();
    assert_eq!((outcome.verdict, outcome.restored), (Verdict::Fail, true));
    let weights = stage.end().weights["weights"].clone();
    assert_eq!(weights, json!({ "blue": 10_000, "green": 0 }));
}

#[test]
fn where_nothing_is_split_nothing_is_found() {
    let folder = folder();
    let stage = Stage::new(folder.path());
    let world = stage.sound();
    let plan = stage.plan(&world, &stage.release("1"), Way::Up);
    assert_eq!(world.first(plan.clone()).unwrap(), plan);
    // What cannot be read is not nothing.
    fs::write(stage.root.join("weights.json"), "<html>").unwrap();
    world.first(plan).unwrap_err();
}
