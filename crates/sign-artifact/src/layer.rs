//! Proves what cosign 2 attached to images.

use liftlock::bundle::Bundle;
use liftlock::crypto::PublicKey;
use liftlock::digest::Digest;
use liftlock::failure::Failure;
use liftlock::oci::legacy::{self, Layer, SIMPLE_SIGNING};
use liftlock::oci::view::Attached;
use liftlock_io::oci::{Error, Repository};
use liftlock_io::verify::Local;

use crate::check::{Raw, Unproved, prove};

/// Everything that is attached to a manifest and may prove what is asked:
/// bundles, and the layers of the kind that is asked for.
pub(crate) fn gather(
    repository: &Repository,
    digest: &Digest,
    predicate_type: Option<&str>,
) -> Result<Vec<Raw>, Failure> {
    let bundles = repository.bundles(digest)?.into_iter();
    let mut found: Vec<Raw> = bundles.map(Raw::attached).collect();
    let kind = match predicate_type {
        None => Attached::Signatures,
        Some(_) => Attached::Attestations,
    };
    let tag = kind.tag(digest);
    match repository.layers(digest, kind) {
        Ok(layers) => {
            let layers = layers.into_iter();
            found.extend(layers.map(|layer| Raw::layer(tag.as_str(), layer)));
        }
        Err(Error::Document(error)) => {
            found.push(Raw::broken(tag.as_str(), error.to_string()));
        }
        Err(error) => return Err(error.into()),
    }
    Ok(found)
}

/// Proves that one of the keys signed the image, or a statement about it.
pub(crate) fn verify(
    layer: &Layer,
    digest: &Digest,
    keys: &[PublicKey],
    predicate_type: Option<&str>,
) -> Result<PublicKey, Unproved> {
    if layer.descriptor.media_type == SIMPLE_SIGNING {
        let proved = legacy::verify(layer, digest, keys, &Local);
        return proved.map_err(|refused| Unproved::Refused(refused.to_string()));
    }
    let bytes = layer
        .bundle()
        .map_err(|refused| Unproved::Refused(refused.to_string()))?;
    let bundle = Bundle::parse(&bytes).map_err(|error| Unproved::Refused(error.to_string()))?;
    prove(&bundle, digest, keys, predicate_type)
}
