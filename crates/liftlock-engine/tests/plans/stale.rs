//! A runner that stood still, as a suspended machine does, while somebody else
//! took its plan back: it moves nothing afterwards. What a call did that it stood
//! still in does not stay.

use std::cell::Cell;
use std::fs;
use std::time::Duration;

use liftlock::failure::{Failure, Kind};
use liftlock::plan::wish::What;
use liftlock::time::Time;
use liftlock::verdict::Verdict;
use liftlock_engine::{Engine, Opening, Pace};
use liftlock_io::owner;
use serde_json::json;

use crate::asked::{Scene, wish};
use crate::attack::tag;
use crate::reconcile;
use crate::stage::{Clock, End, Way, gone};
use crate::store::Death;

/// Longer than the lease and the longest effect together.
const STILL: u32 = 900;

/// A clock that stands still for its runner the nth time that it tells the time
/// or is told anything: others go on.
struct Frozen<'a> {
    clock: &'a Clock,
    left: Cell<usize>,
    still: u32,
    meanwhile: &'a dyn Fn(&str),
}

impl Frozen<'_> {
    fn moment(&self, at: &str) {
        match self.left.get() {
            0 => {}
            1 => {
                self.left.set(0);
                self.clock.pass(self.still);
                (self.meanwhile)(at);
            }
            left => self.left.set(left - 1),
        }
    }
}

impl Pace for Frozen<'_> {
    fn now(&self) -> Time {
        self.moment("");
        self.clock.now()
    }

    fn wait(&self, length: Duration) -> Result<(), Failure> {
        self.clock.wait(length)
    }

    fn tell(&self, line: &str) {
        self.moment(line);
        self.clock.tell(line);
    }
}

/// What users and others see.
fn seen(end: &End) -> impl PartialEq + std::fmt::Debug {
    let End {
        weights,
        pointers,
        served,
        live,
        placed,
        ..
    } = end.clone();
    (weights, pointers, served, live, placed)
}

#[test]
fn a_runner_that_stood_still_at_any_moment_moves_nothing_afterwards() {
    for nth in 1.. {
        let scene = Scene::with("2", json!({ "lease": "1m" }));
        let told = Cell::new(None);
        let meanwhile = |at: &str| {
            let world = scene.stage.sound();
            let wish = wish(What::Abort, scene.stage.clock.now());
            let engine = Engine::open(&world, &scene.stage.clock);
            let ended = engine.unwrap().abort(&wish, &gone());
            told.set(Some((at.to_owned(), ended, scene.stage.end())));
        };
        let pace = Frozen {
            clock: &scene.stage.clock,
            left: Cell::new(nth),
            still: STILL,
            meanwhile: &meanwhile,
        };
        let (world, lives) = (scene.stage.sound(), owner::myself("lives".to_owned()));
        let opening = Opening {
            owner: &lives,
            hold: None,
        };
        let mut engine = Engine::open(&world, &pace).unwrap();
        let run = engine.start(&scene.plan, opening);
        let Some((at, ended, then)) = told.take() else {
            assert!(run.is_ok() && nth > 30, "{nth}");
            return;
        };
        let ended = match ended {
            // There was no plan yet, or none any more.
            Err(refused) => {
                assert_eq!(refused.kind, Kind::Blocked, "{nth} {at}");
                continue;
            }
            Ok(ended) => ended,
        };
        assert_eq!((ended.verdict, ended.restored), (Verdict::Fail, true));
        let stopped = run.unwrap_err();
        assert_eq!(stopped.kind, Kind::Blocked, "{nth} {at}");
        assert_eq!(seen(&scene.stage.end()), seen(&then), "{nth} {at}");
    }
}

/// What the last call of a lost runner does once it is let go.
#[derive(Clone, Copy, Debug)]
enum Late {
    Shift,
    Point,
}

impl Late {
    fn happens(self, scene: &Scene) {
        let root = &scene.stage.root;
        match self {
            Self::Shift => {
                let split = json!({ "weights": { "blue": 1_000, "green": 9_000 },
                                    "stable": "green", "canary": "blue" });
                fs::write(root.join("weights.json"), split.to_string()).unwrap();
            }
            Self::Point => {
                let image = scene.plan.release.artifacts["image"];
                tag(&root.join("site"), Some(image));
            }
        }
    }
}

#[test]
fn what_a_late_call_did_is_undone_by_the_plan_or_is_drift_that_is_put_right() {
    // A tag that is moved early to where it is to be is none the worse for it.
    for (late, version, is_drift) in [
        (Late::Shift, "2", true),
        (Late::Shift, "2-bad", true),
        (Late::Point, "2", false),
        (Late::Point, "2-bad", true),
    ] {
        let mut put_right = 0;
        for nth in 1.. {
            let scene = Scene::with(version, json!({}));
            let has_happened = Cell::new(false);
            let meanwhile = |_: &str| {
                late.happens(&scene);
                has_happened.set(true);
            };
            let pace = Frozen {
                clock: &scene.stage.clock,
                left: Cell::new(nth),
                still: 0,
                meanwhile: &meanwhile,
            };
            let (world, owner) = (scene.stage.sound(), gone());
            let opening = Opening {
                owner: &owner,
                hold: None,
            };
            let mut engine = Engine::open(&world, &pace).unwrap();
            let outcome = engine.start(&scene.plan, opening).unwrap();
            if !has_happened.get() {
                assert!(nth > 10, "{late:?} {version} {nth}");
                assert_eq!(put_right > 0, is_drift, "{late:?} {version}");
                break;
            }
            let drift = || world.drift(&scene.stage.document()).unwrap();
            if !drift().is_empty() {
                put_right += 1;
                let plan = reconcile::plan(&scene.stage, &world);
                let (ended, _) = scene.stage.drive(&plan, Way::Up, Death::Never);
                assert_eq!(ended.unwrap().verdict, Verdict::Pass, "{late:?} {nth}");
            }
            assert_eq!(drift(), [""; 0], "{late:?} {version} {nth}: {outcome:?}");
        }
    }
}
