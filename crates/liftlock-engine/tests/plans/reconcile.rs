//! What is live was changed by somebody else, and is made what the state says.

use std::fs;

use liftlock::plan::Plan;
use liftlock::plan::make::Inputs;
use liftlock::plan::reconcile::reconcile;
use liftlock::verdict::Verdict;
use liftlock_engine::World;
use serde_json::Value;

use crate::stage::{Stage, Way, folder};
use crate::store::Death;

/// Release 1 is live; somebody set the weights and deleted the tag.
fn drifted(stage: &Stage) -> Plan {
    stage.up(&stage.release("1"));
    let split =
        r#"{"weights": {"blue": 5000, "green": 5000}, "stable": "green", "canary": "blue"}"#;
    fs::write(stage.root.join("weights.json"), split).unwrap();
    let index = stage.root.join("site/index.json");
    let text = fs::read_to_string(&index).unwrap();
    let untagged = text.replace("org.opencontainers.image.ref.name", "x");
    fs::write(&index, untagged).unwrap();
    let world = stage.sound();
    assert_eq!(world.drift(&stage.document()).unwrap().len(), 2);
    plan(stage, &world)
}

pub(crate) fn plan(stage: &Stage, world: &World) -> Plan {
    let document = stage.document();
    let live = document.live.clone().unwrap();
    let inputs = Inputs {
        service: &world.rules.service,
        environment: &world.environment,
        state: &document,
        release: &live.release,
        pointers: &world.pointers().unwrap(),
        policy: world.rules.policy,
        approval: None,
        break_glass: None,
        now: live.since,
    };
    reconcile(&inputs, "it was restarted").unwrap()
}

#[test]
fn a_reconcile_that_died_at_any_write_is_finished_by_whoever_comes_next() {
    let folder = folder();
    let stage = Stage::new(folder.path());
    let (outcome, writes) = stage.drive(&drifted(&stage), Way::Up, Death::Never);
    assert_eq!(outcome.unwrap().verdict, Verdict::Pass);
    assert!(writes > 8, "{writes}");
    let wanted = stage.end();
    assert!(!wanted.leased);
    for at in 1..=writes {
        for death in [Death::Before(at), Death::After(at)] {
            let stage = Stage::new(folder.path());
            let plan = drifted(&stage);
            let live = stage.document().live;
            drop(stage.drive(&plan, Way::Up, death));
            let document = stage.document();
            let over = document.run.filter(|run| run.id == plan.id());
            if over.and_then(|run| run.verdict).is_none() {
                let (last, _) = stage.drive(&plan, Way::Up, Death::Never);
                assert_eq!(last.unwrap().verdict, Verdict::Pass, "{death:?}");
            } else {
                stage.tell();
            }
            assert_eq!(stage.end(), wanted, "{death:?}");
            assert_eq!(stage.document().live, live, "{death:?}");
            let drift = stage.sound().drift(&stage.document()).unwrap();
            assert!(drift.is_empty(), "{drift:?}");
        }
    }
}

#[test]
fn a_reconcile_that_fails_leaves_what_it_found_and_says_so() {
    let folder = folder();
    let stage = Stage::new(folder.path());
    let plan = drifted(&stage);
    // Between the look and the plan somebody fills the slot with something else.
    let slot = stage.root.join("slots/green/api");
    fs::write(&slot, "other").unwrap();
    let before = fs::read_to_string(stage.root.join("weights.json")).unwrap();
    let (outcome, _) = stage.drive(&plan, Way::Up, Death::Never);
    let outcome = outcome.unwrap();
    assert_eq!((outcome.verdict, outcome.restored), (Verdict::Fail, false));
    let after = fs::read_to_string(stage.root.join("weights.json")).unwrap();
    let weights = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    assert_eq!(weights(&after), weights(&before));
    let end = stage.end();
    assert_eq!((end.live.as_deref(), end.leased), (Some("shop-1"), false));
}
