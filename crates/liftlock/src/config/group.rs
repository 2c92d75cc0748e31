//! Where the members of a group are written: in the rule, in a team on a
//! forge, or in the file with the owners of what changed.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::approval::Rule;
use super::place::{self, Repository};
use crate::approval::forge::{Forge, Instance};
use crate::approval::seats::Overlap;
use crate::name::Name;

/// The longest part of a path on a forge, in bytes: GitHub takes 39 and 100 of
/// an organisation and a team, GitLab 255 of a group.
const LONGEST: usize = 255;

/// The longest path: GitLab has 20 groups below each other at most.
const LONGEST_PATH: usize = 1_024;

/// Where the members of a group are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Group {
    /// In the rule itself, as ids of `people:`.
    People(BTreeSet<Name>),
    /// In a team: those of its members whose accounts `people:` names.
    Team(Handle),
    /// In CODEOWNERS: the owners of the paths that changed.
    Codeowners(Codeowners),
}

/// The owners of the paths that differ between what is live and the release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Codeowners {
    /// The repository, as `github:OWNER/NAME` or `gitlab:GROUP/NAME`.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub repository: Repository,
    /// Who may where a path has no owner; default nobody, so that such a
    /// release is not asked about.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub unowned: BTreeSet<Name>,
}

impl Group {
    /// Whom the rule itself names.
    #[must_use]
    pub fn named(&self) -> BTreeSet<Name> {
        match self {
            Self::People(people) => people.clone(),
            Self::Team(_) => BTreeSet::new(),
            Self::Codeowners(codeowners) => codeowners.unowned.clone(),
        }
    }

    /// Whether somebody has to be asked who belongs to it.
    #[must_use]
    pub const fn is_looked_up(&self) -> bool {
        match self {
            Self::People(_) => false,
            Self::Team(_) | Self::Codeowners(_) => true,
        }
    }

    /// The key it is written with.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        match self {
            Self::People(_) => "people",
            Self::Team(_) => "team",
            Self::Codeowners(_) => "codeowners",
        }
    }
}

/// Refuses rules that could not be told from those which a rule by CODEOWNERS
/// becomes; the error names the field.
pub(super) fn check_owners(rules: &[Rule], overlap: Overlap) -> Result<(), (&'static str, String)> {
    const LONGEST: usize = 48;
    let fault = |why: &str| Err(("approval.codeowners", why.to_owned()));
    for rule in rules {
        let Group::Codeowners(_) = rule.group else {
            continue;
        };
        let prefix = format!("{}.", rule.name);
        if rule.name.as_str().len() > LONGEST {
            return fault("needs a rule with a name of at most 48 letters");
        }
        if rules
            .iter()
            .any(|other| other.name.as_str().starts_with(&prefix))
        {
            return fault("becomes rules whose names begin as that of another rule");
        }
        if overlap == Overlap::Distinct {
            return fault("does not go with `distinct`: who owns much would count once");
        }
    }
    Ok(())
}

/// A team on GitHub, or a group on GitLab, such as `github:acme/security` and
/// `gitlab:acme/back/dba@gitlab.example.com`. It is kept in small letters, as
/// forges tell no others apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Handle {
    forge: Forge,
    host: Option<String>,
    path: String,
}

impl Handle {
    /// The one at a path on an installation.
    ///
    /// # Errors
    ///
    /// Fails on a path that the forge cannot have: a team of GitHub has an
    /// organisation and a name, a group of GitLab at least a name.
    pub fn on(instance: &Instance, path: &str) -> Result<Self, NoHandle> {
        let parts: Vec<&str> = path.split('/').collect();
        let deep = match instance.forge {
            Forge::Github => parts.len() == 2,
            Forge::Gitlab => true,
        };
        let fits = |part: &&str| place::is_part(part) && part.len() <= LONGEST;
        if !deep || path.len() > LONGEST_PATH || !parts.iter().all(fits) {
            return Err(NoHandle(path.chars().take(200).collect()));
        }
        Ok(Self {
            forge: instance.forge,
            host: instance.host.clone(),
            path: path.to_ascii_lowercase(),
        })
    }

    /// The installation that it is on.
    #[must_use]
    pub fn instance(&self) -> Instance {
        Instance {
            forge: self.forge,
            host: self.host.clone(),
        }
    }

    /// As the forge writes it.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The first part of its path, and the rest: on GitHub the organisation and
    /// the team.
    #[must_use]
    pub fn parts(&self) -> (&str, &str) {
        self.path.split_once('/').unwrap_or((&self.path, ""))
    }

    /// Whether it is below something else, so that no person has this name.
    #[must_use]
    pub fn is_below(&self) -> bool {
        self.path.contains('/')
    }
}

impl FromStr for Handle {
    type Err = NoHandle;

    fn from_str(text: &str) -> Result<Self, NoHandle> {
        let wrong = || NoHandle(text.chars().take(200).collect());
        let (instance, path) = place::placed(text).ok_or_else(wrong)?;
        Self::on(&instance, path).map_err(|_path| wrong())
    }
}

impl TryFrom<String> for Handle {
    type Error = NoHandle;

    fn try_from(text: String) -> Result<Self, NoHandle> {
        text.parse()
    }
}

impl From<Handle> for String {
    fn from(handle: Handle) -> Self {
        handle.to_string()
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.instance().account(&self.path))
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Handle {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Handle".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
        "pattern": "^(github:[A-Za-z0-9_-][A-Za-z0-9._-]*/[A-Za-z0-9_-][A-Za-z0-9._-]*|gitlab:[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*)(@.+)?$"
        })
    }
}

/// The text names no team or group.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no team such as `github:ORGANISATION/TEAM` and no group such as `gitlab:GROUP`")]
pub struct NoHandle(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_team_and_a_group_are_named_with_their_forge() {
        let handle: Handle = "github:Acme/Security.Team".parse().unwrap();
        assert_eq!(handle.parts(), ("acme", "security.team"));
        assert_eq!(handle.to_string().parse::<Handle>().unwrap(), handle);
        for (text, path) in [
            ("gitlab:Acme", "acme"),
            ("gitlab:acme/back/dba", "acme/back/dba"),
            ("gitlab:acme/dba@gitlab.example.com", "acme/dba"),
            ("github:acme/dba@github.example.com", "acme/dba"),
        ] {
            let handle: Handle = text.parse().unwrap();
            assert_eq!(handle.path(), path);
            assert_eq!(handle.to_string(), text.to_ascii_lowercase());
        }
        let public: Handle = "gitlab:acme@gitlab.com".parse().unwrap();
        assert_eq!(public.to_string(), "gitlab:acme");
        for wrong in [
            "",
            "acme/security",
            "gitlab:",
            "gitlab:acme/",
            "gitlab:acme/..",
            "gitlab:acme@",
            "github:acme/security@",
            "github:acme",
            "github:acme/",
            "github:/security",
            "github:acme/security/x",
            "github:acme/..",
            "github:acme/a b",
            "github:acme/a?x",
            "GitHub:acme/security",
        ] {
            assert!(wrong.parse::<Handle>().is_err(), "{wrong}");
        }
    }
}
