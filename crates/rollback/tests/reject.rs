//! A release that somebody rejected goes up nowhere, and is gone back to by
//! nobody.
#![cfg(test)]

use std::fs;

use serde_json::Value;
use testkit::house::House;

/// These versions were promoted one after the other; users ask.
fn house(versions: &[&str]) -> House {
    let mut house = House::new().unwrap();
    house.open().unwrap();
    for version in versions {
        house.release(version).unwrap();
        house.promote(0, version).unwrap();
    }
    house
}

fn reject(house: &House, code: i32, more: &[&str]) -> Value {
    let words = [&["reject", "--reason", "it loses orders"], more].concat();
    let output = house.expect(code, "rollback", &words).unwrap();
    serde_json::from_str(&output.stdout).unwrap_or_default()
}

fn live(house: &House) -> String {
    let state = house.state();
    state["live"]["release"]["id"].as_str().unwrap().to_owned()
}

fn kinds(house: &House) -> Vec<String> {
    let records = house.records();
    let kinds = records.iter().filter_map(|record| record["kind"].as_str());
    let kinds = kinds.filter(|kind| kind.contains("reject"));
    kinds.map(str::to_owned).collect()
}

#[test]
fn a_rejected_release_goes_up_nowhere_whatever_file_is_put_around_its_bytes() {
    let house = house(&["1"]);
    house.release("2").unwrap();
    let told = reject(&house, 0, &["--file", "release-2.json"]);
    assert_eq!(told["recorded"], true, "{told}");
    let told = house.promote(10, "2").unwrap().json().unwrap();
    let headline = told["headline"].as_str().unwrap();
    assert!(
        headline.contains("not rejected: rejected by "),
        "{headline}"
    );
    assert!(headline.contains("it loses orders"), "{headline}");
    let explain = [
        "explain",
        "--environment",
        "production",
        "--release",
        "release-2.json",
    ];
    let told = house.expect(10, "promote", &explain).unwrap().stdout;
    assert!(told.contains("--undo"), "{told}");
    let before = house.text("release-2.json");
    house.sign("2", "builder", &["--notes", "mended"]).unwrap();
    assert_ne!(house.text("release-2.json"), before);
    house.promote(10, "2").unwrap();
    assert_eq!(live(&house), "shop-1");
    let records = house.records();
    let found = records
        .iter()
        .find(|record| record["kind"] == "release-rejected");
    let record = found.unwrap();
    assert_eq!(record["detail"]["reason"], "it loses orders");
    assert_eq!(record["detail"]["environments"], "every environment");
    // Another release is not touched by it.
    house.release("3").unwrap();
    house.promote(0, "3").unwrap();
}

#[test]
fn it_is_passed_over_on_the_way_down_and_the_list_says_why() {
    let house = house(&["1", "2", "3"]);
    reject(&house, 0, &["shop-2"]);
    let list = ["list", "--environment", "production"];
    let list = house.expect(0, "rollback", &list).unwrap().json().unwrap();
    let against = &list["detail"]["candidates"][1]["against"][0];
    assert_eq!(against["obstacle"], "rejected", "{list}");
    let why = against["why"].as_str().unwrap();
    assert!(why.contains("it loses orders"), "{why}");
    let back = ["run", "--environment", "production", "--to", "shop-2"];
    house.expect(10, "rollback", &back).unwrap();
    house.expect(0, "rollback", &back[..3]).unwrap();
    assert_eq!(live(&house), "shop-1");
}

#[test]
fn a_promotion_under_way_goes_back_and_what_is_live_is_named() {
    let house = house(&["1"]);
    house.release("2").unwrap();
    let short = [
        "run",
        "--environment",
        "production",
        "--release",
        "release-2.json",
        "--timeout",
        "250ms",
    ];
    house.expect(15, "promote", &short).unwrap();
    let told = reject(&house, 0, &["shop-2"]);
    let next = told["detail"]["next"][0].as_str().unwrap();
    assert!(next.contains("under way in production"), "{told}");
    let resume = ["resume", "--environment", "production"];
    let told = house.expect(10, "promote", &resume).unwrap();
    let told = told.json().unwrap();
    assert_eq!(told["detail"]["outcome"]["restored"], true);
    assert!(
        told["headline"]
            .as_str()
            .unwrap()
            .contains("it loses orders"),
        "{told}"
    );
    let told = reject(&house, 0, &["shop-1"]);
    let next = told["detail"]["next"][0].as_str().unwrap();
    assert!(next.contains("rollback run"), "{told}");
}

