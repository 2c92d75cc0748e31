//! Bodies of log entries: whether they are about the signature in a bundle.
//!
//! Rekor v1 `hashedrekord` 0.0.1, `dsse` 0.0.1 and `intoto` 0.0.2; Rekor v2
//! `hashedrekord` 0.0.2 and `dsse` 0.0.2 (sigstore/rekor `pkg/types`,
//! sigstore/rekor-tiles `api/proto`).

use ::base64::Engine as _;
use ::base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::base64;
use crate::bundle::Content;
use crate::bundle::entry::Entry;
use crate::crypto::{Hash, PublicKey};
use crate::{json, pem};

/// Who signed, as an entry may name it.
#[derive(Clone, Copy, Debug)]
pub enum Signatory<'a> {
    /// The holder of a key.
    Key(&'a PublicKey),
    /// The holder of a certificate, DER.
    Certificate(&'a [u8]),
}

impl Signatory<'_> {
    fn is(&self, der: &[u8]) -> bool {
        match self {
            Self::Key(key) => key.der() == der,
            Self::Certificate(certificate) => *certificate == der,
        }
    }

    /// Whether base64 of PEM is this.
    fn is_pem(&self, packed: &str) -> bool {
        let text = STANDARD.decode(packed).ok();
        let text = text.and_then(|bytes| String::from_utf8(bytes).ok());
        let block = text.as_deref().and_then(pem::only);
        block.is_some_and(|(_, der)| self.is(&der))
    }
}

/// The log's generation, which decides where an entry's number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    /// Rekor v1: shards, promises.
    First,
    /// Rekor v2: tiles, no clock.
    Second,
}

