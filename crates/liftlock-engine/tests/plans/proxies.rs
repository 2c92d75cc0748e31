//! A process that dies at any boundary of an effect, and in the middle of a
//! reload, while nginx or Envoy itself splits requests.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use liftlock::plan::Plan;
use liftlock::release::Identified;
use liftlock::state::Document;
use liftlock::verdict::Verdict;
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::http::{self, Answer, Server};
use testkit::servers::envoy::routes;
use testkit::servers::nginx::VARIABLE;
use testkit::servers::{Envoy, Nginx};
use testkit::wait;

use crate::crash::at_every_write_of;
use crate::stage::{End, Split, Stage, Way, folder};
use crate::store::{Disk, Life};

const SOON: Duration = Duration::from_secs(20);

/// Where the state is: intents and outcomes are written there.
const STATE: &str = "environments/";

/// How many requests in a row prove that all go there.
const ENOUGH: usize = 20;

/// Stands before a reload: counts it, and has the process die before or after
/// it where `fault` says so. Nothing more is heard of a dead process.
const RELOAD: &str = r#"
folder=$1
shift
n=0
if [ -e "$folder/count" ]; then read -r n <"$folder/count"; fi
n=$((n + 1))
echo "$n" >"$folder/count"
fault=
if [ -e "$folder/fault" ]; then read -r fault <"$folder/fault"; fi
case $fault in
  "before $n") : >"$folder/dead"; exit 1 ;;
  "after $n") "$@"; : >"$folder/dead"; exit 1 ;;
esac
exec "$@"
"#;

fn slots() -> Vec<(&'static str, Server)> {
    let slot = |name| {
        (
            name,
            Server::start(move |_| Answer::new(200).body(name)).unwrap(),
        )
    };
    ["blue", "green"].map(slot).into()
}

