//! Rekor v1 (sigstore/rekor `openapi.yaml`): `hashedrekord` and `dsse`, both 0.0.1.

use anyhow::{Context as _, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use liftlock::digest::Digest;
use liftlock::dsse;
use liftlock::time::Time;
use serde_json::{Value, json};

use super::Log;
use crate::http::Answer;
use crate::sigstore::clock;
use crate::sigstore::fault::Lie;
use crate::sigstore::key::{Curve, Pair, Public};
use crate::sigstore::merkle;

/// The shard's name, in front of each entry's.
const TREE: u64 = 0x1234_5678_9abc_def0;

/// Entries in earlier shards: the index of an entry is not that of its proof.
const EARLIER: usize = 4000;

const ENTRIES: &str = "/api/v1/log/entries";

/// The log.
#[derive(Debug)]
pub(crate) struct V1 {
    log: Log,
    /// When each entry came.
    times: Vec<Time>,
}

impl V1 {
    pub(crate) fn new(host: &str, now: Time) -> Result<Self> {
        let log = Log::new(Curve::P256, host, &format!("{host} - {TREE}"))?;
        let times = vec![now; log.bodies.len()];
        Ok(Self { log, times })
    }

    pub(crate) const fn log(&self) -> &Log {
        &self.log
    }

    /// The answer to a proposed entry; 409 when it is there already.
    pub(crate) fn post(&mut self, body: &[u8], now: Time, lie: Option<Lie>) -> Result<Answer> {
        let body = match serde_json::from_slice(body)
            .context("no JSON")
            .and_then(|proposed| canonical(&proposed))
        {
            Ok(body) => body,
            Err(error) => return Ok(refusal(400, &format!("{error:#}"))),
        };
        if let Some(index) = self.log.find(&body) {
            let uuid = self.uuid(index);
            let text = format!(
                "an equivalent entry already exists in the transparency log with UUID {uuid}"
            );
            return Ok(refusal(409, &text).header("location", &format!("{ENTRIES}/{uuid}")));
        }
        let index = self.log.push(&body);
        self.times.push(now);
        let shown = match lie {
            // The entry of someone else that came just before.
            Some(Lie::OtherEntry) => self.other()?,
            Some(_) | None => index,
        };
        let uuid = self.uuid(shown);
        Ok(Answer::new(201)
            .header("content-type", "application/json")
            .header("location", &format!("{ENTRIES}/{uuid}"))
            .header("etag", &uuid)
            .body(self.entry(shown, lie)?.to_string()))
    }

    /// The answer to a request for one entry.
    pub(crate) fn get(&self, path: &str, lie: Option<Lie>) -> Result<Answer> {
        let wanted = path.strip_prefix(ENTRIES).unwrap_or_default();
        let found = (0..self.log.bodies.len())
            .find(|index| wanted.strip_prefix('/') == Some(self.uuid(*index).as_str()));
        Ok(match found {
            None => refusal(404, "entry not found"),
            Some(index) => Answer::json(self.entry(index, lie)?.to_string()),
        })
    }

    /// Adds a true entry of a stranger.
    fn other(&mut self) -> Result<usize> {
        let key = Pair::new(Curve::P256)?;
        let hash = Digest::of(&key.spki());
        let body = hashed(&hash.hex(), &key.sign(&key.spki())?, &key.public_pem());
        let index = self.log.push(body.to_string().as_bytes());
        let last = self.times.last().copied().unwrap_or(Time::EPOCH);
        self.times.push(last);
        Ok(index)
    }

    fn uuid(&self, index: usize) -> String {
        let leaf = hex::encode(merkle::leaf(self.log.body(index)));
        format!("{TREE:016x}{leaf}")
    }

    fn entry(&self, index: usize, lie: Option<Lie>) -> Result<Value> {
        let proof = self.log.proof(index, lie)?;
        let log_index = EARLIER + index;
        let body = STANDARD.encode(self.log.body(index));
        let time = self.times.get(index).copied().unwrap_or(Time::EPOCH);
        let time = match lie {
            Some(Lie::OtherTime) => clock::long_before(time),
            Some(_) | None => time,
        };
        let id = self.log.id().hex();
        // Canonical JSON (RFC 8785): names in order, no spaces.
        let promised = json!({
            "body": body,
            "integratedTime": time.unix_millis().div_euclid(1000),
            "logID": id,
            "logIndex": log_index,
        });
        let key = match lie {
            Some(Lie::OtherPromise) => &self.log.unknown,
            Some(_) | None => &self.log.key,
        };
        let set = STANDARD.encode(key.sign(promised.to_string().as_bytes())?);
        let hashes: Vec<String> = proof.hashes.iter().map(hex::encode).collect();
        let verification = json!({
            "inclusionProof": {
                "checkpoint": proof.checkpoint,
                "hashes": hashes,
                "logIndex": proof.index,
                "rootHash": hex::encode(proof.root),
                "treeSize": proof.size,
            },
            "signedEntryTimestamp": set,
        });
        let mut entry = promised;
        if let Some(fields) = entry.as_object_mut() {
            fields.insert("verification".to_owned(), verification);
        }
        Ok(json!({ self.uuid(index): entry }))
    }
}

/// Rekor's form of an error.
fn refusal(status: u16, message: &str) -> Answer {
    Answer::new(status)
        .header("content-type", "application/json")
        .body(json!({ "code": status, "message": message }).to_string())
}

/// Checks what is proposed, and writes it as the log keeps it.
fn canonical(proposed: &Value) -> Result<Vec<u8>> {
    let text = |pointer: &str| {
        proposed
            .pointer(pointer)
            .and_then(Value::as_str)
            .with_context(|| format!("no {pointer}"))
    };
    let body = match (text("/kind")?, text("/apiVersion")?) {
        ("hashedrekord", "0.0.1") => hashedrekord(&text)?,
        ("dsse", "0.0.1") => {
            let verifiers = proposed.pointer("/spec/proposedContent/verifiers");
            let verifiers = verifiers
                .and_then(Value::as_array)
                .context("no verifiers")?;
            let [Value::String(verifier)] = verifiers.as_slice() else {
                bail!("exactly one verifier is supported");
            };
            envelope(text("/spec/proposedContent/envelope")?, verifier)?
        }
        (kind, version) => bail!("unknown kind {kind} {version}"),
    };
    Ok(body.to_string().into_bytes())
}

fn hashedrekord<'a>(text: &impl Fn(&str) -> Result<&'a str>) -> Result<Value> {
    let (algorithm, value) = (
        text("/spec/data/hash/algorithm")?,
        text("/spec/data/hash/value")?,
    );
    ensure!(algorithm == "sha256", "unsupported hash {algorithm}");
    let hash = Digest::from_hex(value)?;
    let signature = STANDARD.decode(text("/spec/signature/content")?)?;
    let pem = STANDARD.decode(text("/spec/signature/publicKey/content")?)?;
    let (key, verifier) = Public::from_pem(&String::from_utf8(pem)?)?;
    key.verify_hash(hash.as_bytes(), &signature)
        .context("verifying signature")?;
    Ok(hashed(value, &signature, &verifier.pem()))
}

