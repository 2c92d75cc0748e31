//! Pointers: what says which digest of an artifact is live. One file for each
//! kind that needs more than a few fields.

mod command;
mod git;
mod github;
mod gitlab;
mod mark;
mod request;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use command::Commands;
pub use git::{GitValue, Template};
pub use github::{GithubDeployment, GithubRelease};
pub use gitlab::{GitlabDeployment, GitlabRelease};
pub use mark::{Mark, Shape};
pub use request::Request;

use crate::name::Name;

/// A pointer, and the artifact that it points at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Target {
    /// What is moved.
    pub pointer: Pointer,
    /// The artifact it points at; may be left out where there is only one.
    pub artifact: Option<Name>,
}

/// What is moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pointer {
    /// A tag of an OCI repository.
    Registry(RegistryTag),
    /// A value in a file of a git repository.
    Git(GitValue),
    /// Whatever two commands of the team's read and move.
    Command(Commands),
    /// The newest deployment on GitHub that succeeded.
    GithubDeployment(GithubDeployment),
    /// The latest release on GitHub.
    GithubRelease(GithubRelease),
    /// The newest deployment on GitLab.
    GitlabDeployment(GitlabDeployment),
    /// The latest release on GitLab.
    GitlabRelease(GitlabRelease),
}

/// A target as it is written: exactly one kind of pointer.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(
    feature = "schema",
    schemars(
        rename = "Target",
        extend("oneOf" = [
            { "required": ["registry"] },
            { "required": ["git"] },
            { "required": ["command"] },
            { "required": ["github-deployment"] },
            { "required": ["github-release"] },
            { "required": ["gitlab-deployment"] },
            { "required": ["gitlab-release"] },
        ])
    )
)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Written {
    /// A tag of an OCI repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registry: Option<RegistryTag>,
    /// A value in a file of a git repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub git: Option<GitValue>,
    /// Whatever two commands of the team's read and move.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<Commands>,
    /// The newest deployment on GitHub that succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub github_deployment: Option<GithubDeployment>,
    /// The latest release on GitHub.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub github_release: Option<GithubRelease>,
    /// The newest deployment on GitLab.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gitlab_deployment: Option<GitlabDeployment>,
    /// The latest release on GitLab.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gitlab_release: Option<GitlabRelease>,
    /// The artifact it points at; may be left out where there is only one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact: Option<Name>,
}

/// A tag in a registry or in an image layout folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RegistryTag {
    /// `HOST/REPOSITORY` or `oci-layout:PATH`.
    pub image: String,
    /// The tag that is moved.
    pub tag: String,
    /// `HOST/REPOSITORY` that images are copied from, with all that is attached
    /// to them, before anything moves; without it they have to be there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}

/// Whether a pointer that was moved can be moved back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Reversible {
    /// At any time.
    #[default]
    Yes,
    /// For a while, as long as what it pointed at is kept.
    Window,
    /// Only by people, who merge a request each way.
    Request,
    /// Never: whoever saw it has it.
    No,
}

impl Reversible {
    /// Whether it is the usual case, about which nothing has to be said.
    #[must_use]
    pub fn is_yes(&self) -> bool {
        *self == Self::Yes
    }
}

impl fmt::Display for Reversible {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Yes => "yes",
            Self::Window => "window",
            Self::Request => "request",
            Self::No => "no",
        })
    }
}

impl Target {
    /// Its name for people, by which a plan knows it again.
    #[must_use]
    pub fn label(&self) -> String {
        match &self.pointer {
            Pointer::Registry(tag) => format!("{}:{}", tag.image, tag.tag),
            Pointer::Git(value) => value.label(),
            Pointer::Command(commands) => commands.name.to_string(),
            Pointer::GithubDeployment(deployment) => deployment.label(),
            Pointer::GithubRelease(release) => release.label(),
            Pointer::GitlabDeployment(deployment) => deployment.label(),
            Pointer::GitlabRelease(release) => release.label(),
        }
    }

    /// Whether it can be moved back once it was moved.
    #[must_use]
    pub const fn reversible(&self) -> Reversible {
        match &self.pointer {
            Pointer::Git(GitValue {
                request: Some(_), ..
            }) => Reversible::Request,
            Pointer::Registry(_)
            | Pointer::Git(_)
            | Pointer::GithubDeployment(_)
            | Pointer::GithubRelease(_)
            | Pointer::GitlabDeployment(_)
            | Pointer::GitlabRelease(_) => Reversible::Yes,
            Pointer::Command(commands) => commands.reversible,
        }
    }

