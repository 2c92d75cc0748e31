//! Workflow runs, and the environments that they wait for.

use liftlock::approval::forge::github::{self, Authors, Commit, Run};
use liftlock::approval::forge::review::Gated;
use liftlock::approval::forge::{Event, Said, said};
use liftlock::approval::request::Identified;
use liftlock::config::trust::Keyring;
use serde_json::{Value, json};

use super::{Error, GitHub, Known, few};
use crate::http::Method;

/// The longest comment of a rule, in characters; GitHub's own limit.
const LONGEST: usize = 1_024;

/// What a rule of ours says about a run that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// It may go on.
    Approved,
    /// It may not.
    Rejected,
}

impl GitHub {
    /// A workflow run, as it is now.
    ///
    /// # Errors
    ///
    /// Fails when there is no such run.
    pub fn run(&self, run: u64) -> Result<Run, Error> {
        let id = run.to_string();
        let path = self.path(&["actions", "runs", &id]);
        Ok(github::parse(&self.wire().get(&path)?)?)
    }

    /// Who wrote a commit.
    ///
    /// # Errors
    ///
    /// Fails when there is no such commit.
    pub fn commit_authors(&self, sha: &str) -> Result<Authors, Error> {
        let path = self.path(&["commits", sha]);
        let commit: Commit = github::parse(&self.wire().get(&path)?)?;
        Ok(Authors::of(&[commit]))
    }

    /// What people said when they let the run into environments, or did not.
    ///
    /// # Errors
    ///
    /// Fails when GitHub does not say.
    pub fn gate_reviews(&self, run: u64) -> Result<Vec<Gated>, Error> {
        let id = run.to_string();
        let path = self.path(&["actions", "runs", &id, "approvals"]);
        Ok(github::parse(&self.wire().get(&path)?)?)
    }

    /// Lets a run go on that waits for a rule of the App whose token this is,
    /// or stops it.
    ///
    /// # Errors
    ///
    /// Fails with any other token than that App's, and when nothing waits there.
    pub fn rule(
        &self,
        (run, environment): (u64, &str),
        rule: Ruling,
        comment: &str,
    ) -> Result<(), Error> {
        let id = run.to_string();
        let path = self.path(&["actions", "runs", &id, "deployment_protection_rule"]);
        let state = match rule {
            Ruling::Approved => "approved",
            Ruling::Rejected => "rejected",
        };
        let comment: String = comment.chars().take(LONGEST).collect();
        let body = json!({ "environment_name": environment, "state": state, "comment": comment });
        match self.wire().send(Method::Post, &path, &body) {
            Ok(_) => Ok(()),
            Err(Error::Forbidden { said, .. }) => Err(Error::NotTheApp(said)),
            Err(error) => Err(error),
        }
    }

    /// Starts the workflows that wait for `repository_dispatch` of this type.
    ///
    /// # Errors
    ///
    /// Fails when GitHub refuses: it needs `contents: write`.
    pub fn dispatch(&self, kind: &str, payload: &Value) -> Result<(), Error> {
        let body = json!({ "event_type": kind, "client_payload": payload });
        self.wire()
            .send(Method::Post, &self.path(&["dispatches"]), &body)
            .map(drop)
    }

    /// Starts one workflow by its file, on a branch or tag.
    ///
    /// # Errors
    ///
    /// Fails when GitHub refuses: it needs `actions: write`, and the workflow
    /// `on: workflow_dispatch` with these inputs.
    pub fn dispatch_workflow(
        &self,
        (file, branch): (&str, &str),
        inputs: &Value,
    ) -> Result<(), Error> {
        let path = self.path(&["actions", "workflows", file, "dispatches"]);
        let body = json!({ "ref": branch, "inputs": inputs });
        self.wire().send(Method::Post, &path, &body).map(drop)
    }

    /// Every review of a run that answers a request, or tries to.
    pub(super) fn gate_events(
        &self,
        run: u64,
        asked: &Identified,
        keyring: &Keyring,
    ) -> Result<Vec<Event>, Error> {
        let mut known = Known::new(self, asked, keyring);
        let reviews = self.gate_reviews(run)?;
        // After the reviews: an attempt that began meanwhile has none of them.
        let run = self.run(run)?;
        let mut events = Vec::new();
        for one in &reviews {
            let text = said(&one.comment);
            let Some(user) = one.user.as_ref().filter(|_| text != Said::Nothing) else {
                continue;
            };
            let permission = known.permission(user, &text)?;
            let about = (&run, asked.request.made_at);
            let event = one.event(about, (permission, known.seen_at))?;
            events.extend(event.map(|event| (event, known.matters(user, &text))));
        }
        few(events)
    }
}
