//! What must never end in a pass, and what must end where it began.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use liftlock::config::pointer::Pointer;
use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::plan::Plan;
use liftlock::state::Document;
use liftlock::verdict::Verdict;
use liftlock_engine::{Engine, Opening, Outcome, Pace as _};
use liftlock_io::owner;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::stage::{End, Stage, Way, folder};
use crate::store::{Death, Disk, Life};

const STATE: &str = "environments/shop/production.json";

/// Version 1 is live, version 2 is about to go up.
struct Scene {
    _folder: TempDir,
    stage: Stage,
    plan: Plan,
    before: End,
}

impl Scene {
    fn new() -> Self {
        Self::with("2")
    }

    fn with(version: &str) -> Self {
        let folder = folder();
        let stage = Stage::new(folder.path());
        stage.up(&stage.release("1"));
        let release = stage.release(version);
        let plan = stage.plan(&stage.sound(), &release, Way::Up);
        let before = stage.end();
        Self {
            _folder: folder,
            stage,
            plan,
            before,
        }
    }

    fn drive(&self) -> Result<Outcome, Failure> {
        self.stage.drive(&self.plan, Way::Up, Death::Never).0
    }

    /// It went back for this reason, and everything is as it was.
    fn went_back(&self, verdict: Verdict, why: &str) {
        let outcome = self
            .drive()
            .unwrap_or_else(|failure| panic!("{:?}", failure.lines()));
        self.is_back(&outcome, verdict, why);
    }

    fn is_back(&self, outcome: &Outcome, verdict: Verdict, why: &str) {
        let reason = &outcome.turned.as_ref().unwrap().reason;
        assert!(reason.contains(why), "{reason}");
        assert_eq!(
            (outcome.verdict, outcome.restored),
            (verdict, true),
            "{reason}"
        );
        let end = self.stage.end();
        assert_eq!(end.weights["weights"], self.before.weights["weights"]);
        assert_eq!(
            (&end.live, &end.slots),
            (&self.before.live, &self.before.slots)
        );
        assert!(!end.leased);
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.stage.root.join(name)
    }

    fn live(&self) -> Option<Digest> {
        self.stage.sound().pointers().unwrap()[0]
    }
}

/// Moves the tag as anybody with a registry client could.
pub(crate) fn tag(site: &Path, digest: Option<Digest>) {
    let path = site.join("index.json");
    let mut index: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let name = "org.opencontainers.image.ref.name";
    let manifests = index["manifests"].as_array_mut().unwrap();
    for entry in manifests.iter_mut() {
        let wanted = digest.is_some_and(|digest| entry["digest"] == json!(digest));
        if wanted {
            entry["annotations"] = json!({ name: "live" });
        } else if let Some(annotations) =
            entry.get_mut("annotations").and_then(Value::as_object_mut)
        {
            annotations.remove(name);
        }
    }
    fs::write(path, index.to_string()).unwrap();
}

fn edit(state: &Disk, change: impl FnOnce(&mut Document)) {
    let mut disk = state.lock().unwrap();
    let mut document = Document::parse(&disk[STATE]).unwrap();
    change(&mut document);
    document.revision += 1;
    disk.insert(STATE.to_owned(), serde_json::to_vec(&document).unwrap());
}

#[test]
fn a_tag_that_somebody_else_moved_is_left_alone_and_the_plan_goes_back() {
    let scene = Scene::new();
    let other = scene.stage.release("9").reference().artifacts["image"];
    let site = scene.path("site");
    scene
        .stage
        .clock
        .when("08-bake", move || tag(&site, Some(other)));
    scene.went_back(Verdict::Fail, "was moved by somebody else");
    assert_eq!(scene.live(), Some(other));
}

