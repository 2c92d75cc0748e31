//! The stand-in for GitLab refuses what GitLab refuses.
#![cfg(test)]

use std::time::Duration;

use serde_json::{Value, json};
use testkit::http::{self, Answer};
use testkit::servers::gitlab::{Author, GitLab, On, Token};
use testkit::wire::Response;

const P: &str = "/projects/acme%2Fshop";

fn gitlab() -> GitLab {
    let gitlab = GitLab::start().unwrap();
    gitlab.with(|state| {
        state.person(7, "alice", 30);
        state.person(8, "bob", 10);
        state.person(9, "olga", 50);
        state.bot(10, "project_5_bot_0a1b");
    });
    gitlab
}

fn token(gitlab: &GitLab, kind: Token) -> String {
    gitlab.with(|state| state.token(kind))
}

fn send(
    gitlab: &GitLab,
    header: (&str, &str),
    (method, path): (&str, &str),
    body: Option<&Value>,
) -> Response {
    let body = body.map(ToString::to_string).unwrap_or_default();
    let url = format!("{}{path}", gitlab.api());
    http::send(method, &url, &[header], body.as_bytes()).unwrap()
}

fn get(gitlab: &GitLab, token: &str, path: &str) -> Response {
    send(gitlab, ("private-token", token), ("GET", path), None)
}

fn post(gitlab: &GitLab, token: &str, path: &str, body: &Value) -> Response {
    send(gitlab, ("private-token", token), ("POST", path), Some(body))
}

fn body(response: &Response) -> Value {
    serde_json::from_slice(&response.body).unwrap()
}

#[test]
fn notes_come_in_pages_that_may_lack_what_is_hidden() {
    let gitlab = gitlab();
    let reader = token(&gitlab, Token::ReadApi(10));
    let guest = token(&gitlab, Token::Api(8));
    gitlab.with(|state| {
        let issue = state.issue(7);
        assert_eq!(issue, On::Issue(1));
        for number in 0..250 {
            state.note(issue, 7, &format!("note {number}"));
            state.advance(Duration::from_millis(10));
        }
        state.internal_note(issue, 9, "hush");
    });
    let path = format!("{P}/issues/1/notes");
    let first = get(&gitlab, &reader, &path);
    assert_eq!(body(&first).as_array().unwrap().len(), 20);
    assert_eq!(body(&first)[0]["body"], "hush");
    assert_eq!(first.header("x-total"), Some("251"));
    assert_eq!(first.header("x-next-page"), Some("2"));
    let link = first.header("link").unwrap();
    assert!(
        link.contains("/projects/5/issues/1/notes?page=2>; rel=\"next\""),
        "{link}"
    );
    let short = get(&gitlab, &guest, &format!("{path}?per_page=100"));
    assert_eq!(body(&short).as_array().unwrap().len(), 99);
    assert!(short.header("link").unwrap().contains("rel=\"next\""));
    let last = get(
        &gitlab,
        &reader,
        &format!("{path}?per_page=100&page=3&sort=asc"),
    );
    assert_eq!(body(&last).as_array().unwrap().len(), 51);
    assert!(!last.header("link").unwrap().contains("rel=\"next\""));
    for wrong in ["order_by=id", "sort=up", "per_page=many", "page=x"] {
        let refused = get(&gitlab, &reader, &format!("{path}?{wrong}"));
        assert_eq!(refused.status, 400, "{wrong}");
    }
}

#[test]
fn an_edit_and_a_resolved_thread_change_the_time_of_a_note() {
    let gitlab = gitlab();
    let reader = token(&gitlab, Token::ReadApi(10));
    let api = token(&gitlab, Token::Api(8));
    let ids = gitlab.with(|state| {
        let request = state.merge_request(7, Vec::new());
        let ids = [
            state.note(request, 7, "plain"),
            state.note(request, 7, "edited"),
            state.thread(request, 7, "resolved"),
        ];
        state.advance(Duration::from_secs(1));
        state.edit(ids[1], "edited!");
        state.resolve(ids[2], 9);
        ids
    });
    let note = |id: u64| {
        body(&get(
            &gitlab,
            &reader,
            &format!("{P}/merge_requests/1/notes/{id}"),
        ))
    };
    let [plain, edited, resolved] = ids.map(note);
    assert_eq!(plain["created_at"], plain["updated_at"]);
    assert_ne!(edited["created_at"], edited["updated_at"]);
    assert_ne!(resolved["created_at"], resolved["updated_at"]);
    assert_eq!(resolved["resolved_by"]["id"], 9);
    // Whoever is neither its author nor a Maintainer may not.
    let path = format!("{P}/merge_requests/1/notes/{}", ids[0]);
    let call = ("PUT", path.as_str());
    let refused = send(
        &gitlab,
        ("private-token", &api),
        call,
        Some(&json!({ "body": "x" })),
    );
    assert_eq!(refused.status, 403);
}

