//! Attaches signatures and attestations to images, and finds them again.

use std::collections::BTreeSet;

use liftlock::bundle::Bundle;
use liftlock::digest::Digest;
use liftlock::json;
use liftlock::oci::document::Manifest;
use liftlock::oci::legacy::{LARGEST_PAYLOAD, Layer};
use liftlock::oci::merge::{self, Effect, Merged};
use liftlock::oci::view::{Attached, Id, View};
use liftlock::oci::{Descriptor, Version, attachment};
use liftlock::time::Time;

use super::merge::{Merge, Source};
use super::{Error, Registry, Repository, Result, referrers};

/// The most bytes of one bundle that is attached to an image.
const LARGEST_BUNDLE: u64 = json::LARGEST as u64;

/// The most referrers that are looked at for one image.
const MOST_REFERRERS: usize = 1_000;

/// The most bundles that are read for one image.
const MOST_BUNDLES: usize = 256;

/// The most bytes of one kind that are read for one image, each time that they
/// are listed: four of the largest bundles, and all the payloads of a list.
const LARGEST_TOGETHER: u64 = 4 * LARGEST_BUNDLE;

impl Repository {
    /// Attaches a bundle to a manifest, where cosign 3 finds it.
    ///
    /// # Errors
    ///
    /// Fails when the repository cannot be written, and when the bundle is not
    /// listed afterwards.
    pub fn attach(
        &self,
        subject: &Descriptor,
        bundle: &Bundle,
        predicate_type: &str,
        created: Time,
    ) -> Result<Digest> {
        let (bytes, entry) = attachment::manifest(bundle, subject, predicate_type, created)?;
        self.put_blob(attachment::EMPTY_BYTES)?;
        self.put_blob(bundle.bytes())?;
        match self {
            Self::Registry(registry) => {
                let attached = Attached::Bundles;
                let object = Object {
                    subject: &subject.digest,
                    attached,
                    id: attached.id(&entry),
                    bytes: &bytes,
                };
                match object.publish(registry)? {
                    // The registry's own list needs no second one.
                    Source::Referrers => {}
                    source @ (Source::Tags | Source::Both) => {
                        let state = merge::Merge::new(attached, Effect::Write);
                        Merge::new(registry, &subject.digest, source, state)
                            .with(&entry)
                            .run()?;
                    }
                }
            }
            Self::Layout(layout) => {
                layout.put_blob(&bytes)?;
                layout.merge(&entry)?;
            }
        }
        Ok(entry.digest)
    }

    /// Attaches a layer to a manifest, where cosign 2 finds it. Gives the
    /// digest of the object that only this layer is in.
    ///
    /// # Errors
    ///
    /// Fails when the repository cannot be written, and when the layer is not
    /// listed afterwards.
    pub fn attach_layer(
        &self,
        subject: &Descriptor,
        attached: Attached,
        layer: &Layer,
    ) -> Result<Digest> {
        self.put_blob(&layer.bytes)?;
        let registry = match self {
            Self::Registry(registry) => registry,
            Self::Layout(layout) => {
                return layout.list(&subject.digest, attached, &layer.descriptor);
            }
        };
        let document = attached.object(subject, &layer.descriptor)?;
        if let Some(config) = &document.config {
            registry.put_blob(config)?;
        }
        let object = Object {
            subject: &subject.digest,
            attached,
            id: attached.id(&layer.descriptor),
            bytes: &document.bytes,
        };
        let source = object.publish(registry)?;
        let state = merge::Merge::new(attached, Effect::Write);
        Merge::new(registry, &subject.digest, source, state)
            .with(&layer.descriptor)
            .run()?;
        Ok(Digest::of(&document.bytes))
    }

    /// The bytes of all bundles that are attached to a manifest, unproved; each
    /// once, however often it is attached.
    ///
    /// # Errors
    ///
    /// Fails when the repository cannot be read, when there are too many or
    /// too large ones, and when one of them is not what its digest says.
    pub fn bundles(&self, subject: &Digest) -> Result<Vec<Vec<u8>>> {
        let mut listed = match self {
            Self::Registry(registry) => referrers::list(registry, subject)?,
            Self::Layout(layout) => layout.entries()?,
        };
        listed.retain(|entry| match self {
            Self::Registry(_) => Attached::Bundles.lists(entry),
            // Most entries of a folder are images.
            Self::Layout(_) => attachment::is_bundle(entry),
        });
        if listed.len() > MOST_REFERRERS {
            return Err(Error::TooMany(*subject));
        }
        let mut room = Room::of(subject);
        let mut seen = BTreeSet::new();
        let mut bundles = Vec::new();
        for entry in listed {
            let Some(found) = self.manifest(Some(&Version::Digest(entry.digest)))? else {
                return Err(Error::Absent(entry.digest.to_string()));
            };
            let manifest = Manifest::parse(&found.bytes)?;
            let about = manifest.subject.as_ref().map(|subject| subject.digest);
            let blob = attachment::blob(&manifest).filter(|_| about == Some(*subject));
            if let Some(blob) = blob.filter(|blob| seen.insert(blob.digest)) {
                let bytes = self.blob(&blob.digest, LARGEST_BUNDLE)?;
                room.take(&bytes)?;
                bundles.push(bytes);
            }
            if bundles.len() > MOST_BUNDLES {
                return Err(Error::TooMany(*subject));
            }
        }
        Ok(bundles)
    }