#[test]
fn a_tag_moved_away_after_us_is_for_a_person_but_the_traffic_is_back() {
    let scene = Scene::new();
    let other = scene.stage.release("9").reference().artifacts["image"];
    let (site, slot) = (scene.path("site"), scene.path("slots/blue/api"));
    let back = scene.live();
    scene.stage.clock.when("12-watch", move || {
        tag(&site, Some(other));
        fs::write(slot, "bad").unwrap();
    });
    let failure = scene.drive().unwrap_err();
    assert_eq!(failure.kind, Kind::Stuck);
    assert!(
        failure.lines()[0].contains("was moved by somebody else"),
        "{:?}",
        failure.lines()
    );
    assert_eq!(
        scene.stage.end().weights["weights"],
        scene.before.weights["weights"]
    );
    assert!(!scene.stage.end().leased);
    let again = scene.drive().unwrap_err();
    assert_eq!(again.kind, Kind::Stuck);
    tag(&scene.path("site"), back);
    let outcome = scene.drive().unwrap();
    scene.is_back(&outcome, Verdict::Fail, "12-watch");
}

#[test]
fn a_slot_that_was_filled_with_something_else_meanwhile_goes_back() {
    for step in ["02-prove", "04-bake", "07-shift", "08-bake"] {
        let scene = Scene::new();
        let slot = scene.path("slots/blue/api");
        scene
            .stage
            .clock
            .when(step, move || fs::write(slot, "other").unwrap());
        scene.went_back(Verdict::Fail, "serves api");
    }
}

#[test]
fn weights_that_somebody_else_set_or_broke_go_back() {
    for text in [
        r#"{"weights": {"blue": 5000, "green": 5000}, "stable": "green", "canary": "blue"}"#,
        "<html>",
    ] {
        let scene = Scene::new();
        let path = scene.path("weights.json");
        scene
            .stage
            .clock
            .when("05-check", move || fs::write(path, text).unwrap());
        let why = if text.starts_with('<') {
            "cannot understand"
        } else {
            "split in another way than this plan did: the split is "
        };
        scene.went_back(Verdict::Fail, why);
    }
}

#[test]
fn counts_that_are_gone_silent_or_broken_are_no_sight() {
    for text in [
        "",
        "<html>",
        "time,baseline_total,baseline_bad,canary_total,canary_bad\n",
    ] {
        let scene = Scene::new();
        scene.stage.clock.quiet.set(true);
        let path = scene.path("counts.csv");
        scene.stage.clock.when("04-bake", move || match text {
            "" => fs::remove_file(path).unwrap(),
            text => fs::write(path, text).unwrap(),
        });
        scene.went_back(Verdict::Blind, "04-bake");
    }
}

#[test]
fn a_hold_placed_meanwhile_turns_the_plan_at_its_next_look() {
    let scene = Scene::new();
    let state = Arc::clone(&scene.stage.state);
    let now = scene.stage.clock.now();
    scene.stage.clock.when("04-bake", move || {
        edit(&state, |document| {
            document.hold = Some(liftlock::state::Hold {
                reason: "incident".to_owned(),
                by: "alice".to_owned(),
                at: now,
            });
        });
    });
    scene.went_back(Verdict::Fail, "a hold was placed by alice: incident");
}

#[test]
fn evidence_that_is_gone_at_a_check_goes_back() {
    let scene = Scene::new();
    let evidence = Arc::clone(&scene.stage.evidence);
    scene
        .stage
        .clock
        .when("05-check", move || evidence.lock().unwrap().clear());
    scene.went_back(Verdict::Fail, "the chain does not hold any more: signature");
}

#[test]
fn a_lost_lease_ends_the_run_and_moves_nothing_more() {
    let scene = Scene::new();
    let state = Arc::clone(&scene.stage.state);
    scene.stage.clock.when("07-shift", move || {
        edit(&state, |document| {
            document.fence += 1;
            document.lease.as_mut().unwrap().token = "other".to_owned();
        });
    });
    let failure = scene.drive().unwrap_err();
    assert_eq!(failure.kind, Kind::Blocked);
    let document = scene.stage.document();
    assert!(document.is_held_by("other") && document.under_way().is_some());
    assert_eq!(scene.live(), scene.before.pointers[0]);
}

