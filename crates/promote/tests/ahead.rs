//! Whoever only looks is told the same as whoever runs, and whoever is stopped
//! what is where.
#![cfg(test)]

use std::process::Command;
use std::time::Duration;

use liftlock::span::Span;
use testkit::cli::{Output, Run, bin};
use testkit::house::House;
use testkit::process::Process;
use testkit::wait;

const LIMIT: Duration = Duration::from_secs(60);

const SPLIT: &str =
    r#"{"weights": {"blue": 4000, "green": 6000}, "stable": "green", "canary": "blue"}"#;

/// Version 1 is live in `green`, users ask, versions 2 and 3 are signed.
fn house() -> House {
    let mut house = House::new().unwrap();
    house.open().unwrap();
    house.release("1").unwrap();
    house.promote(0, "1").unwrap();
    house.release("2").unwrap();
    house.release("3").unwrap();
    house.configure("bake: 300ms", "bake: 30s").unwrap();
    // A shell names nobody, and so nobody who could be told apart.
    let rule = "    approval: { quorum: 2, people: [alice, bob], expires: 1h }\n";
    house.configure(rule, "").unwrap();
    house
}

fn on(house: &House, program: &str, code: i32, words: &[&str]) -> Output {
    let (subcommand, more) = words.split_first().unwrap();
    let place = [subcommand, "--environment", "production"];
    house
        .expect(code, program, &[&place[..], more].concat())
        .unwrap()
}

/// What people see, ending with this code.
fn shown(house: &House, code: i32, words: &[&str]) -> String {
    let (subcommand, more) = words.split_first().unwrap();
    let run = Run::new(bin("promote")).folder(house.path(""));
    let run = run.args([subcommand, "--environment", "production"]);
    let output = run.args(more).output().unwrap();
    let said = format!("{}{}", output.stdout, output.stderr);
    assert_eq!(output.code, code, "{words:?}: {said}");
    said
}

/// Plan, explain and a dry run of a version end alike and say this.
fn all_say(house: &House, code: i32, version: &str, words: &[&str]) {
    let file = format!("release-{version}.json");
    let before = house.state();
    for more in [&["plan"][..], &["explain"], &["run", "--dry-run"]] {
        let said = shown(house, code, &[more, &["--release", &file]].concat());
        for word in words {
            assert!(said.contains(word), "{more:?}: {word}: {said}");
        }
    }
    assert_eq!(house.state(), before);
}

/// A run for version 2 that ends by its time in the first bake.
fn stopped(house: &House) -> Output {
    let short = ["run", "--release", "release-2.json", "--timeout", "2s"];
    let mut output = on(house, "promote", 15, &short);
    // However slow this machine is.
    while !house.state()["run"]["journal"]
        .to_string()
        .contains("04-bake")
    {
        output = on(house, "promote", 15, &["resume", "--timeout", "2s"]);
    }
    output
}

const STANDING: [&str; 3] = ["shop-2 5%", "shop-1 95%", "04-bake is not done"];

const RESUME: &str = "promote resume --environment production";

#[test]
fn of_what_is_live_all_say_that_it_is_and_that_something_differs() {
    let house = house();
    all_say(&house, 0, "1", &["shop-1 is live since"]);
    house.promote(0, "1").unwrap();
    house.write("weights.json", SPLIT).unwrap();
    let words = ["shop-1 is live since", "does not get all requests"];
    all_say(&house, 14, "1", &words);
    house.promote(14, "1").unwrap();
}

#[test]
fn of_a_plan_under_way_all_say_what_a_run_would_do_with_it() {
    let house = house();
    stopped(&house);
    all_say(&house, 0, "2", &["shop-2 is under way in production"]);
    all_say(&house, 0, "2", &STANDING);
    let another = ["a plan for shop-2 is under way", RESUME];
    all_say(&house, 14, "3", &another);
    house.promote(14, "3").unwrap();
    on(&house, "promote", 0, &["pause", "--reason", "lunch"]);
    all_say(&house, 13, "2", &["paused by", "lunch", "promote advance"]);
    house.promote(13, "2").unwrap();
    on(&house, "promote", 0, &["advance", "--reason", "go on"]);
    // Whoever lives drives it.
    let mut state = house.state();
    let at = wait::now().after(Span::seconds(600));
    state["lease"] = serde_json::json!({
        "token": "t", "fence": 9, "since": wait::now(), "expires_at": at,
        "owner": { "run": "run 71", "machine": "another", "process": "1.1" },
    });
    let path = ".liftlock/state/environments/shop/production.json";
    house.write(path, state.to_string()).unwrap();
    all_say(&house, 14, "2", &["run 71 drives it until"]);
    house.promote(14, "2").unwrap();
    state["lease"] = serde_json::Value::Null;
    house.write(path, state.to_string()).unwrap();
    on(&house, "rollback", 0, &["hold", "--reason", "incident"]);
    all_say(&house, 10, "2", &["it goes back", "incident"]);
    house.promote(10, "2").unwrap();
    all_say(&house, 14, "2", &["a hold is in place", "incident"]);
    house.promote(14, "2").unwrap();
}

#[test]
fn whoever_is_out_of_time_is_told_what_is_where_and_how_to_go_on() {
    let house = house();
    let told = stopped(&house).stderr;
    let abort = "promote abort --environment production --reason";
    for word in [&STANDING[..], &[RESUME, abort]].concat() {
        assert!(told.contains(word), "{word}: {told}");
    }
    let status = shown(&house, 0, &["status"]);
    for word in [&STANDING[..], &[RESUME, abort]].concat() {
        assert!(status.contains(word), "{word}: {status}");
    }
    let parked = ["resume", "--park"];
    let parked = on(&house, "promote", 13, &parked).json().unwrap();
    let outcome = &parked["detail"]["outcome"];
    assert_eq!(outcome["standing"]["shares"][0]["release"], "shop-2");
    assert_eq!(outcome["standing"]["step"], "04-bake", "{parked}");
    assert!(outcome["way_on"].as_str().unwrap().contains(RESUME));
}

#[test]
fn whoever_is_stopped_by_a_signal_is_told_what_is_where_and_how_to_go_on() {
    let house = house();
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let mut command = Command::new(bin("promote"));
        command
            .args(["run", "--environment", "production"])
            .args(["--release", "release-2.json"])
            .current_dir(house.path(""));
        let mut run = Process::spawn("run", &mut command, &house.path("")).unwrap();
        let baking = || {
            let held = !house.state()["lease"].is_null();
            (held && house.text("run.err").contains("04-bake: bake")).then_some(())
        };
        wait::until("04-bake", LIMIT, baking).unwrap();
        run.signal(signal).unwrap();
        let status = run.wait(LIMIT).unwrap();
        assert_eq!(status.code(), Some(code));
        let told = run.stderr();
        for word in [&STANDING[..], &[RESUME, "stopped by a signal"]].concat() {
            assert!(told.contains(word), "{signal}: {word}: {told}");
        }
    }
}
