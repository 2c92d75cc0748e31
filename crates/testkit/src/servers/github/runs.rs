//! Workflow runs: their gates, and starting the next.

use serde_json::{Value, json};

use super::call::{Call, Reply};
use super::gate::Token;
use super::state::{Commit, Gate, Run, State};
use super::{deployments, render};

/// The most notes without a verdict that a rule may leave on a run.
const NOTES: usize = 10;

impl State {
    /// A workflow run, who started it, and who started it again.
    pub fn run(&mut self, actor: u64, again_by: u64) -> u64 {
        let id = self.id();
        let run = Run {
            attempt: if actor == again_by { 1 } else { 2 },
            commit: "c".repeat(40),
            actor,
            again_by,
            gates: Vec::new(),
            reviews: Vec::new(),
            notes: Vec::new(),
        };
        let commit = Commit {
            sha: run.commit.clone(),
            author: None,
            committer: None,
        };
        self.commits.entry(run.commit.clone()).or_insert(commit);
        self.runs.insert(id, run);
        id
    }

    /// Gives a run another commit, by these people.
    pub fn on_commit(&mut self, run: u64, commit: Commit) {
        if let Some(run) = self.runs.get_mut(&run) {
            run.commit.clone_from(&commit.sha);
        }
        self.commits.insert(commit.sha.clone(), commit);
    }

    /// Somebody starts a run once more; what was reviewed before stays on its page.
    pub fn rerun(&mut self, run: u64, by: u64) {
        if let Some(run) = self.runs.get_mut(&run) {
            run.attempt += 1;
            run.again_by = by;
        }
    }

    /// Lets a run wait for one of these people before an environment.
    pub fn protect(&mut self, run: u64, environment: &str, reviewers: &[u64]) -> u64 {
        let id = self.id();
        let gate = Gate {
            id,
            environment: environment.to_owned(),
            reviewers: reviewers.iter().copied().collect(),
        };
        if let Some(run) = self.runs.get_mut(&run) {
            run.gates.push(gate);
        }
        id
    }

    /// Somebody lets a run into an environment in the browser (`approved`), or
    /// does not (`rejected`).
    pub fn review_gate(
        &mut self,
        run: u64,
        user: u64,
        (environment, verdict): (&str, &str),
        comment: &str,
    ) {
        if let Some(run) = self.runs.get_mut(&run) {
            run.gates.retain(|gate| gate.environment != environment);
            let words = [environment, verdict, comment].map(str::to_owned);
            let [environment, verdict, comment] = words;
            run.reviews.push((user, environment, verdict, comment));
        }
    }

    /// What rules of Apps said about a run.
    #[must_use]
    pub fn rulings(&self, run: u64) -> Vec<Value> {
        let found = self.runs.get(&run);
        found.map(|run| run.notes.clone()).unwrap_or_default()
    }
}

fn found<'a>(state: &'a State, id: &str) -> Option<(u64, &'a Run)> {
    let id = id.parse().ok()?;
    Some((id, state.runs.get(&id)?))
}

pub(super) fn read(state: &State, id: &str) -> Reply {
    let Some((id, run)) = found(state, id) else {
        return Reply::not_found();
    };
    Reply::json(200, render::run(state, id, run))
}

pub(super) fn approvals(state: &State, id: &str) -> Reply {
    let Some((_, run)) = found(state, id) else {
        return Reply::not_found();
    };
    let one = |(user, environment, verdict, comment): &(u64, String, String, String)| {
        json!({
            "environments": [{ "name": environment }], "state": verdict,
            "user": render::user(state, Some(*user)), "comment": comment,
        })
    };
    Reply::json(200, run.reviews.iter().map(one).collect())
}

