//! Many at once, killed and stopped: one owner at a time, nothing moves without
//! an intent, and nothing stays unrecorded.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use liftlock::time::Time;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use testkit::demo::Random;
use testkit::{git, wait};

use crate::cases::{TURN, is_soak};
use crate::fault::{Act, Fault};
use crate::stage::{Ended, Journey, KILLED, Keeping, Stage};

/// Longer than the lease.
const STOPPED: Duration = Duration::from_millis(1_500);

/// How long runs are killed and stopped.
const TROUBLE: Duration = Duration::from_secs(8);

/// How long whoever was refused waits.
const AGAIN: Duration = Duration::from_millis(200);

/// How a run may end: done, back, nothing to judge by, held by another, killed.
const ENDS: [i32; 6] = [0, 10, 11, 12, 14, KILLED];

/// Whoever is alive, and whether more are started.
#[derive(Debug, Default)]
struct Crowd {
    alive: Mutex<BTreeSet<u32>>,
    over: AtomicBool,
}

impl Crowd {
    /// Runs a command again and again, until it did what it should or it is late.
    fn insist(&self, stage: &Stage, journey: &Journey) -> Vec<Ended> {
        let mut ended = Vec::new();
        while !self.over.load(Ordering::SeqCst) {
            let one = stage.beside(journey, &|id| {
                self.alive.lock().unwrap().insert(id);
            });
            self.alive.lock().unwrap().remove(&one.id);
            let done = one.code == 0 || one.code == 10;
            ended.push(one);
            if done {
                break;
            }
            wait::pause(AGAIN);
        }
        ended
    }

    /// Kills or stops one of those who are alive; of the stopped, when they go on.
    fn trouble(&self, random: &mut Random) {
        let alive = self.alive.lock().unwrap();
        let number = u64::try_from(alive.len()).unwrap().max(1);
        let index = usize::try_from(random.next() % number).unwrap();
        let Some(pid) = alive.iter().nth(index).copied().and_then(pid) else {
            return;
        };
        // Whoever ended in between is not there any more.
        if random.part_of(1, 2) {
            signal(pid, Signal::KILL);
            return;
        }
        signal(pid, Signal::STOP);
        drop(alive);
        wait::pause(STOPPED);
        signal(pid, Signal::CONT);
    }
}

/// Whether somebody was there to get it.
fn signal(pid: Pid, signal: Signal) -> bool {
    kill_process(pid, signal).is_ok()
}

fn pid(id: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(id).ok()?)
}

/// Every version of the state that was seen, oldest first.
fn versions(stage: &Stage, keeping: Keeping, seen: Vec<Value>) -> Vec<Value> {
    if keeping == Keeping::Folder {
        return seen;
    }
    let repository = stage.house.path("state.git");
    let document = "environments/shop/production.json";
    let reference = "refs/liftlock/state";
    let commits = git::run(
        &repository,
        &["rev-list", "--reverse", reference, "--", document],
    );
    let commits = commits.unwrap();
    let text = commits.lines().map(|commit| {
        let text = git::run(&repository, &["show", &format!("{commit}:{document}")]);
        serde_json::from_str(&text.unwrap()).unwrap()
    });
    text.collect()
}

/// No fence has two owners, none comes back, and no write is lost.
fn one_owner_at_a_time(versions: &[Value], keeping: Keeping) {
    let (mut fence, mut revision) = (0, 0);
    let mut owners: BTreeMap<u64, String> = BTreeMap::new();
    for version in versions {
        let next = version["fence"].as_u64().unwrap();
        assert!(next >= fence, "fence {next} after {fence}");
        fence = next;
        let number = version["revision"].as_u64().unwrap();
        assert!(number > revision, "revision {number} after {revision}");
        let whole = keeping == Keeping::Folder || number == revision + 1 || revision == 0;
        assert!(whole, "revision {number} after {revision}");
        revision = number;
        let Some(token) = version["lease"]["token"].as_str() else {
            continue;
        };
        assert_eq!(version["lease"]["fence"].as_u64().unwrap(), fence);
        let owner = owners.entry(fence).or_insert_with(|| token.to_owned());
        assert_eq!(owner, token, "fence {fence} has two owners");
    }
}