    /// The layers that cosign 2 finds at a manifest, with their bytes, unproved.
    ///
    /// # Errors
    ///
    /// Fails when the repository cannot be read, when there are too many or
    /// too large ones, and when one of them is not what its digest says.
    pub fn layers(&self, subject: &Digest, attached: Attached) -> Result<Vec<Layer>> {
        let tag = Version::Tag(attached.tag(subject));
        let found = match self {
            Self::Registry(registry) => registry.manifest_or_hidden(&tag)?,
            Self::Layout(_) => self.manifest(Some(&tag))?,
        };
        let Some(found) = found else {
            return Ok(Vec::new());
        };
        let limit = match attached {
            Attached::Signatures => LARGEST_PAYLOAD,
            Attached::Bundles | Attached::Attestations => LARGEST_BUNDLE,
        };
        let view = View::parse(attached, &found.bytes)?;
        let mut room = Room::of(subject);
        let mut layers: Vec<Layer> = Vec::new();
        let ours = |entry: &&Descriptor| entry.media_type == attached.layer_type();
        for entry in view.entries().iter().filter(ours) {
            let mut known = layers.iter();
            let known = known.find(|layer| layer.descriptor.digest == entry.digest);
            // Signatures of one image share their payload.
            let bytes = match known {
                Some(known) => {
                    room.take(&known.bytes)?;
                    known.bytes.clone()
                }
                None => {
                    let bytes = self.blob(&entry.digest, limit)?;
                    room.take(&bytes)?;
                    bytes
                }
            };
            layers.push(Layer {
                descriptor: entry.clone(),
                bytes,
            });
        }
        Ok(layers)
    }

    /// Brings a list under a tag up to date with what single signers wrote.
    ///
    /// # Errors
    ///
    /// Fails when the repository cannot be read or written.
    pub fn repair(&self, subject: &Digest, attached: Attached, effect: Effect) -> Result<Merged> {
        match self {
            Self::Registry(registry) => {
                let source = match attached {
                    // What the registry lists by itself needs no list.
                    Attached::Bundles => Source::Tags,
                    Attached::Signatures | Attached::Attestations => Source::Both,
                };
                let state = merge::Merge::new(attached, effect);
                Merge::new(registry, subject, source, state).run()
            }
            // A folder has locks, so that nothing is ever lost there.
            Self::Layout(_) => Ok(Merged {
                entries: match attached {
                    Attached::Bundles => self.bundles(subject)?.len(),
                    Attached::Signatures | Attached::Attestations => {
                        self.layers(subject, attached)?.len()
                    }
                },
                added: 0,
            }),
        }
    }
}

/// What is left for the bytes of one kind.
struct Room<'a> {
    subject: &'a Digest,
    left: u64,
}

impl<'a> Room<'a> {
    const fn of(subject: &'a Digest) -> Self {
        Self {
            subject,
            left: LARGEST_TOGETHER,
        }
    }

    /// Makes place for some bytes, if there is any.
    fn take(&mut self, bytes: &[u8]) -> Result<()> {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        match self.left.checked_sub(length) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(Error::TooMuch {
                subject: *self.subject,
                limit: LARGEST_TOGETHER,
            }),
        }
    }
}

/// A manifest that one signer wrote.
struct Object<'a> {
    subject: &'a Digest,
    attached: Attached,
    id: Id,
    bytes: &'a [u8],
}

impl Object<'_> {
    /// Puts it where every other writer finds it, and says where that is.
    fn publish(&self, registry: &Registry) -> Result<Source> {
        let digest = Digest::of(self.bytes);
        if referrers::native(registry, self.subject)?.is_some() {
            registry.put_object(&Version::Digest(digest), self.bytes)?;
            if referrers::shows(registry, self.subject, &digest)? {
                return Ok(Source::Referrers);
            }
        }
        let tag = Version::Tag(self.attached.own_tag(self.subject, &self.id));
        registry.put_object(&tag, self.bytes)?;
        Ok(Source::Tags)
    }
}
