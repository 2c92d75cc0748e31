//! What GitLab CI tells: the predefined variables of a job (docs.gitlab.com,
//! "Predefined CI/CD variables reference"). `CI_REPOSITORY_URL` holds a token
//! and is never read.

use std::collections::BTreeMap;

use super::{Error, Internal, Surroundings, Told, Workflow};

pub(super) fn tell(around: &Surroundings<'_>) -> Result<Told, Error> {
    let project = around.url("CI_PROJECT_URL")?;
    let r#ref = full_ref(around)?;
    let runner = around.must("CI_RUNNER_ID")?;
    Ok(Told {
        build_type: "gitlab-ci/v1",
        workflow: Workflow {
            repository: project.clone(),
            r#ref: r#ref.clone(),
            path: Some(around.must("CI_CONFIG_PATH")?),
            job: None,
        },
        inputs: BTreeMap::new(),
        internal: Internal {
            trigger: Some(around.must("CI_PIPELINE_SOURCE")?),
            runner: Some(runner.clone()),
            repository_id: around.may("CI_PROJECT_ID"),
        },
        source_ref: r#ref,
        commit: around.commit("CI_COMMIT_SHA")?,
        // As GitLab's own runner names itself in its provenance.
        builder_id: format!("{project}/-/runners/{runner}"),
        source: project,
        invocation_id: around.url("CI_JOB_URL")?,
        started_on: started(around)?,
    })
}

fn full_ref(around: &Surroundings<'_>) -> Result<String, Error> {
    if let Some(path) = around.may("CI_MERGE_REQUEST_REF_PATH") {
        return Ok(path);
    }
    if let Some(tag) = around.may("CI_COMMIT_TAG") {
        return Ok(format!("refs/tags/{tag}"));
    }
    Ok(format!("refs/heads/{}", around.must("CI_COMMIT_REF_NAME")?))
}

fn started(around: &Surroundings<'_>) -> Result<Option<crate::time::Time>, Error> {
    let wrong = |_error| Error::Value("CI_JOB_STARTED_AT", "a time of RFC 3339");
    let text = around.may("CI_JOB_STARTED_AT");
    text.map(|text| text.parse().map_err(wrong)).transpose()
}
