//! SLSA provenance v1 made from what a CI tells about its run: one shape for
//! all systems, nothing that is not named here, never a secret.

mod github;
mod gitlab;
mod jenkins;
mod source;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ci::System;
use crate::failure::{Explain, Kind};
use crate::time::Time;

/// What the types of all builds of ours begin with.
const BUILD_TYPES: &str = "https://liftlock.github.io/buildtypes/";

/// The most bytes of one parameter's value.
const LONGEST_VALUE: usize = 4096;

/// How an artifact was built: the predicate of
/// [`crate::predicate::PROVENANCE`]. Field names are those of SLSA.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Provenance {
    /// What was to be built.
    pub build_definition: Definition,
    /// What built it.
    pub run_details: Run,
}

/// What was to be built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Definition {
    /// The CI and the version of this shape:
    /// `https://liftlock.github.io/buildtypes/github-actions/v1`, `gitlab-ci/v1` or `jenkins/v1`.
    pub build_type: String,
    /// What whoever started the run could choose.
    pub external_parameters: External,
    /// What the CI chose; for people, not for rules.
    pub internal_parameters: Internal,
    /// The source, first and alone.
    pub resolved_dependencies: Vec<Dependency>,
}

/// What whoever started the run could choose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct External {
    /// What was run.
    pub workflow: Workflow,
    /// Inputs of the run, by name: those of a manual run on GitHub, and every
    /// variable that `--parameter` names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, String>,
}

/// The definition that was run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Workflow {
    /// The repository that the definition is in, a URL without a login.
    pub repository: String,
    /// The git ref that it was taken from.
    pub r#ref: String,
    /// Its path in the repository; Jenkins does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The job, where that is not said by a path: Jenkins' full name of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
}

/// What the CI chose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Internal {
    /// What started the run: `push`, `schedule`, `workflow_dispatch`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<String>,
    /// The machine, by the CI's own name or kind of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runner: Option<String>,
    /// The repository, by a number that outlives its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository_id: Option<String>,
}

/// Something that went into the build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Dependency {
    /// `git+URL@REF`.
    pub uri: String,
    /// `gitCommit` and the commit's hash.
    pub digest: BTreeMap<String, String>,
}

/// What built it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// Who is to be trusted for it.
    pub builder: Builder,
    /// Which run it was.
    pub metadata: Metadata,
}

/// Who is to be trusted for the build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Builder {
    /// A URI: the workflow on GitHub, the runner on GitLab, the controller of Jenkins.
    pub id: String,
}

/// Which run it was, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// A link to the run, its attempt included.
    pub invocation_id: String,
    /// When the build began, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_on: Option<Time>,
    /// When the provenance was made, at the end of the build.
    pub finished_on: Time,
}

/// What is known of a run.
#[expect(missing_debug_implementations, reason = "it holds a function")]
pub struct Surroundings<'a> {
    /// The CI.
    pub system: System,
    /// The value of a variable; empty is unset.
    pub lookup: &'a dyn Fn(&str) -> Option<String>,
    /// The content of `$GITHUB_EVENT_PATH`, where there is one.
    pub event: Option<&'a serde_json::Value>,
    /// Variables that are inputs of the run, by name.
    pub parameters: &'a [String],
    /// Another builder id than the CI's.
    pub builder_id: Option<&'a str>,
    /// When the build began, where somebody said so.
    pub started_on: Option<Time>,
    /// Now.
    pub now: Time,
}

