//! A request, or the approval that it led to, is taken back.

use std::fs;

use liftlock::approval::Closed;
use serde_json::{Value, json};
use testkit::cli::Run;

use crate::world::World;

fn world() -> World {
    World::new(&json!({
        "requires": ["approval"],
        "approval": { "quorum": 2, "people": ["alice", "bob"] },
    }))
}

/// The words of a withdrawal by a person.
fn by<'a>(request: &'a str, person: &'a str, key: &'a str) -> Vec<&'a str> {
    let words = [
        "withdraw",
        "--request",
        request,
        "--person",
        person,
        "--key",
    ];
    [&words[..], &[key, "--reason", "wrong version"]].concat()
}

fn approved(world: &World) -> String {
    let request = world.ask("1", &[]);
    world.say(0, &request, "alice", "--yes");
    world.say(0, &request, "bob", "--yes");
    world.judge(0, &request);
    request
}

fn end(world: &World, request: &str) -> Option<Closed> {
    let hex = request.strip_prefix("sha256:").unwrap();
    let path = format!(".liftlock/state/approvals/shop/production/{hex}.closed.json");
    let bytes = fs::read(world.path(&path)).ok()?;
    Some(serde_json::from_slice(&bytes).unwrap())
}

#[test]
fn nobody_takes_back_without_a_key_that_counts() {
    let world = world();
    let request = approved(&world);
    for (person, key, word) in [
        ("alice", "mallory.key", "not a key of `alice`"),
        ("alice", "bob.key", "not a key of `alice`"),
        ("mallory", "mallory.key", "not a key of `mallory`"),
        ("alice", "judge.key", "not a key of `alice`"),
    ] {
        world.refused(4, word, &by(&request, person, key));
    }
    let alone = ["withdraw", "--request", &request, "--reason", "x", "--key"];
    for key in ["mallory.key", "alice.key", "builder.key", "canary.key"] {
        world.refused(4, "not a judge's key", &[&alone[..], &[key]].concat());
    }
    let closed = end(&world, &request).unwrap();
    assert!(!closed.denies(), "{closed:?}");
    assert!(world.kinds("approval-withdrawn").is_empty());
    world.judge(0, &request);
}

#[test]
fn an_approval_that_was_taken_back_stays_so_whatever_is_judged_afterwards() {
    let world = world();
    let request = approved(&world);
    let told = world.told(0, &by(&request, "bob", "bob.key"));
    let headline = told["headline"].as_str().unwrap();
    assert!(headline.contains("withdrawn by bob"), "{headline}");
    assert!(end(&world, &request).unwrap().denies());
    let judged = world.judge(10, &request);
    let why = judged["headline"].as_str().unwrap();
    assert!(why.contains("denied by bob"), "{why}");
    assert_ne!(world.ask("1", &[]), request);
}

#[test]
fn an_author_may_take_back_what_they_could_not_approve() {
    let world = world();
    let request = approved(&world);
    world.told(0, &by(&request, "carol", "carol.key"));
    let judged = world.judge(10, &request);
    let why = judged["headline"].as_str().unwrap();
    assert!(why.contains("withdrawn by carol"), "{why}");
    assert!(why.contains("wrong version"), "{why}");
}

#[test]
fn a_judge_takes_back_an_open_request_of_its_pipeline() {
    let world = world();
    let request = world.ask("1", &[]);
    world.say(0, &request, "alice", "--yes");
    world.say(0, &request, "bob", "--yes");
    let alone = [
        "withdraw",
        "--request",
        &request,
        "--reason",
        "newer",
        "--key",
    ];
    world.told(0, &[&alone[..], &["judge.key"]].concat());
    world.judge(10, &request);
    world.told(10, &["explain", "--request", &request]);
}

#[test]
fn a_no_counts_from_the_moment_it_is_said_and_not_only_when_it_is_judged() {
    let world = world();
    let request = approved(&world);
    world.say(0, &request, "bob", "--no");
    let closed = end(&world, &request).unwrap();
    assert!(closed.denies());
    assert_eq!(closed.withdrawn.unwrap().by, "bob");
    let other = world.ask("2", &[]);
    // An author's no does not count, so it ends nothing.
    world.say(10, &other, "carol", "--no");
    assert_eq!(end(&world, &other), None);
}

#[test]
fn a_yes_to_what_was_denied_or_taken_back_is_refused_and_a_no_is_not() {
    let world = world();
    let yes = |request: &str, word: &str| {
        let words = ["answer", "--request", request, "--person", "alice", "--yes"];
        for more in [
            &["--key", "alice.key"][..],
            &["--key", "alice.key", "--dry-run"],
            &["--unsigned", "alice.json"],
        ] {
            world.refused(10, word, &[&words[..], more].concat());
        }
        assert!(!world.path("alice.json").exists());
    };
    let denied = world.ask("1", &["--output", "request.json"]);
    world.say(0, &denied, "bob", "--no");
    for request in [&denied, "request.json"] {
        yes(request, "withdrawn by bob");
    }
    world.say(0, &denied, "alice", "--no");
    let taken_back = world.ask("2", &[]);
    world.told(0, &by(&taken_back, "carol", "carol.key"));
    yes(&taken_back, "withdrawn by carol");
    // Without a store nobody can tell, and nobody claims to.
    let line = "answer --request request.json --person alice --yes --key alice.key --no-config --output a.json";
    let told = Run::new(env!("CARGO_BIN_EXE_await-approval"))
        .folder(world.path(""))
        .args(line.split(' '))
        .output()
        .unwrap();
    assert_eq!(told.code, 0, "{}", told.stderr);
    assert!(told.stdout.contains("not known here"), "{}", told.stdout);
}

#[test]
fn one_withdrawal_is_one_record_however_often_it_is_run() {
    let world = world();
    let request = approved(&world);
    world.told(
        0,
        &[&by(&request, "bob", "bob.key")[..], &["--dry-run"]].concat(),
    );
    assert!(!end(&world, &request).unwrap().denies());
    world.told(0, &by(&request, "bob", "bob.key"));
    world.told(0, &by(&request, "alice", "alice.key"));
    let records = world.kinds("approval-withdrawn");
    let actors: Vec<&Value> = records
        .iter()
        .map(|record| &record["actor"]["id"])
        .collect();
    assert_eq!(actors, ["bob"]);
    assert_eq!(records[0]["detail"]["reason"], "wrong version");
}

#[test]
fn a_reason_that_deceives_and_a_request_without_a_store_are_refused() {
    let world = world();
    let request = world.ask("1", &["--output", "request.json"]);
    let mut words = by(&request, "bob", "bob.key");
    *words.last_mut().unwrap() = "fine\u{202e}";
    world.refused(2, "--reason", &words);
    let bare = [&by("request.json", "bob", "bob.key")[..], &["--no-config"]].concat();
    world.refused(2, "no store", &bare);
    assert_eq!(end(&world, &request), None);
}
