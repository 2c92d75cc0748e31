//! A way down goes down, whatever was asked before and whatever fails on it.
#![cfg(test)]

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::cli::{Output, Run};
use testkit::git::{self, Merge};
use testkit::house::House;
use testkit::http::Gate;
use testkit::servers::github::{GitHub, Token};
use testkit::wait;

const RECONCILE: [&str; 5] = [
    "reconcile",
    "--environment",
    "production",
    "--reason",
    "the proxy was restarted",
];

/// A second pointer, before the tag: its API may fail, and people write to it.
const ALIAS: &str = r#"set -eu
if [ "$1" = read ]; then
  if [ -e alias.json ]; then cat alias.json; else echo '{"digest":null}'; fi
elif [ -e broken ]; then
  echo "503 from the API" >&2
  exit 1
else
  sed 's/.*"to":"\([^"]*\)".*/{"digest":"\1"}/' >alias.json
fi
"#;

/// These versions were promoted one after the other; users ask.
fn promoted(house: House, versions: &[&str]) -> House {
    let mut house = house;
    house.open().unwrap();
    for version in versions {
        house.release(version).unwrap();
        house.promote(0, version).unwrap();
    }
    house
}

fn house(versions: &[&str]) -> House {
    promoted(House::new().unwrap(), versions)
}

/// The same, with a pointer beside the tag.
fn with_alias(versions: &[&str]) -> House {
    let house = House::new().unwrap();
    house.write("alias.sh", ALIAS).unwrap();
    let alias = "targets: [{ command: { name: alias, read: [sh, alias.sh, read], \
                 point: [sh, alias.sh, point], reversible: yes }, artifact: image }, ";
    house.configure("targets: [", alias).unwrap();
    promoted(house, versions)
}

fn rollback(house: &House, code: i32, words: &[&str]) -> Output {
    let (subcommand, more) = words.split_first().unwrap();
    let place = [subcommand, "--environment", "production"];
    house
        .expect(code, "rollback", &[&place, more].concat())
        .unwrap()
}

/// `rollback run` for a reason, without a look at the health.
fn run(house: &House, code: i32, more: &[&str]) -> Output {
    let words = ["run", "--watch", "0s", "--reason", "it loses orders"];
    rollback(house, code, &[&words, more].concat())
}

fn live(house: &House) -> Value {
    house.state()["live"]["release"]["id"].clone()
}

fn api(house: &House, slot: &str) -> String {
    house.text(&format!("slots/{slot}/api"))
}

/// What serves all requests, by the weights alone.
fn serves(house: &House) -> String {
    let weights: Value = serde_json::from_str(&house.text("weights.json")).unwrap();
    let slots = weights["weights"].as_object().unwrap();
    let full = slots.iter().find(|(_, weight)| **weight == json!(10_000));
    api(house, full.expect("one gets all").0)
}

fn image(house: &House, version: &str) -> String {
    let release = house.text(&format!("release-{version}.json"));
    let release: Value = serde_json::from_str(&release).unwrap();
    let digest = &release["artifacts"]["image"]["digest"];
    digest.as_str().unwrap().to_owned()
}

/// Where the tag points.
fn tagged(house: &House) -> String {
    let index: Value = serde_json::from_str(&house.text("site/index.json")).unwrap();
    let name = "org.opencontainers.image.ref.name";
    let mut tagged = index["manifests"].as_array().unwrap().iter();
    let tagged = tagged.find(|one| one["annotations"][name] == "live");
    tagged.unwrap()["digest"].as_str().unwrap().to_owned()
}

/// Somebody halves the requests by hand.
fn halved(house: &House) {
    let mut weights: Value = serde_json::from_str(&house.text("weights.json")).unwrap();
    for (_, weight) in weights["weights"].as_object_mut().unwrap() {
        *weight = json!(5_000);
    }
    house.write("weights.json", weights.to_string()).unwrap();
}

