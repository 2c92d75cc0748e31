//! Keys and identities with the time they count in: judged at the time that
//! others saw the signature, and now where nobody did.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::ParseError;
use super::trust::{Person, Trusted};
use crate::crypto::PublicKey;
use crate::name::Name;
use crate::sigstore::identity::{Identity, Matcher};
use crate::time::Time;

/// A public key and the time it counts in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DatedKey {
    /// The key itself: PEM, or a line of OpenSSH such as `ssh-ed25519 AAAA…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<PublicKey>,
    /// Or the file that holds it, relative to the file that says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
    /// The first moment it counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<Time>,
    /// The last moment it counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Time>,
    /// When it was found to be no longer its owner's alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Time>,
}

impl DatedKey {
    /// Whether a signature that has no trusted time counts at `now`.
    #[must_use]
    pub fn counts(&self, now: Time) -> bool {
        self.dates().counts(now)
    }

    /// The time it counts in.
    #[must_use]
    pub const fn dates(&self) -> Dates {
        Dates {
            valid_from: self.valid_from,
            valid_until: self.valid_until,
            revoked_at: self.revoked_at,
        }
    }
}

/// The holder of a certificate and the time it counts in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DatedIdentity {
    /// Who vouches for it: the URL of the OIDC issuer, exactly.
    pub issuer: String,
    /// The name in the certificate: exactly, or a regular expression from `^`
    /// to `$` that names host and owner.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub name: Matcher,
    /// What began the run, as `name`: demanded of gates and judges in a
    /// workflow that others may call as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub build_config: Option<Matcher>,
    /// The first moment it counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<Time>,
    /// The last moment it counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Time>,
    /// When it was found to be no longer its owner's alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Time>,
}

impl DatedIdentity {
    /// What a certificate has to say.
    #[must_use]
    pub fn identity(&self) -> Identity {
        Identity {
            issuer: Matcher::Exact(self.issuer.clone()),
            name: self.name.clone(),
            build_config: self.build_config.clone(),
        }
    }

    /// The time it counts in.
    #[must_use]
    pub const fn dates(&self) -> Dates {
        Dates {
            valid_from: self.valid_from,
            valid_until: self.valid_until,
            revoked_at: self.revoked_at,
        }
    }

    /// Whether one certificate could be of both, as far as can be told from
    /// what is written: two patterns only where they are the same. A
    /// certificate that fits two is refused when it comes.
    fn overlaps(&self, other: &Self) -> bool {
        let exact = |matcher: &Matcher, by: &Matcher| match matcher {
            Matcher::Exact(text) => by.matches(text),
            Matcher::Pattern { .. } => false,
        };
        let both = |one: &Matcher, two: &Matcher| one == two || exact(one, two) || exact(two, one);
        let begun = self.build_config.as_ref().zip(other.build_config.as_ref());
        let begun_alike = begun.is_none_or(|(one, two)| both(one, two));
        self.issuer == other.issuer && both(&self.name, &other.name) && begun_alike
    }
}

/// The time in which a key or an identity counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dates {
    /// The first moment.
    pub valid_from: Option<Time>,
    /// The last moment.
    pub valid_until: Option<Time>,
    /// The end that was not foreseen.
    pub revoked_at: Option<Time>,
}

impl Dates {
    /// Whether a signature that has no trusted time counts at `now`.
    ///
    /// Without a time that somebody else vouches for, the holder of a revoked
    /// or expired key could have signed at any moment: only now counts.
    #[must_use]
    pub fn counts(&self, now: Time) -> bool {
        self.contains(now) && self.revoked_at.is_none()
    }

    fn contains(&self, time: Time) -> bool {
        let begun = self.valid_from.is_none_or(|from| from <= time);
        begun && self.valid_until.is_none_or(|until| time <= until)
    }
}

/// Whether a signature counts by the dates of whoever made it, given all times
/// at which others saw it; without any, as of `now`.
///
/// The dates are those of every entry of this key or identity: it counts in
/// each of its times, until one of the entries revokes it.
///
/// # Errors
///
/// Fails with the reason when it does not.
pub fn judge(dates: &[Dates], times: &[Time], now: Time) -> Result<(), String> {
    let mut revoked = dates.iter().filter_map(|dates| dates.revoked_at);
    if times.is_empty() {
        if let Some(at) = revoked.next() {
            return Err(format!(
                "was revoked at {at}, and nobody trusted saw the signature before"
            ));
        }
        return match dates.iter().any(|dates| dates.counts(now)) {
            true => Ok(()),
            false => Err("does not count now, and nobody trusted saw the signature".to_owned()),
        };
    }
    let revoked = revoked.min();
    for time in times {
        if let Some(at) = revoked.filter(|at| at <= time) {
            return Err(format!(
                "was revoked at {at}, and the signature is of {time}"
            ));
        }
        if !dates.iter().any(|dates| dates.contains(*time)) {
            return Err(format!(
                "did not count at {time}, when the signature was seen"
            ));
        }
    }
    Ok(())
}

