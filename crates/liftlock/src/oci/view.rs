//! The lists under tags of what is attached to an image. Each is a merged
//! view of objects that one signer each wrote and that nobody writes again.
//!
//! Registries have no compare-and-swap, so a list under a tag can lose what a
//! second writer added at the same moment. The objects can't: each has a tag
//! (or a referrer's digest) of its own, made from its content. A list is
//! rebuilt from them by every writer, and by `repair`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use super::document::{Descriptor, INDEX, Index, MANIFEST, Manifest, ParseError};
use super::reference::Tag;
use super::{attachment, legacy};
use crate::digest::Digest;
use crate::json;

/// The most layers of one list that cosign reads (its `maxLayers`).
pub const MOST_LAYERS: usize = 1_000;

/// Media type of an image's configuration, which cosign's lists have too.
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// What a list holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Attached {
    /// Sigstore bundles: an index of manifests, where there is no referrers API.
    Bundles,
    /// cosign 2's signatures: the layers of one manifest.
    Signatures,
    /// cosign 2's attestations: the layers of one manifest.
    Attestations,
}

impl Attached {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Bundles, Self::Signatures, Self::Attestations];

    /// The tag of the list: `sha256-<hex>` (OCI distribution specification,
    /// "Referrers tag schema"), with `.sig` or `.att` for cosign 2.
    #[must_use]
    pub fn tag(self, subject: &Digest) -> Tag {
        Tag::of_subject(
            subject,
            match self {
                Self::Bundles => "",
                Self::Signatures => ".sig",
                Self::Attestations => ".att",
            },
        )
    }

    /// The tag of one object: `sha256-<hex>.<id>.bundle`, `.sig` or `.att`, at
    /// most 111 of the 128 characters that a tag may have.
    #[must_use]
    pub fn own_tag(self, subject: &Digest, id: &Id) -> Tag {
        Tag::of_subject(subject, &format!(".{id}{}", self.ending()))
    }

    /// The object that a tag is of, if it is one of this kind about this subject.
    #[must_use]
    pub fn own_id(self, subject: &Digest, tag: &str) -> Option<Id> {
        let head = self.head(subject);
        let id = tag.strip_prefix(&head)?.strip_suffix(self.ending())?;
        let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (id.len() == Id::LENGTH && id.bytes().all(digit)).then(|| Id(id.to_owned()))
    }

    fn head(self, subject: &Digest) -> String {
        format!("{}.", Self::Bundles.tag(subject))
    }

    const fn ending(self) -> &'static str {
        match self {
            Self::Bundles => ".bundle",
            Self::Signatures => ".sig",
            Self::Attestations => ".att",
        }
    }

    /// The artifact type that one object has as a referrer. For cosign 2's
    /// kinds it is the one of its own OCI 1.1 mode.
    #[must_use]
    pub const fn artifact_type(self) -> &'static str {
        match self {
            Self::Bundles => crate::bundle::MEDIA_TYPE,
            Self::Signatures => "application/vnd.dev.cosign.artifact.sig.v1+json",
            Self::Attestations => "application/vnd.dev.cosign.artifact.att.v1+json",
        }
    }

    /// Whether a referrer may be of this kind, as far as its entry says. Some
    /// registries leave the artifact type out, or put the type of the
    /// configuration there (go-containerregistry); then only the manifest tells.
    #[must_use]
    pub fn lists(self, referrer: &Descriptor) -> bool {
        let config = match self {
            Self::Bundles => attachment::EMPTY,
            Self::Signatures | Self::Attestations => CONFIG,
        };
        match referrer.artifact_type.as_deref() {
            None | Some("") => true,
            Some(kind) if kind == config => true,
            Some(kind) => match self {
                Self::Bundles => attachment::is_bundle(referrer),
                Self::Signatures | Self::Attestations => kind == self.artifact_type(),
            },
        }
    }

    /// What an entry of a list is known by.
    #[must_use]
    pub fn id(self, entry: &Descriptor) -> Id {
        let digest = match self {
            Self::Bundles => entry.digest,
            // Signatures of one image share their payload; the signature
            // itself is an annotation.
            Self::Signatures | Self::Attestations => {
                let mut text = entry.digest.to_string();
                for (name, value) in &entry.annotations {
                    text.push_str(&format!("\n{} {name} {value}", value.len()));
                }
                Digest::of(text.as_bytes())
            }
        };
        Id(digest.hex().chars().take(Id::LENGTH).collect())
    }

    /// The entry that an object, a manifest, gives to the list; nothing when
    /// it is none of this kind about this subject.
    ///
    /// # Errors
    ///
    /// Fails when the bytes are no manifest.
    pub fn entry(self, subject: &Digest, bytes: &[u8]) -> Result<Option<Descriptor>, ParseError> {
        let manifest = Manifest::parse(bytes)?;
        let about = manifest.subject.as_ref().map(|about| about.digest);
        if about != Some(*subject) {
            return Ok(None);
        }
        Ok(match self {
            Self::Bundles => attachment::blob(&manifest).map(|_| {
                let mut entry = Descriptor::of(MANIFEST, bytes);
                entry.artifact_type.clone_from(&manifest.artifact_type);
                entry.annotations.clone_from(&manifest.annotations);
                entry
            }),
            Self::Signatures | Self::Attestations => match manifest.layers.as_slice() {
                [only] if only.media_type == self.layer_type() => Some(only.clone()),
                [] | [_] | [_, ..] => None,
            },
        })
    }

    /// The media type of a layer.
    #[must_use]
    pub const fn layer_type(self) -> &'static str {
        match self {
            Self::Bundles => crate::bundle::MEDIA_TYPE,
            Self::Signatures => legacy::SIMPLE_SIGNING,
            Self::Attestations => legacy::ENVELOPE,
        }
    }

    /// The object of one signer: a manifest with one layer, and its configuration.
    ///
    /// # Errors
    ///
    /// Fails never in practice: all fields can be JSON.
    pub fn object(self, subject: &Descriptor, layer: &Descriptor) -> Result<Document, ParseError> {
        let subject = Descriptor {
            artifact_type: None,
            annotations: BTreeMap::new(),
            rest: serde_json::Map::new(),
            ..subject.clone()
        };
        manifest(
            std::slice::from_ref(layer),
            Some(self.artifact_type()),
            Some(&subject),
        )
    }
}

