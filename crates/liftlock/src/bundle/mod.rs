//! Sigstore bundles: v0.3 written exactly, v0.1 to v0.3 read strictly.
//!
//! Reading proves nothing; see [`crate::attestation`], [`crate::signature`]
//! and [`crate::sigstore`].

pub mod entry;
mod wire;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::crypto::{Hash, PublicKey};
use crate::digest::Digest;
use crate::dsse::Envelope;
use crate::failure::{Explain, Kind};
use crate::json;
use entry::Entry;
use wire::{Head, Wire, WireMaterial};

pub(crate) use wire::int64;

/// The media type that is written.
pub const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// The media types that are read, and what they ask for.
const READ: [(&str, Version); 4] = [
    (MEDIA_TYPE, Version::V03),
    (
        "application/vnd.dev.sigstore.bundle+json;version=0.1",
        Version::V01,
    ),
    (
        "application/vnd.dev.sigstore.bundle+json;version=0.2",
        Version::V02,
    ),
    (
        "application/vnd.dev.sigstore.bundle+json;version=0.3",
        Version::V03,
    ),
];

/// The most entries of logs, timestamps or certificates in one bundle.
const MOST: usize = 32;

/// A version of the format. From 0.2 on a log's promise alone is no proof
/// that it has the entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// 0.1
    V01,
    /// 0.2
    V02,
    /// 0.3
    V03,
}

/// A bundle together with the bytes it was read from, which are its identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    bytes: Vec<u8>,
    version: Version,
    material: Material,
    content: Content,
    entries: Vec<Entry>,
    timestamps: Vec<Vec<u8>>,
}

/// Who is said to have signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Material {
    /// The holder of a key that the reader has to know.
    Key {
        /// Free text, customarily the base64 of the key's digest.
        hint: String,
    },
    /// The holder of a certificate; DER, the signer's own first. Never empty.
    Certificates(Vec<Vec<u8>>),
}

/// What a bundle says the digest of the artifact is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageDigest {
    /// By which hash.
    pub hash: Hash,
    /// The hash's bytes, of its length.
    pub bytes: Vec<u8>,
}

impl From<&Digest> for MessageDigest {
    fn from(digest: &Digest) -> Self {
        Self {
            hash: Hash::Sha256,
            bytes: digest.as_bytes().to_vec(),
        }
    }
}

