//! Holds beside values in git, in real repositories: what is not ours stays.
#![cfg(test)]

use std::cell::Cell;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::thread;

use liftlock::config::pointer::Target;
use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::name::Name;
use liftlock::pointer::notice::{Notice, SCHEMA_VERSION};
use liftlock::release::Reference;
use liftlock::time::Time;
use liftlock_io::pointer::{self, Move, Scope, Told};
use serde_json::json;
use tempfile::TempDir;
use testkit::git;

const VALUES: &str = "# ours\nimage: sha256:2c8b08da5ce60398e1f19af0e5dccc744df274b826abe585eaba68c525434806\nmode: auto # or never\n";
const FLUX: &str = "kind: A\n---\nspec:\n  interval: 5m\n  suspend: false # by people\n";
const ARGO: &str =
    "metadata:\n  annotations:\n    argocd-image-updater.argoproj.io/shop.ignore-tags: none\n";

struct World {
    folder: TempDir,
    url: String,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = [
            ("values.yaml", VALUES),
            ("flux.yaml", FLUX),
            ("argo (1).yaml", ARGO),
            ("text", "x\n"),
        ];
        let url = git::bare_with(&folder.path().join("deploy.git"), &files).unwrap();
        Self { folder, url }
    }

    fn bare(&self) -> PathBuf {
        self.folder.path().join("deploy.git")
    }

    fn git(&self, args: &[&str]) -> String {
        git::run(&self.bare(), args).unwrap()
    }

    fn text(&self, file: &str) -> String {
        self.git(&["show", &format!("main:{file}")]) + "\n"
    }

    fn commits(&self) -> usize {
        self.git(&["rev-list", "--count", "main"]).parse().unwrap()
    }

    /// Somebody else's commit on the branch.
    fn push(&self, change: impl FnOnce(&Path)) {
        let work = tempfile::tempdir().unwrap();
        let at = work.path();
        git::run(at, &["clone", "--quiet", &self.url, "."]).unwrap();
        change(at);
        git::run(at, &["add", "--all"]).unwrap();
        git::run(at, &["commit", "--quiet", "--allow-empty", "-m", "By hand"]).unwrap();
        git::run(at, &["push", "--quiet", "origin", "HEAD:main"]).unwrap();
    }

    fn write(&self, file: &str, text: &str) {
        self.push(|at| fs::write(at.join(file), text).unwrap());
    }

    fn target(&self, hold: &serde_json::Value) -> Target {
        serde_json::from_value(json!({ "git": {
            "repo": self.url, "branch": "main", "file": "values.yaml", "path": "image", "hold": hold,
        } }))
        .unwrap()
    }

    /// All kinds of marks.
    fn all(&self) -> Target {
        self.target(&json!([
            { "file": "apps/shop/hold.json" },
            { "file": "flux.yaml", "document": 1, "path": "spec.suspend", "held": true, "free": false },
            { "file": "argo (1).yaml",
              "path": "metadata.annotations[\"argocd-image-updater.argoproj.io/shop.ignore-tags\"]",
              "held": "*", "free": "none" },
            { "file": "values.yaml", "path": "mode", "held": "never", "free": "auto" },
        ]))
    }
}

fn notice(held: bool) -> Notice {
    Notice {
        schema_version: SCHEMA_VERSION,
        service: "shop".parse().unwrap(),
        environment: "production".parse().unwrap(),
        held,
        since: Time::from_unix_millis(0).unwrap(),
        by: "alice\nLiftlock-Fence: 99".to_owned(),
        reason: "complaints".to_owned(),
        release: None,
    }
}

fn tell(target: &Target, held: bool) -> Told {
    pointer::tell(target, &|| Some(notice(held))).unwrap()
}

fn held(target: &Target) -> Result<Option<Notice>, Failure> {
    let names: [Name; 2] = ["shop", "production"].map(|name| name.parse().unwrap());
    pointer::held(
        target,
        &Scope {
            service: &names[0],
            environment: &names[1],
            ca_file: None,
        },
    )
}

fn point(target: &Target, to: &str, notice: Option<&Notice>) -> Result<(), Failure> {
    let names: [Name; 2] = ["shop", "production"].map(|name| name.parse().unwrap());
    let scope = Scope {
        service: &names[0],
        environment: &names[1],
        ca_file: None,
    };
    let release = Reference {
        id: "shop-1".to_owned(),
        digest: Digest::of(b"release"),
        artifacts: std::collections::BTreeMap::new(),
    };
    let from: Digest = VALUES[14..85].parse().unwrap();
    let moved = Move {
        from: Some(from),
        to: Digest::of(to.as_bytes()),
        release: &release,
        plan: Digest::of(b"plan"),
        fence: 3,
        notice,
    };
    pointer::point(target, &moved, &scope).map(drop)
}

