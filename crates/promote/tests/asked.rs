//! A release that is known by the request about it alone.
#![cfg(test)]

use std::fs;

use liftlock::digest::Digest;
use testkit::house::House;

/// Version 1 is live, and version 2 was approved.
fn approved() -> (House, String) {
    let mut house = House::new().unwrap();
    house.open().unwrap();
    house.release("1").unwrap();
    house.promote(0, "1").unwrap();
    house.release("2").unwrap();
    house
        .configure("requires: [signature]", "requires: [signature, approval]")
        .unwrap();
    house.approve("2", "production").unwrap();
    let request = Digest::of(house.text("request-2.json").as_bytes()).to_string();
    (house, request)
}

const RUN: [&str; 4] = ["run", "--environment", "production", "--request"];

#[test]
fn a_request_that_nobody_knows_or_that_was_altered_moves_nothing() {
    let (house, request) = approved();
    let other = Digest::of(b"other").to_string();
    let unknown = house.run("promote", &[&RUN[..], &[&other]].concat());
    let output = unknown.output().unwrap();
    assert_eq!(output.code, 3, "{}{}", output.stdout, output.stderr);
    assert!(
        output.stderr.contains("there is no request"),
        "{}",
        output.stderr
    );
    let name = format!(
        ".liftlock/state/approvals/shop/production/{}.json",
        request.trim_start_matches("sha256:")
    );
    let text = house.text(&name);
    assert!(text.contains("production"), "{text}");
    fs::write(
        house.path(&name),
        text.replacen(r#""id":""#, r#""id":"x"#, 1),
    )
    .unwrap();
    let output = house.run("promote", &[&RUN[..], &[&request]].concat());
    let output = output.output().unwrap();
    assert_eq!(output.code, 10, "{}{}", output.stdout, output.stderr);
    assert!(output.stderr.contains("was altered"), "{}", output.stderr);
    assert_eq!(house.state()["live"]["release"]["id"], "shop-1");
    for service in [&["--service", "shop"][..], &[]] {
        let bare = [&["plan", "--no-config"], service, &RUN[1..], &[&request]].concat();
        let output = house.run("promote", &bare).output().unwrap();
        assert_eq!(output.code, 2, "{}", output.stderr);
        let why = "without a configuration there is no store";
        assert!(output.stderr.contains(why), "{}", output.stderr);
    }
}

#[test]
fn what_was_approved_is_promoted_by_the_request_without_its_file() {
    let (house, request) = approved();
    fs::remove_file(house.path("release-2.json")).unwrap();
    // By the same approval a run went on that waited for a rule.
    let hex = request.trim_start_matches("sha256:");
    let gate = format!(".liftlock/state/approvals/shop/production/{hex}.gate.json");
    let opened = r#"{"repository":"acme/shop","run":71,"attempt":1,"environment":"production"}"#;
    house.write(&gate, opened).unwrap();
    let args = [&RUN[..], &[&request]].concat();
    let told = house.expect(0, "promote", &args).unwrap().json().unwrap();
    assert_eq!(told["verdict"], "pass", "{told}");
    assert_ne!(house.state()["live"]["release"]["id"], "shop-1");
    // The record of the beginning tells how long people took, and of that run.
    let began = ledger(&house);
    let began = began
        .iter()
        .find(|text| text.contains("approval_latency"))
        .unwrap();
    for part in ["asked_at", "first_seen_at", "first_answered_at", "used_at"] {
        assert!(began.contains(part), "{part}: {began}");
    }
    for part in ["approval_let_in", "\"run\":71"] {
        assert!(began.contains(part), "{part}: {began}");
    }
}

/// The text of every file below the ledger.
fn ledger(house: &House) -> Vec<String> {
    let (mut texts, mut open) = (Vec::new(), vec![house.path(".liftlock/ledger")]);
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                texts.push(fs::read_to_string(path).unwrap());
            }
        }
    }
    texts
}
