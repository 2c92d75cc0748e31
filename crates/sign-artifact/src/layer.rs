//! Proves what cosign 2 attached to images.

use liftlock::bundle::Bundle;
use liftlock::digest::Digest;
use liftlock::failure::Failure;
use liftlock::oci::legacy::{self, Layer, SIMPLE_SIGNING};
use liftlock::oci::view::Attached;
use liftlock::signature::Artifact;
use liftlock_io::oci::{Error, Repository};
use liftlock_io::verify::Local;

use crate::found::Raw;
use crate::proof::{Proof, Signer, Trust, Unproved, Wanted, prove};

/// Everything that is attached to a manifest and may prove what is asked:
/// bundles, and the layers of the kind that is asked for.
pub(crate) fn gather(
    repository: &Repository,
    digest: &Digest,
    wanted: Wanted<'_>,
) -> Result<Vec<Raw>, Failure> {
    let bundles = repository.bundles(digest)?.into_iter();
    let mut found: Vec<Raw> = bundles.map(Raw::attached).collect();
    for kind in kinds(wanted) {
        found.extend(layers(repository, digest, kind)?);
    }
    Ok(found)
}

/// The lists of cosign 2 that may hold what is asked for.
const fn kinds(wanted: Wanted<'_>) -> &'static [Attached] {
    match wanted {
        Wanted::Signature => &[Attached::Signatures],
        Wanted::Type(_) | Wanted::Sbom | Wanted::Provenance => &[Attached::Attestations],
        Wanted::Built => &[Attached::Signatures, Attached::Attestations],
    }
}

fn layers(repository: &Repository, digest: &Digest, kind: &Attached) -> Result<Vec<Raw>, Failure> {
    let mut found = Vec::new();
    let kind = *kind;
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
    trust: &Trust,
    wanted: Wanted<'_>,
) -> Result<Proof, Unproved> {
    if layer.descriptor.media_type == SIMPLE_SIGNING {
        let key = legacy::verify(layer, digest, &trust.keys, &Local);
        let key = key.map_err(|refused| Unproved::Refused(refused.to_string()))?;
        return trust.proof(Signer::Key(key.id()), Vec::new());
    }
    let bytes = layer
        .bundle()
        .map_err(|refused| Unproved::Refused(refused.to_string()))?;
    let bundle = Bundle::parse(&bytes).map_err(|error| Unproved::Refused(error.to_string()))?;
    prove(&bundle, &Artifact::known_by(*digest), trust, wanted)
}