#[test]
fn what_a_rollback_left_is_gone_to_by_nobody_who_does_not_name_it() {
    let house = house(&["1", "2"]);
    run(&house, 0, &[]);
    assert_eq!(live(&house), "shop-1");
    halved(&house);
    let weights = house.text("weights.json");
    let blocked = run(&house, 14, &[]).stderr;
    for word in ["does not get all requests", "promote reconcile"] {
        assert!(blocked.contains(word), "{word}: {blocked}");
    }
    assert_eq!(
        (live(&house), house.text("weights.json")),
        (json!("shop-1"), weights)
    );
    house.expect(0, "promote", &RECONCILE).unwrap();
    run(&house, 0, &[]);
    rollback(&house, 0, &["lift", "--reason", "mended"]);
    let list = rollback(&house, 0, &["list"]).stdout;
    for word in ["rolled back on ", "because it loses orders", "\"left\""] {
        assert!(list.contains(word), "{word}: {list}");
    }
    let refused = run(&house, 10, &[]).stdout;
    assert!(refused.contains("because it loses orders"), "{refused}");
    run(&house, 10, &["--break-glass"]);
    assert_eq!(
        (live(&house), serves(&house)),
        (json!("shop-1"), "api 1".to_owned())
    );
    run(&house, 0, &["--to", "shop-2"]);
    assert_eq!(live(&house), "shop-2");
    // Promoted again, the other one is good again.
    rollback(&house, 0, &["lift", "--reason", "x"]);
    run(&house, 10, &[]);
    house.promote(0, "1").unwrap();
    run(&house, 0, &[]);
    assert_eq!(live(&house), "shop-2");
}

#[test]
fn what_a_state_of_an_older_version_does_not_say_its_run_does() {
    let house = house(&["1", "2"]);
    run(&house, 0, &[]);
    rollback(&house, 0, &["lift", "--reason", "mended"]);
    let path = ".liftlock/state/environments/shop/production.json";
    let mut state = house.state();
    assert!(state.as_object_mut().unwrap().remove("left").is_some());
    house.write(path, format!("{state}\n")).unwrap();
    let refused = run(&house, 10, &[]).stdout;
    assert!(refused.contains("rolled back on "), "{refused}");
}

#[test]
fn what_somebody_writes_into_the_ledger_takes_no_way_back_away() {
    let house = house(&["1", "2"]);
    let first = house.state()["good"][0]["release"].clone();
    assert_eq!(first["id"], "shop-1");
    for (number, at) in ["9999-01-01T00:00:00Z", "2026-01-01T00:00:00Z"]
        .into_iter()
        .enumerate()
    {
        let forged = json!({
            "schema_version": 1, "id": format!("{number:016}"), "kind": "rollback-finished",
            "at": at, "service": "shop", "environment": "production", "verdict": "pass",
            "previous": first, "actor": { "id": "mallory", "proof": "asserted" },
        });
        house.write("forged.json", forged.to_string()).unwrap();
        let append = ["append", "--record", "forged.json"];
        house.expect(0, "audit-log", &append).unwrap();
    }
    run(&house, 0, &[]);
    assert_eq!(live(&house), "shop-1");
}

#[test]
fn what_the_state_forgot_the_ledger_says_was_left() {
    let house = house(&["1", "2"]);
    run(&house, 0, &[]);
    rollback(&house, 0, &["lift", "--reason", "mended"]);
    let path = ".liftlock/state/environments/shop/production.json";
    let mut state = house.state();
    for field in ["left", "run"] {
        assert!(state.as_object_mut().unwrap().remove(field).is_some());
    }
    let good = state["good"].as_array_mut().unwrap();
    good.retain(|good| good["release"]["id"] != "shop-2");
    house.write(path, format!("{state}\n")).unwrap();
    let list = rollback(&house, 0, &["list"]).stdout;
    assert!(list.contains("rolled back on "), "{list}");
    run(&house, 10, &[]);
    assert_eq!(live(&house), "shop-1");
}

