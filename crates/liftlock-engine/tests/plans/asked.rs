//! What people ask of a plan under way, whether somebody drives it or nobody.

use std::time::Duration;

use liftlock::failure::{Failure, Kind};
use liftlock::plan::wish::{What, Wish};
use liftlock::plan::{Action, Plan};
use liftlock::record::Actor;
use liftlock::span::Span;
use liftlock::time::Time;
use liftlock::verdict::Verdict;
use liftlock_engine::{Engine, Outcome, Pace, World};
use liftlock_io::owner;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::stage::{Stage, Way, folder, gone};
use crate::store::Death;

/// Version 1 is live, version 2 is about to go up.
pub(crate) struct Scene {
    _folder: TempDir,
    pub(crate) stage: Stage,
    pub(crate) plan: Plan,
}

/// The clock of somebody who asks while others wait.
pub(crate) struct Still(pub(crate) Time);

impl Pace for Still {
    fn now(&self) -> Time {
        self.0
    }

    fn wait(&self, _: Duration) -> Result<(), Failure> {
        Ok(())
    }

    fn tell(&self, _: &str) {}
}

pub(crate) fn wish(what: What, at: Time) -> Wish {
    let alice = Actor {
        id: "alice".to_owned(),
        proof: "asserted".to_owned(),
    };
    Wish::new(what, "wrong version", alice, at).unwrap()
}

/// Asks as another process of this machine does.
pub(crate) fn abort(world: &World, pace: &dyn Pace) -> Result<Outcome, Failure> {
    let wish = wish(What::Abort, pace.now());
    Engine::open(world, pace)?.abort(&wish, &gone())
}

impl Scene {
    pub(crate) fn new() -> Self {
        let rules = json!({ "bake": "4m", "look": "30s", "lease": "1m" });
        Self::with("2", rules)
    }

    pub(crate) fn with(version: &str, rules: Value) -> Self {
        let folder = folder();
        let mut stage = Stage::new(folder.path());
        stage.up(&stage.release("1"));
        stage.also = rules;
        let release = stage.release(version);
        let plan = stage.plan(&stage.sound(), &release, Way::Up);
        Self {
            _folder: folder,
            stage,
            plan,
        }
    }

    /// Drives the plan as a process that lives.
    pub(crate) fn drive(&self) -> Result<Outcome, Failure> {
        let lives = owner::myself("a run that lives".to_owned());
        let world = self.stage.sound();
        self.stage.drive_as(&lives, &world, &self.plan, Way::Up)
    }

    /// Asks where nobody drives.
    pub(crate) fn ask(&self, what: What) -> Result<(), Failure> {
        let (world, wish) = (self.stage.sound(), wish(what, self.stage.clock.now()));
        let driver = Engine::open(&world, &self.stage.clock)?.ask_for(&wish)?;
        assert_eq!(driver, None);
        Ok(())
    }

    /// Has somebody ask when this is told; whoever drives is alive.
    fn abort_when(&self, told: &str) {
        let (world, pace) = (self.stage.sound(), Still(self.stage.clock.now()));
        self.stage.clock.when(told, move || {
            let outcome = abort(&world, &pace).unwrap();
            assert_eq!(outcome.verdict, Verdict::Pending);
            let why = outcome.waits.unwrap().why;
            assert!(why.starts_with("a run that lives takes it back"), "{why}");
        });
    }

    /// Everything is as it was, for this reason, and who asked is recorded once.
    fn is_back(&self, outcome: &Outcome, what: &str) {
        let reason = outcome.turned.as_ref().map(|turned| turned.reason.as_str());
        assert_eq!(reason, Some("aborted by alice: wrong version"), "{what}");
        let ended = (outcome.verdict, outcome.restored);
        assert_eq!(ended, (Verdict::Fail, true), "{what}");
        let end = self.stage.end();
        assert_eq!(end.live.as_deref(), Some("shop-1"), "{what}");
        assert!(!end.leased, "{what}");
        let entries = self.stage.sound().ledger.entries(0..u64::MAX).unwrap();
        let mut asked = entries
            .iter()
            .filter(|entry| entry.record.kind.word() == "promotion-aborted");
        let record = &asked.next().unwrap().record;
        assert_eq!(record.actor.id, "alice", "{what}");
        assert_eq!(record.detail["reason"], "wrong version", "{what}");
        assert!(asked.next().is_none(), "{what}: recorded twice");
    }
}

#[test]
fn an_abort_during_any_step_takes_the_plan_back_before_its_next_one() {
    let steps: Vec<String> = Scene::new()
        .plan
        .steps
        .into_iter()
        .map(|one| one.id)
        .collect();
    for (place, step) in steps.iter().enumerate() {
        let scene = Scene::new();
        scene.abort_when(step);
        let outcome = scene.drive();
        let outcome = outcome.unwrap_or_else(|failure| panic!("{step}: {:?}", failure.lines()));
        scene.is_back(&outcome, step);
        let next = steps.get(place + 1);
        let begun = next.is_some_and(|next| outcome.journal.iter().any(|one| one.step == *next));
        assert!(!begun, "{step}: {next:?} was begun");
    }
}

