//! The stand-in for GitHub refuses what GitHub refuses, and answers as GitHub
//! describes itself.
#![cfg(test)]

use std::time::Duration;

use serde_json::{Value, json};
use testkit::http::{self, Answer, Ending};
use testkit::servers::Prism;
use testkit::servers::github::{Commit, GitHub, State, Token};
use testkit::wire::Response;

const R: &str = "/repos/acme/shop";

fn github() -> GitHub {
    let github = GitHub::start().unwrap();
    github.with(|state| {
        state.person(7, "alice", "write");
        state.person(8, "bob", "read");
        state.bot(9, "deployer[bot]");
    });
    github
}

fn token(github: &GitHub, kind: Token) -> String {
    github.with(|state| state.token(kind))
}

fn call(url: &str, token: &str, (method, path): (&str, &str), body: Option<&Value>) -> Response {
    let bearer = format!("Bearer {token}");
    let mut headers = vec![("user-agent", "test"), ("authorization", bearer.as_str())];
    if body.is_some() {
        headers.push(("content-type", "application/json"));
    }
    let body = body.map(ToString::to_string).unwrap_or_default();
    http::send(method, &format!("{url}{path}"), &headers, body.as_bytes()).unwrap()
}

fn get(github: &GitHub, token: &str, path: &str) -> Response {
    call(&github.url(), token, ("GET", path), None)
}

fn body(response: &Response) -> Value {
    serde_json::from_slice(&response.body).unwrap()
}

#[test]
fn comments_come_in_pages_with_links() {
    let github = github();
    let job = token(&github, Token::Job);
    let issue = github.with(|state| {
        let issue = state.issue(7);
        for number in 0..250 {
            state.comment(issue, 7, &format!("comment {number}"));
        }
        issue
    });
    let path = format!("{R}/issues/{issue}/comments");
    let first = get(&github, &job, &path);
    assert_eq!(body(&first).as_array().unwrap().len(), 30);
    let large = get(&github, &job, &format!("{path}?per_page=1000"));
    assert_eq!(body(&large).as_array().unwrap().len(), 100);
    let last = get(&github, &job, &format!("{path}?per_page=100&page=3"));
    assert_eq!(body(&last).as_array().unwrap().len(), 50);
    let links = large.header("link").unwrap();
    assert!(
        links.contains("page=2&per_page=1000>; rel=\"next\""),
        "{links}"
    );
    assert!(!last.header("link").unwrap().contains("next"));
}

#[test]
fn an_edit_shows_in_the_times_and_a_deleted_comment_is_gone() {
    let github = github();
    let job = token(&github, Token::Job);
    let (issue, edited, deleted) = github.with(|state| {
        let issue = state.issue(7);
        let ids = ["a", "b"].map(|text| state.comment(issue, 7, text));
        state.advance(Duration::from_secs(60));
        (issue, ids[0], ids[1])
    });
    let since = github.with(|state| state.now());
    github.with(|state| {
        state.edit(edited, "c");
        state.delete(deleted);
    });
    let found = body(&get(
        &github,
        &job,
        &format!("{R}/issues/{issue}/comments?since={since}"),
    ));
    assert_eq!(found.as_array().unwrap().len(), 1);
    assert_eq!(found[0]["body"], "c");
    assert_ne!(found[0]["created_at"], found[0]["updated_at"]);
    assert_eq!(
        get(&github, &job, &format!("{R}/issues/comments/{deleted}")).status,
        404
    );
}

#[test]
fn an_unchanged_answer_is_a_304_and_costs_nothing() {
    let github = github();
    let job = token(&github, Token::Job);
    let issue = github.with(|state| state.issue(7));
    let path = format!("{R}/issues/{issue}/comments");
    let first = get(&github, &job, &path);
    let left = first.header("x-ratelimit-remaining").unwrap().to_owned();
    let again = |etag: &str| {
        let bearer = format!("Bearer {job}");
        let headers = [
            ("user-agent", "test"),
            ("authorization", bearer.as_str()),
            ("if-none-match", etag),
        ];
        http::send("GET", &format!("{}{path}", github.url()), &headers, b"").unwrap()
    };
    let etag = first.header("etag").unwrap().to_owned();
    let same = again(&etag);
    assert_eq!((same.status, same.body.len()), (304, 0));
    assert_eq!(same.header("x-ratelimit-remaining"), Some(left.as_str()));
    github.with(|state| state.comment(issue, 7, "new"));
    assert_eq!(again(&etag).status, 200);
    assert_eq!(github.counts().not_modified, 1);
}