#[test]
fn what_was_left_in_one_environment_does_not_go_on_to_the_next() {
    let house = House::new().unwrap();
    let rules = "  production:\n    promotes-from: staging\n    requires: [signature]\n    \
                 targets: [{ registry: { image: \"oci-layout:site\", tag: prod }, artifact: image }]\n  \
                 staging:\n";
    house.configure("  production:\n", rules).unwrap();
    let mut house = house;
    house.open().unwrap();
    let staging = ["--environment", "staging"];
    for version in ["1", "2"] {
        house.release(version).unwrap();
        let file = format!("release-{version}.json");
        let up = [&["run"], &staging[..], &["--release", &file]].concat();
        house.expect(0, "promote", &up).unwrap();
    }
    let back = [&["run"], &staging[..], &["--watch", "0s"]].concat();
    house.expect(0, "rollback", &back).unwrap();
    let refused = house.promote(10, "2").unwrap().stdout;
    assert!(refused.contains("known good in `staging`"), "{refused}");
    house.promote(0, "1").unwrap();
}

#[test]
fn a_pointer_that_fails_gives_no_request_back() {
    let house = with_alias(&["1", "2"]);
    let before = house.text("alias.json");
    house.write("broken", "").unwrap();
    let stuck = run(&house, 16, &[]).stderr;
    for word in [
        "requests stay at shop-1",
        "503",
        "rollback run --environment production",
    ] {
        assert!(stuck.contains(word), "{word}: {stuck}");
    }
    assert_eq!(serves(&house), "api 1");
    assert_eq!(house.text("alias.json"), before);
    // The pointer after it was moved all the same.
    assert_eq!(tagged(&house), image(&house, "1"));
    assert!(house.state()["run"]["verdict"].is_null());
    run(&house, 16, &[]);
    fs::remove_file(house.path("broken")).unwrap();
    run(&house, 0, &[]);
    assert_eq!(live(&house), "shop-1");
    assert!(house.text("alias.json").contains(&image(&house, "1")));
    let status = ["status", "--environment", "production"];
    house.expect(0, "promote", &status).unwrap();
}

/// An environment of nothing but the tag and a pointer that may fail, in this
/// order of their words.
fn bare(targets: [&str; 2], versions: &[&str]) -> House {
    let house = House::new().unwrap();
    house.write("alias.sh", ALIAS).unwrap();
    let rules = house.text("liftlock.yaml");
    let (head, _) = rules.split_once("    place:").unwrap();
    let counts = "    metrics: { counts: counts.csv }\n";
    let (_, tail) = rules.split_once(counts).unwrap();
    let targets = targets.map(|target| format!("{{ {target}, artifact: image }}"));
    let targets = targets.join(", ");
    let rules = format!("{head}    targets: [{targets}]\n{tail}");
    house.write("liftlock.yaml", rules).unwrap();
    for version in versions {
        house.release(version).unwrap();
        house.promote(0, version).unwrap();
    }
    house
}

const TAG: &str = "registry: { image: \"oci-layout:site\", tag: live }";
const COMMAND: &str = "command: { name: alias, read: [sh, alias.sh, read], \
                       point: [sh, alias.sh, point], reversible: yes }";

#[test]
fn without_traffic_a_pointer_that_fails_before_anything_moved_turns_the_rollback_round() {
    let house = bare([COMMAND, TAG], &["1", "2"]);
    let before = house.text("alias.json");
    house.write("broken", "").unwrap();
    let told = run(&house, 10, &[]).stdout;
    for word in ["shop-1 was not reached", "503"] {
        assert!(told.contains(word), "{word}: {told}");
    }
    assert_eq!(
        (live(&house), tagged(&house)),
        (json!("shop-2"), image(&house, "2"))
    );
    assert_eq!(house.text("alias.json"), before);
    assert_eq!(house.state()["run"]["verdict"], "fail");
    let status = ["status", "--environment", "production"];
    house.expect(0, "promote", &status).unwrap();
    // Nothing is in the way of the next one.
    fs::remove_file(house.path("broken")).unwrap();
    run(&house, 0, &[]);
    assert_eq!(
        (live(&house), tagged(&house)),
        (json!("shop-1"), image(&house, "1"))
    );
}

