//! Deployments and what became of them.

use serde_json::{Value, json};

use super::call::{Call, Reply};
use super::state::{ACTIONS_BOT, State};
use super::{OWNER, REPOSITORY, render};

/// The longest description of a status, in characters.
const DESCRIPTION: usize = 140;

const STATES: [&str; 7] = [
    "error",
    "failure",
    "inactive",
    "in_progress",
    "queued",
    "pending",
    "success",
];

/// The newest first, as GitHub lists them; each part of the query is a filter.
pub(super) fn list(state: &State, call: &Call) -> Reply {
    const FILTERS: [&str; 4] = ["sha", "ref", "task", "environment"];
    let fits = |one: &&Value| {
        let mut filters = FILTERS.iter();
        filters.all(|name| {
            let wanted = call.query.get(*name);
            wanted.is_none_or(|wanted| one.get(*name).and_then(Value::as_str) == Some(wanted))
        })
    };
    let items: Vec<&Value> = state.deployments.values().rev().filter(fits).collect();
    Reply::page(call, &state.base, items, Clone::clone)
}

pub(super) fn create(state: &mut State, call: &Call) -> Reply {
    let of = |name: &str, fits: fn(&Value) -> bool| call.body.get(name).is_none_or(fits);
    let valid = of("auto_merge", Value::is_boolean)
        && of("required_contexts", Value::is_array)
        && of("task", Value::is_string)
        && of("payload", |payload| {
            payload.is_object() || payload.is_string()
        });
    if !valid {
        return Reply::problem(422, "Validation Failed");
    }
    let branch = call.text("ref").unwrap_or_default().to_owned();
    if !state.branches.contains(&branch) && !state.commits.contains_key(&branch) {
        return Reply::problem(422, &format!("No ref found for: {branch}"));
    }
    let merges = call.body.get("auto_merge") != Some(&Value::Bool(false));
    if merges && state.commits.contains_key(&branch) {
        return Reply::problem(409, "Conflict merging main into the ref");
    }
    let environment = call.text("environment").unwrap_or("production").to_owned();
    let payload = call
        .body
        .get("payload")
        .cloned()
        .unwrap_or_else(|| json!({}));
    let made = made(state, (&environment, &branch), &payload);
    let id = made.get("id").and_then(Value::as_u64).unwrap_or_default();
    let task = call.text("task").unwrap_or("deploy");
    let kept = state.deployments.entry(id).or_insert(made);
    if let Some(fields) = kept.as_object_mut() {
        fields.insert("task".to_owned(), task.into());
    }
    Reply::json(201, kept.clone())
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

impl State {
    /// A job of GitHub Actions that names an environment deploys to it, by a
    /// deployment of its own.
    pub fn deploy_by_job(&mut self, environment: &str) {
        let deployment = made(self, (environment, "main"), &json!({}));
        let id = deployment.get("id").and_then(Value::as_u64);
        let id = id.unwrap_or_default();
        let now = self.now();
        let status = json!({ "state": "success", "created_at": now });
        self.statuses.entry(id).or_default().push(status);
        end_older(self, id);
    }

    /// A deployment as it was made, and the states that it went through.
    #[must_use]
    pub fn deployment(&self, id: u64) -> (Value, Vec<String>) {
        let made = self.deployments.get(&id).cloned().unwrap_or_default();
        let statuses = self.statuses.get(&id).into_iter().flatten();
        let words = statuses.filter_map(|one| one.get("state").and_then(Value::as_str));
        (made, words.map(str::to_owned).collect())
    }
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
    let description = call.text("description").unwrap_or_default();
    if !STATES.contains(&word) || description.chars().count() > DESCRIPTION {
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
    if word == "success" && call.body.get("auto_inactive") != Some(&Value::Bool(false)) {
        end_older(state, number);
    }
    state
        .statuses
        .entry(number)
        .or_default()
        .push(status.clone());
    Reply::json(201, status)
}

/// Marks what a success replaces as inactive. GitHub spares environments that
/// are said to be production, by default the one with this name.
fn end_older(state: &mut State, newest: u64) {
    let environment = |one: &Value| one.get("environment").cloned();
    let Some(here) = state.deployments.get(&newest).and_then(environment) else {
        return;
    };
    if here == json!("production") {
        return;
    }
    let older = state.deployments.range(..newest);
    let older = older.filter(|(_, one)| environment(one).as_ref() == Some(&here));
    for (id, _) in older {
        let statuses = state.statuses.entry(*id).or_default();
        let Some(mut status) = statuses.last().cloned() else {
            continue;
        };
        if let Some(fields) = status.as_object_mut() {
            fields.insert("state".to_owned(), "inactive".into());
        }
        statuses.push(status);
    }
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