    /// The value in git that it is, if it is one.
    #[must_use]
    pub const fn git(&self) -> Option<&GitValue> {
        match &self.pointer {
            Pointer::Git(value) => Some(value),
            Pointer::Registry(_)
            | Pointer::Command(_)
            | Pointer::GithubDeployment(_)
            | Pointer::GithubRelease(_)
            | Pointer::GitlabDeployment(_)
            | Pointer::GitlabRelease(_) => None,
        }
    }

    /// Where people merge what moves it, if they do.
    #[must_use]
    pub const fn request(&self) -> Option<&Request> {
        match self.git() {
            Some(value) => value.request.as_ref(),
            None => None,
        }
    }

    /// The repository that images are copied from before it is moved.
    #[must_use]
    pub fn source(&self) -> Option<&str> {
        match &self.pointer {
            Pointer::Registry(tag) => tag.from.as_deref(),
            Pointer::Git(_)
            | Pointer::Command(_)
            | Pointer::GithubDeployment(_)
            | Pointer::GithubRelease(_)
            | Pointer::GitlabDeployment(_)
            | Pointer::GitlabRelease(_) => None,
        }
    }

    /// Where a hold is seen beside it.
    #[must_use]
    pub fn marks(&self) -> &[Mark] {
        self.git().map_or(&[], |value| value.hold.as_slice())
    }

    /// What a job needs to move it, for people.
    #[must_use]
    pub const fn rights(&self) -> &'static str {
        match &self.pointer {
            Pointer::Registry(_) => "pull and push on the repository",
            Pointer::Git(GitValue { request: None, .. }) => {
                "a git credential that may push to the branch"
            }
            Pointer::Git(_) => {
                "a git credential that may push branches below `liftlock/`, and `pull-requests: write` on GitHub, or the role Developer and the scope `api` on GitLab"
            }
            Pointer::Command(_) => "what its commands need",
            Pointer::GithubDeployment(_) => "`deployments: write`",
            Pointer::GithubRelease(_) => "`contents: write`",
            Pointer::GitlabDeployment(_) | Pointer::GitlabRelease(_) => {
                "the role Developer and the scope `api`"
            }
        }
    }

    /// Checks what types alone cannot say.
    pub(super) fn check(&self) -> Result<(), String> {
        match &self.pointer {
            Pointer::Registry(_) => Ok(()),
            Pointer::Git(value) => value.check(),
            Pointer::Command(commands) => commands.check(),
            Pointer::GithubDeployment(deployment) => deployment.check(),
            Pointer::GithubRelease(release) => release.check(),
            Pointer::GitlabDeployment(deployment) => deployment.check(),
            Pointer::GitlabRelease(release) => release.check(),
        }
    }
}

impl TryFrom<Written> for Target {
    type Error = NotOne;

    fn try_from(written: Written) -> Result<Self, NotOne> {
        let ways = [
            written.registry.map(Pointer::Registry),
            written.git.map(Pointer::Git),
            written.command.map(Pointer::Command),
            written.github_deployment.map(Pointer::GithubDeployment),
            written.github_release.map(Pointer::GithubRelease),
            written.gitlab_deployment.map(Pointer::GitlabDeployment),
            written.gitlab_release.map(Pointer::GitlabRelease),
        ];
        let mut ways = ways.into_iter().flatten();
        match (ways.next(), ways.next()) {
            (Some(pointer), None) => Ok(Self {
                pointer,
                artifact: written.artifact,
            }),
            (_, _) => Err(NotOne),
        }
    }
}

impl From<Target> for Written {
    fn from(target: Target) -> Self {
        let written = Self {
            artifact: target.artifact,
            ..Self::default()
        };
        match target.pointer {
            Pointer::Registry(tag) => Self {
                registry: Some(tag),
                ..written
            },
            Pointer::Git(value) => Self {
                git: Some(value),
                ..written
            },
            Pointer::Command(commands) => Self {
                command: Some(commands),
                ..written
            },
            Pointer::GithubDeployment(deployment) => Self {
                github_deployment: Some(deployment),
                ..written
            },
            Pointer::GithubRelease(release) => Self {
                github_release: Some(release),
                ..written
            },
            Pointer::GitlabDeployment(deployment) => Self {
                gitlab_deployment: Some(deployment),
                ..written
            },
            Pointer::GitlabRelease(release) => Self {
                gitlab_release: Some(release),
                ..written
            },
        }
    }
}