#[test]
fn without_traffic_a_rollback_that_is_stuck_gives_way() {
    let house = bare([TAG, COMMAND], &["1", "2", "3"]);
    house.write("broken", "").unwrap();
    let stuck = run(&house, 16, &[]).stderr;
    for word in ["what moved stays at shop-2", "503", "--to RELEASE"] {
        assert!(stuck.contains(word), "{word}: {stuck}");
    }
    // What cannot be gone to ends nothing.
    run(&house, 3, &["--to", "shop-9"]);
    assert!(house.state()["run"]["verdict"].is_null());
    let stuck = run(&house, 16, &["--to", "shop-1"]).stderr;
    for word in [
        "shop-2 was not reached: shop-1 is asked for",
        "stays at shop-1",
    ] {
        assert!(stuck.contains(word), "{word}: {stuck}");
    }
    assert_eq!(tagged(&house), image(&house, "1"));
    let over = [(json!("shop-2"), json!("stuck"))];
    assert_eq!(rolled_back(&house), over);
    fs::remove_file(house.path("broken")).unwrap();
    run(&house, 0, &[]);
    assert_eq!(
        (live(&house), tagged(&house)),
        (json!("shop-1"), image(&house, "1"))
    );
    assert!(house.text("alias.json").contains(&image(&house, "1")));
    house.expect(0, "audit-log", &["verify"]).unwrap();
}

#[test]
fn without_traffic_a_rollback_that_is_stuck_ends_when_its_release_is_rejected() {
    let house = bare([TAG, COMMAND], &["1", "2"]);
    house.write("broken", "").unwrap();
    run(&house, 16, &[]);
    let reject = ["reject", "shop-1", "--reason", "it is as bad"];
    let told = house.expect(0, "rollback", &reject).unwrap().stdout;
    assert!(told.contains("goes back at its next check"), "{told}");
    let refused = run(&house, 10, &[]).stdout;
    assert!(refused.contains("go forward"), "{refused}");
    // The tag is where nobody wants it.
    assert_eq!(house.state()["run"]["verdict"], "stuck");
    house.expect(0, "promote", &RECONCILE).unwrap();
    assert_eq!(
        (live(&house), tagged(&house)),
        (json!("shop-2"), image(&house, "2"))
    );
}

/// An environment with a value that people move, between a pointer that may
/// fail and the tag.
struct Asking {
    house: House,
    forge: GitHub,
    token: String,
    url: String,
}

impl Asking {
    fn new() -> Self {
        let house = with_alias(&["1", "2"]);
        let bare = house.path("deploy.git");
        let url = git::bare_with(&bare, &[("values.yaml", &value(&image(&house, "2")))]).unwrap();
        let forge = GitHub::start().unwrap();
        let token = forge.with(|state| {
            state.person(7, "alice", "write");
            state.repository(&bare);
            state.token(Token::Job)
        });
        let asked = format!(
            "artifact: image }}, {{ git: {{ repo: {url:?}, branch: main, file: values.yaml, \
             path: image.digest, request: {{ repository: 'github:acme/shop' }} }}, artifact: image }}, "
        );
        house.configure("artifact: image }, ", &asked).unwrap();
        Self {
            house,
            forge,
            token,
            url,
        }
    }

    fn down(&self, code: i32) -> Output {
        self.run_at(&self.forge.url(), code, "rollback", &DOWN)
    }

    fn sweep(&self, code: i32) -> Output {
        self.run_at(&self.forge.url(), code, "promote", &["sweep"])
    }

    fn run_at(&self, url: &str, code: i32, program: &str, words: &[&str]) -> Output {
        let output = self.command(url, program, words).output().unwrap();
        assert_eq!(output.code, code, "{}{}", output.stdout, output.stderr);
        output
    }

    fn command(&self, url: &str, program: &str, words: &[&str]) -> Run {
        let run = self.house.run(program, words);
        run.env("GITHUB_API_URL", url)
            .env("LIFTLOCK_GITHUB_TOKEN", &self.token)
    }

    /// Somebody writes the value by hand.
    fn write(&self, digest: &str) {
        let work = tempfile::tempdir().unwrap();
        let run = |words: &[&str]| git::run(work.path(), words).unwrap();
        run(&["clone", "--quiet", &self.url, "."]);
        fs::write(work.path().join("values.yaml"), value(digest)).unwrap();
        run(&["commit", "--quiet", "-am", "Another"]);
        run(&["push", "--quiet", "origin", "HEAD:main"]);
    }

    fn merge(&self) {
        let (number, ..) = self.pulls().pop().unwrap();
        let merged = self.forge.with(|state| state.merge(number, Merge::Squash));
        merged.unwrap();
    }