#[test]
fn it_is_taken_back_only_with_a_reason_and_both_are_recorded() {
    let house = house(&["1"]);
    house.release("2").unwrap();
    reject(&house, 3, &["shop-9"]);
    reject(&house, 3, &["shop-1", "--undo"]);
    reject(&house, 3, &["shop-1", "--only", "staging"]);
    let blank = ["reject", "shop-1", "--reason", " "];
    house.expect(2, "rollback", &blank).unwrap();
    let told = reject(&house, 0, &["--file", "release-2.json", "--dry-run"]);
    assert_eq!(told["recorded"], false, "{told}");
    reject(&house, 3, &["shop-2", "--undo"]);
    reject(
        &house,
        0,
        &["--file", "release-2.json", "--only", "production"],
    );
    reject(&house, 0, &["shop-2"]);
    house.promote(10, "2").unwrap();
    // Again, and it is the same rejection.
    reject(&house, 0, &["shop-2"]);
    assert_eq!(kinds(&house), ["release-rejected"; 2]);
    house
        .expect(2, "rollback", &["reject", "shop-2", "--undo"])
        .unwrap();
    reject(&house, 0, &["shop-2", "--undo"]);
    house.promote(0, "2").unwrap();
    assert_eq!(kinds(&house).last().unwrap(), "reject-lifted");
}

#[test]
fn a_digest_that_nobody_knows_yet_is_rejected_as_it_is() {
    let house = house(&["1"]);
    house.release("2").unwrap();
    let digest = liftlock::digest::Digest::of(house.text("release-2.json").as_bytes());
    reject(&house, 0, &[&digest.to_string()]);
    house.promote(10, "2").unwrap();
    reject(&house, 3, &["sha256:12"]);
}

#[test]
fn another_release_around_what_is_live_says_so() {
    let house = house(&["1", "2"]);
    let release = house.text("release-2.json");
    let mut release: Value = serde_json::from_str(&release).unwrap();
    release["created_at"] = "2026-01-01T00:00:00Z".into();
    house.write("other.json", release.to_string()).unwrap();
    let told = reject(&house, 0, &["--file", "other.json"]);
    let next = told["detail"]["next"][0].as_str().unwrap();
    assert!(next.starts_with("it is live in production"), "{told}");
}

#[test]
fn a_part_of_a_release_is_enough_to_reject_it() {
    let house = house(&["1"]);
    house.release("2").unwrap();
    let part = |version: &str| {
        let release = house.text(&format!("release-{version}.json"));
        let release: Value = serde_json::from_str(&release).unwrap();
        let digest = &release["artifacts"]["image"]["digest"];
        digest.as_str().unwrap().to_owned()
    };
    reject(&house, 0, &[&part("2")]);
    house.promote(10, "2").unwrap();
    let told = reject(&house, 0, &[&part("1")]);
    let next = told["detail"]["next"][0].as_str().unwrap();
    assert!(next.contains("rollback run"), "{told}");
    reject(&house, 0, &[&part("2"), "--undo"]);
    house.promote(0, "2").unwrap();
}

#[test]
fn without_the_ledger_it_counts_and_is_recorded_by_the_same_command_later() {
    let house = house(&["1"]);
    house.release("2").unwrap();
    let (ledger, aside) = (house.path(".liftlock/ledger"), house.path("aside"));
    fs::rename(&ledger, &aside).unwrap();
    fs::write(&ledger, "no folder").unwrap();
    let told = reject(&house, 0, &["--file", "release-2.json"]);
    assert_eq!(told["recorded"], false, "{told}");
    fs::remove_file(&ledger).unwrap();
    fs::rename(&aside, &ledger).unwrap();
    house.promote(10, "2").unwrap();
    assert!(kinds(&house).is_empty());
    let told = reject(&house, 0, &["--file", "release-2.json"]);
    assert_eq!(told["recorded"], true, "{told}");
    assert_eq!(kinds(&house), ["release-rejected"]);
}

#[test]
fn what_cannot_be_understood_lets_nothing_move() {
    let house = house(&["1"]);
    house.release("2").unwrap();
    reject(&house, 0, &["--file", "release-2.json"]);
    let folder = house.path(".liftlock/state/rejected/shop");
    let document = fs::read_dir(folder).unwrap().next().unwrap().unwrap();
    fs::write(document.path(), r#"{"schema_version": 2}"#).unwrap();
    house.promote(3, "2").unwrap();
}
