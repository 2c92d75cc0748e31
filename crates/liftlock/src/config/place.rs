//! Where a policy lets people be asked on a forge, and what they have to be
//! allowed there. Repositories are named like `github:acme/shop`, and
//! `gitlab:acme/back/shop@gitlab.example.com` on an installation of one's own,
//! on either forge.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::approval::Approval;
use super::tighten::{Loosened, loosened};
use crate::approval::forge::{Forge, Instance, LEAST, Permission};

/// A repository on a forge. Forges take names in any case, so two that differ
/// only in it are one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Repository {
    forge: Forge,
    host: Option<String>,
    path: String,
}

impl Repository {
    /// The one at a path, whether or not there can be such a one.
    #[must_use]
    pub fn on(instance: &Instance, path: &str) -> Self {
        Self {
            forge: instance.forge,
            host: instance.host.as_ref().map(|host| host.to_ascii_lowercase()),
            path: path.to_ascii_lowercase(),
        }
    }

    /// The path on it, such as `acme/shop`, in small letters.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The installation that it is on.
    #[must_use]
    pub fn instance(&self) -> Instance {
        Instance {
            forge: self.forge,
            host: self.host.clone(),
        }
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.forge.word(), self.path)?;
        match &self.host {
            Some(host) => write!(formatter, "@{host}"),
            None => Ok(()),
        }
    }
}

impl From<Repository> for String {
    fn from(repository: Repository) -> Self {
        repository.to_string()
    }
}

impl TryFrom<String> for Repository {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl FromStr for Repository {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let found = placed(text);
        let found = found.filter(|(on, path)| on.forge.has_depth(path.split('/').count()));
        let (instance, path) = found.ok_or_else(|| ParseError(text.to_owned()))?;
        Ok(Self::on(&instance, path))
    }
}

/// What `FORGE:PATH` or `FORGE:PATH@HOST` names, whatever the path's depth.
pub(super) fn placed(text: &str) -> Option<(Instance, &str)> {
    let (forge, path) = text.split_once(':')?;
    let forge = Forge::named(forge)?;
    let (path, instance) = match path.split_once('@') {
        None => (path, forge.into()),
        Some((path, host)) => (path, Instance::at(forge, host)?),
    };
    path.split('/').all(is_part).then_some((instance, path))
}

/// Whether it may be a part of a path on a forge.
pub(super) fn is_part(part: &str) -> bool {
    let known = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    !part.is_empty() && !part.starts_with('.') && part.chars().all(known)
}

impl Approval {
    /// What an account has to be allowed for its answers to count.
    #[must_use]
    pub fn least(&self) -> Permission {
        self.permission.unwrap_or(LEAST)
    }

    /// Why nothing can pass that was asked in this repository, if so: the
    /// request names it, and whoever made the request may own another one.
    #[must_use]
    pub fn misplaced(&self, instance: &Instance, repository: &str) -> Option<String> {
        let repository = Repository::on(instance, repository);
        let named = self.at.as_ref();
        (!named.is_some_and(|named| named.contains(&repository)))
            .then(|| format!("the policy does not let people be asked in {repository}"))
    }
}

/// Where the policy names no repository, the file may name none either.
pub(super) fn fewer(
    policy: Option<&BTreeSet<Repository>>,
    local: Option<BTreeSet<Repository>>,
) -> Result<Option<BTreeSet<Repository>>, Loosened> {
    let Some(local) = local else {
        return Ok(policy.cloned());
    };
    let known = |one: &&Repository| policy.is_some_and(|policy| policy.contains(*one));
    match local.iter().find(|one| !known(one)) {
        Some(other) => Err(loosened(
            "approval.at",
            "without it",
            format!("with {other}"),
        )),
        None => Ok(Some(local)),
    }
}

/// No repository on a forge.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no repository like `github:OWNER/NAME` or `gitlab:GROUP/NAME`")]
pub struct ParseError(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_named_whole_and_in_any_case() {
        let one: Repository = "github:Acme/Shop".parse().unwrap();
        assert_eq!(one.to_string(), "github:acme/shop");
        assert_eq!(one, "github:acme/shop".parse().unwrap());
        let own: Repository = "gitlab:acme/back/Shop@GitLab.acme.example:8443"
            .parse()
            .unwrap();
        assert_eq!(
            own.to_string(),
            "gitlab:acme/back/shop@gitlab.acme.example:8443"
        );
        assert_ne!(own, "gitlab:acme/back/shop".parse().unwrap());
        let public = "gitlab:acme/shop@gitlab.com".parse::<Repository>();
        assert_eq!(public.unwrap(), "gitlab:acme/shop".parse().unwrap());
        let own: Repository = "github:acme/shop@GitHub.acme.example".parse().unwrap();
        assert_eq!(own.to_string(), "github:acme/shop@github.acme.example");
        assert_ne!(own, "github:acme/shop".parse().unwrap());
        for wrong in [
            "",
            "acme/shop",
            "github:acme",
            "github:acme/shop/x",
            "github:acme/",
            "github:acme/..",
            "github:acme/sh\u{43e}p",
            "github:*/*",
            "gitea:acme/shop",
            "gitlab:shop",
            "gitlab:acme/shop@",
            "gitlab:acme/shop@a b",
            "gitlab:acme/shop@a@b",
            "github:acme/shop@",
        ] {
            assert!(wrong.parse::<Repository>().is_err(), "{wrong}");
        }
    }
}