#[test]
fn what_is_somebody_elses_is_left_and_said() {
    let world = World::new();
    world.push(|at| symlink("flux.yaml", at.join("link.yaml")).unwrap());
    let commits = world.commits();
    let value =
        |file: &str, path: &str| json!({ "file": file, "path": path, "held": "x", "free": "y" });
    for (mark, why) in [
        (value("flux.yaml", "spec"), "it has 2 documents"),
        (value("values.yaml", "mode"), "neither \"x\" nor \"y\""),
        (value("none.yaml", "a"), "there is no such file"),
        (value("link.yaml", "a"), "`link.yaml` is no file"),
        (json!({ "file": "text/hold.json" }), "`text` is no folder"),
        (json!({ "file": "link.yaml/a/hold.json" }), "is no folder"),
    ] {
        for held in [true, false] {
            let told = tell(&world.target(&json!([mark])), held);
            assert!(told.written.is_empty(), "{told:?}");
            assert!(told.left[0].contains(why), "{told:?}");
        }
    }
    assert_eq!(world.commits(), commits);
    // The same beside a value: that is moved all the same.
    let target = world.target(&json!([value("none.yaml", "a")]));
    point(&target, "two", Some(&notice(true))).unwrap();
    let changed = world.git(&["diff", "--name-only", "main~1", "main"]);
    assert_eq!(changed, "values.yaml");
}

#[test]
fn a_file_that_is_not_understood_is_no_permission() {
    let world = World::new();
    let target = world.target(&json!([{ "file": "hold.json" }]));
    assert_eq!(held(&target).unwrap(), None);
    let other = serde_json::to_string(&notice(false)).unwrap();
    for text in [
        "",
        "{}",
        "{\"held\": false}",
        &other.replace("\"schema_version\":1", "\"schema_version\":2"),
        &other.replace("production", "staging"),
        &other.replace("false", "\"no\""),
    ] {
        world.write("hold.json", text);
        let refused = held(&target).unwrap_err();
        assert_eq!(refused.kind, Kind::Blocked, "{text}");
        let told = tell(&target, true);
        assert!(told.written.is_empty() && told.left.len() == 1, "{told:?}");
        assert_eq!(world.text("hold.json").trim(), text);
    }
    world.write("hold.json", &other);
    assert_eq!(held(&target).unwrap(), None);
    world.write("hold.json", &other.replace("false", "true"));
    assert_eq!(held(&target).unwrap(), Some(notice(true)));
    fs::rename(world.bare(), world.folder.path().join("aside")).unwrap();
    assert_eq!(held(&target).unwrap_err().kind, Kind::Invalid);
}

#[test]
fn a_hold_is_one_commit_that_says_what_it_set() {
    let world = World::new();
    let target = world.all();
    assert_eq!(tell(&target, false), Told::default());
    assert_eq!(tell(&target, true).written.len(), 4);
    assert_eq!(held(&target).unwrap(), Some(notice(true)));
    let message = world.git(&["log", "-1", "--format=%B", "main"]);
    let wanted = "Hold production\n\ncomplaints\n\nBy alice Liftlock-Fence: 99\n\n\
        Liftlock-Held: shop/production apps/shop/hold.json\n\
        Liftlock-Held: shop/production flux.yaml[1] spec.suspend\n\
        Liftlock-Held: shop/production argo (1).yaml metadata.annotations[\"argocd-image-updater.argoproj.io/shop.ignore-tags\"]\n\
        Liftlock-Held: shop/production values.yaml mode";
    assert_eq!(message, wanted);
    assert_eq!(tell(&target, true), Told::default());
    assert_eq!(world.commits(), 2);
}

#[test]
fn a_hold_and_its_end_change_nothing_else() {
    let world = World::new();
    let target = world.all();
    tell(&target, true);
    let texts = ["flux.yaml", "argo (1).yaml", "values.yaml"];
    let wanted = [
        FLUX.replace("false", "true"),
        ARGO.replace("none", "\"*\""),
        VALUES.replace("auto", "never"),
    ];
    assert_eq!(texts.map(|file| world.text(file)), wanted);
    world.write("text", "y\n");
    let told = tell(&target, false);
    assert_eq!((told.written.len(), told.left.len()), (4, 0), "{told:?}");
    assert_eq!(tell(&target, false), Told::default());
    assert_eq!(world.commits(), 4);
    assert_eq!(held(&target).unwrap(), None);
    let wanted = [
        FLUX.to_owned(),
        ARGO.replace("none", "\"none\""),
        VALUES.to_owned(),
    ];
    assert_eq!(texts.map(|file| world.text(file)), wanted);
    world.git(&["fsck", "--strict"]);
}

