//! A run that is killed at any call to the system, and run again.
#![cfg(test)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use liftlock::digest::Digest;
use liftlock_io::clock;
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::cli::{Output, Run};
use testkit::peers;
use testkit::samples::Key;
use testkit::servers::github::{GitHub, Token};

/// What changes something outside of the process. A run is killed as it is
/// about to do one of these, and so after everything that it did before.
const CALLS: [&str; 15] = [
    "write",
    "pwrite64",
    "writev",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "unlink",
    "unlinkat",
    "mkdir",
    "mkdirat",
    "ftruncate",
    "sendto",
    "sendmsg",
];

/// What `SIGKILL` leaves behind.
const KILLED: i32 = 128 + 9;

const CONFIG: &str = "version: 1
service: shop
trust:
  - { name: approvals, roles: [judge], keys: [{ key-file: judge.pub }] }
people:
  alice: { accounts: ['github:7'] }
  bob: { accounts: ['github:8'] }
environments:
  production:
    requires: [approval]
    approval: { quorum: 2, people: [alice, bob], at: ['github:acme/shop'] }
";

struct World {
    /// In memory, as every call is tried in a copy of it.
    memory: TempDir,
    github: GitHub,
    token: String,
}

impl World {
    fn new() -> Self {
        let memory = Path::new("/dev/shm");
        let memory = if memory.is_dir() {
            tempfile::tempdir_in(memory).unwrap()
        } else {
            tempfile::tempdir().unwrap()
        };
        let github = GitHub::start().unwrap();
        let token = github.with(|state| {
            state.set_clock(clock::now());
            for (id, login) in [(7, "alice"), (8, "bob"), (10, "erin")] {
                state.person(id, login, "write");
            }
            state.token(Token::Job)
        });
        let world = Self {
            memory,
            github,
            token,
        };
        let release = json!({
            "schema_version": 1, "id": "shop-1", "service": "shop", "version": "1",
            "artifacts": { "api": { "digest": Digest::of(b"api"), "name": "api" } },
            "owner": "team-shop", "created_at": "2026-11-23T08:00:00Z",
        });
        let key = Key::named("judge");
        let first = world.folder("first");
        for (name, text) in [
            ("release.json", release.to_string()),
            ("liftlock.yaml", world.github.on(CONFIG)),
            ("judge.key", key.private_pem()),
            ("judge.pub", key.public_pem()),
        ] {
            fs::write(first.join(name), text).unwrap();
        }
        world
    }

    fn folder(&self, name: &str) -> PathBuf {
        let folder = self.memory.path().join(name);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn run(&self, folder: &Path, args: &[&str], kill_at: Option<(&str, u32)>) -> Output {
        let program = env!("CARGO_BIN_EXE_await-approval");
        let run = match kill_at {
            None => Run::new(program),
            Some((call, time)) => Run::new(peers::find("strace").unwrap())
                .args(["-f", "-qqq", "-o", "/dev/null", "-e"])
                .args([format!("trace={call}"), "-e".to_owned()])
                .args([format!("inject={call}:signal=SIGKILL:when={time}")])
                .args([program]),
        };
        run.folder(folder)
            .env("GITHUB_API_URL", self.github.url())
            .env("GITHUB_TOKEN", &self.token)
            .args(args)
            .limit(Duration::from_secs(60))
            .output()
            .unwrap()
    }

    fn issue(&self) -> u64 {
        self.github.with(|state| state.issue(10))
    }

    fn bodies(&self, issue: u64) -> Vec<String> {
        self.github.with(|state| state.bodies(issue))
    }
}

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

/// Every file below a folder of the stores.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files
}

fn records(folder: &Path, kind: &str) -> usize {
    let entries = files(&folder.join(".liftlock/ledger/entries"));
    let records = entries
        .iter()
        .map(|path| serde_json::from_slice::<Value>(&fs::read(path).unwrap()).unwrap());
    records
        .filter(|record| record.to_string().contains(&format!("\"{kind}\"")))
        .count()
}

/// One request, asked once, in the ledger once.
fn asked_once(world: &World, folder: &Path, issue: u64) {
    let bodies = world.bodies(issue);
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    assert_eq!(records(folder, "approval-requested"), 1);
    let asked = files(&folder.join(".liftlock/state/approvals/shop/production/asked"));
    assert_eq!(asked.len(), 1, "{asked:?}");
    let asked: Value = serde_json::from_slice(&fs::read(&asked[0]).unwrap()).unwrap();
    let request = asked["request"].as_str().unwrap();
    assert!(bodies[0].contains(&format!("/approve {request}\n")));
}