#[test]
fn a_living_owner_keeps_others_out_until_its_time_is_over() {
    let scene = Scene::new();
    let world = scene.stage.sound();
    let alive = owner::myself("first".to_owned());
    let mut engine = Engine::open(&world, &scene.stage.clock).unwrap();
    let state = Arc::clone(&scene.stage.state);
    // The runner loses its state store in the middle and stays.
    let kept: Arc<std::sync::Mutex<Vec<u8>>> = Arc::default();
    let keep = Arc::clone(&kept);
    scene.stage.clock.when("07-shift", move || {
        *keep.lock().unwrap() = state.lock().unwrap()[STATE].clone();
        edit(&state, |document| document.lease = None);
    });
    let opening = Opening {
        owner: &alive,
        hold: None,
    };
    assert_eq!(
        engine.start(&scene.plan, opening).unwrap_err().kind,
        Kind::Blocked
    );
    let bytes = kept.lock().unwrap().clone();
    scene
        .stage
        .state
        .lock()
        .unwrap()
        .insert(STATE.to_owned(), bytes);
    let fence = scene.stage.document().fence;
    let failure = scene.drive().unwrap_err();
    assert_eq!(failure.kind, Kind::Blocked);
    assert!(
        failure.lines()[0].contains("held by first"),
        "{:?}",
        failure.lines()
    );
    scene.stage.clock.pass(3_600);
    // It died between having shifted and noting so: nobody knows when in that
    // hour the share changed, and nobody is blamed for it.
    assert_eq!(scene.drive().unwrap().verdict, Verdict::Pass);
    assert_eq!(scene.stage.document().fence, fence + 1);
}

#[test]
fn a_ledger_that_is_down_stops_nothing_and_is_told_later() {
    let scene = Scene::new();
    let mut world = scene.stage.sound();
    let down = scene.stage.world(&Life::new(Death::Before(0)));
    world.ledger = down.ledger;
    let outcome = scene.stage.drive_in(&world, &scene.plan, Way::Up).unwrap();
    assert_eq!((outcome.verdict, outcome.recorded), (Verdict::Pass, false));
    assert_eq!(scene.stage.end().ids, scene.before.ids);
    // Another plan ends before the ledger is back.
    let third = scene.stage.release("3");
    let plan = scene.stage.plan(&world, &third, Way::Up);
    let outcome = scene.stage.drive_in(&world, &plan, Way::Up).unwrap();
    assert_eq!((outcome.verdict, outcome.recorded), (Verdict::Pass, false));
    scene.stage.tell();
    let started = |end: &End| {
        end.ids
            .iter()
            .filter(|id| id.starts_with("PromotionStarted"))
            .count()
    };
    let finished = |end: &End| {
        end.ids
            .iter()
            .filter(|id| id.starts_with("PromotionFinished"))
            .count()
    };
    let end = scene.stage.end();
    assert_eq!((started(&end), finished(&end)), (3, 3));
    let fourth = scene.stage.release("4");
    scene.stage.up(&fourth);
    assert!(scene.stage.document().untold.is_empty());
}

#[test]
fn a_plan_is_not_finished_by_other_rules_than_it_was_begun_with() {
    let scene = Scene::new();
    let death = Death::Before(14);
    assert!(scene.stage.drive(&scene.plan, Way::Up, death).0.is_err());
    assert_ne!(
        scene.stage.end().weights["weights"],
        scene.before.weights["weights"]
    );
    let mut world = scene.stage.sound();
    world.rules.policy = Digest::of(b"another policy");
    let outcome = scene.stage.drive_in(&world, &scene.plan, Way::Up).unwrap();
    scene.is_back(&outcome, Verdict::Fail, "the policy changed");
}

#[test]
fn a_plan_is_not_finished_when_its_signer_was_revoked_meanwhile() {
    let scene = Scene::new();
    assert!(
        scene
            .stage
            .drive(&scene.plan, Way::Up, Death::Before(14))
            .0
            .is_err()
    );
    let mut world = scene.stage.sound();
    world.rules.trust.trusted[0].keys[0].revoked_at = Some(scene.stage.clock.now());
    let outcome = scene.stage.drive_in(&world, &scene.plan, Way::Up).unwrap();
    scene.is_back(&outcome, Verdict::Fail, "the chain does not hold any more");
}

