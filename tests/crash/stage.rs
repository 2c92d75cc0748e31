//! One environment on real counterparts, which can be put back to where it was.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::cli::{Run, bin};
use testkit::house::House;
use testkit::http::Server;
use testkit::process::Process;
use testkit::servers::{Haproxy, Registry};
use testkit::{git, peers, wait};

use crate::counterparts::{Relay, gateway};
use crate::fault::{Fault, Watch};
use crate::users::{self, Users};

/// How long one run may take.
const LIMIT: Duration = Duration::from_secs(120);

/// What `SIGKILL` leaves behind.
pub(crate) const KILLED: i32 = 128 + 9;

const RULES: &str = r#"version: 1
service: shop
state: STATE
environments:
  production:
    requires: [signature, approval]
    approval: { quorum: 2, people: [alice, bob], expires: 1h }
    place: { command: [CONTROL/place, "{slot}"] }
    prove: { command: [CONTROL/prove, "{slot}"] }
    traffic: { haproxy: { socket: "RELAY", backend: be, slots: { stable: v1, canary: v2 } } }
    targets:
      - { registry: { image: GATEWAY/production/shop, tag: live, from: GATEWAY/shop }, artifact: image }
    steps: [50%, 100%]
    bake: 100ms
    look: 20ms
    min-requests: 100
    slo: { availability: 99% }
    metrics: { counts: counts.csv }
trust:
  - { name: ci-builder, roles: [builder], keys: [{ key-file: keys/builder.pub }] }
  - { name: ci-gates, roles: [canary, promotion], keys: [{ key-file: keys/gate.pub }] }
  - { name: ci-judge, roles: [judge], keys: [{ key-file: keys/judge.pub }] }
people:
  alice: { emails: [alice@example.org], keys: [{ key-file: keys/alice.pub }] }
  bob: { emails: [bob@example.org], keys: [{ key-file: keys/bob.pub }] }
"#;

/// Where the state is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeping {
    Folder,
    Git,
}

/// The team's own deployer; half of it with a word more.
const PLACE: &str = r#"#!/bin/sh
set -eu
id=$(sed 's/.*"release":{"id":"\([^"]*\)".*/\1/')
rm -f "slots/$1"/*
cp "builds/$id/api" "slots/$1/"
if [ $# -gt 1 ]; then exit 0; fi
cp "builds/$id"/* "slots/$1/"
"#;

/// Hashes what is in a slot.
const PROVE: &str = r#"#!/bin/sh
set -eu
if [ -z "$(ls -A "slots/$1")" ]; then echo '{}'; exit; fi
api=$(sha256sum "slots/$1/api")
image=$(sha256sum "slots/$1/image")
echo "{\"api\": \"sha256:${api%% *}\", \"image\": \"sha256:${image%% *}\"}"
"#;

/// Stands before a program: counts by the name of the program, of git by its
/// subcommand, and goes wrong where `fault` says so.
const BEFORE: &str = r#"#!/bin/sh
what=${0##*/}
if [ "$what" = git ]; then
  skip=
  for word; do
    if [ -n "$skip" ]; then skip=
    elif [ "$word" = -c ]; then skip=yes
    else what=$word; break
    fi
  done
fi
n=0
if [ -e "CONTROL/seen/$what" ]; then read -r n <"CONTROL/seen/$what"; fi
n=$((n + 1))
echo "$n" >"CONTROL/seen/$what"
act=
if [ -e CONTROL/fault ]; then
  read -r name nth word <CONTROL/fault
  if [ "$name $nth" = "$what $n" ]; then act=$word; fi
fi
case $act in
  '') exec REAL "$@" ;;
  kill-before) kill -9 $PPID ;;
  kill-after) REAL "$@"; kill -9 $PPID ;;
  kill-halfway) REAL "$@" half; kill -9 $PPID ;;
  orphan) : >CONTROL/orphan; kill -9 $PPID; REAL "$@"; rm CONTROL/orphan ;;
  fail-before) echo "fatal: the connection was reset" >&2; exit 128 ;;
  fail-after) REAL "$@" >/dev/null; echo "fatal: the connection was reset" >&2; exit 128 ;;
