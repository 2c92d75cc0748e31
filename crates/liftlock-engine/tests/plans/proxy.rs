//! A proxy whose runtime socket vanishes at any command.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;

use liftlock::config::target::{Haproxy, Slots, Traffic};
use liftlock::config::traffic::Capacity;
use liftlock::failure::Kind;
use liftlock::plan::Plan;
use liftlock::plan::wish::What;
use liftlock::verdict::Verdict;
use liftlock_engine::{Engine, Pace as _, World};
use liftlock_io::owner;
use serde_json::json;
use tempfile::TempDir;

use crate::asked::{Still, abort, wish};
use crate::rejection::rejects;
use crate::stage::{Stage, Way, folder};

/// Which commands get no answer, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outage {
    None,
    Once(usize),
    From(usize),
}

#[derive(Debug)]
struct Inner {
    weights: BTreeMap<String, u32>,
    commands: usize,
    outage: Outage,
    /// How often `blue` still shows as not running.
    down: usize,
    /// Whether a weight is set although the answer gets lost.
    applies: bool,
    /// Whether `blue` ever got a request.
    raised: bool,
    users: PathBuf,
}

impl Inner {
    fn answer(&mut self, command: &str) -> Option<String> {
        self.commands += 1;
        let lost = match self.outage {
            Outage::None => false,
            Outage::Once(at) => self.commands == at,
            Outage::From(at) => self.commands >= at,
        };
        if lost && !self.applies {
            return None;
        }
        let answer = if let Some(change) = command.strip_prefix("set weight be/") {
            let (server, weight) = change.split_once(' ').unwrap();
            let weight = weight.parse().unwrap();
            self.raised |= server == "blue" && weight > 0;
            self.weights.insert(server.to_owned(), weight);
            self.tell_users();
            "\n".to_owned()
        } else {
            assert_eq!(command, "show servers state be");
            let blue = if self.down > 0 { 0 } else { 2 };
            self.down = self.down.saturating_sub(1);
            let rows = self.weights.iter().map(|(name, weight)| {
                let state = if name.starts_with("blue") { blue } else { 2 };
                format!("1 be {name} {state} {weight}\n")
            });
            let rows: String = rows.collect();
            format!("1\n# be_id be_name srv_name srv_op_state srv_uweight\n{rows}\n")
        };
        (!lost).then_some(answer)
    }

    fn tell_users(&self) {
        let total: u32 = self.weights.values().sum();
        assert!(total > 0, "there was a moment without a server");
        let shares: BTreeMap<&String, u32> = self
            .weights
            .iter()
            .map(|(name, weight)| (name, weight * 10_000 / total))
            .collect();
        let text = json!({ "weights": shares, "stable": "green", "canary": "blue" }).to_string();
        fs::write(&self.users, text).unwrap();
    }
}

struct Proxy {
    socket: PathBuf,
    inner: Arc<Mutex<Inner>>,
}

impl Proxy {
    fn start(root: &Path, outage: Outage, applies: bool) -> Self {
        let socket = root.join("proxy.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let inner = Inner {
            weights: BTreeMap::from([("green".to_owned(), 1), ("blue".to_owned(), 0)]),
            commands: 0,
            outage,
            down: 0,
            applies,
            raised: false,
            users: root.join("weights.json"),
        };
        let inner = Arc::new(Mutex::new(inner));
        let shared = Arc::clone(&inner);
        thread::spawn(move || {
            for stream in listener.incoming() {
                serve(stream.unwrap(), &shared);
            }
        });
        Self { socket, inner }
    }

    fn is_healthy(&self) -> bool {
        let inner = self.inner.lock().unwrap();
        inner.weights["green"] > 0 && inner.weights["blue"] == 0
    }
}

fn serve(mut stream: UnixStream, inner: &Mutex<Inner>) {
    let mut line = String::new();
    BufReader::new(&stream).read_line(&mut line).unwrap();
    if let Some(answer) = inner.lock().unwrap().answer(line.trim()) {
        drop(stream.write_all(answer.as_bytes()));
    }
}

