//! The evidence store: bundles under the digests they are about.

use liftlock::digest::Digest;
use liftlock::failure::{Explain, Kind};

use crate::store::{self, Store};

/// Bundles and reports, found by the digest of what they are about.
///
/// Keys are `sha256/<hex of subject>/<predicate>/<hex of bundle>.json`.
#[derive(Debug)]
pub struct Evidence {
    store: Box<dyn Store>,
}

/// One document of the evidence store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The predicate type as keys hold it: a label for people. What it really
    /// says is in the bundle, and counts only when that verifies.
    pub predicate_slug: String,
    /// The digest of the bytes, compared with them.
    pub digest: Digest,
    /// The document.
    pub bytes: Vec<u8>,
}

impl Evidence {
    /// Evidence in a store.
    #[must_use]
    pub fn new(store: Box<dyn Store>) -> Self {
        Self { store }
    }

    /// Opens the store at a location, such as `file:.liftlock/evidence`.
    ///
    /// # Errors
    ///
    /// Fails when the text is no location of a store.
    pub fn open(location: &str) -> Result<Self, Error> {
        Ok(Self::new(store::open(location)?))
    }

    /// Keeps a bundle under each of its subjects; the same bundle again is no change.
    ///
    /// # Errors
    ///
    /// Fails without subjects, with a predicate type that makes no key, and
    /// when the store cannot be written; then the same call again is safe.
    pub fn put(
        &self,
        subjects: &[Digest],
        predicate_type: &str,
        bundle: &[u8],
    ) -> Result<Digest, Error> {
        let slug = slug(predicate_type)?;
        if subjects.is_empty() {
            return Err(Error::NoSubject);
        }
        let digest = Digest::of(bundle);
        for subject in subjects {
            let key = format!("sha256/{}/{slug}/{}.json", subject.hex(), digest.hex());
            // The key names the content, so whoever was first wrote the same.
            drop(self.store.put_if_absent(&key, bundle)?);
        }
        Ok(digest)
    }

    /// Everything that is kept about a digest, in the order of keys.
    ///
    /// # Errors
    ///
    /// Fails when the store cannot be read, and when a document is not the
    /// one that its name says.
    pub fn list(&self, subject: &Digest) -> Result<Vec<Item>, Error> {
        let prefix = format!("sha256/{}/", subject.hex());
        let found = self.store.scan(&prefix)?;
        found
            .into_iter()
            .map(|(key, stored)| {
                let (slug, digest) =
                    parts(&key, &prefix).ok_or_else(|| Error::Foreign(key.clone()))?;
                if Digest::of(&stored.bytes) != digest {
                    return Err(Error::Altered(key));
                }
                Ok(Item {
                    predicate_slug: slug,
                    digest,
                    bytes: stored.bytes,
                })
            })
            .collect()
    }
}

/// The predicate type as keys hold it: `canary-v1` for ours,
/// `slsa.dev-provenance-v1` for others.
///
/// # Errors
///
/// Fails when nothing of the type is left.
pub fn slug(predicate_type: &str) -> Result<String, Error> {
    let short = predicate_type
        .strip_prefix("https://liftlock.github.io/predicates/")
        .or_else(|| predicate_type.strip_prefix("https://"))
        .unwrap_or(predicate_type);
    let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '.' || letter == '_';
    let words: Vec<&str> = short
        .split(|letter: char| !plain(letter))
        .map(|word| word.trim_matches('.'))
        .filter(|word| !word.is_empty() && !word.contains(".."))
        .collect();
    let slug: String = words.join("-").chars().take(100).collect();
    if slug.is_empty() {
        Err(Error::Predicate(predicate_type.chars().take(100).collect()))
    } else {
        Ok(slug.to_ascii_lowercase())
    }
}

fn parts(key: &str, prefix: &str) -> Option<(String, Digest)> {
    let (slug, name) = key.strip_prefix(prefix)?.split_once('/')?;
    let digest = Digest::from_hex(name.strip_suffix(".json")?).ok()?;
    Some((slug.to_owned(), digest))
}

