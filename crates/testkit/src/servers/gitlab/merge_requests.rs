//! Issues, merge requests, their commits and approvals.

use serde_json::{Value, json};

use super::call::{Call, Reply};
use super::people;
use super::requests::Branches;
use super::state::{On, State, Thread};

fn thread(state: &State, on: On) -> Result<&Thread, Reply> {
    state.threads.get(&on).ok_or_else(|| Reply::not_found(""))
}

pub(super) fn read(state: &State, on: On) -> Result<Reply, Reply> {
    Ok(Reply::json(200, shown(state, on)?))
}

/// What it looks like in GitLab's JSON.
pub(super) fn shown(state: &State, on: On) -> Result<Value, Reply> {
    let thread = thread(state, on)?;
    let (kind, number) = match on {
        On::Issue(number) => ("issues", number),
        On::MergeRequest(number) => ("merge_requests", number),
    };
    let page = format!("{}/{}/-/{kind}/{number}", state.base, super::PROJECT);
    let mut shown = json!({
        "id": 300 + number, "iid": number, "project_id": super::PROJECT_ID,
        "title": "Release", "description": "", "state": "opened",
        "author": people::basic(state, thread.author), "web_url": page,
        "sha": "c".repeat(40), "user_notes_count": state.bodies(on).len(),
    });
    let told = thread.branches.as_ref().map(Branches::told);
    if let (Some(Value::Object(told)), Some(fields)) = (told, shown.as_object_mut()) {
        fields.extend(told);
    }
    Ok(shown)
}

pub(super) fn commits(state: &State, call: &Call, on: On) -> Result<Reply, Reply> {
    let commits = thread(state, on)?.commits.iter().collect();
    Reply::page(call, &state.base, commits, |one| {
        Some(json!({
            "id": "a".repeat(40), "short_id": "a".repeat(8), "title": "Change",
            "author_name": "somebody", "author_email": one.author,
            "committer_name": "somebody", "committer_email": one.committer,
            "created_at": "2026-11-26T11:00:00.000+00:00", "message": "Change",
        }))
    })
}

/// They name people and no text: nothing in them tells what was approved but
/// the head commit at that time.
pub(super) fn approvals(state: &State, on: On) -> Result<Reply, Reply> {
    let by = thread(state, on)?.approved_by.iter();
    let by: Vec<Value> = by
        .map(|user| json!({ "user": people::basic(state, *user) }))
        .collect();
    let (On::Issue(number) | On::MergeRequest(number)) = on;
    Ok(Reply::json(
        200,
        json!({
            "id": 300 + number, "iid": number, "project_id": super::PROJECT_ID,
            "approvals_required": 1, "approvals_left": u64::from(by.is_empty()),
            "approved": !by.is_empty(), "approved_by": by,
        }),
    ))
}

pub(super) fn approval_state(state: &State, on: On) -> Result<Reply, Reply> {
    let by = thread(state, on)?.approved_by.iter();
    let by: Vec<Value> = by.map(|user| people::basic(state, *user)).collect();
    let rule = json!({
        "id": 1, "name": "All members", "rule_type": "any_approver",
        "approvals_required": 1, "approved": !by.is_empty(), "approved_by": by,
    });
    let body = json!({ "approval_rules_overwritten": false, "rules": [rule] });
    Ok(Reply::json(200, body))
}