/// Version 1 is live in `green` behind the proxy, version 2 is about to go up.
fn scene(folder: &TempDir, outage: Outage, applies: bool) -> (Stage, Proxy, World, Plan) {
    let stage = Stage::new(folder.path());
    stage.up(&stage.release("1"));
    let release = stage.release("2");
    let proxy = Proxy::start(folder.path(), outage, applies);
    let mut world = stage.sound();
    world.environment.traffic = Some(Traffic {
        haproxy: Some(Haproxy {
            socket: proxy.socket.display().to_string(),
            backend: "be".to_owned(),
            slots: Slots {
                stable: "blue".parse().unwrap(),
                canary: "green".parse().unwrap(),
            },
        }),
        ..Traffic::default()
    });
    let plan = stage.plan(&world, &release, Way::Up);
    (stage, proxy, world, plan)
}

#[test]
fn a_socket_that_vanishes_at_any_command_leaves_no_request_on_the_canary() {
    let folder = folder();
    let (stage, proxy, world, plan) = scene(&folder, Outage::None, false);
    let outcome = stage.drive_in(&world, &plan, Way::Up).unwrap();
    assert_eq!(outcome.verdict, Verdict::Pass);
    let commands = proxy.inner.lock().unwrap().commands;
    assert!(commands > 8, "{commands}");
    for at in 1..=commands {
        for applies in [false, true] {
            let (stage, proxy, world, plan) = scene(&folder, Outage::Once(at), applies);
            let outcome = stage.drive_in(&world, &plan, Way::Up).unwrap();
            assert_eq!(outcome.verdict, Verdict::Pass, "once at {at}");
            drop(proxy);
            let (stage, proxy, world, plan) = scene(&folder, Outage::From(at), applies);
            let failure = stage.drive_in(&world, &plan, Way::Up).unwrap_err();
            assert_eq!(failure.kind, Kind::Stuck, "{at}: {:?}", failure.lines());
            proxy.inner.lock().unwrap().outage = Outage::None;
            let outcome = stage.drive_in(&world, &plan, Way::Up).unwrap();
            assert_eq!(
                (outcome.verdict, outcome.restored),
                (Verdict::Fail, true),
                "{at}"
            );
            assert!(proxy.is_healthy(), "{at}");
            assert_eq!(stage.document().live.unwrap().release.id, "shop-1");
        }
    }
}

#[test]
fn a_version_without_enough_running_servers_gets_no_request() {
    let folder = folder();
    let (stage, proxy, world, plan) = scene(&folder, Outage::None, false);
    proxy.inner.lock().unwrap().down = usize::MAX;
    let outcome = stage.drive_in(&world, &plan, Way::Up).unwrap();
    assert_eq!((outcome.verdict, outcome.restored), (Verdict::Fail, true));
    let why = "03-shift: slot `blue` needs 1 healthy servers for 10% of the requests and has 0, also after 1m";
    assert_eq!(outcome.turned.unwrap().reason, why);
    assert!(proxy.is_healthy());
}

#[test]
fn servers_that_come_late_are_waited_for() {
    let folder = folder();
    let (stage, proxy, world, plan) = scene(&folder, Outage::None, false);
    proxy.inner.lock().unwrap().down = 30;
    let outcome = stage.drive_in(&world, &plan, Way::Up).unwrap();
    assert_eq!(outcome.verdict, Verdict::Pass, "{outcome:?}");
}

#[test]
fn the_way_back_takes_the_servers_that_there_are() {
    let folder = folder();
    let (stage, proxy, mut world, plan) = scene(&folder, Outage::None, false);
    let traffic = world.environment.traffic.as_mut().unwrap();
    // 10% need one of these servers and 90% need four.
    traffic.capacity = Some(Capacity {
        full: 4,
        wait: Some("5s".parse().unwrap()),
    });
    let outcome = stage.drive_in(&world, &plan, Way::Up).unwrap();
    assert_eq!((outcome.verdict, outcome.restored), (Verdict::Fail, true));
    let why = outcome.turned.unwrap().reason;
    assert!(
        why.contains("slot `green` needs 4 healthy servers for 90%"),
        "{why}"
    );
    assert!(proxy.is_healthy());
}

