//! Who may make which link of the chain, and from when until when.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::ParseError;
use super::validity;
pub use super::validity::{DatedIdentity, DatedKey};
use crate::approval::forge::{Forge, Instance};
use crate::approval::form::NAMESPACE;
use crate::ci;
use crate::crypto::PublicKey;
use crate::digest::Digest;
use crate::name::Name;
use crate::ssh;
use crate::time::Time;

/// An identity that makes statements.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Trusted {
    /// What people call it.
    pub name: Name,
    /// What it may say.
    pub roles: BTreeSet<Role>,
    /// Its keys.
    #[serde(default)]
    pub keys: Vec<DatedKey>,
    /// The holders of certificates that it signs as.
    #[serde(default)]
    pub identities: Vec<DatedIdentity>,
}

/// A person who may answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Person {
    /// Keys that this person signs answers with.
    pub keys: Vec<DatedKey>,
    /// Addresses that commits carry, so that authors are recognised.
    pub emails: BTreeSet<String>,
    /// Accounts at a CI, by login or number, such as `github:583231`, so that
    /// whoever starts a run is recognised; on an installation of GitLab other
    /// than `gitlab.com` with its host, as `gitlab:1234@gitlab.example.com`.
    pub accounts: BTreeSet<String>,
    /// Who may answer in this person's place, and when.
    pub delegates: Vec<Delegation>,
    /// A list of allowed signers of OpenSSH, relative to the file that says
    /// so: its keys for this person's id or addresses are this person's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed_signers: Option<PathBuf>,
}

impl Person {
    /// Adds the keys that a list of allowed signers has for this person.
    ///
    /// # Errors
    ///
    /// Fails on lines for this person that cannot be used.
    pub fn take_signers(&mut self, id: &Name, list: &str) -> Result<(), ssh::SignersError> {
        let emails = self.emails.iter().map(|email| email.trim());
        let identities: Vec<&str> = std::iter::once(id.as_str()).chain(emails).collect();
        let found = ssh::signers(list, &identities, NAMESPACE)?;
        self.keys.extend(found.into_iter().map(|signer| DatedKey {
            key: Some(signer.key),
            key_file: None,
            valid_from: signer.valid_from,
            valid_until: signer.valid_until,
            revoked_at: None,
        }));
        Ok(())
    }
}

/// Somebody may answer in another's place for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Delegation {
    /// Who may.
    pub to: Name,
    /// From when on.
    pub from: Time,
    /// Not from here on.
    pub until: Time,
}

/// What an identity may say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Signs releases, provenance, SBOMs.
    Builder,
    /// Says what a canary did.
    Canary,
    /// Says what was promoted or rolled back.
    Promotion,
    /// Counts answers.
    Judge,
}

/// Answers who holds a key, and whether it counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keyring {
    /// The identities.
    pub trusted: Vec<Trusted>,
    /// The people.
    pub people: BTreeMap<Name, Person>,
}

impl Keyring {
    /// Every key that counts for a role at `now`.
    #[must_use]
    pub fn keys(&self, role: Role, now: Time) -> Vec<PublicKey> {
        self.trusted
            .iter()
            .filter(|trusted| trusted.roles.contains(&role))
            .flat_map(|trusted| counting(&trusted.keys, now))
            .collect()
    }

    /// Every key of people that counts at `now`, with whose it is.
    #[must_use]
    pub fn people_keys(&self, now: Time) -> Vec<(Name, PublicKey)> {
        self.people
            .iter()
            .flat_map(|(name, person)| counting(&person.keys, now).map(|key| (name.clone(), key)))
            .collect()
    }

    /// The name of whoever holds a key, counting or not.
    #[must_use]
    pub fn holder(&self, key: &PublicKey) -> Option<&Name> {
        let has = |keys: &[DatedKey]| keys.iter().any(|dated| dated.key.as_ref() == Some(key));
        let trusted = self.trusted.iter().find(|trusted| has(&trusted.keys));
        let person = || self.people.iter().find(|(_, person)| has(&person.keys));
        trusted
            .map(|trusted| &trusted.name)
            .or_else(|| person().map(|(name, _)| name))
    }

