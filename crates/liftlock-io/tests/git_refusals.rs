//! What git refuses is told in git's words, with the code of its cause, and is
//! called a race only where somebody else was faster. Asked of real git.
#![cfg(test)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::thread;

use liftlock::config::pointer::Target;
use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::name::Name;
use liftlock::release::Reference;
use liftlock_io::pointer::{self, Move, Scope};
use liftlock_io::store;
use serde_json::json;
use tempfile::TempDir;
use testkit::git;
use testkit::http::{Answer, Server};

const HOOK: &str = "#!/bin/sh\necho once >>asked\necho 'you may not, see the wiki' >&2\nexit 1\n";

/// A repository with one value.
struct World {
    folder: TempDir,
    url: String,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let text = format!("image: {}\n", Digest::of(b"one"));
        let path = folder.path().join("deploy.git");
        let url = git::bare_with(&path, &[("values.yaml", &text)]).unwrap();
        Self { folder, url }
    }

    fn bare(&self) -> PathBuf {
        self.folder.path().join("deploy.git")
    }

    fn hook(&self, name: &str) {
        let hook = self.bare().join("hooks").join(name);
        fs::create_dir_all(hook.parent().unwrap()).unwrap();
        fs::write(&hook, HOOK).unwrap();
        fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// How often a hook was asked.
    fn asked(&self) -> usize {
        let asked = fs::read_to_string(self.bare().join("asked"));
        asked.unwrap_or_default().lines().count()
    }
}

/// Writes a document to a store in a repository.
fn put(url: &str, key: &str) -> Result<(), Failure> {
    let store = store::open(&format!("git+{url}#refs/liftlock/state")).unwrap();
    store.put_if_absent(key, b"1").map(drop).map_err(Into::into)
}

/// Moves a value in a repository.
fn point(url: &str) -> Result<(), Failure> {
    let target = json!({ "repo": url, "branch": "main", "file": "values.yaml", "path": "image" });
    let target: Target = serde_json::from_value(json!({ "git": target })).unwrap();
    let (service, environment): (Name, Name) =
        ("shop".parse().unwrap(), "production".parse().unwrap());
    let scope = Scope {
        service: &service,
        environment: &environment,
        ca_file: None,
    };
    let release = Reference {
        id: "shop-2".to_owned(),
        digest: Digest::of(b"release"),
        artifacts: std::collections::BTreeMap::new(),
    };
    let moved = Move {
        from: Some(Digest::of(b"one")),
        to: Digest::of(b"two"),
        release: &release,
        plan: Digest::of(b"plan"),
        fence: 1,
        notice: None,
    };
    pointer::point(&target, &moved, &scope).map(drop)
}

/// Both ways to push.
type Way = fn(&str) -> Result<(), Failure>;

const WAYS: [(&str, Way); 2] = [("store", |url| put(url, "a")), ("target", point)];

fn refused(name: &str, ended: Result<(), Failure>, kind: Kind, words: &[&str]) {
    let failure = ended.unwrap_err();
    let told = failure.lines().join(": ");
    assert_eq!(failure.kind, kind, "{name}: {told}");
    for word in words {
        assert!(told.contains(word), "{name}, {word}: {told}");
    }
    for word in [
        "faster",
        "failed to push some refs",
        "correct access rights",
    ] {
        assert!(!told.contains(word), "{name}, {word}: {told}");
    }
    assert!(!told.contains(char::is_control), "{told:?}");
    assert!(failure.hint.is_some(), "{name}: {told}");
}

#[test]
fn a_hook_that_says_no_is_heard_once_and_quoted() {
    for hook in ["pre-receive", "update"] {
        for (name, way) in WAYS {
            let world = World::new();
            world.hook(hook);
            let words = ["hook declined", "you may not, see the wiki"];
            refused(name, way(&world.url), Kind::Credentials, &words);
            assert_eq!(world.asked(), 1, "{name}: pushed again for nothing");
        }
    }
}

#[test]
fn a_branch_that_is_checked_out_there_is_no_race() {
    let world = World::new();
    let clone = world.folder.path().join("clone");
    fs::create_dir(&clone).unwrap();
    git::run(&clone, &["clone", "--quiet", &world.url, "."]).unwrap();
    let url = format!("file://{}", clone.display());
    refused("target", point(&url), Kind::Credentials, &["checked out"]);
}

#[test]
fn who_only_moves_forward_is_let_in_where_nobody_may_go_back() {
    let world = World::new();
    git::run(
        &world.bare(),
        &["config", "receive.denyNonFastForwards", "true"],
    )
    .unwrap();
    point(&world.url).unwrap();
    // Races are still races there, and all of them are won in the end.
    thread::scope(|scope| {
        for index in 0..4 {
            let url = &world.url;
            scope.spawn(move || put(url, &format!("k{index}")).unwrap());
        }
    });
}

#[test]
fn a_repository_that_is_not_there_is_a_wrong_address() {
    let word = ["does not appear to be a git repository"];
    for (name, way) in WAYS {
        refused(name, way("file:///nowhere/x.git"), Kind::Invalid, &word);
    }
    let server = Server::start(|_| Answer::new(404)).unwrap();
    for (name, way) in WAYS {
        refused(
            name,
            way(&server.url("/x.git")),
            Kind::Invalid,
            &["not found"],
        );
    }
}

#[test]
fn a_login_that_is_missing_or_refused_is_about_credentials() {
    let who = || Answer::new(401).header("www-authenticate", "Basic realm=\"git\"");
    let missing = Server::start(move |_| who()).unwrap();
    let refusing = Server::start(|_| Answer::new(403)).unwrap();
    for (name, way) in WAYS {
        let url = missing.url("/x.git");
        refused(
            name,
            way(&url),
            Kind::Credentials,
            &["could not read Username"],
        );
        let url = refusing.url("/x.git");
        refused(name, way(&url), Kind::Credentials, &["403"]);
    }
}

#[test]
fn a_server_that_fails_is_no_verdict_and_keeps_its_words() {
    let server = Server::start(|_| Answer::new(500)).unwrap();
    for (name, way) in WAYS {
        let failure = way(&server.url("/x.git")).unwrap_err();
        let told = failure.lines().join(": ");
        assert_eq!(failure.kind, Kind::Upstream, "{name}: {told}");
        assert!(
            told.contains("500") && !told.contains("faster"),
            "{name}: {told}"
        );
    }
}
