//! A runner that stood still, as a suspended machine does, while somebody else
//! took its plan back: it moves nothing afterwards.

use std::cell::Cell;
use std::time::Duration;

use liftlock::failure::{Failure, Kind};
use liftlock::plan::wish::What;
use liftlock::time::Time;
use liftlock::verdict::Verdict;
use liftlock_engine::{Engine, Opening, Pace};
use liftlock_io::owner;
use serde_json::json;

use crate::asked::{Scene, wish};
use crate::stage::{Clock, End, gone};

/// Longer than the lease and the longest effect together.
const STILL: u32 = 900;

/// A clock that stands still for its runner the nth time that it tells the time
/// or is told anything: others go on.
struct Frozen<'a> {
    clock: &'a Clock,
    left: Cell<usize>,
    meanwhile: &'a dyn Fn(&str),
}

impl Frozen<'_> {
    fn moment(&self, at: &str) {
        match self.left.get() {
            0 => {}
            1 => {
                self.left.set(0);
                self.clock.pass(STILL);
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
