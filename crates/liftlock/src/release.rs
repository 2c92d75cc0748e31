//! `release.json`: one version of one service, named by the digests of its bytes.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::ci;
use crate::digest::Digest;
use crate::foreign;
use crate::json;
use crate::name::Name;
use crate::time::Time;

/// The newest version of the format that this code writes and the last major it reads.
pub const SCHEMA_VERSION: u32 = 1;

/// A release. Its identity is the digest of the file's bytes together with
/// the digests of its artifacts; id and version are labels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Release {
    /// Major version of this format.
    pub schema_version: u32,
    /// A label that people use, unique within the service, such as `shop-1.4.2`.
    pub id: String,
    /// The service it is a version of.
    pub service: Name,
    /// The version as people know it.
    pub version: String,
    /// The source commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Artifact name → what it is. Never empty, and no name twice.
    #[serde(deserialize_with = "each_once")]
    pub artifacts: BTreeMap<Name, Artifact>,
    /// Who answers for it: a team or a person.
    pub owner: String,
    /// Release notes, or where they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    /// What it does to stored data.
    #[serde(default)]
    pub migration: Migration,
    /// When it was put together.
    pub created_at: Time,
    /// The CI run that put it together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_url: Option<String>,
    /// Who wrote or committed the change, as ids of `people:` or e-mails;
    /// these may not approve it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub authors: Vec<String>,
    /// The SHA-256 of the file that the notes came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes_digest: Option<Digest>,
}

/// One artifact of a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Artifact {
    /// What it is.
    pub digest: Digest,
    /// Where it was when the release was made: a file name or an OCI
    /// reference. A label, never identity.
    pub name: String,
    /// Length in bytes, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Bundles that hold bills of its materials, by digest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sbom: Vec<Digest>,
    /// Bundles that say how it was built, by digest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub provenance: Vec<Digest>,
}

/// What a release does to stored data, and so whether there is a way back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Migration {
    /// Nothing.
    #[default]
    None,
    /// Adds what older versions ignore.
    Expand,
    /// Removes what older versions need.
    Contract,
    /// Changes data so that no older version can read it.
    Irreversible,
}

impl Migration {
    /// Whether the version before this one still works on the data afterwards.
    #[must_use]
    pub const fn is_reversible(self) -> bool {
        matches!(self, Self::None | Self::Expand)
    }
}

/// A release together with the digest of the bytes it was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identified {
    /// The SHA-256 of the file; of the artifacts where nobody wrote one.
    pub digest: Digest,
    /// What the file says.
    pub release: Release,
}

/// The most bytes of an id, a version, an owner and other labels.
pub const LONGEST_LABEL: usize = 512;

/// The most bytes of notes.
pub const LONGEST_NOTES: usize = 256 * 1024;

/// The most artifacts of one release.
pub const MOST_ARTIFACTS: usize = 1_000;

/// The most bundles of one kind that one artifact names.
pub const MOST_REFERENCES: usize = 64;

/// What points at a release in plans, state and records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Reference {
    /// The label.
    pub id: String,
    /// The SHA-256 of `release.json`; without one, of the artifact, or of the
    /// list of several.
    pub digest: Digest,
    /// Artifact name → digest.
    pub artifacts: BTreeMap<Name, Digest>,
}

impl Release {
    /// Labels are shown to people who decide on them: one line each, with
    /// nothing in it that hides or moves letters.
    fn check_labels(&self) -> Result<(), ParseError> {
        if self.artifacts.len() > MOST_ARTIFACTS {
            return Err(ParseError::Label("artifacts"));
        }
        let references = |artifact: &Artifact| artifact.sbom.len().max(artifact.provenance.len());
        if self.artifacts.values().map(references).max() > Some(MOST_REFERENCES) {
            return Err(ParseError::Label("sbom` or `provenance"));
        }
        let options = [("commit", &self.commit), ("run_url", &self.run_url)];
        let options = options
            .into_iter()
            .filter_map(|(field, text)| text.as_deref().map(|text| (field, text)));
        let artifacts = self.artifacts.values();
        let labels = [
            ("id", self.id.as_str()),
            ("version", &self.version),
            ("owner", &self.owner),
        ]
        .into_iter()
        .chain(options)
        .chain(artifacts.map(|artifact| ("name", artifact.name.as_str())))
        .chain(
            self.authors
                .iter()
                .map(|author| ("authors", author.as_str())),
        );
        for (field, text) in labels {
            if text.len() > LONGEST_LABEL || ci::line(text) != text {
                return Err(ParseError::Label(field));
            }
        }
        let notes = self.notes.as_deref().unwrap_or_default();
        if notes.len() > LONGEST_NOTES {
            return Err(ParseError::Label("notes"));
        }
        Ok(())
    }
}

impl Identified {
    /// Reads `release.json`, or what stands in for one. Unknown fields are tolerated, newer majors are not.
    ///
    /// # Errors
    ///
    /// Fails on malformed JSON, a newer major version, an empty owner, id or
    /// list of artifacts, and on labels that are no labels.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let release: Release = json::versioned(bytes, SCHEMA_VERSION)?;
        if release.artifacts.is_empty() {
            return Err(ParseError::Empty("artifacts"));
        }
        if release.owner.trim().is_empty() {
            return Err(ParseError::Empty("owner"));
        }
        if release.id.trim().is_empty() {
            return Err(ParseError::Empty("id"));
        }
        release.check_labels()?;
        let digest = foreign::stands_in(bytes, &release);
        Ok(Self {
            digest: digest.unwrap_or_else(|| Digest::of(bytes)),
            release,
        })
    }

    /// The same release under another label.
    ///
    /// # Errors
    ///
    /// Fails when the text is empty or no plain line.
    pub fn labelled(mut self, id: &str) -> Result<Self, ParseError> {
        id.clone_into(&mut self.release.id);
        if id.trim().is_empty() {
            return Err(ParseError::Empty("id"));
        }
        self.release.check_labels()?;
        Ok(self)
    }

    /// The short form that plans, state and records hold.
    #[must_use]
    pub fn reference(&self) -> Reference {
        let artifacts = self.release.artifacts.iter();
        Reference {
            id: self.release.id.clone(),
            digest: self.digest,
            artifacts: artifacts
                .map(|(name, artifact)| (name.clone(), artifact.digest))
                .collect(),
        }
    }
}

