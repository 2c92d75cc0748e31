//! Whom the rules know behind a signature, and whether that one may say what
//! was said, at the time it was said.

use super::trust::{Keyring, Role, Trusted};
use super::validity::{self, DatedIdentity, DatedKey, Dates};
use crate::crypto::PublicKey;
use crate::digest::Digest;
use crate::predicate;
use crate::sigstore::identity::{Identity, Known};
use crate::time::Time;

/// An entry of `trust`, with the times in which one holder of it counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing<'a> {
    /// The entry.
    pub entry: &'a Trusted,
    /// The times of the key or identity that signed.
    pub dates: Vec<Dates>,
    holder: &'static str,
    /// Who called the workflow that signed, where the entry does not say who may.
    called_by: Option<String>,
}

impl Standing<'_> {
    /// Whether it may make statements of this role, given all times at which
    /// others saw the signature; without any, as of `now`.
    ///
    /// # Errors
    ///
    /// Fails with the reason when it may not.
    pub fn judge(&self, role: Role, times: &[Time], now: Time) -> Result<(), String> {
        let name = &self.entry.name;
        if !self.entry.roles.contains(&role) {
            return Err(format!("`{name}` signed it, who may not say this"));
        }
        // Who built it is the builder's name alone; everybody else speaks for
        // whoever called it.
        if let Some(caller) = self.called_by.as_ref().filter(|_| role != Role::Builder) {
            return Err(format!(
                "`{name}` signed it in a workflow that anybody may call, and the entry names no \
                 `build-config`: it was begun by {caller}"
            ));
        }
        validity::judge(&self.dates, times, now)
            .map_err(|why| format!("the {} of `{name}` {why}", self.holder))
    }
}

impl Role {
    /// The role that may make statements of a predicate type. Whatever others
    /// define is the builder's to say.
    #[must_use]
    pub fn of_predicate(uri: &str) -> Option<Self> {
        match uri {
            predicate::CANARY => Some(Self::Canary),
            predicate::PROMOTION | predicate::ROLLBACK => Some(Self::Promotion),
            predicate::APPROVAL | predicate::BREAK_GLASS => Some(Self::Judge),
            predicate::RELEASE | predicate::SIGNATURE => Some(Self::Builder),
            // Answers count inside an approval; of what a newer liftlock says
            // nobody here knows who may.
            other if other.starts_with(predicate::OURS) => None,
            _ => Some(Self::Builder),
        }
    }

    /// Roles of one group may share an identity; groups never do.
    pub(super) const fn group(self) -> u8 {
        match self {
            Self::Builder => 0,
            Self::Canary | Self::Promotion => 1,
            Self::Judge => 2,
        }
    }

    /// What the rules call it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Builder => "builder",
            Self::Canary => "canary",
            Self::Promotion => "promotion",
            Self::Judge => "judge",
        }
    }
}

/// Who may make statements of a role at a time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holders {
    /// How many keys.
    pub keys: usize,
    /// The names of workflows and of other holders of certificates.
    pub identities: Vec<String>,
}

impl Keyring {
    /// Everybody who may make statements of a role at `now`.
    #[must_use]
    pub fn holders(&self, role: Role, now: Time) -> Holders {
        let entries = self.trusted.iter();
        let entries = entries.filter(|entry| entry.roles.contains(&role));
        let identities = entries.flat_map(|entry| &entry.identities);
        let counting = identities.filter(|one| one.dates().counts(now));
        let begun_by = |one: &DatedIdentity| match &one.build_config {
            Some(config) => config.to_string(),
            None => one.name.to_string(),
        };
        Holders {
            keys: self.keys(role, now).len(),
            identities: counting.map(begun_by).collect(),
        }
    }

    /// Whether the holder of a certificate may make statements of a role at
    /// `now`.
    ///
    /// # Errors
    ///
    /// Fails with the reason when it may not.
    pub fn may(&self, known: &Known, role: Role, now: Time) -> Result<(), String> {
        let found = self.of_identity(known)?;
        let found = found.ok_or("no entry of `trust` names it")?;
        found.judge(role, &[now], now)
    }

    /// Whether the holder of a key may make statements of a role at `now`.
    ///
    /// # Errors
    ///
    /// Fails with the reason when it may not.
    pub fn key_may(&self, key: &PublicKey, role: Role, now: Time) -> Result<(), String> {
        match (self.of_key(&key.id()), self.holder(key)) {
            (Some(found), _) => found.judge(role, &[], now),
            (None, Some(person)) => Err(format!("it is `{person}`'s, who answers")),
            (None, None) => Err("no entry of `trust` names it".to_owned()),
        }
    }

