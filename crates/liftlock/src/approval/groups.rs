//! Fills rules with the people of their groups. What has to be looked up is
//! kept with the numbers that the forge told, so that it is counted again
//! without asking anybody; a group that nobody looked up has no members.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::owners::Change;
use super::seats;
use crate::config::approval::{Approval, Rule};
use crate::config::group::{Group, Handle};
use crate::config::trust::Keyring;
use crate::name::Name;
use crate::time::Time;

/// What was looked up about the groups of rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Groups {
    /// When the forge was asked first.
    pub seen_at: Time,
    /// Team → the accounts of its active members that `people:` names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub teams: BTreeMap<Handle, BTreeSet<u64>>,
    /// Rule by CODEOWNERS → what changed, and who owns it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub changes: BTreeMap<Name, Change>,
}

impl Groups {
    /// What is known before anything was looked up.
    #[must_use]
    pub const fn seen_at(seen_at: Time) -> Self {
        Self {
            seen_at,
            teams: BTreeMap::new(),
            changes: BTreeMap::new(),
        }
    }
}

/// The rules of an environment as they are asked of people.
#[must_use]
pub fn filled(approval: &Approval, groups: Option<&Groups>, keyring: &Keyring) -> Vec<seats::Rule> {
    let rules = approval.rules.iter();
    let each = rules.map(|rule| filled_by(rule, groups, keyring));
    each.flatten().collect()
}

/// One rule, or several; never none.
fn filled_by(rule: &Rule, groups: Option<&Groups>, keyring: &Keyring) -> Vec<seats::Rule> {
    let people = match &rule.group {
        Group::People(people) => people.clone(),
        Group::Team(team) => {
            let members = groups.and_then(|groups| groups.teams.get(team));
            people(team, members.into_iter().flatten().copied(), keyring)
        }
        Group::Codeowners(owners) => {
            let change = groups.and_then(|groups| groups.changes.get(&rule.name));
            let change = change.filter(|one| one.compared.repository == owners.repository);
            if let Some(change) = change {
                return change.rules(rule, owners, keyring);
            }
            BTreeSet::new()
        }
    };
    vec![seats::Rule {
        name: rule.name.clone(),
        quorum: rule.quorum.max(1),
        people,
    }]
}

/// Whose accounts these are.
fn people(on: &Handle, accounts: impl Iterator<Item = u64>, keyring: &Keyring) -> BTreeSet<Name> {
    let names = accounts.filter_map(|account| keyring.account_at(&on.instance(), account));
    names.cloned().collect()
}

/// Why nobody could ever meet a rule whose group was looked up, if so.
#[must_use]
pub fn too_few(approval: &Approval, groups: &Groups, keyring: &Keyring) -> Option<String> {
    let short = |rule: &Rule| match &rule.group {
        Group::People(_) => None,
        Group::Team(team) => few_members(rule, team, groups, keyring),
        Group::Codeowners(owners) => groups
            .changes
            .get(&rule.name)
            .and_then(|change| change.too_few(rule, owners, keyring)),
    };
    let mut rules = approval.rules.iter();
    rules.find_map(|rule| short(rule).map(|why| format!("by the rule {}, {why}", rule.name)))
}

fn few_members(rule: &Rule, team: &Handle, groups: &Groups, keyring: &Keyring) -> Option<String> {
    let members = groups.teams.get(team).into_iter().flatten();
    let people = people(team, members.copied(), keyring);
    let quorum = rule.quorum.max(1);
    let enough = usize::try_from(quorum).is_ok_and(|quorum| quorum <= people.len());
    let known = told(&people);
    (!enough)
        .then(|| format!("{quorum} have to say yes, and `people` names {known} of the team {team}"))
}

/// Names in a sentence.
pub(super) fn told(people: &BTreeSet<Name>) -> String {
    let names: Vec<&str> = people.iter().map(Name::as_str).collect();
    match names.as_slice() {
        [] => "nobody".to_owned(),
        names => format!("only {}", names.join(", ")),
    }
}