    /// The person whose account on a forge has this number.
    #[must_use]
    pub fn account(&self, forge: Forge, number: u64) -> Option<&Name> {
        self.account_at(&forge.into(), number)
    }

    /// The person whose account on one installation of a forge has this number.
    #[must_use]
    pub fn account_at(&self, instance: &Instance, number: u64) -> Option<&Name> {
        let found = self.people.iter().find(|(_, person)| {
            let mut numbers = person.numbers(instance);
            numbers.any(|own| own == number)
        });
        found.map(|(name, _)| name)
    }

    /// The numbers of everybody's accounts on one installation.
    #[must_use]
    pub fn numbers(&self, instance: &Instance) -> BTreeSet<u64> {
        let people = self.people.values();
        people.flat_map(|person| person.numbers(instance)).collect()
    }

    /// The person who has an address, in any case; nobody for other texts.
    #[must_use]
    pub fn addressed(&self, address: &str) -> Option<&Name> {
        let wanted = address.trim();
        let found = self.people.iter().find(|(_, person)| {
            let mut emails = person.emails.iter();
            emails.any(|email| email.trim().eq_ignore_ascii_case(wanted))
        });
        let is_address = wanted.find('@').is_some_and(|at| at > 0);
        found.filter(|_| is_address).map(|(name, _)| name)
    }

    /// Everybody whom an entry means: by id, e-mail or account, in any case,
    /// also as git writes it, `Alice <alice@example.org>`.
    #[must_use]
    pub fn known_as(&self, entry: &str) -> BTreeSet<Name> {
        let people = self.people.iter();
        let known = people.filter(|(name, person)| person.is(name, entry));
        known.map(|(name, _)| name.clone()).collect()
    }
}

impl Person {
    /// Whether answers on a forge can be this person's: an account counts by its
    /// number alone, as logins change hands.
    #[must_use]
    pub fn has_account(&self, instance: &Instance) -> bool {
        self.numbers(instance).next().is_some()
    }

    /// Whether an account is listed as this person's.
    pub(crate) fn has(&self, account: &str) -> bool {
        let mut accounts = self.accounts.iter();
        accounts.any(|own| own.trim().eq_ignore_ascii_case(account))
    }

    /// Whether a name that a CI has for somebody is listed as this person's. On
    /// a forge anybody can take the id of another one as a login.
    pub(crate) fn lists(&self, id: &Name, entry: &str) -> bool {
        let word = entry.split_once(':').map_or("", |(word, _)| word);
        match Forge::named(word) {
            Some(_) => self.has(entry),
            None => self.is(id, entry),
        }
    }

    /// The numbers of this person's accounts there.
    pub fn numbers(&self, instance: &Instance) -> impl Iterator<Item = u64> {
        let accounts = self.accounts.iter();
        accounts.filter_map(move |account| instance.number(account))
    }

    /// Those who may answer in this person's place at a time.
    pub(crate) fn delegates_at(&self, time: Time) -> impl Iterator<Item = &Name> {
        let lasting = move |one: &&Delegation| one.from <= time && time < one.until;
        self.delegates.iter().filter(lasting).map(|one| &one.to)
    }

    /// Whether an author's entry or a CI's name for somebody means this person.
    fn is(&self, id: &Name, entry: &str) -> bool {
        let entry = entry.trim();
        let address = entry
            .strip_suffix('>')
            .and_then(|rest| rest.rsplit_once('<'));
        let entry = address.map_or(entry, |(_, address)| address.trim());
        let same = |known: &str| known.trim().eq_ignore_ascii_case(entry);
        let login = entry.split_once(':').map(|(_, login)| login);
        // An id that is somebody's login is taken for theirs: that only takes
        // a right away.
        let by_login = login.is_some_and(|login| id.as_str().eq_ignore_ascii_case(login));
        let hidden = || {
            let mut accounts = hidden(entry).into_iter();
            accounts.any(|account| self.is(id, &account))
        };
        same(id.as_str())
            || self.emails.iter().any(|email| same(email))
            || self.accounts.iter().any(|account| same(account))
            || by_login
            || hidden()
    }
}

