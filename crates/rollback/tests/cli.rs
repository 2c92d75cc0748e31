//! What `rollback` promises to whoever is on call.
#![cfg(test)]

use std::fs;

use serde_json::{Value, json};
use testkit::cli::Run;
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

fn args<'a>(subcommand: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&[subcommand, "--environment", "production"], more].concat()
}

fn live(house: &House) -> Value {
    house.state()["live"]["release"]["id"].clone()
}

#[test]
fn with_nothing_to_go_back_to_it_tells_the_way_forward() {
    let house = house(&["1"]);
    let output = house.expect(10, "rollback", &args("run", &[])).unwrap();
    assert!(output.stdout.contains("it is live"), "{}", output.stdout);
    assert!(output.stdout.contains("go forward"), "{}", output.stdout);
    let told = output.json().unwrap();
    assert_eq!(told["recorded"], true, "{told}");
    let records = house.records();
    assert_eq!(records.last().unwrap()["kind"], "refused");
    assert_eq!(live(&house), "shop-1");
    let empty = House::new().unwrap();
    let output = empty.expect(10, "rollback", &args("run", &[])).unwrap();
    assert!(
        output.stdout.contains("ever known good"),
        "{}",
        output.stdout
    );
}

#[test]
fn it_goes_back_proves_it_and_keeps_automation_out() {
    let house = house(&["1", "2"]);
    let before = house.text("weights.json");
    let dry = house
        .expect(0, "rollback", &args("run", &["--dry-run"]))
        .unwrap();
    assert_eq!(dry.json().unwrap()["recorded"], false);
    assert_eq!(
        (live(&house), house.text("weights.json")),
        (json!("shop-2"), before)
    );
    let run = args("run", &["--reason", "complaints"]);
    let result = house.expect(0, "rollback", &run).unwrap().json().unwrap();
    assert_eq!(
        result["detail"]["outcome"]["plan"]["previous"]["id"],
        "shop-2"
    );
    assert_eq!(live(&house), "shop-1");
    assert_eq!(result["detail"]["health"]["health"], "healthy", "{result}");
    let took = result["detail"]["time_to_recover_ms"].as_i64().unwrap();
    let records = house.records();
    let finished = records
        .iter()
        .find(|record| record["kind"] == "rollback-finished")
        .unwrap();
    assert_eq!(finished["detail"]["time_to_recover_ms"], took);
    assert_eq!(finished["verdict"], "pass");
    let held = records
        .iter()
        .find(|record| record["kind"] == "hold-placed");
    assert_eq!(held.unwrap()["detail"]["reason"], "complaints");
    house.expect(0, "promote", &args("status", &[])).unwrap();
    house.release("3").unwrap();
    let output = house.promote(14, "3").unwrap();
    assert!(output.stderr.contains("complaints"), "{}", output.stderr);
    house
        .expect(14, "rollback", &args("hold", &["--reason", "again"]))
        .unwrap();
    house
        .expect(0, "rollback", &args("lift", &["--reason", "mended"]))
        .unwrap();
    house
        .expect(3, "rollback", &args("lift", &["--reason", "mended"]))
        .unwrap();
    house.promote(0, "3").unwrap();
    house.expect(0, "audit-log", &["verify"]).unwrap();
}

#[test]
fn asked_again_it_stays_where_it_went_until_the_hold_is_lifted() {
    let house = house(&["1", "2", "3"]);
    house.expect(0, "rollback", &args("run", &[])).unwrap();
    assert_eq!(live(&house), "shop-2");
    let records = house.records().len();
    for more in [&[][..], &["--to", "shop-2"], &["--dry-run"]] {
        let told = house.expect(0, "rollback", &args("run", more)).unwrap();
        let said = told.stdout.contains("nothing moved now");
        assert_eq!(said, more != ["--dry-run"], "{}", told.stdout);
        assert_eq!(live(&house), "shop-2");
    }
    assert_eq!(house.records().len(), records);
    house
        .expect(0, "rollback", &args("run", &["--to", "shop-1"]))
        .unwrap();
    assert_eq!(live(&house), "shop-1");
    house
        .expect(0, "rollback", &args("lift", &["--reason", "go on"]))
        .unwrap();
    // Further back there is nothing, and what was left is not gone up to.
    house.expect(10, "rollback", &args("run", &[])).unwrap();
    assert_eq!(live(&house), "shop-1");
}

