//! What is said to a transparency log, and what it answers: Rekor v1
//! (sigstore/rekor, `openapi.yaml`) and v2 (sigstore/rekor-tiles, `CLIENTS.md`).

use std::collections::BTreeMap;

use ::base64::Engine as _;
use ::base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::json;

use super::body::Signatory;
use crate::base64;
use crate::bundle::entry::{Checkpoint, Entry, KindVersion, LogId, Promise, Proof};
use crate::bundle::{Content, int64};
use crate::crypto::{Algorithm, Hash, PublicKey};
use crate::failure::{Explain, Kind};
use crate::json;

/// The path of entries of v1 below the log's address.
pub const PATH_1: &str = "/api/v1/log/entries";
/// The path of entries of v2 below the log's address.
pub const PATH_2: &str = "/api/v2/log/entries";

/// Asks a log of v1 to take a signature. `pem` is the certificate or key.
///
/// # Errors
///
/// Fails never in practice: all fields can be JSON.
pub fn request_1(content: &Content, pem: &str) -> Result<Vec<u8>, serde_json::Error> {
    let verifier = STANDARD.encode(pem);
    let request = match content {
        Content::Message { digest, signature } => {
            let algorithm = match digest.hash {
                Hash::Sha256 => "sha256",
                Hash::Sha384 => "sha384",
                Hash::Sha512 => "sha512",
            };
            json!({
                "apiVersion": "0.0.1", "kind": "hashedrekord",
                "spec": {
                    "data": { "hash": { "algorithm": algorithm, "value": hex::encode(&digest.bytes) } },
                    "signature": {
                        "content": STANDARD.encode(signature),
                        "publicKey": { "content": verifier },
                    },
                },
            })
        }
        Content::Envelope(envelope) => json!({
            "apiVersion": "0.0.1", "kind": "dsse",
            "spec": { "proposedContent": {
                "envelope": serde_json::to_string(envelope)?, "verifiers": [verifier],
            } },
        }),
    };
    serde_json::to_vec(&request)
}

