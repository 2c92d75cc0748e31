//! The envelope of all metadata, and the keys that sign it (TUF 1.0 §4.2).

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Refused, Role, canonical};
use crate::crypto::{Algorithm, PublicKey, Verifier};
use crate::der::{self, tag};
use crate::json;
use crate::time::Time;

/// The most signatures, and the most keys, of one document.
const MOST: usize = 128;

/// What every role says.
#[derive(Debug, Deserialize)]
struct Common {
    #[serde(rename = "_type")]
    kind: String,
    spec_version: String,
    version: u64,
    expires: Time,
}

#[derive(Debug, Deserialize)]
struct Document {
    signed: Value,
    signatures: Vec<Signature>,
}

#[derive(Debug, Deserialize)]
struct Signature {
    keyid: String,
    sig: String,
}

/// A document of a role whose signatures were not looked at yet.
#[derive(Debug)]
pub(super) struct Unproved {
    role: Role,
    message: Vec<u8>,
    signatures: Vec<(String, Vec<u8>)>,
    /// The version, at least 1.
    pub(super) version: u64,
    /// From when on it no longer counts.
    pub(super) expires: Time,
}

impl Unproved {
    /// Reads a document, and what it says beside what all roles say.
    pub(super) fn parse<T: DeserializeOwned>(
        role: Role,
        bytes: &[u8],
    ) -> Result<(Self, T), Refused> {
        let malformed = |source| Refused::Malformed { role, source };
        let unusable = |reason: &str| role.unusable(reason);
        if u64::try_from(bytes.len()).map_or(true, |length| length > role.limit()) {
            return Err(unusable("it is too large"));
        }
        let document: Document = json::parse(bytes).map_err(malformed)?;
        let message = canonical::bytes(&document.signed)?;
        let common: Common = shape(document.signed.clone()).map_err(malformed)?;
        if common.kind != role.name() {
            return Err(unusable("it is of another role"));
        }
        if !common.spec_version.starts_with("1.") {
            return Err(unusable("its specification is not version 1"));
        }
        if common.version == 0 {
            return Err(unusable("its version is 0"));
        }
        let unproved = Self {
            role,
            message,
            signatures: signatures(document.signatures).map_err(unusable)?,
            version: common.version,
            expires: common.expires,
        };
        Ok((unproved, shape(document.signed).map_err(malformed)?))
    }

    /// Insists on signatures by as many different keys as the role needs.
    pub(super) fn prove(&self, signers: &Signers, verifier: &dyn Verifier) -> Result<(), Refused> {
        let good = self.signatures.iter().filter_map(|(id, signature)| {
            let key = signers.keys.get(id)?;
            verifier
                .verify(key, &self.message, signature)
                .then_some(key)
        });
        let good: BTreeSet<&PublicKey> = good.collect();
        if u64::try_from(good.len()).is_ok_and(|found| found >= signers.threshold) {
            return Ok(());
        }
        Err(Refused::Signatures {
            role: self.role,
            found: good.len(),
            needed: signers.threshold,
        })
    }
}

fn shape<T: DeserializeOwned>(value: Value) -> Result<T, json::ParseError> {
    Ok(serde_json::from_value(value)?)
}

/// A signature that is no hex stays and never counts, as an empty one is how
/// `tuf-on-ci` marks a signer who is awaited.
fn signatures(given: Vec<Signature>) -> Result<Vec<(String, Vec<u8>)>, &'static str> {
    let ids: BTreeSet<&str> = given.iter().map(|one| one.keyid.as_str()).collect();
    if given.len() > MOST {
        return Err("it has too many signatures");
    }
    if ids.len() < given.len() {
        return Err("one key signs it twice");
    }
    let given = given.into_iter();
    Ok(given
        .map(|one| (one.keyid, hex::decode(one.sig).unwrap_or_default()))
        .collect())
}

/// Who signs for a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Signers {
    keys: BTreeMap<String, PublicKey>,
    /// How many different keys have to sign, at least 1.
    threshold: u64,
}

/// A role as a root names it.
#[derive(Debug, Deserialize)]
pub(super) struct Named {
    keyids: Vec<String>,
    threshold: u64,
}

