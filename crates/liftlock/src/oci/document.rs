//! OCI image manifests and indexes, of which we read the parts that point.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::view::MOST_LAYERS;
use crate::digest::Digest;
use crate::failure::{Explain, Kind};
use crate::json;

/// Media type of an image manifest.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// Media type of an index.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// Docker's media type of an image manifest.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Docker's media type of an index.
pub const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// Everything that counts as a manifest.
pub const MANIFESTS: [&str; 4] = [MANIFEST, INDEX, DOCKER_MANIFEST, DOCKER_INDEX];

/// The annotation that holds the tag in the index of a layout.
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// The most bytes of a manifest or index (OCI distribution specification: 4 MiB).
pub const LARGEST: usize = 4 * 1024 * 1024;

/// The most manifests of one index.
const MOST: usize = 10_000;

/// Points at a blob or manifest. Fields of others are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What it is.
    pub media_type: String,
    /// Its identity.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
    /// What kind of artifact the manifest holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// Labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Platform, URLs, and what else there may be.
    #[serde(flatten)]
    pub rest: serde_json::Map<String, serde_json::Value>,
}

impl Descriptor {
    /// Points at these bytes.
    #[must_use]
    pub fn of(media_type: &str, bytes: &[u8]) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest: Digest::of(bytes),
            size: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            artifact_type: None,
            annotations: BTreeMap::new(),
            rest: serde_json::Map::new(),
        }
    }

    /// The tag that a layout gives it.
    #[must_use]
    pub fn ref_name(&self) -> Option<&str> {
        self.annotations.get(REF_NAME).map(String::as_str)
    }
}

/// A list of manifests. Fields of others are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    schema_version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    media_type: Option<String>,
    /// What it lists.
    #[serde(default)]
    pub manifests: Vec<Descriptor>,
    #[serde(flatten)]
    rest: serde_json::Map<String, serde_json::Value>,
}

impl Default for Index {
    fn default() -> Self {
        Self {
            schema_version: 2,
            media_type: Some(INDEX.to_owned()),
            manifests: Vec::new(),
            rest: serde_json::Map::new(),
        }
    }
}

impl Index {
    /// Reads an index.
    ///
    /// # Errors
    ///
    /// Fails on malformed JSON, another shape or version, and on too many entries.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let index: Self = parse(bytes)?;
        if index.schema_version != 2 {
            return Err(ParseError::Version(index.schema_version));
        }
        if index.manifests.len() > MOST {
            return Err(ParseError::TooMany(index.manifests.len()));
        }
        Ok(index)
    }

    /// The document.
    ///
    /// # Errors
    ///
    /// Fails never in practice: an index was JSON or came from JSON.
    pub fn bytes(&self) -> Result<Vec<u8>, ParseError> {
        Ok(serde_json::to_vec(self).map_err(json::ParseError::from)?)
    }

    /// Adds an entry, or replaces the one with the same digest, and leaves
    /// all others as they are: several writers' entries come together.
    pub fn merge(&mut self, entry: Descriptor) {
        self.manifests
            .retain(|existing| existing.digest != entry.digest || existing.ref_name().is_some());
        self.manifests.push(entry);
    }

    /// The entry that has this tag in a layout.
    #[must_use]
    pub fn tagged(&self, tag: &str) -> Option<&Descriptor> {
        let mut entries = self.manifests.iter();
        entries.find(|entry| entry.ref_name() == Some(tag))
    }

    /// Gives a tag to a manifest and takes it from any other.
    pub fn tag(&mut self, tag: &str, mut entry: Descriptor) {
        self.manifests
            .retain(|existing| existing.ref_name() != Some(tag));
        entry
            .annotations
            .insert(REF_NAME.to_owned(), tag.to_owned());
        self.manifests.push(entry);
    }
}