esac
"#;

/// The environment, its counterparts, and who asks it.
#[derive(Debug)]
pub(crate) struct Stage {
    // First, as it writes into the house.
    users: Users,
    pub(crate) house: House,
    proxy: Haproxy,
    registry: Registry,
    gateway: Server,
    relay: Relay,
    pub(crate) watch: Watch,
    keeping: Keeping,
    number: AtomicU32,
    control: TempDir,
    kept: TempDir,
}

/// How a run ended, and what it told.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) id: u32,
    pub(crate) code: i32,
    pub(crate) told: String,
}

impl Stage {
    /// Version 1 is live and version 2 is there with everything that it needs;
    /// nothing where a counterpart is not installed.
    pub(crate) fn open(keeping: Keeping) -> Option<Self> {
        peers::require("strace")?;
        let house = House::new().unwrap();
        let nobody = testkit::process::free_address().unwrap();
        let proxy = Haproxy::start((nobody, 1), (nobody, 0)).unwrap()?;
        let registry = Registry::start(None).unwrap()?;
        let watch = Watch::default();
        let gateway = gateway(&registry.host(), watch.clone());
        let relay = Relay::start(proxy.runtime(), watch.clone());
        let users = Users::start(proxy.runtime(), &house.path("counts.csv"));
        let stage = Self {
            control: tempfile::tempdir_in(house.path("").parent().unwrap()).unwrap(),
            kept: tempfile::tempdir_in(house.path("").parent().unwrap()).unwrap(),
            house,
            proxy,
            registry,
            gateway,
            relay,
            users,
            watch,
            keeping,
            number: AtomicU32::new(0),
        };
        stage.set();
        stage.furnish();
        Some(stage)
    }

    /// Writes rules and scripts.
    fn set(&self) {
        let house = self.house.path("").display().to_string();
        let control = self.control.path().display().to_string();
        let state = match self.keeping {
            Keeping::Folder => "file:.liftlock/state".to_owned(),
            Keeping::Git => format!("git+file://{house}state.git#refs/liftlock/state"),
        };
        let rules = RULES
            .replace("STATE", &state)
            .replace("CONTROL", &control)
            .replace("GATEWAY", &self.gateway.address().to_string())
            .replace("RELAY", &self.relay.address().to_string());
        self.house.write("liftlock.yaml", rules).unwrap();
        let real = self.control.path().join("real");
        fs::create_dir_all(self.control.path().join("seen")).unwrap();
        fs::create_dir_all(self.control.path().join("bin")).unwrap();
        fs::create_dir_all(&real).unwrap();
        for (name, text) in [("place", PLACE), ("prove", PROVE)] {
            script(&real.join(name), text);
            let real = real.join(name).display().to_string();
            let before = BEFORE.replace("CONTROL", &control).replace("REAL", &real);
            script(&self.control.path().join(name), &before);
        }
        let real = peers::find("git").unwrap().display().to_string();
        let before = BEFORE.replace("CONTROL", &control).replace("REAL", &real);
        script(&self.control.path().join("bin/git"), &before);
        for slot in ["v1", "v2"] {
            fs::create_dir_all(self.house.path(&format!("slots/{slot}"))).unwrap();
        }
        git::bare(&self.house.path("state.git")).unwrap();
    }

    fn furnish(&self) {
        for version in ["1", "2"] {
            self.build(version);
            self.house.approve(version, "production").unwrap();
        }
        self.users.open("v2");
        let ended = self.run(&Journey::up("1"), None);
        assert_eq!(ended.code, 0, "{}", ended.told);
    }

    /// Runs a program of ours, with this fault on its way.
    pub(crate) fn run(&self, journey: &Journey, fault: Option<&Fault>) -> Ended {
        self.arm(fault);
        let program = bin(journey.program);
        let run = match fault.and_then(Fault::call) {
            None => Run::new(program),
            Some(call) => Run::new(peers::find("strace").unwrap())
                .args([
                    "-qqq",
                    "-o",
                    "/dev/null",
                    "-e",
                    &format!("trace={call}"),
                    "-e",
                ])
                .args([format!("inject={call}:signal=SIGKILL:when={}", nth(fault))])
                .args([program]),
        };
        self.finish(run, journey, fault.is_some_and(Fault::is_of_git))
    }

