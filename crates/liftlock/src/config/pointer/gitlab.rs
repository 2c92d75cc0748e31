//! Pointers on GitLab: what was deployed last, and which release is the latest.

use serde::{Deserialize, Serialize};

use crate::approval::forge::Forge;
use crate::config::place::Repository;

/// The newest deployment of ours says what is live, by the tag that it is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct GitlabDeployment {
    /// `gitlab:GROUP/NAME`, with `@HOST` on an installation of one's own.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub repository: Repository,
    /// The environment as GitLab calls it.
    pub environment: String,
    /// The branch, tag or commit at which the tag of a digest is made.
    #[serde(rename = "ref")]
    pub reference: String,
}

/// The release that is the latest says what is live, by a line of checksums.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct GitlabRelease {
    /// `gitlab:GROUP/NAME`, with `@HOST` on an installation of one's own.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub repository: Repository,
    /// The name of the file that is the artifact, in a line `SHA256  NAME` of
    /// the release's description; `*` and `?` stand for whatever changes with
    /// the version.
    pub asset: String,
}

impl GitlabDeployment {
    /// Its name for people.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{} deployment to {}", self.repository, self.environment)
    }

    pub(super) fn check(&self) -> Result<(), String> {
        on_gitlab(&self.repository)?;
        for (field, text) in [("environment", &self.environment), ("ref", &self.reference)] {
            if text.is_empty() || text.len() > 255 || text.contains(char::is_control) {
                return Err(format!("have a `gitlab-deployment.{field}` that is none"));
            }
        }
        Ok(())
    }
}

impl GitlabRelease {
    /// Its name for people.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{} latest release, {}", self.repository, self.asset)
    }

    pub(super) fn check(&self) -> Result<(), String> {
        on_gitlab(&self.repository)?;
        let is_none = self.asset.is_empty() || self.asset.len() > 255;
        if is_none || self.asset.contains(['/', '\0', '\n']) {
            return Err("have a `gitlab-release.asset` that is no file's name".to_owned());
        }
        Ok(())
    }
}

fn on_gitlab(repository: &Repository) -> Result<(), String> {
    match repository.instance().forge {
        Forge::Gitlab => Ok(()),
        Forge::Github => Err(format!("name `{repository}`, which is not on GitLab")),
    }
}
