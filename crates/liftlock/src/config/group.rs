//! Where the members of a group are written: in the rule, in a team on a
//! forge, or in the file with the owners of what changed.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::approval::Rule;
use crate::approval::forge::Forge;
use crate::approval::seats::Overlap;
use crate::name::Name;

/// The longest owner or name on a forge, in bytes: GitHub takes 39 and 100.
const LONGEST: usize = 100;

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
    /// The repository, as `github:OWNER/NAME`.
    pub repository: Handle,
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

/// Something below an owner on a forge, such as the team `github:acme/security`.
/// It is kept in small letters, as GitHub tells no others apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Handle {
    forge: Forge,
    owner: String,
    name: String,
}

impl Handle {
    /// Something on GitHub.
    ///
    /// # Errors
    ///
    /// Fails on an owner or name that GitHub cannot have.
    pub fn github(owner: &str, name: &str) -> Result<Self, NoHandle> {
        format!("github:{owner}/{name}").parse()
    }

    /// On which forge.
    #[must_use]
    pub const fn forge(&self) -> Forge {
        self.forge
    }

    /// The owner, and the name below it.
    #[must_use]
    pub fn parts(&self) -> (&str, &str) {
        (&self.owner, &self.name)
    }

    /// As the forge writes it, `OWNER/NAME`.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }
}

impl FromStr for Handle {
    type Err = NoHandle;

    fn from_str(text: &str) -> Result<Self, NoHandle> {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        let plain = |part: &str| {
            (1..=LONGEST).contains(&part.len()) && !part.starts_with('.') && part.bytes().all(known)
        };
        let path = text.strip_prefix("github:");
        let parts = path.and_then(|path| path.split_once('/'));
        match parts.filter(|(owner, name)| plain(owner) && plain(name)) {
            Some((owner, name)) => Ok(Self {
                forge: Forge::Github,
                owner: owner.to_ascii_lowercase(),
                name: name.to_ascii_lowercase(),
            }),
            None => Err(NoHandle(text.chars().take(200).collect())),
        }
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
        let forge = self.forge.word();
        write!(formatter, "{forge}:{}/{}", self.owner, self.name)
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
            "pattern": "^github:[A-Za-z0-9_-][A-Za-z0-9._-]*/[A-Za-z0-9_-][A-Za-z0-9._-]*$"
        })
    }
}

/// The text names nothing on a forge that this version knows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not `github:OWNER/NAME`, the only form that is known")]
pub struct NoHandle(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_built_is_a_handle() {
        let handle: Handle = "github:Acme/Security.Team".parse().unwrap();
        assert_eq!(handle.parts(), ("acme", "security.team"));
        assert_eq!(handle.to_string().parse::<Handle>().unwrap(), handle);
        for wrong in [
            "",
            "acme/security",
            "gitlab:acme/security",
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