/// The steps of all plans that were seen, with their times: what was intended
/// from when until when.
fn intents(versions: &[Value]) -> Vec<(Value, Time, Option<Time>)> {
    let mut runs: BTreeMap<String, &Value> = BTreeMap::new();
    for version in versions {
        if let Some(id) = version["run"]["id"].as_str() {
            runs.insert(id.to_owned(), &version["run"]);
        }
    }
    let time = |value: &Value| value.as_str().map(|text| text.parse().unwrap());
    let mut intents = Vec::new();
    for run in runs.values() {
        let up = run["plan"]["steps"].as_array().into_iter().flatten();
        let back = run["journal"]["back"].as_array().into_iter().flatten();
        let steps: BTreeMap<&str, &Value> = up
            .chain(back)
            .map(|step| (step["id"].as_str().unwrap(), &step["action"]))
            .collect();
        for entry in run["journal"]["entries"].as_array().into_iter().flatten() {
            let step = entry["step"].as_str().unwrap();
            let began = time(&entry["began_at"]).unwrap();
            intents.push((steps[step].clone(), began, time(&entry["ended_at"])));
        }
    }
    intents
}

/// Every change of a weight lies within a step that shifts to just that.
fn every_move_was_intended(stage: &Stage, intents: &[(Value, Time, Option<Time>)]) {
    for (at, command) in stage.watch.heard() {
        let weight = command.trim().rsplit_once(' ').unwrap().1 != "0";
        let server = command.split(['/', ' ']).nth(3).unwrap();
        let fits = |(action, began, ended): &&(Value, Time, Option<Time>)| {
            let share = action["weights"][server].as_str();
            let within = *began <= at && ended.is_none_or(|ended| at <= ended);
            share.is_some_and(|share| weight == (share != "0%")) && within
        };
        let found = intents.iter().find(fits);
        assert!(found.is_some(), "`{command}` at {at} was nobody's intent");
    }
}

/// Each plan is begun, ended and told once, each of its steps once, in order.
fn everything_is_recorded(stage: &Stage) {
    let records = stage.house.records();
    let mut plans: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for record in &records {
        if let Some(plan) = record["plan"].as_str() {
            plans.entry(plan).or_default().push(record);
        }
    }
    for (plan, records) in plans {
        let told = |word: &str| {
            let kinds = records
                .iter()
                .map(|record| record["kind"].as_str().unwrap());
            kinds.filter(|kind| kind.ends_with(word)).count()
        };
        assert_eq!((told("-started"), told("-finished")), (1, 1), "{plan}");
        let steps = records
            .iter()
            .filter(|record| record["kind"] == "step-done");
        let names: Vec<&str> = steps
            .clone()
            .map(|record| record["detail"]["step"].as_str().unwrap())
            .collect();
        let distinct: BTreeSet<&&str> = names.iter().collect();
        assert_eq!(distinct.len(), names.len(), "{plan}: {names:?}");
        let fences: Vec<u64> = steps
            .map(|record| record["fence"].as_u64().unwrap())
            .collect();
        assert!(fences.is_sorted(), "{plan}: {fences:?}");
    }
}

/// Keeps every version of the state that is seen, and tells users whose the
/// canary is.
fn observe(stage: &Stage, watched: &AtomicBool, seen: &Mutex<Vec<Value>>) {
    while watched.load(Ordering::SeqCst) {
        let state = stage.state();
        let canary = if state["slots"]["canary"] == "v1" {
            "v1"
        } else {
            "v2"
        };
        stage.turn_users(canary);
        let mut seen = seen.lock().unwrap();
        let known = seen.last().map(|last| last["revision"].clone());
        if known.as_ref() != Some(&state["revision"]) {
            seen.push(state);
        }
        drop(seen);
        wait::pause(Duration::from_millis(10));
    }
}

