//! Deployments that wait for approvals.

use serde_json::{Value, json};

use super::call::{Call, Reply};
use super::gate::Caller;
use super::people;
use super::state::{Approval, Deployment, State, stamp};

impl State {
    /// A deployment that waits until one of these approved it. With `rules`
    /// approvals are shown by rule, without them in one list.
    pub fn deployment(&mut self, user: u64, environment: &str, approvers: &[u64]) -> u64 {
        let (id, job) = (self.id(), self.job(&[user]));
        let deployment = Deployment {
            user,
            job,
            environment: environment.to_owned(),
            required: 2,
            approvers: approvers.iter().copied().collect(),
            approvals: Vec::new(),
            status: "blocked",
            by_rules: false,
        };
        self.deployments.insert(id, deployment);
        id
    }

    /// Shows a deployment's approvals by rule, as with several of them.
    pub fn by_rules(&mut self, deployment: u64) {
        if let Some(deployment) = self.deployments.get_mut(&deployment) {
            deployment.by_rules = true;
        }
    }

    /// Somebody approves (`approved`) or rejects (`rejected`) in the browser.
    pub fn judge(&mut self, deployment: u64, user: u64, status: &str, comment: &str) {
        let now = self.now;
        if let Some(deployment) = self.deployments.get_mut(&deployment) {
            put(deployment, user, (status, Some(comment)), now);
        }
    }
}

/// One approval of one account: another verdict replaces it, at the time of
/// the first.
fn put(deployment: &mut Deployment, user: u64, (status, comment): (&str, Option<&str>), now: i64) {
    let known = deployment.approvals.iter_mut().find(|one| one.user == user);
    match known {
        Some(one) if one.status == status => (),
        Some(one) => {
            status.clone_into(&mut one.status);
            one.comment = comment.map(str::to_owned);
        }
        None => deployment.approvals.push(Approval {
            user,
            status: status.to_owned(),
            at: now,
            comment: comment.map(str::to_owned),
        }),
    }
    let approved = deployment.approvals.iter();
    let approved = approved.filter(|one| one.status == "approved").count();
    if status == "rejected" {
        deployment.status = "failed";
    } else if u64::try_from(approved).unwrap_or_default() >= deployment.required {
        deployment.status = "created";
    }
}

fn found<'a>(state: &'a State, id: &str) -> Result<(u64, &'a Deployment), Reply> {
    let id: u64 = id
        .parse()
        .map_err(|_error| Reply::invalid("deployment_id"))?;
    let deployment = state.deployments.get(&id);
    Ok((id, deployment.ok_or_else(|| Reply::not_found(""))?))
}

pub(super) fn read(state: &State, id: &str) -> Result<Reply, Reply> {
    let (id, deployment) = found(state, id)?;
    let approvals: Vec<Value> = deployment
        .approvals
        .iter()
        .map(|one| approval(state, one))
        .collect();
    let user = people::basic(state, deployment.user);
    let approved = deployment.approvals.iter();
    let approved = approved.filter(|one| one.status == "approved").count();
    let pending = deployment
        .required
        .saturating_sub(u64::try_from(approved).unwrap_or_default());
    let mut fields = json!({
        "id": id, "iid": 1, "ref": "main", "sha": "a".repeat(40),
        "created_at": stamp(state.now), "updated_at": stamp(state.now),
        "status": deployment.status, "user": user,
        "environment": { "id": 9, "name": deployment.environment, "external_url": null },
        "deployable": {
            "id": deployment.job, "status": "manual", "stage": "deploy", "name": "promote",
            "ref": "main", "tag": false, "user": user,
        },
    });
    let rules = json!({ "rules": [{
        "user_id": null, "group_id": 134, "access_level": null,
        "access_level_description": "releasers", "required_approvals": deployment.required,
        "deployment_approvals": approvals,
    }] });
    if let Some(fields) = fields.as_object_mut() {
        fields.insert("pending_approval_count".to_owned(), pending.into());
        if deployment.by_rules {
            fields.insert("approvals".to_owned(), json!([]));
            fields.insert("approval_summary".to_owned(), rules);
        } else {
            fields.insert("approvals".to_owned(), Value::Array(approvals));
        }
    }
    Ok(Reply::json(200, fields))
}

pub(super) fn approve(
    state: &mut State,
    call: &Call,
    id: &str,
    caller: Caller,
) -> Result<Reply, Reply> {
    let status = call
        .text("status")?
        .ok_or_else(|| Reply::missing("status"))?;
    let comment = call.text("comment")?.map(str::to_owned);
    let (id, deployment) = found(state, id)?;
    let refused = |words: &str| Err(Reply::json(400, json!({ "message": words })));
    if !matches!(status, "approved" | "rejected") {
        let error = "status does not have a valid value";
        return Err(Reply::json(400, json!({ "error": error })));
    }
    if !deployment.approvers.contains(&caller.user) {
        return refused("You do not have permission to approve or reject this deployment");
    }
    if deployment.status != "blocked" {
        return refused("This deployment is not waiting for approvals");
    }
    if deployment.user == caller.user && status == "approved" {
        return refused("You cannot approve your own deployment.");
    }
    let (status, now) = (status.to_owned(), state.now);
    if let Some(deployment) = state.deployments.get_mut(&id) {
        put(deployment, caller.user, (&status, comment.as_deref()), now);
    }
    let deployment = state.deployments.get(&id);
    let all = deployment.into_iter().flat_map(|one| &one.approvals);
    let own = all.into_iter().find(|one| one.user == caller.user);
    let own = own.ok_or_else(|| Reply::not_found(""))?;
    Ok(Reply::json(201, approval(state, own)))
}

pub(super) fn protected(state: &State, name: &str) -> Result<Reply, Reply> {
    let mut all = state.deployments.values();
    let deployment = all.find(|one| one.environment == name);
    let deployment = deployment.ok_or_else(|| Reply::not_found(""))?;
    let rules: Vec<Value> = deployment
        .approvers
        .iter()
        .map(|user| {
            json!({
                "id": user, "user_id": user, "group_id": null, "access_level": null,
                "access_level_description": people::basic(state, *user).get("name"),
                "required_approvals": 1, "group_inheritance_type": 0,
            })
        })
        .collect();
    let levels = json!([{ "access_level": 40, "access_level_description": "Maintainers",
        "user_id": null, "group_id": null, "group_inheritance_type": 0 }]);
    Ok(Reply::json(
        200,
        json!({ "name": name, "deploy_access_levels": levels,
            "required_approval_count": 0, "approval_rules": rules }),
    ))
}

fn approval(state: &State, one: &Approval) -> Value {
    json!({
        "user": people::basic(state, one.user), "status": one.status,
        "created_at": stamp(one.at), "comment": one.comment,
    })
}
