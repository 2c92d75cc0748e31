//! What people and schedules do with a plan under way: real processes, alive
//! and dead.
#![cfg(test)]

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use testkit::cli::bin;
use testkit::house::House;
use testkit::servers::gitlab::{GitLab, Token};
use testkit::wait;

/// The rule by which people are kept apart.
const APPROVAL: &str = "    approval: { quorum: 2, people: [alice, bob], expires: 1h }\n";

const LIMIT: Duration = Duration::from_secs(60);

/// Version 1 is live, users ask, version 2 is signed; a bake lasts this long.
fn house(bake: &str) -> House {
    let mut house = House::new().unwrap();
    house.open().unwrap();
    house.release("1").unwrap();
    house.promote(0, "1").unwrap();
    house.release("2").unwrap();
    house
        .configure("bake: 300ms", &format!("bake: {bake}"))
        .unwrap();
    house
}

fn on<'a>(subcommand: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&[subcommand, "--environment", "production"], more].concat()
}

/// A `promote run` of its own that has begun this bake.
fn baking(house: &House, step: &str) -> Child {
    let child = Command::new(bin("promote"))
        .current_dir(house.path(""))
        .args(on("run", &["--release", "release-2.json"]))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait::until(step, LIMIT, || begun(house, step).then_some(())).unwrap();
    child
}

fn begun(house: &House, step: &str) -> bool {
    let state = house.state();
    let entries = state["run"]["journal"]["entries"].as_array();
    state["run"]["plan"]["release"]["id"] == "shop-2"
        && entries.is_some_and(|entries| entries.iter().any(|entry| entry["step"] == step))
}

/// The share of the canary's slot, in hundredths of a percent.
fn share(house: &House) -> u64 {
    let weights: Value = serde_json::from_str(&house.text("weights.json")).unwrap();
    weights["weights"]["blue"].as_u64().unwrap()
}

fn of_kind(house: &House, kind: &str) -> Vec<Value> {
    let mut records = house.records();
    records.retain(|record| record["kind"] == kind);
    records
}

#[test]
fn an_abort_is_honoured_by_the_runner_that_lives() {
    let house = house("30s");
    let mut child = baking(&house, "04-bake");
    let abort = on("abort", &["--reason", "wrong version"]);
    let told = house.expect(13, "promote", &abort).unwrap().json().unwrap();
    assert_eq!(told["verdict"], "pending", "{told}");
    assert_eq!(child.wait().unwrap().code(), Some(10));
    let state = house.state();
    assert_eq!(state["live"]["release"]["id"], "shop-1");
    assert_eq!(state["run"]["verdict"], "fail");
    assert_eq!(of_kind(&house, "promotion-aborted").len(), 1);
    house.expect(14, "promote", &abort).unwrap();
}

#[test]
fn an_abort_where_nobody_runs_goes_back_itself_and_signs_it() {
    let house = house("30s");
    let mut child = baking(&house, "04-bake");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(share(&house), 500);
    house.expect(2, "promote", &on("abort", &[])).unwrap();
    let empty = on("abort", &["--reason", " "]);
    house.expect(2, "promote", &empty).unwrap();
    let dry = on("abort", &["--reason", "wrong version", "--dry-run"]);
    house.expect(0, "promote", &dry).unwrap();
    assert_eq!(share(&house), 500);
    let abort = ["--reason", "wrong version", "--key", "keys/gate.key"];
    let told = house.expect(10, "promote", &on("abort", &abort)).unwrap();
    let told = told.json().unwrap();
    assert_eq!(told["detail"]["outcome"]["restored"], true, "{told}");
    assert!(told["detail"]["attestation"].is_string(), "{told}");
    assert_eq!(share(&house), 0);
    let finished = of_kind(&house, "promotion-finished");
    let reason = finished.last().unwrap()["detail"]["reason"].as_str();
    assert!(reason.unwrap().ends_with("wrong version"), "{finished:?}");
}