/// Eight promotions of two versions and a rollback, in trouble for a while.
fn in_trouble(stage: &Stage, seed: u64) -> (Vec<Ended>, Vec<Value>) {
    let (crowd, seen) = (Crowd::default(), Mutex::new(Vec::<Value>::new()));
    let watched = AtomicBool::new(true);
    let mut ended = Vec::new();
    thread::scope(|scope| {
        scope.spawn(|| observe(stage, &watched, &seen));
        let mut journeys: Vec<Journey> = (0..8)
            .map(|number| Journey::up(if number % 2 == 0 { "2" } else { "3" }))
            .collect();
        journeys.push(Journey::down());
        let crowd = &crowd;
        let insist = move |journey: Journey| {
            if journey.program == "rollback" {
                wait::pause(TROUBLE / 2);
            }
            crowd.insist(stage, &journey)
        };
        let runs: Vec<_> = journeys
            .into_iter()
            .map(|journey| scope.spawn(move || insist(journey)))
            .collect();
        let (begun, mut random) = (Instant::now(), Random::new(seed));
        while begun.elapsed() < TROUBLE {
            crowd.trouble(&mut random);
            wait::pause(Duration::from_millis(100 + random.next() % 300));
        }
        crowd.over.store(true, Ordering::SeqCst);
        for run in runs {
            ended.extend(run.join().unwrap());
        }
        watched.store(false, Ordering::SeqCst);
    });
    (ended, seen.into_inner().unwrap())
}

fn one_moves_at_a_time(keeping: Keeping) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(stage) = Stage::open(keeping) else {
        return;
    };
    stage.loosen("bake: 100ms\n    lease: 1s");
    stage.build("3");
    stage.keep("begin");
    let seeds = if is_soak() { 20 } else { 1 };
    for seed in 0..seeds {
        stage.restore("begin", "v1");
        let (ended, mut seen) = in_trouble(&stage, seed);
        for one in &ended {
            assert!(ENDS.contains(&one.code), "{}: {}", one.code, one.told);
        }
        // Whoever comes last finds at most one plan open, and ends it.
        let last = stage.run(&Journey::resume(), None);
        assert!([0, 10, 11, 12].contains(&last.code), "{}", last.told);
        let last = stage.run(&Journey::resume(), None);
        assert_eq!(last.code, 0, "{}", last.told);
        seen.push(stage.state());
        seen.dedup_by_key(|state| state["revision"].as_u64());
        let status = stage.run(&Journey::status(), None);
        assert_eq!(status.code, 0, "{}", status.told);
        let versions = versions(&stage, keeping, seen);
        one_owner_at_a_time(&versions, keeping);
        every_move_was_intended(&stage, &intents(&versions));
        everything_is_recorded(&stage);
        let killed = ended.iter().filter(|one| one.code == KILLED).count();
        let fence = stage.state()["fence"].as_u64().unwrap();
        eprintln!("{} runs, {killed} killed, fence {fence}", ended.len());
        assert!(killed > 0 && fence > 2, "{killed} killed, fence {fence}");
    }
}

#[test]
fn of_many_in_trouble_one_moves_at_a_time_by_a_folder() {
    one_moves_at_a_time(Keeping::Folder);
}

#[test]
fn of_many_in_trouble_one_moves_at_a_time_by_git() {
    one_moves_at_a_time(Keeping::Git);
}

#[test]
fn a_command_of_a_dead_owner_that_comes_late_does_not_stay() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(stage) = Stage::open(Keeping::Folder) else {
        return;
    };
    stage.loosen("bake: 2s");
    let before = stage.shares();
    // At 50 %, the second weight is on its way when the owner dies.
    let fault = Fault::new("set-weight", 2, Act::Delay);
    let ended = stage.run(&Journey::up("2"), Some(&fault));
    assert_eq!(ended.code, KILLED, "{}", ended.told);
    let late = stage.watch.heard().pop().unwrap().1;
    assert!(late.starts_with("set weight be/v2 1"), "{late}");
    let ended = thread::scope(|scope| {
        let next = scope.spawn(|| stage.beside(&Journey::up("2"), &|_| {}));
        wait::until("bake at 100 %", Duration::from_secs(60), || {
            let entries = stage.state()["run"]["journal"]["entries"].clone();
            let entries = entries.as_array()?.clone();
            entries
                .iter()
                .any(|entry| entry["step"] == "09-bake")
                .then_some(())
        })
        .unwrap();
        stage.say(&late);
        next.join().unwrap()
    });
    assert_eq!(ended.code, 10, "{}", ended.told);
    assert!(
        ended.told.contains("split in another way"),
        "{}",
        ended.told
    );
    assert_eq!(stage.shares(), before);
    let status = stage.run(&Journey::status(), None);
    assert_eq!(status.code, 0, "{}", status.told);
    everything_is_recorded(&stage);
}