    fn close(&self, closed: bool) {
        let (number, ..) = self.pulls().pop().unwrap();
        let done = self.forge.with(|state| state.close_pull(number, closed));
        done.unwrap();
    }

    fn stages(&self) -> Vec<&'static str> {
        self.pulls().iter().map(|(.., stage)| *stage).collect()
    }

    /// That all but what people move went down.
    fn went_down(&self) {
        let image = image(&self.house, "1");
        assert_eq!(serves(&self.house), "api 1");
        assert!(self.house.text("alias.json").contains(&image));
        assert_eq!(tagged(&self.house), image);
    }

    fn pulls(&self) -> Vec<(u64, String, &'static str)> {
        self.forge.with(|state| state.pulls())
    }
}

const DOWN: [&str; 7] = [
    "run",
    "--environment",
    "production",
    "--watch",
    "0s",
    "--reason",
    "it loses orders",
];

/// Where no forge answers.
const AWAY: &str = "http://127.0.0.1:1";

fn value(digest: &str) -> String {
    format!("image: {{ digest: {digest:?} }}\n")
}

#[test]
fn people_are_asked_beside_a_pointer_that_fails_and_hold_no_other_one_up() {
    let scene = Asking::new();
    scene.house.write("broken", "").unwrap();
    let stuck = scene.down(16).stderr;
    for word in ["requests stay at shop-1", "503", "is merged"] {
        assert!(stuck.contains(word), "{word}: {stuck}");
    }
    assert_eq!(serves(&scene.house), "api 1");
    assert_eq!(tagged(&scene.house), image(&scene.house, "1"));
    assert_eq!(scene.pulls().len(), 1);
    // Nobody drives it meanwhile.
    assert!(scene.house.state()["lease"].is_null());
    fs::remove_file(scene.house.path("broken")).unwrap();
    scene.down(13);
    assert_eq!(scene.pulls().len(), 1);
    scene.merge();
    scene.down(0);
    assert_eq!(live(&scene.house), "shop-1");
}

#[test]
fn no_other_pointer_waits_for_people() {
    let scene = Asking::new();
    let told = scene.down(13).stdout;
    assert!(told.contains("is merged"), "{told}");
    scene.went_down();
    assert!(scene.house.state()["lease"].is_null());
    scene.sweep(13);
    scene.merge();
    scene.sweep(0);
    assert_eq!(live(&scene.house), "shop-1");
    assert_eq!(scene.stages(), ["merged"]);
}

#[test]
fn whoever_comes_after_a_kill_moves_the_other_pointers_whatever_people_say() {
    let scene = Asking::new();
    let gate = Gate::default();
    scene
        .forge
        .with(|state| state.hold("POST", "/pulls", &gate));
    let url = scene.forge.url();
    let mut command = scene
        .command(&url, "rollback", &DOWN)
        .command(&scene.house.path(""));
    command.current_dir(scene.house.path(""));
    let mut child = command.spawn().unwrap();
    wait::until("a request", Duration::from_secs(60), || {
        (!scene.pulls().is_empty()).then_some(())
    })
    .unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    gate.open();
    assert_eq!(tagged(&scene.house), image(&scene.house, "2"));
    scene.close(true);
    let blocked = scene.down(14).stderr;
    assert!(blocked.contains("reopen and merge it"), "{blocked}");
    // With requests at it, there is no such way out.
    assert!(!blocked.contains("reject"), "{blocked}");
    scene.went_down();
    let reject = ["reject", "shop-1", "--reason", "it is as bad"];
    let told = scene.house.expect(0, "rollback", &reject).unwrap().stdout;
    for word in ["goes on", "--to shop-1` finishes it"] {
        assert!(told.contains(word), "{word}: {told}");
    }
    scene.sweep(14);
    scene.close(false);
    scene.sweep(13);
    scene.merge();
    scene.sweep(0);
    assert_eq!(live(&scene.house), "shop-1");
}

