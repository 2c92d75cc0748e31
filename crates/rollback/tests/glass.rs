//! One person goes down past data and past what is away; nobody goes past what
//! is refuted.
#![cfg(test)]

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use testkit::house::House;
use testkit::http::{Answer, Server};
use testkit::process::free_address;

const RUN: [&str; 3] = ["run", "--environment", "production"];
const GLASS: [&str; 3] = ["--break-glass", "--reason", "checkout is down"];

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

/// Version 2 is live, and what it did to data cannot be undone.
fn irreversible() -> House {
    let house = house(&["1"]);
    house.build("2", "0.2%").unwrap();
    let data = ["--migration", "irreversible"];
    house.sign("2", "builder", &data).unwrap();
    house.promote(0, "2").unwrap();
    house
}

fn down(house: &House, code: i32, more: &[&[&str]]) -> Value {
    let words = [&[&RUN[..]], more].concat().concat();
    let output = house.expect(code, "rollback", &words).unwrap();
    let told = serde_json::from_str(&output.stdout);
    told.unwrap_or_else(|_| Value::String(output.stderr))
}

fn live(house: &House) -> String {
    let state = house.state();
    state["live"]["release"]["id"].as_str().unwrap().to_owned()
}

fn kinds(house: &House, kind: &str) -> Vec<Value> {
    let mut records = house.records();
    records.retain(|record| record["kind"] == kind);
    records
}

/// From now on a store is at a server that nobody runs any more.
fn away(house: &House, store: &str) -> String {
    let address = free_address().unwrap();
    at(house, store, &format!("http://{address}/s.git"))
}

/// From now on a store is at another address.
fn at(house: &House, store: &str, address: &str) -> String {
    let words = format!("{store}: git+{address}#refs/liftlock/{store}");
    let line = format!("version: 1\n{words}\n");
    house.configure("version: 1\n", &line).unwrap();
    line
}

fn copied(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copied(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files(&path, found),
            false => found.push(path),
        }
    }
}

#[test]
fn data_is_crossed_by_one_person_who_says_why_and_everybody_is_told() {
    let house = irreversible();
    down(&house, 10, &[]);
    down(&house, 2, &[&["--break-glass"]]);
    down(&house, 2, &[&["--break-glass", "--reason", " "]]);
    assert_eq!(live(&house), "shop-2");
    let told = down(&house, 0, &[&GLASS, &["--key", "keys/gate.key"]]);
    let headline = told["headline"].as_str().unwrap();
    for word in [
        "BREAK-GLASS past shop-2 changed data",
        "checkout is down",
        "follow up",
    ] {
        assert!(headline.contains(word), "{word}: {headline}");
    }
    assert_eq!(live(&house), "shop-1");
    let [record] = &kinds(&house, "break-glass")[..] else {
        panic!("{:?}", house.records());
    };
    assert_eq!(record["detail"]["reason"], "checkout is down");
    assert_eq!(record["detail"]["past"][0]["obstacle"], "migration");
    let words = ["query", "--kind", "break-glass"];
    let counted = house.expect(0, "audit-log", &words).unwrap().stdout;
    assert!(counted.contains("checkout is down"), "{counted}");
    let cause = &told["detail"]["outcome"]["plan"]["cause"];
    assert_eq!(cause["past"][0]["obstacle"], "migration", "{told}");
    assert!(told["detail"]["attestation"].is_string(), "{told}");
    // What speaks against nothing is not gone past.
    house
        .expect(
            0,
            "rollback",
            &["lift", "--environment", "production", "--reason", "x"],
        )
        .unwrap();
    let told = down(&house, 0, &[&["--to", "shop-2"], &GLASS]);
    let past = &told["detail"]["outcome"]["plan"]["cause"]["past"];
    assert!(past.is_null(), "{told}");
    assert_eq!(kinds(&house, "break-glass").len(), 1);
}

#[test]
fn a_policy_may_forbid_it() {
    let house = irreversible();
    let rules = "version: 1\nallow: { break-glass: false }\n";
    house.configure("version: 1\n", rules).unwrap();
    down(&house, 14, &[&GLASS]);
    assert_eq!(live(&house), "shop-2");
}

