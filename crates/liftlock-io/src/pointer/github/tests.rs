use liftlock::release::Reference;
use serde_json::{Value, json};
use testkit::http::Answer;
use testkit::servers::Prism;
use testkit::servers::github::{GitHub as Fake, Token};

use super::*;
use crate::forge::{Pace, Wire};

/// GitHub with a token of a job.
struct World {
    fake: Fake,
    token: String,
}

fn digest(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

impl World {
    fn new() -> Self {
        let fake = Fake::start().unwrap();
        let token = fake.with(|state| {
            // The repository has an owner.
            state.person(7, "alice", "write");
            state.token(Token::Job)
        });
        Self { fake, token }
    }

    fn at(&self, url: &str, token: &str) -> GitHub {
        let pace = Pace {
            now: Box::new(clock::now),
            wait: Box::new(|_| {}),
        };
        let deadline = wire::later(clock::now(), Duration::from_secs(60));
        let wire = Wire::new((url, token), &Options::default(), (deadline, pace)).unwrap();
        GitHub::new(wire, "acme/shop").unwrap()
    }

    fn github(&self) -> GitHub {
        self.at(&self.fake.url(), &self.token)
    }

    /// Every deployment of ours, newest first: the digest and its states.
    fn deployments(&self) -> Vec<(Value, Vec<String>)> {
        self.fake.with(|state| {
            let ids = state.deployments();
            let all = ids.iter().rev().map(|id| state.deployment(*id));
            all.map(|(made, states)| (made["payload"]["digest"].clone(), states))
                .collect()
        })
    }
}

fn with<T>(github: &GitHub, work: impl FnOnce(Deployed<'_>) -> T) -> T {
    let scope = Scope {
        service: &"shop".parse().unwrap(),
        environment: &"production".parse().unwrap(),
        ca_file: None,
    };
    work(Deployed {
        github,
        target: &GithubDeployment {
            repository: "github:acme/shop".parse().unwrap(),
            environment: "Production".to_owned(),
            reference: "main".to_owned(),
        },
        artifact: None,
        scope: &scope,
    })
}

fn moved<T>(ends: (Option<&str>, &str), fence: u64, work: impl FnOnce(&Move<'_>) -> T) -> T {
    let release = Reference {
        id: format!("shop-{}", ends.1),
        digest: digest("release"),
        artifacts: std::collections::BTreeMap::new(),
    };
    work(&Move {
        from: ends.0.map(digest),
        to: digest(ends.1),
        release: &release,
        plan: digest(&format!("plan to {}", ends.1)),
        fence,
        notice: None,
    })
}

fn point(github: &GitHub, ends: (Option<&str>, &str), fence: u64) -> Result<(), Failure> {
    with(github, |deployed| {
        moved(ends, fence, |moved| deployed.point(moved))
    })
}

fn read(github: &GitHub) -> Live {
    with(github, |deployed| deployed.read()).unwrap()
}

#[test]
fn deployments_point_there_and_back() {
    let world = World::new();
    let github = world.github();
    assert_eq!(read(&github), Live::Nowhere);
    point(&github, (None, "one"), 1).unwrap();
    assert_eq!(read(&github), Live::At(digest("one")));
    point(&github, (Some("one"), "two"), 2).unwrap();
    point(&github, (Some("two"), "one"), 3).unwrap();
    assert_eq!(read(&github), Live::At(digest("one")));
    // Once more changes nothing.
    point(&github, (Some("two"), "one"), 3).unwrap();
    // GitHub says of the older ones that they are inactive, once for each newer.
    let wanted = [("one", 0), ("two", 1), ("one", 2)].map(|(text, newer)| {
        let states = ["in_progress", "success", "inactive", "inactive"];
        (
            json!(digest(text)),
            states[..2 + newer]
                .iter()
                .map(|word| (*word).to_owned())
                .collect(),
        )
    });
    assert_eq!(world.deployments(), wanted);
}

#[test]
fn what_somebody_else_moved_and_what_a_newer_owner_did_is_left_alone() {
    let world = World::new();
    let github = world.github();
    point(&github, (None, "one"), 5).unwrap();
    for (ends, fence, kind) in [
        ((None, "two"), 5, Kind::Refuted),
        ((Some("zero"), "two"), 5, Kind::Refuted),
        ((Some("one"), "two"), 4, Kind::Blocked),
    ] {
        assert_eq!(point(&github, ends, fence).unwrap_err().kind, kind);
    }
    assert_eq!(world.deployments().len(), 1);
    // A newer state of a deployment that was live: nobody knows what is now.
    let id = world.fake.with(|state| state.deployments()[0]);
    github.mark(id, "failure", "broken").unwrap();
    assert!(matches!(read(&github), Live::Strange(_)));
    let refused = point(&github, (Some("one"), "two"), 6).unwrap_err();
    assert_eq!(refused.kind, Kind::Refuted);
}

#[test]
fn deployments_of_jobs_in_the_environment_are_not_ours() {
    let world = World::new();
    let github = world.github();
    point(&github, (None, "one"), 1).unwrap();
    world.fake.with(|state| state.deploy_by_job("Production"));
    assert_eq!(read(&github), Live::At(digest("one")));
    point(&github, (Some("one"), "two"), 1).unwrap();
    assert_eq!(read(&github), Live::At(digest("two")));
}

#[test]
fn a_move_that_was_cut_off_is_gone_on_with() {
    let world = World::new();
    let github = world.github();
    point(&github, (None, "one"), 1).unwrap();
    // It is made, but nobody hears of it.
    world.fake.with(|state| state.lose("POST", "/deployments"));
    assert!(point(&github, (Some("one"), "two"), 2).is_err());
    assert_eq!(read(&github), Live::At(digest("one")));
    // Then the last word gets lost: whoever comes next has a greater fence.
    world.fake.with(|state| {
        state.order("/statuses?", Answer::new(502));
        state.lose("POST", "/statuses");
    });
    assert!(point(&github, (Some("one"), "two"), 2).is_err());
    point(&github, (Some("one"), "two"), 3).unwrap();
    assert_eq!(read(&github), Live::At(digest("two")));
    assert_eq!(world.deployments().len(), 2);
}

#[test]
fn a_token_that_may_not_is_told_the_right_that_it_lacks() {
    let world = World::new();
    let reader = world.fake.with(|state| state.token(Token::ReadOnly));
    let github = world.at(&world.fake.url(), &reader);
    let refused = point(&github, (None, "one"), 1).unwrap_err();
    assert_eq!(refused.kind, Kind::Credentials);
}

fn release(asset: &str) -> GithubRelease {
    GithubRelease {
        repository: "github:acme/shop".parse().unwrap(),
        asset: asset.to_owned(),
    }
}

fn release_to(github: &GitHub, ends: (Option<&str>, &str)) -> Result<(), Failure> {
    moved(ends, 1, |moved| {
        point_release(github, &release("shop-*.tgz"), moved)
    })
}

#[test]
fn the_latest_release_is_the_one_with_the_digest() {
    let world = World::new();
    let github = world.github();
    let target = release("shop-*.tgz");
    assert_eq!(read_release(&github, &target).unwrap(), Live::Nowhere);
    world.fake.with(|state| {
        for version in ["one", "two"] {
            let name = format!("shop-{version}.tgz");
            let assets = [(name.as_str(), Some(digest(version))), ("notes.md", None)];
            state.release(version, &assets);
        }
    });
    assert_eq!(read_release(&github, &target).unwrap(), Live::Nowhere);
    for ends in [(None, "one"), (Some("one"), "two"), (Some("two"), "one")] {
        release_to(&github, ends).unwrap();
        let latest = world.fake.with(|state| state.latest().map(str::to_owned));
        assert_eq!(latest.as_deref(), Some(ends.1));
        let live = read_release(&github, &target).unwrap();
        assert_eq!(live, Live::At(digest(ends.1)));
    }
    let writes = world.fake.counts().writes;
    release_to(&github, (Some("two"), "one")).unwrap();
    assert_eq!(world.fake.counts().writes, writes);
}

#[test]
fn a_release_that_is_not_there_or_not_ours_to_move_is_refused() {
    let world = World::new();
    let github = world.github();
    world.fake.with(|state| {
        let old = state.release("old", &[("shop-old.tgz", None)]);
        state.release("one", &[("shop-one.tgz", Some(digest("one")))]);
        state.make_latest(old);
    });
    let has = |text: &str| has_release(&github, &release("shop-*.tgz"), &digest(text)).unwrap();
    assert!(has("one") && !has("two"));
    let refused = release_to(&github, (None, "two")).unwrap_err();
    assert_eq!(refused.kind, Kind::Invalid);
    let refused = release_to(&github, (None, "one")).unwrap_err();
    assert_eq!(refused.kind, Kind::Refuted);
    assert_eq!(
        world
            .fake
            .with(|state| state.latest().map(str::to_owned))
            .as_deref(),
        Some("old")
    );
    let elsewhere = GitHub::new(
        Wire::new(
            (&world.fake.url(), &world.token),
            &Options::default(),
            (clock::now(), Pace::real()),
        )
        .unwrap(),
        "acme/other",
    )
    .unwrap();
    assert!(read_release(&elsewhere, &release("shop-*.tgz")).is_err());
}

#[test]
fn every_call_about_pointers_is_one_that_github_describes() {
    let world = World::new();
    let Some(prism) = Prism::before(&world.fake.url()).unwrap() else {
        return;
    };
    world.fake.with(|state| {
        state.behind(prism.url());
        state.release("one", &[("shop-one.tgz", Some(digest("one")))]);
    });
    let github = world.at(prism.url(), &world.token);
    point(&github, (None, "one"), 1).unwrap();
    assert_eq!(read(&github), Live::At(digest("one")));
    assert_eq!(
        read_release(&github, &release("shop-*.tgz")).unwrap(),
        Live::Nowhere
    );
    release_to(&github, (None, "one")).unwrap();
    let live = read_release(&github, &release("shop-one.tgz")).unwrap();
    assert_eq!(live, Live::At(digest("one")));
    assert_eq!(prism.violations(), [""; 0]);
}