#[test]
fn a_slash_is_a_quick_action_and_owners_may_date_notes() {
    let gitlab = gitlab();
    let [api, owner] = [7, 9].map(|user| token(&gitlab, Token::Api(user)));
    let (issue, request) =
        gitlab.with(|state| (state.issue(7), state.merge_request(9, Vec::new())));
    let notes = format!("{P}/merge_requests/1/notes");
    let only = post(
        &gitlab,
        &api,
        &notes,
        &json!({ "body": "/approve sha256:00" }),
    );
    assert_eq!(only.status, 202);
    assert_eq!(gitlab.with(|state| state.approved_by(request)), [7]);
    assert!(gitlab.with(|state| state.bodies(request)).is_empty());
    let both = json!({ "body": "fine\n/label ~ok\nreally" });
    assert_eq!(
        body(&post(&gitlab, &api, &notes, &both))["body"],
        "fine\nreally"
    );
    gitlab.with(|state| state.note(issue, 7, "/approve sha256:00"));
    assert_eq!(
        gitlab.with(|state| state.bodies(issue)),
        ["/approve sha256:00"]
    );
    let dated = json!({ "body": "x", "created_at": "2026-11-20T00:00:00Z" });
    let old = body(&post(&gitlab, &owner, &notes, &dated));
    assert_eq!(old["created_at"], "2026-11-20T00:00:00.000Z");
    assert_eq!(old["updated_at"], old["created_at"]);
    let new = body(&post(&gitlab, &api, &notes, &dated));
    assert_ne!(new["created_at"], old["created_at"]);
    for wrong in [json!({}), json!({ "body": 7 }), json!({ "body": "" })] {
        assert_eq!(post(&gitlab, &api, &notes, &wrong).status, 400, "{wrong}");
    }
}

#[test]
fn each_token_does_what_its_kind_may() {
    let gitlab = gitlab();
    gitlab.with(|state| state.issue(7));
    let [api, read, job] =
        [Token::Api(7), Token::ReadApi(10), Token::Job(7)].map(|kind| token(&gitlab, kind));
    let stranger = token(&gitlab, Token::Api(99));
    let notes = format!("{P}/issues/1/notes");
    let text = json!({ "body": "x" });
    assert_eq!(get(&gitlab, "", &notes).status, 401);
    assert_eq!(get(&gitlab, "glpat-wrong", &notes).status, 401);
    assert_eq!(get(&gitlab, &job, &notes).status, 401);
    assert_eq!(get(&gitlab, &stranger, &notes).status, 404);
    assert_eq!(get(&gitlab, &read, &notes).status, 200);
    let refused = post(&gitlab, &read, &notes, &text);
    assert_eq!(refused.status, 403);
    assert_eq!(body(&refused)["error"], "insufficient_scope");
    assert_eq!(post(&gitlab, &api, &notes, &text).status, 201);
    let as_job = ("job-token", job.as_str());
    assert_eq!(
        send(&gitlab, as_job, ("GET", notes.as_str()), None).status,
        401
    );
    assert_eq!(
        get(&gitlab, &api, &format!("{P}/issues/2/notes")).status,
        404
    );
    assert_eq!(
        get(&gitlab, &api, "/projects/acme%2Fother/issues/1").status,
        404
    );
    gitlab.with(|state| state.end_token(&api));
    let over = get(&gitlab, &api, &notes);
    assert_eq!(
        (over.status, &body(&over)["error"]),
        (401, &json!("invalid_token"))
    );
}

