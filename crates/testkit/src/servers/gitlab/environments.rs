//! What was deployed to environments, and the tags of the repository.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::call::{Call, Reply};
use super::gate::Caller;
use super::people;
use super::state::{State, stamp};

/// The least role that may make tags and deployments.
const DEVELOPER: u64 = 30;

/// The commit that every branch is at.
const COMMIT: &str = "ce0f1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b";

/// Words for the status of a deployment that the API takes.
const STATUSES: [&str; 4] = ["running", "success", "failed", "canceled"];

/// What is deployed where.
#[derive(Debug, Default)]
pub(super) struct Environments {
    deployments: Vec<Deployed>,
    tags: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Deployed {
    id: u64,
    environment: String,
    reference: String,
    tag: bool,
    commit: String,
    status: String,
    user: u64,
    at: i64,
}

impl State {
    /// A job that names an environment deploys a branch there.
    pub fn job_deploys(&mut self, environment: &str, branch: &str) {
        let (id, at) = (self.id(), self.now);
        self.environments.deployments.push(Deployed {
            id,
            environment: environment.to_owned(),
            reference: branch.to_owned(),
            tag: false,
            commit: COMMIT.to_owned(),
            status: "success".to_owned(),
            user: 7,
            at,
        });
    }

    /// The numbers of what was deployed to an environment, newest first.
    #[must_use]
    pub fn deployed(&self, environment: &str) -> Vec<u64> {
        let all = self.environments.deployments.iter().rev();
        let there = all.filter(|one| one.environment == environment);
        there.map(|one| one.id).collect()
    }

    /// What a deployment is of.
    #[must_use]
    pub fn deployed_ref(&self, deployment: u64) -> Option<String> {
        let mut all = self.environments.deployments.iter();
        let found = all.find(|one| one.id == deployment)?;
        Some(found.reference.clone())
    }

    /// Somebody gives a deployment another status, as the API lets them.
    pub fn restate(&mut self, deployment: u64, status: &str) {
        let mut all = self.environments.deployments.iter_mut();
        if let Some(one) = all.find(|one| one.id == deployment) {
            status.clone_into(&mut one.status);
        }
    }

    /// The tags of the repository.
    #[must_use]
    pub fn tags(&self) -> Vec<String> {
        self.environments.tags.keys().cloned().collect()
    }
}

pub(super) fn list(state: &State, call: &Call) -> Result<Reply, Reply> {
    let orders = ["id", "iid", "created_at", "updated_at", "ref"];
    call.word("order_by", &orders)?;
    let sort = call.word("sort", &["asc", "desc"])?;
    let (environment, status) = (call.asked("environment"), call.asked("status"));
    let all = state.environments.deployments.iter();
    let mut found: Vec<&Deployed> = all
        .filter(|one| environment.is_none_or(|name| one.environment == name))
        .filter(|one| status.is_none_or(|status| one.status == status))
        .collect();
    if sort == "desc" {
        found.reverse();
    }
    Reply::page(call, &state.base, found, |one| Some(shown(state, one)))
}

pub(super) fn create(state: &mut State, call: &Call, caller: Caller) -> Result<Reply, Reply> {
    let needed = |name: &str| {
        let found = call.text(name)?.map(str::to_owned);
        found.ok_or_else(|| Reply::missing(name))
    };
    let wanted = Deployed {
        id: 0,
        environment: needed("environment")?,
        reference: needed("ref")?,
        tag: call
            .body
            .get("tag")
            .and_then(Value::as_bool)
            .ok_or_else(|| Reply::missing("tag"))?,
        commit: needed("sha")?,
        status: needed("status")?,
        user: caller.user,
        at: state.now,
    };
    if !STATUSES.contains(&wanted.status.as_str()) {
        let error = "status does not have a valid value";
        return Err(Reply::json(400, json!({ "error": error })));
    }
    if state.level(caller.user) < DEVELOPER {
        return Err(Reply::forbidden());
    }
    let wrong =
        |field: &str, words: &str| Err(Reply::json(400, json!({ "message": { field: [words] } })));
    if commit(state, &wanted.reference).is_none() {
        return wrong("ref", "The branch or tag does not exist");
    }
    if wanted.commit != COMMIT {
        return wrong("sha", "The commit does not exist");
    }
    // The same as what is there already is not made again.
    let mut there = state.environments.deployments.iter().rev();
    let last = there.find(|one| one.environment == wanted.environment);
    let same = last.filter(|last| {
        Deployed {
            id: last.id,
            at: last.at,
            user: last.user,
            ..wanted.clone()
        } == **last
    });
    if let Some(same) = same {
        return Ok(Reply::json(201, shown(state, same)));
    }
    let made = Deployed {
        id: state.id(),
        ..wanted
    };
    let reply = Reply::json(201, shown(state, &made));
    state.environments.deployments.push(made);
    Ok(reply)
}

/// The commit that a name stands for.
fn commit(state: &State, name: &str) -> Option<String> {
    if let Some(commit) = state.environments.tags.get(name) {
        return Some(commit.clone());
    }
    let known = state.branches.contains(name) || name == COMMIT;
    known.then(|| COMMIT.to_owned())
}

pub(super) fn tag(state: &State, name: &str) -> Result<Reply, Reply> {
    let found = state.environments.tags.get(name);
    let commit = found.ok_or_else(|| Reply::not_found("Tag"))?;
    Ok(Reply::json(200, tagged(name, commit)))
}

pub(super) fn make_tag(state: &mut State, call: &Call, caller: Caller) -> Result<Reply, Reply> {
    let name = call
        .text("tag_name")?
        .ok_or_else(|| Reply::missing("tag_name"))?;
    let reference = call.text("ref")?.ok_or_else(|| Reply::missing("ref"))?;
    if state.level(caller.user) < DEVELOPER {
        return Err(Reply::forbidden());
    }
    let refused = |words: String| Err(Reply::json(400, json!({ "message": words })));
    if state.environments.tags.contains_key(name) {
        return refused(format!("Tag {name} already exists"));
    }
    let Some(commit) = commit(state, reference) else {
        return refused(format!("Target {reference} is invalid"));
    };
    let reply = Reply::json(201, tagged(name, &commit));
    state.environments.tags.insert(name.to_owned(), commit);
    Ok(reply)
}

fn tagged(name: &str, commit: &str) -> Value {
    json!({
        "name": name, "message": "", "target": commit, "protected": false, "release": null,
        "commit": { "id": commit, "short_id": commit.get(..8), "title": "x" },
    })
}

fn shown(state: &State, one: &Deployed) -> Value {
    json!({
        "id": one.id, "iid": one.id, "ref": one.reference, "sha": one.commit,
        "status": one.status, "created_at": stamp(one.at), "updated_at": stamp(one.at),
        "user": people::basic(state, one.user), "deployable": null,
        "environment": { "id": 9, "name": one.environment, "external_url": null },
    })
}
