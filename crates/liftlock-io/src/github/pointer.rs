//! Deployments and releases as pointers.

use liftlock::approval::forge::github;
use liftlock::pointer::deployment::{Deployment, Payload, Stage, Status, TASK};
use liftlock::pointer::release::Release;
use serde_json::json;

use super::{Error, GitHub, page};
use crate::http::Method;

/// The longest description of a status, in characters; GitHub's own limit.
const LONGEST: usize = 140;

/// What a deployment is told to be.
#[derive(Clone, Copy, Debug)]
pub struct Deploying<'a> {
    /// The branch, tag or commit.
    pub reference: &'a str,
    /// The environment as GitHub calls it.
    pub environment: &'a str,
    /// What it holds.
    pub payload: &'a Payload,
}

impl GitHub {
    /// The newest hundred deployments of ours to an environment, newest first.
    ///
    /// # Errors
    ///
    /// Fails when GitHub does not list them.
    pub fn pointed(&self, environment: &str) -> Result<Vec<Deployment>, Error> {
        let query = [
            ("task", TASK.to_owned()),
            ("environment", environment.to_owned()),
        ];
        let path = self.path(&["deployments"]);
        page::newest(self.wire(), &path, &query, |_: &Deployment| true)
    }

    /// How far a deployment came.
    ///
    /// # Errors
    ///
    /// Fails when its statuses cannot be read.
    pub fn stage(&self, deployment: u64) -> Result<Stage, Error> {
        let id = deployment.to_string();
        let path = self.path(&["deployments", &id, "statuses"]);
        let statuses: Vec<Status> = page::all(self.wire(), &path, &[])?;
        Ok(Stage::of(&statuses))
    }

    /// Makes a deployment, with no other checks than ours.
    ///
    /// # Errors
    ///
    /// Fails when GitHub refuses: it needs `deployments: write`. When the
    /// connection breaks nobody knows whether it was made.
    pub fn begin(&self, wanted: &Deploying<'_>) -> Result<u64, Error> {
        let body = json!({
            "ref": wanted.reference, "task": TASK, "environment": wanted.environment,
            "auto_merge": false, "required_contexts": [], "payload": wanted.payload,
            "description": wanted.payload.release.chars().take(LONGEST).collect::<String>(),
        });
        let path = self.path(&["deployments"]);
        let answer = self.wire().send(Method::Post, &path, &body)?;
        let made: Deployment = github::parse(&answer)?;
        Ok(made.id)
    }

    /// Gives a deployment a state, in GitHub's words.
    ///
    /// # Errors
    ///
    /// Fails when GitHub refuses.
    pub fn mark(&self, deployment: u64, state: &str, why: &str) -> Result<(), Error> {
        let id = deployment.to_string();
        let path = self.path(&["deployments", &id, "statuses"]);
        let description: String = why.chars().take(LONGEST).collect();
        let body = json!({ "state": state, "description": description });
        self.wire().send(Method::Post, &path, &body).map(drop)
    }

    /// The release that is the latest, if there is one.
    ///
    /// # Errors
    ///
    /// Fails when GitHub does not say.
    pub fn latest(&self) -> Result<Option<Release>, Error> {
        let found: Option<Release> = self.maybe(&self.path(&["releases", "latest"]))?;
        if found.is_none() {
            // A repository that cannot be seen says the same: it has no list either.
            self.wire().get(&self.path(&["releases"]))?;
        }
        Ok(found)
    }

    /// All releases, newest first.
    ///
    /// # Errors
    ///
    /// Fails when they cannot be read to the end.
    pub fn releases(&self) -> Result<Vec<Release>, Error> {
        page::all(self.wire(), &self.path(&["releases"]), &[])
    }

    /// Makes a release the latest, and a release where it was none yet.
    ///
    /// # Errors
    ///
    /// Fails when GitHub refuses: it needs `contents: write`.
    pub fn make_latest(&self, release: u64) -> Result<(), Error> {
        let id = release.to_string();
        let path = self.path(&["releases", &id]);
        let body = json!({ "prerelease": false, "make_latest": "true" });
        self.wire().send(Method::Patch, &path, &body).map(drop)
    }
}