    /// Runs a program of ours; what happened how often until it ended well, its
    /// calls to the system of these kinds included.
    pub(crate) fn count(&self, journey: &Journey, kinds: &str) -> BTreeMap<String, u32> {
        self.arm(None);
        let list = self.control.path().join("calls");
        let only = format!("trace={kinds}");
        let run = Run::new(peers::find("strace").unwrap())
            .args(["-qqq", "-e", "signal=none", "-e", &only, "-o"])
            .args([&list, &bin(journey.program)]);
        let ended = self.finish(run, journey, true);
        assert_eq!(ended.code, 0, "{}", ended.told);
        let mut seen = self.watch.seen();
        for entry in fs::read_dir(self.control.path().join("seen")).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let count = fs::read_to_string(&path).unwrap();
            seen.insert(name, count.trim().parse().unwrap());
        }
        for line in fs::read_to_string(list).unwrap().lines() {
            if let Some((call, _)) = line.split_once('(') {
                *seen.entry(format!("call-{call}")).or_default() += 1;
            }
        }
        seen
    }

    fn finish(&self, run: Run, journey: &Journey, is_git_watched: bool) -> Ended {
        // Git is counted, or goes wrong, only where it matters: it is asked often.
        let mut path: Vec<PathBuf> = env::split_paths(&env::var_os("PATH").unwrap()).collect();
        if is_git_watched {
            path.insert(0, self.control.path().join("bin"));
        }
        let path = env::join_paths(path).unwrap();
        let run = run.args(&journey.args).env("PATH", path);
        let mut command = run.command(self.control.path());
        command.current_dir(self.house.path(""));
        let ended = self.wait(&mut command, &|id| self.watch.process(id));
        let orphan = self.control.path().join("orphan");
        wait::until("end of an orphan", LIMIT, || {
            (!orphan.exists()).then_some(())
        })
        .unwrap();
        ended
    }

    /// Runs a program of ours beside others.
    pub(crate) fn beside(&self, journey: &Journey, begun: &dyn Fn(u32)) -> Ended {
        let run = Run::new(bin(journey.program)).args(&journey.args);
        let mut command = run.command(self.control.path());
        command.current_dir(self.house.path(""));
        self.wait(&mut command, begun)
    }

    fn wait(&self, command: &mut Command, begun: &dyn Fn(u32)) -> Ended {
        let number = self.number.fetch_add(1, Ordering::SeqCst);
        let name = format!("run-{number}");
        let mut process = Process::spawn(&name, command, self.control.path()).unwrap();
        begun(process.id());
        let status = process.wait(LIMIT).unwrap();
        let killed = || status.signal().map_or(-1, |number| 128 + number);
        Ended {
            id: process.id(),
            code: status.code().unwrap_or_else(killed),
            told: format!("{}{}", process.stdout(), process.stderr()),
        }
    }

    /// Begins to count anew, for this fault.
    fn arm(&self, fault: Option<&Fault>) {
        self.watch.set(fault);
        let seen = self.control.path().join("seen");
        fs::remove_dir_all(&seen).unwrap();
        fs::create_dir(&seen).unwrap();
        let text = fault.map_or(String::new(), |fault| format!("{fault}\n"));
        fs::write(self.control.path().join("fault"), text).unwrap();
    }

    /// Keeps everything as it is now, under a name.
    pub(crate) fn keep(&self, name: &str) {
        let kept = self.kept.path().join(name);
        copy(&self.house.path(""), &kept.join("house"));
        copy(&self.registry.folder().join("data"), &kept.join("data"));
        let weights = self.weights();
        fs::write(kept.join("weights"), json!(weights).to_string()).unwrap();
    }

    /// Puts everything back to where it was when it was kept.
    pub(crate) fn restore(&self, name: &str, canary: &'static str) {
        let kept = self.kept.path().join(name);
        self.users.close();
        put_back(&kept.join("house"), &self.house.path(""));
        put_back(&kept.join("data"), &self.registry.folder().join("data"));
        let weights = fs::read_to_string(kept.join("weights")).unwrap();
        let weights: BTreeMap<String, u16> = serde_json::from_str(&weights).unwrap();
        for (server, weight) in &weights {
            self.proxy.set_weight(server, *weight).unwrap();
        }
        self.watch.forget();
        self.users.open(canary);
    }

    /// The weights of the servers in force.
    pub(crate) fn weights(&self) -> BTreeMap<String, u64> {
        users::weights(self.proxy.runtime()).into_iter().collect()
    }

    /// The digest that the tag points at.
    pub(crate) fn tag(&self) -> Option<String> {
        self.registry.digest("production/shop", "live").unwrap()
    }

    /// The state of the environment.
    pub(crate) fn state(&self) -> Value {
        if self.keeping == Keeping::Folder {
            return self.house.state();
        }
        let document = "refs/liftlock/state:environments/shop/production.json";
        let text = git::run(&self.house.path("state.git"), &["show", document]);
        serde_json::from_str(&text.unwrap()).unwrap()
    }

    /// Builds and signs a version.
    pub(crate) fn build(&self, version: &str) {
        self.house.release(version).unwrap();
        let image = self.house.text(&format!("builds/shop-{version}/image"));
        let pushed = self.registry.push("shop", version, image.as_bytes());
        pushed.unwrap();
    }

    /// From now on nobody is asked, and other rules hold.
    pub(crate) fn loosen(&self, more: &str) {
        let house = &self.house;
        house
            .configure("requires: [signature, approval]", "requires: [signature]")
            .unwrap();
        house.configure("bake: 100ms", more).unwrap();
    }

    /// From now on users see this slot as the canary.
    pub(crate) fn turn_users(&self, canary: &'static str) {
        self.users.turn(canary);
    }

    /// Says a command to the proxy, past what stands before it.
    pub(crate) fn say(&self, command: &str) {
        self.proxy.say(command.trim()).unwrap();
    }
}