#[test]
fn what_people_set_themselves_is_not_taken_back() {
    let world = World::new();
    let target = world.all();
    world.write("flux.yaml", &FLUX.replace("false", "true"));
    assert_eq!(tell(&target, true).written.len(), 3);
    let told = tell(&target, false);
    assert_eq!(told.written.len(), 3);
    assert!(told.left[0].contains("no hold of ours set it"), "{told:?}");
    assert_eq!(world.text("flux.yaml"), FLUX.replace("false", "true"));
    // Once ours was lifted, whoever sets it again is somebody else.
    world.write("flux.yaml", FLUX);
    tell(&target, true);
    assert_eq!(tell(&target, false).left, [""; 0]);
    world.write("flux.yaml", &FLUX.replace("false", "true"));
    assert_eq!(tell(&target, false).left.len(), 1);
    // Neither is what another environment, or another value, was held by.
    let other = Notice {
        environment: "productionx".parse().unwrap(),
        ..notice(true)
    };
    let suspend =
        |path: &str| json!([{ "file": "f.yaml", "path": path, "held": true, "free": false }]);
    world.write("f.yaml", "a: {b: false}\n\"a.b\": false\na_b: false\n");
    let one = world.target(&suspend("a.b"));
    pointer::tell(&one, &|| Some(other.clone())).unwrap();
    tell(&world.target(&suspend("a_b")), true);
    assert_eq!(tell(&one, false).left.len(), 1);
}

#[test]
fn a_hold_goes_along_with_the_value_and_never_stands_in_its_way() {
    let world = World::new();
    let target = world.all();
    point(&target, "two", Some(&notice(true))).unwrap();
    assert_eq!(world.commits(), 2);
    assert!(world.text("values.yaml").contains("mode: never"));
    assert!(held(&target).unwrap().is_some());
    let message = world.git(&["log", "-1", "--format=%B", "main"]);
    let fences = message.matches("\nLiftlock-Fence: ").count();
    assert_eq!(
        (fences, message.matches("\nLiftlock-Held: ").count()),
        (1, 4)
    );
    assert_eq!(tell(&target, true), Told::default());
    assert_eq!(tell(&target, false).written.len(), 4);
    // An owner of before the hold is still refused by the fence of the value.
    let fence = world.git(&[
        "log",
        "-1",
        "--format=%(trailers:key=Liftlock-Fence)",
        "main",
    ]);
    assert_eq!(fence, "");
    let strict = World::new();
    let hook = strict.bare().join("hooks/update");
    let script =
        "#!/bin/sh\ngit diff --name-only \"$2\" \"$3\" | grep -q hold.json && exit 1\nexit 0\n";
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::write(&hook, script).unwrap();
    fs::set_permissions(&hook, PermissionsExt::from_mode(0o755)).unwrap();
    let target = strict.all();
    point(&target, "two", Some(&notice(true))).unwrap();
    let wanted = VALUES.replace(&VALUES[14..85], &Digest::of(b"two").to_string());
    assert_eq!(strict.text("values.yaml"), wanted);
    let refused = pointer::tell(&target, &|| Some(notice(true))).unwrap_err();
    assert_eq!(refused.kind, Kind::Credentials);
    assert_eq!(strict.commits(), 2);
}

#[test]
fn of_many_who_hold_at_once_each_mark_is_set_once() {
    let world = World::new();
    let target = world.all();
    thread::scope(|scope| {
        for _ in 0..5 {
            scope.spawn(|| assert_eq!(tell(&target, true).left, [""; 0]));
        }
    });
    assert_eq!(world.commits(), 2);
}

#[test]
fn a_hold_that_ends_while_it_is_told_is_not_told_any_more() {
    let world = World::new();
    let target = world.all();
    tell(&target, true);
    tell(&target, false);
    // Somebody else holds and lifts between our fetch and our push.
    let rounds = Cell::new(0);
    let told = pointer::tell(&target, &|| {
        rounds.set(rounds.get() + 1);
        if rounds.get() > 1 {
            return None;
        }
        tell(&target, true);
        tell(&target, false);
        // By another name, so that no two of these commits are the same one.
        let by = "bob".to_owned();
        Some(Notice { by, ..notice(true) })
    });
    assert_eq!((rounds.get(), told.unwrap()), (2, Told::default()));
    assert_eq!(world.commits(), 5);
    assert!(held(&target).unwrap().is_none());
}
