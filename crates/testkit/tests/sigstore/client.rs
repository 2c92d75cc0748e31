//! A client of Sigstore as plain as it can be, apart from the product's.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use liftlock::digest::Digest;
use liftlock::dsse;
use serde_json::{Value, json};
use testkit::http::{self, Response};
use testkit::sigstore::{Curve, LogVersion, Pair};

pub(crate) const STATEMENT_TYPE: &str = "application/vnd.in-toto+json";

/// Where services are.
pub(crate) struct Client {
    pub(crate) fulcio: String,
    pub(crate) rekor: String,
    pub(crate) stamps: String,
}

/// A key and what stands for it.
pub(crate) struct Signing {
    pub(crate) key: Pair,
    /// The leaf in DER; nothing for a bare key.
    pub(crate) certificate: Option<Vec<u8>>,
}

pub(crate) enum Content<'a> {
    Message(&'a [u8]),
    Statement(&'a [u8]),
}

pub(crate) fn json_of(response: &Response) -> Value {
    serde_json::from_slice(&response.body).unwrap_or_else(|_| panic!("{}", response.text()))
}

fn post(url: &str, headers: &[(&str, &str)], body: &Value) -> Response {
    let mut headers = headers.to_vec();
    headers.push(("content-type", "application/json"));
    http::send("POST", url, &headers, body.to_string().as_bytes()).unwrap()
}

/// A request with proof that we have the key.
pub(crate) fn certificate_request(key: &Pair, challenge: &str) -> Value {
    let proof = key.sign(challenge.as_bytes()).unwrap();
    json!({ "publicKeyRequest": {
        "publicKey": { "algorithm": "ECDSA", "content": key.public_pem() },
        "proofOfPossession": STANDARD.encode(proof),
    } })
}

pub(crate) fn der_of(pem: &str) -> Vec<u8> {
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    STANDARD.decode(body).unwrap()
}

pub(crate) fn pem_of(certificate: &[u8]) -> String {
    let text = STANDARD.encode(certificate);
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        lines.join("\n")
    )
}

/// A query for a stamp of SHA-256 (RFC 3161 §2.4.1), certificates wanted.
pub(crate) fn stamp_query(hash: &Digest) -> Vec<u8> {
    let mut query = vec![0x30, 0x39, 2, 1, 1, 0x30, 0x31];
    query.extend([
        0x30, 0x0d, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 5, 0,
    ]);
    query.extend([4, 0x20]);
    query.extend(hash.as_bytes());
    query.extend([1, 1, 0xff]);
    query
}

impl Client {
    pub(crate) fn certificate(&self, token: &str, request: &Value) -> Response {
        let bearer = format!("Bearer {token}");
        let url = format!("{}/api/v2/signingCert", self.fulcio);
        post(&url, &[("authorization", &bearer)], request)
    }

    /// A new key and its certificate.
    pub(crate) fn signing(&self, token: &str, challenge: &str) -> Signing {
        let key = Pair::new(Curve::P256).unwrap();
        let answer = self.certificate(token, &certificate_request(&key, challenge));
        assert!(matches!(answer.status, 200 | 201), "{}", answer.text());
        let answer = json_of(&answer);
        let kinds = [
            "signedCertificateEmbeddedSct",
            "signedCertificateDetachedSct",
        ];
        let leaf = kinds
            .iter()
            .find_map(|kind| answer.pointer(&format!("/{kind}/chain/certificates/0")));
        Signing {
            key,
            certificate: Some(der_of(leaf.unwrap().as_str().unwrap())),
        }
    }

    pub(crate) fn stamp(&self, signature: &[u8]) -> Vec<u8> {
        let query = stamp_query(&Digest::of(signature));
        let headers = [("content-type", "application/timestamp-query")];
        let answer = http::send("POST", &self.stamps, &headers, &query).unwrap();
        assert!(matches!(answer.status, 200 | 201), "{}", answer.text());
        answer.body
    }

    pub(crate) fn post_v1(&self, proposed: &Value) -> Response {
        post(&format!("{}/api/v1/log/entries", self.rekor), &[], proposed)
    }

    pub(crate) fn post_v2(&self, proposed: &Value) -> Response {
        post(&format!("{}/api/v2/log/entries", self.rekor), &[], proposed)
    }