pub(super) fn pending(state: &State, call: &Call, id: &str) -> Reply {
    let Some((_, run)) = found(state, id) else {
        return Reply::not_found();
    };
    let one = |gate: &Gate| {
        let reviewers = gate.reviewers.iter();
        let reviewers: Vec<Value> = reviewers
            .map(|id| json!({ "type": "User", "reviewer": render::user(state, Some(*id)) }))
            .collect();
        let may = matches!(call.token, Token::Personal(id) if gate.reviewers.contains(&id));
        json!({
            "environment": { "id": gate.id, "name": gate.environment },
            "wait_timer": 0, "wait_timer_started_at": null,
            "current_user_can_approve": may, "reviewers": reviewers,
        })
    };
    Reply::json(200, run.gates.iter().map(one).collect())
}

/// GitHub does not offer this call to Apps, a job's token among them.
pub(super) fn review(state: &mut State, call: &Call, id: &str) -> Reply {
    let Token::Personal(user) = call.token else {
        return Reply::inaccessible();
    };
    let Some((id, run)) = found(state, id) else {
        return Reply::not_found();
    };
    let wanted = call.body.get("environment_ids").and_then(Value::as_array);
    let wanted: Vec<u64> = wanted
        .into_iter()
        .flatten()
        .filter_map(Value::as_u64)
        .collect();
    let verdict = call.text("state").unwrap_or_default();
    let comment = call.text("comment").unwrap_or_default();
    let gates: Vec<Gate> = run
        .gates
        .iter()
        .filter(|gate| wanted.contains(&gate.id))
        .cloned()
        .collect();
    let may = gates
        .iter()
        .all(|gate| gate.reviewers.contains(&user) && user != run.actor);
    let valid = matches!(verdict, "approved" | "rejected") && gates.len() == wanted.len();
    if !may || !valid || wanted.is_empty() {
        return Reply::problem(422, "Validation Failed");
    }
    let (verdict, comment) = (verdict.to_owned(), comment.to_owned());
    let made: Vec<Value> = gates
        .iter()
        .map(|gate| deployments::made(state, (&gate.environment, "main"), &json!({})))
        .collect();
    if let Some(run) = state.runs.get_mut(&id) {
        run.gates.retain(|gate| !wanted.contains(&gate.id));
        let new = gates.into_iter();
        run.reviews
            .extend(new.map(|gate| (user, gate.environment, verdict.clone(), comment.clone())));
    }
    Reply::json(200, Value::Array(made))
}

/// Open to an App's installation token alone.
pub(super) fn rule(state: &mut State, call: &Call, id: &str) -> Reply {
    if call.token != Token::App {
        return Reply::inaccessible();
    }
    let name = call.text("environment_name").unwrap_or_default().to_owned();
    let verdict = call.text("state");
    let id = id.parse().unwrap_or_default();
    let Some(run) = state.runs.get_mut(&id) else {
        return Reply::not_found();
    };
    let waits = run.gates.iter().any(|gate| gate.environment == name);
    let full = verdict.is_none() && run.notes.len() >= NOTES;
    if !waits || full || verdict.is_some_and(|word| !matches!(word, "approved" | "rejected")) {
        return Reply::problem(422, "Validation Failed");
    }
    run.notes.push(call.body.clone());
    if verdict.is_some() {
        run.gates.retain(|gate| gate.environment != name);
    }
    Reply::empty(204)
}

pub(super) fn dispatch(state: &mut State, call: &Call) -> Reply {
    let kind = call.text("event_type").unwrap_or_default();
    let payload = call.body.get("client_payload").and_then(Value::as_object);
    let fields = payload.map_or(0, serde_json::Map::len);
    if kind.is_empty() || kind.chars().count() > 100 || fields > 10 {
        return Reply::problem(422, "Invalid request.");
    }
    state.dispatched.push(call.body.clone());
    Reply::empty(204)
}

pub(super) fn workflow(state: &mut State, call: &Call, file: &str) -> Reply {
    if !state.workflows.contains(file) {
        return Reply::not_found();
    }
    let branch = call.text("ref").unwrap_or_default();
    if !state.branches.contains(branch) {
        return Reply::problem(422, &format!("No ref found for: {branch}"));
    }
    state.dispatched.push(call.body.clone());
    Reply::empty(204)
}