/// What an entry of a list is known by: the first 128 bits of a SHA-256.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id(String);

impl Id {
    const LENGTH: usize = 32;
}

impl fmt::Display for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A list as it was read, or an empty one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    attached: Attached,
    /// The whole index of bundles; of a list of layers only the entries.
    index: Index,
}

/// A document to write, with the configuration that it names, if it has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Its media type.
    pub media_type: &'static str,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The bytes of a blob that has to be there first.
    pub config: Option<Vec<u8>>,
}

impl View {
    /// A list with nothing in it.
    #[must_use]
    pub fn empty(attached: Attached) -> Self {
        Self {
            attached,
            index: Index::default(),
        }
    }

    /// Reads a list.
    ///
    /// # Errors
    ///
    /// Fails on malformed JSON and on more entries than readers take.
    pub fn parse(attached: Attached, bytes: &[u8]) -> Result<Self, ParseError> {
        let mut view = Self::empty(attached);
        match attached {
            Attached::Bundles => view.index = Index::parse(bytes)?,
            Attached::Signatures | Attached::Attestations => {
                view.index.manifests = Manifest::parse(bytes)?.layers;
                view.bounded()?;
            }
        }
        Ok(view)
    }

    fn bounded(&self) -> Result<(), ParseError> {
        match (self.attached, self.index.manifests.len()) {
            (Attached::Signatures | Attached::Attestations, count) if count > MOST_LAYERS => {
                Err(ParseError::TooManyLayers(count))
            }
            (Attached::Bundles | Attached::Signatures | Attached::Attestations, _) => Ok(()),
        }
    }

    /// What is listed.
    #[must_use]
    pub fn entries(&self) -> &[Descriptor] {
        &self.index.manifests
    }

    /// What the entries are known by.
    #[must_use]
    pub fn ids(&self) -> BTreeSet<Id> {
        let entries = self.entries().iter();
        entries.map(|entry| self.attached.id(entry)).collect()
    }

