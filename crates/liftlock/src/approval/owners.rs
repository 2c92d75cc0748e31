//! The owners of what changed, as rules: every set of owners is a group, and
//! each of them has to be heard. The file is the one of what is live, since a
//! change that could name its own owners would need none.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::seats;
use crate::approval::forge::Forge;
use crate::codeowners::{self, Owner};
use crate::config::approval::Rule;
use crate::config::group::Codeowners;
use crate::config::place::Repository;
use crate::config::trust::Keyring;
use crate::digest::Digest;
use crate::failure::{Explain, Kind};
use crate::name::Name;

/// The most paths of a change.
pub const MOST_PATHS: usize = 10_000;

/// The most sets of owners of a change.
pub const MOST_SETS: usize = 200;

/// What was compared with what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Compared {
    /// The repository.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub repository: Repository,
    /// The release that is live; nothing where none is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<Digest>,
    /// The commit that is live, in hex; the file with the owners is its.
    pub from: String,
    /// The commit of the release, in hex.
    pub to: String,
}

impl Compared {
    /// How the forge reads the file with the owners.
    #[must_use]
    pub fn dialect(&self) -> codeowners::Dialect {
        match self.repository.instance().forge {
            Forge::Github => codeowners::Dialect::GitHub,
            Forge::Gitlab => codeowners::Dialect::GitLab,
        }
    }
}

/// What changed, and who owns it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// What was compared.
    pub compared: Compared,
    /// Where the file with the owners is.
    pub file: String,
    /// The SHA-256 of that file.
    pub file_digest: Digest,
    /// How many paths changed.
    pub paths: usize,
    /// The SHA-256 of what `git diff --name-only -z --no-renames` prints.
    pub paths_digest: Digest,
    /// The sets of owners, each of which has to be heard.
    pub sets: Vec<Set>,
    /// How many paths nobody owns.
    pub unowned: usize,
    /// One of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unowned_path: Option<String>,
}

/// Owners of the same paths.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Set {
    /// They.
    pub owners: Vec<Seen>,
    /// How many of them the file wants to be heard.
    pub approvals: u32,
    /// How many paths are theirs.
    pub paths: usize,
    /// One of them.
    pub path: String,
}

/// An owner, as the forge knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// As the file names it.
    pub owner: String,
    /// The account, or those of a team's members that `people:` names; none
    /// for an address.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub accounts: BTreeSet<u64>,
}

/// What is looked at.
#[derive(Clone, Debug)]
pub struct Source {
    /// What was compared.
    pub compared: Compared,
    /// Where the file with the owners is.
    pub path: String,
    /// The file of the live commit.
    pub text: String,
    /// The paths that changed, sorted, each once.
    pub paths: Vec<String>,
}

/// A change whose owners are still to be looked up.
#[derive(Clone, Debug)]
pub struct Found {
    change: Change,
    sets: BTreeMap<BTreeSet<Owner>, Set>,
}

/// Finds the owners of what changed.
///
/// A set of owners is left out where another one is a part of it and no easier
/// to please: whoever is heard for that is heard for it.
///
/// # Errors
///
/// Fails on a file that cannot be relied on, and on more paths or sets than
/// [`MOST_PATHS`] and [`MOST_SETS`].
pub fn find(source: &Source) -> Result<Found, Error> {
    let paths: Vec<&str> = source.paths.iter().map(String::as_str).collect();
    if paths.len() > MOST_PATHS {
        return Err(Error::Paths(paths.len()));
    }
    let file = codeowners::Codeowners::parse(&source.text, source.compared.dialect())?;
    let ownership = file.owners(&paths)?;
    let sets = smallest(&ownership);
    if sets.len() > MOST_SETS {
        return Err(Error::Sets(sets.len()));
    }
    let mut printed = paths.join("\0");
    if !paths.is_empty() {
        printed.push('\0');
    }
    let change = Change {
        compared: source.compared.clone(),
        file: source.path.clone(),
        file_digest: Digest::of(source.text.as_bytes()),
        paths: paths.len(),
        paths_digest: Digest::of(printed.as_bytes()),
        sets: Vec::new(),
        unowned: ownership.unowned.len(),
        unowned_path: ownership.unowned.first().map(|path| (*path).to_owned()),
    };
    Ok(Found { change, sets })
}

impl Found {
    /// Whoever has to be looked up, each once.
    #[must_use]
    pub fn owners(&self) -> BTreeSet<&Owner> {
        self.sets.keys().flatten().collect()
    }

    /// The change with the accounts of its owners, as [`Self::owners`] has them
    /// looked up; whoever has no account has none of them.
    ///
    /// # Errors
    ///
    /// Fails on an owner whom nobody looked up.
    pub fn with(self, accounts: &BTreeMap<Owner, BTreeSet<u64>>) -> Result<Change, Error> {
        let mut change = self.change;
        for (owners, mut set) in self.sets {
            let seen = owners.into_iter().map(|owner| {
                let known = accounts.get(&owner).cloned();
                let accounts = known.ok_or_else(|| Error::Owner(owner.to_string()))?;
                let owner = owner.to_string();
                Ok(Seen { owner, accounts })
            });
            set.owners = seen.collect::<Result<_, Error>>()?;
            change.sets.push(set);
        }
        Ok(change)
    }
}