#[test]
fn tokens_end_and_see_only_what_they_may() {
    let github = github();
    let [job, app, own] =
        [Token::Job, Token::App, Token::Personal(7)].map(|kind| token(&github, kind));
    github.with(|state| state.team("release", &[7]));
    let team = "/orgs/acme/teams/release/memberships/alice";
    assert_eq!(get(&github, &job, team).status, 403);
    assert_eq!(get(&github, &app, team).status, 200);
    assert_eq!(
        get(&github, &own, "/orgs/acme/teams/release/memberships/bob").status,
        404
    );
    github.with(|state| state.hide_team("release"));
    assert_eq!(get(&github, &app, team).status, 404);
    github.with(|state| state.advance(Duration::from_secs(3_599)));
    assert_eq!(get(&github, &app, "/user/7").status, 200);
    github.with(|state| state.advance(Duration::from_secs(1)));
    assert_eq!(get(&github, &app, "/user/7").status, 401);
    assert_eq!(get(&github, &own, "/user/7").status, 200);
    assert_eq!(get(&github, "guessed", "/user/7").status, 401);
}

#[test]
fn a_token_without_requests_left_is_refused_until_its_hour_ends() {
    let github = github();
    let job = token(&github, Token::Job);
    for _ in 0..1_000 {
        assert_eq!(get(&github, &job, "/user/7").status, 200);
    }
    let refused = get(&github, &job, "/user/7");
    assert_eq!(refused.status, 403);
    assert_eq!(refused.header("x-ratelimit-remaining"), Some("0"));
    github.with(|state| state.advance(Duration::from_secs(3_600)));
    assert_eq!(get(&github, &job, "/user/7").status, 200);
}

#[test]
fn too_many_writes_in_a_minute_are_refused_with_a_time_to_wait() {
    let github = github();
    let job = token(&github, Token::Job);
    let issue = github.with(|state| state.issue(7));
    let path = format!("{R}/issues/{issue}/comments");
    let write = || {
        call(
            &github.url(),
            &job,
            ("POST", &path),
            Some(&json!({ "body": "x" })),
        )
    };
    for _ in 0..80 {
        assert_eq!(write().status, 201);
    }
    let refused = write();
    assert_eq!(
        (refused.status, refused.header("retry-after")),
        (403, Some("60"))
    );
    github.with(|state| state.advance(Duration::from_secs(60)));
    assert_eq!(write().status, 201);
}

#[test]
fn a_user_keeps_the_number_when_the_login_changes() {
    let github = github();
    let job = token(&github, Token::Job);
    github.with(|state| {
        state.rename(7, "alicia");
        state.person(10, "alice", "none");
    });
    assert_eq!(body(&get(&github, &job, "/user/7"))["login"], "alicia");
    let stranger = body(&get(
        &github,
        &job,
        &format!("{R}/collaborators/alice/permission"),
    ));
    assert_eq!(
        (&stranger["permission"], &stranger["user"]["id"]),
        (&json!("none"), &json!(10))
    );
}

#[test]
fn no_app_passes_a_gate_for_people_and_no_person_one_for_apps() {
    let github = github();
    let [job, app, own, other] = [
        Token::Job,
        Token::App,
        Token::Personal(7),
        Token::Personal(8),
    ]
    .map(|kind| token(&github, kind));
    let (run, gate) = github.with(|state| {
        let run = state.run(8, 8);
        (run, state.protect(run, "production", &[7, 8]))
    });
    let path = format!("{R}/actions/runs/{run}/pending_deployments");
    let review = json!({ "environment_ids": [gate], "state": "approved", "comment": "ok" });
    for (token, status) in [
        (&job, 403),
        (&app, 403),
        (&other, 422),
        (&own, 200),
        (&own, 422),
    ] {
        assert_eq!(
            call(&github.url(), token, ("POST", &path), Some(&review)).status,
            status
        );
    }
    let path = format!("{R}/actions/runs/{run}/deployment_protection_rule");
    let verdict = json!({ "environment_name": "production", "state": "approved", "comment": "ok" });
    github.with(|state| state.protect(run, "production", &[7]));
    for (token, status) in [(&job, 403), (&own, 403), (&app, 204), (&app, 422)] {
        assert_eq!(
            call(&github.url(), token, ("POST", &path), Some(&verdict)).status,
            status
        );
    }
}

