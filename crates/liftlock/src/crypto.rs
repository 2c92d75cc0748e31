//! Public keys and the narrow door to signature mathematics.

use std::error::Error;
use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use crate::der::{self, tag};
use crate::digest::Digest;
use crate::pem;
use crate::ssh;

/// The label of a public key in PEM.
const LABEL: &str = "PUBLIC KEY";

/// id-ecPublicKey (RFC 5480 §2.1.1).
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// secp256r1 (RFC 5480 §2.1.1.1).
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
/// secp384r1 (RFC 5480 §2.1.1.1).
const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
/// id-Ed25519 (RFC 8410 §3).
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
/// rsaEncryption (RFC 8017 appendix A.1).
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];

/// A kind of key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// ECDSA on the curve P-256.
    P256,
    /// ECDSA on the curve P-384.
    P384,
    /// Ed25519, which hashes by itself.
    Ed25519,
    /// RSA with PKCS #1 v1.5 signatures.
    Rsa {
        /// Length of the modulus, 2048 to 8192.
        bits: usize,
    },
}

impl Algorithm {
    /// The hash that goes with the key where nothing says otherwise, as in
    /// Sigstore's registry of algorithms.
    #[must_use]
    pub const fn hash(self) -> Hash {
        match self {
            Self::P256 | Self::Rsa { .. } => Hash::Sha256,
            Self::P384 => Hash::Sha384,
            Self::Ed25519 => Hash::Sha512,
        }
    }

    /// Whether a signature can be made and checked when only the digest of the
    /// message is known.
    #[must_use]
    pub const fn takes_digests(self) -> bool {
        match self {
            Self::P256 | Self::P384 => true,
            Self::Ed25519 | Self::Rsa { .. } => false,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::P256 => formatter.write_str("ECDSA P-256"),
            Self::P384 => formatter.write_str("ECDSA P-384"),
            Self::Ed25519 => formatter.write_str("Ed25519"),
            Self::Rsa { bits } => write!(formatter, "RSA {bits}"),
        }
    }
}

/// A hash of the SHA-2 family (FIPS 180-4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    /// 32 bytes.
    Sha256,
    /// 48 bytes.
    Sha384,
    /// 64 bytes.
    Sha512,
}

impl Hash {
    /// Hashes a message that is in memory.
    #[must_use]
    pub fn of(self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(message).to_vec(),
            Self::Sha384 => Sha384::digest(message).to_vec(),
            Self::Sha512 => Sha512::digest(message).to_vec(),
        }
    }
}

/// A public key, known by the digest of its DER form.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey {
    der: Vec<u8>,
    algorithm: Algorithm,
    bits: Vec<u8>,
}

impl PublicKey {
    /// Takes the DER form of a `SubjectPublicKeyInfo` (RFC 5280 §4.1.2.7):
    /// ECDSA P-256 and P-384 with an uncompressed point, Ed25519, and RSA of
    /// 2048 to 8192 bits.
    ///
    /// # Errors
    ///
    /// Fails on anything else. That a point lies on the curve is checked by
    /// the first use.
    pub fn from_der(bytes: &[u8]) -> Result<Self, ParseError> {
        let mut info = der::document(bytes)?.reader();
        let mut kind = info.sequence()?;
        let bits = info.expect(tag::BIT_STRING)?.bits()?;
        info.finish()?;
        let name = kind.expect(tag::OID)?.content;
        let parameters = if kind.is_empty() {
            None
        } else {
            Some(kind.any()?)
        };
        kind.finish()?;
        let curve = parameters
            .filter(|one| one.tag == tag::OID)
            .map(|one| one.content);
        let algorithm = match (name, curve) {
            (EC, Some(P256)) if point(bits, 65) => Algorithm::P256,
            (EC, Some(P384)) if point(bits, 97) => Algorithm::P384,
            (ED25519, None) if parameters.is_none() && bits.len() == 32 => Algorithm::Ed25519,
            // One key has one form (RFC 3279 §2.3.1).
            (RSA, None) if parameters.is_some_and(|one| one.whole == [tag::NULL, 0]) => {
                Algorithm::Rsa {
                    bits: modulus(bits)?,
                }
            }
            _ => return Err(ParseError::Unsupported),
        };
        Ok(Self {
            der: bytes.to_vec(),
            algorithm,
            bits: bits.to_vec(),
        })
    }

