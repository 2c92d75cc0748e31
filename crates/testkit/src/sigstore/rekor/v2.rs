//! Rekor v2 (sigstore/rekor-tiles `CLIENTS.md`): `hashedrekord` 0.0.2.

use anyhow::{Context as _, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use liftlock::digest::Digest;
use serde_json::{Value, json};

use super::Log;
use crate::http::Answer;
use crate::sigstore::fault::Lie;
use crate::sigstore::key::{Curve, Pair, Public};

/// The log.
#[derive(Debug)]
pub(crate) struct V2 {
    log: Log,
}

impl V2 {
    pub(crate) fn new(host: &str) -> Result<Self> {
        Ok(Self {
            log: Log::new(Curve::Ed25519, host, host)?,
        })
    }

    pub(crate) const fn log(&self) -> &Log {
        &self.log
    }

    /// The answer to a proposed entry. As with the real one, an entry that is
    /// there already is refused with its index and no proof.
    pub(crate) fn post(&mut self, body: &[u8], lie: Option<Lie>) -> Result<Answer> {
        let body = match serde_json::from_slice(body)
            .context("no JSON")
            .and_then(|proposed| canonical(&proposed))
        {
            Ok(body) => body,
            Err(error) => return Ok(refusal(400, 3, &format!("{error:#}"))),
        };
        if let Some(index) = self.log.find(&body) {
            let text = format!(
                "an equivalent entry already exists in the transparency log with index {index}"
            );
            let refusal = refusal(409, 6, &text);
            return Ok(refusal.header("x-log-index", &index.to_string()));
        }
        let index = self.log.push(&body);
        let shown = match lie {
            Some(Lie::OtherEntry) => {
                let key = Pair::new(Curve::P256)?;
                let signature = key.sign(&key.spki())?;
                let verifier = json!({
                    "keyDetails": Curve::P256.details(),
                    "publicKey": { "rawBytes": STANDARD.encode(key.spki()) },
                });
                let hash = Digest::of(&key.spki());
                let body = hashed(hash.as_bytes(), &signature, &verifier);
                self.log.push(body.to_string().as_bytes())
            }
            Some(_) | None => index,
        };
        let entry = self.entry(shown, lie)?.to_string();
        let answer = Answer::new(201).header("content-type", "application/json");
        Ok(answer.body(entry))
    }

    fn entry(&self, index: usize, lie: Option<Lie>) -> Result<Value> {
        let proof = self.log.proof(index, lie)?;
        let hashes: Vec<String> = proof
            .hashes
            .iter()
            .map(|hash| STANDARD.encode(hash))
            .collect();
        // Numbers of 64 bits are strings in the JSON form of Protobuf.
        Ok(json!({
            "logIndex": index.to_string(),
            "logId": { "keyId": STANDARD.encode(self.log.id().as_bytes()) },
            "kindVersion": { "kind": "hashedrekord", "version": "0.0.2" },
            "integratedTime": "0",
            "inclusionPromise": null,
            "inclusionProof": {
                "logIndex": proof.index.to_string(),
                "rootHash": STANDARD.encode(proof.root),
                "treeSize": proof.size.to_string(),
                "hashes": hashes,
                "checkpoint": { "envelope": proof.checkpoint },
            },
            "canonicalizedBody": STANDARD.encode(self.log.body(index)),
        }))
    }
}

/// The form of gRPC's gateway; `code` is that of gRPC.
fn refusal(status: u16, code: u8, message: &str) -> Answer {
    Answer::new(status)
        .header("content-type", "application/json")
        .body(json!({ "code": code, "message": message, "details": [] }).to_string())
}

/// Checks what is proposed, and writes it as the log keeps it.
fn canonical(proposed: &Value) -> Result<Vec<u8>> {
    let request = proposed
        .get("hashedRekordRequestV002")
        .context("invalid type, must be hashedrekord")?;
    let bytes = |pointer: &str| {
        let text = request.pointer(pointer).and_then(Value::as_str);
        let text = text.with_context(|| format!("missing {pointer}"))?;
        STANDARD.decode(text).context("base64")
    };
    let details = request.pointer("/signature/verifier/keyDetails");
    ensure!(
        details.and_then(Value::as_str) == Some(Curve::P256.details()),
        "unsupported entry algorithm"
    );
    let (hash, signature) = (bytes("/digest")?, bytes("/signature/content")?);
    ensure!(hash.len() == 32, "digest of {} bytes", hash.len());
    let kind = ["publicKey", "x509Certificate"].into_iter().filter(|kind| {
        request
            .pointer(&format!("/signature/verifier/{kind}"))
            .is_some()
    });
    let raw = |kind| bytes(&format!("/signature/verifier/{kind}/rawBytes"));
    let (key, kind, raw) = match kind.collect::<Vec<_>>().as_slice() {
        ["publicKey"] => {
            let raw = raw("publicKey")?;
            (Public::from_spki(&raw)?, "publicKey", raw)
        }
        ["x509Certificate"] => {
            let raw = raw("x509Certificate")?;
            (Public::from_certificate(&raw)?, "x509Certificate", raw)
        }
        _ => bail!("exactly one of publicKey and x509Certificate"),
    };
    key.verify_hash(&hash, &signature)
        .context("verifying signature")?;
    let verifier = json!({
        "keyDetails": Curve::P256.details(),
        kind: { "rawBytes": STANDARD.encode(raw) },
    });
    let body = hashed(&hash, &signature, &verifier);
    Ok(body.to_string().into_bytes())
}

/// Canonical JSON: names in order, no spaces.
fn hashed(hash: &[u8], signature: &[u8], verifier: &Value) -> Value {
    json!({
        "apiVersion": "0.0.2",
        "kind": "hashedrekord",
        "spec": { "hashedRekordV002": {
            "data": { "algorithm": "SHA2_256", "digest": STANDARD.encode(hash) },
            "signature": { "content": STANDARD.encode(signature), "verifier": verifier },
        } },
    })
}