/// Why evidence could not be kept or found.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store failed.
    #[error("cannot use the evidence store")]
    Store(#[from] store::Error),
    /// A bundle about nothing.
    #[error("evidence needs a digest that it is about")]
    NoSubject,
    /// No key can be made of it.
    #[error("`{0}` is not a predicate type")]
    Predicate(String),
    /// The bytes are not those that the key names.
    #[error("evidence `{0}` was altered: its digest is another")]
    Altered(String),
    /// The key is none of ours.
    #[error("the evidence store has `{0}`, which is no evidence")]
    Foreign(String),
}

impl Error {
    /// Whether the store cannot be asked; what is wrong with the evidence is no
    /// such reason.
    #[must_use]
    pub fn is_away(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_away())
    }
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Store(error) => error.kind(),
            Self::NoSubject | Self::Predicate(_) | Self::Foreign(_) => Kind::Invalid,
            Self::Altered(_) => Kind::Refuted,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Store(error) => error.hint(),
            Self::Altered(_) | Self::Foreign(_) => {
                Some("remove it, after finding out who put it there".to_owned())
            }
            Self::NoSubject | Self::Predicate(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use liftlock::predicate;

    use super::*;

    #[test]
    fn evidence_is_found_under_each_subject_and_kept_once() {
        let folder = tempfile::tempdir().unwrap();
        let location = format!("file:{}", folder.path().display());
        let evidence = Evidence::open(&location).unwrap();
        let subjects = [Digest::of(b"a"), Digest::of(b"b")];
        for _ in 0..2 {
            evidence.put(&subjects, predicate::CANARY, b"{}").unwrap();
        }
        let digest = evidence
            .put(&subjects[..1], predicate::PROVENANCE, b"[]")
            .unwrap();
        let found = evidence.list(&subjects[0]).unwrap();
        let slugs: Vec<&str> = found
            .iter()
            .map(|item| item.predicate_slug.as_str())
            .collect();
        assert_eq!(slugs, ["canary-v1", "slsa.dev-provenance-v1"]);
        assert_eq!(
            (found[1].digest, found[1].bytes.as_slice()),
            (digest, &b"[]"[..])
        );
        assert_eq!(evidence.list(&subjects[1]).unwrap().len(), 1);
        assert!(evidence.list(&Digest::of(b"c")).unwrap().is_empty());
        assert!(matches!(
            evidence.put(&[], predicate::CANARY, b"{}"),
            Err(Error::NoSubject)
        ));
    }

    #[test]
    fn altered_evidence_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let location = format!("file:{}", folder.path().display());
        let evidence = Evidence::open(&location).unwrap();
        let subject = Digest::of(b"a");
        let digest = evidence.put(&[subject], predicate::CANARY, b"{}").unwrap();
        let key = format!("sha256/{}/canary-v1/{}.json", subject.hex(), digest.hex());
        std::fs::write(folder.path().join(&key), "{ }").unwrap();
        let error = evidence.list(&subject).unwrap_err();
        assert_eq!(error.kind(), Kind::Refuted);
        assert!(error.to_string().contains(&key));
    }

    #[test]
    fn any_predicate_type_makes_a_safe_key_or_none() {
        for (text, expected) in [
            ("https://spdx.dev/Document/v2.3", "spdx.dev-document-v2.3"),
            (
                "https://example.com/../../etc/passwd",
                "example.com-etc-passwd",
            ),
            ("urn:x:y", "urn-x-y"),
            ("..a..b", "a..b"),
        ] {
            let slug = slug(text);
            if expected.contains("..") {
                assert!(slug.is_err() || !slug.unwrap().contains(".."));
            } else {
                assert_eq!(slug.unwrap(), expected);
            }
        }
        assert!(slug("").is_err());
        assert!(slug("https://../").is_err());
    }
}