#[test]
fn nobody_goes_past_what_is_rejected_or_refuted() {
    let house = house(&["1", "2"]);
    let reject = ["reject", "shop-1", "--reason", "it loses orders"];
    house.expect(0, "rollback", &reject).unwrap();
    down(&house, 10, &[&GLASS]);
    let undo = [&reject[..], &["--undo"]].concat();
    house.expect(0, "rollback", &undo).unwrap();
    let revoked = "keys/builder.pub, revoked-at: 2020-01-01T00:00:00Z }";
    house.configure("keys/builder.pub }", revoked).unwrap();
    let told = down(&house, 10, &[&GLASS]);
    assert!(
        told["headline"].as_str().unwrap().contains("signature"),
        "{told}"
    );
    assert_eq!(live(&house), "shop-2");
}

#[test]
fn evidence_that_is_away_is_brought_or_gone_past_and_never_a_verdict() {
    let house = house(&["1", "2"]);
    let line = away(&house, "evidence");
    let told = down(&house, 1, &[]);
    assert!(told.to_string().contains("--bundle"), "{told}");
    let list = ["list", "--environment", "production"];
    let list = house.expect(0, "rollback", &list).unwrap().stdout;
    assert!(list.contains("its proof is away"), "{list}");
    let mut bundles = Vec::new();
    files(&house.path(".liftlock/evidence"), &mut bundles);
    let bundles: Vec<&str> = bundles.iter().filter_map(|path| path.to_str()).collect();
    let brought: Vec<&str> = bundles.iter().flat_map(|path| ["--bundle", path]).collect();
    let told = down(&house, 0, &[&brought]);
    assert!(
        told["detail"]["outcome"]["plan"]["cause"]["past"].is_null(),
        "{told}"
    );
    assert_eq!(live(&house), "shop-1");
    house.configure(&line, "version: 1\n").unwrap();
    down(&house, 0, &[&["--to", "shop-2"]]);
    away(&house, "evidence");
    let told = down(
        &house,
        0,
        &[&GLASS, &["--to", "shop-1", "--key", "keys/gate.key"]],
    );
    let headline = told["headline"].as_str().unwrap();
    assert!(headline.contains("past its proof is away"), "{headline}");
    assert!(
        headline.contains("its signed outcome is not kept"),
        "{headline}"
    );
    assert_eq!(live(&house), "shop-1");
}

#[test]
fn a_right_that_is_lacking_holds_up_all_but_who_breaks_the_glass() {
    let house = house(&["1", "2", "3"]);
    let closed = Server::start(|_| Answer::new(403)).unwrap();
    at(&house, "evidence", &closed.url("/s.git"));
    down(&house, 4, &[]);
    assert_eq!(live(&house), "shop-3");
    let to = ["--to", "shop-1", "--key", "keys/gate.key"];
    let told = down(&house, 0, &[&GLASS, &to]);
    let headline = told["headline"].as_str().unwrap();
    assert!(headline.contains("past its proof is away"), "{headline}");
    assert_eq!(live(&house), "shop-1");
}

#[test]
fn evidence_that_somebody_broke_is_no_evidence_that_is_away() {
    let house = house(&["1", "2"]);
    let revoked = "keys/builder.pub, revoked-at: 2020-01-01T00:00:00Z }";
    house.configure("keys/builder.pub }", revoked).unwrap();
    down(&house, 10, &[&GLASS]);
    for entry in fs::read_dir(house.path(".liftlock/evidence/sha256")).unwrap() {
        let strange = entry.unwrap().path().join("strange");
        std::os::unix::fs::symlink("/dev/null", strange).unwrap();
    }
    let told = down(&house, 3, &[&GLASS]).to_string();
    assert!(told.contains("is not a plain file"), "{told}");
    assert_eq!(live(&house), "shop-2");
}

#[test]
fn rules_that_cannot_work_on_the_way_up_hold_no_way_back_up() {
    let house = house(&["1", "2"]);
    let circle = "environments:\n  staging: { promotes-from: staging }\n";
    house.configure("environments:\n", circle).unwrap();
    let up = [
        "run",
        "--environment",
        "production",
        "--release",
        "release-2.json",
    ];
    house.expect(3, "promote", &up).unwrap();
    let list = ["list", "--environment", "production"];
    let told = house.expect(0, "rollback", &list).unwrap().stderr;
    assert!(told.contains("no release could ever go up"), "{told}");
    down(&house, 0, &[]);
    assert_eq!(live(&house), "shop-1");
    let lift = ["lift", "--environment", "production", "--reason", "mended"];
    house.expect(0, "rollback", &lift).unwrap();
    let doctor = ["doctor", "--environment", "production"];
    house.expect(3, "promote", &doctor).unwrap();
}