/// Proves that an entry's body is about exactly this signature.
///
/// # Errors
///
/// Fails unless that is proved, and on kinds of entries that are not read.
pub fn check(entry: &Entry, content: &Content, who: Signatory<'_>) -> Result<Generation, Error> {
    let body = &entry.canonicalized_body;
    let (kind, version) = (
        entry.kind_version.kind.as_str(),
        entry.kind_version.version.as_str(),
    );
    let generation = match (kind, version) {
        ("hashedrekord", "0.0.1") => {
            hashed_1(&spec(body, kind, version)?, content, who)?;
            Generation::First
        }
        ("dsse", "0.0.1") => {
            dsse_1(&spec(body, kind, version)?, content, who)?;
            Generation::First
        }
        ("intoto", "0.0.2") => {
            intoto_2(&spec(body, kind, version)?, content, who)?;
            Generation::First
        }
        ("hashedrekord", "0.0.2") => {
            let Hashed2Spec { hashed } = spec(body, kind, version)?;
            hashed_2(&hashed, content, who)?;
            Generation::Second
        }
        ("dsse", "0.0.2") => {
            let Dsse2Spec { dsse } = spec(body, kind, version)?;
            dsse_2(&dsse, content, who)?;
            Generation::Second
        }
        _ => return Err(Error::Kind(format!("{kind} {version}"))),
    };
    Ok(generation)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire<S> {
    api_version: String,
    kind: String,
    spec: S,
}

fn spec<S: DeserializeOwned>(body: &[u8], kind: &str, version: &str) -> Result<S, Error> {
    let wire: Wire<S> = json::parse(body).map_err(Error::Malformed)?;
    if wire.kind == kind && wire.api_version == version {
        Ok(wire.spec)
    } else {
        Err(Error::Kind(format!("{} {}", wire.kind, wire.api_version)))
    }
}

fn same(what: &'static str, same: bool) -> Result<(), Error> {
    if same {
        Ok(())
    } else {
        Err(Error::Other(what))
    }
}

/// A hash in hex with the name that Rekor v1 has for it.
#[derive(Deserialize)]
struct Hex {
    algorithm: String,
    value: String,
}

impl Hex {
    fn is(&self, hash: Hash, bytes: &[u8]) -> bool {
        let name = match hash {
            Hash::Sha256 => "sha256",
            Hash::Sha384 => "sha384",
            Hash::Sha512 => "sha512",
        };
        self.algorithm == name && self.value == hex::encode(bytes)
    }
}

#[derive(Deserialize)]
struct Hashed1 {
    data: Hashed1Data,
    signature: Hashed1Signature,
}

#[derive(Deserialize)]
struct Hashed1Data {
    hash: Hex,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Hashed1Signature {
    #[serde(with = "base64")]
    content: Vec<u8>,
    public_key: Packed,
}

#[derive(Deserialize)]
struct Packed {
    content: String,
}

fn hashed_1(spec: &Hashed1, content: &Content, who: Signatory<'_>) -> Result<(), Error> {
    let Content::Message { digest, signature } = content else {
        return Err(Error::Other("a signature of a file"));
    };
    same("the digest", spec.data.hash.is(digest.hash, &digest.bytes))?;
    same("the signature", spec.signature.content == *signature)?;
    same("the signer", who.is_pem(&spec.signature.public_key.content))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Dsse1 {
    payload_hash: Hex,
    signatures: Vec<Dsse1Signature>,
}

#[derive(Deserialize)]
struct Dsse1Signature {
    #[serde(with = "base64")]
    signature: Vec<u8>,
    verifier: String,
}

fn dsse_1(spec: &Dsse1, content: &Content, who: Signatory<'_>) -> Result<(), Error> {
    let Content::Envelope(envelope) = content else {
        return Err(Error::Other("an envelope"));
    };
    let hash = Hash::Sha256;
    let payload = hash.of(&envelope.payload);
    same("the payload", spec.payload_hash.is(hash, &payload))?;
    let [only] = spec.signatures.as_slice() else {
        return Err(Error::Other("the signature"));
    };
    same("the signature", only.signature == envelope.signature)?;
    same("the signer", who.is_pem(&only.verifier))
}

#[derive(Deserialize)]
struct Intoto2 {
    content: Intoto2Content,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Intoto2Content {
    envelope: Intoto2Envelope,
    payload_hash: Hex,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Intoto2Envelope {
    payload_type: String,
    signatures: Vec<Intoto2Signature>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Intoto2Signature {
    public_key: String,
    /// Base64 of base64.
    #[serde(with = "base64")]
    sig: Vec<u8>,
}

fn intoto_2(spec: &Intoto2, content: &Content, who: Signatory<'_>) -> Result<(), Error> {
    let Content::Envelope(envelope) = content else {
        return Err(Error::Other("an envelope"));
    };
    let logged = &spec.content;
    let payload = Hash::Sha256.of(&envelope.payload);
    same(
        "the payload",
        logged.payload_hash.is(Hash::Sha256, &payload),
    )?;
    same(
        "the payload",
        logged.envelope.payload_type == envelope.payload_type,
    )?;
    let [only] = logged.envelope.signatures.as_slice() else {
        return Err(Error::Other("the signature"));
    };
    let signature = STANDARD.decode(&only.sig).unwrap_or_default();
    same("the signature", signature == envelope.signature)?;
    same("the signer", who.is_pem(&only.public_key))
}

#[derive(Deserialize)]
struct Hashed2Spec {
    #[serde(rename = "hashedRekordV002")]
    hashed: Hashed2,
}

#[derive(Deserialize)]
struct Hashed2 {
    data: Digest2,
    signature: Signature2,
}

#[derive(Deserialize)]
struct Digest2 {
    algorithm: String,
    #[serde(with = "base64")]
    digest: Vec<u8>,
}

impl Digest2 {
    fn is(&self, hash: Hash, bytes: &[u8]) -> bool {
        let name = match hash {
            Hash::Sha256 => "SHA2_256",
            Hash::Sha384 => "SHA2_384",
            Hash::Sha512 => "SHA2_512",
        };
        self.algorithm == name && self.digest == bytes
    }
}

#[derive(Deserialize)]
struct Signature2 {
    #[serde(with = "base64")]
    content: Vec<u8>,
    verifier: Verifier2,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Verifier2 {
    x509_certificate: Option<Raw>,
    public_key: Option<Raw>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    #[serde(with = "base64")]
    raw_bytes: Vec<u8>,
}

impl Verifier2 {
    fn is(&self, who: Signatory<'_>) -> bool {
        match (who, &self.public_key, &self.x509_certificate) {
            (Signatory::Key(_), Some(raw), None) | (Signatory::Certificate(_), None, Some(raw)) => {
                who.is(&raw.raw_bytes)
            }
            (Signatory::Key(_) | Signatory::Certificate(_), _, _) => false,
        }
    }
}

fn hashed_2(spec: &Hashed2, content: &Content, who: Signatory<'_>) -> Result<(), Error> {
    let signature = match content {
        Content::Message { digest, signature } => {
            same("the digest", spec.data.is(digest.hash, &digest.bytes))?;
            signature
        }
        // Envelopes are logged by what their signature is over.
        Content::Envelope(envelope) => {
            let message = envelope.message();
            let hashes = [Hash::Sha256, Hash::Sha384, Hash::Sha512];
            let known = hashes
                .iter()
                .any(|hash| spec.data.is(*hash, &hash.of(&message)));
            same("the envelope", known)?;
            &envelope.signature
        }
    };
    same("the signature", spec.signature.content == *signature)?;
    same("the signer", spec.signature.verifier.is(who))
}

#[derive(Deserialize)]
struct Dsse2Spec {
    #[serde(rename = "dsseV002")]
    dsse: Dsse2,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Dsse2 {
    payload_hash: Digest2,
    signatures: Vec<Signature2>,
}

fn dsse_2(spec: &Dsse2, content: &Content, who: Signatory<'_>) -> Result<(), Error> {
    let Content::Envelope(envelope) = content else {
        return Err(Error::Other("an envelope"));
    };
    let payload = Hash::Sha256.of(&envelope.payload);
    same("the payload", spec.payload_hash.is(Hash::Sha256, &payload))?;
    let [only] = spec.signatures.as_slice() else {
        return Err(Error::Other("the signature"));
    };
    same("the signature", only.content == envelope.signature)?;
    same("the signer", only.verifier.is(who))
}

/// The entry is not about the signature.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A kind that is not read.
    #[error("log entries of the kind `{0}` are not read")]
    Kind(String),
    /// Not the JSON of its kind.
    #[error("the body of the log entry is malformed")]
    Malformed(#[source] json::ParseError),
    /// About something else.
    #[error("the log entry is about something else: {0} differs")]
    Other(&'static str),
}
