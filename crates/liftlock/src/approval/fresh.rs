//! Whether what people said on a forge still holds when it is used. A forge can
//! take an answer away that an approval holds; it cannot add one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::answer::{Answer, Heard, Say};
use super::decide::Judgement;
use super::forge::{self, Event, Instance};
use super::groups::Groups;
use super::policy::Policy;
use super::predicate::Approval;
use super::request::Identified;
use crate::config::group::Handle;
use crate::digest::Digest;
use crate::name::Name;
use crate::time::Time;

/// Whether forges are asked again when an approval is used; ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Freshness {
    /// They are, and where one cannot be reached the approval stands as it is.
    IfReachable,
    /// They are, and what none of them confirms does not count.
    Required,
}

impl fmt::Display for Freshness {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::IfReachable => "if-reachable",
            Self::Required => "required",
        })
    }
}

/// What forges have to be asked about an approval.
#[derive(Clone, Debug)]
pub struct Questions {
    /// The request that was answered.
    pub asked: Identified,
    /// The answers on its forge by which it passes.
    pub events: Vec<Event>,
    /// The teams that somebody counts for.
    pub teams: BTreeSet<Handle>,
}

impl Questions {
    /// What has to be asked about those who count: each yes of theirs on a
    /// forge, and each team that they belong to by the word of the judge.
    pub(super) fn of(
        approval: &Approval,
        asked: Identified,
        (policy, then): (&Policy, &Judgement),
    ) -> Self {
        let people: BTreeSet<&Name> = then.counted.iter().map(|one| &one.person).collect();
        let places: BTreeSet<&Name> = then.counted.iter().map(|one| one.place()).collect();
        let counts = |event: &&Event| match forge::hear(event, &asked, policy) {
            Heard::Told { answer, .. } => {
                answer.answer == Say::Yes && people.contains(&answer.person)
            }
            Heard::Proved { .. } | Heard::Refused { .. } => false,
        };
        let events = approval.events.iter().filter(counts).cloned().collect();
        let belongs = |team: &Handle, accounts: &BTreeSet<u64>| {
            let mut names = accounts
                .iter()
                .filter_map(|account| policy.keyring.account_at(&team.instance(), *account));
            names.any(|name| places.contains(name))
        };
        let teams = approval.groups.iter().flat_map(|groups| &groups.teams);
        let teams = teams.filter(|(team, accounts)| belongs(team, accounts));
        Self {
            events,
            teams: teams.map(|(team, _)| team.clone()).collect(),
            asked,
        }
    }

    /// Whether there is nothing to ask: nobody answered on a forge.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.teams.is_empty()
    }
}

/// What forges show now.
#[derive(Clone, Debug)]
pub struct Shown {
    /// What it means when one does not say.
    pub freshness: Freshness,
    /// An answer by the digest of its event → as it is now; nothing where it
    /// is gone.
    pub events: BTreeMap<Digest, Option<Event>>,
    /// Team → the accounts of its members.
    pub teams: BTreeMap<Handle, BTreeSet<u64>>,
}

impl Shown {
    /// What is known before anybody was asked.
    #[must_use]
    pub const fn nothing(freshness: Freshness) -> Self {
        Self {
            freshness,
            events: BTreeMap::new(),
            teams: BTreeMap::new(),
        }
    }

    /// As [`forge::hear`], of an event that the judge saw, while it still stands.
    pub(super) fn hear(&self, event: &Event, asked: &Identified, policy: &Policy) -> Heard {
        let heard = forge::hear(event, asked, policy);
        let Heard::Told { answer, bundle } = heard else {
            return heard;
        };
        match self.stands(event, &answer, (asked, policy)) {
            Ok(()) => Heard::Told { answer, bundle },
            Err(why) => Heard::Refused {
                claimed: Some(answer.person),
                why,
                bundle,
            },
        }
    }

    /// A no stands whatever becomes of it.
    fn stands(
        &self,
        event: &Event,
        answer: &Answer,
        (asked, policy): (&Identified, &Policy),
    ) -> Result<(), String> {
        if answer.answer == Say::No {
            return Ok(());
        }
        let forge = event.forge.title();
        let now = match (self.events.get(&event.digest()), self.freshness) {
            (Some(Some(now)), _) => now,
            (Some(None), _) => return Err(format!("{forge} does not show it any more")),
            (None, Freshness::IfReachable) => return Ok(()),
            (None, Freshness::Required) => {
                return Err(format!("{forge} was not asked whether it still stands"));
            }
        };
        if now.account != event.account {
            return Err("another account wrote it".to_owned());
        }
        let same = Digest::of(now.body.as_bytes()) == Digest::of(event.body.as_bytes());
        match forge::hear(now, asked, policy) {
            Heard::Told { answer: found, .. } if same && *found == *answer => Ok(()),
            Heard::Told { .. } | Heard::Proved { .. } => {
                Err("it says something else now".to_owned())
            }
            Heard::Refused { why, .. } => Err(why),
        }
    }

    /// The groups with those of their members who still are some.
    pub(super) fn groups(&self, then: Option<Groups>) -> Option<Groups> {
        let mut groups = then?;
        for (team, accounts) in &mut groups.teams {
            self.keep(team, accounts);
        }
        for change in groups.changes.values_mut() {
            let on = change.compared.repository.instance();
            for owner in change.sets.iter_mut().flat_map(|set| &mut set.owners) {
                let team = team(&on, &owner.owner);
                // On GitLab a name alone may be a person's or a group's.
                let team = team.filter(|team| team.is_below() || groups.teams.contains_key(team));
                if let Some(team) = team {
                    self.keep(&team, &mut owner.accounts);
                }
            }
        }
        Some(groups)
    }

    fn keep(&self, team: &Handle, accounts: &mut BTreeSet<u64>) {
        match (self.teams.get(team), self.freshness) {
            (Some(members), _) => accounts.retain(|account| members.contains(account)),
            (None, Freshness::IfReachable) => {}
            (None, Freshness::Required) => accounts.clear(),
        }
    }
}

/// The team or group that an owner of paths is, as CODEOWNERS writes it.
fn team(on: &Instance, owner: &str) -> Option<Handle> {
    Handle::on(on, owner.strip_prefix('@')?).ok()
}

/// That forges were asked again about an approval, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AskedAgain {
    /// When.
    pub at: Time,
    /// The request that was answered.
    pub request: Digest,
    /// How many answers were asked about, and confirmed or not.
    pub answers: usize,
    /// Whose answers do not hold any more, and why, where enough others do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fallen: Vec<String>,
    /// Why not everything could be asked; then the rest counts as the judge saw it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unreached: Option<String>,
}

impl fmt::Display for AskedAgain {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(why) = &self.unreached {
            return write!(
                formatter,
                "not all of it could be asked again, so it counts as it was judged: {why}"
            );
        }
        let plural = if self.answers == 1 { "" } else { "s" };
        write!(
            formatter,
            "asked again about {} answer{plural}",
            self.answers
        )?;
        match self.fallen.as_slice() {
            [] => Ok(()),
            fallen => write!(formatter, ", without {}", fallen.join("; ")),
        }
    }
}

#[cfg(test)]
mod tests;