#[test]
fn what_a_release_did_to_data_is_unknown_while_the_evidence_is_away() {
    let house = irreversible();
    house
        .configure("requires: [signature]", "requires: []")
        .unwrap();
    down(&house, 10, &[]);
    away(&house, "evidence");
    let told = down(&house, 1, &[]).to_string();
    assert!(told.contains("what it did to data is away"), "{told}");
    assert_eq!(live(&house), "shop-2");
    let told = down(&house, 0, &[&GLASS]);
    let headline = told["headline"].as_str().unwrap();
    let past = "what shop-2 did to stored data is not known";
    assert!(headline.contains(past), "{headline}");
    assert_eq!(live(&house), "shop-1");
}

#[test]
fn without_evidence_an_older_release_is_placed_by_its_digests() {
    let house = house(&["1", "2", "3"]);
    away(&house, "evidence");
    down(&house, 0, &[&["--to", "shop-1"], &GLASS]);
    assert_eq!(live(&house), "shop-1");
    let stable = house.state()["slots"]["stable"].clone();
    let api = format!("slots/{}/api", stable.as_str().unwrap());
    assert_eq!(house.text(&api), "api 1");
}

#[test]
fn what_the_ledger_could_not_be_told_it_is_told_later() {
    let house = irreversible();
    let line = away(&house, "ledger");
    let told = down(&house, 0, &[&GLASS]);
    assert_eq!(told["recorded"], false, "{told}");
    assert_eq!(live(&house), "shop-1");
    house.configure(&line, "version: 1\n").unwrap();
    assert!(kinds(&house, "rollback-finished").is_empty());
    house.promote(0, "1").unwrap();
    for kind in ["break-glass", "hold-placed", "rollback-finished"] {
        assert_eq!(kinds(&house, kind).len(), 1, "{kind}");
    }
}

#[test]
fn a_copy_stands_in_for_a_state_that_is_away_and_the_truth_is_told_later() {
    let house = house(&["1", "2"]);
    copied(&house.path(".liftlock/state"), &house.path("copy"));
    let copy = ["--state-copy", "copy"];
    down(&house, 2, &[&copy]);
    down(&house, 2, &[&copy, &GLASS]);
    let line = away(&house, "state");
    down(&house, 1, &[&GLASS]);
    down(&house, 3, &[&["--state-copy", "builds"], &GLASS]);
    let told = down(&house, 0, &[&copy, &GLASS]);
    let headline = told["headline"].as_str().unwrap();
    assert!(
        headline.contains("past the state is the copy"),
        "{headline}"
    );
    assert!(headline.contains("does not know of it"), "{headline}");
    assert_eq!(told["recorded"], true, "{told}");
    assert_eq!(kinds(&house, "break-glass").len(), 1);
    house.configure(&line, "version: 1\n").unwrap();
    assert_eq!(live(&house), "shop-2");
    let status = ["status", "--environment", "production"];
    house.expect(14, "promote", &status).unwrap();
    down(&house, 0, &[&["--to", "shop-1"]]);
    assert_eq!(live(&house), "shop-1");
    house.expect(0, "promote", &status).unwrap();
}

#[test]
fn a_store_whose_repository_is_gone_is_away_as_well() {
    let gone = "file:///nowhere/s.git";
    let evidence = house(&["1", "2"]);
    at(&evidence, "evidence", gone);
    let told = down(&evidence, 1, &[]);
    assert!(told.to_string().contains("--bundle"), "{told}");
    down(&evidence, 0, &[&GLASS]);
    assert_eq!(live(&evidence), "shop-1");
    let state = house(&["1", "2"]);
    copied(&state.path(".liftlock/state"), &state.path("copy"));
    at(&state, "state", gone);
    down(&state, 3, &[&GLASS]);
    down(&state, 0, &[&["--state-copy", "copy"], &GLASS]);
}

#[test]
fn a_copy_of_another_time_is_not_believed() {
    let house = house(&["1", "2"]);
    copied(&house.path(".liftlock/state"), &house.path("copy"));
    // After two more the same slot has all requests again.
    for (version, why) in [("3", "does not get all"), ("4", "serves api")] {
        house.release(version).unwrap();
        house.promote(0, version).unwrap();
        let line = away(&house, "state");
        let before = house.text("weights.json");
        let told = down(&house, 10, &[&["--state-copy", "copy"], &GLASS]);
        let told = told.to_string();
        assert!(told.contains("not of now") && told.contains(why), "{told}");
        assert_eq!(house.text("weights.json"), before);
        house.configure(&line, "version: 1\n").unwrap();
    }
}
