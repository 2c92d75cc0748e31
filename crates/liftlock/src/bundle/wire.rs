//! The JSON form of a bundle (sigstore/protobuf-specs, `sigstore_bundle.proto`),
//! by the rules of Protobuf's JSON mapping.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::entry::Entry;
use super::{Content, Material, MessageDigest, ParseError};
use crate::base64;
use crate::crypto::Hash;
use crate::dsse::Envelope;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Head {
    pub(super) media_type: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Wire {
    pub(super) media_type: String,
    pub(super) verification_material: WireMaterial,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) message_signature: Option<MessageSignature>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) dsse_envelope: Option<Envelope>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct WireMaterial {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) public_key: Option<KeyHint>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) certificate: Option<Raw>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) x509_certificate_chain: Option<Chain>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) tlog_entries: Vec<Entry>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) timestamp_verification_data: Option<Timestamps>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyHint {
    /// Free text; customarily the base64 of the key's digest. Never trusted.
    #[serde(default)]
    pub(super) hint: String,
}

/// One document in DER.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Raw {
    #[serde(with = "base64")]
    pub(super) raw_bytes: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Chain {
    #[serde(default)]
    pub(super) certificates: Vec<Raw>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Timestamps {
    #[serde(default)]
    pub(super) rfc3161_timestamps: Vec<Timestamp>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Timestamp {
    #[serde(with = "base64")]
    pub(super) signed_timestamp: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct MessageSignature {
    message_digest: WireDigest,
    #[serde(with = "base64")]
    signature: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireDigest {
    algorithm: String,
    #[serde(with = "base64")]
    digest: Vec<u8>,
}

/// The names of `HashAlgorithm` (`sigstore_common.proto`) and their lengths in bytes.
const HASHES: [(&str, Hash, usize); 3] = [
    ("SHA2_256", Hash::Sha256, 32),
    ("SHA2_384", Hash::Sha384, 48),
    ("SHA2_512", Hash::Sha512, 64),
];

impl MessageSignature {
    pub(super) fn content(self) -> Result<Content, ParseError> {
        let WireDigest { algorithm, digest } = self.message_digest;
        let Some((_, hash, length)) = HASHES.iter().find(|(name, ..)| *name == algorithm) else {
            return Err(ParseError::Algorithm(algorithm));
        };
        if digest.len() != *length {
            return Err(ParseError::Length {
                algorithm,
                found: digest.len(),
                wanted: *length,
            });
        }
        Ok(Content::Message {
            digest: MessageDigest {
                hash: *hash,
                bytes: digest,
            },
            signature: self.signature,
        })
    }
}

impl From<(&MessageDigest, &[u8])> for MessageSignature {
    fn from((digest, signature): (&MessageDigest, &[u8])) -> Self {
        let known = HASHES.iter().find(|(_, hash, _)| *hash == digest.hash);
        Self {
            message_digest: WireDigest {
                algorithm: known.map_or("", |(name, ..)| name).to_owned(),
                digest: digest.bytes.clone(),
            },
            signature: signature.to_vec(),
        }
    }
}

impl WireMaterial {
    /// Who is said to have signed.
    pub(super) fn signer(&mut self) -> Result<Material, ParseError> {
        let parts = (
            self.public_key.take(),
            self.certificate.take(),
            self.x509_certificate_chain.take(),
        );
        match parts {
            (Some(key), None, None) => Ok(Material::Key { hint: key.hint }),
            (None, Some(leaf), None) => Ok(Material::Certificates(vec![leaf.raw_bytes])),
            (None, None, Some(chain)) if chain.certificates.is_empty() => {
                Err(ParseError::EmptyChain)
            }
            (None, None, Some(chain)) => {
                let all = chain.certificates.into_iter();
                Ok(Material::Certificates(
                    all.map(|one| one.raw_bytes).collect(),
                ))
            }
            (None, None, None) => Err(ParseError::NoSigner),
            _ => Err(ParseError::SeveralSigners),
        }
    }

    pub(super) fn of(signer: &Material, entries: &[Entry], stamps: &[Vec<u8>]) -> Self {
        let raw = |bytes: &Vec<u8>| Raw {
            raw_bytes: bytes.clone(),
        };
        let mut material = Self {
            tlog_entries: entries.to_vec(),
            ..Self::default()
        };
        match signer {
            Material::Key { hint } => material.public_key = Some(KeyHint { hint: hint.clone() }),
            Material::Certificates(all) => match all.as_slice() {
                [only] => material.certificate = Some(raw(only)),
                several => {
                    let certificates = several.iter().map(raw).collect();
                    material.x509_certificate_chain = Some(Chain { certificates });
                }
            },
        }
        if !stamps.is_empty() {
            let stamps = stamps.iter().cloned();
            material.timestamp_verification_data = Some(Timestamps {
                rfc3161_timestamps: stamps
                    .map(|signed_timestamp| Timestamp { signed_timestamp })
                    .collect(),
            });
        }
        material
    }
}

/// Protobuf's JSON form of 64-bit integers: a string of digits; a number is
/// read as well. None of ours is negative.
pub(crate) mod int64 {
    use super::{Deserialize, Deserializer, Serializer};
    use serde::de::Error as _;

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Text(String),
        Number(u64),
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
    pub(in crate::bundle) fn serialize<S: Serializer>(
        number: &u64,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(number)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        let (number, text) = match Either::deserialize(deserializer)? {
            Either::Number(number) => (Some(number), number.to_string()),
            Either::Text(text) => {
                let plain = text.bytes().all(|byte| byte.is_ascii_digit());
                (text.parse().ok().filter(|_| plain), text)
            }
        };
        number
            .filter(|number| *number <= i64::MAX.unsigned_abs())
            .ok_or_else(|| D::Error::custom(format!("`{text}` is no number of 63 bits")))
    }
}

/// A list of byte strings in base64.
pub(super) mod list {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(in crate::bundle) fn serialize<S: Serializer>(
        all: &[Vec<u8>],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(all.iter().map(|one| STANDARD.encode(one)))
    }

    pub(in crate::bundle) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<Vec<u8>>, D::Error> {
        let all = Vec::<String>::deserialize(deserializer)?;
        let decoded = all.iter().map(|one| STANDARD.decode(one));
        decoded.collect::<Result<_, _>>().map_err(D::Error::custom)
    }
}
