//! Public keys and the narrow door to signature mathematics.

use std::error::Error;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// What every P-256 `SubjectPublicKeyInfo` begins with (RFC 5480 §2, named
/// curve `secp256r1`, uncompressed point of SEC 1 §2.3.3).
const P256_HEAD: [u8; 27] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
];

/// An ECDSA P-256 public key, known by the digest of its DER form.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey {
    der: Vec<u8>,
}

impl PublicKey {
    /// Takes the DER form of a `SubjectPublicKeyInfo`.
    ///
    /// # Errors
    ///
    /// Fails on anything but an uncompressed P-256 key. That the point lies on
    /// the curve is checked by the first use.
    pub fn from_der(der: &[u8]) -> Result<Self, ParseError> {
        if der.len() == P256_HEAD.len() + 64 && der.starts_with(&P256_HEAD) {
            Ok(Self { der: der.to_vec() })
        } else {
            Err(ParseError::Unsupported)
        }
    }

    /// Reads PEM with the label `PUBLIC KEY` (RFC 7468 §13).
    ///
    /// # Errors
    ///
    /// Fails on another label, on broken base64 and on anything but P-256.
    pub fn from_pem(text: &str) -> Result<Self, ParseError> {
        let body = text
            .trim()
            .strip_prefix("-----BEGIN PUBLIC KEY-----")
            .and_then(|rest| rest.strip_suffix("-----END PUBLIC KEY-----"))
            .ok_or(ParseError::NotPem)?;
        let packed: String = body.split_ascii_whitespace().collect();
        Self::from_der(&STANDARD.decode(packed)?)
    }

    /// The DER form.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The PEM form with lines of 64 characters.
    #[must_use]
    pub fn pem(&self) -> String {
        let body = STANDARD.encode(&self.der);
        let lines: Vec<&str> = body
            .as_bytes()
            .chunks(64)
            .filter_map(|line| std::str::from_utf8(line).ok())
            .collect();
        format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            lines.join("\n")
        )
    }

    /// What the key is known by: the SHA-256 of its DER form.
    #[must_use]
    pub fn id(&self) -> Digest {
        Digest::of(&self.der)
    }
}

impl TryFrom<String> for PublicKey {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        Self::from_pem(&text)
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> Self {
        key.pem()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PublicKey({})", self.id().short())
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for PublicKey {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PublicKey".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^\\s*-----BEGIN PUBLIC KEY-----" })
    }
}

/// The text is no public key that we can use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// No PEM with the right label.
    #[error("not a PEM block that begins with `-----BEGIN PUBLIC KEY-----`")]
    NotPem,
    /// The body is not base64.
    #[error("the body of the PEM block is not base64")]
    Base64(#[from] base64::DecodeError),
    /// Another kind of key.
    #[error("not an ECDSA P-256 key")]
    Unsupported,
}

/// Makes signatures; implemented where the private key lives.
pub trait Signer {
    /// The public half.
    fn public_key(&self) -> &PublicKey;

    /// Signs a message that is in memory: ECDSA over SHA-256, DER encoded.
    ///
    /// # Errors
    ///
    /// Fails when the key or the service behind it cannot sign.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>>;

    /// Signs what was hashed already; the same signature as over the message.
    ///
    /// # Errors
    ///
    /// Fails when the key or the service behind it cannot sign.
    fn sign_digest(&self, digest: &Digest) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>>;
}

/// Checks signatures; implemented with `ring` in `liftlock-io`.
pub trait Verifier {
    /// Whether the DER-encoded ECDSA signature is this key's over the message.
    fn verify(&self, key: &PublicKey, message: &[u8], signature: &[u8]) -> bool;

    /// Whether the signature is this key's over the message with this digest.
    fn verify_digest(&self, key: &PublicKey, digest: &Digest, signature: &[u8]) -> bool;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> PublicKey {
        let mut der = P256_HEAD.to_vec();
        der.extend([7; 64]);
        PublicKey::from_der(&der).unwrap()
    }

    #[test]
    fn pem_and_der_are_the_same_key() {
        let key = sample();
        assert_eq!(PublicKey::from_pem(&key.pem()), Ok(key.clone()));
        assert_eq!(key.id(), Digest::of(key.der()));
    }

    #[test]
    fn other_keys_are_refused_by_name() {
        let private = sample().pem().replace("PUBLIC", "PRIVATE");
        assert_eq!(PublicKey::from_pem(&private), Err(ParseError::NotPem));
        assert_eq!(
            PublicKey::from_der(&[0x30, 0x2a]),
            Err(ParseError::Unsupported)
        );
    }
}