#[test]
fn members_and_users_tell_levels_states_and_bots() {
    let gitlab = gitlab();
    let read = token(&gitlab, Token::ReadApi(10));
    let some = get(
        &gitlab,
        &read,
        &format!("{P}/members/all?user_ids[]=7&user_ids%5B%5D=10&user_ids[]=99"),
    );
    let levels: Vec<u64> = body(&some)
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|one| one["access_level"].as_u64())
        .collect();
    assert_eq!(levels, [30, 30]);
    assert_eq!(body(&get(&gitlab, &read, "/users/10"))["bot"], true);
    assert_eq!(body(&get(&gitlab, &read, "/users/7"))["bot"], false);
    assert_eq!(get(&gitlab, &read, "/users/99").status, 404);
    assert_eq!(
        get(&gitlab, &read, &format!("{P}/members/all/99")).status,
        404
    );
    gitlab.with(|state| state.set_state(7, "blocked"));
    let one = body(&get(&gitlab, &read, &format!("{P}/members/all/7")));
    assert_eq!(
        (&one["state"], &one["access_level"]),
        (&json!("blocked"), &json!(30))
    );
}

#[test]
fn a_deployment_is_approved_by_others_than_who_started_it() {
    let gitlab = gitlab();
    let deployment = gitlab.with(|state| state.deployment(9, "production", &[7, 9]));
    let [alice, bob, olga] = [7, 8, 9].map(|user| token(&gitlab, Token::Api(user)));
    let job = token(&gitlab, Token::Job(7));
    let path = format!("{P}/deployments/{deployment}");
    let approval = format!("{path}/approval");
    let yes = json!({ "status": "approved", "comment": "fine" });
    for (token, body) in [
        (&bob, yes.clone()),
        (&olga, yes.clone()),
        (&alice, json!({ "status": "maybe" })),
        (&alice, json!({})),
    ] {
        assert_eq!(post(&gitlab, token, &approval, &body).status, 400, "{body}");
    }
    // A job may, as whoever started its pipeline.
    let as_job = ("job-token", job.as_str());
    let made = send(&gitlab, as_job, ("POST", approval.as_str()), Some(&yes));
    assert_eq!((made.status, &body(&made)["user"]["id"]), (201, &json!(7)));
    let shown = body(&get(&gitlab, &alice, &path));
    assert_eq!(shown["approvals"][0]["comment"], "fine");
    gitlab.with(|state| state.by_rules(deployment));
    let shown = body(&get(&gitlab, &alice, &path));
    assert_eq!(shown["approvals"], json!([]));
    let rule = &shown["approval_summary"]["rules"][0];
    assert_eq!(rule["deployment_approvals"][0]["user"]["id"], 7);
    assert_eq!(
        get(
            &gitlab,
            &alice,
            &format!("{P}/protected_environments/production")
        )
        .status,
        200
    );
}

#[test]
fn a_job_is_played_once_and_a_trigger_needs_its_token() {
    let gitlab = gitlab();
    let [alice, bob] = [7, 8].map(|user| token(&gitlab, Token::Api(user)));
    let trigger = token(&gitlab, Token::Trigger(9));
    let job = gitlab.with(|state| state.job(&[7]));
    let play = format!("{P}/jobs/{job}/play");
    assert_eq!(post(&gitlab, &bob, &play, &json!({})).status, 403);
    assert_eq!(post(&gitlab, &alice, &play, &json!({})).status, 200);
    assert_eq!(post(&gitlab, &alice, &play, &json!({})).status, 400);
    let path = format!("{P}/trigger/pipeline");
    let with = |token: &str, branch: &str| json!({ "token": token, "ref": branch, "variables": { "A": "b" } });
    assert_eq!(post(&gitlab, "", &path, &with(&alice, "main")).status, 404);
    assert_eq!(
        post(&gitlab, "", &path, &with(&trigger, "other")).status,
        400
    );
    assert_eq!(
        post(&gitlab, "", &path, &with(&trigger, "main")).status,
        201
    );
    gitlab.with(|state| state.refuse_variables());
    assert_eq!(
        post(&gitlab, "", &path, &with(&trigger, "main")).status,
        400
    );
    let inputs = json!({ "token": trigger, "ref": "main", "inputs": { "a": "b" } });
    assert_eq!(post(&gitlab, "", &path, &inputs).status, 201);
    assert_eq!(gitlab.with(|state| state.triggered().len()), 2);
}

