//! Signs and attests images in the formats that were asked for, by digest,
//! and says when a tag was moved meanwhile.

use liftlock::bundle::{Bundle, Content};
use liftlock::crypto::{Algorithm, PublicKey, Signer as _};
use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::oci::compat::Format;
use liftlock::oci::legacy::{self, Layer};
use liftlock::oci::view::Attached;
use liftlock::oci::{Descriptor, Reference, Tag, Version};
use liftlock::signature::Artifact;
use liftlock::statement::{Statement, Subject};
use liftlock_io::cli::Session;
use liftlock_io::evidence::Evidence;
use liftlock_io::oci::Repository;
use liftlock_io::verify::Local;
use serde::Serialize;

use crate::check;
use crate::layer;
use crate::pen::Pen;
use crate::predicate::SIGNED;
use crate::proof::Unproved;
use crate::wanted::Wanted;

/// How attached things are written; the values of `--image-format`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ImageFormat {
    /// A Sigstore bundle, as cosign 3 writes it
    #[default]
    V3,
    /// A layer under the tag sha256-HEX.sig or .att, as cosign 2 writes it
    V2,
    /// Both
    Both,
}

impl From<ImageFormat> for Format {
    fn from(format: ImageFormat) -> Self {
        match format {
            ImageFormat::V3 => Self::V3,
            ImageFormat::V2 => Self::V2,
            ImageFormat::Both => Self::Both,
        }
    }
}

/// Whether what an index lists is meant as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// What was named.
    One,
    /// And everything below it.
    All,
}

/// The flag of whatever handles indexes.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Recursive {
    /// Of an index, also everything that it lists, down to the images
    #[arg(long)]
    recursive: bool,
}

impl Recursive {
    /// What the flag says.
    pub(crate) const fn reach(self) -> Reach {
        if self.recursive {
            Reach::All
        } else {
            Reach::One
        }
    }
}

/// An image in its repository.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Image<'a> {
    pub(crate) repository: &'a Repository,
    pub(crate) descriptor: &'a Descriptor,
}

/// What was attached to one manifest.
#[derive(Debug, Serialize)]
pub(crate) struct Signed {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    /// Kind and digest of each manifest that was written; empty when the key
    /// had signed it before, and when nothing may be changed.
    pub(crate) attached: Vec<Attachment>,
}

/// A manifest that holds one signature or attestation and nothing else.
#[derive(Debug, Serialize)]
pub(crate) struct Attachment {
    pub(crate) kind: Attached,
    pub(crate) manifest: Digest,
}

impl Attachment {
    /// For people.
    pub(crate) fn line(&self, target: &str) -> String {
        format!("{target}: {}", self.manifest)
    }
}

/// What is signed about an image.
pub(crate) struct Asked<'a> {
    pub(crate) pen: &'a Pen<'a>,
    pub(crate) format: Format,
    /// Where signatures are kept as well.
    pub(crate) store: Option<&'a Evidence>,
    pub(crate) session: &'a Session,
}

impl Asked<'_> {
    /// Signs an image, or an index with everything below it. What is below is
    /// left out where the same key signed it before.
    pub(crate) fn sign(&self, image: Image<'_>, reach: Reach) -> Result<Vec<Signed>, Failure> {
        let descriptors = match reach {
            Reach::One => vec![image.descriptor.clone()],
            Reach::All => image.repository.tree(image.descriptor)?,
        };
        let mut signed = Vec::new();
        for descriptor in &descriptors {
            self.session.check()?;
            let one = Image {
                descriptor,
                ..image
            };
            let mut attached = Vec::new();
            for kind in kinds(self.format, Attached::Signatures) {
                let known = match (reach, self.pen.key()) {
                    (Reach::All, Some(key)) => one.has(kind, key.public_key())?,
                    // A certificate's key is a new one each time.
                    (Reach::One, _) | (Reach::All, None) => false,
                };
                if !known && !self.session.dry_run {
                    attached.push(self.attach_signature(one, kind)?);
                }
            }
            signed.push(Signed {
                digest: descriptor.digest,
                size: descriptor.size,
                attached,
            });
        }
        Ok(signed)
    }

    fn attach_signature(&self, image: Image<'_>, kind: Attached) -> Result<Attachment, Failure> {
        let digest = &image.descriptor.digest;
        let manifest = match kind {
            Attached::Bundles => {
                let bundle = signature(self.pen, digest)?;
                let created = self.session.started;
                if let Some(store) = self.store {
                    store.put(&[*digest], SIGNED, bundle.bytes())?;
                }
                let repository = image.repository;
                repository.attach(image.descriptor, &bundle, SIGNED, created)?
            }
            Attached::Signatures | Attached::Attestations => {
                let payload = legacy::payload(&image.repository.address(), digest)?;
                let layer = self.layer(payload)?;
                // As any reader would: nothing is written that does not verify.
                let own = self.pen.own();
                layer::verify(&layer, digest, &own, Wanted::Signature).map_err(unproved)?;
                image.attach_layer(kind, &layer)?
            }
        };
        Ok(Attachment { kind, manifest })
    }

    /// A payload with the signature over it.
    fn layer(&self, payload: Vec<u8>) -> Result<Layer, Failure> {
        if let Some(key) = self.pen.key()
            && key.public_key().algorithm() != Algorithm::P256
        {
            // Over the payload itself, which no log takes of these kinds.
            let made = key.sign(&payload);
            let made = made.map_err(|source| cannot_sign(&*source))?;
            return Ok(Layer::signed(payload, &made));
        }
        let digest = Digest::of(&payload);
        let made = self
            .pen
            .sign(&Artifact::known_by(digest), Subject::new(&digest))?;
        let bundle = self.pen.whole(made)?;
        match bundle.content() {
            Content::Message { signature, .. } => {
                Ok(Layer::signed(payload, signature).with_proof(&bundle)?)
            }
            Content::Envelope(_) => Err(Failure::new(Kind::Bug, UNPROVED)),
        }
    }

    /// Attaches what is said about an image: a bundle that may be about more,
    /// and a layer of cosign 2 that is about this image alone.
    pub(crate) fn attest(
        &self,
        image: Image<'_>,
        statement: &Statement,
        bundle: &Bundle,
    ) -> Result<Vec<Attachment>, Failure> {
        let said = statement.predicate_type();
        let mut attached = Vec::new();
        for kind in kinds(self.format, Attached::Attestations) {
            self.session.check()?;
            let manifest = match kind {
                Attached::Bundles => {
                    let created = self.session.started;
                    let repository = image.repository;
                    repository.attach(image.descriptor, bundle, said, created)?
                }
                Attached::Signatures | Attached::Attestations => {
                    let address = image.repository.address();
                    let subject = Subject::named(&image.descriptor.digest, address);
                    let statement = Statement::new(vec![subject], said, statement.predicate())?;
                    let bundle = self.pen.whole(self.pen.attest(&statement.older())?)?;
                    let layer = match bundle.content() {
                        Content::Envelope(envelope) => {
                            Layer::attested(envelope, said)?.with_proof(&bundle)?
                        }
                        Content::Message { .. } => return Err(Failure::new(Kind::Bug, UNPROVED)),
                    };
                    image.attach_layer(kind, &layer)?
                }
            };
            attached.push(Attachment { kind, manifest });
        }
        Ok(attached)
    }
}