    /// Adds what is known but not listed, in an order that every writer
    /// shares, and leaves everything else as it is. Says how many were added.
    pub fn add(&mut self, known: &BTreeMap<Id, Descriptor>) -> usize {
        let listed = self.ids();
        let missing = known.iter().filter(|(id, _)| !listed.contains(*id));
        let missing: Vec<Descriptor> = missing.map(|(_, entry)| entry.clone()).collect();
        let count = missing.len();
        self.index.manifests.extend(missing);
        count
    }

    /// The document to write.
    ///
    /// # Errors
    ///
    /// Fails when there are more entries than readers take.
    pub fn document(&self) -> Result<Document, ParseError> {
        self.bounded()?;
        match self.attached {
            Attached::Bundles => Ok(Document {
                media_type: INDEX,
                bytes: self.index.bytes()?,
                config: None,
            }),
            Attached::Signatures | Attached::Attestations => manifest(self.entries(), None, None),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    schema_version: u32,
    media_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_type: Option<&'a str>,
    config: Descriptor,
    layers: &'a [Descriptor],
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a Descriptor>,
}

/// A manifest with cosign 2's kind of configuration: an image without a
/// system whose layers are what is attached.
fn manifest(
    layers: &[Descriptor],
    artifact_type: Option<&str>,
    subject: Option<&Descriptor>,
) -> Result<Document, ParseError> {
    let digests: Vec<Digest> = layers.iter().map(|layer| layer.digest).collect();
    let config = serde_json::json!({
        "architecture": "", "os": "", "created": "0001-01-01T00:00:00Z", "config": {},
        "history": vec![serde_json::json!({ "created": "0001-01-01T00:00:00Z" }); layers.len()],
        "rootfs": { "type": "layers", "diff_ids": digests },
    });
    let config = config.to_string().into_bytes();
    let wire = Wire {
        schema_version: 2,
        media_type: MANIFEST,
        artifact_type,
        config: Descriptor::of(CONFIG, &config),
        layers,
        subject,
    };
    Ok(Document {
        media_type: MANIFEST,
        bytes: serde_json::to_vec(&wire).map_err(json::ParseError::from)?,
        config: Some(config),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject() -> Descriptor {
        Descriptor::of(MANIFEST, b"image")
    }

    fn layer(signature: &str) -> Descriptor {
        let mut layer = Descriptor::of(legacy::SIMPLE_SIGNING, b"payload");
        layer
            .annotations
            .insert(legacy::SIGNATURE.to_owned(), signature.to_owned());
        layer
    }

    fn known(attached: Attached, entries: &[Descriptor]) -> BTreeMap<Id, Descriptor> {
        let entries = entries.iter().cloned();
        entries.map(|entry| (attached.id(&entry), entry)).collect()
    }

    #[test]
    fn an_own_tag_names_its_object_and_no_other() {
        let subject = subject().digest;
        for attached in Attached::ALL {
            let id = attached.id(&layer("one"));
            let tag = attached.own_tag(&subject, &id);
            assert!(tag.as_str().parse::<Tag>().is_ok(), "{tag}");
            assert_eq!(attached.own_id(&subject, tag.as_str()), Some(id.clone()));
            for other in Attached::ALL.into_iter().filter(|one| *one != attached) {
                assert_eq!(other.own_id(&subject, tag.as_str()), None, "{tag}");
            }
            let elsewhere = Digest::of(b"other image");
            assert_eq!(attached.own_id(&elsewhere, tag.as_str()), None);
            let list = attached.tag(&subject);
            assert_eq!(attached.own_id(&subject, list.as_str()), None, "{list}");
            let upper = tag.as_str().replace(&id.to_string(), &"A".repeat(32));
            assert_eq!(attached.own_id(&subject, &upper), None, "{upper}");
        }
    }

    #[test]
    fn signatures_with_one_payload_are_told_apart() {
        let (one, two) = (layer("one"), layer("two"));
        assert_eq!(one.digest, two.digest);
        assert_ne!(Attached::Signatures.id(&one), Attached::Signatures.id(&two));
        // A value that holds what looks like another annotation is no other.
        let (mut split, mut joined) = (layer("x"), layer("x"));
        split.annotations.insert("a".to_owned(), "1".to_owned());
        split.annotations.insert("b".to_owned(), "2".to_owned());
        joined
            .annotations
            .insert("a".to_owned(), "1\n1 b 2".to_owned());
        assert_ne!(
            Attached::Signatures.id(&split),
            Attached::Signatures.id(&joined)
        );
    }

    #[test]
    fn writers_that_know_the_same_write_the_same_and_nothing_is_lost() {
        let attached = Attached::Signatures;
        let entries = [layer("one"), layer("two"), layer("three")];
        let mut view = View::empty(attached);
        assert_eq!(view.add(&known(attached, &entries[..1])), 1);
        let bytes = view.document().unwrap().bytes;
        let (mut left, mut right) = (
            View::parse(attached, &bytes).unwrap(),
            View::parse(attached, &bytes).unwrap(),
        );
        assert_eq!(left.add(&known(attached, &entries)), 2);
        let backwards: Vec<Descriptor> = entries.iter().rev().cloned().collect();
        assert_eq!(right.add(&known(attached, &backwards)), 2);
        assert_eq!(left.document().unwrap(), right.document().unwrap());
        assert_eq!(left.add(&known(attached, &entries)), 0);
        assert_eq!(left.entries().len(), 3);
        assert_eq!(left.entries()[0], entries[0], "what was there stays first");
    }

    #[test]
    fn an_object_gives_its_entry_for_its_subject_only() {
        let attached = Attached::Signatures;
        let object = attached.object(&subject(), &layer("one")).unwrap();
        let entry =
            |attached: Attached, subject: &Digest| attached.entry(subject, &object.bytes).unwrap();
        assert_eq!(entry(attached, &subject().digest), Some(layer("one")));
        assert_eq!(entry(attached, &Digest::of(b"other")), None);
        assert_eq!(entry(Attached::Attestations, &subject().digest), None);
        assert_eq!(entry(Attached::Bundles, &subject().digest), None);
        assert!(attached.entry(&subject().digest, b"<html>").is_err());
        let document: serde_json::Value = serde_json::from_slice(&object.bytes).unwrap();
        assert_eq!(
            document["config"]["digest"],
            Digest::of(&object.config.unwrap()).to_string()
        );
        assert_eq!(document["artifactType"], attached.artifact_type());
    }

    #[test]
    fn a_referrer_is_looked_at_unless_its_entry_says_that_it_is_something_else() {
        let listed = |kind: Option<&str>| {
            let mut entry = subject();
            entry.artifact_type = kind.map(str::to_owned);
            Attached::ALL.map(|attached| attached.lists(&entry))
        };
        let cases = [
            (None, [true, true, true]),
            (Some(""), [true, true, true]),
            (Some(attachment::EMPTY), [true, false, false]),
            (Some(CONFIG), [false, true, true]),
            (Some(crate::bundle::MEDIA_TYPE), [true, false, false]),
            (
                Some("application/vnd.dev.sigstore.bundle.v9+json"),
                [true, false, false],
            ),
            (
                Some(Attached::Signatures.artifact_type()),
                [false, true, false],
            ),
            (
                Some(Attached::Attestations.artifact_type()),
                [false, false, true],
            ),
            (Some("application/spdx+json"), [false, false, false]),
        ];
        for (kind, expected) in cases {
            assert_eq!(listed(kind), expected, "{kind:?}");
        }
    }

    #[test]
    fn more_layers_than_cosign_reads_are_refused() {
        let attached = Attached::Signatures;
        let many: Vec<Descriptor> = (0..=MOST_LAYERS)
            .map(|number| layer(&number.to_string()))
            .collect();
        let mut view = View::empty(attached);
        view.add(&known(attached, &many));
        assert!(matches!(
            view.document(),
            Err(ParseError::TooManyLayers(1_001))
        ));
        let bytes = manifest(&many, None, None).unwrap().bytes;
        assert!(View::parse(attached, &bytes).is_err());
    }
}
