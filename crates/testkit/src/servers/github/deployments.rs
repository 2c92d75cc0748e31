//! Deployments and what became of them.

use serde_json::{Value, json};

use super::call::{Call, Reply};
use super::state::{ACTIONS_BOT, State};
use super::{OWNER, REPOSITORY, render};

const STATES: [&str; 7] = [
    "error",
    "failure",
    "inactive",
    "in_progress",
    "queued",
    "pending",
    "success",
];

pub(super) fn create(state: &mut State, call: &Call) -> Reply {
    let branch = call.text("ref").unwrap_or_default().to_owned();
    if !state.branches.contains(&branch) {
        return Reply::problem(422, &format!("No ref found for: {branch}"));
    }
    let environment = call.text("environment").unwrap_or("production").to_owned();
    let payload = call
        .body
        .get("payload")
        .cloned()
        .unwrap_or_else(|| json!({}));
    Reply::json(201, made(state, (&environment, &branch), &payload))
}

pub(super) fn made(
    state: &mut State,
    (environment, branch): (&str, &str),
    payload: &Value,
) -> Value {
    let id = state.id();
    let repository = format!("{}/repos/{OWNER}/{REPOSITORY}", state.base);
    let url = format!("{repository}/deployments/{id}");
    let now = state.now();
    let deployment = json!({
        "url": url, "id": id, "node_id": format!("DE_{id}"), "sha": "c".repeat(40),
        "ref": branch, "task": "deploy", "payload": payload, "environment": environment,
        "description": null, "creator": render::user(state, Some(ACTIONS_BOT)),
        "created_at": now, "updated_at": now, "statuses_url": format!("{url}/statuses"),
        "repository_url": repository,
    });
    state.deployments.insert(id, deployment.clone());
    deployment
}

pub(super) fn read(state: &State, id: &str) -> Reply {
    let id: u64 = id.parse().unwrap_or_default();
    let found = state.deployments.get(&id).cloned();
    found.map_or_else(Reply::not_found, |found| Reply::json(200, found))
}

pub(super) fn set(state: &mut State, call: &Call, id: &str) -> Reply {
    let number: u64 = id.parse().unwrap_or_default();
    let word = call.text("state").unwrap_or_default();
    if !state.deployments.contains_key(&number) {
        return Reply::not_found();
    }
    if !STATES.contains(&word) {
        return Reply::problem(422, "Validation Failed");
    }
    let repository = format!("{}/repos/{OWNER}/{REPOSITORY}", state.base);
    let url = format!("{repository}/deployments/{number}");
    let (id, now) = (state.id(), state.now());
    let status = json!({
        "url": format!("{url}/statuses/{id}"), "id": id, "node_id": format!("DES_{id}"),
        "state": word, "creator": render::user(state, Some(ACTIONS_BOT)),
        "description": call.text("description").unwrap_or_default(),
        "target_url": url, "created_at": now, "updated_at": now,
        "deployment_url": url, "repository_url": repository,
    });
    state
        .statuses
        .entry(number)
        .or_default()
        .push(status.clone());
    Reply::json(201, status)
}

/// The newest first, as GitHub lists them.
pub(super) fn statuses(state: &State, call: &Call, id: &str) -> Reply {
    let id: u64 = id.parse().unwrap_or_default();
    if !state.deployments.contains_key(&id) {
        return Reply::not_found();
    }
    let found = state.statuses.get(&id).into_iter().flatten();
    let items: Vec<&Value> = found.rev().collect();
    Reply::page(call, &state.base, items, Clone::clone)
}
