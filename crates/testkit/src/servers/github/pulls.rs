//! Pull requests: their commits and reviews.

use serde_json::{Value, json};

use super::call::{Call, Reply};
use super::requests::Branches;
use super::state::{Commit, State, time};
use super::{OWNER, REPOSITORY, render};

#[derive(Debug, Default)]
pub(super) struct Pull {
    pub(super) commits: Vec<Commit>,
    pub(super) reviews: Vec<Review>,
    /// Between which branches of the repository, where that is real.
    pub(super) branches: Option<Branches>,
}

#[derive(Debug)]
pub(super) struct Review {
    pub(super) id: u64,
    pub(super) user: u64,
    pub(super) state: String,
    pub(super) body: String,
    pub(super) commit: String,
    pub(super) at: i64,
    pub(super) edited: Option<i64>,
}

impl State {
    /// A review of the newest commit of a pull request: `APPROVED`,
    /// `CHANGES_REQUESTED`, `COMMENTED`.
    pub fn review(&mut self, number: u64, user: u64, state: &str, body: &str) -> u64 {
        let (id, at) = (self.id(), self.now);
        if let Some(pull) = self.pull_mut(number) {
            let head = pull.commits.last().map(|commit| commit.sha.clone());
            pull.reviews.push(Review {
                id,
                user,
                state: state.to_owned(),
                body: body.to_owned(),
                commit: head.unwrap_or_default(),
                at,
                edited: None,
            });
        }
        id
    }

    /// Somebody with the right to, not always its author, changes a review's text.
    pub fn edit_review(&mut self, number: u64, id: u64, body: &str) {
        let now = self.now;
        if let Some(review) = self.review_mut(number, id) {
            body.clone_into(&mut review.body);
            review.edited = Some(now);
        }
    }

    /// Somebody who may write takes a review's effect away.
    pub fn dismiss(&mut self, number: u64, id: u64) {
        if let Some(review) = self.review_mut(number, id) {
            "DISMISSED".clone_into(&mut review.state);
        }
    }

    /// Somebody pushes another commit.
    pub fn push(&mut self, number: u64, commit: Commit) {
        if let Some(pull) = self.pull_mut(number) {
            pull.commits.push(commit);
        }
    }

    fn pull_mut(&mut self, number: u64) -> Option<&mut Pull> {
        self.issues.get_mut(&number)?.pull.as_mut()
    }

    fn review_mut(&mut self, number: u64, id: u64) -> Option<&mut Review> {
        let mut reviews = self.pull_mut(number)?.reviews.iter_mut();
        reviews.find(|one| one.id == id)
    }
}

pub(super) fn read(state: &State, number: &str) -> Reply {
    let Some((number, pull)) = found(state, number) else {
        return Reply::not_found();
    };
    Reply::json(200, render::pull(state, number, pull))
}

/// A commit of the repository, in a pull request or not.
pub(super) fn one(state: &State, sha: &str) -> Reply {
    let pulls = state
        .issues
        .values()
        .filter_map(|issue| issue.pull.as_ref());
    let mut known = pulls
        .flat_map(|pull| &pull.commits)
        .chain(state.commits.values());
    let found = known.find(|one| one.sha == sha);
    found.map_or_else(
        || Reply::problem(422, &format!("No commit found for SHA: {sha}")),
        |found| Reply::json(200, commit(state, found)),
    )
}

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

pub(super) fn shown(state: &State, number: &str, id: &str) -> Reply {
    let Some((number, pull)) = found(state, number) else {
        return Reply::not_found();
    };
    let id: u64 = id.parse().unwrap_or_default();
    let found = pull.reviews.iter().find(|one| one.id == id);
    found.map_or_else(Reply::not_found, |one| {
        Reply::json(200, review(state, number, one))
    })
}

fn found<'a>(state: &'a State, number: &str) -> Option<(u64, &'a Pull)> {
    let number = number.parse().ok()?;
    let pull = state.issues.get(&number)?.pull.as_ref()?;
    Some((number, pull))
}

pub(super) fn commit(state: &State, commit: &Commit) -> Value {
    let sha = &commit.sha;
    let url = format!("{}/repos/{OWNER}/{REPOSITORY}/commits/{sha}", state.base);
    let person = |id: Option<u64>, address: Option<&String>| {
        let name = id
            .and_then(|id| state.users.get(&id))
            .map_or("somebody", |user| &user.login);
        let own = format!("{name}@example.org");
        json!({ "name": name, "email": address.unwrap_or(&own), "date": time(state.now) })
    };
    let written = state.written.get(sha);
    let author = person(commit.author, written.map(|(address, _)| address));
    let message = written.map_or("change", |(_, text)| text.as_str());
    json!({
        "url": url, "sha": sha, "node_id": format!("C_{sha}"), "html_url": url,
        "comments_url": format!("{url}/comments"),
        "commit": {
            "url": url, "message": message, "comment_count": 0,
            "author": author, "committer": person(commit.committer, None),
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
