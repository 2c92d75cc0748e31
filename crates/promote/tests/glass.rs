//! A release that two people let go past gates, from the question to the issue
//! that follows it up.
#![cfg(test)]

use serde_json::Value;
use testkit::cli::Output;
use testkit::house::House;
use testkit::http::Answer;
use testkit::servers::github::{GitHub, Token};

const RUN: [&str; 3] = ["run", "--environment", "production"];

/// Version 1 is live; version 2 is signed, and nobody approved it.
fn house() -> House {
    let mut house = House::new().unwrap();
    house.open().unwrap();
    house.release("1").unwrap();
    house.promote(0, "1").unwrap();
    house.release("2").unwrap();
    let demands = "requires: [signature, approval]\n    break-glass: { people: [alice, bob] }";
    house.configure("requires: [signature]", demands).unwrap();
    house
}

/// Asks for it, and has these people say yes; the request.
fn ask(house: &House, version: &str, people: &[&str]) -> String {
    let release = format!("release-{version}.json");
    let words = [
        "request",
        "--environment",
        "production",
        "--release",
        &release,
        "--break-glass",
        "--reason",
        "checkout is down",
    ];
    let told = house.expect(13, "await-approval", &words).unwrap();
    let told = told.json().unwrap();
    let request = told["detail"]["request"].as_str().unwrap().to_owned();
    for person in people {
        let key = format!("keys/{person}.key");
        let words = [
            "answer",
            "--request",
            &request,
            "--person",
            person,
            "--yes",
            "--key",
            &key,
        ];
        house.expect(0, "await-approval", &words).unwrap();
    }
    request
}

fn judge(house: &House, code: i32, request: &str) -> Value {
    let words = ["judge", "--request", request, "--key", "keys/judge.key"];
    let told = house.expect(code, "await-approval", &words).unwrap();
    told.json().unwrap()
}

fn records(house: &House) -> Vec<Value> {
    let mut records = house.records();
    records.retain(|record| record["kind"] == "break-glass");
    records
}

fn headline(told: &Value) -> &str {
    told["headline"].as_str().unwrap()
}

/// Promotes with a forge at hand.
fn with_forge(house: &House, version: &str, github: &GitHub, token: &str) -> Output {
    let release = format!("release-{version}.json");
    let words = [&RUN[..], &["--release", &release, "--github", "acme/shop"]].concat();
    let run = house.run("promote", &words);
    let run = run.env("GITHUB_API_URL", github.url());
    run.env("GITHUB_TOKEN", token).output().unwrap()
}

#[test]
fn one_person_moves_nothing() {
    let house = house();
    let request = ask(&house, "2", &["alice"]);
    let told = judge(&house, 13, &request);
    assert!(headline(&told).contains("BREAK-GLASS"), "{told}");
    let told = house.promote(10, "2").unwrap().json().unwrap();
    assert!(headline(&told).contains("approval"), "{told}");
    assert_eq!(house.state()["live"]["release"]["id"], "shop-1");
    assert!(records(&house).is_empty());
}

#[test]
fn two_people_move_one_release_once_and_everybody_is_told() {
    let house = house();
    let request = ask(&house, "2", &["alice", "bob"]);
    judge(&house, 0, &request);
    let told = house.promote(0, "2").unwrap().json().unwrap();
    for word in [
        "BREAK-GLASS past approval by alice, bob: checkout is down",
        "follow up",
    ] {
        assert!(headline(&told).contains(word), "{word}: {told}");
    }
    assert_eq!(
        told["detail"]["outcome"]["plan"]["break_glass"]["request"],
        request.as_str(),
        "{told}"
    );
    let follow = told["detail"]["follow_up"].as_str().unwrap();
    assert!(follow.contains("provide approval"), "{follow}");
    let [record] = &records(&house)[..] else {
        panic!("{:?}", records(&house));
    };
    assert_eq!(record["detail"]["reason"], "checkout is down");
    assert_eq!(
        record["release"]["id"],
        house.state()["live"]["release"]["id"]
    );
    let words = ["query", "--kind", "break-glass"];
    let counted = house.expect(0, "audit-log", &words).unwrap().stdout;
    assert!(counted.contains("checkout is down"), "{counted}");
    house.release("3").unwrap();
    house.promote(10, "3").unwrap();
}

#[test]
fn one_issue_follows_it_up_however_often_it_is_run_and_whatever_fails() {
    let house = house();
    let github = GitHub::start().unwrap();
    let token = github.with(|state| {
        state.set_clock(liftlock_io::clock::now());
        state.issue(7);
        state.token(Token::Job)
    });
    let request = ask(&house, "2", &["alice", "bob"]);
    judge(&house, 0, &request);
    // GitHub refuses: the release is live all the same, and says what to do.
    let refusal = Answer::new(422)
        .header("content-type", "application/json")
        .body(r#"{"message":"Validation Failed"}"#);
    github.with(|state| state.order("/issues", refusal));
    let output = with_forge(&house, "2", &github, &token);
    assert_eq!(output.code, 0, "{}{}", output.stdout, output.stderr);
    let told = output.json().unwrap();
    assert!(headline(&told).contains("no issue was opened"), "{told}");
    assert_eq!(github.with(|state| state.filed().len()), 1);
    // It is opened, and the answer is lost on the way.
    github.with(|state| state.lose("POST", "/issues"));
    let output = with_forge(&house, "2", &github, &token);
    assert_eq!(output.code, 0, "{}{}", output.stdout, output.stderr);
    for _ in 0..2 {
        let output = with_forge(&house, "2", &github, &token);
        let told = output.json().unwrap();
        let follow = told["detail"]["follow_up"].as_str().unwrap();
        assert!(follow.ends_with("/acme/shop/issues/2"), "{follow}");
    }
    let filed = github.with(|state| state.filed());
    assert_eq!(filed.len(), 2, "{filed:?}");
    let (title, body) = &filed[1];
    assert!(title.starts_with("Break-glass: "), "{title}");
    for word in ["checkout is down", "alice, bob", "- [ ] approval", &request] {
        assert!(body.contains(word), "{word}: {body}");
    }
    assert_eq!(records(&house).len(), 1);
}

#[test]
fn nobody_goes_past_a_rejection() {
    let house = house();
    let request = ask(&house, "2", &["alice", "bob"]);
    judge(&house, 0, &request);
    let words = [
        "reject",
        "--file",
        "release-2.json",
        "--reason",
        "it loses orders",
    ];
    house.expect(0, "rollback", &words).unwrap();
    let told = house.promote(10, "2").unwrap().json().unwrap();
    assert!(headline(&told).contains("it loses orders"), "{told}");
    assert_eq!(house.state()["live"]["release"]["id"], "shop-1");
    assert!(records(&house).is_empty());
}
