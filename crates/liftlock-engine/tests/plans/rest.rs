//! Plans that nobody drives, as they should: parked between looks, or waiting
//! for somebody's word.

use std::cell::Cell;
use std::fs;
use std::time::Duration;

use liftlock::failure::{Failure, Kind};
use liftlock::plan::rest::Found;
use liftlock::plan::wish::What;
use liftlock::state::Owner;
use liftlock::time::Time;
use liftlock::verdict::Verdict;
use liftlock_engine::{Engine, Opening, Outcome, Pace, Stay};
use liftlock_io::owner;
use serde_json::json;

use crate::asked::{Scene, wish};
use crate::stage::{Clock, Way, gone};
use crate::store::{Death, Life};

fn elsewhere() -> Owner {
    Owner {
        machine: "another".to_owned(),
        ..gone()
    }
}

impl Scene {
    fn until(&self, time: Time) {
        while self.stage.clock.now() < time {
            self.stage.clock.pass(1);
        }
    }

    /// One run that gives its runner back, dying or not.
    fn parked(&self, death: Death) -> Option<Outcome> {
        let world = self.stage.world(&Life::new(death));
        let by = (&elsewhere(), &world);
        let ended = self
            .stage
            .drive_staying(Stay::Parked, by, &self.plan, Way::Up);
        ended.ok()
    }

    /// Runs whenever something is due, as a schedule does, to the end.
    fn scheduled(&self) -> (Outcome, usize) {
        for runs in 1..200 {
            let document = self.stage.document();
            let found = document.found(self.stage.clock.now(), &owner::is_dead);
            if let (Found::Due | Found::Nothing, Some(outcome)) = (found, self.parked(Death::Never))
                && outcome.verdict != Verdict::Pending
            {
                return (outcome, runs);
            }
            self.stage.clock.pass(60);
        }
        panic!("no end: {:?}", self.stage.document().run);
    }
}

#[test]
fn a_plan_is_parked_at_every_bake_and_goes_on_when_its_time_is_over() {
    let scene = Scene::new();
    let mut rested = Vec::new();
    let outcome = loop {
        let outcome = scene.parked(Death::Never).unwrap();
        let Some(waits) = &outcome.waits else {
            break outcome;
        };
        let before = scene.stage.document();
        assert!(before.lease.is_none());
        let after = waits.resume_after.unwrap();
        rested.push(
            before
                .run
                .as_ref()
                .unwrap()
                .journal
                .rest
                .clone()
                .unwrap()
                .step,
        );
        // A moment too early: it says the same and changes nothing.
        while scene.stage.clock.now().millis_since(after) < -1_000 {
            scene.stage.clock.pass(1);
        }
        let early = scene.drive().unwrap();
        assert_eq!(early.verdict, Verdict::Pending);
        assert_eq!(early.waits.unwrap().resume_after, Some(after));
        assert_eq!(scene.stage.document(), before);
        scene.until(after);
    };
    assert_eq!(outcome.verdict, Verdict::Pass, "{:?}", outcome.turned);
    assert_eq!(rested, ["04-bake", "08-bake", "12-watch"]);
    let end = scene.stage.end();
    assert_eq!((end.live.as_deref(), end.leased), (Some("shop-2"), false));
}

#[test]
fn a_fault_during_a_parked_bake_goes_back_when_it_is_judged() {
    let rules = json!({ "bake": "4m", "look": "30s", "lease": "1m" });
    let scene = Scene::with("2-bad", rules);
    let outcome = scene.parked(Death::Never).unwrap();
    scene.until(outcome.waits.unwrap().resume_after.unwrap());
    let outcome = scene.drive().unwrap();
    assert_eq!((outcome.verdict, outcome.restored), (Verdict::Fail, true));
    assert_eq!(scene.stage.end().live.as_deref(), Some("shop-1"));
}

#[test]
fn a_parked_run_that_dies_at_any_write_is_finished_by_a_schedule() {
    for at in 1.. {
        let scene = Scene::new();
        if let Some(outcome) = scene.parked(Death::After(at)) {
            assert!(outcome.waits.is_some() && at > 10, "{at}");
            return;
        }
        let (outcome, _) = scene.scheduled();
        assert_eq!(outcome.verdict, Verdict::Pass, "{at}: {:?}", outcome.turned);
        let ids = scene.stage.end().ids;
        let mut once = ids.clone();
        once.dedup();
        assert_eq!(ids, once, "{at}");
    }
}

#[test]
fn what_a_living_owner_elsewhere_drives_is_left_until_its_lease_is_over() {
    let scene = Scene::new();
    let world = scene.stage.world(&Life::new(Death::After(20)));
    let died = scene
        .stage
        .drive_as(&elsewhere(), &world, &scene.plan, Way::Up);
    assert!(died.is_err());
    let document = scene.stage.document();
    let until = document.lease.as_ref().unwrap().expires_at;
    let found = |now| document.found(now, &owner::is_dead);
    assert!(matches!(found(scene.stage.clock.now()), Found::Driven(_)));
    assert!(matches!(found(until), Found::Due));
    scene.until(until);
    assert_eq!(scene.scheduled().0.verdict, Verdict::Pass);
    let document = scene.stage.document();
    assert_eq!(document.found(until, &owner::is_dead), Found::Nothing);
}

fn asking() -> Scene {
    let rules = json!({
        "bake": "4m", "look": "30s", "lease": "1m", "answer-within": "1h",
        "on-blind": "ask", "on-inconclusive": "ask",
    });
    Scene::with("2", rules)
}