#[test]
fn while_the_forge_is_away_a_rollback_that_waits_is_not_stuck() {
    let scene = Asking::new();
    let away = |program: &str, words: &[&str]| {
        scene.run_at(AWAY, 1, program, words);
        let state = scene.house.state();
        assert!(state["run"]["journal"]["stuck"].is_null(), "{state}");
        assert!(state["run"]["verdict"].is_null() && state["lease"].is_null());
    };
    scene.down(13);
    away("promote", &["sweep"]);
    scene.went_down();
    // Nor where somebody moved it by hand.
    scene.write(&image(&scene.house, "1"));
    away("rollback", &DOWN);
    scene.sweep(0);
    assert_eq!(live(&scene.house), "shop-1");
    assert_eq!(scene.stages(), ["closed"]);
}

#[test]
fn a_value_that_is_left_at_what_is_somebody_elses_leaves_nothing_to_merge() {
    let scene = Asking::new();
    scene.down(13);
    scene.write(&format!("sha256:{}", "0".repeat(64)));
    let told = scene.down(0).json().unwrap();
    let left = &told["detail"]["outcome"]["left"][0];
    assert!(left.as_str().unwrap().contains("image.digest"), "{told}");
    assert_eq!(scene.stages(), ["closed"]);
}

#[test]
fn an_alert_takes_back_a_promotion_that_waits_for_people() {
    let house = house(&["1"]);
    let bare = house.path("deploy.git");
    let values = format!("image: {{ digest: {:?} }}\n", image(&house, "1"));
    let url = git::bare_with(&bare, &[("values.yaml", &values)]).unwrap();
    let forge = GitHub::start().unwrap();
    let token = forge.with(|state| {
        state.person(7, "alice", "write");
        state.repository(&bare);
        state.token(Token::Job)
    });
    let asked = format!(
        "targets: [{{ git: {{ repo: {url:?}, branch: main, file: values.yaml, \
         path: image.digest, request: {{ repository: 'github:acme/shop' }} }}, artifact: image }}, "
    );
    house.configure("targets: [", &asked).unwrap();
    let run = |code: i32, program: &str, words: &[&str]| {
        let place = ["run", "--environment", "production"];
        let run = house.run(program, &[&place, words].concat());
        let run = run.env("GITHUB_API_URL", forge.url());
        let output = run.env("LIFTLOCK_GITHUB_TOKEN", &token).output().unwrap();
        assert_eq!(output.code, code, "{}{}", output.stdout, output.stderr);
        output
    };
    let alert = |release: &str| {
        let began = liftlock_io::clock::now();
        let labels = json!({ "alertname": "HighErrors", "liftlock_release": release });
        let one = json!({ "status": "firing", "labels": labels, "startsAt": began });
        let all = json!({ "status": "firing", "alerts": [one] });
        house.write("alert.json", all.to_string()).unwrap();
    };
    house.release("2").unwrap();
    run(13, "promote", &["--release", "release-2.json"]);
    assert_eq!(serves(&house), "api 2");
    // What is about the other one is not for a promotion under way.
    alert("shop-1");
    run(14, "rollback", &["--alert", "alert.json"]);
    alert("shop-2");
    let told = run(10, "rollback", &["--alert", "alert.json"]).stdout;
    for word in [
        "shop-2 did not go up",
        "an alert is firing: HighErrors; `rollback lift` ends it",
    ] {
        assert!(told.contains(word), "{word}: {told}");
    }
    // A schedule does not take it up again.
    run(14, "promote", &["--release", "release-2.json"]);
    let records = house.records();
    let held = records.iter().filter(|one| one["kind"] == "hold-placed");
    assert_eq!(held.count(), 1);
    assert_eq!(
        (serves(&house), live(&house)),
        ("api 1".to_owned(), json!("shop-1"))
    );
    let stages = forge.with(|state| state.pulls());
    assert_eq!(stages.len(), 1);
    assert_eq!(stages[0].2, "closed");
}

