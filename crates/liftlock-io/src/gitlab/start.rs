//! Starts what goes on after an approval.

use liftlock::approval::forge::Forge;
use liftlock::approval::request::Place;
use liftlock::time::Time;
use serde_json::{Map, Value, json};

use super::{GitLab, JOB_TOKEN, address, is_project, there};
use crate::env;
use crate::forge::{Error, Pace, Wire};
use crate::http::{Method, Options};

/// The variable that holds a pipeline's trigger token.
const TRIGGER_TOKEN: &str = "LIFTLOCK_GITLAB_TRIGGER_TOKEN";

impl GitLab {
    /// Starts a job that waits for somebody to start it.
    ///
    /// # Errors
    ///
    /// Fails when GitLab refuses: the token's account has to be allowed to
    /// deploy to the job's environment.
    pub fn play(&self, job: u64) -> Result<(), Error> {
        let job = job.to_string();
        let path = self.path(&["jobs", &job, "play"]);
        self.wire.send(Method::Post, &path, &json!({})).map(drop)
    }
}

/// How a pipeline that is started is told what to look up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// By variables, which a project may refuse.
    Variables,
    /// By the inputs that its `spec:` declares.
    Inputs,
}

/// Starts a pipeline on a branch or tag, with the trigger token in
/// `LIFTLOCK_GITLAB_TRIGGER_TOKEN`, or a job's own.
///
/// # Errors
///
/// Fails without a token, on a malformed project or address, on another
/// installation than the one where people were asked, and when GitLab refuses.
pub fn trigger(
    (place, branch): (&Place, &str),
    (told, values): (Told, &Map<String, Value>),
    (options, deadline): (&Options, Time),
) -> Result<(), Error> {
    let token = env::secret(TRIGGER_TOKEN).or_else(|| env::secret(JOB_TOKEN));
    let token = token.ok_or(Error::NoTrigger)?;
    let (api, project) = (address(), place.repository.as_str());
    there(place)?;
    if !is_project(project) {
        return Err(Error::Project(project.to_owned()));
    }
    // A trigger's token is no token of an account: it goes into the body alone.
    let wire = Wire::new((&api, ""), options, (deadline, Pace::real()))?.to(Forge::Gitlab);
    let field = match told {
        Told::Variables => "variables",
        Told::Inputs => "inputs",
    };
    let body = json!({ "token": token, "ref": branch, field: values });
    let path = ["projects", project, "trigger", "pipeline"];
    wire.send(Method::Post, &path, &body).map(drop)
}
