//! Pointers on GitHub: a deployment's payload, and which release is the latest.

use serde::{Deserialize, Serialize};

use crate::approval::forge::Forge;
use crate::config::place::Repository;

/// The newest deployment of ours that succeeded says what is live.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct GithubDeployment {
    /// `github:OWNER/NAME`.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub repository: Repository,
    /// The environment as GitHub calls it.
    pub environment: String,
    /// The branch, tag or commit that GitHub shows with the deployment.
    #[serde(rename = "ref")]
    pub reference: String,
}

/// The release that is the latest says what is live.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct GithubRelease {
    /// `github:OWNER/NAME`.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub repository: Repository,
    /// The name of the release's file that is the artifact; `*` and `?` stand
    /// for whatever changes with the version.
    pub asset: String,
}

impl GithubDeployment {
    /// Its name for people.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{} deployment to {}", self.repository, self.environment)
    }

    pub(super) fn check(&self) -> Result<(), String> {
        on_github(&self.repository)?;
        for (field, text) in [("environment", &self.environment), ("ref", &self.reference)] {
            if text.is_empty() || text.len() > 255 || text.contains(char::is_control) {
                return Err(format!("have a `github-deployment.{field}` that is none"));
            }
        }
        Ok(())
    }
}

impl GithubRelease {
    /// Its name for people.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{} latest release, {}", self.repository, self.asset)
    }

    pub(super) fn check(&self) -> Result<(), String> {
        on_github(&self.repository)?;
        let is_none = self.asset.is_empty() || self.asset.len() > 255;
        if is_none || self.asset.contains(['/', '\0']) {
            return Err("have a `github-release.asset` that is no file's name".to_owned());
        }
        Ok(())
    }
}

fn on_github(repository: &Repository) -> Result<(), String> {
    match repository.instance().forge {
        Forge::Github => Ok(()),
        Forge::Gitlab => Err(format!("name `{repository}`, which is not on GitHub")),
    }
}