#[test]
fn an_abort_during_a_bake_is_honoured_at_its_next_look() {
    let scene = Scene::new();
    let mut bakes = scene.plan.steps.iter();
    let bake = bakes.find(|step| matches!(step.action, Action::Bake { .. }));
    let bake = &bake.unwrap().id;
    scene.abort_when(bake);
    let outcome = scene.drive().unwrap();
    let entry = outcome.journal.iter().find(|entry| entry.step == *bake);
    let turned = outcome.turned.as_ref().unwrap();
    let lasted = turned.at.millis_since(entry.unwrap().began_at);
    assert!(lasted <= 30_000, "the bake went on for {lasted} ms");
}

#[test]
fn an_abort_after_the_last_look_comes_before_the_end() {
    let scene = Scene::new();
    let last = &scene.plan.steps.last().unwrap().id;
    // What the last look saw is told before the step ends.
    scene.abort_when(&format!("{last}: canary"));
    scene.is_back(&scene.drive().unwrap(), "at the end");
}

#[test]
fn an_abort_where_nobody_drives_takes_the_plan_back_itself() {
    let scene = Scene::new();
    for at in 4..30 {
        let scene = Scene::new();
        let (died, _) = scene.stage.drive(&scene.plan, Way::Up, Death::After(at));
        assert!(died.is_err(), "{at}");
        let outcome = abort(&scene.stage.sound(), &scene.stage.clock).unwrap();
        scene.is_back(&outcome, &format!("died at {at}"));
    }
    let nothing = abort(&scene.stage.sound(), &scene.stage.clock).unwrap_err();
    assert_eq!(nothing.kind, Kind::Blocked);
}

#[test]
fn an_abort_that_holds_is_for_the_plan_that_was_seen_and_for_no_other_one() {
    let scene = Scene::new();
    let (died, _) = scene.stage.drive(&scene.plan, Way::Up, Death::After(9));
    assert!(died.is_err());
    let (first, second) = (scene.stage.sound(), scene.stage.sound());
    let clock = &scene.stage.clock;
    let mut late = Engine::open(&first, clock).unwrap();
    let mut engine = Engine::open(&second, clock).unwrap();
    let wish = wish(What::Abort, clock.now());
    let outcome = engine.abort_and_hold(&wish, &gone()).unwrap().unwrap();
    scene.is_back(&outcome, "with a hold");
    let hold = scene.stage.document().hold.unwrap();
    assert_eq!((hold.reason, hold.by), (wish.reason.clone(), gone().run));
    let entries = scene.stage.sound().ledger.entries(0..u64::MAX).unwrap();
    let kinds = entries.iter().map(|entry| entry.record.kind.word());
    assert_eq!(kinds.filter(|kind| *kind == "hold-placed").count(), 1);
    let before = scene.stage.document();
    assert!(late.abort_and_hold(&wish, &gone()).unwrap().is_none());
    assert_eq!(scene.stage.document(), before);
}

#[test]
fn an_abort_of_a_dead_owner_elsewhere_waits_for_its_lease() {
    let scene = Scene::new();
    let world = scene.stage.sound();
    let elsewhere = liftlock::state::Owner {
        machine: "another".to_owned(),
        ..gone()
    };
    let mortal = scene.stage.world(&crate::store::Life::new(Death::After(9)));
    let died = scene
        .stage
        .drive_as(&elsewhere, &mortal, &scene.plan, Way::Up);
    assert!(died.is_err());
    let outcome = abort(&world, &scene.stage.clock).unwrap();
    assert_eq!(
        (outcome.verdict, outcome.restored),
        (Verdict::Pending, false)
    );
    let until = scene.stage.document().lease.unwrap().expires_at;
    while scene.stage.clock.now() < until {
        scene.stage.clock.pass(1);
    }
    let outcome = abort(&world, &scene.stage.clock).unwrap();
    scene.is_back(&outcome, "after the lease");
}

#[test]
fn an_abort_that_dies_at_any_write_is_finished_by_whoever_comes_next() {
    for at in 1.. {
        let scene = Scene::new();
        let (died, _) = scene.stage.drive(&scene.plan, Way::Up, Death::After(20));
        assert!(died.is_err());
        let life = crate::store::Life::new(Death::After(at));
        let first = abort(&scene.stage.world(&life), &scene.stage.clock);
        if first.is_ok() && !life.is_over() {
            assert!(at > 10, "{at}");
            return;
        }
        if scene.stage.document().under_way().is_some() {
            let (last, _) = scene.stage.drive(&scene.plan, Way::Up, Death::Never);
            scene.is_back(&last.unwrap(), &format!("died at {at}"));
        } else {
            scene.stage.tell();
        }
    }
}

