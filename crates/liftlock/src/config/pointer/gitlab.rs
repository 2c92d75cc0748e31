//! A pointer on GitLab: which release is the latest.

use serde::{Deserialize, Serialize};

use crate::approval::forge::Forge;
use crate::config::place::Repository;

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

impl GitlabRelease {
    /// Its name for people.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{} latest release, {}", self.repository, self.asset)
    }

    pub(super) fn check(&self) -> Result<(), String> {
        if self.repository.instance().forge != Forge::Gitlab {
            let repository = &self.repository;
            return Err(format!("name `{repository}`, which is not on GitLab"));
        }
        let is_none = self.asset.is_empty() || self.asset.len() > 255;
        if is_none || self.asset.contains(['/', '\0', '\n']) {
            return Err("have a `gitlab-release.asset` that is no file's name".to_owned());
        }
        Ok(())
    }
}
