//! What GitHub Actions tells: the default variables of every job
//! (docs.github.com, "Variables reference") and the inputs of the event.

use std::collections::BTreeMap;

use super::{Error, Internal, LONGEST_VALUE, Surroundings, Told, Workflow, is_secret};

pub(super) fn tell(around: &Surroundings<'_>) -> Result<Told, Error> {
    let server = around.url("GITHUB_SERVER_URL")?;
    let repository = around.must("GITHUB_REPOSITORY")?;
    let whole = around.must("GITHUB_WORKFLOW_REF")?;
    let workflow = workflow(&whole, &server).ok_or(Error::Value(
        "GITHUB_WORKFLOW_REF",
        "OWNER/REPOSITORY/PATH@REF",
    ))?;
    let source = format!("{server}/{repository}");
    let run = around.must("GITHUB_RUN_ID")?;
    let attempt = around.must("GITHUB_RUN_ATTEMPT")?;
    Ok(Told {
        build_type: "github-actions/v1",
        workflow,
        inputs: inputs(around)?,
        internal: Internal {
            trigger: Some(around.must("GITHUB_EVENT_NAME")?),
            runner: around.may("RUNNER_ENVIRONMENT"),
            repository_id: around.may("GITHUB_REPOSITORY_ID"),
        },
        source_ref: around.must("GITHUB_REF")?,
        commit: around.commit("GITHUB_SHA")?,
        builder_id: format!("{server}/{whole}"),
        invocation_id: format!("{source}/actions/runs/{run}/attempts/{attempt}"),
        source,
        started_on: None,
    })
}

/// `acme/shop/.github/workflows/release.yml@refs/heads/main`.
fn workflow(whole: &str, server: &str) -> Option<Workflow> {
    let (place, r#ref) = whole.split_once('@')?;
    let mut parts = place.splitn(3, '/');
    let (owner, name, path) = (parts.next()?, parts.next()?, parts.next()?);
    Some(Workflow {
        repository: format!("{server}/{owner}/{name}"),
        r#ref: r#ref.to_owned(),
        path: Some(path.to_owned()),
        job: None,
    })
}

/// The inputs of `workflow_dispatch`; GitHub shows them to every reader of the
/// repository, so they are no secrets, unless a name says otherwise.
fn inputs(around: &Surroundings<'_>) -> Result<BTreeMap<String, String>, Error> {
    let inputs = around.event.and_then(|event| event.get("inputs"));
    let Some(inputs) = inputs.and_then(serde_json::Value::as_object) else {
        return Ok(BTreeMap::new());
    };
    let mut named = BTreeMap::new();
    for (name, value) in inputs {
        if is_secret(name) {
            return Err(Error::Secret(name.clone()));
        }
        let value = match value {
            serde_json::Value::Null => continue,
            serde_json::Value::String(text) => text.clone(),
            serde_json::Value::Bool(_)
            | serde_json::Value::Number(_)
            | serde_json::Value::Array(_)
            | serde_json::Value::Object(_) => value.to_string(),
        };
        if value.len() > LONGEST_VALUE {
            return Err(Error::Long(name.clone()));
        }
        named.insert(name.clone(), value);
    }
    Ok(named)
}