    /// Takes an RSA key in the form of PKCS #1 (RFC 8017 appendix A.1.1).
    ///
    /// # Errors
    ///
    /// Fails on anything else, and outside of 2048 to 8192 bits.
    pub fn from_pkcs1(bytes: &[u8]) -> Result<Self, ParseError> {
        let kind = der::sequence(&[&der::encode(tag::OID, RSA), &der::encode(tag::NULL, &[])]);
        let bits = der::encode(tag::BIT_STRING, &[&[0], bytes].concat());
        Self::from_der(&der::sequence(&[&kind, &bits]))
    }

    /// Takes a key without its frame: an uncompressed point (SEC 1 §2.3.3), the
    /// 32 bytes of Ed25519, or RSA's modulus and exponent (PKCS #1), whose
    /// number of bits is not asked here.
    ///
    /// # Errors
    ///
    /// Fails on bits that are no such key.
    pub fn from_bits(algorithm: Algorithm, bits: &[u8]) -> Result<Self, ParseError> {
        let curve = |name| vec![der::encode(tag::OID, EC), der::encode(tag::OID, name)];
        let kind = match algorithm {
            Algorithm::P256 => curve(P256),
            Algorithm::P384 => curve(P384),
            Algorithm::Ed25519 => vec![der::encode(tag::OID, ED25519)],
            Algorithm::Rsa { .. } => return Self::from_pkcs1(bits),
        };
        let kind = der::encode(tag::SEQUENCE, &kind.concat());
        let bits = der::encode(tag::BIT_STRING, &[&[0], bits].concat());
        Self::from_der(&der::sequence(&[&kind, &bits]))
    }

    /// Reads PEM with the label `PUBLIC KEY` (RFC 7468 §13).
    ///
    /// # Errors
    ///
    /// Fails on another label, on broken base64 and on another kind of key.
    pub fn from_pem(text: &str) -> Result<Self, ParseError> {
        match pem::only(text) {
            Some((LABEL, der)) => Self::from_der(&der),
            Some(_) | None => Err(ParseError::NotPem),
        }
    }

    /// Reads PEM as [`PublicKey::from_pem`] does, or a line of OpenSSH
    /// ([`ssh::public`]).
    ///
    /// # Errors
    ///
    /// Fails as these two do.
    pub fn from_text(text: &str) -> Result<Self, ParseError> {
        let line = text.trim_start();
        if ["ssh-", "ecdsa-", "sk-"]
            .iter()
            .any(|kind| line.starts_with(kind))
        {
            Ok(ssh::public(line)?)
        } else {
            Self::from_pem(text)
        }
    }

    /// The kind of key.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The key without its kind: a point (SEC 1 §2.3.3), the 32 bytes of
    /// Ed25519, or RSA's modulus and exponent (PKCS #1).
    #[must_use]
    pub fn bits(&self) -> &[u8] {
        &self.bits
    }

    /// The DER form.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The PEM form with lines of 64 characters.
    #[must_use]
    pub fn pem(&self) -> String {
        pem::block(LABEL, &self.der)
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
        Self::from_text(&text)
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
        schemars::json_schema!({ "type": "string", "pattern": "^\\s*(-----BEGIN PUBLIC KEY-----|ssh-|ecdsa-|sk-)" })
    }
}

fn point(bits: &[u8], length: usize) -> bool {
    bits.len() == length && bits.first() == Some(&4)
}

/// The length of an RSA key's modulus in bits.
fn modulus(bits: &[u8]) -> Result<usize, ParseError> {
    let mut numbers = der::document(bits)?.reader();
    let modulus = numbers.expect(tag::INTEGER)?.unsigned()?;
    numbers.expect(tag::INTEGER)?.unsigned()?;
    numbers.finish()?;
    match modulus.len() * 8 {
        length @ 2048..=8192 => Ok(length),
        _ => Err(ParseError::Unsupported),
    }
}

