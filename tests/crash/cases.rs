//! A rollout and a rollback, killed at every boundary of an effect and with every
//! request failing once, in environments that are put back each time.

use std::collections::BTreeMap;
use std::env;
use std::sync::{Mutex, PoisonError};
use std::thread;

use serde_json::Value;

use crate::fail::{failed, requests};
use crate::fault::{Act, Fault};
use crate::kill::{boundaries, killed};
use crate::stage::{Journey, Keeping, Stage};

/// One test at a time: each has workers of its own.
pub(crate) static TURN: Mutex<()> = Mutex::new(());

/// How many environments there are.
const WORKERS: usize = 2;

/// Calls that give something a name, and the end of a process.
pub(crate) const NAMING: &str = "link,linkat,rename,renameat,renameat2,exit_group";

/// Calls that change something outside of the process.
const CHANGING: &str = "write,pwrite64,writev,rename,renameat,renameat2,link,linkat,unlink,\
                        unlinkat,mkdir,mkdirat,ftruncate,sendto,sendmsg,connect,clone,clone3,\
                        vfork,exit_group";

/// A journey from a place where it begins.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(crate) journey: Journey,
    /// Under which name the place is kept.
    pub(crate) from: &'static str,
    pub(crate) canary: &'static str,
}

/// What an undisturbed run comes to, and what happens on its way.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) meaning: Value,
    pub(crate) seen: BTreeMap<String, u32>,
}

impl Route {
    /// Version 2 after version 1.
    pub(crate) fn up() -> Self {
        let (journey, from, canary) = (Journey::up("2"), "up", "v1");
        Self {
            journey,
            from,
            canary,
        }
    }

    /// Back to version 1.
    pub(crate) fn down() -> Self {
        let (journey, from, canary) = (Journey::down(), "down", "v2");
        Self {
            journey,
            from,
            canary,
        }
    }

    /// Puts a stage to where this begins.
    pub(crate) fn begin(&self, stage: &Stage) {
        stage.restore(self.from, self.canary);
    }

    /// Makes this run undisturbed.
    fn undisturbed(&self, stage: &Stage) -> Wanted {
        stage.keep("up");
        if self.from == "down" {
            let up = Self::up();
            up.begin(stage);
            let ended = stage.run(&up.journey, None);
            assert_eq!(ended.code, 0, "{}", ended.told);
            stage.keep(self.from);
        }
        self.begin(stage);
        let kinds = if is_soak() { CHANGING } else { NAMING };
        let seen = stage.count(&self.journey, kinds);
        let meaning = stage.meaning();
        Wanted { meaning, seen }
    }
}

/// Whether everything is tried, however long that takes.
pub(crate) fn is_soak() -> bool {
    env::var_os("LIFTLOCK_SOAK").is_some()
}

/// Every happening of one kind.
pub(crate) fn each(wanted: &Wanted, what: &str, acts: &[Act]) -> Vec<Fault> {
    let count = wanted.seen.get(what).copied().unwrap_or_default();
    (1..=count)
        .flat_map(|nth| acts.iter().map(move |act| Fault::new(what, nth, *act)))
        .collect()
}

/// Where a run is killed, and which of its requests fail.
fn all(wanted: &Wanted) -> Vec<Fault> {
    let mut all = boundaries(wanted);
    all.extend(requests(wanted));
    chosen(all)
}

/// Only those that `LIFTLOCK_CASES` begins, where it is set: to see one again.
fn chosen(cases: Vec<Fault>) -> Vec<Fault> {
    let Some(wanted) = env::var_os("LIFTLOCK_CASES") else {
        return cases;
    };
    let wanted = wanted.to_string_lossy().into_owned();
    let cases = cases.into_iter();
    cases
        .filter(|case| case.to_string().starts_with(&wanted))
        .collect()
}

/// Tries all cases; what is wrong, one line each, and how many cases there were.
fn try_all(route: &Route) -> (usize, Vec<String>) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let left: Mutex<Option<Vec<Fault>>> = Mutex::default();
    let (tried, wrong) = (Mutex::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        let work = || {
            let Some(stage) = Stage::open(Keeping::Git) else {
                return;
            };
            let wanted = route.undisturbed(&stage);
            left.lock().unwrap().get_or_insert_with(|| all(&wanted));
            loop {
                let Some(fault) = left.lock().unwrap().as_mut().and_then(Vec::pop) else {
                    return;
                };
                route.begin(&stage);
                let found = if fault.act.kills() {
                    killed(&stage, &fault, &wanted, route)
                } else {
                    failed(&stage, &fault, &wanted, route)
                };
                *tried.lock().unwrap() += 1;
                let lines = found.into_iter().map(|line| format!("{fault}: {line}"));
                wrong.lock().unwrap().extend(lines);
            }
        };
        for _ in 0..WORKERS {
            scope.spawn(work);
        }
    });
    (tried.into_inner().unwrap(), wrong.into_inner().unwrap())
}

fn everywhere(route: &Route, least: usize) {
    let (tried, wrong) = try_all(route);
    eprintln!("{tried} cases");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let is_part = tried == 0 || env::var_os("LIFTLOCK_CASES").is_some();
    assert!(is_part || tried >= least, "only {tried} cases");
}

#[test]
fn a_rollout_that_is_killed_or_meets_a_failure_anywhere_comes_to_the_same_end() {
    everywhere(&Route::up(), 120);
}

#[test]
fn a_rollback_that_is_killed_or_meets_a_failure_anywhere_comes_to_the_same_end() {
    everywhere(&Route::down(), 70);
}