#[test]
fn a_pointer_of_somebody_else_is_left_and_stops_nothing() {
    let house = with_alias(&["1", "2"]);
    let strange = "{\"digest\":\"v1.2.3\"}\n";
    house.write("alias.json", strange).unwrap();
    let told = run(&house, 0, &[]).json().unwrap();
    let headline = told["headline"].as_str().unwrap();
    assert!(headline.contains("left as it is: alias at"), "{headline}");
    let left = told["detail"]["outcome"]["left"][0].as_str().unwrap();
    assert!(left.contains("v1.2.3"), "{told}");
    assert_eq!(
        (live(&house), serves(&house)),
        (json!("shop-1"), "api 1".to_owned())
    );
    assert_eq!(house.text("alias.json"), strange);
    let again = run(&house, 14, &[]).stderr;
    assert!(again.contains("alias"), "{again}");
    assert_eq!(live(&house), "shop-1");
}

#[test]
fn a_pointer_that_somebody_moves_meanwhile_is_left_too() {
    let house = with_alias(&["1", "2"]);
    let other = format!("{{\"digest\":\"sha256:{}\"}}\n", "0".repeat(64));
    house.write("other.json", &other).unwrap();
    let deploy = format!("{}cp other.json alias.json\n", house.text("deploy"));
    house.write("deploy", deploy).unwrap();
    let canary = house.state()["slots"]["canary"].clone();
    let slot = format!("slots/{}/api", canary.as_str().unwrap());
    house.write(&slot, "something else").unwrap();
    let told = run(&house, 0, &[]).json().unwrap();
    assert_eq!(
        told["detail"]["outcome"]["left"].as_array().unwrap().len(),
        1
    );
    assert_eq!(
        (live(&house), serves(&house)),
        (json!("shop-1"), "api 1".to_owned())
    );
    assert_eq!(house.text("alias.json"), other);
}

#[test]
fn a_damaged_ledger_stops_no_way_down() {
    let house = house(&["1", "2", "3"]);
    let entries = house.path(".liftlock/ledger/entries");
    let mut names: Vec<_> = fs::read_dir(&entries).unwrap().flatten().collect();
    names.sort_by_key(fs::DirEntry::path);
    let entry = names[2].path();
    let text = fs::read_to_string(&entry).unwrap();
    let edited = text.replace("shop", "shoq");
    assert_ne!(edited, text);
    fs::write(&entry, edited).unwrap();
    let output = run(&house, 0, &[]);
    assert!(
        output.stderr.contains("BY THE STATE ALONE"),
        "{}",
        output.stderr
    );
    assert_eq!(live(&house), "shop-2");
    let reject = ["reject", "shop-3", "--reason", "it loses orders"];
    house.expect(0, "rollback", &reject).unwrap();
    fs::write(entry, text).unwrap();
    // A disk that was full.
    let next = format!("{:012}.json", house.records().len() + 1);
    fs::write(entries.join(next), "{\"seq\"").unwrap();
    run(&house, 0, &["--to", "shop-1", "--break-glass"]);
    assert_eq!(live(&house), "shop-1");
}

#[test]
fn a_rollback_that_nobody_wants_any_more_is_not_finished_silently() {
    let house = with_alias(&["1", "2", "3"]);
    house.write("broken", "").unwrap();
    run(&house, 16, &[]);
    fs::remove_file(house.path("broken")).unwrap();
    let blocked = run(&house, 14, &["--to", "shop-1"]).stderr;
    assert!(
        blocked.contains("a rollback to shop-2 is under way"),
        "{blocked}"
    );
    let reject = ["reject", "shop-2", "--reason", "it is as bad"];
    let told = house.expect(0, "rollback", &reject).unwrap().stdout;
    assert!(told.contains("goes on"), "{told}");
    let blocked = run(&house, 14, &[]).stderr;
    for word in ["rejected by", "it is as bad", "--to shop-2"] {
        assert!(blocked.contains(word), "{word}: {blocked}");
    }
    assert!(house.state()["run"]["verdict"].is_null());
    run(&house, 0, &["--to", "shop-2"]);
    assert_eq!(live(&house), "shop-2");
    // Where it went was rejected since: it does not stay there.
    run(&house, 0, &[]);
    assert_eq!(live(&house), "shop-1");
}

