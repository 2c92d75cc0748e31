//! One issue tells of each way down, whatever happens on it.
#![cfg(test)]

use std::fs;

use serde_json::Value;
use testkit::cli::Output;
use testkit::house::House;
use testkit::process::free_address;
use testkit::servers::github::{GitHub, Token};

fn house(versions: &[&str]) -> House {
    let mut house = House::new().unwrap();
    house.open().unwrap();
    for version in versions {
        house.release(version).unwrap();
        house.promote(0, version).unwrap();
    }
    house
}

fn forge() -> (GitHub, String) {
    let github = GitHub::start().unwrap();
    let token = github.with(|state| {
        state.set_clock(liftlock_io::clock::now());
        state.token(Token::Job)
    });
    (github, token)
}

/// Runs a program with a forge at hand.
fn told(house: &House, program: &str, words: &[&str], (url, token): (&str, &str)) -> Output {
    let place = ["--environment", "production", "--github", "acme/shop"];
    let run = house.run(program, &[&["run"], &place[..], words].concat());
    let run = run.env("GITHUB_API_URL", url).env("GITHUB_TOKEN", token);
    run.output().unwrap()
}

#[test]
fn an_issue_says_what_was_left_and_when_and_strange_words_stay_words() {
    let house = house(&["1", "2"]);
    let (github, token) = forge();
    let words = ["--reason", "<img src=x> | @acme/all [x](y)"];
    let output = told(&house, "rollback", &words, (&github.url(), &token));
    assert_eq!(output.code, 0, "{}{}", output.stdout, output.stderr);
    let result = output.json().unwrap();
    let url = result["detail"]["issue"].as_str().unwrap();
    assert!(url.ends_with("/acme/shop/issues/1"), "{url}");
    let [(title, body)] = &github.with(|state| state.filed())[..] else {
        panic!("not one issue");
    };
    assert_eq!(title, "Rollback of shop-2 in production");
    for wanted in [
        "**pass**",
        "detected",
        "decided",
        "restored",
        "time to recover",
    ] {
        assert!(body.contains(wanted), "{wanted}: {body}");
    }
    for hostile in ["<img", "[x](y)", " | @acme"] {
        assert!(!body.contains(hostile), "{hostile}: {body}");
    }
}

#[test]
fn a_way_down_that_is_stuck_is_told_and_its_end_once() {
    let house = house(&["1", "2"]);
    let (github, token) = forge();
    let at = (github.url(), token);
    let at = (at.0.as_str(), at.1.as_str());
    let weights = house.text("weights.json");
    fs::remove_file(house.path("weights.json")).unwrap();
    fs::create_dir(house.path("weights.json")).unwrap();
    let output = told(&house, "rollback", &[], at);
    assert_eq!(output.code, 16, "{}{}", output.stdout, output.stderr);
    let body = github.with(|state| state.filed())[0].1.clone();
    assert!(body.contains("not over"), "{body}");
    fs::remove_dir(house.path("weights.json")).unwrap();
    house.write("weights.json", weights).unwrap();
    let output = told(&house, "rollback", &[], at);
    assert_eq!(output.code, 10, "{}{}", output.stdout, output.stderr);
    let issues = github.with(|state| state.filed());
    assert_eq!(issues.len(), 1, "{issues:?}");
    let said = github.with(|state| state.bodies(1));
    let [end] = &said[..] else {
        panic!("{said:?}");
    };
    assert!(end.contains("**fail**"), "{end}");
}

#[test]
fn a_forge_that_is_away_holds_nothing_up() {
    let house = house(&["1", "2"]);
    let url = format!("http://{}", free_address().unwrap());
    let output = told(&house, "rollback", &[], (&url, "token"));
    assert_eq!(output.code, 0, "{}{}", output.stdout, output.stderr);
    let result: Value = output.json().unwrap();
    let headline = result["headline"].as_str().unwrap();
    assert!(headline.contains("no issue was opened"), "{headline}");
    assert_eq!(house.state()["live"]["release"]["id"], "shop-1");
}

#[test]
fn a_promotion_that_went_back_by_itself_is_an_incident_too() {
    let house = house(&["1"]);
    house.build("2", "60%").unwrap();
    house.sign("2", "builder", &[]).unwrap();
    let (github, token) = forge();
    let words = ["--release", "release-2.json"];
    let output = told(&house, "promote", &words, (&github.url(), &token));
    assert_eq!(output.code, 10, "{}{}", output.stdout, output.stderr);
    let issues = github.with(|state| state.filed());
    assert_eq!(issues[0].0, "shop-2 went back in production");
    assert!(issues[0].1.contains("shop-1 is live"), "{issues:?}");
}

#[test]
fn what_cannot_be_signed_at_the_end_is_told_all_the_same() {
    let house = house(&["1"]);
    house.release("2").unwrap();
    let (github, token) = forge();
    let evidence = ".liftlock/evidence";
    assert!(house.path(evidence).is_dir());
    // It is away from the first step on: the check turns the plan back.
    let deploy = house.text("deploy");
    let away = format!("{deploy}mv {evidence} aside\ntouch {evidence}\n");
    house.write("deploy", away).unwrap();
    let words = ["--release", "release-2.json", "--key", "keys/gate.key"];
    let at = (github.url(), token);
    let at = (at.0.as_str(), at.1.as_str());
    let output = told(&house, "promote", &words, at);
    assert_eq!(output.code, 1, "{}{}", output.stdout, output.stderr);
    assert!(
        output.stderr.contains("shop-2 did not go up"),
        "{}",
        output.stderr
    );
    let issues = github.with(|state| state.filed());
    assert_eq!(issues[0].0, "shop-2 went back in production");
    fs::remove_file(house.path(evidence)).unwrap();
    fs::rename(house.path("aside"), house.path(evidence)).unwrap();
    let place = [
        "resume",
        "--environment",
        "production",
        "--key",
        "keys/gate.key",
    ];
    house.expect(0, "promote", &place).unwrap();
}
