//! Sigstore bundles v0.3 with a key: written exactly, read strictly.
//!
//! Reading proves nothing; see [`crate::attestation`] and [`crate::signature`].

use ::base64::Engine as _;
use ::base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::base64;
use crate::crypto::PublicKey;
use crate::digest::Digest;
use crate::dsse::Envelope;
use crate::failure::{Explain, Kind};
use crate::json;

/// The media type that is written.
pub const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// The media types that are read: the same shapes under older names.
const READ: [&str; 4] = [
    MEDIA_TYPE,
    "application/vnd.dev.sigstore.bundle+json;version=0.1",
    "application/vnd.dev.sigstore.bundle+json;version=0.2",
    "application/vnd.dev.sigstore.bundle+json;version=0.3",
];

/// The most entries of logs in one bundle.
const MOST_ENTRIES: usize = 32;

/// A bundle together with the bytes it was read from, which are its identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    bytes: Vec<u8>,
    content: Content,
    unchecked: Unchecked,
}

/// What was signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// An artifact, by its digest.
    Message {
        /// What the bundle says the digest is.
        digest: Digest,
        /// The signature over the artifact.
        signature: Vec<u8>,
    },
    /// A payload with its type.
    Envelope(Envelope),
}

/// How much of the bundle a check with a pinned key leaves unread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Unchecked {
    /// Entries of transparency logs.
    pub log_entries: usize,
    /// Timestamps of timestamp authorities.
    pub timestamps: usize,
}

impl Bundle {
    /// Packs a signature made with this key.
    ///
    /// # Errors
    ///
    /// Fails never in practice: all fields can be JSON.
    pub fn new(key: &PublicKey, content: Content) -> Result<Self, ParseError> {
        let (message_signature, dsse_envelope) = match &content {
            Content::Message { digest, signature } => {
                let message = MessageSignature {
                    message_digest: MessageDigest {
                        algorithm: "SHA2_256".to_owned(),
                        digest: digest.as_bytes().to_vec(),
                    },
                    signature: signature.clone(),
                };
                (Some(message), None)
            }
            Content::Envelope(envelope) => (None, Some(envelope.clone())),
        };
        let wire = Wire {
            media_type: MEDIA_TYPE.to_owned(),
            verification_material: Material {
                public_key: Some(KeyHint {
                    hint: STANDARD.encode(key.id().as_bytes()),
                }),
                ..Material::default()
            },
            message_signature,
            dsse_envelope,
        };
        let bytes = serde_json::to_vec(&wire).map_err(json::ParseError::Malformed)?;
        Ok(Self {
            bytes,
            content,
            unchecked: Unchecked::default(),
        })
    }

    /// Reads a bundle. Unknown fields are refused, as the rules of Protobuf's
    /// JSON form have it.
    ///
    /// # Errors
    ///
    /// Fails on another media type, on a bundle with a certificate, on
    /// anything that does not hold exactly one key and one content.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let head: Head = json::parse(bytes)?;
        if !READ.contains(&head.media_type.as_str()) {
            return Err(ParseError::MediaType(head.media_type));
        }
        let wire: Wire = json::parse(bytes)?;
        let material = wire.verification_material;
        if material.certificate.is_some() || material.x509_certificate_chain.is_some() {
            return Err(ParseError::Keyless);
        }
        if material.public_key.is_none() {
            return Err(ParseError::NoKey);
        }
        let stamps = material.timestamp_verification_data.unwrap_or_default();
        let unchecked = Unchecked {
            log_entries: material.tlog_entries.len(),
            timestamps: stamps.rfc3161_timestamps.len(),
        };
        if unchecked.log_entries.max(unchecked.timestamps) > MOST_ENTRIES {
            return Err(ParseError::TooMany);
        }
        let content = match (wire.message_signature, wire.dsse_envelope) {
            (Some(message), None) => message.content()?,
            (None, Some(envelope)) => Content::Envelope(envelope),
            (None, None) | (Some(_), Some(_)) => return Err(ParseError::Content),
        };
        Ok(Self {
            bytes: bytes.to_vec(),
            content,
            unchecked,
        })
    }

    /// The JSON document.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What the bundle is known by: the digest of its bytes.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.bytes)
    }

    /// What was signed, unproved.
    #[must_use]
    pub const fn content(&self) -> &Content {
        &self.content
    }

    /// What a check with a pinned key leaves unread.
    #[must_use]
    pub const fn unchecked(&self) -> Unchecked {
        self.unchecked
    }
}

