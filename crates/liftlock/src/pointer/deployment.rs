//! Deployments of GitHub as a pointer: the newest one of ours that succeeded
//! says in its payload which digest is live.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Live;
use crate::digest::Digest;
use crate::name::Name;

/// What our deployments are told from others by: a job of GitHub Actions that
/// names an environment makes deployments of its own there.
pub const TASK: &str = "liftlock-promote";

/// The version of payloads that this code writes.
pub const SCHEMA_VERSION: u32 = 1;

/// A deployment as GitHub tells it.
#[derive(Clone, Debug, Deserialize)]
pub struct Deployment {
    /// Its number.
    pub id: u64,
    /// What was deployed for.
    pub task: String,
    /// What its maker wrote; GitHub gives it back as it came, or as text.
    pub payload: Value,
}

/// A status of a deployment.
#[derive(Clone, Debug, Deserialize)]
pub struct Status {
    /// One of GitHub's words.
    pub state: String,
}

/// What our deployments hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payload {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// Whose pointer it is.
    #[serde(flatten)]
    pub whose: Whose,
    /// Where it points.
    pub digest: Digest,
    /// Where it pointed before.
    pub from: Option<Digest>,
    /// Of whoever moved it.
    pub fence: u64,
    /// The plan's id.
    pub plan_id: Digest,
    /// What people call the release.
    pub release: String,
}

/// Whose pointer something is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Whose {
    /// The service.
    pub service: Name,
    /// The environment in our configuration.
    pub environment: Name,
    /// The artifact, where the target names one.
    pub artifact: Option<Name>,
}

/// How far a deployment came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It is not at its end.
    Open,
    /// It succeeded.
    Live,
    /// It did not.
    Failed,
    /// It succeeded, and then somebody said that it did not.
    Broken,
    /// A word of GitHub's that this code does not know.
    Unknown,
}

impl Stage {
    /// By all statuses, newest first. GitHub marks an older deployment as
    /// `inactive` when a newer one of anybody's succeeds in the environment:
    /// that says nothing about ours.
    #[must_use]
    pub fn of(statuses: &[Status]) -> Self {
        let words = statuses.iter().map(|status| status.state.as_str());
        let mut words = words.skip_while(|word| *word == "inactive").peekable();
        match words.peek().copied() {
            Some("success") => Self::Live,
            Some("error" | "failure") if words.any(|word| word == "success") => Self::Broken,
            Some("error" | "failure") => Self::Failed,
            Some("in_progress" | "queued" | "pending") | None => Self::Open,
            Some(_) => Self::Unknown,
        }
    }
}

impl Deployment {
    /// What it holds, if it is one of ours.
    ///
    /// # Errors
    ///
    /// Fails where it says that it is ours and holds something else.
    pub fn payload(&self) -> Result<Option<Payload>, Unreadable> {
        if self.task != TASK {
            return Ok(None);
        }
        let text = self.payload.as_str();
        let held = text.and_then(|text| serde_json::from_str::<Value>(text).ok());
        let held = held.unwrap_or_else(|| self.payload.clone());
        serde_json::from_value(held)
            .map(Some)
            .map_err(|source| Unreadable {
                id: self.id,
                message: source.to_string(),
            })
    }

    /// What it says about a pointer; nothing where an older one has to be
    /// asked. `stage` is asked only where it matters.
    ///
    /// # Errors
    ///
    /// Fails as `stage` does.
    pub fn says<E>(
        &self,
        whose: &Whose,
        stage: impl FnOnce() -> Result<Stage, E>,
    ) -> Result<Option<Live>, E> {
        let payload = match self.payload() {
            Ok(Some(payload)) if payload.whose == *whose => payload,
            Ok(_) => return Ok(None),
            Err(error) => return Ok(Some(Live::Strange(error.to_string()))),
        };
        let strange = |what: &str| Live::Strange(format!("deployment {} {what}", self.id));
        Ok(match stage()? {
            Stage::Open | Stage::Failed => None,
            Stage::Live => Some(Live::At(payload.digest)),
            Stage::Broken => Some(strange("failed after it had succeeded")),
            Stage::Unknown => Some(strange("has a state that is not known")),
        })
    }
}

/// A deployment of ours that nobody can read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("deployment {id} has the task `{TASK}` and no payload of ours: {message}")]
pub struct Unreadable {
    id: u64,
    message: String,
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use serde_json::json;

    use super::*;

    fn whose(artifact: Option<&str>) -> Whose {
        Whose {
            service: "shop".parse().unwrap(),
            environment: "production".parse().unwrap(),
            artifact: artifact.map(|name| name.parse().unwrap()),
        }
    }

    fn deployment(payload: Value) -> Deployment {
        let task = TASK.to_owned();
        Deployment {
            id: 5,
            task,
            payload,
        }
    }

    fn payload() -> Value {
        serde_json::to_value(Payload {
            schema_version: SCHEMA_VERSION,
            whose: whose(Some("api")),
            digest: Digest::of(b"two"),
            from: None,
            fence: 3,
            plan_id: Digest::of(b"plan"),
            release: "shop-2".to_owned(),
        })
        .unwrap()
    }

    fn says(deployment: &Deployment, words: &[&str]) -> Option<Live> {
        let statuses: Vec<Status> = words
            .iter()
            .map(|word| Status {
                state: (*word).to_owned(),
            })
            .collect();
        let stage = || Ok::<_, Infallible>(Stage::of(&statuses));
        deployment.says(&whose(Some("api")), stage).unwrap()
    }

    #[test]
    fn only_a_success_of_ours_is_live() {
        let live = Some(Live::At(Digest::of(b"two")));
        let cases: [(&[&str], bool); 9] = [
            (&[], false),
            (&["queued"], false),
            (&["in_progress", "pending"], false),
            (&["failure", "in_progress"], false),
            (&["error"], false),
            (&["inactive", "failure"], false),
            (&["inactive"], false),
            (&["success", "in_progress"], true),
            (&["inactive", "inactive", "success"], true),
        ];
        for (words, is_live) in cases {
            let wanted = live.clone().filter(|_| is_live);
            for payload in [payload(), payload().to_string().into()] {
                assert_eq!(says(&deployment(payload), words), wanted, "{words:?}");
            }
        }
    }

    #[test]
    fn what_nobody_understands_is_told_and_not_skipped() {
        let strange = [
            (payload(), ["failure", "success"]),
            (payload(), ["blessed", "in_progress"]),
            (json!({ "digest": "latest" }), ["success", "in_progress"]),
            (json!("text"), ["success", "in_progress"]),
        ];
        for (payload, words) in strange {
            let said = says(&deployment(payload), &words);
            assert!(matches!(said, Some(Live::Strange(_))), "{said:?}");
        }
    }

    #[test]
    fn deployments_of_others_say_nothing() {
        let other = Deployment {
            task: "deploy".to_owned(),
            ..deployment(json!({}))
        };
        assert_eq!(says(&other, &["success"]), None);
        let stage = || Ok::<_, Infallible>(Stage::Live);
        for whose in [whose(None), whose(Some("worker"))] {
            let said = deployment(payload()).says(&whose, stage).unwrap();
            assert_eq!(said, None);
        }
    }
}