#[test]
fn a_rollback_is_aborted_by_nobody() {
    let folder = folder();
    let stage = Stage::new(folder.path());
    let first = stage.release("1");
    stage.up(&first);
    stage.up(&stage.release("2"));
    let plan = stage.plan(&stage.sound(), &first, Way::Down);
    let (died, _) = stage.drive(&plan, Way::Down, Death::After(6));
    assert!(died.is_err());
    let refused = abort(&stage.sound(), &stage.clock).unwrap_err();
    assert_eq!(refused.kind, Kind::Blocked);
    assert!(refused.lines()[0].contains("way back to shop-1"));
    assert!(stage.document().run.unwrap().journal.wishes.is_empty());
    let later = stage.clock.now().after(Span::seconds(1));
    assert!(Wish::new(What::Abort, " ", wish(What::Abort, later).by, later).is_err());
}

/// What came to an end for now: the plan is open, nobody holds the lease.
fn stopped(scene: &Scene, outcome: &Outcome, why: &str) {
    assert_eq!(outcome.verdict, Verdict::Pending, "{why}");
    let told = &outcome.waits.as_ref().unwrap().why;
    assert!(told.contains(why), "{told}");
    let document = scene.stage.document();
    let now = scene.stage.clock.now();
    let holder = document.holder(now, &owner::is_dead);
    assert!(document.under_way().is_some() && holder.is_none());
}

#[test]
fn a_pause_during_any_step_leaves_everything_where_it_is_until_it_is_ended() {
    let steps: Vec<String> = Scene::new()
        .plan
        .steps
        .into_iter()
        .map(|one| one.id)
        .collect();
    for (place, step) in steps.iter().enumerate() {
        let scene = Scene::new();
        let (world, pace) = (scene.stage.sound(), Still(scene.stage.clock.now()));
        scene.stage.clock.when(step, move || {
            let wish = wish(What::Pause, pace.now());
            let driver = Engine::open(&world, &pace).unwrap().ask_for(&wish).unwrap();
            assert_eq!(driver.as_deref(), Some("a run that lives"));
        });
        stopped(&scene, &scene.drive().unwrap(), "paused by alice");
        let before = scene.stage.document();
        let journal = &before.run.as_ref().unwrap().journal;
        let next = steps.get(place + 1);
        assert!(
            next.is_none_or(|next| journal.entry(next).is_none()),
            "{step}"
        );
        scene.stage.clock.pass(600);
        stopped(&scene, &scene.drive().unwrap(), "paused by alice");
        assert_eq!(scene.stage.document(), before, "{step}");
        assert_eq!(scene.ask(What::Pause).unwrap_err().kind, Kind::Blocked);
        scene.ask(What::Advance).unwrap();
        assert_eq!(scene.ask(What::Advance).unwrap_err().kind, Kind::Invalid);
        let outcome = scene.drive().unwrap();
        assert_eq!(
            outcome.verdict,
            Verdict::Pass,
            "{step}: {:?}",
            outcome.turned
        );
        let kinds = |word: &str| {
            let entries = scene.stage.sound().ledger.entries(0..u64::MAX).unwrap();
            let told = entries.iter().filter(|one| one.record.kind.word() == word);
            told.count()
        };
        let told = ["promotion-paused", "promotion-advanced"].map(kinds);
        assert_eq!(told, [1, 1], "{step}");
    }
}

#[test]
fn what_is_paused_goes_back_for_an_abort_or_a_hold_and_never_past_one() {
    for held in [true, false] {
        let scene = Scene::new();
        let (died, _) = scene.stage.drive(&scene.plan, Way::Up, Death::After(20));
        assert!(died.is_err());
        scene.ask(What::Pause).unwrap();
        stopped(&scene, &scene.drive().unwrap(), "paused by alice");
        if held {
            let key = "environments/shop/production.json";
            let mut document = scene.stage.document();
            document.revision += 1;
            document.hold = Some(liftlock::state::Hold {
                reason: "incident".to_owned(),
                by: "bob".to_owned(),
                at: scene.stage.clock.now(),
            });
            let bytes = serde_json::to_vec(&document).unwrap();
            scene
                .stage
                .state
                .lock()
                .unwrap()
                .insert(key.to_owned(), bytes);
            let refused = scene.ask(What::Advance).unwrap_err();
            assert_eq!(refused.kind, Kind::Blocked);
            let outcome = scene.drive().unwrap();
            assert!(
                outcome
                    .turned
                    .unwrap()
                    .reason
                    .contains("a hold was placed by bob")
            );
            assert!(outcome.restored);
        } else {
            scene.is_back(
                &abort(&scene.stage.sound(), &scene.stage.clock).unwrap(),
                "paused",
            );
        }
        assert_eq!(scene.ask(What::Advance).unwrap_err().kind, Kind::Blocked);
    }
}
