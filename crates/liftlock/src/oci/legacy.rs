//! cosign 2's signatures and attestations: layers whose annotations hold what
//! proves them (sigstore/cosign, `SIGNATURE_SPEC.md` and `pkg/oci/static`).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::document::{Descriptor, ParseError};
use crate::crypto::{Hash, PublicKey, Verifier};
use crate::digest::Digest;
use crate::dsse::Envelope;
use crate::failure::{Explain, Kind};
use crate::json;

/// Media type of a signature's payload.
pub const SIMPLE_SIGNING: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
/// Media type of an attestation.
pub const ENVELOPE: &str = "application/vnd.dsse.envelope.v1+json";

/// The annotation with the base64 of the signature over the layer; empty for
/// an attestation, which holds its own.
pub const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
/// The annotation with the PEM of the signer's certificate, without a key.
pub const CERTIFICATE: &str = "dev.sigstore.cosign/certificate";
/// The annotation with what an attestation is about.
const PREDICATE_TYPE: &str = "predicateType";

/// What every payload says that it is.
const TYPE: &str = "cosign container image signature";

/// The most bytes of a payload: it names one image.
pub const LARGEST_PAYLOAD: u64 = 64 * 1024;

/// A layer with its bytes. Nothing in it is proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Media type, digest, size and annotations.
    pub descriptor: Descriptor,
    /// The bytes.
    pub bytes: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct Payload {
    critical: Critical,
    /// Labels; anyone may put anything there.
    #[serde(default)]
    optional: Option<serde_json::Value>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Critical {
    identity: Identity,
    image: Image,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Identity {
    docker_reference: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Image {
    docker_manifest_digest: Digest,
}

/// The bytes to sign for an image; `repository` is `HOST/REPOSITORY`, a label
/// that some verifiers (containers/image) compare.
///
/// # Errors
///
/// Fails never in practice: all fields can be JSON.
pub fn payload(repository: &str, image: &Digest) -> Result<Vec<u8>, ParseError> {
    let payload = Payload {
        critical: Critical {
            identity: Identity {
                docker_reference: repository.to_owned(),
            },
            image: Image {
                docker_manifest_digest: *image,
            },
            kind: TYPE.to_owned(),
        },
        optional: None,
    };
    Ok(serde_json::to_vec(&payload).map_err(json::ParseError::from)?)
}

impl Layer {
    /// A payload with the signature over it.
    #[must_use]
    pub fn signed(payload: Vec<u8>, signature: &[u8]) -> Self {
        let mut descriptor = Descriptor::of(SIMPLE_SIGNING, &payload);
        descriptor.annotations = annotations([(SIGNATURE, STANDARD.encode(signature))]);
        Self {
            descriptor,
            bytes: payload,
        }
    }

    /// A signed statement.
    ///
    /// # Errors
    ///
    /// Fails never in practice: an envelope can be JSON.
    pub fn attested(envelope: &Envelope, predicate_type: &str) -> Result<Self, ParseError> {
        let bytes = serde_json::to_vec(envelope).map_err(json::ParseError::from)?;
        let mut descriptor = Descriptor::of(ENVELOPE, &bytes);
        descriptor.annotations = annotations([
            (SIGNATURE, String::new()),
            (PREDICATE_TYPE, predicate_type.to_owned()),
        ]);
        Ok(Self { descriptor, bytes })
    }

    /// The certificate of a signer without a key, as PEM, unproved.
    #[must_use]
    pub fn certificate(&self) -> Option<&str> {
        let found = self.descriptor.annotations.get(CERTIFICATE);
        found.map(String::as_str).filter(|text| !text.is_empty())
    }
}

fn annotations<const N: usize>(pairs: [(&str, String); N]) -> BTreeMap<String, String> {
    let pairs = pairs.into_iter();
    pairs
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// Proves that one of these keys signed this image, and says which.
///
/// # Errors
///
/// Fails unless that is proved.
pub fn verify(
    layer: &Layer,
    image: &Digest,
    keys: &[PublicKey],
    verifier: &dyn Verifier,
) -> Result<PublicKey, Refused> {
    if layer.certificate().is_some() {
        return Err(Refused::Keyless(layer.descriptor.digest));
    }
    let signature = layer.signature()?;
    let mut keys = keys.iter();
    // cosign 2 hashes with SHA-256 whatever the key.
    let key = keys.find(|key| {
        verifier.verify(key, &layer.bytes, &signature)
            || verifier.verify_with(key, Hash::Sha256, &layer.bytes, &signature)
    });
    let key = key.ok_or(Refused::Signer)?;
    names(layer, image)?;
    Ok(key.clone())
}

/// Whether the payload, which somebody is known to have signed, is a signature
/// of this image.
///
/// # Errors
///
/// Fails on anything else.
pub fn names(layer: &Layer, image: &Digest) -> Result<(), Refused> {
    let odd = || Refused::Malformed("no payload of a signature".to_owned());
    if layer.descriptor.media_type != SIMPLE_SIGNING {
        return Err(odd());
    }
    let payload: Payload = json::parse(&layer.bytes).map_err(|_error| odd())?;
    if payload.critical.kind != TYPE {
        return Err(Refused::Type(payload.critical.kind));
    }
    let signed = payload.critical.image.docker_manifest_digest;
    if signed == *image {
        Ok(())
    } else {
        Err(Refused::Digest {
            signed,
            found: *image,
        })
    }
}

/// The layer proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Signed with a certificate, which a key does not prove.
    #[error("`{0}` was signed with a certificate (keyless), not with a key")]
    Keyless(Digest),
    /// Another key, or a broken signature.
    #[error("none of the given keys made the signature")]
    Signer,
    /// Another image was signed.
    #[error("the signature is for `{signed}`, the image is `{found}`")]
    Digest {
        /// What the payload names.
        signed: Digest,
        /// What the image is.
        found: Digest,
    },
    /// Something else than an image was signed.
    #[error("the signed payload is `{0}`, not `{TYPE}`")]
    Type(String),
    /// Not what such a layer holds.
    #[error("the layer holds {0}")]
    Malformed(String),
}

impl Explain for Refused {
    fn kind(&self) -> Kind {
        match self {
            Self::Keyless(_) | Self::Signer | Self::Digest { .. } | Self::Type(_) => Kind::Refuted,
            Self::Malformed(_) => Kind::Invalid,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::{Bundle, Content};
    use crate::dsse::IN_TOTO;

    struct Check;

    /// Stands in for mathematics: the "signature" is key id and message.
    fn mark(key: &PublicKey, bytes: &[u8]) -> Vec<u8> {
        [key.id().as_bytes(), bytes].concat()
    }

    impl Verifier for Check {
        fn verify_with(&self, key: &PublicKey, hash: Hash, message: &[u8], made: &[u8]) -> bool {
            hash == Hash::Sha256 && made == mark(key, message)
        }

        fn verify_prehashed(&self, _: &PublicKey, _: Hash, _: &[u8], _: &[u8]) -> bool {
            false
        }
    }

    fn key() -> PublicKey {
        PublicKey::from_pem(include_str!("../testdata/p256.pub")).unwrap()
    }

    fn image() -> Digest {
        Digest::of(b"image")
    }

    fn check(payload: &[u8]) -> Result<PublicKey, Refused> {
        let layer = Layer::signed(payload.to_vec(), &mark(&key(), payload));
        verify(&layer, &image(), &[key()], &Check)
    }

    #[test]
    fn a_payload_is_what_cosign_writes() {
        let payload = payload("r.example/shop", &Digest::of(b"")).unwrap();
        assert_eq!(
            String::from_utf8(payload).unwrap(),
            r#"{"critical":{"identity":{"docker-reference":"r.example/shop"},"image":{"docker-manifest-digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},"type":"cosign container image signature"},"optional":null}"#
        );
    }

    #[test]
    fn only_a_signature_of_this_image_by_a_given_key_proves() {
        let good = payload("r.example/shop", &image()).unwrap();
        assert_eq!(check(&good), Ok(key()));
        let layer = Layer::signed(good.clone(), &mark(&key(), &good));
        assert_eq!(verify(&layer, &image(), &[], &Check), Err(Refused::Signer));
        let other = payload("r.example/shop", &Digest::of(b"other")).unwrap();
        assert!(matches!(check(&other), Err(Refused::Digest { .. })));
        let changed = Layer {
            bytes: other,
            ..layer
        };
        let result = verify(&changed, &image(), &[key()], &Check);
        assert_eq!(result, Err(Refused::Signer));
    }

    #[test]
    fn what_is_signed_but_no_payload_proves_nothing() {
        let text = String::from_utf8(payload("r.example/shop", &image()).unwrap()).unwrap();
        let cases = [
            text.replace(TYPE, "atomic container signature"),
            text.replacen("\"image\"", "\"more\":1,\"image\"", 1),
            text.replace("sha256:", "sha512:"),
            text.replace("\"type\"", "\"kind\""),
            "{}".to_owned(),
            String::new(),
            "[".repeat(1_000),
        ];
        for case in cases {
            assert!(check(case.as_bytes()).is_err(), "{case}");
        }
        let labelled = text.replace("null", r#"{"creator":"x","y":[1]}"#);
        assert_eq!(check(labelled.as_bytes()), Ok(key()));
    }

    #[test]
    fn odd_annotations_are_refused_by_name() {
        let good = payload("r.example/shop", &image()).unwrap();
        let layer = Layer::signed(good.clone(), &mark(&key(), &good));
        for text in ["", "!", "AA"] {
            let mut odd = layer.clone();
            let annotations = &mut odd.descriptor.annotations;
            annotations.insert(SIGNATURE.to_owned(), text.to_owned());
            let result = verify(&odd, &image(), &[key()], &Check);
            assert!(matches!(result, Err(Refused::Malformed(_))), "{text}");
        }
        let mut keyless = layer;
        let annotations = &mut keyless.descriptor.annotations;
        annotations.insert(CERTIFICATE.to_owned(), "-----BEGIN".to_owned());
        let refused = verify(&keyless, &image(), &[key()], &Check).unwrap_err();
        assert!(refused.to_string().contains("keyless"), "{refused}");
        assert!(matches!(keyless.bundle(), Err(Refused::Malformed(_))));
    }

    #[test]
    fn an_attestation_becomes_a_bundle_with_the_same_envelope() {
        let envelope = Envelope {
            payload: b"{}".to_vec(),
            payload_type: IN_TOTO.to_owned(),
            signature: vec![1],
        };
        let layer = Layer::attested(&envelope, "https://example.com/p").unwrap();
        let bundle = layer.bundle().unwrap();
        assert_eq!(Bundle::parse(bundle.bytes()).unwrap(), bundle);
        assert_eq!(*bundle.content(), Content::Envelope(envelope));
        let torn = Layer {
            bytes: b"{".to_vec(),
            ..layer
        };
        assert!(matches!(torn.bundle(), Err(Refused::Malformed(_))));
    }
}