#[test]
fn a_pause_stops_the_runner_and_nobody_goes_on_until_it_is_ended() {
    let house = house("2s");
    house.configure(APPROVAL, "").unwrap();
    let mut child = baking(&house, "04-bake");
    let pause = on("pause", &["--reason", "looking into it"]);
    house.expect(13, "promote", &pause).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(13));
    let state = house.state();
    assert!(state["lease"].is_null() && share(&house) == 500, "{state}");
    let told = house.promote(13, "2").unwrap().json().unwrap();
    let why = told["headline"].as_str().unwrap();
    assert!(
        why.contains("paused by") && why.contains("looking into it"),
        "{why}"
    );
    house.expect(13, "promote", &on("resume", &[])).unwrap();
    house.expect(13, "promote", &["sweep"]).unwrap();
    assert_eq!(house.state(), state);
    house.expect(14, "promote", &pause).unwrap();
    // Nobody lets it go on by a word that would count for nothing.
    let other = ["--reason", "it is fine", "--key", "keys/judge.key"];
    let refused = house.expect(4, "promote", &on("advance", &other)).unwrap();
    let told = " does not count as `promotion`: ";
    assert!(refused.stderr.contains(told), "{}", refused.stderr);
    assert_eq!(house.state(), state);
    let advance = ["--reason", "it is fine", "--key", "keys/gate.key"];
    let told = house
        .expect(0, "promote", &on("advance", &advance))
        .unwrap();
    let told = told.json().unwrap();
    assert!(told["detail"]["attestation"].is_string(), "{told}");
    house
        .expect(3, "promote", &on("advance", &advance))
        .unwrap();
    house.expect(0, "promote", &on("resume", &[])).unwrap();
    assert_eq!(house.state()["live"]["release"]["id"], "shop-2");
    for kind in ["promotion-paused", "promotion-advanced"] {
        assert_eq!(of_kind(&house, kind).len(), 1, "{kind}");
    }
    house.expect(0, "audit-log", &["verify"]).unwrap();
}

/// Runs it with these variables; what it says.
fn as_of(house: &House, way: &[(&str, &str)], code: i32, args: &[&str]) -> String {
    let run = house.run("promote", args);
    let output = way
        .iter()
        .fold(run, |run, (name, value)| run.env(name, value))
        .output()
        .unwrap();
    assert_eq!(output.code, code, "{}{}", output.stdout, output.stderr);
    output.stderr
}

const BRIEFLY: [&str; 4] = ["--release", "release-2.json", "--timeout", "500ms"];

#[test]
fn whoever_began_a_plan_does_not_advance_it_where_others_have_to_say_yes() {
    let house = house("30s");
    let outputs = house.path("outputs").display().to_string();
    let person = |login, id| {
        [
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_OUTPUT", outputs.as_str()),
            ("GITHUB_ACTOR", login),
            ("GITHUB_ACTOR_ID", id),
        ]
    };
    let erin = person("erin", "5");
    as_of(&house, &erin, 15, &on("run", &BRIEFLY));
    as_of(&house, &erin, 0, &on("pause", &["--reason", "lunch"]));
    let advance = on("advance", &["--reason", "it is fine"]);
    let why = as_of(&house, &person("Erin", "5"), 10, &advance);
    assert!(
        why.contains("had a part in the run that began the plan"),
        "{why}"
    );
    // Nobody becomes another person by dropping the variables of the CI.
    let why = as_of(&house, &[], 10, &advance);
    assert!(why.contains("nothing says who advances it"), "{why}");
    let why = as_of(&house, &person("somebody-else", ""), 10, &advance);
    assert!(why.contains("are not told apart by `people`"), "{why}");
    as_of(&house, &person("bob", "8"), 0, &advance);
}

