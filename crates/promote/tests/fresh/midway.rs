//! Comments that go away while a plan is under way.

use std::time::Duration;

use serde_json::Value;
use testkit::process::Process;
use testkit::wait;

use crate::scene::{Scene, ended};

/// Version 1 is live; version 2 was approved, and bakes for a while.
fn scene(bake: &str, fresh: &str) -> (Scene, [u64; 2]) {
    let mut scene = Scene::two(fresh);
    scene.house.open().unwrap();
    scene.house.release("1").unwrap();
    scene.house.promote(0, "1").unwrap();
    scene.demand();
    let longer = format!("bake: {bake}");
    scene.house.configure("bake: 300ms", &longer).unwrap();
    let comments = scene.approved("2");
    (scene, comments)
}

fn has_begun(scene: &Scene, step: &str) -> Option<()> {
    let state = scene.house.state();
    // The plan before this one had such a step as well.
    (state["run"]["plan"]["release"]["id"] == "shop-2").then_some(())?;
    let entries = state["run"]["journal"]["entries"].as_array()?;
    entries.iter().any(|one| one["step"] == step).then_some(())
}

/// Promotes version 2, with something that happens while it bakes.
fn promoted(scene: &Scene, code: i32, meanwhile: impl FnOnce()) -> Value {
    let words = [
        "run",
        "--environment",
        "production",
        "--release",
        "release-2.json",
    ];
    let run = scene
        .house
        .run("promote", &words)
        .env("GITHUB_API_URL", scene.github.url())
        .env("GITHUB_TOKEN", &scene.token);
    let home = tempfile::tempdir().unwrap();
    let mut command = run.command(home.path());
    command.current_dir(scene.house.path("."));
    let mut promote = Process::spawn("promote", &mut command, home.path()).unwrap();
    let limit = Duration::from_secs(30);
    wait::until("the bake", limit, || has_begun(scene, "04-bake")).unwrap();
    meanwhile();
    let status = promote.wait(limit).unwrap();
    assert_eq!(status.code(), Some(code), "{}", promote.stderr());
    serde_json::from_str(&promote.stdout()).unwrap()
}

#[test]
fn a_comment_that_is_deleted_during_a_bake_turns_the_plan_back_at_the_next_check() {
    let (scene, [alice, _]) = scene("2s", "required");
    let told = promoted(&scene, 10, || {
        scene.github.with(|state| state.delete(alice));
    });
    let outcome = &told["detail"]["outcome"];
    assert_eq!(outcome["restored"], true, "{told}");
    let reason = outcome["turned"]["reason"].as_str().unwrap();
    assert!(reason.starts_with("05-check: "), "{reason}");
    assert!(
        reason.contains("alice: GitHub does not show it any more"),
        "{reason}"
    );
    assert_eq!(scene.house.state()["live"]["release"]["id"], "shop-1");
}

#[test]
fn a_token_that_ends_during_a_bake_is_silence() {
    const HOUR: Duration = Duration::from_secs(3_600);
    let (strict, _) = scene("2s", "required");
    let told = promoted(&strict, 10, || {
        strict.github.with(|state| state.advance(HOUR));
    });
    let reason = told["detail"]["outcome"]["turned"]["reason"]
        .as_str()
        .unwrap();
    assert!(reason.contains("does not accept the token"), "{reason}");
    assert_eq!(told["detail"]["outcome"]["restored"], true, "{told}");
    let (lenient, _) = scene("2s", "if-reachable");
    let told = promoted(&lenient, 0, || {
        lenient.github.with(|state| state.advance(HOUR));
    });
    let headline = told["headline"].as_str().unwrap();
    assert!(headline.contains("APPROVAL NOT ASKED AGAIN"), "{headline}");
    let fresh = told["detail"]["outcome"]["fresh"].as_array().unwrap();
    assert!(fresh[0]["unreached"].is_null(), "{told}");
    assert!(fresh[1]["unreached"].is_string(), "{told}");
}

#[test]
fn on_the_way_down_no_forge_is_asked() {
    let (scene, _) = scene("300ms", "required");
    ended(&scene.promote("2"), 0, &[]);
    assert_eq!(scene.house.state()["live"]["release"]["id"], "shop-2");
    let down = ["run", "--environment", "production", "--reason", "bad"];
    let calls = scene.calls(|| {
        // Nor would there be a token.
        scene.house.expect(0, "rollback", &down).unwrap();
    });
    assert_eq!(calls, 0);
    assert_eq!(scene.house.state()["live"]["release"]["id"], "shop-1");
}

#[test]
fn a_resumed_plan_asks_again_and_turns_back() {
    let (scene, [_, bob]) = scene("5s", "required");
    let words = [
        "run",
        "--environment",
        "production",
        "--release",
        "release-2.json",
    ];
    let brief = [&words[..], &["--timeout", "2s"]].concat();
    ended(&scene.run("promote", &brief), 15, &[]);
    assert!(!scene.house.state()["run"]["journal"]["entries"].is_null());
    scene.github.with(|state| state.delete(bob));
    let resume = ["resume", "--environment", "production"];
    let told = ended(
        &scene.run("promote", &resume),
        10,
        &["bob: GitHub does not show it"],
    );
    assert_eq!(told["detail"]["outcome"]["restored"], true, "{told}");
    assert_eq!(scene.house.state()["live"]["release"]["id"], "shop-1");
}
