//! An approval that is taken back stops a promotion wherever it is.

use liftlock::digest::Digest;
use liftlock::plan::{Action, Plan};
use liftlock::verdict::Verdict;
use serde_json::json;
use tempfile::TempDir;

use crate::people::{approve, withdraw};
use crate::stage::{Stage, Way, folder};
use crate::store::Death;

/// Version 1 is live, and version 2 was approved.
struct Scene {
    _folder: TempDir,
    stage: Stage,
    plan: Plan,
    request: Digest,
}

fn scene() -> Scene {
    let folder = folder();
    let mut stage = Stage::new(folder.path());
    stage.up(&stage.release("1"));
    stage.also = json!({
        "requires": ["signature", "approval"],
        "approval": { "quorum": 2, "people": ["alice", "bob", "carol"] },
        "bake": "4m", "look": "30s", "lease": "1m",
    });
    let release = stage.release("2");
    let request = approve(&stage, &release, &["alice", "bob"]);
    let plan = stage.plan(&stage.sound(), &release, Way::Up);
    assert_eq!(plan.approval, Some(request));
    Scene {
        _folder: folder,
        stage,
        plan,
        request,
    }
}

#[test]
fn an_approval_that_nobody_takes_back_carries_a_promotion_to_its_end() {
    let scene = scene();
    let (outcome, _) = scene.stage.drive(&scene.plan, Way::Up, Death::Never);
    assert_eq!(outcome.unwrap().verdict, Verdict::Pass);
}

#[test]
fn a_withdrawal_before_the_plan_lets_nothing_begin() {
    let scene = scene();
    withdraw(&scene.stage.sound(), &scene.request);
    let world = scene.stage.sound();
    let chain = scene.stage.chain(&world, &scene.stage.release("2"));
    assert_eq!(chain.verdict, Verdict::Fail);
    let unmet = chain.unmet();
    assert!(unmet.contains("withdrawn by bob"), "{unmet}");
    assert!(unmet.contains("wrong version"), "{unmet}");
}

#[test]
fn a_withdrawal_during_any_step_stops_the_plan_before_its_next_one() {
    let steps: Vec<String> = scene().plan.steps.into_iter().map(|one| one.id).collect();
    for (place, step) in steps.iter().enumerate() {
        let scene = scene();
        let (world, request) = (scene.stage.sound(), scene.request);
        let incident = move || withdraw(&world, &request);
        scene.stage.clock.when(step, incident);
        let (outcome, _) = scene.stage.drive(&scene.plan, Way::Up, Death::Never);
        let outcome = outcome.unwrap_or_else(|failure| panic!("{step}: {:?}", failure.lines()));
        let Some(next) = steps.get(place + 1) else {
            continue;
        };
        let turned = outcome.turned.as_ref();
        let reason = &turned
            .unwrap_or_else(|| panic!("{step}: it went on"))
            .reason;
        assert!(reason.contains("withdrawn by bob"), "{step}: {reason}");
        assert_eq!(outcome.verdict, Verdict::Fail, "{step}");
        assert!(outcome.restored, "{step}");
        let begun = outcome.journal.iter().any(|entry| entry.step == *next);
        assert!(!begun, "{step}: {next} was begun");
        let end = scene.stage.end();
        assert_eq!(end.live.as_deref(), Some("shop-1"), "{step}");
    }
}

#[test]
fn a_withdrawal_ends_a_bake_long_before_its_time() {
    let scene = scene();
    let mut bakes = scene.plan.steps.iter();
    let bake = bakes.find(|step| matches!(step.action, Action::Bake { .. }));
    let (world, request) = (scene.stage.sound(), scene.request);
    let incident = move || withdraw(&world, &request);
    scene.stage.clock.when(&bake.unwrap().id, incident);
    let (outcome, _) = scene.stage.drive(&scene.plan, Way::Up, Death::Never);
    let outcome = outcome.unwrap();
    let entry = |id: &str| outcome.journal.iter().find(|entry| entry.step == id);
    let began = entry(&bake.unwrap().id).unwrap().began_at;
    let turned = outcome.turned.as_ref().unwrap();
    let lasted = turned.at.millis_since(began);
    assert!(lasted <= 90_000, "the bake went on for {lasted} ms");
}

#[test]
fn a_withdrawal_while_nobody_runs_turns_the_plan_back_when_it_is_resumed() {
    let scene = scene();
    let (died, _) = scene.stage.drive(&scene.plan, Way::Up, Death::After(6));
    assert!(died.is_err());
    withdraw(&scene.stage.sound(), &scene.request);
    let (outcome, _) = scene.stage.drive(&scene.plan, Way::Up, Death::Never);
    let outcome = outcome.unwrap();
    assert_eq!((outcome.verdict, outcome.restored), (Verdict::Fail, true));
    let reason = outcome.turned.unwrap().reason;
    assert!(reason.contains("withdrawn by bob"), "{reason}");
}

#[test]
fn an_end_of_a_request_that_cannot_be_understood_stops_the_plan() {
    let scene = scene();
    let (world, request) = (scene.stage.sound(), scene.request);
    let key =
        liftlock::approval::closed_key(&world.rules.service, &world.environment.name, &request);
    let incident = move || drop(world.state.put_if_absent(&key, b"{\"verdict\":\"maybe\"}"));
    scene.stage.clock.when("03-", incident);
    let (outcome, _) = scene.stage.drive(&scene.plan, Way::Up, Death::Never);
    let outcome = outcome.unwrap();
    assert_eq!((outcome.verdict, outcome.restored), (Verdict::Fail, true));
}