#[test]
fn a_plan_that_was_begun_in_a_shell_is_advanced_with_the_key_of_another_person() {
    let house = house("30s");
    let by = |subcommand, (name, key), more: &[&'static str]| {
        let person = ["--person", name, "--person-key", key];
        on(subcommand, &[more, &person].concat())
    };
    let (alice, bob) = (("alice", "keys/alice.key"), ("bob", "keys/bob.key"));
    as_of(&house, &[], 15, &by("run", alice, &BRIEFLY));
    as_of(&house, &[], 0, &on("pause", &["--reason", "lunch"]));
    let reason = ["--reason", "it is fine"];
    for (args, code, told) in [
        (on("advance", &reason), 10, "nothing says who advances it"),
        (by("advance", alice, &reason), 10, "alice had a part"),
        (
            by("advance", ("bob", "keys/alice.key"), &reason),
            4,
            "is not a key of `bob` that counts",
        ),
        (
            on("advance", &["--reason", "x", "--person", "bob"]),
            2,
            "--person-key",
        ),
    ] {
        let why = as_of(&house, &[], code, &args);
        assert!(why.contains(told), "{why}");
    }
    as_of(&house, &[], 0, &by("advance", bob, &reason));
    let advanced = of_kind(&house, "promotion-advanced");
    assert_eq!(advanced[0]["actor"]["id"], "bob", "{advanced:?}");
    assert_eq!(advanced[0]["actor"]["proof"], "key", "{advanced:?}");
}

#[test]
fn on_gitlab_the_jobs_token_tells_who_begins_and_who_advances() {
    let house = house("30s");
    let gitlab = GitLab::start().unwrap();
    for (who, account) in [("alice", 7), ("bob", 8)] {
        let mail = format!("emails: [{who}@example.org]");
        let known = format!("{mail}, accounts: ['gitlab:{account}@{}']", gitlab.host());
        house.configure(&mail, &known).unwrap();
    }
    let [alice, bob] = [7, 8].map(|user| {
        gitlab.with(|state| {
            state.person(user, &format!("person-{user}"), 30);
            state.token(Token::Job(user))
        })
    });
    let api = gitlab.api();
    let job = |token, id| {
        [
            ("GITLAB_CI", "true"),
            ("CI_API_V4_URL", api.as_str()),
            ("CI_JOB_TOKEN", token),
            ("GITLAB_USER_ID", id),
        ]
    };
    // A variable of the pipeline says that bob started it.
    let why = as_of(&house, &job(&alice, "8"), 10, &on("run", &BRIEFLY));
    assert!(why.contains("a variable says that gitlab:8@"), "{why}");
    as_of(&house, &job(&alice, "7"), 15, &on("run", &BRIEFLY));
    as_of(
        &house,
        &job(&alice, "7"),
        0,
        &on("pause", &["--reason", "lunch"]),
    );
    let advance = on("advance", &["--reason", "it is fine"]);
    for (token, id, told) in [
        (alice.as_str(), "8", "a variable says that gitlab:8@"),
        (&alice, "", "alice had a part"),
        ("", "8", "nothing says who advances it"),
        ("glcbt-other", "8", "nothing says who advances it"),
    ] {
        let why = as_of(&house, &job(token, id), 10, &advance);
        assert!(why.contains(told), "{why}");
    }
    as_of(&house, &job(&bob, "8"), 0, &advance);
}

#[test]
fn a_plan_that_nobody_is_told_to_have_begun_is_advanced_by_nobody() {
    let house = house("30s");
    as_of(&house, &[], 15, &on("run", &BRIEFLY));
    as_of(&house, &[], 0, &on("pause", &["--reason", "lunch"]));
    let bob = [
        "--reason",
        "x",
        "--person",
        "bob",
        "--person-key",
        "keys/bob.key",
    ];
    let why = as_of(&house, &[], 10, &on("advance", &bob));
    assert!(why.contains("nothing says who began it"), "{why}");
    // No way is named that is none.
    let status = house.expect(0, "promote", &on("status", &[])).unwrap();
    let status = status.json().unwrap();
    let next = status["detail"]["next"].as_str().unwrap();
    assert!(next.starts_with("run `promote abort "), "{next}");
    assert!(!next.contains("promote advance"), "{next}");
}