fn addresses(slots: &[(&'static str, Server)]) -> Vec<(&'static str, SocketAddr)> {
    let slots = slots.iter();
    slots
        .map(|(name, server)| (*name, server.address()))
        .collect()
}

/// The state, as anybody reads it.
fn document(state: &Disk) -> Document {
    let disk = state.lock().unwrap();
    let bytes = disk.get("environments/shop/production.json");
    bytes.map_or_else(Document::default, |bytes| Document::parse(bytes).unwrap())
}

/// Weights with the roles of the plan under way, or of the last one.
fn with_roles(state: &Disk, weights: &Value) -> Value {
    let run = document(state).run;
    let slots = run.and_then(|run| run.plan.slots);
    let (stable, canary) = slots.map_or(("blue".to_owned(), "green".to_owned()), |slots| {
        (slots.stable.to_string(), slots.canary.to_string())
    });
    json!({ "weights": weights, "stable": stable, "canary": canary })
}

/// Version 1 is live behind a proxy, version 2 is about to go up.
fn begin(stage: &mut Stage, traffic: &Value, split: Split) -> Identified {
    // Few looks: each scene is played a hundred times.
    stage.also = json!({ "traffic": traffic, "bake": "1s", "look": "1s", "watch": "0s" });
    stage.clock.split_by(split);
    stage.up(&stage.release("1"));
    stage.release("2")
}

struct Routes {
    envoy: Arc<Envoy>,
    folder: TempDir,
    _slots: Vec<(&'static str, Server)>,
}

impl Routes {
    fn open() -> Option<Self> {
        let (folder, slots) = (folder(), slots());
        let first = routes(&[("blue", 1), ("green", 0)]).to_string();
        fs::write(folder.path().join("shop.json"), first).unwrap();
        let envoy = Envoy::start(&folder.path().join("shop.json"), &addresses(&slots));
        Some(Self {
            envoy: Arc::new(envoy.unwrap()?),
            folder,
            _slots: slots,
        })
    }

    fn begin(&self, stage: &mut Stage) -> Identified {
        let path = self.folder.path().join("shop.json");
        let draft = self.folder.path().join("draft");
        fs::write(&draft, routes(&[("blue", 1), ("green", 0)]).to_string()).unwrap();
        fs::rename(draft, &path).unwrap();
        let traffic = json!({ "envoy": {
            "path": path, "admin": [self.envoy.admin()],
            "slots": { "stable": "blue", "canary": "green" } } });
        let in_force = |envoy: &Arc<Envoy>| {
            let envoy = Arc::clone(envoy);
            move || -> Value { envoy.weights().unwrap().into_iter().collect() }
        };
        let (users, end) = (in_force(&self.envoy), in_force(&self.envoy));
        let state = Arc::clone(&stage.state);
        let split = Split {
            users: Box::new(move || with_roles(&state, &users())),
            end: Box::new(end),
        };
        begin(stage, &traffic, split)
    }
}

struct Block {
    nginx: Nginx,
    folder: TempDir,
    _slots: Vec<(&'static str, Server)>,
}

impl Block {
    fn open() -> Option<Self> {
        let (folder, slots) = (folder(), slots());
        let mut nginx = Nginx::new(&addresses(&slots)).unwrap()?;
        let block = Self::all_at_blue();
        fs::write(nginx.include(), block).unwrap();
        nginx.start().unwrap();
        Some(Self {
            nginx,
            folder,
            _slots: slots,
        })
    }

    fn all_at_blue() -> String {
        format!("split_clients \"$request_id\" ${VARIABLE} {{\n    * blue;\n}}\n")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn begin(&self, stage: &mut Stage) -> Identified {
        fs::write(self.nginx.include(), Self::all_at_blue()).unwrap();
        let words = [
            "sh".to_owned(),
            "-c".to_owned(),
            RELOAD.to_owned(),
            "reload".to_owned(),
            self.folder.path().display().to_string(),
        ];
        let reload = [&words[..], &self.nginx.reload()].concat();
        let traffic = json!({ "nginx": {
            "include": self.nginx.include(), "variable": VARIABLE,
            "reload": reload,
            "slots": { "stable": "blue", "canary": "green" } } });
        let (state, include) = (Arc::clone(&stage.state), self.nginx.include());
        let users = move || {
            let text = fs::read_to_string(&include).unwrap();
            with_roles(&state, &written(&text))
        };
        let (state, url) = (Arc::clone(&stage.state), self.nginx.url());
        let end = move || {
            let stable = document(&state).slots.unwrap().stable.to_string();
            let asks = |_| http::get(&url).unwrap().text() == stable;
            let all = || (0..ENOUGH).all(asks).then_some(());
            wait::until("all requests at the stable slot", SOON, all).unwrap();
            json!(stable)
        };
        let split = Split {
            users: Box::new(users),
            end: Box::new(end),
        };
        begin(stage, &traffic, split)
    }

    /// Puts version 2 up in a process that dies in the middle of a reload;
    /// how often it was reloaded.
    fn disturbed(&self, root: &TempDir, fault: &str) -> (Stage, Plan, u32) {
        let mut stage = Stage::new(root.path());
        for name in ["count", "fault", "dead"] {
            drop(fs::remove_file(self.path(name)));
        }
        let release = self.begin(&mut stage);
        drop(fs::remove_file(self.path("count")));
        fs::write(self.path("fault"), fault).unwrap();
        let world = stage.world(&Life::until(self.path("dead")));
        let plan = stage.plan(&world, &release, Way::Up);
        let first = stage.drive_in(&world, &plan, Way::Up);
        assert_eq!(first.is_ok(), fault.is_empty(), "{fault}");
        assert_eq!(self.path("dead").exists(), !fault.is_empty(), "{fault}");
        let count = fs::read_to_string(self.path("count")).unwrap();
        (stage, plan, count.trim().parse().unwrap())
    }
}

/// The weights that a block of `split_clients` says.
fn written(text: &str) -> Value {
    let (mut weights, mut left) = (json!({ "blue": 0, "green": 0 }), 10_000);
    for line in text
        .lines()
        .filter_map(|line| line.trim().strip_suffix(';'))
    {
        let (share, slot) = line.split_once(' ').unwrap();
        let points = match share {
            "*" => left,
            share => share.strip_suffix('%').unwrap().parse::<u64>().unwrap() * 100,
        };
        left -= points;
        weights[slot] = points.into();
    }
    weights
}

#[test]
fn a_promotion_by_envoy_that_died_at_any_write_of_the_state_is_finished_by_whoever_comes_next() {
    let Some(routes) = Routes::open() else { return };
    at_every_write_of(STATE, Way::Up, &|stage| routes.begin(stage), Verdict::Pass);
    assert_eq!(routes.envoy.count("update_rejected").unwrap(), 0);
}

#[test]
fn a_promotion_by_nginx_that_died_at_any_write_of_the_state_is_finished_by_whoever_comes_next() {
    let Some(block) = Block::open() else { return };
    at_every_write_of(STATE, Way::Up, &|stage| block.begin(stage), Verdict::Pass);
}

#[test]
fn a_promotion_that_died_before_or_after_any_reload_is_finished_by_whoever_comes_next() {
    let Some(block) = Block::open() else { return };
    let root = folder();
    let (stage, _, reloads) = block.disturbed(&root, "");
    let wanted: End = stage.end();
    assert_eq!(reloads, 2, "one for each share");
    for nth in 1..=reloads {
        for side in ["before", "after"] {
            let fault = format!("{side} {nth}");
            let (stage, plan, _) = block.disturbed(&root, &fault);
            let second = stage.drive_in(&stage.sound(), &plan, Way::Up).unwrap();
            assert_eq!(
                second.verdict,
                Verdict::Pass,
                "{fault}: {:?}",
                second.turned
            );
            assert_eq!(stage.end(), wanted, "{fault}");
        }
    }
}
