//! Approval by a stated rule, without people.

use std::fs;

use liftlock::digest::Digest;
use liftlock::predicate::{APPROVAL, CANARY, PROVENANCE};
use serde_json::{Value, json};

use crate::world::World;

/// A canary on staging lets a release pass that does nothing to data, and two
/// people any other.
fn world(more: &Value) -> World {
    let mut rule = json!({
        "name": "well-tried",
        "evidence": [{ "canary@staging": { "max-age": "24h" } }],
    });
    for (field, value) in more.as_object().unwrap() {
        rule[field] = value.clone();
    }
    let world = World::new(&json!({
        "requires": ["approval"],
        "approval": { "quorum": 2, "people": ["alice", "bob"], "automatic": [rule] },
    }));
    for version in ["1", "2"] {
        world.attest(version);
    }
    world
}

/// What a canary says of a version in an environment, `hours` ago.
fn canary(world: &World, version: &str, verdict: &str, (place, hours): (&str, i64)) {
    let bytes = fs::read(world.path(&format!("shop-{version}.json"))).unwrap();
    let policy = Digest::of(&fs::read(world.path("liftlock.yaml")).unwrap());
    let at = liftlock_io::clock::now().unix_millis() - hours * 3_600_000;
    let at = liftlock::time::Time::from_unix_millis(at).unwrap();
    let content = json!({
        "verdict": verdict, "service": "shop", "environment": place,
        "release": Digest::of(&bytes), "policy": policy, "made_at": at,
    });
    world.state("canary", (CANARY, version), &content);
}

fn why(told: &Value) -> &str {
    told["detail"]["judgement"]["why"].as_str().unwrap()
}

#[test]
fn without_every_fact_of_the_rule_people_are_needed() {
    let world = world(&json!({}));
    let request = world.ask("1", &[]);
    let waits = |what: &str| {
        let told = world.judge(13, &request);
        let judgement = &told["detail"]["judgement"];
        assert_eq!(judgement["automatic"], Value::Null, "{what}");
        assert_eq!(judgement["still_needed"], 2, "{what}");
    };
    waits("nothing is there");
    canary(&world, "2", "pass", ("staging", 0));
    waits("another release");
    canary(&world, "1", "pass", ("production", 0));
    waits("another place");
    canary(&world, "1", "pass", ("staging", 25));
    waits("too old");
    let bytes = fs::read(world.path("shop-1.json")).unwrap();
    let forged = json!({ "verdict": "pass", "service": "shop", "environment": "staging",
        "release": Digest::of(&bytes), "made_at": liftlock_io::clock::now(),
        "policy": Digest::of(&fs::read(world.path("liftlock.yaml")).unwrap()) });
    for holder in ["builder", "mallory", "alice"] {
        world.state(holder, (CANARY, "1"), &forged);
    }
    waits("nobody who may say so");
    canary(&world, "1", "fail", ("staging", 0));
    waits("it failed");
}

#[test]
fn a_whole_rule_passes_without_an_answer_and_says_by_which_facts() {
    let world = world(&json!({}));
    let request = world.ask("1", &[]);
    canary(&world, "1", "pass", ("staging", 1));
    let told = world.judge(0, &request);
    let why = why(&told).to_owned();
    for word in [
        "by the rule well-tried",
        "migration none",
        "canary@staging",
        "1d",
        "ci-canary",
    ] {
        assert!(why.contains(word), "{word}: {why}");
    }
    let again = world.judge(0, &request);
    assert_eq!(told["detail"]["approval"], again["detail"]["approval"]);
    let folder = world.path(".liftlock/evidence/sha256");
    let release = Digest::of(&fs::read(world.path("shop-1.json")).unwrap());
    let folder = folder.join(release.hex());
    let slug = liftlock_io::evidence::slug(APPROVAL).unwrap();
    let mut kept = fs::read_dir(folder.join(slug)).unwrap();
    let bytes = fs::read(kept.next().unwrap().unwrap().path()).unwrap();
    let bundle = liftlock::bundle::Bundle::parse(&bytes).unwrap();
    let claimed = liftlock::attestation::claimed(&bundle).unwrap();
    let approval = claimed.predicate();
    assert_eq!(approval["answers"], json!([]));
    assert_eq!(approval["judgement"]["automatic"]["rule"], "well-tried");
    assert_eq!(approval["judgement"]["why"], json!(why));
    let record = world.kinds("approval-judged").pop().unwrap();
    assert_eq!(record["detail"]["why"], json!(why));
}

