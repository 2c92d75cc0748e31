//! A release that is rejected stops on its way up wherever it is, and on its
//! way down it does not.

use liftlock::digest::Digest;
use liftlock::plan::Plan;
use liftlock::reject::{self, Rejected, SCHEMA_VERSION};
use liftlock::release::Identified;
use liftlock::verdict::Verdict;
use liftlock_engine::World;
use liftlock_engine::reject::change;
use tempfile::TempDir;

use crate::stage::{Stage, Way, folder};
use crate::store::Death;

/// Somebody rejects a release, in these environments or in all.
pub(crate) fn rejects(world: &World, release: &Identified, only: Option<&str>) {
    let reference = release.reference();
    let by: Vec<Digest> = reject::digests(&reference);
    let key = reject::key(&world.rules.service, &by[0]);
    let rejected = Rejected {
        schema_version: SCHEMA_VERSION,
        revision: 0,
        id: reference.id.clone(),
        digest: reference.digest,
        only: only.map(|name| [name.parse().unwrap()].into()),
        reason: "it loses orders".to_owned(),
        by: "bob".to_owned(),
        at: testkit::samples::now(),
        lifted: None,
    };
    change(world.state.as_ref(), &key, &|_| Ok(Some(rejected.clone()))).unwrap();
}

/// Version 1 is live, version 2 goes there, or from there.
fn scene(way: Way) -> (TempDir, Stage, Identified, Plan) {
    let folder = folder();
    let stage = Stage::new(folder.path());
    stage.up(&stage.release("1"));
    let mut release = stage.release("2");
    if matches!(way, Way::Down) {
        stage.up(&release);
        release = stage.release("1");
    }
    let plan = stage.plan(&stage.sound(), &release, way);
    (folder, stage, release, plan)
}

#[test]
fn a_rejection_during_any_step_stops_the_plan_before_its_next_one() {
    let steps: Vec<String> = scene(Way::Up)
        .3
        .steps
        .into_iter()
        .map(|one| one.id)
        .collect();
    for (place, step) in steps.iter().enumerate() {
        let (_folder, stage, release, plan) = scene(Way::Up);
        let world = stage.sound();
        stage
            .clock
            .when(step, move || rejects(&world, &release, None));
        let (outcome, _) = stage.drive(&plan, Way::Up, Death::Never);
        let outcome = outcome.unwrap();
        let Some(next) = steps.get(place + 1) else {
            continue;
        };
        let reason = &outcome.turned.as_ref().unwrap().reason;
        assert!(reason.contains("bob"), "{step}: {reason}");
        assert!(reason.contains("it loses orders"), "{step}: {reason}");
        assert_eq!((outcome.verdict, outcome.restored), (Verdict::Fail, true));
        let begun = outcome.journal.iter().any(|entry| entry.step == *next);
        assert!(!begun, "{step}: {next} was begun");
        assert_eq!(stage.end().live.as_deref(), Some("shop-1"), "{step}");
    }
}

#[test]
fn elsewhere_it_stops_nothing() {
    let (_folder, stage, release, plan) = scene(Way::Up);
    rejects(&stage.sound(), &release, Some("staging"));
    let (outcome, _) = stage.drive(&plan, Way::Up, Death::Never);
    assert_eq!(outcome.unwrap().verdict, Verdict::Pass);
}

#[test]
fn a_way_down_that_began_is_gone_to_its_end() {
    let (_folder, stage, release, plan) = scene(Way::Down);
    let world = stage.sound();
    let first = plan.steps[0].id.clone();
    stage
        .clock
        .when(&first, move || rejects(&world, &release, None));
    let (outcome, _) = stage.drive(&plan, Way::Down, Death::Never);
    assert_eq!(outcome.unwrap().verdict, Verdict::Pass);
    assert_eq!(stage.end().live.as_deref(), Some("shop-1"));
}

#[test]
fn a_release_that_was_rejected_where_it_comes_from_is_not_known_good_there() {
    let folder = folder();
    let stage = Stage::new(folder.path());
    stage.up(&stage.release("1"));
    let release = stage.release("1");
    let unmet = |stage: &Stage| {
        let mut world = stage.sound();
        world.environment.promotes_from = Some(world.environment.name.clone());
        stage.chain(&world, &release).unmet()
    };
    assert!(!unmet(&stage).contains("known good"), "{}", unmet(&stage));
    rejects(&stage.sound(), &release, Some("production"));
    assert!(unmet(&stage).contains("known good"), "{}", unmet(&stage));
}