impl Named {
    /// The keys of the role; those of a kind that is not read never count.
    ///
    /// # Errors
    ///
    /// Fails on a threshold of 0 and on too many keys.
    pub(super) fn signers(self, keys: &BTreeMap<String, Key>) -> Result<Signers, &'static str> {
        if self.threshold == 0 {
            return Err("a threshold is 0");
        }
        if keys.len() > MOST || self.keyids.len() > MOST {
            return Err("it has too many keys");
        }
        let named = self.keyids.into_iter();
        Ok(Signers {
            keys: named
                .filter_map(|id| Some((keys.get(&id)?.read()?, id)))
                .map(|(key, id)| (id, key))
                .collect(),
            threshold: self.threshold,
        })
    }
}

/// A key as a root holds it.
#[derive(Debug, Deserialize)]
pub(super) struct Key {
    keytype: String,
    scheme: String,
    keyval: KeyValue,
}

#[derive(Debug, Deserialize)]
struct KeyValue {
    public: String,
}

impl Key {
    /// The key, when its kind and scheme are those that fit each other: ECDSA
    /// as PEM or as the point in hex, Ed25519 as 32 bytes in hex.
    fn read(&self) -> Option<PublicKey> {
        let text = self.keyval.public.as_str();
        let (key, wanted) = match (self.keytype.as_str(), self.scheme.as_str()) {
            ("ed25519", "ed25519") => (ed25519(text)?, Algorithm::Ed25519),
            ("ecdsa" | "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256") => {
                (ecdsa(text)?, Algorithm::P256)
            }
            ("ecdsa" | "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384") => {
                (ecdsa(text)?, Algorithm::P384)
            }
            _ => return None,
        };
        (key.algorithm() == wanted).then_some(key)
    }
}

fn ecdsa(text: &str) -> Option<PublicKey> {
    /// id-ecPublicKey with secp256r1 (RFC 5480 §2.1.1).
    const P256: [&[u8]; 2] = [
        &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01],
        &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07],
    ];
    if text.trim_start().starts_with("-----BEGIN") {
        return PublicKey::from_pem(text).ok();
    }
    let kind = P256.map(|name| der::encode(tag::OID, name)).concat();
    spki(&kind, &hex::decode(text).ok()?)
}

fn ed25519(text: &str) -> Option<PublicKey> {
    // id-Ed25519 (RFC 8410 §3).
    let kind = der::encode(tag::OID, &[0x2b, 0x65, 0x70]);
    spki(&kind, &hex::decode(text).ok()?)
}

fn spki(kind: &[u8], bits: &[u8]) -> Option<PublicKey> {
    let bits = der::encode(tag::BIT_STRING, &[&[0], bits].concat());
    PublicKey::from_der(&der::sequence(&[&der::sequence(&[kind]), &bits])).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_in_every_form_and_only_with_their_scheme() {
        let pem = include_str!("../../testdata/p256.pub");
        let point = hex::encode(PublicKey::from_pem(pem).unwrap().bits());
        let short = "11".repeat(31);
        let ed = "11".repeat(32);
        let cases = [
            ("ecdsa", "ecdsa-sha2-nistp256", pem, true),
            ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256", pem, true),
            ("ecdsa", "ecdsa-sha2-nistp256", &point, true),
            ("ed25519", "ed25519", &ed, true),
            ("ed25519", "ed25519", &short, false),
            ("ed25519", "ecdsa-sha2-nistp256", &ed, false),
            ("ecdsa", "ecdsa-sha2-nistp384", pem, false),
            ("rsa", "rsassa-pss-sha256", pem, false),
            ("ecdsa", "ecdsa-sha2-nistp256", "zz", false),
        ];
        for (keytype, scheme, public, read) in cases {
            let key = Key {
                keytype: keytype.to_owned(),
                scheme: scheme.to_owned(),
                keyval: KeyValue {
                    public: public.to_owned(),
                },
            };
            assert_eq!(key.read().is_some(), read, "{keytype} {scheme} {public}");
        }
    }
}