    /// Signs, logs, and packs everything into a bundle; v2 with a stamp.
    pub(crate) fn bundle(
        &self,
        signing: &Signing,
        content: &Content<'_>,
        log: LogVersion,
    ) -> Value {
        let message = content.message();
        let signature = signing.key.sign(&message).unwrap();
        let envelope = json!({
            "payload": content.payload(),
            "payloadType": STATEMENT_TYPE,
            "signatures": [{ "sig": STANDARD.encode(&signature) }],
        });
        let (entry, stamps) = match (log, content) {
            (LogVersion::V1, Content::Message(_)) => {
                let proposed = hashedrekord_v1(signing, &Digest::of(&message), &signature);
                (self.logged_v1(&proposed), json!([]))
            }
            (LogVersion::V1, Content::Statement(_)) => {
                (self.logged_v1(&dsse_v1(signing, &envelope)), json!([]))
            }
            (LogVersion::V2, _) => {
                let proposed = hashedrekord_v2(signing, &Digest::of(&message), &signature);
                let answer = self.post_v2(&proposed);
                assert!(matches!(answer.status, 200 | 201), "{}", answer.text());
                let stamp = STANDARD.encode(self.stamp(&signature));
                (json_of(&answer), json!([{ "signedTimestamp": stamp }]))
            }
        };
        let mut material = match &signing.certificate {
            Some(leaf) => json!({ "certificate": { "rawBytes": STANDARD.encode(leaf) } }),
            None => {
                json!({ "publicKey": { "hint": STANDARD.encode(signing.key.id().as_bytes()) } })
            }
        };
        material["tlogEntries"] = json!([entry]);
        material["timestampVerificationData"] = json!({ "rfc3161Timestamps": stamps });
        let mut bundle = json!({
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": material,
        });
        match content {
            Content::Message(bytes) => {
                let digest = STANDARD.encode(Digest::of(bytes).as_bytes());
                bundle["messageSignature"] = json!({
                    "messageDigest": { "algorithm": "SHA2_256", "digest": digest },
                    "signature": STANDARD.encode(&signature),
                });
            }
            Content::Statement(_) => bundle["dsseEnvelope"] = envelope,
        }
        bundle
    }

    fn logged_v1(&self, proposed: &Value) -> Value {
        let answer = self.post_v1(proposed);
        assert_eq!(answer.status, 201, "{}", answer.text());
        entry_v1(&json_of(&answer), proposed)
    }
}

impl Content<'_> {
    fn message(&self) -> Vec<u8> {
        match self {
            Self::Message(bytes) => bytes.to_vec(),
            Self::Statement(payload) => dsse::message(STATEMENT_TYPE, payload),
        }
    }

    fn payload(&self) -> String {
        match self {
            Self::Message(_) => String::new(),
            Self::Statement(payload) => STANDARD.encode(payload),
        }
    }
}

impl Signing {
    pub(crate) fn with_key() -> Self {
        Self {
            key: Pair::new(Curve::P256).unwrap(),
            certificate: None,
        }
    }

    fn pem(&self) -> String {
        let pem = match &self.certificate {
            Some(leaf) => pem_of(leaf),
            None => self.key.public_pem(),
        };
        STANDARD.encode(pem)
    }
}

pub(crate) fn hashedrekord_v1(signing: &Signing, hash: &Digest, signature: &[u8]) -> Value {
    json!({ "apiVersion": "0.0.1", "kind": "hashedrekord", "spec": {
        "data": { "hash": { "algorithm": "sha256", "value": hash.hex() } },
        "signature": {
            "content": STANDARD.encode(signature),
            "publicKey": { "content": signing.pem() },
        },
    } })
}

fn dsse_v1(signing: &Signing, envelope: &Value) -> Value {
    json!({ "apiVersion": "0.0.1", "kind": "dsse", "spec": { "proposedContent": {
        "envelope": envelope.to_string(), "verifiers": [signing.pem()],
    } } })
}

pub(crate) fn hashedrekord_v2(signing: &Signing, hash: &Digest, signature: &[u8]) -> Value {
    let details = "PKIX_ECDSA_P256_SHA_256";
    let verifier = match &signing.certificate {
        Some(leaf) => json!({
            "x509Certificate": { "rawBytes": STANDARD.encode(leaf) }, "keyDetails": details,
        }),
        None => json!({
            "publicKey": { "rawBytes": STANDARD.encode(signing.key.spki()) },
            "keyDetails": details,
        }),
    };
    json!({ "hashedRekordRequestV002": {
        "digest": STANDARD.encode(hash.as_bytes()),
        "signature": { "content": STANDARD.encode(signature), "verifier": verifier },
    } })
}

/// Rekor v1's answer as a bundle has it.
pub(crate) fn entry_v1(answer: &Value, proposed: &Value) -> Value {
    let entry = answer.as_object().unwrap().values().next().unwrap();
    let proof = &entry["verification"]["inclusionProof"];
    let bytes = |hex: &Value| STANDARD.encode(hex::decode(hex.as_str().unwrap()).unwrap());
    let hashes: Vec<String> = proof["hashes"]
        .as_array()
        .unwrap()
        .iter()
        .map(bytes)
        .collect();
    json!({
        "logIndex": entry["logIndex"].to_string(),
        "logId": { "keyId": bytes(&entry["logID"]) },
        "kindVersion": { "kind": proposed["kind"], "version": proposed["apiVersion"] },
        "integratedTime": entry["integratedTime"].to_string(),
        "inclusionPromise": {
            "signedEntryTimestamp": entry["verification"]["signedEntryTimestamp"],
        },
        "inclusionProof": {
            "logIndex": proof["logIndex"].to_string(),
            "rootHash": bytes(&proof["rootHash"]),
            "treeSize": proof["treeSize"].to_string(),
            "hashes": hashes,
            "checkpoint": { "envelope": proof["checkpoint"] },
        },
        "canonicalizedBody": entry["body"],
    })
}
