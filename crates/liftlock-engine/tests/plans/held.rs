//! A hold stops whatever goes up, at once; and what is at rest goes back when
//! what it rests on is gone.

use std::sync::Arc;

use liftlock::failure::Kind;
use liftlock::plan::wish::What;
use liftlock::state::{Document, Hold};
use liftlock::verdict::Verdict;
use liftlock_engine::{Outcome, Pace as _, Stay};
use liftlock_io::owner;
use serde_json::json;

use crate::asked::Scene;
use crate::rejection::rejects;
use crate::stage::{Stage, Way, folder, gone};
use crate::store::{Death, Disk};

const STATE: &str = "environments/shop/production.json";

/// Writes a hold into the state, as `rollback hold` does.
fn hold(state: &Disk) {
    let mut disk = state.lock().unwrap();
    let mut document = Document::parse(&disk[STATE]).unwrap();
    document.hold = Some(Hold {
        reason: "incident".to_owned(),
        by: "bob".to_owned(),
        at: testkit::samples::now(),
    });
    document.revision += 1;
    disk.insert(STATE.to_owned(), serde_json::to_vec(&document).unwrap());
}

fn hold_when(stage: &Stage, told: &str) {
    let state = Arc::clone(&stage.state);
    stage.clock.when(told, move || hold(&state));
}

fn is_back(outcome: &Outcome, what: &str) {
    let reason = outcome.turned.as_ref().map(|turned| turned.reason.as_str());
    assert_eq!(reason, Some("a hold was placed by bob: incident"), "{what}");
    let ended = (outcome.verdict, outcome.restored);
    assert_eq!(ended, (Verdict::Fail, true), "{what}");
}

#[test]
fn a_hold_during_any_step_takes_the_plan_back_before_its_next_one() {
    let steps = Scene::new().plan.steps;
    for (place, step) in steps.iter().enumerate() {
        let scene = Scene::new();
        hold_when(&scene.stage, &step.id);
        let outcome = scene.drive();
        let outcome =
            outcome.unwrap_or_else(|failure| panic!("{}: {:?}", step.id, failure.lines()));
        // A check looks for itself.
        if !step.id.ends_with("check") {
            is_back(&outcome, &step.id);
        }
        assert_eq!((outcome.verdict, outcome.restored), (Verdict::Fail, true));
        assert_eq!(scene.stage.end().live.as_deref(), Some("shop-1"));
        let next = steps.get(place + 1);
        let begun = next.is_some_and(|next| outcome.journal.iter().any(|one| one.step == next.id));
        assert!(!begun, "{}: {next:?} was begun", step.id);
    }
}

#[test]
fn a_hold_after_the_last_look_comes_before_the_end() {
    let scene = Scene::new();
    let last = &scene.plan.steps.last().unwrap().id;
    hold_when(&scene.stage, &format!("{last}: canary"));
    is_back(&scene.drive().unwrap(), "at the end");
    assert_eq!(scene.stage.end().live.as_deref(), Some("shop-1"));
}

#[test]
fn a_hold_is_heard_by_a_plan_of_pointers_alone() {
    let folder = folder();
    let mut stage = Stage::new(folder.path());
    stage.also = json!({ "traffic": null, "place": null, "prove": null, "metrics": null,
                         "slo": null, "watch": null });
    stage.up(&stage.release("1"));
    let before = stage.sound().pointers().unwrap();
    let plan = stage.plan(&stage.sound(), &stage.release("2"), Way::Up);
    hold_when(&stage, "01-point");
    let outcome = stage.drive(&plan, Way::Up, Death::Never).0.unwrap();
    is_back(&outcome, "pointers");
    assert_eq!(stage.sound().pointers().unwrap(), before);
}

#[test]
fn a_way_down_begins_and_ends_under_a_hold() {
    let folder = folder();
    let stage = Stage::new(folder.path());
    let first = stage.release("1");
    stage.up(&first);
    stage.up(&stage.release("2"));
    let plan = stage.plan(&stage.sound(), &first, Way::Down);
    hold_when(&stage, &plan.steps[0].id);
    let outcome = stage.drive(&plan, Way::Down, Death::Never).0.unwrap();
    assert_eq!(outcome.verdict, Verdict::Pass);
}

#[test]
fn what_is_at_rest_goes_back_when_its_release_is_rejected() {
    for parked in [true, false] {
        let scene = Scene::new();
        let world = scene.stage.sound();
        if parked {
            let by = (&gone(), &world);
            let ended = scene
                .stage
                .drive_staying(Stay::Parked, by, &scene.plan, Way::Up);
            assert_eq!(ended.unwrap().verdict, Verdict::Pending);
        } else {
            let (died, _) = scene.stage.drive(&scene.plan, Way::Up, Death::After(20));
            assert!(died.is_err());
            scene.ask(What::Pause).unwrap();
        }
        let now = scene.stage.clock.now();
        let at_rest = || {
            let engine = liftlock_engine::Engine::open(&world, &scene.stage.clock);
            engine.unwrap().is_at_rest(now).unwrap()
        };
        assert_eq!(scene.drive().unwrap().verdict, Verdict::Pending, "{parked}");
        assert!(at_rest(), "{parked}");
        rejects(&world, &scene.stage.release("2"), None);
        assert!(!at_rest(), "{parked}");
        let outcome = scene.drive().unwrap();
        assert_eq!((outcome.verdict, outcome.restored), (Verdict::Fail, true));
        let reason = outcome.turned.unwrap().reason;
        assert!(reason.contains("it loses orders"), "{parked}: {reason}");
    }
}

#[test]
fn a_word_that_comes_too_late_is_refused_and_changes_nothing() {
    let rules = json!({
        "bake": "4m", "look": "30s", "lease": "1m", "answer-within": "2m", "on-blind": "ask",
    });
    let scene = Scene::with("2", rules);
    scene.stage.clock.quiet.set(true);
    assert_eq!(scene.drive().unwrap().verdict, Verdict::Pending);
    let document = scene.stage.document();
    let until = document.run.as_ref().unwrap().journal.rest.as_ref();
    let until = until.unwrap().until;
    while scene.stage.clock.now() < until {
        scene.stage.clock.pass(1);
    }
    let refused = scene.ask(What::Advance).unwrap_err();
    assert_eq!(refused.kind, Kind::Blocked);
    let told = refused.lines().join(": ");
    assert!(told.contains(&until.to_string()), "{told}");
    assert_eq!(scene.stage.document(), document);
    let found = document.found(scene.stage.clock.now(), &owner::is_dead);
    assert_eq!(found, liftlock::plan::rest::Found::Due);
    let outcome = scene.drive().unwrap();
    assert_eq!((outcome.verdict, outcome.restored), (Verdict::Blind, true));
}