/// Says how the artifacts of this run are built.
///
/// # Errors
///
/// Fails with the name of the variable that is missing or not what it should
/// be, outside of a CI that is known, and when a parameter could be a secret.
pub fn generate(around: &Surroundings<'_>) -> Result<Provenance, Error> {
    let told = match around.system {
        System::GitHub => github::tell(around)?,
        System::GitLab => gitlab::tell(around)?,
        System::Jenkins => jenkins::tell(around)?,
        System::Plain => return Err(Error::NoSystem),
    };
    let mut inputs = told.inputs;
    for name in around.parameters {
        inputs.insert(name.clone(), around.parameter(name)?);
    }
    let commit = BTreeMap::from([("gitCommit".to_owned(), told.commit)]);
    Ok(Provenance {
        build_definition: Definition {
            build_type: format!("{BUILD_TYPES}{}", told.build_type),
            resolved_dependencies: vec![Dependency {
                uri: source::dependency(&told.source, &told.source_ref),
                digest: commit,
            }],
            external_parameters: External {
                workflow: told.workflow,
                inputs,
            },
            internal_parameters: told.internal,
        },
        run_details: Run {
            builder: Builder {
                id: around.builder_id.map_or(told.builder_id, ToOwned::to_owned),
            },
            metadata: Metadata {
                invocation_id: told.invocation_id,
                started_on: around.started_on.or(told.started_on),
                finished_on: around.now,
            },
        },
    })
}

/// What one CI tells, before it is put into the shape of all.
struct Told {
    build_type: &'static str,
    workflow: Workflow,
    inputs: BTreeMap<String, String>,
    internal: Internal,
    /// The repository that was built, and the ref it was built from.
    source: String,
    source_ref: String,
    commit: String,
    builder_id: String,
    invocation_id: String,
    started_on: Option<Time>,
}

impl Surroundings<'_> {
    fn may(&self, name: &str) -> Option<String> {
        (self.lookup)(name)
    }

    fn must(&self, name: &'static str) -> Result<String, Error> {
        self.may(name).ok_or(Error::Missing(name))
    }

    /// A commit's hash: SHA-1 or SHA-256 of git.
    fn commit(&self, name: &'static str) -> Result<String, Error> {
        let text = self.must(name)?;
        let hex = text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        if hex && [40, 64].contains(&text.len()) {
            Ok(text)
        } else {
            Err(Error::Value(name, "a whole commit hash"))
        }
    }

    /// A URL without a login in it.
    fn url(&self, name: &'static str) -> Result<String, Error> {
        source::plain(&self.must(name)?).ok_or(Error::Value(name, "a URL"))
    }

    fn parameter(&self, name: &str) -> Result<String, Error> {
        if is_secret(name) {
            return Err(Error::Secret(name.to_owned()));
        }
        let value = self
            .may(name)
            .ok_or_else(|| Error::NoParameter(name.to_owned()))?;
        if value.len() > LONGEST_VALUE {
            return Err(Error::Long(name.to_owned()));
        }
        Ok(value)
    }
}

/// Whether a name says that its value is nobody's business. Provenance is
/// public for ever, so a wrong guess is on the side of silence.
#[must_use]
pub fn is_secret(name: &str) -> bool {
    const WORDS: [&str; 8] = [
        "TOKEN",
        "SECRET",
        "PASSW",
        "CREDENTIAL",
        "PRIVATE",
        "APIKEY",
        "API_KEY",
        "_PAT",
    ];
    let name = name.to_ascii_uppercase().replace('-', "_");
    name.ends_with("_KEY") || name == "KEY" || WORDS.iter().any(|word| name.contains(word))
}

/// There is no provenance.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A shell, or a CI that is not known.
    #[error("this is no run of GitHub Actions, GitLab CI or Jenkins, as far as its variables tell")]
    NoSystem,
    /// A variable that provenance needs.
    #[error("the variable `{0}` is not set, and provenance needs it")]
    Missing(&'static str),
    /// A variable that says something else.
    #[error("the variable `{0}` is not {1}")]
    Value(&'static str, &'static str),
    /// A parameter that could be a secret.
    #[error("`{0}` could be a secret: provenance never holds one")]
    Secret(String),
    /// A parameter that is not there.
    #[error("the variable `{0}`, which `--parameter` names, is not set")]
    NoParameter(String),
    /// A parameter that is a document.
    #[error("the value of `{0}` is longer than {LONGEST_VALUE} bytes")]
    Long(String),
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NoSystem => {
                Some("write the predicate yourself and give it by `--predicate FILE`".to_owned())
            }
            Self::Secret(_) => Some("pass it under a name that says what it is".to_owned()),
            Self::Missing(_) | Self::Value(..) | Self::NoParameter(_) | Self::Long(_) => None,
        }
    }
}

#[cfg(test)]
mod tests;
