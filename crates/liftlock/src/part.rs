//! Parts of a release: what one job of several built, merged into one list of
//! artifacts by whoever signs the release.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::bundle::Bundle;
use crate::failure::{Explain, Kind};
use crate::json;
use crate::name::Name;
use crate::release::{Artifact, MOST_ARTIFACTS, each_once};

/// The newest version of the format that this code writes and the last major it reads.
pub const SCHEMA_VERSION: u32 = 1;

/// The most signatures that a part carries for one artifact.
pub const MOST_SIGNATURES: usize = 16;

/// What one job built. Nobody signs a part: the release is signed, and each
/// artifact has a signature of its own, which a part may carry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Part {
    /// Major version of this format.
    pub schema_version: u32,
    /// What people call it, such as `linux-amd64`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Name>,
    /// The service it is a part of, where the job knew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<Name>,
    /// The source commit, where the job knew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Artifact name → what it is. Never empty, and no name twice.
    #[serde(deserialize_with = "each_once")]
    pub artifacts: BTreeMap<Name, Piece>,
}

/// One artifact with the signatures that the job found beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Piece {
    /// The artifact, as the release will have it.
    #[serde(flatten)]
    pub artifact: Artifact,
    /// Bundles, unproved.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signatures: Vec<Bundle>,
}

impl Part {
    /// Reads a part. Unknown fields are tolerated, newer majors are not.
    ///
    /// # Errors
    ///
    /// Fails on malformed JSON, a newer major version, no artifact, and more
    /// artifacts or signatures than a release has.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let part: Self = json::versioned(bytes, SCHEMA_VERSION)?;
        let signatures = part.artifacts.values().map(|piece| piece.signatures.len());
        if signatures.max() > Some(MOST_SIGNATURES) {
            return Err(ParseError::TooMany);
        }
        match part.artifacts.len() {
            0 => Err(ParseError::Empty),
            1..=MOST_ARTIFACTS => Ok(part),
            _ => Err(ParseError::TooMany),
        }
    }
}

/// The artifacts of all parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// Artifact name → what it is, with the signatures of all parts.
    pub artifacts: BTreeMap<Name, Piece>,
    /// The commit that all parts agree on, where one says so.
    pub commit: Option<String>,
    /// The service that all parts agree on, where one says so.
    pub service: Option<Name>,
}

/// Merges parts, each with the label that messages name it by. The same
/// artifact from two jobs is one, if it is the same bytes.
///
/// # Errors
///
/// Fails when two parts contradict each other, and names both.
pub fn merge(parts: &[(String, Part)]) -> Result<Merged, Contradiction> {
    let mut merged = Merged::default();
    let mut origin: BTreeMap<&Name, &str> = BTreeMap::new();
    let (mut of_commit, mut of_service) = (None, None);
    for (label, part) in parts {
        agree(What::Commit, &mut of_commit, part.commit.as_ref(), label)?;
        agree(What::Service, &mut of_service, part.service.as_ref(), label)?;
        for (name, piece) in &part.artifacts {
            let Some(known) = merged.artifacts.get_mut(name) else {
                merged.artifacts.insert(name.clone(), piece.clone());
                origin.insert(name, label);
                continue;
            };
            if known.artifact.digest != piece.artifact.digest {
                return Err(Contradiction {
                    what: What::Artifact(name.clone()),
                    first: known.artifact.digest.to_string(),
                    of_first: origin.get(name).copied().unwrap_or_default().to_owned(),
                    second: piece.artifact.digest.to_string(),
                    of_second: label.clone(),
                });
            }
            known.join(piece);
        }
    }
    merged.commit = of_commit.map(|(commit, _): (&String, _)| commit.clone());
    merged.service = of_service.map(|(service, _): (&Name, _)| service.clone());
    Ok(merged)
}

fn agree<'a, T: PartialEq + ToString>(
    what: What,
    known: &mut Option<(&'a T, &'a str)>,
    said: Option<&'a T>,
    label: &'a str,
) -> Result<(), Contradiction> {
    match (&known, said) {
        (_, None) => Ok(()),
        (None, Some(said)) => {
            *known = Some((said, label));
            Ok(())
        }
        (Some((first, _)), Some(said)) if *first == said => Ok(()),
        (Some((first, of_first)), Some(said)) => Err(Contradiction {
            what,
            first: first.to_string(),
            of_first: (*of_first).to_owned(),
            second: said.to_string(),
            of_second: label.to_owned(),
        }),
    }
}

impl Piece {
    /// Takes over what another part knows about the same bytes.
    fn join(&mut self, other: &Self) {
        let (mine, theirs) = (&mut self.artifact, &other.artifact);
        mine.size = mine.size.or(theirs.size);
        add(&mut mine.sbom, &theirs.sbom);
        add(&mut mine.provenance, &theirs.provenance);
        add(&mut self.signatures, &other.signatures);
    }
}