/// What we read of a manifest.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// What kind of document it says it is.
    #[serde(default)]
    pub media_type: Option<String>,
    /// What kind of artifact it holds.
    #[serde(default)]
    pub artifact_type: Option<String>,
    /// How it is run, or nothing much; whoever only looks for what is listed
    /// need not understand it.
    #[serde(default)]
    pub config: Option<serde_json::Value>,
    /// What it holds.
    #[serde(default)]
    pub layers: Vec<Descriptor>,
    /// What it is about.
    #[serde(default)]
    pub subject: Option<Descriptor>,
    /// Labels.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    ///
    /// Fails on malformed JSON and another shape.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        parse(bytes)
    }

    /// The blobs that have to be where the manifest is, each once. Layers that
    /// are fetched from elsewhere (`urls`) have not (OCI image specification,
    /// "Foreign layers").
    ///
    /// # Errors
    ///
    /// Fails when the configuration points at nothing.
    pub fn blobs(&self) -> Result<Vec<Descriptor>, ParseError> {
        let config = self
            .config
            .clone()
            .map(serde_json::from_value::<Descriptor>);
        let config = config.transpose().map_err(json::ParseError::from)?;
        let mut blobs: Vec<Descriptor> = Vec::new();
        let all = config.into_iter().chain(self.layers.iter().cloned());
        for blob in all.filter(|blob| !blob.rest.contains_key("urls")) {
            if !blobs.iter().any(|one| one.digest == blob.digest) {
                blobs.push(blob);
            }
        }
        Ok(blobs)
    }
}

fn parse<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, ParseError> {
    if bytes.len() > LARGEST {
        return Err(ParseError::TooLarge(bytes.len()));
    }
    Ok(json::parse_open(bytes)?)
}

/// The bytes are no OCI document that we can use.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// Malformed or of another shape.
    #[error("not an OCI document")]
    Json(#[from] json::ParseError),
    /// Another version of the format.
    #[error("`schemaVersion` is {0}, not 2")]
    Version(u32),
    /// More than registries allow.
    #[error("{0} bytes are more than the {LARGEST} a manifest may have")]
    TooLarge(usize),
    /// More than any honest index has.
    #[error("{0} manifests are more than the {MOST} an index may have")]
    TooMany(usize),
    /// More than cosign reads.
    #[error("{0} layers are more than the {MOST_LAYERS} that cosign reads")]
    TooManyLayers(usize),
}

impl Explain for ParseError {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_of_others_survive_a_merge() {
        let theirs = serde_json::json!({
            "schemaVersion": 2, "mediaType": INDEX, "x": 1,
            "manifests": [{
                "mediaType": MANIFEST, "digest": Digest::of(b"a"), "size": 1,
                "artifactType": "text/plain", "platform": { "os": "linux" },
            }],
        });
        let mut index = Index::parse(theirs.to_string().as_bytes()).unwrap();
        let ours = Descriptor::of(MANIFEST, b"b");
        index.merge(ours.clone());
        index.merge(ours);
        let written: serde_json::Value = serde_json::from_slice(&index.bytes().unwrap()).unwrap();
        assert_eq!(written["manifests"][0], theirs["manifests"][0]);
        assert_eq!(written["x"], 1);
        assert_eq!(index.manifests.len(), 2);
    }

    #[test]
    fn a_tag_points_at_one_manifest() {
        let mut index = Index::default();
        let (old, new) = (
            Descriptor::of(MANIFEST, b"a"),
            Descriptor::of(MANIFEST, b"b"),
        );
        index.tag("v1", old.clone());
        index.tag("live", old);
        index.tag("live", new.clone());
        assert_eq!(index.tagged("live").unwrap().digest, new.digest);
        assert_eq!(index.tagged("v1").unwrap().digest, Digest::of(b"a"));
        assert_eq!(index.manifests.len(), 2);
    }

    #[test]
    fn what_is_no_index_is_refused() {
        for text in [
            "",
            "[]",
            "<html>",
            r#"{"schemaVersion":1}"#,
            r#"{"manifests":[]}"#,
        ] {
            assert!(Index::parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(Manifest::parse(&vec![b' '; LARGEST + 1]).is_err());
    }
}