#[test]
fn a_plan_that_was_altered_in_the_state_is_for_a_person() {
    let scene = Scene::new();
    assert!(
        scene
            .stage
            .drive(&scene.plan, Way::Up, Death::Before(14))
            .0
            .is_err()
    );
    edit(&scene.stage.state, |document| {
        document
            .run
            .as_mut()
            .unwrap()
            .plan
            .steps
            .retain(|step| !step.id.contains("check"));
    });
    assert_eq!(scene.drive().unwrap_err().kind, Kind::Stuck);
}

#[test]
fn a_target_that_is_another_one_now_is_not_moved() {
    let scene = Scene::new();
    assert!(
        scene
            .stage
            .drive(&scene.plan, Way::Up, Death::Before(14))
            .0
            .is_err()
    );
    let mut world = scene.stage.sound();
    let Pointer::Registry(tag) = &mut world.environment.targets[0].pointer else {
        panic!("not a tag");
    };
    tag.tag = "other".to_owned();
    let outcome = scene.stage.drive_in(&world, &scene.plan, Way::Up).unwrap();
    scene.is_back(&outcome, Verdict::Fail, "is not configured any more");
}

#[test]
fn a_first_release_that_fails_late_leaves_its_pointer_and_says_so() {
    let folder = folder();
    let stage = Stage::new(folder.path());
    let release = stage.release("1");
    let plan = stage.plan(&stage.sound(), &release, Way::Up);
    let slot = stage.root.join("slots/green/api");
    stage
        .clock
        .when("08-watch", move || fs::write(slot, "bad").unwrap());
    let outcome = stage.drive(&plan, Way::Up, Death::Never).0.unwrap();
    assert_eq!(
        (outcome.verdict, outcome.restored),
        (Verdict::Stuck, false),
        "{:?}",
        outcome.plan.steps
    );
    assert_eq!(outcome.left.len(), 1);
    let end = stage.end();
    assert_eq!(end.weights["weights"], json!({"blue": 0, "green": 0}));
    assert_eq!((end.live, end.leased), (None, false));
    // The next one is a first release again.
    assert_eq!(stage.up(&stage.release("2")).verdict, Verdict::Pass);
}

#[test]
fn a_lost_state_beside_a_damaged_ledger_is_no_first_contact() {
    let scene = Scene::new();
    scene.stage.state.lock().unwrap().clear();
    let told = scene.stage.sound().drift(&scene.stage.document()).unwrap();
    assert!(told[0].contains("the ledger knows shop-1"), "{told:?}");
    let mut ledger = scene.stage.ledger.lock().unwrap();
    let entry = ledger.values_mut().nth(1).unwrap();
    let place = entry.len() / 2;
    entry[place] ^= 1;
    drop(ledger);
    let unknown = scene.stage.sound().drift(&scene.stage.document());
    assert!(unknown.is_err(), "{unknown:?}");
}

#[test]
fn a_place_command_that_fails_or_lies_leaves_everything_as_it_was() {
    for script in ["exit 3", "exit 0"] {
        let scene = Scene::new();
        fs::write(scene.path("place.sh"), script).unwrap();
        let outcome = scene.drive().unwrap();
        scene.is_back(&outcome, Verdict::Fail, "");
        assert_eq!(scene.stage.end().weights, scene.before.weights);
    }
}

#[test]
fn a_rollback_does_not_need_the_ledger_or_the_evidence() {
    let scene = Scene::new();
    assert_eq!(scene.drive().unwrap().verdict, Verdict::Pass);
    let first = scene.stage.document().good[0].release.clone();
    let mut world = scene.stage.sound();
    let down = scene.stage.world(&Life::new(Death::Before(0)));
    (world.ledger, world.evidence) = (down.ledger, down.evidence);
    let identified = scene.stage.release("1");
    assert_eq!(identified.digest, first.digest);
    let plan = scene.stage.plan(&world, &identified, Way::Down);
    let outcome = scene.stage.drive_in(&world, &plan, Way::Down).unwrap();
    assert_eq!((outcome.verdict, outcome.recorded), (Verdict::Pass, false));
    assert_eq!(scene.stage.document().live.unwrap().release.id, "shop-1");
}