/// Reads a map in which no name is there twice: other readers may take the
/// first where we take the last.
pub(crate) fn each_once<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<BTreeMap<Name, T>, D::Error> {
    struct EachOnce<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for EachOnce<T> {
        type Value = BTreeMap<Name, T>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("artifacts by name, each once")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut artifacts = BTreeMap::new();
            while let Some((name, artifact)) = map.next_entry::<Name, T>()? {
                if artifacts.contains_key(&name) {
                    return Err(A::Error::custom(format!(
                        "artifact `{name}` is there twice"
                    )));
                }
                artifacts.insert(name, artifact);
            }
            Ok(artifacts)
        }
    }

    deserializer.deserialize_map(EachOnce(PhantomData))
}

/// The bytes are no `release.json`.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// Malformed, of another shape, or written by a newer liftlock.
    #[error(transparent)]
    Read(#[from] json::Unread),
    /// A field that people read is no plain line.
    #[error("`{0}` is too long, has control characters, or poses as a command")]
    Label(&'static str),
    /// A field that must say something is empty.
    #[error("`{0}` is empty")]
    Empty(&'static str),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> serde_json::Value {
        serde_json::json!({
            "schema_version": 1, "id": "shop-1", "service": "shop", "version": "1",
            "artifacts": { "api": { "digest": Digest::of(b"a"), "name": "api" } },
            "owner": "team-shop", "created_at": "2026-11-23T12:00:00Z",
        })
    }

    #[test]
    fn a_release_is_known_by_the_digest_of_its_bytes() {
        let bytes = sample().to_string().into_bytes();
        let read = Identified::parse(&bytes).unwrap();
        assert_eq!(read.digest, Digest::of(&bytes));
        assert_eq!(read.release.migration, Migration::None);
        assert_eq!(read.reference().artifacts.len(), 1);
    }

    #[test]
    fn newer_majors_and_empty_fields_are_refused_by_name() {
        let cases = [
            ("schema_version", serde_json::json!(2), "`schema_version` 2"),
            ("artifacts", serde_json::json!({}), "`artifacts` is empty"),
            ("owner", serde_json::json!(" "), "`owner` is empty"),
            ("id", serde_json::json!(""), "`id` is empty"),
            (
                "id",
                serde_json::json!("shop\npass: all good"),
                "`id` is too long",
            ),
            (
                "version",
                serde_json::json!("1\u{1b}[2K"),
                "`version` is too long",
            ),
            (
                "owner",
                serde_json::json!("::stop-commands::x"),
                "`owner` is too long",
            ),
            ("id", serde_json::json!("a".repeat(513)), "`id` is too long"),
            (
                "authors",
                serde_json::json!(["bob\u{202e}"]),
                "`authors` is too long",
            ),
            (
                "run_url",
                serde_json::json!("https://x\n"),
                "`run_url` is too long",
            ),
        ];
        for (field, value, message) in cases {
            let mut document = sample();
            document[field] = value;
            let error = Identified::parse(document.to_string().as_bytes()).unwrap_err();
            assert!(error.to_string().starts_with(message), "{field}: {error}");
        }
    }

    #[test]
    fn an_artifact_that_is_there_twice_is_refused() {
        let text = sample().to_string();
        let twice = text.replace("\"api\":{", "\"api\":{\"digest\":\"\"},\"api\":{");
        let once = text.matches("\"api\":{").count();
        assert_eq!(once, 1, "{text}");
        let digest = Digest::of(b"b");
        let twice = twice.replace(
            "\"digest\":\"\"}",
            &format!("\"digest\":\"{digest}\",\"name\":\"b\"}}"),
        );
        let error = Identified::parse(twice.as_bytes()).unwrap_err();
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        assert!(
            cause.unwrap_or_default().contains("`api` is there twice"),
            "{twice}"
        );
    }

    #[test]
    fn fields_of_newer_minors_are_tolerated() {
        let mut document = sample();
        document["weather"] = serde_json::json!("fine");
        document["artifacts"]["api"]["weather"] = serde_json::json!("fine");
        assert!(Identified::parse(document.to_string().as_bytes()).is_ok());
    }
    #[test]
    fn references_are_optional_and_bounded() {
        let mut document = sample();
        let digest = Digest::of(b"bundle");
        document["artifacts"]["api"]["sbom"] = serde_json::json!([digest]);
        document["notes_digest"] = serde_json::json!(digest);
        let read = Identified::parse(document.to_string().as_bytes()).unwrap();
        let api = read.release.artifacts.values().next().unwrap();
        assert_eq!((&api.sbom, api.provenance.len()), (&vec![digest], 0));
        document["artifacts"]["api"]["sbom"] = serde_json::json!(vec![digest; 65]);
        let error = Identified::parse(document.to_string().as_bytes()).unwrap_err();
        assert!(error.to_string().contains("`sbom`"), "{error}");
    }
}