    /// Whether nobody at all has a role, at any time.
    #[must_use]
    pub fn names_nobody(&self, role: Role) -> bool {
        !self.trusted.iter().any(|entry| entry.roles.contains(&role))
    }

    /// The keys of all entries, whether they count or not.
    #[must_use]
    pub fn all_keys(&self) -> Vec<PublicKey> {
        let all = self.trusted.iter().flat_map(|entry| &entry.keys);
        all.filter_map(|dated| dated.key.clone()).collect()
    }

    /// The identities of all entries, whether they count or not.
    #[must_use]
    pub fn all_identities(&self) -> Vec<Identity> {
        let all = self.trusted.iter().flat_map(|entry| &entry.identities);
        all.map(DatedIdentity::identity).collect()
    }

    /// The entry that has the key with this digest, if one has.
    #[must_use]
    pub fn of_key(&self, id: &Digest) -> Option<Standing<'_>> {
        self.trusted.iter().find_map(|entry| {
            let same = |dated: &&DatedKey| dated.key.as_ref().is_some_and(|key| key.id() == *id);
            let dates = entry.keys.iter().filter(same).map(DatedKey::dates);
            Standing::of(entry, dates.collect(), "key")
        })
    }

    /// The entry that has the holder of a certificate, if one has.
    ///
    /// # Errors
    ///
    /// Fails when two have.
    pub fn of_identity(&self, known: &Known) -> Result<Option<Standing<'_>>, String> {
        let mut entries = self.trusted.iter().filter_map(|entry| {
            let same = |dated: &&DatedIdentity| dated.identity().is(known).is_ok();
            let found: Vec<_> = entry.identities.iter().filter(same).collect();
            let dates = found.iter().map(|dated| dated.dates()).collect();
            let bound = found.iter().all(|dated| dated.build_config.is_some());
            let caller = known.caller().filter(|_| !bound);
            Some(Standing {
                called_by: caller.map(ToOwned::to_owned),
                ..Standing::of(entry, dates, "identity")?
            })
        });
        match (entries.next(), entries.next()) {
            (Some(one), Some(two)) => Err(format!(
                "{known} is both `{}` and `{}`: one of their patterns is too wide",
                one.entry.name, two.entry.name
            )),
            (found, _) => Ok(found),
        }
    }
}

/// The entry of `trust` that gives a role to the holder of a certificate, as
/// one would write it.
#[must_use]
pub fn entry(known: &Known, role: Role) -> String {
    let issuer = known.issuer.as_deref().unwrap_or_default();
    let name = known.names.join(", ");
    let begun = known.caller();
    let begun = begun.map_or_else(String::new, |url| format!(", build-config: '{url}'"));
    let called = match role {
        Role::Builder => "builds",
        Role::Canary => "canaries",
        Role::Promotion => "promotions",
        Role::Judge => "approvals",
    };
    format!(
        "{{ name: {called}, roles: [{}], identities: [{{ issuer: '{issuer}', name: '{name}'{begun} }}] }}",
        role.word()
    )
}