const UNPROVED: &str = "what was just signed does not verify";

fn unproved(why: Unproved) -> Failure {
    match why {
        Unproved::Refused(reason) => Failure::new(Kind::Bug, format!("{UNPROVED}: {reason}")),
        Unproved::Malformed(failure) => failure,
    }
}

fn cannot_sign(source: &dyn std::error::Error) -> Failure {
    Failure::new(Kind::Upstream, format!("cannot sign: {source}"))
}

/// The bundle that says an image is signed.
pub(crate) fn signature(pen: &Pen<'_>, digest: &Digest) -> Result<Bundle, Failure> {
    let nothing = serde_json::Map::new();
    let statement = Statement::new(vec![Subject::new(digest)], SIGNED, &nothing)?;
    pen.whole(pen.attest(&statement)?)
}

/// The lists that a format writes to; `layers` is its kind in cosign 2.
fn kinds(format: Format, layers: Attached) -> Vec<Attached> {
    let bundles = format.bundles().then_some(Attached::Bundles);
    let layers = format.layers().then_some(layers);
    bundles.into_iter().chain(layers).collect()
}

impl Image<'_> {
    fn attach_layer(self, kind: Attached, layer: &Layer) -> Result<Digest, Failure> {
        let repository = self.repository;
        Ok(repository.attach_layer(self.descriptor, kind, layer)?)
    }

    /// Whether this key signed it, in this form.
    fn has(self, kind: Attached, key: &PublicKey) -> Result<bool, Failure> {
        let (digest, keys) = (&self.descriptor.digest, [key.clone()]);
        match kind {
            Attached::Bundles => {
                let found = self.repository.bundles(digest)?;
                let mut found = found.iter().filter_map(|bytes| Bundle::parse(bytes).ok());
                Ok(found.any(|bundle| check::signs(&bundle, digest, key)))
            }
            Attached::Signatures | Attached::Attestations => {
                let found = self.repository.layers(digest, kind)?;
                let signs = |layer| legacy::verify(layer, digest, &keys, &Local).is_ok();
                Ok(found.iter().any(signs))
            }
        }
    }

    /// Where the tag that was typed points now, when it was moved since it
    /// was resolved: everything went to the digest, not to the tag.
    pub(crate) fn moved(self, typed: &str) -> Result<Option<Moved>, Failure> {
        let reference: Reference = typed.parse()?;
        let (Some(tag), None) = (reference.tag, reference.digest) else {
            return Ok(None);
        };
        let now = self.repository.resolve(Some(&Version::Tag(tag.clone())))?;
        let now = now.map(|descriptor| descriptor.digest);
        if now == Some(self.descriptor.digest) {
            return Ok(None);
        }
        Ok(Some(Moved { tag, now }))
    }
}

/// A tag that does not point any more where it did.
#[derive(Debug, Serialize)]
pub(crate) struct Moved {
    tag: Tag,
    /// Where it points; nowhere when it is gone.
    now: Option<Digest>,
}

impl Moved {
    /// For people.
    pub(crate) fn line(&self) -> String {
        let now = self.now.map_or("nothing".to_owned(), |now| now.to_string());
        format!(
            "the tag `{}` was moved meanwhile and points at {now}, which was not signed",
            self.tag
        )
    }
}
