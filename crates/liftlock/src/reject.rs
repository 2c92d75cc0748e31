//! Releases that may never go up again, until somebody says why they may.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::ci;
use crate::digest::Digest;
use crate::json;
use crate::name::Name;
use crate::release::Reference;
use crate::time::Time;

/// The major version that this code writes and reads.
pub const SCHEMA_VERSION: u32 = 1;

/// The most bytes of a reason.
pub const LONGEST_REASON: usize = 512;

/// A release that was rejected: one document of the state store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejected {
    /// Major version of this format.
    pub schema_version: u32,
    /// Grows with every write, so that no two versions have the same bytes.
    pub revision: u64,
    /// What people call the release.
    pub id: String,
    /// What it is known by.
    pub digest: Digest,
    /// Where it counts; in every environment of the service where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<BTreeSet<Name>>,
    /// Why.
    pub reason: String,
    /// Who said so.
    pub by: String,
    /// When.
    pub at: Time,
    /// That it was taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifted: Option<Lifted>,
}

/// That a rejection was taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lifted {
    /// Why.
    pub reason: String,
    /// Who said so.
    pub by: String,
    /// When.
    pub at: Time,
}

impl Rejected {
    /// Reads a document. Unknown fields are tolerated, newer majors are not.
    ///
    /// # Errors
    ///
    /// Fails on malformed JSON and on another major version.
    pub fn parse(bytes: &[u8]) -> Result<Self, json::Unread> {
        json::versioned(bytes, SCHEMA_VERSION)
    }

    /// Whether it counts in an environment.
    #[must_use]
    pub fn counts_in(&self, environment: &Name) -> bool {
        self.lifted.is_none()
            && self
                .only
                .as_ref()
                .is_none_or(|only| only.contains(environment))
    }

    /// Whether it counts wherever another one would.
    #[must_use]
    pub fn covers(&self, only: Option<&BTreeSet<Name>>) -> bool {
        self.lifted.is_none()
            && match (&self.only, only) {
                (None, _) => true,
                (Some(_), None) => false,
                (Some(here), Some(there)) => here.is_superset(there),
            }
    }

    /// Where it counts, for people.
    #[must_use]
    pub fn place(&self) -> String {
        match &self.only {
            None => "every environment".to_owned(),
            Some(only) => {
                let names: Vec<&str> = only.iter().map(Name::as_str).collect();
                names.join(", ")
            }
        }
    }

    /// Who rejected it, when and why.
    #[must_use]
    pub fn told(&self) -> String {
        format!("rejected by {} at {}: {}", self.by, self.at, self.reason)
    }
}

/// What the keys of a service's rejections begin with.
#[must_use]
pub fn prefix(service: &Name) -> String {
    format!("rejected/{service}/")
}

/// The key of a rejection by this digest.
#[must_use]
pub fn key(service: &Name, digest: &Digest) -> String {
    format!("rejected/{service}/{}.json", digest.hex())
}

/// The digests by which a release may be rejected, first the one that is used
/// for it: that of its artifacts, so that another `release.json` around the
/// same bytes is no way out; then its own, and that of each artifact, so that
/// whoever rejects one rejects every release that has it.
#[must_use]
pub fn digests(release: &Reference) -> Vec<Digest> {
    let mut digests: Vec<Digest> = release.of_artifacts().into_iter().collect();
    for digest in std::iter::once(&release.digest).chain(release.artifacts.values()) {
        if !digests.contains(digest) {
            digests.push(*digest);
        }
    }
    digests
}

/// Refuses a reason that tells nothing, or more than a line.
///
/// # Errors
///
/// Fails with what is wrong with it.
pub fn reason(text: &str) -> Result<(), &'static str> {
    if text.trim().is_empty() {
        Err("is empty: say why")
    } else if text.len() > LONGEST_REASON {
        Err("has over 512 bytes")
    } else if ci::line(text) != text {
        Err("holds letters that cannot be seen, or poses as a command")
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejected(only: &[&str]) -> Rejected {
        let names = only.iter().map(|name| name.parse().unwrap());
        Rejected {
            schema_version: SCHEMA_VERSION,
            revision: 1,
            id: "shop-2".to_owned(),
            digest: Digest::of(b"2"),
            only: (!only.is_empty()).then(|| names.collect()),
            reason: "it loses orders".to_owned(),
            by: "alice".to_owned(),
            at: Time::EPOCH,
            lifted: None,
        }
    }

    #[test]
    fn a_rejection_counts_where_it_says_until_it_is_taken_back() {
        let (staging, production) = ("staging".parse().unwrap(), "production".parse().unwrap());
        let mut everywhere = rejected(&[]);
        assert!(everywhere.counts_in(&staging) && everywhere.counts_in(&production));
        let here = rejected(&["staging"]);
        assert!(here.counts_in(&staging) && !here.counts_in(&production));
        assert!(everywhere.covers(here.only.as_ref()) && !here.covers(None));
        everywhere.lifted = Some(Lifted {
            reason: "it was another one".to_owned(),
            by: "bob".to_owned(),
            at: Time::EPOCH,
        });
        assert!(!everywhere.counts_in(&production) && !everywhere.covers(here.only.as_ref()));
    }

    #[test]
    fn another_file_around_the_same_bytes_is_the_same_release() {
        let release = |file: &[u8], api: &[u8]| Reference {
            id: "shop".to_owned(),
            digest: Digest::of(file),
            artifacts: [("api".parse().unwrap(), Digest::of(api))].into(),
        };
        let first = digests(&release(b"one", b"api"));
        assert_eq!(first, [Digest::of(b"api"), Digest::of(b"one")]);
        let again = digests(&release(b"two", b"api"));
        assert_eq!(first.first(), again.first());
        let other = digests(&release(b"one", b"new"));
        assert_ne!(first.first(), other.first());
        assert_eq!(digests(&release(b"api", b"api")).len(), 1);
    }

    #[test]
    fn one_artifact_is_enough() {
        let parts =
            ["api", "image"].map(|name| (name.parse().unwrap(), Digest::of(name.as_bytes())));
        let release = Reference {
            id: "shop".to_owned(),
            digest: Digest::of(b"file"),
            artifacts: parts.into(),
        };
        let found = digests(&release);
        assert_eq!(found.len(), 4);
        assert_eq!(
            found[1..],
            [
                Digest::of(b"file"),
                Digest::of(b"api"),
                Digest::of(b"image")
            ]
        );
    }

    #[test]
    fn a_reason_says_something_in_one_line() {
        for refused in ["", " ", "a\nb", "::error::x", "b\u{202e}", &"x".repeat(513)] {
            assert!(reason(refused).is_err(), "{refused}");
        }
        assert_eq!(reason("it loses orders"), Ok(()));
    }

    #[test]
    fn a_newer_major_is_refused_by_name() {
        let mut document = serde_json::to_value(rejected(&["staging"])).unwrap();
        document["weather"] = "fine".into();
        let read = Rejected::parse(document.to_string().as_bytes()).unwrap();
        assert_eq!(read, rejected(&["staging"]));
        document["schema_version"] = 2.into();
        let error = Rejected::parse(document.to_string().as_bytes()).unwrap_err();
        assert!(error.to_string().contains("`schema_version` 2"));
    }
}