/// The sets of owners that imply all others, in the order of their names.
fn smallest(ownership: &codeowners::Ownership<'_>) -> BTreeMap<BTreeSet<Owner>, Set> {
    let mut sets: BTreeMap<BTreeSet<Owner>, Set> = BTreeMap::new();
    for rule in ownership.rules.iter().filter(|rule| !rule.optional) {
        let owners: BTreeSet<Owner> = rule.owners.iter().cloned().collect();
        let set = sets.entry(owners).or_insert_with(|| Set {
            owners: Vec::new(),
            approvals: 1,
            paths: 0,
            path: rule.paths.first().copied().unwrap_or_default().to_owned(),
        });
        set.approvals = set.approvals.max(rule.approvals);
        set.paths = set.paths.saturating_add(rule.paths.len());
    }
    let all = sets.clone();
    sets.retain(|owners, set| {
        let implied = |(other, by): (&BTreeSet<Owner>, &Set)| {
            other != owners && other.is_subset(owners) && by.approvals >= set.approvals
        };
        !all.iter().any(implied)
    });
    sets
}

impl Change {
    /// The rules that this makes of one of the policy: one for each set of
    /// owners, in the order of the sets, and one for what nobody owns. Nobody
    /// can meet the last where the policy names nobody for it, and neither
    /// where nothing changed.
    #[must_use]
    pub fn rules(
        &self,
        rule: &Rule,
        codeowners: &Codeowners,
        keyring: &Keyring,
    ) -> Vec<seats::Rule> {
        let named = |suffix: &str| format!("{}.{suffix}", rule.name).parse::<Name>();
        let mut rules = Vec::new();
        for (at, set) in self.sets.iter().enumerate() {
            rules.push(seats::Rule {
                name: named(&(at + 1).to_string()).unwrap_or_else(|_long| rule.name.clone()),
                quorum: rule.quorum.max(set.approvals).max(1),
                people: self.people(set, keyring),
            });
        }
        if self.unowned > 0 || self.paths == 0 {
            rules.push(seats::Rule {
                name: named("unowned").unwrap_or_else(|_long| rule.name.clone()),
                quorum: rule.quorum.max(1),
                people: codeowners.unowned.clone(),
            });
        }
        rules
    }

    /// Whoever of `people:` is in a set.
    fn people(&self, set: &Set, keyring: &Keyring) -> BTreeSet<Name> {
        let on = self.compared.repository.instance();
        let owners = set.owners.iter();
        let names = owners.flat_map(|seen| {
            let accounts = seen.accounts.iter();
            let accounts = accounts.filter_map(|account| keyring.account_at(&on, *account));
            accounts.chain(keyring.addressed(&seen.owner))
        });
        names.cloned().collect()
    }

    /// Why nobody could ever meet a rule, if so: for people.
    #[must_use]
    pub fn too_few(
        &self,
        rule: &Rule,
        codeowners: &Codeowners,
        keyring: &Keyring,
    ) -> Option<String> {
        if self.paths == 0 {
            let Compared { from, to, .. } = &self.compared;
            let text =
                format!("no path differs between {from} and {to}, so nobody owns the change");
            return codeowners.unowned.is_empty().then_some(text);
        }
        for set in &self.sets {
            let people = self.people(set, keyring);
            let quorum = rule.quorum.max(set.approvals).max(1);
            if usize::try_from(quorum).is_ok_and(|quorum| quorum <= people.len()) {
                continue;
            }
            let owners: Vec<&str> = set.owners.iter().map(|seen| seen.owner.as_str()).collect();
            return Some(format!(
                "{} of the owners {} of {} have to say yes, and `people` names {} of them",
                quorum,
                owners.join(", "),
                listed(&set.path, set.paths),
                super::groups::told(&people)
            ));
        }
        let path = self.unowned_path.as_deref()?;
        codeowners.unowned.is_empty().then(|| {
            let paths = listed(path, self.unowned);
            format!("nobody owns {paths} by `{}`", self.file)
        })
    }
}

/// One path and how many more, on one line whatever the path is.
fn listed(path: &str, count: usize) -> String {
    let shown = path.escape_debug();
    match count.saturating_sub(1) {
        0 => format!("`{shown}`"),
        more => format!("`{shown}` and {more} other paths"),
    }
}

/// The owners of what changed are not known.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be relied on.
    #[error("the file with the owners cannot be used")]
    File(#[from] codeowners::ParseError),
    /// It cannot be asked.
    #[error("the file with the owners cannot be used")]
    Ask(#[from] codeowners::AskError),
    /// More than are looked at.
    #[error("{0} paths changed, and at most {MOST_PATHS} are looked at")]
    Paths(usize),
    /// More than anybody would ask.
    #[error("what changed has {0} sets of owners, and at most {MOST_SETS} are asked")]
    Sets(usize),
    /// Somebody whom nobody asked the forge about.
    #[error("nobody looked up the owner {0}")]
    Owner(String),
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::File(_) | Self::Ask(_) | Self::Paths(_) | Self::Sets(_) => Kind::Invalid,
            Self::Owner(_) => Kind::Bug,
        }
    }
}

#[cfg(test)]
mod tests;