#[test]
fn a_no_that_counts_denies_what_a_rule_would_let_through() {
    let world = world(&json!({}));
    let request = world.ask("1", &[]);
    canary(&world, "1", "pass", ("staging", 0));
    world.say(0, &request, "bob", "--no");
    let told = world.judge(10, &request);
    assert!(why(&told).contains("denied by bob"), "{told}");
    let other = world.ask("1", &[]);
    assert_ne!(other, request);
    world.judge(0, &other);
    let words = [
        "withdraw",
        "--request",
        &other,
        "--reason",
        "x",
        "--person",
        "carol",
        "--key",
    ];
    world.told(0, &[&words[..], &["carol.key"]].concat());
    world.judge(10, &other);
}

#[test]
fn a_migration_and_an_artifact_that_the_rule_does_not_name_need_people() {
    let world = world(&json!({ "artifacts": ["api"] }));
    world.release("3", &json!({ "migration": "expand" }));
    world.attest("3");
    for version in ["1", "3"] {
        canary(&world, version, "pass", ("staging", 0));
    }
    let (first, third) = (world.ask("1", &[]), world.ask("3", &[]));
    // Nothing is live, so nobody can say what changed.
    world.judge(13, &first);
    let live = |worker: &[u8]| {
        let folder = world.path(".liftlock/state/environments/shop");
        fs::create_dir_all(&folder).unwrap();
        let mut document = liftlock::state::Document::default();
        let release = liftlock::release::Reference {
            id: "shop-0".to_owned(),
            digest: Digest::of(b"0"),
            artifacts: [("api", &b"old"[..]), ("worker", worker)]
                .map(|(name, bytes)| (name.parse().unwrap(), Digest::of(bytes)))
                .into(),
        };
        let how = liftlock::state::How::Promoted;
        document.go_live(release, how, liftlock_io::clock::now());
        let text = serde_json::to_string(&document).unwrap();
        fs::write(folder.join("production.json"), text).unwrap();
    };
    live(b"another");
    world.judge(13, &first);
    live(b"worker");
    let told = world.judge(13, &third);
    assert!(why(&told).contains("0 of 2"), "{told}");
    let told = world.judge(0, &first);
    assert!(why(&told).contains("changed: api"), "{told}");
}

#[test]
fn explain_tells_of_each_automatic_rule_what_is_not_met() {
    let world =
        world(&json!({ "evidence": ["provenance", { "canary@staging": { "max-age": "24h" } }] }));
    let request = world.ask("1", &[]);
    world.state(
        "builder",
        (PROVENANCE, "1"),
        &json!({ "buildDefinition": {}, "runDetails": {} }),
    );
    let told = world.told(13, &["explain", "--request", &request]);
    let conditions = told["detail"]["conditions"].as_array().unwrap();
    let mut rule = conditions.clone();
    rule.retain(|one| one["condition"] == "automatic well-tried");
    let met: Vec<&Value> = rule.iter().map(|one| &one["met"]).collect();
    assert_eq!(met, [true, true, false], "{rule:?}");
    assert_eq!(rule[2]["found"], "nothing");
    assert!(
        rule[2]["wanted"]
            .as_str()
            .unwrap()
            .contains("canary@staging")
    );
}

#[test]
fn no_rule_is_met_by_a_release_that_no_builder_attested() {
    let world = world(&json!({ "evidence": ["provenance"] }));
    // What was built is irreversible; whoever asks says something else of the
    // same artifacts.
    world.release("1", &json!({ "migration": "irreversible" }));
    world.attest("1");
    let made = json!({ "buildDefinition": {}, "runDetails": {} });
    world.state("builder", (PROVENANCE, "1"), &made);
    world.judge(13, &world.ask("1", &[]));
    world.release("1", &json!({ "migration": "none", "authors": [] }));
    let forged = world.ask("1", &[]);
    let told = world.judge(13, &forged);
    assert!(why(&told).contains("0 of 2"), "{told}");
    let told = world.told(13, &["explain", "--request", &forged]);
    let rule = told["detail"]["conditions"].as_array().unwrap();
    let rule = rule
        .iter()
        .find(|one| one["condition"] == "automatic well-tried")
        .unwrap();
    assert_eq!(
        (&rule["met"], &rule["wanted"]),
        (&json!(false), &json!("a builder attested the release"))
    );
}
