//! What Jenkins tells: its own variables and those of its git plugin
//! (`env-vars.html` of a controller; plugins.jenkins.io/git). Parameters of a
//! build are variables like all others, so each has to be named.

use std::collections::BTreeMap;

use super::{Error, Internal, Surroundings, Told, Workflow};

pub(super) fn tell(around: &Surroundings<'_>) -> Result<Told, Error> {
    let source = around.url("GIT_URL")?;
    let r#ref = full_ref(around)?;
    Ok(Told {
        build_type: "jenkins/v1",
        workflow: Workflow {
            repository: source.clone(),
            r#ref: r#ref.clone(),
            path: None,
            job: Some(around.must("JOB_NAME")?),
        },
        inputs: BTreeMap::new(),
        internal: Internal {
            trigger: around.may("BUILD_CAUSE"),
            runner: around.may("NODE_NAME"),
            repository_id: None,
        },
        source,
        source_ref: r#ref,
        commit: around.commit("GIT_COMMIT")?,
        builder_id: around.url("JENKINS_URL")?,
        invocation_id: around.url("BUILD_URL")?,
        started_on: None,
    })
}

/// Multibranch jobs say what they build; others only what git checked out,
/// with the name of the remote before it.
fn full_ref(around: &Surroundings<'_>) -> Result<String, Error> {
    if let Some(tag) = around.may("TAG_NAME") {
        return Ok(format!("refs/tags/{tag}"));
    }
    if let Some(branch) = around.may("BRANCH_NAME") {
        return Ok(format!("refs/heads/{branch}"));
    }
    let branch = around.must("GIT_BRANCH")?;
    if branch.starts_with("refs/") {
        return Ok(branch);
    }
    let name = branch.strip_prefix("origin/").unwrap_or(&branch);
    Ok(format!("refs/heads/{name}"))
}
