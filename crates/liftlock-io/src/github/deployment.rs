//! Deployments: where GitHub shows that a release waits for people, and how
//! that ended. Nothing is decided by what stands there.

use liftlock::approval::forge::github;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Error, GitHub, page};
use crate::http::Method;

/// What deployments of ours are told from others by.
const TASK: &str = "liftlock";

/// The longest description of a status, in characters; GitHub's own limit.
const LONGEST: usize = 140;

/// What is to be deployed once people said yes.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The commit, or a branch or tag.
    pub reference: &'a str,
    /// Where to.
    pub environment: &'a str,
    /// What a later reader needs to find the request; the deployment is known
    /// again by all of it.
    pub payload: &'a Value,
}

/// How a deployment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// People are asked.
    Queued,
    /// They said yes.
    Success,
    /// They said no.
    Failure,
    /// Nobody waits any more.
    Inactive,
}

impl Stage {
    const fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Inactive => "inactive",
        }
    }
}

#[derive(Deserialize)]
struct Deployment {
    id: u64,
    task: String,
    payload: Value,
}

#[derive(Deserialize)]
struct Status {
    state: String,
}

impl Deployment {
    /// GitHub gives a payload back as it came, or as text that holds it.
    fn is(&self, wanted: &Value) -> bool {
        let text = self.payload.as_str();
        let held = text.and_then(|text| serde_json::from_str::<Value>(text).ok());
        held.as_ref().unwrap_or(&self.payload) == wanted && self.task == TASK
    }
}

impl GitHub {
    /// The deployment with exactly this payload, where there is one.
    ///
    /// # Errors
    ///
    /// Fails when GitHub does not list them to the end.
    pub fn deployment(&self, wanted: &Wanted<'_>) -> Result<Option<u64>, Error> {
        let query = [
            ("task", TASK.to_owned()),
            ("environment", wanted.environment.to_owned()),
            ("ref", wanted.reference.to_owned()),
        ];
        let all: Vec<Deployment> = page::all(self.wire(), &self.path(&["deployments"]), &query)?;
        let found = all.into_iter().find(|one| one.is(wanted.payload));
        Ok(found.map(|one| one.id))
    }

    /// Makes the deployment, with no other checks than ours.
    ///
    /// # Errors
    ///
    /// Fails when GitHub refuses: it needs `deployments: write`. When the
    /// connection breaks nobody knows whether it was made.
    pub fn deploy(&self, wanted: &Wanted<'_>) -> Result<u64, Error> {
        let body = json!({
            "ref": wanted.reference, "task": TASK, "environment": wanted.environment,
            "auto_merge": false, "required_contexts": [], "payload": wanted.payload,
            "description": "waits for people",
        });
        let path = self.path(&["deployments"]);
        let answer = self.wire().send(Method::Post, &path, &body)?;
        let made: Deployment = github::parse(&answer)?;
        Ok(made.id)
    }

    /// Shows how a deployment stands, unless it is shown already.
    ///
    /// # Errors
    ///
    /// Fails when GitHub refuses.
    pub fn show(&self, deployment: u64, stage: Stage, why: &str) -> Result<(), Error> {
        let id = deployment.to_string();
        let path = self.path(&["deployments", &id, "statuses"]);
        let known: Vec<Status> = page::all(self.wire(), &path, &[])?;
        if known
            .first()
            .is_some_and(|newest| newest.state == stage.word())
        {
            return Ok(());
        }
        let description: String = why.chars().take(LONGEST).collect();
        let body = json!({
            "state": stage.word(), "description": description, "auto_inactive": false,
        });
        self.wire().send(Method::Post, &path, &body).map(drop)
    }
}