fn add<T: Clone + PartialEq>(to: &mut Vec<T>, from: &[T]) {
    for one in from {
        if !to.contains(one) {
            to.push(one.clone());
        }
    }
}

/// The bytes are no part.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// Malformed, of another shape, or written by a newer liftlock.
    #[error(transparent)]
    Read(#[from] json::Unread),
    /// Nothing was built.
    #[error("`artifacts` is empty")]
    Empty,
    /// More than a release has.
    #[error(
        "more than {MOST_ARTIFACTS} artifacts, or more than {MOST_SIGNATURES} signatures of one"
    )]
    TooMany,
}

impl Explain for ParseError {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }
}

/// Two parts that cannot be of one release.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} is `{first}` in {of_first} and `{second}` in {of_second}")]
pub struct Contradiction {
    what: What,
    first: String,
    of_first: String,
    second: String,
    of_second: String,
}

/// What parts can contradict each other about.
#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    Artifact(Name),
    Commit,
    Service,
}

impl fmt::Display for What {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Artifact(name) => write!(formatter, "artifact `{name}`"),
            Self::Commit => formatter.write_str("the commit"),
            Self::Service => formatter.write_str("the service"),
        }
    }
}

impl Explain for Contradiction {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }

    fn hint(&self) -> Option<String> {
        Some(match self.what {
            What::Artifact(_) => "give the artifacts of each job names of their own".to_owned(),
            What::Commit | What::Service => "merge the parts of one run".to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;

    fn part(name: &str, commit: Option<&str>, artifacts: &[(&str, &[u8])]) -> (String, Part) {
        let artifacts = artifacts.iter().map(|(name, bytes)| {
            let piece = Piece {
                artifact: Artifact {
                    digest: Digest::of(bytes),
                    name: (*name).to_owned(),
                    size: None,
                    sbom: Vec::new(),
                    provenance: vec![Digest::of(b"how")],
                },
                signatures: Vec::new(),
            };
            (name.parse().unwrap(), piece)
        });
        let part = Part {
            schema_version: 1,
            part: Some(name.parse().unwrap()),
            service: None,
            commit: commit.map(ToOwned::to_owned),
            artifacts: artifacts.collect(),
        };
        (format!("{name}.json"), part)
    }

    #[test]
    fn parts_of_one_run_become_one_list() {
        let parts = [
            part("a", Some("abc"), &[("api", b"1"), ("docs", b"d")]),
            part("b", None, &[("worker", b"2"), ("docs", b"d")]),
        ];
        let merged = merge(&parts).unwrap();
        let names: Vec<&str> = merged.artifacts.keys().map(Name::as_str).collect();
        assert_eq!(names, ["api", "docs", "worker"]);
        assert_eq!(merged.commit.as_deref(), Some("abc"));
        let docs = merged
            .artifacts
            .values()
            .nth(1)
            .map(|piece| piece.artifact.provenance.len());
        assert_eq!(docs, Some(1), "the same reference once");
    }

    #[test]
    fn a_contradiction_names_both_sides() {
        let one = part("a", Some("abc"), &[("api", b"1")]);
        let cases = [
            (
                part("b", None, &[("api", b"2")]),
                format!(
                    "artifact `api` is `{}` in a.json and `{}` in b.json",
                    Digest::of(b"1"),
                    Digest::of(b"2")
                ),
            ),
            (
                part("b", Some("def"), &[("worker", b"2")]),
                "the commit is `abc` in a.json and `def` in b.json".to_owned(),
            ),
        ];
        for (other, message) in cases {
            let error = merge(&[one.clone(), other]).unwrap_err();
            assert_eq!(error.to_string(), message);
        }
    }

    #[test]
    fn a_part_is_read_as_it_was_written_and_nothing_else() {
        let (_, whole) = part("a", Some("abc"), &[("api", b"1")]);
        let good = serde_json::to_value(&whole).unwrap();
        assert_eq!(Part::parse(good.to_string().as_bytes()).unwrap(), whole);
        let mut newer = good.clone();
        newer["schema_version"] = 2.into();
        let mut empty = good.clone();
        empty["artifacts"] = serde_json::json!({});
        let mut tolerated = good.clone();
        tolerated["weather"] = "fine".into();
        assert!(Part::parse(tolerated.to_string().as_bytes()).is_ok());
        let twice = good.to_string().replacen(
            "\"api\":{",
            "\"api\":{\"digest\":\"sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\",\"name\":\"x\"},\"api\":{",
            1,
        );
        for (text, message) in [
            (newer.to_string(), "`schema_version` 2"),
            (empty.to_string(), "`artifacts` is empty"),
            (twice, "not the expected JSON"),
            ("{".to_owned(), "not the expected JSON"),
        ] {
            let error = Part::parse(text.as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with(message), "{text}: {error}");
        }
    }
}