/// The accounts in an address by which a forge hides a committer's own:
/// GitHub's `ID+LOGIN@users.noreply.github.com`, and GitLab's
/// `ID-LOGIN@users.noreply.HOST`.
fn hidden(address: &str) -> Vec<String> {
    let folded = address.to_ascii_lowercase();
    match folded.split_once("@users.noreply.") {
        Some((local, "github.com")) => {
            let parts = local.split('+');
            parts.map(|part| format!("github:{part}")).collect()
        }
        Some((local, host)) => {
            let separate = [(Forge::Github, '+'), (Forge::Gitlab, '-')];
            let accounts = separate.into_iter().flat_map(|(forge, between)| {
                let (id, login) = local.split_once(between).unwrap_or((local, local));
                let instance = Instance::at(forge, host);
                instance.map(|there| [id, login].map(|name| there.account(name)))
            });
            accounts.flatten().collect()
        }
        None => Vec::new(),
    }
}

/// The keys that count; one that is listed several times counts in each of
/// its times, until one of the entries revokes it.
fn counting(keys: &[DatedKey], now: Time) -> impl Iterator<Item = PublicKey> {
    let revoked = |key: &PublicKey| {
        let mut same = keys.iter().filter(|dated| dated.key.as_ref() == Some(key));
        same.any(|dated| dated.revoked_at.is_some())
    };
    keys.iter()
        .filter(move |dated| dated.counts(now))
        .filter_map(|dated| dated.key.clone())
        .filter(move |key| !revoked(key))
}

/// Refuses identities whose roles overlap, and keys that two hold.
pub(super) fn check(
    trusted: &[Trusted],
    people: Option<&BTreeMap<Name, Person>>,
) -> Result<(), ParseError> {
    let invalid = |field: String, why: &str| Err(ParseError::Invalid(field, why.to_owned()));
    let mut holders: BTreeMap<Digest, String> = BTreeMap::new();
    let mut claim = |owner: String, keys: &[DatedKey]| {
        for dated in keys {
            if dated.key.is_some() == dated.key_file.is_some() {
                return invalid(
                    owner,
                    "needs exactly one of `key` and `key-file` for each key",
                );
            }
            let Some(key) = &dated.key else { continue };
            if let Some(other) = holders.insert(key.id(), owner.clone())
                && other != owner
            {
                return invalid(owner, &format!("has a key that {other} holds as well"));
            }
        }
        Ok(())
    };
    let mut names = BTreeSet::new();
    for identity in trusted {
        let field = format!("trust.{}", identity.name);
        let groups: BTreeSet<u8> = identity.roles.iter().map(|role| role.group()).collect();
        if groups.len() != 1 {
            return invalid(field, "needs roles of one kind: builder, gate or judge");
        }
        if !names.insert(&identity.name) {
            return invalid(field, "is there twice");
        }
        claim(field, &identity.keys)?;
    }
    validity::apart(trusted, people)?;
    for (name, person) in people.into_iter().flatten() {
        claim(format!("people.{name}"), &person.keys)?;
    }
    delegations(people)?;
    apart(people)
}

/// Refuses a place that is given to oneself, to a stranger or for no time.
fn delegations(people: Option<&BTreeMap<Name, Person>>) -> Result<(), ParseError> {
    let known = |name: &Name| people.is_some_and(|people| people.contains_key(name.as_str()));
    for (name, person) in people.into_iter().flatten() {
        for one in &person.delegates {
            let why = if one.to == *name {
                "is given to the same person"
            } else if !known(&one.to) {
                "is given to somebody who is not in `people`"
            } else if one.until <= one.from {
                "ends before it begins"
            } else {
                continue;
            };
            let field = format!("people.{name}.delegates");
            return Err(ParseError::Invalid(field, why.to_owned()));
        }
    }
    Ok(())
}