/// The text is no public key that we can use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Not one PEM block with the right label.
    #[error("not one PEM block that begins with `-----BEGIN PUBLIC KEY-----`")]
    NotPem,
    /// Another kind of key.
    #[error("not an ECDSA P-256 or P-384, Ed25519 or RSA key of 2048 to 8192 bits")]
    Unsupported,
    /// The body is no `SubjectPublicKeyInfo`.
    #[error("the key is malformed")]
    Der(#[from] der::Error),
    /// A line of OpenSSH that cannot be used.
    #[error(transparent)]
    Ssh(#[from] ssh::ParseError),
}

type Cause = Box<dyn Error + Send + Sync>;

/// Makes signatures; implemented where the private key lives.
pub trait Signer {
    /// The public half.
    fn public_key(&self) -> &PublicKey;

    /// Signs a message that is in memory, with the hash of
    /// [`Algorithm::hash`]. ECDSA signatures are DER encoded.
    ///
    /// # Errors
    ///
    /// Fails when the key or the service behind it cannot sign.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Cause>;

    /// Signs what was hashed already, with the same hash; the same signature
    /// as over the message.
    ///
    /// # Errors
    ///
    /// Fails when the key or the service behind it cannot sign, and always
    /// with a key that does not take digests ([`Algorithm::takes_digests`]).
    fn sign_prehashed(&self, digest: &[u8]) -> Result<Vec<u8>, Cause>;
}

/// Checks signatures; implemented with `ring` in `liftlock-io`.
pub trait Verifier {
    /// Whether the signature is this key's over the message with this hash.
    /// Ed25519 hashes by itself and takes no notice of it.
    fn verify_with(&self, key: &PublicKey, hash: Hash, message: &[u8], signature: &[u8]) -> bool;

    /// Whether the signature is this key's over the message with this digest.
    /// Never so for keys that do not take digests.
    fn verify_prehashed(
        &self,
        key: &PublicKey,
        hash: Hash,
        digest: &[u8],
        signature: &[u8],
    ) -> bool;

    /// Whether the signature is this key's over the message, with the hash
    /// that goes with the key.
    fn verify(&self, key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
        self.verify_with(key, key.algorithm().hash(), message, signature)
    }

    /// Whether the signature is this key's over the message with this SHA-256.
    fn verify_digest(&self, key: &PublicKey, digest: &Digest, signature: &[u8]) -> bool {
        self.verify_prehashed(key, Hash::Sha256, digest.as_bytes(), signature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = include_str!("testdata/p256.pub");

    #[test]
    fn pem_and_der_are_the_same_key() {
        let key = PublicKey::from_pem(SAMPLE).unwrap();
        assert_eq!(PublicKey::from_pem(&key.pem()), Ok(key.clone()));
        assert_eq!(key.id(), Digest::of(key.der()));
        assert_eq!(key.algorithm(), Algorithm::P256);
    }

    #[test]
    fn each_kind_is_known_by_its_der() {
        let rsa = |bytes: usize| {
            let modulus = der::integer(&vec![0xff; bytes]);
            der::sequence(&[&modulus, &der::integer(&[1, 0, 1])])
        };
        let key = PublicKey::from_pkcs1(&rsa(256)).unwrap();
        assert_eq!(key.algorithm(), Algorithm::Rsa { bits: 2048 });
        assert_eq!(PublicKey::from_der(key.der()), Ok(key));
        let weak = PublicKey::from_pkcs1(&rsa(128));
        assert_eq!(weak, Err(ParseError::Unsupported));
        let info = |oid: &[u8], parameters: &[u8], bits: &[u8]| {
            let kind = der::sequence(&[&der::encode(tag::OID, oid), parameters]);
            let bits = der::encode(tag::BIT_STRING, &[&[0], bits].concat());
            PublicKey::from_der(&der::sequence(&[&kind, &bits])).map(|key| key.algorithm())
        };
        let curve = der::encode(tag::OID, P384);
        let mut point = vec![4; 97];
        assert_eq!(info(EC, &curve, &point), Ok(Algorithm::P384));
        assert_eq!(info(ED25519, &[], &[1; 32]), Ok(Algorithm::Ed25519));
        for (oid, parameters, bits) in [
            (ED25519, &[][..], &[1; 31][..]),
            (ED25519, &curve[..], &[1; 32][..]),
            (EC, &curve[..], &point[..65]),
            (EC, &[][..], &point[..]),
        ] {
            assert_eq!(info(oid, parameters, bits), Err(ParseError::Unsupported));
        }
        point[0] = 2;
        assert_eq!(info(EC, &curve, &point), Err(ParseError::Unsupported));
    }

    #[test]
    fn other_keys_are_refused_by_name() {
        for text in ["ssh-dss AAAA", "sk-ssh-ed25519@openssh.com", "ecdsa-x"] {
            let refused = PublicKey::from_text(text);
            assert!(matches!(refused, Err(ParseError::Ssh(_))), "{refused:?}");
        }
        assert_eq!(PublicKey::from_text("key"), Err(ParseError::NotPem));
        let private = SAMPLE.replace("PUBLIC", "PRIVATE");
        assert_eq!(PublicKey::from_pem(&private), Err(ParseError::NotPem));
        assert_eq!(
            PublicKey::from_der(&[0x30, 0x2a]),
            Err(ParseError::Der(der::Error::Truncated))
        );
    }
}