fn hashed(value: &str, signature: &[u8], pem: &str) -> Value {
    json!({
        "apiVersion": "0.0.1",
        "kind": "hashedrekord",
        "spec": {
            "data": { "hash": { "algorithm": "sha256", "value": value } },
            "signature": {
                "content": STANDARD.encode(signature),
                "publicKey": { "content": STANDARD.encode(pem) },
            },
        },
    })
}

fn envelope(envelope: &str, verifier: &str) -> Result<Value> {
    let parsed: Value = serde_json::from_str(envelope)?;
    let text = |pointer: &str| {
        let found = parsed.pointer(pointer).and_then(Value::as_str);
        found.with_context(|| format!("no {pointer} in the envelope"))
    };
    let payload = STANDARD.decode(text("/payload")?)?;
    let signatures = parsed.pointer("/signatures").and_then(Value::as_array);
    ensure!(
        signatures.is_some_and(|all| all.len() == 1),
        "exactly one signature is supported"
    );
    let signature = STANDARD.decode(text("/signatures/0/sig")?)?;
    let (key, verifier) = Public::from_pem(&String::from_utf8(STANDARD.decode(verifier)?)?)?;
    key.verify(&dsse::message(text("/payloadType")?, &payload), &signature)
        .context("verifying the envelope")?;
    let hash = |bytes| json!({ "algorithm": "sha256", "value": Digest::of(bytes).hex() });
    Ok(json!({
        "apiVersion": "0.0.1",
        "kind": "dsse",
        "spec": {
            "envelopeHash": hash(envelope.as_bytes()),
            "payloadHash": hash(&payload),
            "signatures": [{
                "signature": STANDARD.encode(signature),
                "verifier": STANDARD.encode(verifier.pem()),
            }],
        },
    }))
}