/// Refuses addresses and accounts that two people have, or that are a machine's.
fn apart(people: Option<&BTreeMap<Name, Person>>) -> Result<(), ParseError> {
    let mut known = BTreeMap::new();
    for (name, person) in people.into_iter().flatten() {
        let invalid = |why: &str| {
            Err(ParseError::Invalid(
                format!("people.{name}"),
                why.to_owned(),
            ))
        };
        for account in &person.accounts {
            let system = account.split_once(':').map(|(system, _)| system);
            if !system.is_some_and(|system| ci::System::NAMES.contains(&system)) {
                return invalid("needs accounts such as `github:alice` or `gitlab:1234`");
            }
        }
        for one in person.emails.iter().chain(&person.accounts) {
            if ci::is_machine(one) {
                return invalid("has a machine's account: machines do not answer");
            }
            let before = known.insert(one.trim().to_ascii_lowercase(), name);
            if before.is_some_and(|other| other != name) {
                return invalid("has an address or account that somebody else has as well");
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::predicate;

    fn dated(from: Option<&str>, until: Option<&str>, revoked: Option<&str>) -> DatedKey {
        let time = |text: Option<&str>| text.map(|text| text.parse().unwrap());
        DatedKey {
            key: None,
            key_file: None,
            valid_from: time(from),
            valid_until: time(until),
            revoked_at: time(revoked),
        }
    }

    #[test]
    fn a_key_counts_only_in_its_time_and_never_once_revoked() {
        let now = "2026-06-01T00:00:00Z".parse().unwrap();
        let (before, after) = (Some("2026-01-01T00:00:00Z"), Some("2027-01-01T00:00:00Z"));
        let cases = [
            (dated(None, None, None), true),
            (dated(before, after, None), true),
            (dated(after, None, None), false),
            (dated(None, before, None), false),
            (dated(None, None, before), false),
            (dated(None, None, after), false),
        ];
        for (key, counts) in cases {
            assert_eq!(key.counts(now), counts, "{key:?}");
        }
    }

    #[test]
    fn a_canary_identity_cannot_approve() {
        assert_eq!(Role::of_predicate(predicate::APPROVAL), Some(Role::Judge));
        assert_eq!(Role::of_predicate(predicate::CANARY), Some(Role::Canary));
        assert_eq!(Role::of_predicate(predicate::ANSWER), None);
        let newer = predicate::CANARY.replace("v1", "v2");
        assert_eq!(Role::of_predicate(&newer), None);
        assert_eq!(Role::of_predicate(predicate::RELEASE), Some(Role::Builder));
        let both = Trusted {
            name: "ci".parse().unwrap(),
            roles: [Role::Canary, Role::Judge].into(),
            keys: Vec::new(),
            identities: Vec::new(),
        };
        assert!(check(&[both], None).is_err());
        let gates = Trusted {
            name: "ci".parse().unwrap(),
            roles: [Role::Canary, Role::Promotion].into(),
            keys: vec![DatedKey {
                key_file: Some("gates.pub".into()),
                ..dated(None, None, None)
            }],
            identities: Vec::new(),
        };
        assert!(check(&[gates], None).is_ok());
    }

    #[test]
    fn a_key_that_one_entry_revokes_counts_in_none() {
        let key = PublicKey::from_pem(include_str!("../testdata/p256.pub")).unwrap();
        let with = |revoked: Option<&str>| DatedKey {
            key: Some(key.clone()),
            ..dated(None, None, revoked)
        };
        let keyring = |keys: Vec<DatedKey>| Keyring {
            trusted: vec![Trusted {
                name: "ci".parse().unwrap(),
                roles: [Role::Judge].into(),
                keys,
                identities: Vec::new(),
            }],
            people: BTreeMap::new(),
        };
        let now = "2026-06-01T00:00:00Z".parse().unwrap();
        let twice = keyring(vec![with(None), with(None)]);
        assert_eq!(twice.keys(Role::Judge, now).len(), 2);
        let revoked = keyring(vec![with(None), with(Some("2026-05-01T00:00:00Z"))]);
        assert!(revoked.keys(Role::Judge, now).is_empty());
    }

    #[test]
    fn an_author_is_recognised_as_git_writes_it_and_addresses_are_one_persons() {
        let person = |email: &str| Person {
            emails: [email.to_owned()].into(),
            ..Person::default()
        };
        let alice: Name = "alice".parse().unwrap();
        let mut people = BTreeMap::from([(alice.clone(), person("alice@example.org"))]);
        let keyring = Keyring {
            trusted: Vec::new(),
            people: people.clone(),
        };
        let known = [
            "alice",
            "Alice",
            "ALICE@example.org ",
            "A. <alice@example.org>",
        ];
        for author in known {
            assert_eq!(keyring.known_as(author), [alice.clone()].into(), "{author}");
        }
        assert!(keyring.known_as("<alice@example.org> eve").is_empty());
        people.insert("alicia".parse().unwrap(), person("Alice@Example.org"));
        assert!(check(&[], Some(&people)).is_err());
    }

    #[test]
    fn an_account_is_one_persons_and_never_a_machines() {
        let person = |account: &str| Person {
            accounts: [account.to_owned()].into(),
            ..Person::default()
        };
        let (alice, bob): (Name, Name) = ("alice".parse().unwrap(), "bob".parse().unwrap());
        let people = BTreeMap::from([
            (alice.clone(), person("github:583231")),
            (bob.clone(), person("gitlab:bobby")),
        ]);
        check(&[], Some(&people)).unwrap();
        let keyring = Keyring {
            trusted: Vec::new(),
            people: people.clone(),
        };
        let cases = [
            ("github:583231", Some(&alice)),
            ("github:Alice", Some(&alice)),
            ("583231+octocat@users.noreply.github.com", Some(&alice)),
            ("GitLab:Bobby", Some(&bob)),
            ("7-bobby@users.noreply.gitlab.com", Some(&bob)),
            ("7-bobby@users.noreply.gitlab.acme.example", None),
            ("gitlab:583231", None),
            ("github:bobby", None),
            ("583231+octocat@users.noreply.github.com.evil.example", None),
        ];
        for (entry, wanted) in cases {
            let wanted: BTreeSet<Name> = wanted.into_iter().cloned().collect();
            assert_eq!(keyring.known_as(entry), wanted, "{entry}");
        }
        let machines = [
            "github:dependabot[bot]",
            "gitlab:project_7_bot_0ab1",
            "gitlab:gitlab-ci-token",
            "alice",
            "forge:alice",
            "GITHUB:583231",
        ];
        for account in machines {
            let mut wrong = people.clone();
            wrong.insert("carol".parse().unwrap(), person(account));
            assert!(check(&[], Some(&wrong)).is_err(), "{account}");
        }
    }

    #[test]
    fn a_place_is_given_to_somebody_else_who_is_known_and_for_a_while() {
        let with = |to: &str, until: &str| {
            let alice = Person {
                delegates: vec![Delegation {
                    to: to.parse().unwrap(),
                    from: "2026-11-01T00:00:00Z".parse().unwrap(),
                    until: until.parse().unwrap(),
                }],
                ..Person::default()
            };
            BTreeMap::from([
                ("alice".parse::<Name>().unwrap(), alice),
                ("bob".parse().unwrap(), Person::default()),
            ])
        };
        let december = "2026-12-01T00:00:00Z";
        check(&[], Some(&with("bob", december))).unwrap();
        for (to, until) in [
            ("alice", december),
            ("carol", december),
            ("bob", "2026-11-01T00:00:00Z"),
        ] {
            assert!(check(&[], Some(&with(to, until))).is_err(), "{to} {until}");
        }
        let people = with("bob", december);
        let at = |time: &str| people["alice"].delegates_at(time.parse().unwrap()).count();
        let found = ["2026-10-31T23:59:59Z", "2026-11-01T00:00:00Z", december].map(at);
        assert_eq!(found, [0, 1, 0]);
    }
}