#[test]
fn a_release_that_lost_its_proof_is_passed_over() {
    let house = house(&["1", "2", "3"]);
    let text = house.text("release-2.json");
    let digest = liftlock::digest::Digest::of(text.as_bytes());
    fs::remove_dir_all(house.path(&format!(".liftlock/evidence/sha256/{}", digest.hex()))).unwrap();
    let release: Value = serde_json::from_str(&text).unwrap();
    for artifact in ["api", "image"] {
        let digest = release["artifacts"][artifact]["digest"].as_str().unwrap();
        let hex = digest.trim_start_matches("sha256:");
        fs::remove_dir_all(house.path(&format!(".liftlock/evidence/sha256/{hex}"))).unwrap();
    }
    let list = house.expect(0, "rollback", &args("list", &[])).unwrap();
    assert!(
        list.stdout.contains("signature: nothing"),
        "{}",
        list.stdout
    );
    // What it did to data is not known either: it is not crossed.
    let output = house.expect(10, "rollback", &args("run", &[])).unwrap();
    assert!(
        output
            .stdout
            .contains("what shop-2 did to stored data is not known"),
        "{}",
        output.stdout
    );
    house
        .expect(10, "rollback", &args("run", &["--to", "shop-2"]))
        .unwrap();
    house
        .expect(3, "rollback", &args("run", &["--to", "shop-9"]))
        .unwrap();
    assert_eq!(live(&house), "shop-3");
}

#[test]
fn data_that_older_versions_cannot_read_is_not_crossed() {
    let house = house(&["1"]);
    house.build("2", "0.2%").unwrap();
    house
        .sign("2", "builder", &["--migration", "irreversible"])
        .unwrap();
    house.promote(0, "2").unwrap();
    let output = house.expect(10, "rollback", &args("run", &[])).unwrap();
    assert!(
        output.stdout.contains("older versions cannot run"),
        "{}",
        output.stdout
    );
    for command in ["plan", "run", "explain"] {
        let told = house.expect(10, "rollback", &args(command, &[])).unwrap();
        let told = told.json().unwrap();
        let ahead = told["detail"]["forward"].to_string();
        for wanted in ["shop-2 changed data", "--break-glass", "promote run"] {
            assert!(ahead.contains(wanted), "{command} {wanted}: {ahead}");
        }
    }
    house
        .expect(10, "rollback", &args("run", &["--to", "shop-1"]))
        .unwrap();
    assert_eq!(live(&house), "shop-2");
}