#[test]
fn an_edited_review_is_told_by_graphql_alone() {
    let github = github();
    let job = token(&github, Token::Job);
    let commit = Commit {
        sha: "a".repeat(40),
        author: Some(8),
        committer: None,
    };
    let (pull, review) = github.with(|state| {
        let pull = state.pull(8, vec![commit]);
        (pull, state.review(pull, 7, "APPROVED", "fine"))
    });
    let path = format!("{R}/pulls/{pull}/reviews");
    let rest = || body(&get(&github, &job, &path))[0].clone();
    let ask = |fields: &str| {
        let query = format!(
            "query($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on PullRequestReview {{ {fields} }} }} }}"
        );
        let question = json!({ "query": query, "variables": { "ids": [format!("PRR_{review}")] } });
        body(&call(
            &github.url(),
            &job,
            ("POST", "/graphql"),
            Some(&question),
        ))
    };
    let before = rest();
    let told = ask("id lastEditedAt");
    assert_eq!(told["data"]["nodes"][0]["lastEditedAt"], Value::Null);
    github.with(|state| state.edit_review(pull, review, "fine"));
    assert_eq!(rest(), before);
    let told = ask("id lastEditedAt includesCreatedEdit");
    assert_eq!(told["data"]["nodes"][0]["includesCreatedEdit"], true);
    assert!(told["data"]["nodes"][0]["lastEditedAt"].is_string());
    assert!(
        ask("id editedAt")["errors"][0]["message"]
            .as_str()
            .unwrap()
            .contains("'editedAt'")
    );
    github.with(|state| state.dismiss(pull, review));
    assert_eq!(rest()["state"], "DISMISSED");
    let refused = call(
        &github.url(),
        "guessed",
        ("POST", "/graphql"),
        Some(&json!({})),
    );
    assert_eq!(refused.status, 401);
}

#[test]
fn a_deployment_that_would_merge_or_is_malformed_is_refused() {
    let github = github();
    let [job, reader] = [Token::Job, Token::ReadOnly].map(|kind| token(&github, kind));
    let commit = "c".repeat(40);
    github.with(|state| state.run(7, 7));
    let path = format!("{R}/deployments");
    let make =
        |token: &str, body: Value| call(&github.url(), token, ("POST", &path), Some(&body)).status;
    let good =
        json!({ "ref": commit, "auto_merge": false, "required_contexts": [], "payload": {} });
    let with = |name: &str, value: Value| {
        let mut changed = good.clone();
        changed[name] = value;
        changed
    };
    assert_eq!(make(&reader, good.clone()), 403);
    assert_eq!(make(&job, with("auto_merge", json!(true))), 409);
    assert_eq!(make(&job, with("payload", json!([1]))), 422);
    assert_eq!(make(&job, with("required_contexts", json!("ci"))), 422);
    assert_eq!(make(&job, with("ref", json!("nowhere"))), 422);
    assert_eq!(make(&job, good.clone()), 201);
    let made = github.with(|state| state.deployments())[0];
    let path = format!("{path}/{made}/statuses");
    let long = json!({ "state": "success", "description": "x".repeat(141) });
    for (body, status) in [(json!({ "state": "done" }), 422), (long, 422)] {
        assert_eq!(
            call(&github.url(), &job, ("POST", &path), Some(&body)).status,
            status
        );
    }
}

#[test]
fn ordered_faults_come_once() {
    let github = github();
    let job = token(&github, Token::Job);
    github.with(|state| {
        state.order("/user/", Answer::new(502));
        state.order("/user/", Answer::json("[]").ending(Ending::CloseAtOnce));
    });
    assert_eq!(get(&github, &job, "/user/7").status, 502);
    let bearer = format!("Bearer {job}");
    let headers = [("user-agent", "test"), ("authorization", bearer.as_str())];
    assert!(http::send("GET", &format!("{}/user/7", github.url()), &headers, b"").is_err());
    assert_eq!(get(&github, &job, "/user/7").status, 200);
}