/// Until when people are asked, and what this step lacks.
fn asked(scene: &Scene, outcome: &Outcome, step: &str, lacks: Verdict) -> Time {
    assert_eq!(outcome.verdict, Verdict::Pending, "{:?}", outcome.turned);
    let why = &outcome.waits.as_ref().unwrap().why;
    assert!(why.starts_with(&format!("{step} is {lacks}")), "{why}");
    assert!(why.contains("promote advance"), "{why}");
    let document = scene.stage.document();
    assert!(document.lease.is_none());
    let rest = document.run.unwrap().journal.rest.unwrap();
    assert_eq!(rest.question.unwrap().verdict, lacks);
    rest.until
}

#[test]
fn a_bake_without_sight_asks_and_goes_on_by_somebodys_word_alone() {
    let scene = asking();
    scene.stage.clock.quiet.set(true);
    for step in ["04-bake", "08-bake", "12-watch"] {
        let until = asked(&scene, &scene.drive().unwrap(), step, Verdict::Blind);
        scene.stage.clock.pass(60);
        let again = asked(&scene, &scene.drive().unwrap(), step, Verdict::Blind);
        assert_eq!(again, until, "a question is not put again");
        scene.ask(What::Advance).unwrap();
    }
    let outcome = scene.drive().unwrap();
    assert_eq!(outcome.verdict, Verdict::Pass, "{:?}", outcome.turned);
    let pasts: Vec<_> = outcome.wishes.iter().map(|wish| wish.past).collect();
    assert_eq!(pasts, [Some(Verdict::Blind); 3]);
    let bake = outcome.journal.iter().find(|one| one.step == "04-bake");
    let note = &bake.unwrap().note;
    assert!(note.contains("advanced past blind by alice"), "{note}");
    let entries = scene.stage.sound().ledger.entries(0..u64::MAX).unwrap();
    let judged = entries.iter().map(|entry| &entry.record);
    let mut judged = judged.filter(|record| record.kind.word() == "canary-judged");
    // Nobody saw that it was well.
    assert_eq!(judged.next_back().unwrap().verdict, Some(Verdict::Blind));
}

#[test]
fn a_question_that_nobody_answers_in_time_goes_back() {
    let scene = asking();
    scene.stage.clock.quiet.set(true);
    let until = asked(&scene, &scene.drive().unwrap(), "04-bake", Verdict::Blind);
    scene.until(until);
    let outcome = scene.drive().unwrap();
    assert_eq!((outcome.verdict, outcome.restored), (Verdict::Blind, true));
    let reason = outcome.turned.unwrap().reason;
    assert!(reason.contains("nobody advanced it until"), "{reason}");
}

#[test]
fn a_fault_goes_back_whoever_was_asked_or_said_yes() {
    for answered in [false, true] {
        let mut scene = asking();
        scene.stage.also["min-requests"] = json!(100_000_000);
        let release = scene.stage.release("2");
        let world = scene.stage.sound();
        scene.plan = scene.stage.plan(&world, &release, Way::Up);
        let lacks = Verdict::Inconclusive;
        asked(&scene, &scene.drive().unwrap(), "04-bake", lacks);
        if answered {
            scene.ask(What::Advance).unwrap();
        }
        fs::write(scene.stage.root.join("slots/blue/api"), "bad").unwrap();
        scene.stage.clock.pass(300);
        let outcome = scene.drive().unwrap();
        assert_eq!((outcome.verdict, outcome.restored), (Verdict::Fail, true));
        let reason = outcome.turned.unwrap().reason;
        assert!(reason.starts_with("04-bake: canary"), "{reason}");
    }
}

/// A clock that has something happen when it is looked at for the nth time.
struct Watched<'a> {
    clock: &'a Clock,
    left: Cell<usize>,
    incident: &'a dyn Fn(),
}

impl Pace for Watched<'_> {
    fn now(&self) -> Time {
        match self.left.get() {
            0 => {}
            1 => {
                self.left.set(0);
                (self.incident)();
            }
            left => self.left.set(left - 1),
        }
        self.clock.now()
    }

    fn wait(&self, length: Duration) -> Result<(), Failure> {
        self.clock.wait(length)
    }

    fn tell(&self, line: &str) {
        self.clock.tell(line);
    }
}

#[test]
fn an_abort_at_any_moment_of_a_run_that_parks_is_never_left_undone() {
    for nth in 2.. {
        let scene = Scene::new();
        let told = Cell::new(None);
        let incident = || {
            let world = scene.stage.sound();
            let wish = wish(What::Abort, scene.stage.clock.now());
            let engine = Engine::open(&world, &scene.stage.clock);
            told.set(Some(engine.unwrap().abort(&wish, &gone())));
        };
        let pace = Watched {
            clock: &scene.stage.clock,
            left: Cell::new(nth),
            incident: &incident,
        };
        let (world, lives) = (scene.stage.sound(), owner::myself("lives".to_owned()));
        let mut engine = Engine::open(&world, &pace).unwrap().staying(Stay::Parked);
        let opening = Opening {
            owner: &lives,
            hold: None,
        };
        let run = engine.start(&scene.plan, opening);
        let parked = run
            .as_ref()
            .is_ok_and(|run| run.verdict == Verdict::Pending);
        let Some(told) = told.take() else {
            assert!(parked && nth > 10, "{nth}");
            return;
        };
        match told {
            // There was no plan yet, or nobody to tell: then it is back already.
            Err(refused) => assert_eq!(refused.kind, Kind::Blocked, "{nth}"),
            Ok(done) if done.verdict == Verdict::Fail => assert!(done.restored, "{nth}"),
            Ok(_) => assert_eq!(run.unwrap().verdict, Verdict::Fail, "{nth}: left undone"),
        }
    }
}
