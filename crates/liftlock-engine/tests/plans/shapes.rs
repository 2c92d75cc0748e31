//! Blue-green and rolling are plans of the same steps, said by the configuration.

use std::fs;
use std::path::Path;

use liftlock::percent::Percent;
use liftlock::plan::make::Refusal;
use liftlock::plan::{Action, Plan};
use liftlock::verdict::Verdict;
use serde_json::json;

use crate::stage::{Stage, Way, folder};

/// The words of a plan's steps, without their numbers.
fn words(plan: &Plan) -> Vec<&str> {
    let steps = plan.steps.iter();
    steps
        .map(|step| step.id.split_once('-').unwrap().1)
        .collect()
}

/// The canary's shares in order.
fn shares(plan: &Plan) -> Vec<Percent> {
    let canary = &plan.slots.as_ref().unwrap().canary;
    let steps = plan.steps.iter();
    steps
        .filter_map(|step| {
            let Action::Shift { weights } = &step.action else {
                return None;
            };
            Some(weights[canary])
        })
        .collect()
}

/// Version 1 is live, and an environment with these steps is about to take version 2.
fn scene(root: &Path, steps: &[&str]) -> (Stage, Plan) {
    let mut stage = Stage::new(root);
    stage.up(&stage.release("1"));
    let release = stage.release("2");
    stage.also = json!({ "steps": steps });
    let plan = stage.plan(&stage.sound(), &release, Way::Up);
    (stage, plan)
}

#[test]
fn blue_green_is_a_plan_with_one_share() {
    let folder = folder();
    let (stage, plan) = scene(folder.path(), &["100%"]);
    let expected = [
        "place", "prove", "shift", "bake", "check", "point", "swap", "watch",
    ];
    assert_eq!(words(&plan), expected);
    let outcome = stage.drive_in(&stage.sound(), &plan, Way::Up).unwrap();
    assert_eq!(outcome.verdict, Verdict::Pass);
    let end = stage.end();
    assert_eq!(
        end.weights["weights"],
        json!({ "blue": 10_000, "green": 0 })
    );
}

#[test]
fn a_bad_version_that_got_all_requests_at_once_is_taken_back() {
    let folder = folder();
    let (mut stage, _) = scene(folder.path(), &["100%"]);
    let release = stage.release("bad");
    let plan = stage.plan(&stage.sound(), &release, Way::Up);
    let outcome = stage.drive_in(&stage.sound(), &plan, Way::Up).unwrap();
    assert_eq!((outcome.verdict, outcome.restored), (Verdict::Fail, true));
    assert!(outcome.turned.unwrap().reason.starts_with("04-bake"));
    // Without a promise there is nothing to hold it against.
    stage.also = json!({ "steps": ["100%"], "slo": {}, "watch": "0s" });
    let refused = stage.refused(&stage.sound(), &release);
    assert_eq!(refused, Refusal::NoBaseline("production".parse().unwrap()));
}

#[test]
fn a_fault_that_begins_at_the_whole_is_found_where_nothing_is_beside_it() {
    for (first, probes) in [("5%", 0), ("0%", 200)] {
        let folder = folder();
        let (stage, plan) = scene(folder.path(), &[first, "100%"]);
        stage.clock.probes.set(probes);
        let slot = stage.root.join("slots/blue/api");
        stage
            .clock
            .when("08-bake", move || fs::write(slot, "bad").unwrap());
        let outcome = stage.drive_in(&stage.sound(), &plan, Way::Up).unwrap();
        let reason = outcome.turned.unwrap().reason;
        assert!(
            reason.starts_with("08-bake: beside the objective: canary"),
            "{first}: {reason}"
        );
        assert_eq!((outcome.verdict, outcome.restored), (Verdict::Fail, true));
    }
}

#[test]
fn a_bake_at_the_whole_needs_a_promise_unless_it_judges_nothing() {
    let folder = folder();
    let (mut stage, _) = scene(folder.path(), &["5%", "100%"]);
    let release = stage.release("3");
    for first in ["0%", "5%"] {
        stage.also = json!({ "steps": [first, "100%"], "slo": {}, "watch": "0s" });
        let refused = stage.refused(&stage.sound(), &release);
        assert_eq!(refused, Refusal::NoWhole("production".parse().unwrap()));
        let told = refused.to_string();
        assert!(told.contains("slo: { availability: 99.9% }"), "{told}");
    }
    stage.also["bake"] = json!("0s");
    stage.also["min-requests"] = json!(0);
    stage.plan(&stage.sound(), &release, Way::Up);
}

#[test]
fn a_probe_is_baked_before_the_first_user_comes() {
    let folder = folder();
    let (stage, plan) = scene(folder.path(), &["0%", "100%"]);
    assert_eq!(shares(&plan), [Percent::ZERO, Percent::FULL]);
    stage.clock.probes.set(200);
    let outcome = stage.drive_in(&stage.sound(), &plan, Way::Up).unwrap();
    assert_eq!(outcome.verdict, Verdict::Pass, "{outcome:?}");
}

#[test]
fn what_nobody_probes_gets_no_user() {
    let folder = folder();
    let (stage, plan) = scene(folder.path(), &["0%", "100%"]);
    let outcome = stage.drive_in(&stage.sound(), &plan, Way::Up).unwrap();
    assert_eq!((outcome.verdict, outcome.restored), (Verdict::Blind, true));
    let shifted = outcome
        .journal
        .iter()
        .filter(|entry| entry.step.ends_with("shift"));
    assert_eq!(shifted.count(), 2, "the share of nothing, and the way back");
}

#[test]
fn a_bad_version_fails_by_its_probe() {
    let folder = folder();
    let (mut stage, _) = scene(folder.path(), &["0%", "100%"]);
    let release = stage.release("bad");
    stage.also = json!({ "steps": ["0%", "100%"] });
    let plan = stage.plan(&stage.sound(), &release, Way::Up);
    stage.clock.probes.set(200);
    let outcome = stage.drive_in(&stage.sound(), &plan, Way::Up).unwrap();
    assert_eq!((outcome.verdict, outcome.restored), (Verdict::Fail, true));
    let why = outcome.turned.unwrap().reason;
    assert!(why.starts_with("04-bake"), "{why}");
}

#[test]
fn rolling_is_a_plan_with_one_share_a_server() {
    let folder = folder();
    let (_, plan) = scene(folder.path(), &["25%", "50%", "75%", "100%"]);
    let quarters =
        [2_500, 5_000, 7_500, 10_000].map(|points| Percent::from_basis_points(points).unwrap());
    assert_eq!(shares(&plan), quarters);
    let full = 4;
    let needed = quarters.map(|share| liftlock::traffic::capacity::needed(share, full));
    assert_eq!(needed, [1, 2, 3, 4]);
}
