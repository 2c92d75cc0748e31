//! Who may say yes to this release, and how many have to.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use super::DEFAULT_EXPIRY;
use super::forge::Instance;
use super::groups::{self, Groups};
use super::request::{Place, Spot};
use super::seats::Rule;
use crate::ci::{self, Actor, Did};
use crate::config::approval::Approval;
use crate::config::break_glass::BreakGlass;
use crate::config::trust::{DatedKey, Keyring};
use crate::crypto::PublicKey;
use crate::digest::Digest;
use crate::name::Name;
use crate::release::Release;
use crate::span::Span;
use crate::time::Time;

/// The rules that answers are counted by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The digest of the policy in force.
    pub digest: Digest,
    /// What the environment demands.
    pub approval: Approval,
    /// Its rules with the people of their groups, as tight as flags make them.
    pub rules: Vec<Rule>,
    /// What was looked up about groups, where that was done.
    pub groups: Option<Groups>,
    /// Whose key is whose.
    pub keyring: Keyring,
    /// Who of them may not, for this release, and why.
    pub excluded: BTreeMap<Name, Exclusion>,
    /// The forge where answers count as well, if there is one.
    pub forge: Option<Instance>,
    /// What may be gone past by these rules; nothing where they are those of an
    /// approval.
    pub break_glass: Option<BreakGlass>,
}

/// Why somebody may not approve a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exclusion {
    /// Wrote or committed the change.
    Author,
    /// Signed the release.
    Signer,
    /// Started the run that asks.
    Triggered,
    /// Started that run once more.
    ReRan,
}

impl fmt::Display for Exclusion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Author => "is an author of the change",
            Self::Signer => "signed the release",
            Self::Triggered => "started the run that asks",
            Self::ReRan => "started the run that asks once more",
        })
    }
}

/// What a key is to a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ownership {
    /// This person's alone, and it counts.
    Counts,
    /// This person's, but revoked or not in its time.
    OutOfTime,
    /// Held by somebody else as well.
    Shared,
    /// Not this person's.
    Foreign,
}

impl Policy {
    /// The rules of an environment, before anybody is excluded.
    #[must_use]
    pub fn new(digest: Digest, approval: &Approval, keyring: Keyring) -> Self {
        Self {
            digest,
            rules: approval.filled(),
            groups: None,
            approval: approval.clone(),
            keyring,
            excluded: BTreeMap::new(),
            forge: None,
            break_glass: None,
        }
    }

    /// Rules that only flags gave: their digest covers quorum, people and keys.
    #[must_use]
    pub fn of_flags(approval: &Approval, keyring: Keyring) -> Self {
        let unnamed = Self::new(Digest::of(b""), approval, keyring);
        let keys: BTreeMap<&Name, BTreeSet<Digest>> = unnamed
            .keyring
            .people
            .iter()
            .map(|(name, person)| (name, ids(&person.keys)))
            .collect();
        let canonical = serde_json::json!({
            "rules": unnamed.rules,
            "keys": keys,
        });
        Self {
            digest: Digest::of(canonical.to_string().as_bytes()),
            ..unnamed
        }
    }

    /// The same rules with the people of groups that were looked up.
    #[must_use]
    pub fn knowing(mut self, found: Option<Groups>) -> Self {
        self.rules = groups::filled(&self.approval, found.as_ref(), &self.keyring);
        self.groups = found;
        self
    }

    /// Everybody who may answer by some rule.
    #[must_use]
    pub fn people(&self) -> BTreeSet<Name> {
        let groups = self.rules.iter().map(|rule| &rule.people);
        groups.flatten().cloned().collect()
    }

    /// The rules for one release: neither its authors nor its signers.
    #[must_use]
    pub fn excluding(mut self, release: &Release, signers: &[PublicKey]) -> Self {
        for signer in signers {
            for name in self.holders(signer) {
                self.excluded.insert(name, Exclusion::Signer);
            }
        }
        let authors = release.authors.iter();
        for name in authors.flat_map(|author| self.keyring.known_as(author)) {
            self.excluded.insert(name, Exclusion::Author);
        }
        // An id that has no entry in `people:` is an id all the same.
        for name in self.people() {
            if release.authors.iter().any(|author| author == name.as_str()) {
                self.excluded.insert(name, Exclusion::Author);
            }
        }
        self
    }