type Step = (&'static str, String, Option<Value>, u16);

fn get_of(path: String) -> Step {
    ("GET", path, None, 200)
}

fn post(path: String, body: Value, status: u16) -> Step {
    ("POST", path, Some(body), status)
}

/// Every call on people, issues and pull requests, with a body where it has one.
fn talk(state: &mut State) -> Vec<Step> {
    let commit = Commit {
        sha: "a".repeat(40),
        author: Some(7),
        committer: None,
    };
    let (issue, pull) = (state.issue(7), state.pull(8, vec![commit]));
    state.comment_by_app(issue, 9, "built");
    let comment = state.comment(issue, 7, "text");
    let review = state.review(pull, 7, "APPROVED", "fine");
    state.team("release", &[7]);
    let one = state.commit(None, &[("a", "1"), ("b", "2"), ("c", "4")]);
    let two = state.commit(Some(&one), &[("a", "2"), ("moved", "2"), ("d", "5")]);
    let gone = state.comment(issue, 8, "gone");
    state.forget(8);
    state.person(8, "bob", "read");
    vec![
        get_of("/user/7".into()),
        get_of(format!("{R}/compare/{one}...{two}?per_page=1&page=1")),
        get_of(format!("{R}/compare/{two}...{one}")),
        get_of(format!("{R}/contents/a?ref={one}")),
        get_of("/users/alice".into()),
        get_of("/orgs/acme/teams/release/members?per_page=100".into()),
        get_of("/orgs/acme/teams/release/memberships/alice".into()),
        get_of(format!("{R}/collaborators/alice/permission")),
        get_of(format!("{R}/issues?state=all&per_page=2")),
        post(
            format!("{R}/issues"),
            json!({ "title": "follow up", "body": "x" }),
            201,
        ),
        get_of(format!("{R}/issues/{issue}")),
        get_of(format!("{R}/issues/{pull}")),
        get_of(format!("{R}/issues/{issue}/comments?per_page=2&page=1")),
        get_of(format!("{R}/issues/comments/{comment}")),
        post(
            format!("{R}/issues/{issue}/comments"),
            json!({ "body": "x" }),
            201,
        ),
        (
            "PATCH",
            format!("{R}/issues/comments/{comment}"),
            Some(json!({ "body": "y" })),
            200,
        ),
        ("DELETE", format!("{R}/issues/comments/{gone}"), None, 204),
        get_of(format!("{R}/pulls/{pull}")),
        get_of(format!("{R}/commits/{}", "a".repeat(40))),
        get_of(format!("{R}/pulls/{pull}/commits")),
        get_of(format!("{R}/pulls/{pull}/reviews")),
        get_of(format!("{R}/pulls/{pull}/reviews/{review}")),
    ]
}

/// Every call on runs, deployments and dispatches.
fn work(state: &mut State) -> Vec<Step> {
    state.workflow("next.yml");
    let run = state.run(7, 8);
    let gate = state.protect(run, "production", &[8]);
    let review = json!({ "environment_ids": [gate], "state": "approved", "comment": "ok" });
    let deployment = json!({ "ref": "main", "payload": { "a": 1 } });
    vec![
        get_of(format!("{R}/actions/runs/{run}")),
        get_of(format!("{R}/actions/runs/{run}/pending_deployments")),
        post(
            format!("{R}/actions/runs/{run}/pending_deployments"),
            review,
            200,
        ),
        get_of(format!("{R}/actions/runs/{run}/approvals")),
        post(format!("{R}/deployments"), deployment, 201),
        get_of(format!("{R}/deployments?task=deploy&ref=main")),
        post(
            format!("{R}/dispatches"),
            json!({ "event_type": "approved" }),
            204,
        ),
        post(
            format!("{R}/actions/workflows/next.yml/dispatches"),
            json!({ "ref": "main" }),
            204,
        ),
    ]
}

#[test]
fn every_answer_is_one_that_github_describes() {
    let github = github();
    let Some(prism) = Prism::before(&github.url()).unwrap() else {
        return;
    };
    let own = token(&github, Token::Personal(8));
    for (method, path, body, status) in github.with(talk).into_iter().chain(github.with(work)) {
        let found = call(prism.url(), &own, (method, &path), body.as_ref());
        assert_eq!(found.status, status, "{method} {path}: {}", found.text());
    }
    let made = github.with(|state| state.deployments()).pop().unwrap();
    let path = format!("{R}/deployments/{made}/statuses");
    let set = call(
        prism.url(),
        &own,
        ("POST", &path),
        Some(&json!({ "state": "pending" })),
    );
    assert_eq!(set.status, 201, "{}", set.text());
    for path in [path, format!("{R}/deployments/{made}")] {
        assert_eq!(call(prism.url(), &own, ("GET", &path), None).status, 200);
    }
    assert_eq!(prism.violations(), [""; 0]);
    // What GitHub would not say, or not understand, is found out.
    github.with(|state| state.order("/user/7", Answer::json(r#"{"login": 7}"#)));
    assert_eq!(
        call(prism.url(), &own, ("GET", "/user/7"), None).status,
        500
    );
    let wrong = json!({ "text": "x" });
    let path = format!("{R}/issues/1/comments");
    assert_eq!(
        call(prism.url(), &own, ("POST", &path), Some(&wrong)).status,
        422
    );
    assert!(!prism.violations().is_empty());
}