#[test]
fn a_parked_run_gives_its_runner_back_and_is_judged_later() {
    let house = house("1s");
    let run = on("run", &["--release", "release-2.json", "--park"]);
    let mut told = house.expect(13, "promote", &run).unwrap().json().unwrap();
    let mut rests = 0;
    while told["verdict"] == "pending" {
        let after = told["detail"]["outcome"]["waits"]["resume_after"]
            .as_str()
            .unwrap();
        let after: liftlock::time::Time = after.parse().unwrap();
        let state = house.state();
        assert!(state["lease"].is_null(), "{state}");
        if wait::now() < after {
            let early = house
                .run("promote", &on("resume", &["--park"]))
                .output()
                .unwrap();
            assert!(wait::now() >= after || (early.code == 13 && house.state() == state));
        }
        wait::until("due", LIMIT, || (wait::now() >= after).then_some(())).unwrap();
        let output = house
            .run("promote", &on("resume", &["--park"]))
            .output()
            .unwrap();
        assert!([0, 13].contains(&output.code), "{}", output.stderr);
        told = output.json().unwrap();
        rests += 1;
    }
    assert!(rests >= 2, "it was parked {rests} times");
    assert_eq!(house.state()["live"]["release"]["id"], "shop-2");
}

/// A runner that is killed for good at 25 %, on a machine that is not this one.
fn orphaned(house: &House) -> liftlock::time::Time {
    house
        .configure(
            "steps: [5%, 100%]",
            "steps: [5%, 25%, 100%]\n    lease: 3s\n    sweep: 1s",
        )
        .unwrap();
    let mut child = baking(house, "08-bake");
    child.kill().unwrap();
    child.wait().unwrap();
    let mut state = house.state();
    assert!(state["run"]["verdict"].is_null(), "{state}");
    state["lease"]["owner"]["machine"] = "another".into();
    let path = ".liftlock/state/environments/shop/production.json";
    house.write(path, state.to_string()).unwrap();
    assert_eq!(share(house), 2_500);
    state["lease"]["expires_at"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap()
}

/// Sweeps as a schedule does: the code with which the plan came to its end.
fn swept(house: &House, until: liftlock::time::Time) -> i32 {
    let before = house.state();
    let output = house.run("promote", &["sweep"]).output().unwrap();
    let state = house.state();
    assert!(
        wait::now() >= until || (output.code == 0 && state == before),
        "{}",
        output.stderr
    );
    wait::until("end of the lease", LIMIT, || {
        (wait::now() >= until).then_some(())
    })
    .unwrap();
    let output = house.run("promote", &["sweep"]).output().unwrap();
    let told = output.json().unwrap();
    let done = &told["detail"]["environments"][0];
    assert_eq!(done["environment"], "production", "{told}");
    if state == before {
        assert_eq!(done["did"], "driven", "{told}");
    }
    output.code
}

#[test]
fn a_sweep_finishes_what_a_runner_that_died_elsewhere_left() {
    let house = house("1s");
    let until = orphaned(&house);
    assert_eq!(swept(&house, until), 0);
    assert_eq!(house.state()["live"]["release"]["id"], "shop-2");
    let told = house
        .expect(0, "promote", &["sweep"])
        .unwrap()
        .json()
        .unwrap();
    let did = &told["detail"]["environments"][0]["did"];
    assert_eq!(did, "nothing", "{told}");
    house
        .expect(3, "promote", &["sweep", "--environment", "moon"])
        .unwrap();
}

#[test]
fn a_sweep_shifts_back_what_went_wrong_meanwhile_in_time() {
    let house = house("2s");
    let until = orphaned(&house);
    let killed = wait::now();
    assert!(
        until.millis_since(killed) <= 3_000,
        "the lease lasts longer than it may"
    );
    house.write("slots/blue/error-rate", "50%").unwrap();
    assert_eq!(swept(&house, until), 10);
    assert_eq!(share(&house), 0);
    let turned = house.state()["run"]["journal"]["turned"]["at"].clone();
    let turned: liftlock::time::Time = turned.as_str().unwrap().parse().unwrap();
    // The lease, the schedule, and the time that a loaded machine takes for it.
    let lasted = turned.millis_since(killed);
    assert!(lasted <= 3_000 + 1_000 + 15_000, "{lasted} ms");
}

#[test]
fn a_plan_tells_how_long_requests_may_stay_where_nobody_judges() {
    let house = house("30s");
    let plan = on("plan", &["--release", "release-2.json"]);
    let alone = |house: &House| {
        let told = house.expect(0, "promote", &plan).unwrap().json().unwrap();
        told["detail"]["unattended"].clone()
    };
    assert!(alone(&house)["most_ms"].is_null());
    house
        .configure("bake: 30s", "bake: 30s\n    lease: 1m\n    sweep: 10m")
        .unwrap();
    let told = alone(&house);
    let most = told["most_ms"].as_u64().unwrap();
    assert_eq!(told["sweep_ms"], 600_000);
    assert_eq!(most, told["lease_ms"].as_u64().unwrap() + 600_000);
    assert!(most >= 660_000, "{told}");
}

const SPLIT: &str =
    r#"{"weights": {"blue": 4000, "green": 6000}, "stable": "green", "canary": "blue"}"#;

#[test]
fn a_reconcile_makes_weights_and_tags_again_what_the_state_says() {
    let house = house("300ms");
    let because = on("reconcile", &["--reason", "the proxy was restarted"]);
    let told = house
        .expect(0, "promote", &because)
        .unwrap()
        .json()
        .unwrap();
    assert_eq!(told["detail"]["drift"], serde_json::json!([]), "{told}");
    let live = house.state()["live"].clone();
    let index = house.text("site/index.json");
    let untagged = index.replace("org.opencontainers.image.ref.name", "x");
    house.write("site/index.json", &untagged).unwrap();
    house.write("weights.json", SPLIT).unwrap();
    house.expect(14, "promote", &on("status", &[])).unwrap();
    house.expect(2, "promote", &on("reconcile", &[])).unwrap();
    let dry = [&because[..], &["--dry-run"]].concat();
    house.expect(0, "promote", &dry).unwrap();
    assert_eq!(
        (house.text("weights.json"), share(&house)),
        (SPLIT.to_owned(), 4_000)
    );
    let signed = [&because[..], &["--key", "keys/gate.key"]].concat();
    let told = house.expect(0, "promote", &signed).unwrap().json().unwrap();
    assert!(told["detail"]["attestation"].is_string(), "{told}");
    house.expect(0, "promote", &on("status", &[])).unwrap();
    assert_eq!((share(&house), &house.state()["live"]), (0, &live));
    let began = of_kind(&house, "reconcile-started");
    assert_eq!(began[0]["detail"]["reason"], "the proxy was restarted");
    assert_eq!(of_kind(&house, "reconcile-finished")[0]["verdict"], "pass");
    assert!(of_kind(&house, "rollback-started").is_empty());
    house.promote(0, "2").unwrap();
}

#[test]
fn a_reconcile_refuses_what_it_cannot_prove_or_point_at() {
    let house = house("300ms");
    let because = on("reconcile", &["--reason", "the proxy was restarted"]);
    house.write("weights.json", SPLIT).unwrap();
    let refused = |why: &str| {
        let output = house.expect(14, "promote", &because).unwrap();
        assert!(output.stderr.contains(why), "{}", output.stderr);
        assert_eq!(house.text("weights.json"), SPLIT, "{why}");
    };
    let slot = house.text("slots/green/api");
    house.write("slots/green/api", "other").unwrap();
    refused("not what a slot serves");
    house.write("slots/green/api", slot).unwrap();
    let index = house.text("site/index.json");
    house
        .write("site/index.json", r#"{"schemaVersion":2,"manifests":[]}"#)
        .unwrap();
    let blobs = house.path("site/blobs/sha256");
    std::fs::rename(&blobs, house.path("aside")).unwrap();
    std::fs::create_dir(&blobs).unwrap();
    refused("it is not there any more");
    std::fs::remove_dir(&blobs).unwrap();
    std::fs::rename(house.path("aside"), &blobs).unwrap();
    house.write("site/index.json", index).unwrap();
    house.expect(0, "promote", &because).unwrap();
    let mut child = baking(&house, "04-bake");
    child.kill().unwrap();
    child.wait().unwrap();
    let output = house.expect(14, "promote", &because).unwrap();
    assert!(output.stderr.contains("is under way"), "{}", output.stderr);
    house.expect(0, "promote", &on("resume", &[])).unwrap();
    std::fs::remove_file(house.path(".liftlock/state/environments/shop/production.json")).unwrap();
    let output = house.expect(14, "promote", &because).unwrap();
    assert!(
        output.stderr.contains("does not say what is live"),
        "{}",
        output.stderr
    );
}
