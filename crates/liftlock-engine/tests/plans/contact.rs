//! First contact: what serves already is not taken for nothing.

use std::fs;

use liftlock::digest::Digest;
use liftlock::failure::Kind;
use liftlock::plan::Kind as PlanKind;
use liftlock::verdict::Verdict;
use serde_json::{Value, json};
use testkit::http::{Answer, Server};

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

/// How requests are split, and how the slot proves what it serves.
fn refused_in(weights: &Value, prove: &Value) -> Option<(Kind, String)> {
    let folder = folder();
    let mut stage = Stage::new(folder.path());
    fs::write(stage.root.join("weights.json"), weights.to_string()).unwrap();
    stage.also = json!({ "prove": prove });
    let world = stage.sound();
    let plan = stage.plan(&world, &stage.release("1"), Way::Up);
    let failure = world.first(plan).err()?;
    assert!(failure.hint.as_ref()?.contains("promote adopt"));
    Some((failure.kind, failure.lines().join(": ")))
}

#[test]
fn a_slot_with_requests_is_empty_only_where_that_is_proved() {
    let split = |blue: u16, green: u16| {
        json!({ "weights": { "blue": blue, "green": green },
                "stable": "blue", "canary": "green" })
    };
    let gone = Server::start(|_| Answer::new(404)).unwrap();
    let broken = Server::start(|_| Answer::new(500)).unwrap();
    let page = Server::start(|_| Answer::new(200).body("<html>")).unwrap();
    let empty = Server::start(|_| Answer::new(200).body("{\"digests\": {}}")).unwrap();
    let other = json!({ "digests": { "web": Digest::of(b"web") } }).to_string();
    let other = Server::start(move |_| Answer::new(200).body(other.clone())).unwrap();
    let nobody = format!("http://{}/", testkit::process::free_address().unwrap());
    let pages = [
        (gone.url("/"), Some("does not say what it serves")),
        (broken.url("/"), Some("does not say what it serves")),
        (page.url("/"), Some("does not say what it serves")),
        (nobody, Some("does not say what it serves")),
        (other.url("/"), Some("serves something")),
        (empty.url("/"), None),
    ];
    let shares = [(10_000, 0), (0, 10_000), (5_000, 5_000), (9_000, 1_000)];
    for (page, why) in &pages {
        let prove = json!({ "http": page, "json": "/digests" });
        for (blue, green) in shares {
            let found = refused_in(&split(blue, green), &prove);
            let kind = found.as_ref().map(|(kind, _)| *kind);
            assert_eq!(kind, why.map(|_| Kind::Blocked), "{page} {blue} {found:?}");
            let said = found.map(|(_, said)| said).unwrap_or_default();
            assert!(said.contains(why.unwrap_or_default()), "{page}: {said}");
        }
        // Who gets no request may serve anything.
        assert_eq!(refused_in(&split(0, 0), &prove), None, "{page}");
    }
    let command = json!({ "command": ["sh", "-c", "exit 1"], "json": "" });
    let (kind, _) = refused_in(&split(10_000, 0), &command).unwrap();
    assert_eq!(kind, Kind::Blocked);
}

#[test]
fn the_other_slot_of_two_that_share_requests_counts_as_well() {
    let folder = folder();
    let stage = Stage::new(folder.path());
    let half = json!({ "weights": { "blue": 5_000, "green": 5_000 },
                       "stable": "blue", "canary": "green" });
    fs::write(stage.root.join("weights.json"), half.to_string()).unwrap();
    let world = stage.sound();
    let plan = stage.plan(&world, &stage.release("1"), Way::Up);
    assert_eq!(world.first(plan.clone()).unwrap(), plan);
    fs::write(stage.root.join("slots/green/api"), "since long ago").unwrap();
    let refused = world.first(plan).unwrap_err();
    assert_eq!(refused.kind, Kind::Blocked);
    let said = refused.lines().join(": ");
    assert!(said.contains("`green` gets requests"), "{said}");
}

#[test]
fn what_failed_gets_no_requests_back_where_its_slot_had_all() {
    let folder = folder();
    let stage = Stage::new(folder.path());
    let all = json!({ "weights": { "blue": 0, "green": 10_000 },
                      "stable": "blue", "canary": "green" });
    fs::write(stage.root.join("weights.json"), all.to_string()).unwrap();
    let world = stage.sound();
    let plan = stage.plan(&world, &stage.release("1-bad"), Way::Up);
    let plan = world.first(plan).unwrap();
    let outcome = stage.drive_in(&world, &plan, Way::Up).unwrap();
    assert_eq!((outcome.verdict, outcome.restored), (Verdict::Fail, true));
    let weights = stage.end().weights["weights"].clone();
    assert_eq!(weights, json!({ "blue": 0, "green": 0 }));
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
