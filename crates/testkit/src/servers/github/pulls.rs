//! Pull requests: their commits and reviews.

use serde_json::{Value, json};

use super::call::{Call, Reply};
use super::state::{Commit, Pull, Review, State, time};
use super::{OWNER, REPOSITORY, render};

pub(super) fn commits(state: &State, call: &Call, number: &str) -> Reply {
    let Some((_, pull)) = found(state, number) else {
        return Reply::not_found();
    };
    let items = pull.commits.iter().collect();
    Reply::page(call, &state.base, items, |one| commit(state, one))
}

pub(super) fn reviews(state: &State, call: &Call, number: &str) -> Reply {
    let Some((number, pull)) = found(state, number) else {
        return Reply::not_found();
    };
    let items = pull.reviews.iter().collect();
    Reply::page(call, &state.base, items, |one| review(state, number, one))
}

fn found<'a>(state: &'a State, number: &str) -> Option<(u64, &'a Pull)> {
    let number = number.parse().ok()?;
    let pull = state.issues.get(&number)?.pull.as_ref()?;
    Some((number, pull))
}

fn commit(state: &State, commit: &Commit) -> Value {
    let sha = &commit.sha;
    let url = format!("{}/repos/{OWNER}/{REPOSITORY}/commits/{sha}", state.base);
    let person = |id: Option<u64>| {
        let name = id
            .and_then(|id| state.users.get(&id))
            .map_or("somebody", |user| &user.login);
        json!({ "name": name, "email": format!("{name}@example.org"), "date": time(state.now) })
    };
    json!({
        "url": url, "sha": sha, "node_id": format!("C_{sha}"), "html_url": url,
        "comments_url": format!("{url}/comments"),
        "commit": {
            "url": url, "message": "change", "comment_count": 0,
            "author": person(commit.author), "committer": person(commit.committer),
            "tree": { "sha": sha, "url": url },
        },
        "author": commit.author.map(|id| render::user(state, Some(id))),
        "committer": commit.committer.map(|id| render::user(state, Some(id))),
        "parents": [],
    })
}

fn review(state: &State, number: u64, review: &Review) -> Value {
    let base = &state.base;
    let page = format!("https://github.com/{OWNER}/{REPOSITORY}/pull/{number}");
    let pull = format!("{base}/repos/{OWNER}/{REPOSITORY}/pulls/{number}");
    let html = format!("{page}#pullrequestreview-{}", review.id);
    json!({
        "id": review.id, "node_id": format!("PRR_{}", review.id),
        "user": render::user(state, Some(review.user)),
        "body": review.body, "state": review.state, "commit_id": review.commit,
        "html_url": html, "pull_request_url": pull,
        "_links": { "html": { "href": html }, "pull_request": { "href": pull } },
        "submitted_at": time(review.at), "author_association": "MEMBER",
    })
}