/// Asks a log of v2 to take a signature.
///
/// # Errors
///
/// Fails never in practice: all fields can be JSON.
pub fn request_2(
    content: &Content,
    who: Signatory<'_>,
    key: &PublicKey,
) -> Result<Vec<u8>, serde_json::Error> {
    let (digest, signature) = match content {
        Content::Message { digest, signature } => (digest.bytes.clone(), signature),
        // What the signature is over stands for the envelope.
        Content::Envelope(envelope) => {
            let hash = key.algorithm().hash();
            (hash.of(&envelope.message()), &envelope.signature)
        }
    };
    let details = match key.algorithm() {
        Algorithm::P256 => "PKIX_ECDSA_P256_SHA_256",
        Algorithm::P384 => "PKIX_ECDSA_P384_SHA_384",
        Algorithm::Ed25519 => "PKIX_ED25519",
        Algorithm::Rsa { bits: ..3072 } => "PKIX_RSA_PKCS1V15_2048_SHA256",
        Algorithm::Rsa { bits: ..4096 } => "PKIX_RSA_PKCS1V15_3072_SHA256",
        Algorithm::Rsa { .. } => "PKIX_RSA_PKCS1V15_4096_SHA256",
    };
    let verifier = match who {
        Signatory::Certificate(der) => json!({
            "x509Certificate": { "rawBytes": STANDARD.encode(der) }, "keyDetails": details,
        }),
        Signatory::Key(key) => json!({
            "publicKey": { "rawBytes": STANDARD.encode(key.der()) }, "keyDetails": details,
        }),
    };
    serde_json::to_vec(&json!({
        "hashedRekordRequestV002": {
            "digest": STANDARD.encode(digest),
            "signature": { "content": STANDARD.encode(signature), "verifier": verifier },
        },
    }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry1 {
    #[serde(with = "base64")]
    body: Vec<u8>,
    #[serde(deserialize_with = "int64::deserialize")]
    integrated_time: u64,
    #[serde(rename = "logID")]
    log_id: String,
    #[serde(deserialize_with = "int64::deserialize")]
    log_index: u64,
    verification: Verification1,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Verification1 {
    #[serde(with = "base64")]
    signed_entry_timestamp: Vec<u8>,
    inclusion_proof: Proof1,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Proof1 {
    hashes: Vec<String>,
    root_hash: String,
    #[serde(deserialize_with = "int64::deserialize")]
    tree_size: u64,
    #[serde(deserialize_with = "int64::deserialize")]
    log_index: u64,
    checkpoint: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    kind: String,
    api_version: String,
}

/// Reads the one entry of an answer of v1.
///
/// # Errors
///
/// Fails on anything else.
pub fn entry_1(answer: &[u8]) -> Result<Entry, Error> {
    let entries: BTreeMap<String, Entry1> = json::parse(answer)?;
    let mut entries = entries.into_values();
    let (Some(entry), None) = (entries.next(), entries.next()) else {
        return Err(Error::Count);
    };
    let head: Head = json::parse(&entry.body)?;
    let bytes = |digits: &String| hex::decode(digits).map_err(|_error| Error::Hex);
    let proof = entry.verification.inclusion_proof;
    Ok(Entry {
        log_index: entry.log_index,
        log_id: LogId {
            key_id: bytes(&entry.log_id)?,
        },
        kind_version: KindVersion {
            kind: head.kind,
            version: head.api_version,
        },
        integrated_time: entry.integrated_time,
        inclusion_promise: Some(Promise {
            signed_entry_timestamp: entry.verification.signed_entry_timestamp,
        }),
        inclusion_proof: Some(Proof {
            log_index: proof.log_index,
            root_hash: bytes(&proof.root_hash)?,
            tree_size: proof.tree_size,
            hashes: proof.hashes.iter().map(bytes).collect::<Result<_, _>>()?,
            checkpoint: Some(Checkpoint {
                envelope: proof.checkpoint,
            }),
        }),
        canonicalized_body: entry.body,
    })
}

/// Reads an answer of v2, which is an entry.
///
/// # Errors
///
/// Fails on anything else.
pub fn entry_2(answer: &[u8]) -> Result<Entry, Error> {
    Ok(json::parse(answer)?)
}

/// The same entry without the log's word on when it took it, for a signature
/// that was made long before: only that it is in the log counts then.
#[must_use]
pub fn without_time(entry: Entry) -> Entry {
    Entry {
        integrated_time: 0,
        inclusion_promise: None,
        ..entry
    }
}

/// The answer is no entry.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Malformed.
    #[error("the log's answer is malformed")]
    Json(#[from] json::ParseError),
    /// None or several.
    #[error("the log's answer does not hold exactly one entry")]
    Count,
    /// Not hex.
    #[error("a hash in the log's answer is not hex")]
    Hex,
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        Kind::Upstream
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_no_bundle_can_hold_is_refused() {
        let answer = |field: &str, number: u64| {
            let mut entry = serde_json::json!({
                "body": STANDARD.encode(r#"{"kind":"a","apiVersion":"1"}"#),
                "logID": "00", "logIndex": 1, "integratedTime": 1,
                "verification": {
                    "signedEntryTimestamp": "AQ==",
                    "inclusionProof": {
                        "hashes": [], "rootHash": "00", "treeSize": 1, "logIndex": 0,
                        "checkpoint": "a",
                    },
                },
            });
            if let Some(place) = entry.pointer_mut(field) {
                *place = number.into();
            }
            entry_1(serde_json::json!({ "a": entry }).to_string().as_bytes())
        };
        let most = i64::MAX.unsigned_abs();
        for field in [
            "/logIndex",
            "/integratedTime",
            "/verification/inclusionProof/treeSize",
            "/verification/inclusionProof/logIndex",
        ] {
            assert!(answer(field, most).is_ok(), "{field}");
            assert!(answer(field, most + 1).is_err(), "{field}");
        }
    }
}