/// One outcome, one approval, one record.
fn judged_once(folder: &Path) {
    assert_eq!(records(folder, "approval-judged"), 1);
    let state = files(&folder.join(".liftlock/state/approvals"));
    let closed: Vec<&PathBuf> = state
        .iter()
        .filter(|path| path.to_string_lossy().ends_with(".closed.json"))
        .collect();
    assert_eq!(closed.len(), 1, "{closed:?}");
    let closed: Value = serde_json::from_slice(&fs::read(closed[0]).unwrap()).unwrap();
    assert_eq!(closed["verdict"], "pass");
    let bundles: BTreeSet<Digest> = files(&folder.join(".liftlock/evidence"))
        .iter()
        .filter(|path| !path.to_string_lossy().contains("unfinished"))
        .map(|path| Digest::of(&fs::read(path).unwrap()))
        .collect();
    assert_eq!(bundles.len(), 1, "two approvals");
    let approval = bundles.first().unwrap().to_string();
    assert_eq!(closed["approval"], approval.as_str());
}

/// Tries a run in copies of a folder, killed at the first call of a kind, at the
/// second, and so on until it ends by itself, for every kind; how many calls it
/// has. `strace` counts each kind apart.
fn everywhere(
    world: &World,
    from: &Path,
    args: impl Fn(u64) -> Vec<String>,
    code: i32,
    check: impl Fn(&Path, u64),
) -> u32 {
    let mut calls = 0;
    for call in CALLS {
        for time in 1.. {
            let folder = world.folder("copy");
            copy(from, &folder);
            let issue = world.issue();
            // Otherwise the forge's limits would be waited for.
            world
                .github
                .with(|state| state.advance(Duration::from_secs(60)));
            let args = args(issue);
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            let first = world.run(&folder, &args, Some((call, time)));
            let was_killed = first.code == KILLED;
            if was_killed {
                let again = world.run(&folder, &args, None);
                assert_eq!(again.code, code, "{call} {time}: {}", again.stderr);
                calls += 1;
            } else {
                assert_eq!(first.code, code, "{call} {time}: {}", first.stderr);
            }
            check(&folder, issue);
            fs::remove_dir_all(folder).unwrap();
            if !was_killed {
                break;
            }
        }
    }
    calls
}

fn request(issue: u64) -> Vec<String> {
    let place = format!("acme/shop#{issue}");
    let args = [
        "request",
        "--release",
        "release.json",
        "--environment",
        "production",
    ];
    let mut args: Vec<String> = args.map(str::to_owned).into();
    args.extend(["--github".to_owned(), place]);
    args
}

/// A folder in which two of two said yes, and their request.
fn answered(world: &World) -> (PathBuf, String) {
    let first = world.folder("first");
    let issue = world.issue();
    let args = request(issue);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let output = world.run(&first, &args, None);
    assert_eq!(output.code, 13, "{}", output.stderr);
    let body = world.bodies(issue).remove(0);
    let line = body.lines().find(|line| line.starts_with("/approve "));
    let yes = line.unwrap().to_owned();
    for user in [7, 8] {
        world.github.with(|state| state.comment(issue, user, &yes));
    }
    (first, yes.trim_start_matches("/approve ").to_owned())
}

#[test]
fn a_request_that_is_killed_at_any_call_is_asked_once() {
    if peers::require("strace").is_none() {
        return;
    }
    let world = World::new();
    let first = world.folder("first");
    let calls = everywhere(&world, &first, request, 13, |folder, issue| {
        asked_once(&world, folder, issue);
    });
    assert!(calls > 30, "{calls} calls");
}

#[test]
fn a_judge_or_a_wait_that_is_killed_at_any_call_comes_to_one_outcome() {
    if peers::require("strace").is_none() {
        return;
    }
    let world = World::new();
    let (first, request) = answered(&world);
    for verb in ["judge", "wait"] {
        let args = |_| {
            let args = [verb, "--request", &request, "--key", "judge.key"];
            args.map(str::to_owned).into()
        };
        let calls = everywhere(&world, &first, args, 0, |folder, _| judged_once(folder));
        assert!(calls > 30, "{calls} calls");
    }
}
