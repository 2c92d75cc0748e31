//! Jobs that wait to be started, and pipelines that are.

use serde_json::{Value, json};

use super::call::{Call, Reply};
use super::gate::{Caller, Token};
use super::people;
use super::state::State;

/// The job whose token asks: GitLab knows nobody else who could.
pub(super) fn own(state: &State, caller: Caller) -> Reply {
    Reply::json(
        200,
        json!({
            "id": 8, "status": "running", "stage": "deploy", "name": "ask", "ref": "main",
            "tag": false, "allow_failure": false, "user": people::basic(state, caller.user),
            "pipeline": { "id": 6, "project_id": super::PROJECT_ID, "ref": "main" },
        }),
    )
}

pub(super) fn play(state: &mut State, id: &str, caller: Caller) -> Result<Reply, Reply> {
    let id: u64 = id.parse().map_err(|_error| Reply::invalid("job_id"))?;
    let job = state.jobs.get_mut(&id);
    let job = job.ok_or_else(|| Reply::not_found(""))?;
    if !job.players.contains(&caller.user) {
        return Err(Reply::forbidden());
    }
    if job.status != "manual" {
        return Err(Reply::message(400, "Unplayable Job"));
    }
    job.status = "pending";
    state.played.push(id);
    let body = json!({ "id": id, "name": "promote", "status": "pending", "stage": "deploy" });
    Ok(Reply::json(200, body))
}

/// The one call whose token is in the body: of a trigger, or of a job.
pub(super) fn trigger(state: &mut State, call: &Call) -> Result<Reply, Reply> {
    let token = call.text("token")?.ok_or_else(|| Reply::missing("token"))?;
    let branch = call.text("ref")?.ok_or_else(|| Reply::missing("ref"))?;
    let issued = state.tokens.get(token).filter(|issued| !issued.over);
    let kind = issued.map(|issued| issued.kind);
    if !matches!(kind, Some(Token::Trigger(_) | Token::Job(_))) {
        return Err(Reply::not_found(""));
    }
    for (name, values) in [
        ("variables", call.body.get("variables")),
        ("inputs", call.body.get("inputs")),
    ] {
        let texts = |values: &Value| {
            let map = values.as_object();
            map.is_some_and(|map| map.values().all(Value::is_string))
        };
        if values.is_some_and(|values| !texts(values)) {
            return Err(Reply::invalid(name));
        }
        let any = values
            .and_then(Value::as_object)
            .is_some_and(|map| !map.is_empty());
        if name == "variables" && any && !state.takes_variables {
            let words = "Insufficient permissions to set pipeline variables";
            return Err(Reply::json(400, json!({ "message": { "base": [words] } })));
        }
    }
    if !state.branches.contains(branch) {
        let body = json!({ "message": { "base": ["Reference not found"] } });
        return Err(Reply::json(400, body));
    }
    let mut kept = call.body.clone();
    if let Some(kept) = kept.as_object_mut() {
        kept.remove("token");
    }
    state.triggered.push(kept);
    let id = state.id();
    Ok(Reply::json(
        201,
        json!({ "id": id, "ref": call.body.get("ref"), "status": "created" }),
    ))
}