/// Inside other documents a bundle is its JSON value.
impl Serialize for Bundle {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde_json::from_slice::<serde_json::Value>(&self.bytes)
            .map_err(serde::ser::Error::custom)?
            .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Bundle {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        Self::parse(value.to_string().as_bytes()).map_err(D::Error::custom)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Bundle {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Bundle".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "object", "description": "A Sigstore bundle v0.3" })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    media_type: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Wire {
    media_type: String,
    verification_material: Material,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    message_signature: Option<MessageSignature>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dsse_envelope: Option<Envelope>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Material {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    public_key: Option<KeyHint>,
    #[serde(default, skip_serializing)]
    certificate: Option<serde_json::Value>,
    #[serde(default, skip_serializing)]
    x509_certificate_chain: Option<serde_json::Value>,
    #[serde(default, skip_serializing)]
    tlog_entries: Vec<serde_json::Map<String, serde_json::Value>>,
    #[serde(default, skip_serializing)]
    timestamp_verification_data: Option<Timestamps>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyHint {
    /// Free text; customarily the base64 of the key's digest. Never trusted.
    #[serde(default)]
    hint: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Timestamps {
    #[serde(default)]
    rfc3161_timestamps: Vec<serde_json::Map<String, serde_json::Value>>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MessageSignature {
    message_digest: MessageDigest,
    #[serde(with = "base64")]
    signature: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MessageDigest {
    algorithm: String,
    #[serde(with = "base64")]
    digest: Vec<u8>,
}

impl MessageSignature {
    fn content(self) -> Result<Content, ParseError> {
        if self.message_digest.algorithm != "SHA2_256" {
            return Err(ParseError::Algorithm(self.message_digest.algorithm));
        }
        let length = self.message_digest.digest.len();
        let Ok(digest) = <[u8; 32]>::try_from(self.message_digest.digest) else {
            return Err(ParseError::Length(length));
        };
        Ok(Content::Message {
            digest: Digest::from_bytes(digest),
            signature: self.signature,
        })
    }
}

/// The bytes are no bundle that we can use.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// Malformed, or with fields that no bundle has.
    #[error("not a Sigstore bundle")]
    Json(#[from] json::ParseError),
    /// Another format, or a newer version of it.
    #[error("`mediaType` `{0}` is not one that this version reads")]
    MediaType(String),
    /// Signed with a certificate in place of a key.
    #[error("keyless bundles are not supported in key mode yet")]
    Keyless,
    /// Neither key nor certificate.
    #[error("the bundle has no `publicKey` in its `verificationMaterial`")]
    NoKey,
    /// None or both.
    #[error("the bundle has to hold either `messageSignature` or `dsseEnvelope`")]
    Content,
    /// Another hash.
    #[error("the digest algorithm `{0}` is not supported, only `SHA2_256`")]
    Algorithm(String),
    /// No SHA-256 has that length.
    #[error("the message digest has {0} bytes, expected 32")]
    Length(usize),
    /// More than any honest bundle has.
    #[error("more than {MOST_ENTRIES} log entries or timestamps")]
    TooMany,
}

impl Explain for ParseError {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> serde_json::Value {
        serde_json::json!({
            "mediaType": MEDIA_TYPE,
            "verificationMaterial": { "publicKey": { "hint": "x" }, "tlogEntries": [{ "logIndex": "1" }] },
            "messageSignature": {
                "messageDigest": {
                    "algorithm": "SHA2_256",
                    "digest": STANDARD.encode(Digest::of(b"a").as_bytes()),
                },
                "signature": "AQ==",
            },
        })
    }

    fn parse(document: &serde_json::Value) -> Result<Bundle, ParseError> {
        Bundle::parse(document.to_string().as_bytes())
    }

    #[test]
    fn entries_of_logs_are_counted_as_unchecked() {
        let bundle = parse(&document()).unwrap();
        assert_eq!(bundle.unchecked().log_entries, 1);
        assert_eq!(
            *bundle.content(),
            Content::Message {
                digest: Digest::of(b"a"),
                signature: vec![1],
            }
        );
        let embedded = serde_json::to_value(&bundle).unwrap();
        let again = Bundle::deserialize(embedded).unwrap();
        assert_eq!(again.content(), bundle.content());
    }

    #[test]
    fn every_other_shape_is_refused_by_name() {
        let cases = [
            (
                "/mediaType",
                "application/x".into(),
                "`mediaType` `application/x`",
            ),
            (
                "/verificationMaterial",
                serde_json::json!({ "certificate": {} }),
                "keyless",
            ),
            (
                "/verificationMaterial",
                serde_json::json!({ "x509CertificateChain": {} }),
                "keyless",
            ),
            (
                "/verificationMaterial",
                serde_json::json!({}),
                "the bundle has no `publicKey`",
            ),
            (
                "/messageSignature",
                serde_json::Value::Null,
                "the bundle has to hold either",
            ),
            (
                "/messageSignature/messageDigest/algorithm",
                "SHA2_512".into(),
                "the digest algorithm",
            ),
            (
                "/messageSignature/messageDigest/digest",
                "AQ==".into(),
                "the message digest has 1",
            ),
            (
                "/messageSignature/signature",
                "!".into(),
                "not a Sigstore bundle",
            ),
            (
                "/messageSignature/signature",
                1.into(),
                "not a Sigstore bundle",
            ),
        ];
        for (pointer, value, message) in cases {
            let mut document = document();
            *document.pointer_mut(pointer).unwrap() = value;
            let error = parse(&document).unwrap_err();
            assert!(error.to_string().starts_with(message), "{pointer}: {error}");
        }
    }

    #[test]
    fn two_contents_stray_fields_and_excess_are_refused() {
        let envelope = serde_json::json!({
            "payload": "", "payloadType": "x", "signatures": [{ "sig": "AQ==" }]
        });
        let mut both = document();
        both["dsseEnvelope"] = envelope;
        assert!(matches!(parse(&both), Err(ParseError::Content)));
        let mut stray = document();
        stray["extra"] = 1.into();
        assert!(matches!(parse(&stray), Err(ParseError::Json(_))));
        assert!(Bundle::parse(b"").is_err());
        assert!(Bundle::parse(&vec![b' '; json::LARGEST + 1]).is_err());
    }
}