/// Refuses identities that two hold, and such that a person has as well.
pub(super) fn apart(
    trusted: &[Trusted],
    people: Option<&BTreeMap<Name, Person>>,
) -> Result<(), ParseError> {
    let mut seen: Vec<(&Name, &DatedIdentity)> = Vec::new();
    for entry in trusted {
        let invalid = |why: String| {
            let field = format!("trust.{}", entry.name);
            Err(ParseError::Invalid(field, why))
        };
        if entry.keys.is_empty() && entry.identities.is_empty() {
            return invalid("needs `keys` or `identities`".to_owned());
        }
        for identity in &entry.identities {
            let issuer = &identity.issuer;
            if !issuer.starts_with("https://") && !issuer.starts_with("http://") {
                return invalid(format!("has the issuer `{issuer}`, which is no URL"));
            }
            let mut others = seen.iter().filter(|(name, _)| **name != entry.name);
            if let Some((other, _)) = others.find(|(_, other)| other.overlaps(identity)) {
                return invalid(format!("has an identity that trust.{other} has as well"));
            }
            let holds = |person: &Person| {
                let mut emails = person.emails.iter();
                emails.any(|email| identity.name.matches(email.trim()))
            };
            let mut people = people.into_iter().flatten();
            if let Some((person, _)) = people.find(|(_, person)| holds(person)) {
                return invalid(format!("has an identity that people.{person} has as well"));
            }
            seen.push((&entry.name, identity));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: u32) -> Time {
        format!("2026-06-{day:02}T00:00:00Z").parse().unwrap()
    }

    fn dates(from: Option<u32>, until: Option<u32>, revoked: Option<u32>) -> Dates {
        Dates {
            valid_from: from.map(at),
            valid_until: until.map(at),
            revoked_at: revoked.map(at),
        }
    }

    #[test]
    fn a_signature_counts_by_the_times_at_which_it_was_seen() {
        let all = |from, until, revoked| vec![dates(from, until, revoked)];
        let cases = [
            (all(None, None, None), vec![], true),
            (all(None, None, Some(20)), vec![], false),
            (all(None, None, Some(20)), vec![at(19)], true),
            (all(None, None, Some(20)), vec![at(20)], false),
            (all(None, None, Some(20)), vec![at(19), at(21)], false),
            (all(Some(10), Some(12), None), vec![at(12)], true),
            (all(Some(10), Some(12), None), vec![at(13)], false),
            (all(Some(10), Some(12), None), vec![at(9)], false),
            // Now is the 15th: it expired, but was seen in time.
            (all(Some(10), Some(12), None), vec![], false),
            (
                vec![dates(None, Some(3), None), dates(Some(7), None, None)],
                vec![at(2), at(8)],
                true,
            ),
            (
                vec![dates(None, None, None), dates(None, None, Some(5))],
                vec![at(6)],
                false,
            ),
            (vec![], vec![at(6)], false),
        ];
        for (dates, times, counts) in cases {
            let judged = judge(&dates, &times, at(15));
            assert_eq!(judged.is_ok(), counts, "{dates:?} {times:?}: {judged:?}");
        }
    }

    #[test]
    fn no_two_entries_share_an_identity() {
        const EMAIL: &str = "people: { alice: { emails: [alice@acme.example] } }\n";
        let rules = |one: &str, two: &str| {
            format!(
                "version: 1\n{EMAIL}trust:\n\
                 - {{ name: a, roles: [builder], identities: [{one}] }}\n\
                 - {{ name: b, roles: [judge], identities: [{two}] }}\n"
            )
        };
        let exact = "{ issuer: 'https://i', name: 'https://github.com/acme/x' }";
        let pattern = "{ issuer: 'https://i', name: '^https://github\\.com/acme/[a-z]+$' }";
        let elsewhere = "{ issuer: 'https://j', name: 'https://github.com/acme/x' }";
        let other = "{ issuer: 'https://i', name: 'https://github.com/acme/y' }";
        let cases = [
            (exact, exact, false),
            (exact, pattern, false),
            (pattern, exact, false),
            (pattern, pattern, false),
            (exact, elsewhere, true),
            (exact, other, true),
            (
                "{ issuer: 'https://i', name: 'https://github.com/acme/x', build-config: 'https://a' }",
                "{ issuer: 'https://i', name: 'https://github.com/acme/x', build-config: 'https://b' }",
                true,
            ),
            (
                "{ issuer: 'https://i', name: 'https://github.com/acme/x', build-config: 'https://a' }",
                exact,
                false,
            ),
            (
                "{ issuer: 'https://i', name: 'https://github.com/acme/x', build-config: '^.*$' }",
                other,
                false,
            ),
            ("{ issuer: i, name: x }", other, false),
            (
                "{ issuer: 'https://i', name: alice@acme.example }",
                other,
                false,
            ),
            (
                "{ issuer: 'https://i', name: '.*' , valid-from: x }",
                other,
                false,
            ),
            ("{ issuer: 'https://i', name: '^.*$' }", other, false),
            ("", other, false),
        ];
        for (one, two, good) in cases {
            let read = crate::config::parse(&rules(one, two), None);
            assert_eq!(read.is_ok(), good, "{one} {two}: {read:?}");
        }
    }
}