#[test]
fn an_older_release_is_placed_again() {
    let house = house(&["1", "2", "3"]);
    house
        .expect(0, "rollback", &args("run", &["--to", "shop-1"]))
        .unwrap();
    assert_eq!(live(&house), "shop-1");
    let stable = house.state()["slots"]["stable"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(house.text(&format!("slots/{stable}/api")), "api 1");
}

#[test]
fn a_slot_that_was_refilled_is_filled_again() {
    let house = house(&["1", "2"]);
    let canary = house.state()["slots"]["canary"]
        .as_str()
        .unwrap()
        .to_owned();
    house
        .write(&format!("slots/{canary}/api"), "other")
        .unwrap();
    house.expect(0, "rollback", &args("run", &[])).unwrap();
    assert_eq!(house.text(&format!("slots/{canary}/api")), "api 1");
}

#[test]
fn a_wrong_slot_gets_no_request_and_what_is_live_stays() {
    let house = house(&["1", "2", "3"]);
    house.write("swap", "").unwrap();
    let weights = house.text("weights.json");
    house
        .expect(10, "rollback", &args("run", &["--to", "shop-1"]))
        .unwrap();
    assert_eq!(house.text("weights.json"), weights);
    assert_eq!(live(&house), "shop-3");
}

#[test]
fn history_that_is_away_or_forged_is_no_obstacle() {
    let house = house(&["1", "2"]);
    let (ledger, aside) = (house.path(".liftlock/ledger"), house.path("aside"));
    fs::rename(&ledger, &aside).unwrap();
    fs::write(&ledger, "no folder").unwrap();
    let output = house.expect(0, "rollback", &args("run", &[])).unwrap();
    assert_eq!(output.json().unwrap()["recorded"], false);
    assert_eq!(live(&house), "shop-1");
    fs::remove_file(&ledger).unwrap();
    fs::rename(&aside, &ledger).unwrap();
    let entry = ledger.join("entries/000000000002.json");
    let text = fs::read_to_string(&entry).unwrap();
    fs::write(&entry, text.replace("shop", "shoq")).unwrap();
    let to = args("run", &["--to", "shop-2"]);
    let output = house.expect(0, "rollback", &to).unwrap();
    assert!(
        output.stderr.contains("BY THE STATE ALONE"),
        "{}",
        output.stderr
    );
    assert_eq!(live(&house), "shop-2");
}

#[test]
fn while_a_promotion_is_under_way_it_names_the_way_down() {
    let house = house(&["1"]);
    house.release("2").unwrap();
    let short = args(
        "run",
        &["--release", "release-2.json", "--timeout", "250ms"],
    );
    house.expect(15, "promote", &short).unwrap();
    let output = house.expect(14, "rollback", &args("run", &[])).unwrap();
    assert!(output.stderr.contains("promote abort"), "{}", output.stderr);
    house
        .expect(0, "rollback", &args("hold", &["--reason", "stop it"]))
        .unwrap();
    let result = house
        .expect(10, "promote", &args("resume", &[]))
        .unwrap()
        .json()
        .unwrap();
    assert_eq!(result["detail"]["outcome"]["restored"], true);
    assert!(
        result["headline"].as_str().unwrap().contains("stop it"),
        "{result}"
    );
    assert_eq!(live(&house), "shop-1");
}

#[test]
fn a_plan_needs_nothing_but_flags() {
    let house = house(&["1"]);
    let empty = tempfile::tempdir().unwrap();
    fs::write(empty.path().join("one.json"), house.text("release-1.json")).unwrap();
    let target = format!("image=oci-layout:{}:live", house.path("site").display());
    let output = Run::new(env!("CARGO_BIN_EXE_rollback"))
        .folder(empty.path())
        .args(args(
            "plan",
            &[
                "--good", "one.json", "--target", &target, "--format", "json",
            ],
        ))
        .output()
        .unwrap();
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert_eq!(output.json().unwrap()["recorded"], false);
}

#[test]
fn history_alone_makes_no_release_known_good() {
    let house = house(&["1"]);
    house.release("2").unwrap();
    let told = [
        "append",
        "--kind",
        "promotion-finished",
        "--verdict",
        "pass",
        "--environment",
        "production",
        "--release-file",
        "release-2.json",
    ];
    house.expect(0, "audit-log", &told).unwrap();
    let output = house
        .expect(10, "rollback", &args("run", &["--to", "shop-2"]))
        .unwrap();
    let why = "only the ledger says that it was good";
    assert!(output.stdout.contains(why), "{}", output.stdout);
    assert_eq!(live(&house), "shop-1");
}

#[test]
fn bytes_that_left_the_registry_are_no_way_back() {
    let house = house(&["1", "2", "3"]);
    let release: Value = serde_json::from_str(&house.text("release-2.json")).unwrap();
    let digest = release["artifacts"]["image"]["digest"].as_str().unwrap();
    let hex = digest.trim_start_matches("sha256:");
    fs::remove_file(house.path(&format!("site/blobs/sha256/{hex}"))).unwrap();
    let index: Value = serde_json::from_str(&house.text("site/index.json")).unwrap();
    let mut index = index;
    let listed = index["manifests"].as_array_mut().unwrap();
    listed.retain(|one| one["digest"] != digest);
    house.write("site/index.json", index.to_string()).unwrap();
    let list = house.expect(0, "rollback", &args("list", &[])).unwrap();
    let gone = "is not where oci-layout:site:live would point";
    assert!(list.stdout.contains(gone), "{}", list.stdout);
    let to = args(
        "run",
        &["--to", "shop-2", "--break-glass", "--reason", "now"],
    );
    house.expect(10, "rollback", &to).unwrap();
    house.expect(0, "rollback", &args("run", &[])).unwrap();
    assert_eq!(live(&house), "shop-1");
}

#[test]
fn what_is_live_again_is_looked_at_and_nothing_hangs_on_sight() {
    let mut house = house(&["1", "2"]);
    let canary = house.state()["slots"]["canary"].clone();
    let rate = format!("slots/{}/error-rate", canary.as_str().unwrap());
    house.write(&rate, "60%").unwrap();
    let told = house.expect(10, "rollback", &args("run", &[])).unwrap();
    let told = told.json().unwrap();
    assert_eq!(told["detail"]["health"]["health"], "unhealthy", "{told}");
    assert_eq!(live(&house), "shop-1");
    let judged = house.records();
    let judged = judged.iter().rfind(|one| one["kind"] == "canary-judged");
    assert_eq!(judged.unwrap()["verdict"], "fail");
    house.close();
    let blind = args("run", &["--to", "shop-2", "--watch", "200ms"]);
    let told = house.expect(0, "rollback", &blind).unwrap().json().unwrap();
    assert_eq!(told["detail"]["health"]["health"], "unseen", "{told}");
    assert_eq!(live(&house), "shop-2");
    let never = args("run", &["--to", "shop-1", "--watch", "0s"]);
    let told = house.expect(0, "rollback", &never).unwrap().json().unwrap();
    assert_eq!(told["detail"]["health"]["health"], "not-judged", "{told}");
}

#[test]
fn the_time_to_recover_counts_from_when_it_was_noticed() {
    let house = house(&["1", "2"]);
    let ahead = args("run", &["--detected-at", "2999-01-01T00:00:00Z"]);
    house.expect(2, "rollback", &ahead).unwrap();
    let noticed = args("run", &["--detected-at", "2026-01-01T00:00:00Z"]);
    let told = house.expect(0, "rollback", &noticed).unwrap();
    let told = told.json().unwrap();
    let recovery = &told["detail"]["outcome"]["recovery"];
    assert_eq!(recovery["detected_at"], "2026-01-01T00:00:00Z", "{told}");
    assert_eq!(
        recovery["decided_at"],
        told["detail"]["outcome"]["plan"]["made_at"]
    );
    let took = recovery["time_to_recover_ms"].as_i64().unwrap();
    assert!(took > 86_400_000, "{took}");
    let records = house.records();
    let finished = records
        .iter()
        .find(|one| one["kind"] == "rollback-finished");
    let detail = &finished.unwrap()["detail"];
    assert_eq!(detail["time_to_recover_ms"], took);
    assert_eq!(detail["restored_at"], recovery["restored_at"]);
}