/// Too few servers for as long as an hour; who asks as soon as that is waited for.
fn lacking(folder: &TempDir) -> (Stage, Proxy, World, Plan) {
    let (stage, proxy, mut world, plan) = scene(folder, Outage::None, false);
    proxy.inner.lock().unwrap().down = usize::MAX;
    world.environment.traffic.as_mut().unwrap().capacity = Some(Capacity {
        full: 1,
        wait: Some("1h".parse().unwrap()),
    });
    (stage, proxy, world, plan)
}

#[test]
fn an_abort_is_heard_while_servers_are_waited_for() {
    let folder = folder();
    let (stage, proxy, world, plan) = lacking(&folder);
    let (other, pace) = (stage.sound(), Still(stage.clock.now()));
    stage.clock.when("03-shift", move || {
        let outcome = abort(&other, &pace).unwrap();
        assert_eq!(outcome.verdict, Verdict::Pending);
    });
    let begun = stage.clock.now();
    let lives = owner::myself("a run that lives".to_owned());
    let outcome = stage.drive_as(&lives, &world, &plan, Way::Up).unwrap();
    assert_eq!((outcome.verdict, outcome.restored), (Verdict::Fail, true));
    let why = outcome.turned.unwrap().reason;
    assert_eq!(why, "aborted by alice: wrong version");
    let spent = stage.clock.now().millis_since(begun);
    assert!(spent < 15_000, "it took {spent} ms");
    assert!(proxy.is_healthy());
    assert!(!stage.end().leased);
}

#[test]
fn a_pause_is_heard_while_servers_are_waited_for_and_the_shift_made_afterwards() {
    let folder = folder();
    let (stage, proxy, world, plan) = lacking(&folder);
    let (other, at) = (stage.sound(), stage.clock.now());
    stage.clock.when("03-shift", move || {
        let wish = wish(What::Pause, at);
        let driver = Engine::open(&other, &Still(at)).unwrap().ask_for(&wish);
        assert_eq!(driver.unwrap().as_deref(), Some("a run that lives"));
    });
    let lives = owner::myself("a run that lives".to_owned());
    let outcome = stage.drive_as(&lives, &world, &plan, Way::Up).unwrap();
    assert_eq!(outcome.verdict, Verdict::Pending);
    assert!(proxy.is_healthy() && !stage.end().leased);
    proxy.inner.lock().unwrap().down = 0;
    let advance = wish(What::Advance, stage.clock.now());
    let mut engine = Engine::open(&world, &stage.clock).unwrap();
    assert_eq!(engine.ask_for(&advance).unwrap(), None);
    let outcome = stage.drive_as(&lives, &world, &plan, Way::Up).unwrap();
    assert_eq!(outcome.verdict, Verdict::Pass, "{:?}", outcome.turned);
}

#[test]
fn a_rejection_while_servers_are_waited_for_goes_back_before_any_request_goes_up() {
    // They never come, or before it is listened again.
    for down in [usize::MAX, 3] {
        let folder = folder();
        let (stage, proxy, world, plan) = lacking(&folder);
        proxy.inner.lock().unwrap().down = down;
        let (other, release) = (stage.sound(), stage.release("2"));
        let rejected = move || rejects(&other, &release, None);
        stage.clock.when("03-shift", rejected);
        let begun = stage.clock.now();
        let outcome = stage.drive_in(&world, &plan, Way::Up).unwrap();
        assert_eq!((outcome.verdict, outcome.restored), (Verdict::Fail, true));
        let why = outcome.turned.unwrap().reason;
        assert!(why.contains("it loses orders"), "{down}: {why}");
        let spent = stage.clock.now().millis_since(begun);
        assert!(spent < 15_000, "{down}: it took {spent} ms");
        assert!(proxy.is_healthy() && !stage.end().leased, "{down}");
        assert!(
            !proxy.inner.lock().unwrap().raised,
            "{down}: it got requests"
        );
        assert_eq!(stage.document().live.unwrap().release.id, "shop-1");
    }
}