impl<'a> Standing<'a> {
    fn of(entry: &'a Trusted, dates: Vec<Dates>, holder: &'static str) -> Option<Self> {
        (!dates.is_empty()).then_some(Self {
            entry,
            dates,
            holder,
            called_by: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "https://issuer.example";

    fn time(text: &str) -> Time {
        text.parse().unwrap()
    }

    fn entry(name: &str, role: Role, identity: &str) -> Trusted {
        Trusted {
            name: name.parse().unwrap(),
            roles: [role].into(),
            keys: Vec::new(),
            identities: vec![DatedIdentity {
                issuer: ISSUER.to_owned(),
                name: identity.parse().unwrap(),
                build_config: None,
                valid_from: None,
                valid_until: Some(time("2026-06-01T00:00:00Z")),
                revoked_at: None,
            }],
        }
    }

    fn known(name: &str) -> Known {
        Known {
            issuer: Some(ISSUER.to_owned()),
            names: vec![name.to_owned()],
            build_config: None,
        }
    }

    #[test]
    fn an_identity_counts_in_its_role_and_time_only() {
        let keyring = Keyring {
            trusted: vec![
                entry("ci", Role::Builder, "https://ci.example/build"),
                entry("gate", Role::Canary, "https://ci.example/canary"),
            ],
            ..Keyring::default()
        };
        let now = time("2026-07-01T00:00:00Z");
        let before = [time("2026-05-01T00:00:00Z")];
        let build = known("https://ci.example/build");
        let found = keyring.of_identity(&build).unwrap().unwrap();
        assert_eq!(found.judge(Role::Builder, &before, now), Ok(()));
        let refused = |times: &[Time], role| found.judge(role, times, now).unwrap_err();
        assert!(refused(&before, Role::Canary).contains("may not say this"));
        assert!(refused(&[], Role::Builder).contains("does not count now"));
        assert!(refused(&[now], Role::Builder).contains("did not count at"));
        assert_eq!(
            keyring.of_identity(&known("https://ci.example/x")),
            Ok(None)
        );
        let mut other = build;
        other.issuer = None;
        assert_eq!(keyring.of_identity(&other), Ok(None));
    }

    #[test]
    fn a_gate_in_a_workflow_that_others_call_counts_for_the_caller_that_is_named() {
        const OWN: &str =
            "https://github.com/acme/shop/.github/workflows/answers.yml@refs/heads/main";
        const SHARED: &str = "https://github.com/tools/gates/.github/workflows/judge.yml@v1";
        let by = |config: &str| Known {
            build_config: Some(config.to_owned()),
            ..known(SHARED)
        };
        let judged = |entry: &Trusted, known: &Known, role| {
            let keyring = Keyring {
                trusted: vec![entry.clone()],
                ..Keyring::default()
            };
            let times = [time("2026-05-01T00:00:00Z")];
            let found = keyring.of_identity(known).unwrap();
            found.map(|found| found.judge(role, &times, times[0]))
        };
        let mut judge = entry("approvals", Role::Judge, SHARED);
        let stranger = by(&OWN.replace("acme", "mallory"));
        for called in [&stranger, &by(OWN)] {
            let refused = judged(&judge, called, Role::Judge).unwrap().unwrap_err();
            assert!(refused.contains("`build-config`"), "{refused}");
        }
        // A job that nobody called, or a certificate that names no workflow.
        assert_eq!(judged(&judge, &by(SHARED), Role::Judge), Some(Ok(())));
        assert_eq!(judged(&judge, &known(SHARED), Role::Judge), Some(Ok(())));
        let open = judge.identities[0].clone();
        judge.identities[0].build_config = Some(OWN.parse().unwrap());
        assert_eq!(judged(&judge, &by(OWN), Role::Judge), Some(Ok(())));
        assert_eq!(judged(&judge, &stranger, Role::Judge), None);
        assert_eq!(judged(&judge, &known(SHARED), Role::Judge), None);
        // Beside one that names it, another that does not still lets nobody in.
        judge.identities.push(open);
        assert!(judged(&judge, &by(OWN), Role::Judge).unwrap().is_err());
        // Of a builder the workflow is what counts; who called it is provenance.
        let builder = entry("ci", Role::Builder, SHARED);
        assert_eq!(judged(&builder, &by(OWN), Role::Builder), Some(Ok(())));
    }

    #[test]
    fn an_entry_as_it_is_told_gives_the_role_and_no_other() {
        let (now, gate) = (
            time("2026-05-01T00:00:00Z"),
            known("https://ci.example/gate"),
        );
        let told = format!("[{}]", super::entry(&gate, Role::Promotion));
        let trusted = crate::yaml::parse::<Vec<Trusted>>(&told).unwrap();
        let keyring = Keyring {
            trusted,
            ..Keyring::default()
        };
        assert_eq!(keyring.may(&gate, Role::Promotion, now), Ok(()));
        assert!(keyring.may(&gate, Role::Canary, now).is_err());
        let mut other = gate.clone();
        other.issuer = Some("https://other.example".to_owned());
        let refused = keyring.may(&other, Role::Promotion, now).unwrap_err();
        assert!(refused.contains("no entry"), "{refused}");
        let holders = keyring.holders(Role::Promotion, now);
        assert_eq!((holders.keys, holders.identities), (0, gate.names));
        let nobody = keyring.holders(Role::Canary, now);
        assert_eq!(nobody, Holders::default());
    }

    #[test]
    fn a_certificate_that_fits_two_entries_is_nobodys() {
        let keyring = Keyring {
            trusted: vec![
                entry("one", Role::Builder, "^https://ci\\.example/a/.*$"),
                entry("two", Role::Judge, "^https://ci\\.example/.*/b$"),
            ],
            ..Keyring::default()
        };
        let refused = keyring.of_identity(&known("https://ci.example/a/b"));
        assert!(refused.unwrap_err().contains("both `one` and `two`"));
    }
}