    /// The rules for a place on a forge, where answers count as well: of nobody
    /// who wrote the change there, by the number of the account or an address of
    /// a commit, nor of whoever started a deployment that waits there.
    #[must_use]
    pub fn asked_at(mut self, place: Option<&Place>) -> Self {
        let Some(place) = place else {
            return self;
        };
        let instance = place.instance();
        let person = |account: u64| self.keyring.account_at(&instance, account).cloned();
        let authors = place.authors.iter();
        let mut excluded: Vec<(Name, Exclusion)> = authors
            .filter_map(|account| Some((person(*account)?, Exclusion::Author)))
            .collect();
        let mut addresses: Vec<&String> = place.addresses.iter().collect();
        match &place.at {
            Spot::Notes { addresses: own, .. } => addresses.extend(own),
            Spot::Deployment { starters, .. } => {
                let known = starters.iter().filter_map(|account| person(*account));
                excluded.extend(known.map(|name| (name, Exclusion::Triggered)));
            }
            Spot::Comments { .. } | Spot::Reviews { .. } | Spot::Gates { .. } => (),
        }
        let known = addresses.into_iter();
        let known = known.flat_map(|address| self.keyring.known_as(address));
        excluded.extend(known.map(|name| (name, Exclusion::Author)));
        self.excluded.extend(excluded);
        self.forge = Some(instance);
        self
    }

    /// Nor anybody by whom the run came about that asks.
    #[must_use]
    pub fn separating(mut self, actors: &[Actor]) -> Self {
        for actor in actors {
            let why = match actor.did {
                Did::Triggered => Exclusion::Triggered,
                Did::ReRan => Exclusion::ReRan,
            };
            let mut names = self.recognised(actor);
            // An id that has no entry in `people:` is an id all the same.
            let unlisted = self.people().into_iter();
            names.extend(unlisted.filter(|name| {
                let mut accounts = actor.known_as.iter();
                accounts.any(|account| {
                    let login = account.split_once(':').map(|(_, login)| login);
                    login.is_some_and(|login| name.as_str().eq_ignore_ascii_case(login))
                })
            }));
            for name in names {
                self.excluded.entry(name).or_insert(why);
            }
        }
        self
    }

    /// The people whom a CI means.
    fn recognised(&self, actor: &Actor) -> BTreeSet<Name> {
        let names = actor.known_as.iter();
        names.flat_map(|name| self.keyring.known_as(name)).collect()
    }

    /// Who of `people:` an actor surely is. Where a forge tells a number, that
    /// alone says who it is, and all numbers have to be one person's: logins
    /// change hands, and some are made of digits.
    pub(crate) fn surely(&self, actor: &Actor) -> Option<&Name> {
        let numbers = actor.numbers();
        let mut people = self.keyring.people.iter();
        let found = if numbers.is_empty() {
            // What looks like a number here is a login.
            let names = actor.known_as.iter();
            let names: Vec<&String> = names.filter(|name| ci::numbered(name).is_none()).collect();
            people.find(|(id, one)| names.iter().any(|name| one.lists(id, name)))
        } else {
            people.find(|(_, one)| numbers.iter().all(|number| one.has(number)))
        };
        found.map(|(id, _)| id)
    }

    /// The names of whoever had a part in the run and is nobody of `people:`:
    /// it may still be somebody who answers.
    #[must_use]
    pub fn unrecognised(&self, actors: &[Actor]) -> Vec<String> {
        let unknown = actors
            .iter()
            .filter(|actor| self.recognised(actor).is_empty());
        unknown.map(Actor::told).collect()
    }

    /// Why nothing can pass that came about by these, where all of them have to
    /// be known.
    #[must_use]
    pub fn unknown_actor(&self, actors: &[Actor]) -> Option<String> {
        if self.approval.known_actors != Some(true) {
            return None;
        }
        if actors.is_empty() {
            return Some("no CI says who started the run that asks".to_owned());
        }
        let unknown = actors.iter().find(|actor| self.surely(actor).is_none())?;
        Some(format!(
            "{} had a part in the run that asks and is nobody of `people`",
            unknown.told()
        ))
    }

