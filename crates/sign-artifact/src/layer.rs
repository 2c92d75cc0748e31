//! Proves what cosign 2 attached to images.

use liftlock::crypto::Algorithm;
use liftlock::digest::Digest;
use liftlock::failure::Failure;
use liftlock::oci::legacy::{self, Layer, SIMPLE_SIGNING};
use liftlock::oci::view::Attached;
use liftlock::signature::Artifact;
use liftlock_io::oci::{Error, Repository};
use liftlock_io::verify::Local;

use crate::found::Raw;
use crate::proof::{Proof, Signer, Trust, Unproved, prove, seen};
use crate::wanted::Wanted;

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
        Wanted::Signature | Wanted::ImageSignature => &[Attached::Signatures],
        Wanted::Type(_) | Wanted::Sbom | Wanted::Provenance => &[Attached::Attestations],
        Wanted::Built | Wanted::ImageBuilt => &[Attached::Signatures, Attached::Attestations],
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

/// Proves that somebody who counts signed the image, or a statement about it.
pub(crate) fn verify(
    layer: &Layer,
    digest: &Digest,
    trust: &Trust,
    wanted: Wanted<'_>,
) -> Result<Proof, Unproved> {
    let refused = |refused: legacy::Refused| Unproved::Refused(refused.to_string());
    let bundle = layer.bundle().map_err(refused)?;
    if layer.descriptor.media_type != SIMPLE_SIGNING {
        let image = Artifact::known_by(*digest);
        return prove(&bundle, &image, trust, wanted.of_image());
    }
    if !wanted.takes_payload() {
        return Err(Unproved::Refused(format!(
            "it is a signature, not a {wanted}"
        )));
    }
    // What was signed is the payload, and that names the image.
    let payload = Artifact::known_by(Digest::of(&layer.bytes));
    if layer.certificate().is_some() {
        let proof = prove(&bundle, &payload, trust, Wanted::Signature)?;
        legacy::names(layer, digest).map_err(refused)?;
        return Ok(proof);
    }
    let key = legacy::verify(layer, digest, &trust.keys, &Local).map_err(refused)?;
    if key.algorithm() == Algorithm::P256 {
        return seen(&bundle, &payload, &key, trust);
    }
    // Logs know signatures of the other kinds over other hashes.
    trust.proof(Signer::Key(key.id()), Vec::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_says_nothing_of_any_type() {
        let image = Digest::of(b"image");
        let payload = legacy::payload("r.example/shop", &image).unwrap();
        let layer = Layer::signed(payload, b"signature");
        for wanted in [
            Wanted::Type("https://example.com/p"),
            Wanted::Sbom,
            Wanted::Provenance,
        ] {
            let refused = verify(&layer, &image, &Trust::default(), wanted);
            let Err(Unproved::Refused(reason)) = refused else {
                panic!("{refused:?}");
            };
            assert!(reason.contains("it is a signature, not a"), "{reason}");
        }
    }
}
