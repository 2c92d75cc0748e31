//! What was found that may prove something: bundles beside files, attached to
//! images, in the evidence store; what cosign 2 attached.

use std::path::Path;

use liftlock::bundle::Bundle;
use liftlock::digest::Digest;
use liftlock::failure::{Explain as _, Failure};
use liftlock::oci::legacy::Layer;
use liftlock_io::evidence::Evidence;
use liftlock_io::file;

use crate::layer;
use crate::target::{LARGEST_BUNDLE, Place, Target, beside};
use crate::wanted::Wanted;

/// A bundle's bytes and where they were.
#[derive(Debug)]
pub(crate) struct Raw {
    pub(crate) from: String,
    pub(crate) bytes: Vec<u8>,
    /// Whether it is the one bundle of the target, so that one which is
    /// malformed is an error and no more than that.
    pub(crate) sole: bool,
    pub(crate) form: Form,
}

/// What may prove something.
#[derive(Debug)]
pub(crate) enum Form {
    /// A bundle, in `bytes`.
    Bundle,
    /// What cosign 2 attached.
    Layer(Layer),
    /// Nothing: what is there cannot be read, for this reason.
    Broken(String),
}

impl Raw {
    /// The one bundle of a target.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        Ok(Self {
            from: path.display().to_string(),
            bytes: file::read(path, LARGEST_BUNDLE)?,
            sole: true,
            form: Form::Bundle,
        })
    }

    /// The bundle that it has to be.
    pub(crate) fn bundle(&self) -> Result<Bundle, Failure> {
        Bundle::parse(&self.bytes).map_err(|error| {
            let message = format!("cannot understand `{}`", self.from);
            Failure::because(error.kind(), message, error)
        })
    }

    /// Whether `bytes` are to be a bundle.
    pub(crate) const fn is_bundle(&self) -> bool {
        matches!(self.form, Form::Bundle)
    }

    /// A bundle that is attached to an image.
    pub(crate) fn attached(bytes: Vec<u8>) -> Self {
        Self {
            from: format!("attached {}", Digest::of(&bytes)),
            bytes,
            sole: false,
            form: Form::Bundle,
        }
    }

    /// A layer of the list under this tag.
    pub(crate) fn layer(tag: &str, layer: Layer) -> Self {
        Self {
            from: format!("tag {tag}, layer {}", layer.descriptor.digest),
            bytes: Vec::new(),
            sole: false,
            form: Form::Layer(layer),
        }
    }

    /// A list that is malformed; what else there is may still prove.
    pub(crate) fn broken(tag: &str, reason: String) -> Self {
        Self {
            from: format!("tag {tag}"),
            bytes: Vec::new(),
            sole: false,
            form: Form::Broken(reason),
        }
    }
}

/// What the evidence store keeps about a digest.
pub(crate) fn kept(evidence: &Evidence, digest: &Digest) -> Result<Vec<Raw>, Failure> {
    let items = evidence.list(digest)?.into_iter();
    Ok(items
        .map(|item| Raw {
            from: format!("evidence {}", item.digest),
            bytes: item.bytes,
            sole: false,
            form: Form::Bundle,
        })
        .collect())
}

/// The bundles of a target: the one beside a file (`FILE.sigstore.json`,
/// `FILE.sigstore`), or those attached to an image.
pub(crate) fn gather(target: &Target, wanted: Wanted<'_>) -> Result<Vec<Raw>, Failure> {
    match &target.place {
        Place::Digest => Ok(Vec::new()),
        Place::File(path) => {
            let candidates = [".sigstore.json", ".sigstore"].map(|end| beside(path, end));
            for candidate in &candidates {
                if file::exists(candidate)? {
                    return Ok(vec![Raw::read(candidate)?]);
                }
            }
            Ok(Vec::new())
        }
        Place::Image { repository, .. } => layer::gather(repository, &target.digest, wanted),
    }
}