    /// From when on a yes counts to what was asked at a time.
    #[must_use]
    pub fn counts_from(&self, asked_at: Time) -> Time {
        asked_at.after(self.approval.min_look.unwrap_or(Span::ZERO))
    }

    /// How long a request may stay open.
    #[must_use]
    pub fn longest(&self) -> Span {
        self.approval.expires.unwrap_or(DEFAULT_EXPIRY)
    }

    /// Whether the policy asks somebody who is not excluded.
    #[must_use]
    pub fn admits(&self, person: &Name) -> bool {
        let mut groups = self.rules.iter().map(|rule| &rule.people);
        groups.any(|members| members.contains(person)) && !self.excluded.contains_key(person)
    }

    /// Whether somebody may answer in a place at a time: in their own always.
    #[must_use]
    pub fn stands_in(&self, person: &Name, place: &Name, time: Time) -> bool {
        let owner = self.keyring.people.get(place);
        person == place
            || owner.is_some_and(|owner| owner.delegates_at(time).any(|one| one == person))
    }

    /// Those who could answer in a place now: they hold a key that counts or have an account, and
    /// neither they nor whose place it is are excluded.
    #[must_use]
    pub fn answerers(&self, place: &Name, now: Time) -> BTreeSet<Name> {
        if !self.admits(place) {
            return BTreeSet::new();
        }
        let able = |name: &&Name| {
            let person = self.keyring.people.get(*name);
            !self.excluded.contains_key(*name)
                && person.is_some_and(|person| {
                    let mut keys = person.keys.iter().filter(|dated| dated.counts(now));
                    let forge = self.forge.as_ref();
                    let account = forge.is_some_and(|forge| person.has_account(forge));
                    account || keys.any(|dated| dated.key.is_some())
                })
        };
        let people = self.keyring.people.keys();
        people
            .filter(able)
            .filter(|name| self.stands_in(name, place, now))
            .cloned()
            .collect()
    }

    /// The places that somebody could fill.
    #[must_use]
    pub fn eligible(&self, now: Time) -> Vec<Name> {
        let places = self.people().into_iter();
        places
            .filter(|place| !self.answerers(place, now).is_empty())
            .collect()
    }

    /// Whether a key is this person's alone and counts.
    #[must_use]
    pub fn holds(&self, person: &Name, key: &PublicKey, now: Time) -> bool {
        self.ownership(person, key, now) == Ownership::Counts
    }

    /// What a key is to a person.
    pub(super) fn ownership(&self, person: &Name, key: &PublicKey, now: Time) -> Ownership {
        let holders = self.holders(key);
        let trusted = &self.keyring.trusted;
        if !holders.contains(person) {
            Ownership::Foreign
        } else if holders.len() != 1 || trusted.iter().any(|one| has(&one.keys, key)) {
            Ownership::Shared
        } else {
            let keys = self.keyring.people.get(person).map(|person| &person.keys);
            let mut same = keys.into_iter().flatten().filter(|dated| is(dated, key));
            // A key that is listed twice counts only if both entries agree.
            if same.all(|dated| dated.counts(now)) {
                Ownership::Counts
            } else {
                Ownership::OutOfTime
            }
        }
    }

    fn holders(&self, key: &PublicKey) -> BTreeSet<Name> {
        let people = self.keyring.people.iter();
        people
            .filter(|(_, person)| has(&person.keys, key))
            .map(|(name, _)| name.clone())
            .collect()
    }
}

fn is(dated: &DatedKey, key: &PublicKey) -> bool {
    dated.key.as_ref() == Some(key)
}

fn has(keys: &[DatedKey], key: &PublicKey) -> bool {
    keys.iter().any(|dated| is(dated, key))
}

fn ids(keys: &[DatedKey]) -> BTreeSet<Digest> {
    let keys = keys.iter().filter_map(|dated| dated.key.as_ref());
    keys.map(PublicKey::id).collect()
}