/// A target is none, or several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a target needs exactly one of registry, git, command, github-deployment, github-release, gitlab-deployment, gitlab-release"
)]
pub struct NotOne;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    fn read(text: &str) -> Result<Target, String> {
        let target: Target = yaml::parse(text).map_err(|error| error.to_string())?;
        target.check()?;
        Ok(target)
    }

    #[test]
    fn a_target_is_exactly_one_pointer() {
        let registry = "registry: { image: a/b, tag: live }";
        let git = "git: { repo: ../d.git, branch: main, file: a/v.yaml, path: image.digest }";
        let command = "command: { name: alias, read: [r], point: [p], reversible: yes }";
        let labels = [
            (registry, "a/b:live"),
            (git, "../d.git#main:a/v.yaml image.digest"),
            (command, "alias"),
            (
                "github-deployment: { repository: github:Acme/shop, environment: Production, ref: main }",
                "github:acme/shop deployment to Production",
            ),
            (
                "github-release: { repository: github:acme/shop, asset: shop-*.tgz }",
                "github:acme/shop latest release, shop-*.tgz",
            ),
            (
                "gitlab-deployment: { repository: gitlab:acme/shop, environment: live, ref: main }",
                "gitlab:acme/shop deployment to live",
            ),
            (
                "gitlab-release: { repository: gitlab:acme/shop@gitlab.acme.example, asset: shop }",
                "gitlab:acme/shop@gitlab.acme.example latest release, shop",
            ),
        ];
        for (text, label) in labels {
            let target = read(&format!("{{ {text}, artifact: api }}")).unwrap();
            assert_eq!(target.label(), label);
            assert_eq!(target.reversible(), Reversible::Yes);
            let written = serde_json::to_string(&target).unwrap();
            assert_eq!(read(&written).unwrap(), target);
        }
        for text in [
            "{}".to_owned(),
            "artifact: api".to_owned(),
            format!("{{ {registry}, {git} }}"),
            format!("{{ {git}, {command} }}"),
        ] {
            let error = read(&text).unwrap_err();
            assert!(error.contains("exactly one of registry, git"), "{error}");
        }
        let error = read("gti: {}").unwrap_err();
        assert!(error.ends_with("did you mean `git`?"), "{error}");
    }

    #[test]
    fn what_can_only_be_moved_once_says_so() {
        let of = |word: &str| {
            let text = format!("command: {{ name: x, read: [r], point: [p], reversible: {word} }}");
            read(&text).map(|target| target.reversible())
        };
        assert_eq!(of("no"), Ok(Reversible::No));
        assert_eq!(of("window"), Ok(Reversible::Window));
        assert!(of("request").is_err());
        assert!(of("maybe").is_err());
        assert!(read("command: { name: x, read: [r], point: [p] }").is_err());
    }

    #[test]
    fn what_people_merge_is_moved_back_by_people() {
        let text = "git: { repo: ../d.git, branch: main, file: v.yaml, path: a, \
                    request: { repository: 'github:Acme/deploy', within: 4h } }";
        let target = read(text).unwrap();
        assert_eq!(target.reversible(), Reversible::Request);
        let request = target.request().unwrap();
        assert_eq!(request.repository.to_string(), "github:acme/deploy");
        let written = serde_json::to_string(&target).unwrap();
        assert_eq!(read(&written).unwrap(), target);
    }

    #[test]
    fn what_is_not_on_the_named_forge_is_refused() {
        for text in [
            "github-deployment: { repository: gitlab:acme/shop, environment: p, ref: main }",
            "github-deployment: { repository: acme/shop, environment: p, ref: main }",
            "github-deployment: { repository: github:acme/shop, environment: '', ref: main }",
            "github-deployment: { repository: github:acme/shop, environment: p, ref: '' }",
            "github-deployment: { repository: github:acme/shop, environment: p }",
            "github-release: { repository: gitlab:acme/shop, asset: shop }",
            "github-release: { repository: github:acme/shop, asset: a/b }",
            "github-release: { repository: github:acme/shop, asset: '' }",
            "github-release: { repository: github:acme/shop }",
            "gitlab-deployment: { repository: github:acme/shop, environment: p, ref: main }",
            "gitlab-deployment: { repository: gitlab:acme/shop, environment: '', ref: main }",
            "gitlab-deployment: { repository: gitlab:acme/shop, environment: p, ref: '' }",
            "gitlab-deployment: { repository: gitlab:acme/shop, environment: p }",
            "gitlab-release: { repository: github:acme/shop, asset: shop }",
            "gitlab-release: { repository: gitlab:acme/shop, asset: '' }",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
