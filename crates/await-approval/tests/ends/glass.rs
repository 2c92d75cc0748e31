//! Asking people to let a release go past gates.

use std::fs;

use liftlock::approval::answer::Answer;
use liftlock::attestation;
use liftlock::bundle::Bundle;
use liftlock::predicate::{APPROVAL, BREAK_GLASS, RELEASE};
use liftlock_io::attest;
use serde_json::{Value, json};
use testkit::samples::Key;

use crate::world::World;

const ASK: [&str; 3] = ["--break-glass", "--reason", "checkout is down"];

fn world(more: &Value) -> World {
    let mut production = json!({
        "promotes-from": "staging",
        "requires": ["signature", "approval", { "canary@staging": { "max-age": "24h" } }],
        "approval": { "quorum": 1, "people": ["alice", "bob", "carol", "dave"] },
        "break-glass": { "people": ["alice", "bob", "carol", "dave"], "longest": "2h" },
    });
    for (field, value) in more.as_object().unwrap() {
        production[field] = value.clone();
    }
    World::new(&production)
}

/// The words of a request, without those for break-glass.
fn request<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let words = [
        "request",
        "--environment",
        "production",
        "--release",
        "shop-1.json",
    ];
    [&words[..], more].concat()
}

fn past(told: &Value) -> &str {
    told["headline"].as_str().unwrap()
}

#[test]
fn where_the_policy_lets_nobody_nobody_is_asked() {
    let without = world(&json!({ "break-glass": null }));
    without.refused(10, "lets nobody break the glass", &request(&ASK));
    let narrow = json!({ "people": ["alice", "bob"], "past": ["approval"] });
    let narrow = world(&json!({ "break-glass": narrow }));
    let canary = [&ASK[..], &["--past", "canary@staging"]].concat();
    narrow.refused(10, "lets nobody go past it", &request(&canary));
    let told = narrow.told(13, &request(&ASK));
    assert!(past(&told).contains("past approval (checkout"), "{told}");
    let world = world(&json!({}));
    for (words, code, word) in [
        (vec!["--break-glass"], 2, "--reason"),
        (vec!["--reason", "x"], 2, "--break-glass"),
        (vec!["--break-glass", "--reason", " "], 3, "plain reason"),
        (
            vec!["--break-glass", "--reason", "a\u{202e}b"],
            3,
            "plain reason",
        ),
        (
            [&ASK[..], &["--past", "signature"]].concat(),
            2,
            "signature",
        ),
        (
            [&ASK[..], &["--past", "provenance"]].concat(),
            10,
            "does not demand",
        ),
        ([&ASK[..], &["--expires", "3h"]].concat(), 3, "--expires"),
        ([&ASK[..], &["--quorum", "1"]].concat(), 3, "--quorum"),
        (
            [&ASK[..], &["--no-config", "--output", "r.json"]].concat(),
            10,
            "without a policy",
        ),
    ] {
        world.refused(code, word, &request(&words));
    }
    assert!(!world.path(".liftlock/state/approvals").exists());
    let two = json!({ "people": ["alice", "carol"] });
    let authors = self::world(&json!({ "break-glass": two }));
    authors.refused(3, "carol is an author", &request(&ASK));
}

#[test]
fn it_takes_two_people_of_whom_none_wrote_or_signed_the_release() {
    let world = world(&json!({}));
    let bytes = fs::read(world.path("shop-1.json")).unwrap();
    let release: Value = serde_json::from_slice(&bytes).unwrap();
    world.state("dave", (RELEASE, "1"), &release);
    let asked = world.ask("1", &ASK);
    world.say(0, &asked, "alice", "--yes");
    world.say(0, &asked, "alice", "--yes");
    let told = world.judge(13, &asked);
    assert_eq!(
        told["detail"]["judgement"]["who_may"],
        json!(["bob"]),
        "{told}"
    );
    for person in ["carol", "dave"] {
        world.say(10, &asked, person, "--yes");
    }
    world.say(0, &asked, "bob", "--yes");
    let told = world.judge(0, &asked);
    let wanted = "BREAK-GLASS: shop-1 to production past promotes-from, approval, canary@staging";
    assert!(past(&told).starts_with(wanted), "{told}");
    let record = world.kinds("approval-judged").pop().unwrap();
    assert_eq!(record["detail"]["break_glass"], "checkout is down");
    let reopened = world.told(
        13,
        &request(&["--break-glass", "--reason", "something else"]),
    );
    assert_ne!(reopened["detail"]["request"], asked.as_str());
}

#[test]
fn what_the_judge_signs_is_no_approval_and_says_what_for() {
    let world = world(&json!({}));
    let asked = world.ask("1", &ASK);
    world.say(0, &asked, "alice", "--yes");
    world.say(0, &asked, "bob", "--yes");
    let words = [
        "judge",
        "--request",
        &asked,
        "--key",
        "judge.key",
        "--output",
        "out.json",
    ];
    world.told(0, &words);
    let bundle = Bundle::parse(&fs::read(world.path("out.json")).unwrap()).unwrap();
    let statement = attestation::claimed(&bundle).unwrap();
    assert_eq!(statement.predicate_type(), BREAK_GLASS);
    assert_ne!(statement.predicate_type(), APPROVAL);
    let said = statement.predicate();
    assert_eq!(said["reason"], "checkout is down");
    assert_eq!(
        said["past"],
        json!(["promotes-from", "approval", "canary@staging"])
    );
    assert_eq!(said["answers"].as_array().unwrap().len(), 2);
    assert_eq!(said["asked"]["break_glass"]["reason"], said["reason"]);
}

#[test]
fn an_answer_to_one_kind_of_request_is_none_to_the_other() {
    let world = world(&json!({}));
    let (plain, broken) = (world.ask("1", &[]), world.ask("1", &ASK));
    assert_ne!(plain, broken);
    world.say(0, &plain, "alice", "--yes");
    let told = world.judge(13, &broken);
    assert_eq!(told["detail"]["judgement"]["counted"], json!([]), "{told}");
    // Bob signs a yes to the request for break-glass that does not say so.
    let hex = broken.strip_prefix("sha256:").unwrap();
    let kept = format!(".liftlock/state/approvals/shop/production/{hex}.json");
    let kept =
        liftlock::approval::request::Identified::parse(&fs::read(world.path(&kept)).unwrap());
    let now = liftlock_io::clock::now();
    let say = liftlock::approval::answer::Say::Yes;
    let mut answer = Answer::to(&kept.unwrap(), "bob".parse().unwrap(), say, now);
    assert!(answer.break_glass);
    answer.break_glass = false;
    let bundle = attest::attest(&Key::named("bob"), &answer.statement().unwrap()).unwrap();
    fs::write(world.path("bob.json"), bundle.bytes()).unwrap();
    let words = [
        "judge",
        "--request",
        &broken,
        "--answer",
        "bob.json",
        "--key",
        "judge.key",
    ];
    let told = world.told(13, &words);
    let refused = &told["detail"]["judgement"]["not_counted"][0];
    assert_eq!(refused["reason"], "other-request", "{told}");
    assert!(refused["why"].as_str().unwrap().contains("an approval"));
}