#[test]
fn too_many_requests_are_told_to_come_back_and_etags_are_heeded() {
    let gitlab = gitlab();
    gitlab.with(|state| {
        state.issue(7);
        state.limit(3);
    });
    let read = token(&gitlab, Token::ReadApi(10));
    let path = format!("{P}/issues/1/notes");
    let first = get(&gitlab, &read, &path);
    let etag = first.header("etag").unwrap().to_owned();
    let again = |etag: &str| {
        let headers = [("private-token", read.as_str()), ("if-none-match", etag)];
        http::send("GET", &format!("{}{path}", gitlab.api()), &headers, b"").unwrap()
    };
    assert_eq!(again(&etag).status, 304);
    gitlab.with(|state| state.ignore_etags());
    assert_eq!(again(&etag).status, 200);
    let limited = get(&gitlab, &read, &path);
    assert_eq!(
        (limited.status, limited.text().as_str()),
        (429, "Retry later\n")
    );
    assert_eq!(limited.header("retry-after"), Some("60"));
    assert_eq!(limited.header("ratelimit-remaining"), Some("0"));
    gitlab.with(|state| state.advance(Duration::from_secs(60)));
    assert_eq!(get(&gitlab, &read, &path).status, 200);
    assert_eq!(gitlab.counts().limited, 1);
}

#[test]
fn commits_tell_addresses_and_orders_come_first() {
    let gitlab = gitlab();
    let read = token(&gitlab, Token::ReadApi(10));
    gitlab.with(|state| {
        let commit = Author {
            author: "a@shop.example".to_owned(),
            committer: "b@shop.example".to_owned(),
        };
        state.merge_request(7, vec![commit]);
        state.approve(On::MergeRequest(1), 8);
        state.order("commits", Answer::new(502));
        state.lose("GET", "approval_state");
    });
    let path = format!("{P}/merge_requests/1");
    assert_eq!(get(&gitlab, &read, &format!("{path}/commits")).status, 502);
    let commits = body(&get(&gitlab, &read, &format!("{path}/commits")));
    assert_eq!(commits[0]["committer_email"], "b@shop.example");
    assert_eq!(body(&get(&gitlab, &read, &path))["author"]["id"], 7);
    let approvals = body(&get(&gitlab, &read, &format!("{path}/approvals")));
    assert_eq!(approvals["approved_by"][0]["user"]["id"], 8);
    let url = format!("{}{path}/approval_state", gitlab.api());
    assert!(http::send("GET", &url, &[("private-token", &read)], b"").is_err());
}

#[test]
fn a_deployment_is_of_a_tag_and_a_commit_that_are_there_and_made_once() {
    let gitlab = gitlab();
    let api = token(&gitlab, Token::Api(7));
    let guest = token(&gitlab, Token::Api(8));
    let post =
        |who: &str, path: &str, sent: &Value| post(&gitlab, who, &format!("{P}/{path}"), sent);
    let tag = json!({ "tag_name": "a/b", "ref": "main" });
    assert_eq!(post(&guest, "repository/tags", &tag).status, 403);
    let nowhere = json!({ "tag_name": "a/b", "ref": "nowhere" });
    assert_eq!(post(&api, "repository/tags", &nowhere).status, 400);
    let at = |name: &str| get(&gitlab, &api, &format!("{P}/repository/tags/{name}"));
    assert_eq!(at("a%2Fb").status, 404);
    let commit = body(&post(&api, "repository/tags", &tag))["commit"]["id"].clone();
    assert_eq!(post(&api, "repository/tags", &tag).status, 400, "twice");
    assert_eq!(body(&at("a%2Fb"))["commit"]["id"], commit);
    let deployment = |reference: &str, commit: &Value, status: &str| json!({ "environment": "live", "ref": reference, "tag": true, "sha": commit, "status": status });
    for wrong in [
        deployment("a/c", &commit, "success"),
        deployment("a/b", &json!("0".repeat(40)), "success"),
        deployment("a/b", &commit, "blessed"),
        json!({ "environment": "live", "ref": "a/b", "sha": commit, "status": "success" }),
    ] {
        assert_eq!(post(&api, "deployments", &wrong).status, 400, "{wrong}");
    }
    let ours = deployment("a/b", &commit, "success");
    assert_eq!(post(&guest, "deployments", &ours).status, 403);
    let first = body(&post(&api, "deployments", &ours))["id"].clone();
    assert_eq!(body(&post(&api, "deployments", &ours))["id"], first);
    gitlab.with(|state| state.job_deploys("live", "main"));
    assert_ne!(body(&post(&api, "deployments", &ours))["id"], first);
    let listed = |query: &str| {
        let listed = body(&get(&gitlab, &api, &format!("{P}/deployments?{query}")));
        let refs = listed.as_array().unwrap().iter();
        refs.map(|one| one["ref"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let newest = "environment=live&order_by=id&sort=desc";
    assert_eq!(listed(newest), ["a/b", "main", "a/b"]);
    assert!(listed("environment=test").is_empty());
}