/// What was signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// An artifact, by its digest.
    Message {
        /// What the bundle says the digest is.
        digest: MessageDigest,
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
        let hint = STANDARD.encode(key.id().as_bytes());
        Self::pack(Material::Key { hint }, content)
    }

    /// Packs a signature with whatever tells who made it.
    ///
    /// # Errors
    ///
    /// Fails never in practice: all fields can be JSON.
    pub fn pack(material: Material, content: Content) -> Result<Self, ParseError> {
        Self {
            bytes: Vec::new(),
            version: Version::V03,
            material,
            content,
            entries: Vec::new(),
            timestamps: Vec::new(),
        }
        .written(Version::V03)
    }

    /// The same signature with one more entry of a log.
    ///
    /// # Errors
    ///
    /// Fails never in practice: all fields can be JSON.
    pub fn with_entry(mut self, entry: Entry) -> Result<Self, ParseError> {
        self.entries.push(entry);
        self.written(Version::V03)
    }

    /// The same signature with one more timestamp (RFC 3161, DER of the whole
    /// answer).
    ///
    /// # Errors
    ///
    /// Fails never in practice: all fields can be JSON.
    pub fn with_timestamp(mut self, timestamp: Vec<u8>) -> Result<Self, ParseError> {
        self.timestamps.push(timestamp);
        self.written(Version::V03)
    }

    /// The same in version 0.1, in which a log's promise is enough.
    ///
    /// # Errors
    ///
    /// Fails never in practice: all fields can be JSON.
    pub fn into_first_version(self) -> Result<Self, ParseError> {
        self.written(Version::V01)
    }

    fn written(mut self, version: Version) -> Result<Self, ParseError> {
        let name = READ.iter().find(|(_, one)| *one == version);
        let (message_signature, dsse_envelope) = match &self.content {
            Content::Message { digest, signature } => {
                (Some((digest, signature.as_slice()).into()), None)
            }
            Content::Envelope(envelope) => (None, Some(envelope.clone())),
        };
        let wire = Wire {
            media_type: name.map_or(MEDIA_TYPE, |(name, _)| name).to_owned(),
            verification_material: WireMaterial::of(
                &self.material,
                &self.entries,
                &self.timestamps,
            ),
            message_signature,
            dsse_envelope,
        };
        self.version = version;
        self.bytes = serde_json::to_vec(&wire).map_err(json::ParseError::from)?;
        Ok(self)
    }

    /// Reads a bundle. Unknown fields are refused, as the rules of Protobuf's
    /// JSON form have it.
    ///
    /// # Errors
    ///
    /// Fails on another media type, and on anything that does not hold exactly
    /// one signer and one content.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let head: Head = json::parse(bytes)?;
        let known = READ.iter().find(|(name, _)| *name == head.media_type);
        let Some((_, version)) = known else {
            return Err(ParseError::MediaType(head.media_type));
        };
        let wire: Wire = json::parse(bytes)?;
        let mut material = wire.verification_material;
        let signer = material.signer()?;
        let stamps = material.timestamp_verification_data.unwrap_or_default();
        let timestamps: Vec<Vec<u8>> = stamps
            .rfc3161_timestamps
            .into_iter()
            .map(|one| one.signed_timestamp)
            .collect();
        let certificates = match &signer {
            Material::Key { .. } => 0,
            Material::Certificates(all) => all.len(),
        };
        let entries = material.tlog_entries;
        if entries.len().max(timestamps.len()).max(certificates) > MOST {
            return Err(ParseError::TooMany);
        }
        let content = match (wire.message_signature, wire.dsse_envelope) {
            (Some(message), None) => message.content()?,
            (None, Some(envelope)) => Content::Envelope(envelope),
            (None, None) | (Some(_), Some(_)) => return Err(ParseError::Content),
        };
        Ok(Self {
            bytes: bytes.to_vec(),
            version: *version,
            material: signer,
            content,
            entries,
            timestamps,
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

    /// The version of the format.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// Who is said to have signed, unproved.
    #[must_use]
    pub const fn material(&self) -> &Material {
        &self.material
    }

    /// The entries of logs, unproved.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The timestamps (RFC 3161, DER), unproved.
    #[must_use]
    pub fn timestamps(&self) -> &[Vec<u8>] {
        &self.timestamps
    }

    /// What a check with a pinned key leaves unread.
    #[must_use]
    pub const fn unchecked(&self) -> Unchecked {
        Unchecked {
            log_entries: self.entries.len(),
            timestamps: self.timestamps.len(),
        }
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

/// The bytes are no bundle that we can use.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// Malformed, or with fields that no bundle has.
    #[error("not a Sigstore bundle")]
    Json(#[from] json::ParseError),
    /// Another format, or a newer version of it.
    #[error("`mediaType` `{0}` is not one that this version reads")]
    MediaType(String),
    /// Neither key nor certificate.
    #[error("the bundle has neither `publicKey` nor certificate in its `verificationMaterial`")]
    NoSigner,
    /// More than one of them.
    #[error(
        "the bundle has more than one of `publicKey`, `certificate` and `x509CertificateChain`"
    )]
    SeveralSigners,
    /// A chain of nothing.
    #[error("the bundle's `x509CertificateChain` is empty")]
    EmptyChain,
    /// None or both.
    #[error("the bundle has to hold either `messageSignature` or `dsseEnvelope`")]
    Content,
    /// Another hash.
    #[error("the digest algorithm `{0}` is not one of SHA2_256, SHA2_384, SHA2_512")]
    Algorithm(String),
    /// No such hash has that length.
    #[error("the message digest has {found} bytes, `{algorithm}` has {wanted}")]
    Length {
        /// The name of the hash.
        algorithm: String,
        /// How many there are.
        found: usize,
        /// How many it has.
        wanted: usize,
    },
    /// More than any honest bundle has.
    #[error("more than {MOST} log entries, timestamps or certificates")]
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

    fn entry() -> serde_json::Value {
        serde_json::json!({
            "logIndex": "1", "logId": { "keyId": "AQ==" },
            "kindVersion": { "kind": "x", "version": "1" }, "canonicalizedBody": "e30=",
        })
    }

    fn document() -> serde_json::Value {
        serde_json::json!({
            "mediaType": MEDIA_TYPE,
            "verificationMaterial": { "publicKey": { "hint": "x" }, "tlogEntries": [entry()] },
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
                digest: (&Digest::of(b"a")).into(),
                signature: vec![1],
            }
        );
        let embedded = serde_json::to_value(&bundle).unwrap();
        let again = Bundle::deserialize(embedded).unwrap();
        assert_eq!(again.content(), bundle.content());
    }

    #[test]
    fn a_number_beyond_63_bits_is_refused_in_either_form() {
        let most = i64::MAX.unsigned_abs();
        for (number, read) in [
            (0, true),
            (most, true),
            (most + 1, false),
            (u64::MAX, false),
        ] {
            for form in [
                serde_json::json!(number),
                serde_json::json!(number.to_string()),
            ] {
                let mut document = document();
                document["verificationMaterial"]["tlogEntries"][0]["logIndex"] = form;
                assert_eq!(parse(&document).is_ok(), read, "{document}");
            }
        }
    }

    #[test]
    fn a_bundle_grows_by_entries_and_timestamps_and_reads_the_same() {
        let chain = |count: u8| Material::Certificates((0..count).map(|one| vec![one]).collect());
        for count in [1, 2] {
            let content = parse(&document()).unwrap().content().clone();
            let entry: Entry = serde_json::from_value(entry()).unwrap();
            let bundle = Bundle::pack(chain(count), content).unwrap();
            let bundle = bundle.with_entry(entry.clone()).unwrap();
            let bundle = bundle.with_timestamp(vec![7]).unwrap();
            let again = Bundle::parse(bundle.bytes()).unwrap();
            assert_eq!(again, bundle);
            assert_eq!(*again.material(), chain(count));
            assert_eq!(
                (again.entries(), again.timestamps()),
                (&[entry][..], &[vec![7]][..])
            );
        }
    }

    fn refused<const N: usize>(cases: [(&str, serde_json::Value, &str); N]) {
        for (pointer, value, message) in cases {
            let mut document = document();
            *document.pointer_mut(pointer).unwrap() = value;
            let error = parse(&document).unwrap_err();
            assert!(error.to_string().starts_with(message), "{pointer}: {error}");
        }
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
                "not a Sigstore bundle",
            ),
            (
                "/verificationMaterial",
                serde_json::json!({ "x509CertificateChain": { "certificates": [] } }),
                "the bundle's `x509CertificateChain` is empty",
            ),
            (
                "/verificationMaterial",
                serde_json::json!({ "publicKey": {}, "certificate": { "rawBytes": "AQ==" } }),
                "the bundle has more than one",
            ),
            (
                "/verificationMaterial/tlogEntries/0/logIndex",
                "-1".into(),
                "not a Sigstore bundle",
            ),
            (
                "/verificationMaterial",
                serde_json::json!({}),
                "the bundle has neither `publicKey` nor",
            ),
        ];
        refused(cases);
    }

    #[test]
    fn every_other_content_is_refused_by_name() {
        let cases = [
            (
                "/messageSignature",
                serde_json::Value::Null,
                "the bundle has to hold either",
            ),
            (
                "/messageSignature/messageDigest/algorithm",
                "SHA3_256".into(),
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
        refused(cases);
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
