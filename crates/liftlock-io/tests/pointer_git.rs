//! Values in git, moved in real repositories: nothing else changes, and nobody
//! is overwritten.
#![cfg(test)]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::thread;

use liftlock::config::pointer::Target;
use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::name::Name;
use liftlock::pointer::Live;
use liftlock::release::Reference;
use liftlock_io::pointer::{self, Move, Scope};
use serde_json::json;
use tempfile::TempDir;
use testkit::git;
use testkit::servers::GitHttp;

const FILE: &str = "apps/shop/values.yaml";

fn digest(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

/// Values as people keep them, with a digest.
fn values(live: &str) -> String {
    format!(
        "# of the shop\nimage:\n  repository: registry.example/shop # ours\n  digest: {live} # moved\nreplicas: 2\n"
    )
}

struct World {
    folder: TempDir,
    url: String,
}

impl World {
    fn with(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = [(FILE, text), ("README.md", "Deployments.\n")];
        let url = git::bare_with(&folder.path().join("deploy.git"), &files).unwrap();
        Self { folder, url }
    }

    fn new() -> Self {
        Self::with(&values(&digest("one").to_string()))
    }

    fn bare(&self) -> PathBuf {
        self.folder.path().join("deploy.git")
    }

    fn git(&self, args: &[&str]) -> String {
        git::run(&self.bare(), args).unwrap()
    }

    fn text(&self) -> String {
        self.git(&["show", &format!("main:{FILE}")]) + "\n"
    }

    fn commits(&self) -> usize {
        self.git(&["rev-list", "--count", "main"]).parse().unwrap()
    }

    /// Somebody else's commit on the branch.
    fn push(&self, change: impl FnOnce(&Path), message: &str) {
        let work = tempfile::tempdir().unwrap();
        let at = work.path();
        git::run(at, &["clone", "--quiet", &self.url, "."]).unwrap();
        change(at);
        git::run(at, &["add", "--all"]).unwrap();
        git::run(at, &["commit", "--quiet", "--allow-empty", "-m", message]).unwrap();
        git::run(at, &["push", "--quiet", "origin", "HEAD:main"]).unwrap();
    }

    fn target(&self, path: &str) -> Target {
        self.target_with(&json!({ "path": path }))
    }

    fn target_with(&self, more: &serde_json::Value) -> Target {
        let mut fields = json!({ "repo": self.url, "branch": "main", "file": FILE });
        for (name, value) in more.as_object().unwrap() {
            fields[name] = value.clone();
        }
        serde_json::from_value(json!({ "git": fields })).unwrap()
    }
}

fn read(target: &Target) -> Result<Live, Failure> {
    with("production", |scope| pointer::read(target, scope))
}

fn with<T>(environment: &str, work: impl FnOnce(&Scope<'_>) -> T) -> T {
    let service: Name = "shop".parse().unwrap();
    let environment: Name = environment.parse().unwrap();
    work(&Scope {
        service: &service,
        environment: &environment,
        ca_file: None,
    })
}

fn point(target: &Target, ends: (Option<&str>, &str), fence: u64) -> Result<(), Failure> {
    point_in("production", target, ends, fence)
}

fn point_in(
    environment: &str,
    target: &Target,
    (from, to): (Option<&str>, &str),
    fence: u64,
) -> Result<(), Failure> {
    let release = Reference {
        id: "shop-2\nLiftlock-Fence: 99".to_owned(),
        digest: digest("release"),
        artifacts: std::collections::BTreeMap::new(),
    };
    let moved = Move {
        from: from.map(digest),
        to: digest(to),
        release: &release,
        plan: digest("plan"),
        fence,
        notice: None,
    };
    with(environment, |scope| pointer::point(target, &moved, scope)).map(drop)
}

#[test]
fn what_is_not_understood_is_nobodys_to_move() {
    let strange = [
        (values("latest"), "it says `latest`"),
        ("image: {}\n".to_owned(), "there is no `image.digest`"),
        (values("&d x"), "has an anchor"),
        (
            format!("{}---\n{}", values("''"), values("''")),
            "it has 2 documents",
        ),
        ("image: {\n".to_owned(), "it is no YAML"),
    ];
    for (text, why) in strange {
        let world = World::with(&text);
        let target = world.target("image.digest");
        let live = read(&target).unwrap();
        assert!(
            matches!(&live, Live::Strange(found) if found.contains(why)),
            "{live:?}"
        );
        let refused = point(&target, (Some("one"), "two"), 1).unwrap_err();
        assert_eq!(refused.kind, Kind::Refuted);
        assert_eq!((world.text(), world.commits()), (text, 1));
    }
    let world = World::new();
    for file in ["apps/shop", "apps/none.yaml"] {
        let target = world.target_with(&json!({ "file": file, "path": "a" }));
        assert!(matches!(read(&target).unwrap(), Live::Strange(_)), "{file}");
    }
    world.push(
        |at| symlink("values.yaml", at.join("apps/shop/link.yaml")).unwrap(),
        "Link",
    );
    let target =
        world.target_with(&json!({ "file": "apps/shop/link.yaml", "path": "image.digest" }));
    assert!(matches!(read(&target).unwrap(), Live::Strange(_)));
}

#[test]
fn what_somebody_else_moved_is_not_moved() {
    let world = World::new();
    let target = world.target("image.digest");
    for from in [None, Some("zero")] {
        let refused = point(&target, (from, "two"), 1).unwrap_err();
        assert_eq!(refused.kind, Kind::Refuted);
        let told = refused.lines().join(": ");
        assert!(told.contains("moved by somebody else"), "{told}");
    }
    assert_eq!(world.commits(), 1);
}

#[test]
fn repositories_and_branches_that_cannot_be_are_refused() {
    let world = World::new();
    let of = |field: &str, text: &str| {
        read(&world.target_with(&json!({ "path": "a", field: text }))).unwrap_err()
    };
    let absent = of("branch", "none");
    assert_eq!(absent.kind, Kind::Invalid);
    assert!(absent.lines().join(": ").contains("`none`"));
    for repo in [
        "deploy.git",
        "ext::sh -c id",
        "http://git.example/x.git",
        "https://user:s3cret@git.example/x.git",
        "git.example:x.git",
    ] {
        let refused = of("repo", repo);
        assert_eq!(refused.kind, Kind::Invalid, "{repo}");
        assert!(!refused.lines().join(": ").contains("s3cret"));
    }
    let gone = of("repo", "file:///nowhere/x.git");
    assert_eq!(gone.kind, Kind::Invalid);
}

#[test]
fn only_the_value_changes_and_the_commit_says_why() {
    for filter in ["false", "true"] {
        let world = World::new();
        world.git(&["config", "uploadpack.allowFilter", filter]);
        world.git(&["config", "uploadpack.allowAnySHA1InWant", filter]);
        world.push(
            |at| {
                let run = PermissionsExt::from_mode(0o755);
                fs::set_permissions(at.join(FILE), run).unwrap();
            },
            "Run it",
        );
        let target = world.target("image.digest");
        assert_eq!(read(&target).unwrap(), Live::At(digest("one")));
        point(&target, (Some("one"), "two"), 3).unwrap();
        assert_eq!(read(&target).unwrap(), Live::At(digest("two")));
        assert_eq!(world.text(), values(&digest("two").to_string()));
        let changed = world.git(&["diff", "--name-only", "main~1", "main"]);
        assert_eq!(changed, FILE);
        let mode = world.git(&["ls-tree", "main", FILE]);
        assert!(mode.starts_with("100755 "), "{mode}");
        let message = world.git(&["log", "-1", "--format=%B", "main"]);
        let wanted = format!(
            "Point production at shop-2_Liftlock-Fence:_99\n\n\
             `image.digest` in `{FILE}` on `main`: {} to {}\n\n\
             Liftlock-Environment: shop/production\n\
             Liftlock-Release: shop-2_Liftlock-Fence:_99 {}\nLiftlock-Plan: {}\nLiftlock-Fence: 3",
            digest("one").short(),
            digest("two").short(),
            digest("release"),
            digest("plan"),
        );
        assert_eq!(message, wanted);
        // Once more changes nothing.
        point(&target, (Some("one"), "two"), 4).unwrap();
        assert_eq!(world.commits(), 3);
        world.git(&["fsck", "--strict"]);
    }
}

#[test]
fn a_value_may_be_nothing_at_first_and_have_an_image_around_it() {
    let world = World::with("image: \"\"\n");
    let target =
        world.target_with(&json!({ "path": "image", "value": "registry.example/shop@{digest}" }));
    assert_eq!(read(&target).unwrap(), Live::Nowhere);
    point(&target, (None, "two"), 1).unwrap();
    let wanted = format!("image: \"registry.example/shop@{}\"\n", digest("two"));
    assert_eq!(world.text(), wanted);
    let path = world.bare().display().to_string();
    let near = world.target_with(
        &json!({ "repo": path, "path": "image", "value": "registry.example/shop@{digest}" }),
    );
    assert_eq!(read(&near).unwrap(), Live::At(digest("two")));
}

#[test]
fn an_older_owner_is_refused_and_another_environment_is_not() {
    let world = World::new();
    let target = world.target("image.digest");
    point(&target, (Some("one"), "two"), 7).unwrap();
    point(&target, (Some("two"), "one"), 7).unwrap();
    world.push(
        |at| fs::write(at.join("README.md"), "More.\n").unwrap(),
        "Write more",
    );
    let refused = point(&target, (Some("one"), "three"), 6).unwrap_err();
    assert_eq!(refused.kind, Kind::Blocked);
    let told = refused.lines().join(": ");
    assert!(told.contains("its fence is 7, ours is 6"), "{told}");
    assert_eq!(world.text(), values(&digest("one").to_string()));
    point_in("productionxeu", &target, (Some("one"), "two"), 9).unwrap();
    point_in("production.eu", &target, (Some("two"), "one"), 1).unwrap();
    point_in("production.eu", &target, (Some("one"), "two"), 1).unwrap();
    point(&target, (Some("two"), "three"), 7).unwrap();
    // The way out after a lost state store.
    let way_out = "Begin anew\n\nLiftlock-Environment: shop/production\nLiftlock-Fence: 0";
    world.push(|_| {}, way_out);
    point(&target, (Some("three"), "one"), 1).unwrap();
    // Nobody can tell what this is.
    world.push(|_| {}, &way_out.replace(": 0", ": many"));
    let refused = point(&target, (Some("one"), "two"), 9).unwrap_err();
    assert_eq!(refused.kind, Kind::Blocked);
}

#[test]
fn a_remote_that_says_no_is_believed_at_once() {
    let world = World::new();
    let hook = world.bare().join("hooks/pre-receive");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::write(&hook, "#!/bin/sh\necho protected >&2\nexit 1\n").unwrap();
    let run = PermissionsExt::from_mode(0o755);
    fs::set_permissions(&hook, run).unwrap();
    let refused = point(&world.target("image.digest"), (Some("one"), "two"), 1).unwrap_err();
    assert_eq!(refused.kind, Kind::Credentials);
    let told = refused.lines().join(": ");
    assert!(
        told.starts_with("the remote does not let this job push to `main`"),
        "{told}"
    );
    assert_eq!(world.text(), values(&digest("one").to_string()));
}

#[test]
fn many_who_move_different_values_of_one_file_all_get_through() {
    const MANY: u64 = 6;
    let line = |index: u64| format!("v{index}: {}\n", digest("one"));
    let text: String = (0..MANY).map(line).collect();
    let world = World::with(&text);
    thread::scope(|scope| {
        for index in 0..MANY {
            let target = world.target(&format!("v{index}"));
            scope.spawn(move || {
                let environment = format!("e{index}");
                point_in(&environment, &target, (Some("one"), "two"), 1).unwrap();
            });
        }
    });
    assert_eq!(
        world.text(),
        text.replace(&digest("one").to_string(), &digest("two").to_string())
    );
    assert_eq!(u64::try_from(world.commits()).unwrap(), MANY + 1);
}

#[test]
fn of_several_who_move_one_value_one_does() {
    let world = World::new();
    let ended: Vec<bool> = thread::scope(|scope| {
        let threads: Vec<_> = (0..5)
            .map(|index| {
                let target = world.target("image.digest");
                scope.spawn(move || {
                    let to = format!("two {index}");
                    match point(&target, (Some("one"), &to), 1) {
                        Ok(()) => true,
                        Err(failure) => {
                            assert_eq!(failure.kind, Kind::Refuted, "{failure:?}");
                            false
                        }
                    }
                })
            })
            .collect();
        threads.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(ended.iter().filter(|won| **won).count(), 1);
    assert_eq!(world.commits(), 2);
}

#[test]
fn a_value_behind_http_is_moved_as_well() {
    for filter in ["false", "true"] {
        let world = World::new();
        world.git(&["config", "uploadpack.allowFilter", filter]);
        let server = GitHttp::start(world.folder.path()).unwrap();
        let url = server.url("deploy.git");
        let target = world.target_with(&json!({ "repo": url, "path": "image.digest" }));
        assert_eq!(read(&target).unwrap(), Live::At(digest("one")));
        point(&target, (Some("one"), "two"), 3).unwrap();
        assert_eq!(world.text(), values(&digest("two").to_string()));
        let refused = point(&target, (Some("one"), "three"), 3).unwrap_err();
        assert_eq!(refused.kind, Kind::Refuted);
        let pushes = server.requests().into_iter();
        let pushes = pushes.filter(|request| request.target.ends_with("/git-receive-pack"));
        assert_eq!(pushes.count(), 1);
    }
}
