//! Comments on GitHub, when a plan would begin.

use serde_json::{Value, json};
use testkit::http::Answer;
use testkit::process::free_address;
use testkit::servers::github::{GitHub, Token};

use crate::scene::{Scene, ended, with};

const RUN: [&str; 5] = [
    "run",
    "--environment",
    "production",
    "--release",
    "release-1.json",
];

const PLAN: [&str; 5] = [
    "plan",
    "--environment",
    "production",
    "--release",
    "release-1.json",
];

fn failing() -> Answer {
    Answer::new(502).body("bad gateway")
}

fn limited() -> Answer {
    Answer::new(403)
        .header("content-type", "application/json")
        .header("x-ratelimit-remaining", "0")
        .header("x-ratelimit-reset", "4102444800")
        .body(r#"{"message":"API rate limit exceeded"}"#)
}

fn records(scene: &Scene, kind: &str) -> Vec<Value> {
    let mut records = scene.house.records();
    records.retain(|record| record["kind"] == kind);
    records
}

#[test]
fn an_answer_that_does_not_stand_any_more_moves_nothing_and_says_whose() {
    let mut scene = Scene::two("required");
    scene.demand();
    let [_, bob] = scene.approved("1");
    let pair = ["1 of 2 said yes"];
    scene.github.with(|state| state.permit(7, "read"));
    let calls = scene.calls(|| {
        let words = ["alice has the permission `read`", "`write` is needed"];
        scene.refuses(10, &[&pair[..], &words].concat());
    });
    // One for each comment, one for each person.
    assert_eq!(calls, 4);
    let refused = records(&scene, "refused");
    let reason = refused[0]["detail"]["reason"].as_str().unwrap();
    assert!(reason.contains("alice has the permission"), "{reason}");
    scene.github.with(|state| {
        state.permit(7, "write");
        state.edit(bob, "hello");
    });
    // An edit within the second of writing is told by GraphQL alone.
    scene.refuses(10, &["bob: it was edited", pair[0]]);
    scene.github.with(|state| {
        state.advance(std::time::Duration::from_secs(60));
        state.edit(bob, &format!("/approve {}", scene.request));
    });
    scene.refuses(10, &["bob: it was edited", pair[0]]);
    scene.github.with(|state| state.delete(bob));
    let gone = "bob: GitHub does not show it any more";
    ended(&scene.run("promote", &PLAN), 10, &[gone]);
    scene.refuses(10, &[gone]);
    scene.github.with(|state| state.forget(7));
    scene.refuses(10, &["alice: ", "0 of 2 said yes"]);
}

#[test]
fn a_person_with_another_login_still_counts_and_records_tell_what_was_asked() {
    let mut scene = Scene::two("required");
    scene.demand();
    scene.house.open().unwrap();
    scene.approved("1");
    scene.github.with(|state| {
        state.rename(7, "alice-2");
        state.person(11, "alice", "none");
    });
    let told = ended(&scene.promote("1"), 0, &[]);
    let fresh = &told["detail"]["outcome"]["fresh"];
    assert_eq!(fresh[0]["answers"], 2, "{told}");
    assert!(fresh[0]["unreached"].is_null(), "{told}");
    let checked = fresh.as_array().unwrap().len();
    assert!(checked > 1, "asked at the checks as well: {told}");
    let started = records(&scene, "promotion-started");
    let detail = &started[0]["detail"];
    assert_eq!(detail["fresh"].as_array().unwrap().len(), 1, "{detail}");
    assert_eq!(detail["fresh"][0]["request"], scene.request.as_str());
    let latency = &detail["approval_latency"];
    for field in ["asked_at", "first_seen_at", "decided_at", "used_at"] {
        assert!(latency[field].is_string(), "{field}: {latency}");
    }
    for field in ["time_to_decide_ms", "time_to_use_ms"] {
        assert!(latency[field].is_u64(), "{field}: {latency}");
    }
    let steps = records(&scene, "step-done");
    let notes = steps
        .iter()
        .filter_map(|step| step["detail"]["note"].as_str());
    assert!(
        notes
            .filter(|note| note.contains("asked again about 2 answers"))
            .count()
            > 0
    );
}

#[test]
fn whoever_left_the_team_does_not_count() {
    let mut scene = Scene::new(
        "rules: [{ name: security, quorum: 2, team: 'github:acme/security' }], fresh: required",
    );
    scene.demand();
    scene.approved("1");
    ended(&scene.run("promote", &PLAN), 0, &[]);
    scene.github.with(|state| state.team("security", &[7, 10]));
    scene.refuses(10, &["bob belongs to no group that is asked, any more"]);
    // What a job's own token does not see is no answer about anybody.
    let job = scene.github.with(|state| state.token(Token::Job));
    scene.token = job;
    scene.refuses(4, &["shows no team `acme/security`", "members: read"]);
}

/// Nobody answers any more where people were asked; its address.
fn away(scene: &mut Scene) -> String {
    let url = scene.github.url();
    scene.github = GitHub::start().unwrap();
    url
}

#[test]
fn where_it_is_required_a_forge_that_does_not_say_is_no_verdict() {
    let mut scene = Scene::two("required");
    scene.demand();
    scene.approved("1");
    let nobody = "nobody says whether the answers of the approval still stand";
    scene.github.with(|state| {
        state.hide_collaborators();
        for _ in 0..3 {
            state.order("/issues/comments/", failing());
        }
    });
    scene.refuses(1, &[nobody, "502"]);
    scene
        .github
        .with(|state| state.order("/permission", limited()));
    scene.refuses(1, &[nobody, "no more calls are allowed until"]);
    let forbidden = Answer::new(403)
        .header("content-type", "application/json")
        .body(r#"{"message":"Resource not accessible by integration"}"#);
    scene
        .github
        .with(|state| state.order("/permission", forbidden));
    scene.refuses(4, &[nobody, "Resource not accessible"]);
    let other = format!("http://{}", free_address().unwrap());
    let url = scene.github.url();
    for (code, url, token, word) in [
        (
            3,
            other.as_str(),
            Some(scene.token.as_str()),
            "people were asked on",
        ),
        (4, url.as_str(), None, "there is no token for GitHub"),
        (
            4,
            url.as_str(),
            Some("ghs_other"),
            "does not accept the token",
        ),
    ] {
        let mut way = vec![("GITHUB_API_URL", url)];
        way.extend(token.map(|token| ("GITHUB_TOKEN", token)));
        for words in [&RUN[..], &PLAN] {
            ended(
                &with(scene.house.run("promote", words), &way),
                code,
                &[nobody, word],
            );
        }
    }
    assert!(scene.house.state()["live"].is_null());
}

#[test]
fn a_forge_that_is_away_gives_no_verdict_where_it_is_required() {
    let mut scene = Scene::two("required");
    scene.demand();
    scene.approved("1");
    let nobody = "nobody says whether the answers of the approval still stand";
    let way = away(&mut scene);
    let way = [("GITHUB_API_URL", way.as_str()), ("GITHUB_TOKEN", "x")];
    for words in [&RUN[..], &PLAN] {
        let told = [nobody, "cannot connect"];
        ended(&with(scene.house.run("promote", words), &way), 1, &told);
    }
    assert!(scene.house.state()["live"].is_null());
    // What is missing anyway is told, whether the forge answers or not.
    scene
        .house
        .configure("[signature, approval]", "[signature, approval, provenance]")
        .unwrap();
    let explain = [&["explain"][..], &RUN[1..]].concat();
    let told = ended(&with(scene.house.run("promote", &explain), &way), 10, &[]);
    assert_eq!(told["headline"], "2 conditions are not met", "{told}");
}

#[test]
fn if_reachable_goes_on_and_says_so_and_takes_no_refusal_for_silence() {
    let mut scene = Scene::two("if-reachable");
    scene.demand();
    scene.house.open().unwrap();
    scene.approved("1");
    let alone = "\"unreached\": ";
    scene.github.with(|state| {
        state.hide_collaborators();
        for _ in 0..3 {
            state.order("/issues/comments/", failing());
        }
    });
    ended(&scene.run("promote", &PLAN), 0, &[alone, "502"]);
    scene
        .github
        .with(|state| state.order("/permission", limited()));
    ended(&scene.run("promote", &PLAN), 0, &[alone, "no more calls"]);
    let way = [("GITHUB_API_URL", scene.github.url())];
    let way = [(way[0].0, way[0].1.as_str()), ("GITHUB_TOKEN", "ghs_other")];
    ended(
        &with(scene.house.run("promote", &RUN), &way),
        4,
        &["does not accept"],
    );
    // What is known refuses, though the rest cannot be asked.
    scene.github.with(|state| {
        state.permit(7, "read");
        for _ in 0..3 {
            state.order("collaborators/bob/", failing());
        }
    });
    scene.refuses(10, &["alice has the permission `read`"]);
    scene.github.with(|state| state.permit(7, "write"));
    let url = away(&mut scene);
    let way = [("GITHUB_API_URL", url.as_str()), ("GITHUB_TOKEN", "x")];
    ended(
        &with(scene.house.run("promote", &PLAN), &way),
        0,
        &[alone, "cannot connect"],
    );
    // Without a token nothing leads there: it moves, and everybody is told.
    let way = [("GITHUB_API_URL", url.as_str())];
    let told = ended(&with(scene.house.run("promote", &RUN), &way), 0, &[]);
    let headline = told["headline"].as_str().unwrap();
    assert!(headline.contains("APPROVAL NOT ASKED AGAIN"), "{headline}");
    assert!(
        headline.contains("there is no token for GitHub"),
        "{headline}"
    );
    let started = records(&scene, "promotion-started");
    let why = started[0]["detail"]["fresh"][0]["unreached"].as_str();
    assert!(why.unwrap().contains("no token"), "{started:?}");
}

#[test]
fn without_fresh_and_for_signed_answers_nobody_is_asked() {
    let mut scene = Scene::new("quorum: 2, people: [alice, bob]");
    scene.demand();
    scene.approved("1");
    let plan = with(scene.house.run("promote", &PLAN), &[]);
    let told = ended(&plan, 0, &[]);
    assert_eq!(told["detail"]["chain"]["fresh"], Value::Null);
    let signed = Scene::two("required");
    signed.demand();
    signed.house.release("1").unwrap();
    signed.house.approve("1", "production").unwrap();
    let told = ended(&with(signed.house.run("promote", &PLAN), &[]), 0, &[]);
    assert_eq!(told["detail"]["chain"]["verdict"], json!("pass"));
    assert_eq!(signed.github.counts().total, 0);
}
