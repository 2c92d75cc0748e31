//! Holds are recorded once, whatever was away, and whoever finished them.
#![cfg(test)]

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};

use serde_json::Value;
use testkit::cli::bin;
use testkit::house::House;

fn house(versions: &[&str]) -> House {
    let mut house = House::new().unwrap();
    house.open().unwrap();
    for version in versions {
        house.release(version).unwrap();
        house.promote(0, version).unwrap();
    }
    house
}

fn run(house: &House, code: i32, words: &[&str]) -> Value {
    let place = ["--environment", "production"];
    let output = house.expect(code, "rollback", &[words, &place].concat());
    let output = output.unwrap();
    output.json().unwrap_or_else(|_| Value::from(output.stderr))
}

fn records(house: &House, kind: &str) -> Vec<Value> {
    let mut records = house.records();
    records.retain(|record| record["kind"] == kind);
    records
}

/// Puts a file where the ledger's folder was; what puts it back.
fn without_ledger(house: &House) -> impl Fn() {
    let (ledger, aside) = (house.path(".liftlock/ledger"), house.path("aside"));
    if ledger.exists() {
        fs::rename(&ledger, &aside).unwrap();
    } else {
        fs::create_dir_all(&aside).unwrap();
    }
    fs::create_dir_all(ledger.parent().unwrap()).unwrap();
    fs::write(&ledger, "no folder").unwrap();
    move || {
        fs::remove_file(&ledger).unwrap();
        fs::rename(&aside, &ledger).unwrap();
    }
}

#[test]
fn a_reason_that_is_none_is_refused() {
    let house = House::new().unwrap();
    for reason in ["", " ", "a\nb", &"x".repeat(513)] {
        for verb in ["hold", "lift"] {
            run(&house, 2, &[verb, "--reason", reason]);
        }
    }
    assert!(house.state().is_null());
}

#[test]
fn what_the_ledger_was_not_told_of_holds_it_is_told_later_once_and_in_order() {
    let house = House::new().unwrap();
    let back = without_ledger(&house);
    let told = run(&house, 0, &["hold", "--reason", "one"]);
    assert_eq!(told["recorded"], false, "{told}");
    run(&house, 0, &["lift", "--reason", "two"]);
    run(&house, 0, &["hold", "--reason", "three"]);
    assert_eq!(house.state()["spool"].as_array().unwrap().len(), 3);
    back();
    // A second hold is refused, and tells what the first ones could not.
    run(&house, 14, &["hold", "--reason", "four"]);
    let reasons = |house: &House| -> Vec<String> {
        let records = house.records().into_iter();
        let holds = records.filter(|one| one["kind"].as_str().unwrap().starts_with("hold-"));
        let reason = |one: Value| one["detail"]["reason"].as_str().unwrap().to_owned();
        holds.map(reason).collect()
    };
    assert_eq!(reasons(&house), ["one", "two", "three"]);
    assert!(house.state()["spool"].is_null(), "{}", house.state());
    let told = run(&house, 0, &["lift", "--reason", "five"]);
    assert_eq!(told["recorded"], true, "{told}");
    run(&house, 3, &["lift", "--reason", "six"]);
    assert_eq!(reasons(&house), ["one", "two", "three", "five"]);
    house.expect(0, "audit-log", &["verify"]).unwrap();
}

#[test]
fn a_promotion_tells_what_a_hold_and_its_end_could_not() {
    let house = house(&["1"]);
    let back = without_ledger(&house);
    run(&house, 0, &["hold", "--reason", "one"]);
    run(&house, 0, &["lift", "--reason", "two"]);
    back();
    house.release("2").unwrap();
    house.promote(0, "2").unwrap();
    for kind in ["hold-placed", "hold-lifted"] {
        assert_eq!(records(&house, kind).len(), 1, "{kind}");
    }
    assert!(house.state()["spool"].is_null(), "{}", house.state());
    let kinds: Vec<Value> = house
        .records()
        .iter()
        .map(|record| record["kind"].clone())
        .collect();
    let at = |kind: &str| kinds.iter().rposition(|one| one == kind).unwrap();
    assert!(at("hold-placed") < at("hold-lifted"));
    assert!(at("hold-lifted") < at("promotion-started"), "{kinds:?}");
}

#[test]
fn a_rollback_that_another_program_finished_tells_of_its_hold_and_by_whom() {
    let house = house(&["1", "2", "3"]);
    let deploy = house.text("deploy");
    house.write("deploy", "#!/bin/sh\nkill -9 $PPID\n").unwrap();
    let back = without_ledger(&house);
    let args = ["run", "--environment", "production", "--to", "shop-1"];
    let killed = Command::new(bin("rollback"))
        .args(args)
        .args(["--reason", "complaints"])
        .current_dir(house.path(""))
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert_eq!(killed.signal(), Some(9), "{killed}");
    let by = house.state()["hold"]["by"].clone();
    assert!(records(&house, "hold-placed").is_empty());
    back();
    house.write("deploy", deploy).unwrap();
    let resume = ["resume", "--environment", "production"];
    house.expect(0, "promote", &resume).unwrap();
    assert_eq!(house.state()["live"]["release"]["id"], "shop-1");
    let [placed] = &records(&house, "hold-placed")[..] else {
        panic!("{:?}", house.records());
    };
    assert_eq!(placed["detail"]["reason"], "complaints");
    assert_eq!(placed["detail"]["by"], by);
}