/// One run that is looked at.
#[derive(Clone, Debug)]
pub(crate) struct Journey {
    pub(crate) program: &'static str,
    pub(crate) args: Vec<String>,
}

impl Journey {
    /// A version goes up.
    pub(crate) fn up(version: &str) -> Self {
        let release = format!("release-{version}.json");
        let args = [
            "run",
            "--environment",
            "production",
            "--key",
            "keys/gate.key",
        ];
        let args = args.into_iter().chain(["--release", &release]);
        Self {
            program: "promote",
            args: args.map(str::to_owned).collect(),
        }
    }

    /// Whatever is under way goes on.
    pub(crate) fn resume() -> Self {
        Self::of_promote("resume")
    }

    /// What is live is compared.
    pub(crate) fn status() -> Self {
        Self::of_promote("status")
    }

    fn of_promote(subcommand: &str) -> Self {
        let args = [subcommand, "--environment", "production"];
        Self {
            program: "promote",
            args: args.map(str::to_owned).into(),
        }
    }

    /// Back to the version before.
    pub(crate) fn down() -> Self {
        let args = [
            "run",
            "--environment",
            "production",
            "--key",
            "keys/gate.key",
        ];
        let args = args.into_iter().chain(["--reason", "complaints"]);
        Self {
            program: "rollback",
            args: args.map(str::to_owned).collect(),
        }
    }
}

fn nth(fault: Option<&Fault>) -> u32 {
    fault.map_or(0, |fault| fault.nth)
}

/// Copies a folder with everything in it.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

/// Makes a folder what another one is.
fn put_back(from: &Path, to: &Path) {
    for entry in fs::read_dir(to).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            fs::remove_dir_all(path).unwrap();
        } else {
            fs::remove_file(path).unwrap();
        }
    }
    copy(from, to);
}

fn script(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}