/// A deployer that fails, so that a rollback ends before its shift.
fn stopped_before_its_shift(house: &House) {
    let canary = house.state()["slots"]["canary"].clone();
    let slot = format!("slots/{}/api", canary.as_str().unwrap());
    house.write(&slot, "something else").unwrap();
    let deploy = house.text("deploy");
    house.write("deploy", "#!/bin/sh\nexit 1\n").unwrap();
    let told = run(house, 15, &["--timeout", "1s"]).stderr;
    for word in [
        "is under way in production",
        "rollback run --environment production",
    ] {
        assert!(told.contains(word), "{word}: {told}");
    }
    house.write("deploy", deploy).unwrap();
    let state = house.state();
    assert!(state["run"]["verdict"].is_null(), "{state}");
    assert_eq!(state["run"]["plan"]["kind"], "rollback");
}

/// What the rollbacks came to that are over, oldest first.
fn rolled_back(house: &House) -> Vec<(Value, Value)> {
    let mut records = house.records();
    records.retain(|record| record["kind"] == "rollback-finished");
    let records = records.into_iter();
    records
        .map(|record| (record["release"]["id"].clone(), record["verdict"].clone()))
        .collect()
}

#[test]
fn a_rollback_that_touched_nothing_gives_way_when_its_release_is_rejected() {
    let house = house(&["1", "2", "3"]);
    stopped_before_its_shift(&house);
    let reject = ["reject", "shop-2", "--reason", "it is as bad"];
    let told = house.expect(0, "rollback", &reject).unwrap().stdout;
    assert!(told.contains("ends it, and chooses again"), "{told}");
    let (state, records) = (house.state(), house.records().len());
    let dry = run(&house, 0, &["--dry-run"]).json().unwrap();
    assert_eq!(dry["detail"]["plan"]["release"]["id"], "shop-1", "{dry}");
    assert_eq!((house.state(), house.records().len()), (state, records));
    run(&house, 0, &[]);
    assert_eq!(
        (live(&house), serves(&house)),
        (json!("shop-1"), "api 1".to_owned())
    );
    let over = [
        (json!("shop-2"), json!("fail")),
        (json!("shop-1"), json!("pass")),
    ];
    assert_eq!(rolled_back(&house), over);
    // Asked again, it stays there.
    run(&house, 0, &[]);
    assert_eq!(live(&house), "shop-1");
    house.expect(0, "audit-log", &["verify"]).unwrap();
}

#[test]
fn a_rollback_that_touched_nothing_gives_way_to_another_one_and_to_the_way_forward() {
    let house = house(&["1", "2", "3"]);
    stopped_before_its_shift(&house);
    // What cannot be gone to ends nothing.
    run(&house, 3, &["--to", "shop-9"]);
    run(&house, 10, &["--to", "shop-3"]);
    assert!(house.state()["run"]["verdict"].is_null());
    run(&house, 0, &["--to", "shop-1"]);
    assert_eq!(live(&house), "shop-1");

    let house = self::house(&["1", "2"]);
    stopped_before_its_shift(&house);
    let reject = ["reject", "shop-1", "--reason", "it is as bad"];
    house.expect(0, "rollback", &reject).unwrap();
    let refused = run(&house, 10, &[]).stdout;
    assert!(refused.contains("go forward"), "{refused}");
    // Nothing is in the way of what mends it but the hold.
    assert_eq!(house.state()["run"]["verdict"], "fail");
    rollback(&house, 0, &["lift", "--reason", "mended"]);
    house.release("3").unwrap();
    let plan = ["plan", "--environment", "production"];
    let plan = [&plan[..], &["--release", "release-3.json"]].concat();
    house.expect(0, "promote", &plan).unwrap();
}

#[test]
fn a_hold_that_somebody_places_later_is_no_word_of_the_rollback_before() {
    let house = house(&["1", "2", "3"]);
    run(&house, 0, &[]);
    assert_eq!(live(&house), "shop-2");
    run(&house, 0, &[]);
    assert_eq!(live(&house), "shop-2");
    rollback(&house, 0, &["lift", "--reason", "mended"]);
    rollback(&house, 0, &["hold", "--reason", "another incident"]);
    run(&house, 0, &[]);
    assert_eq!(
        (live(&house), serves(&house)),
        (json!("shop-1"), "api 1".to_owned())
    );
    // This one was there when it went back: it stays where it went.
    run(&house, 0, &[]);
    assert_eq!(live(&house), "shop-1");
}
