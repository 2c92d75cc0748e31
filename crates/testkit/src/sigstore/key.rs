//! Keys of the loopback services, and signatures of their clients.

use anyhow::{Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use liftlock::digest::Digest;
use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
use p256::pkcs8::DecodePublicKey as _;
use ring::digest::{SHA256, SHA384, digest};
use ring::rand::SystemRandom;
use ring::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

use super::der;

const EC: [u32; 6] = [1, 2, 840, 10045, 2, 1];
const P256: [u32; 7] = [1, 2, 840, 10045, 3, 1, 7];
const P384: [u32; 5] = [1, 3, 132, 0, 34];
const ED25519: [u32; 4] = [1, 3, 101, 112];

/// What kind of key a service has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Curve {
    /// ECDSA with SHA-256.
    #[default]
    P256,
    /// ECDSA with SHA-384.
    P384,
    /// Pure Ed25519.
    Ed25519,
}

impl Curve {
    /// Its name in `PublicKeyDetails` of `sigstore_common.proto`.
    #[must_use]
    pub const fn details(self) -> &'static str {
        match self {
            Self::P256 => "PKIX_ECDSA_P256_SHA_256",
            Self::P384 => "PKIX_ECDSA_P384_SHA_384",
            Self::Ed25519 => "PKIX_ED25519",
        }
    }

    /// The `AlgorithmIdentifier` of its signatures.
    pub(crate) fn signature_algorithm(self) -> Vec<u8> {
        match self {
            Self::P256 => der::sequence(&[&der::oid(&[1, 2, 840, 10045, 4, 3, 2])]),
            Self::P384 => der::sequence(&[&der::oid(&[1, 2, 840, 10045, 4, 3, 3])]),
            Self::Ed25519 => der::sequence(&[&der::oid(&ED25519)]),
        }
    }

    /// The `AlgorithmIdentifier` of the hash that goes with it, and the hash.
    pub(crate) fn hash(self, bytes: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let (last, algorithm) = match self {
            Self::P256 | Self::Ed25519 => (1, &SHA256),
            Self::P384 => (2, &SHA384),
        };
        let identifier = der::sequence(&[&der::oid(&[2, 16, 840, 1, 101, 3, 4, 2, last])]);
        (identifier, digest(algorithm, bytes).as_ref().to_vec())
    }

    fn key_algorithm(self) -> Vec<u8> {
        match self {
            Self::P256 => der::sequence(&[&der::oid(&EC), &der::oid(&P256)]),
            Self::P384 => der::sequence(&[&der::oid(&EC), &der::oid(&P384)]),
            Self::Ed25519 => der::sequence(&[&der::oid(&ED25519)]),
        }
    }
}

/// A key pair made for one test and never stored.
pub struct Pair {
    secret: Secret,
    curve: Curve,
    pkcs8: Vec<u8>,
}

enum Secret {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Pair {
    /// A new key.
    ///
    /// # Errors
    ///
    /// Fails when the system has no randomness.
    pub fn new(curve: Curve) -> Result<Self> {
        let random = SystemRandom::new();
        let pkcs8 = match curve {
            Curve::P256 => {
                EcdsaKeyPair::generate_pkcs8(&signature::ECDSA_P256_SHA256_ASN1_SIGNING, &random)
            }
            Curve::P384 => {
                EcdsaKeyPair::generate_pkcs8(&signature::ECDSA_P384_SHA384_ASN1_SIGNING, &random)
            }
            Curve::Ed25519 => return Self::ed25519(&random),
        }
        .map_err(anyhow::Error::msg)?;
        let algorithm = match curve {
            Curve::P256 | Curve::Ed25519 => &signature::ECDSA_P256_SHA256_ASN1_SIGNING,
            Curve::P384 => &signature::ECDSA_P384_SHA384_ASN1_SIGNING,
        };
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random)
            .map_err(anyhow::Error::msg)?;
        Ok(Self {
            secret: Secret::Ecdsa(pair),
            curve,
            pkcs8: pkcs8.as_ref().to_vec(),
        })
    }

    /// In the first form of RFC 5958, which every program reads; ring writes
    /// the second.
    fn ed25519(random: &SystemRandom) -> Result<Self> {
        let seed: [u8; 32] = ring::rand::generate(random)
            .map_err(anyhow::Error::msg)?
            .expose();
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(anyhow::Error::msg)?;
        let pkcs8 = der::sequence(&[
            &der::integer(0),
            &Curve::Ed25519.key_algorithm(),
            &der::octets(&der::octets(&seed)),
        ]);
        Ok(Self {
            secret: Secret::Ed25519(pair),
            curve: Curve::Ed25519,
            pkcs8,
        })
    }

    /// The kind of key.
    #[must_use]
    pub const fn curve(&self) -> Curve {
        self.curve
    }

    /// Signs a message; ECDSA signatures are in DER.
    ///
    /// # Errors
    ///
    /// Fails when the system has no randomness.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>> {
        Ok(match &self.secret {
            Secret::Ecdsa(pair) => pair
                .sign(&SystemRandom::new(), message)
                .map_err(anyhow::Error::msg)?
                .as_ref()
                .to_vec(),
            Secret::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        })
    }

    /// The raw public key: a point, or the 32 bytes of Ed25519.
    #[must_use]
    pub fn raw(&self) -> &[u8] {
        match &self.secret {
            Secret::Ecdsa(pair) => pair.public_key().as_ref(),
            Secret::Ed25519(pair) => pair.public_key().as_ref(),
        }
    }

    /// The `SubjectPublicKeyInfo` in DER.
    #[must_use]
    pub fn spki(&self) -> Vec<u8> {
        der::sequence(&[&self.curve.key_algorithm(), &der::bits(self.raw())])
    }

    /// The public half as PEM.
    #[must_use]
    pub fn public_pem(&self) -> String {
        pem("PUBLIC KEY", &self.spki())
    }

    /// The private half as PKCS#8 PEM, for a server that wants a file.
    #[must_use]
    pub fn private_pem(&self) -> String {
        pem("PRIVATE KEY", &self.pkcs8)
    }

    /// SHA-256 of the `SubjectPublicKeyInfo`.
    #[must_use]
    pub fn id(&self) -> Digest {
        Digest::of(&self.spki())
    }
}

impl std::fmt::Debug for Pair {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Pair({:?}, {})", self.curve, self.id().short())
    }
}

/// A client's public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Public {
    spki: Vec<u8>,
    curve: Curve,
    raw: Vec<u8>,
}

impl Public {
    /// Reads a `SubjectPublicKeyInfo`.
    pub(crate) fn from_spki(spki: &[u8]) -> Result<Self> {
        let mut info = der::Reader(spki).sequence()?;
        let algorithm = info.expect(der::SEQUENCE)?.whole;
        let bits = info.expect(der::BITS)?.content;
        let curves = [Curve::P256, Curve::P384, Curve::Ed25519];
        let Some(curve) = curves
            .into_iter()
            .find(|curve| curve.key_algorithm() == algorithm)
        else {
            bail!("unsupported public key");
        };
        Ok(Self {
            spki: spki.to_vec(),
            curve,
            raw: bits.get(1..).unwrap_or_default().to_vec(),
        })
    }

    /// Takes the key out of a certificate.
    pub(crate) fn from_certificate(certificate: &[u8]) -> Result<Self> {
        let mut tbs = der::Reader(certificate).sequence()?.sequence()?;
        tbs.optional(0xa0)?;
        tbs.expect(der::INTEGER)?;
        // Algorithm, issuer, validity, subject.
        for _ in 0..4 {
            tbs.expect(der::SEQUENCE)?;
        }
        Self::from_spki(tbs.expect(der::SEQUENCE)?.whole)
    }

    /// From PEM of a key or a certificate; with the type of the PEM.
    pub(crate) fn from_pem(text: &str) -> Result<(Self, Verifier)> {
        let (label, bytes) = unpem(text)?;
        match label.as_str() {
            "PUBLIC KEY" => Ok((Self::from_spki(&bytes)?, Verifier::Key(bytes))),
            "CERTIFICATE" => Ok((
                Self::from_certificate(&bytes)?,
                Verifier::Certificate(bytes),
            )),
            other => bail!("PEM of a {other}"),
        }
    }

    pub(crate) fn spki(&self) -> &[u8] {
        &self.spki
    }

    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<()> {
        let algorithm: &'static dyn signature::VerificationAlgorithm = match self.curve {
            Curve::P256 => &signature::ECDSA_P256_SHA256_ASN1,
            Curve::P384 => &signature::ECDSA_P384_SHA384_ASN1,
            Curve::Ed25519 => &signature::ED25519,
        };
        let key = UnparsedPublicKey::new(algorithm, &self.raw);
        ensure!(key.verify(message, signature).is_ok(), "invalid signature");
        Ok(())
    }

    /// Verifies a signature over something of which only the SHA-256 is known.
    pub(crate) fn verify_hash(&self, hash: &[u8], signature: &[u8]) -> Result<()> {
        ensure!(self.curve == Curve::P256, "unsupported key for a digest");
        let key = p256::ecdsa::VerifyingKey::from_public_key_der(&self.spki)?;
        let signature = p256::ecdsa::Signature::from_der(signature)?;
        Ok(key.verify_prehash(hash, &signature)?)
    }
}

/// What a log entry is verified with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verifier {
    /// A `SubjectPublicKeyInfo`.
    Key(Vec<u8>),
    /// A certificate in DER.
    Certificate(Vec<u8>),
}

impl Verifier {
    /// As PEM, always in the same form.
    pub(crate) fn pem(&self) -> String {
        match self {
            Self::Key(bytes) => pem("PUBLIC KEY", bytes),
            Self::Certificate(bytes) => pem("CERTIFICATE", bytes),
        }
    }
}

/// PEM with lines of 64 characters (RFC 7468).
pub(crate) fn pem(label: &str, bytes: &[u8]) -> String {
    let text = STANDARD.encode(bytes);
    let mut pem = format!("-----BEGIN {label}-----\n");
    for (index, character) in text.chars().enumerate() {
        if index > 0 && index % 64 == 0 {
            pem.push('\n');
        }
        pem.push(character);
    }
    pem + &format!("\n-----END {label}-----\n")
}

/// The label and the bytes of the first PEM block.
pub(crate) fn unpem(text: &str) -> Result<(String, Vec<u8>)> {
    let parts = text
        .split_once("-----BEGIN ")
        .and_then(|(_, rest)| rest.split_once("-----"))
        .and_then(|(label, rest)| Some((label, rest.split_once("-----END ")?.0)));
    let Some((label, body)) = parts else {
        bail!("no PEM");
    };
    let digits: String = body.split_whitespace().collect();
    Ok((label.to_owned(), STANDARD.decode(digits)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_signs_and_is_read_again() {
        for curve in [Curve::P256, Curve::P384, Curve::Ed25519] {
            let pair = Pair::new(curve).unwrap();
            let (public, verifier) = Public::from_pem(&pair.public_pem()).unwrap();
            let signature = pair.sign(b"message").unwrap();
            assert_eq!((public.curve, public.spki()), (curve, &*pair.spki()));
            assert_eq!(verifier, Verifier::Key(pair.spki()));
            public.verify(b"message", &signature).unwrap();
            assert!(public.verify(b"massage", &signature).is_err());
        }
    }

    #[test]
    fn a_digest_is_enough_for_p256() {
        let pair = Pair::new(Curve::P256).unwrap();
        let public = Public::from_spki(&pair.spki()).unwrap();
        let signature = pair.sign(b"message").unwrap();
        let hash = Digest::of(b"message");
        public.verify_hash(hash.as_bytes(), &signature).unwrap();
        let other = Digest::of(b"massage");
        assert!(public.verify_hash(other.as_bytes(), &signature).is_err());
    }

    #[test]
    fn pem_goes_there_and_back() {
        let bytes = vec![9; 100];
        let text = pem("PUBLIC KEY", &bytes);
        assert!(text.lines().all(|line| line.len() <= 64));
        assert_eq!(unpem(&text).unwrap(), ("PUBLIC KEY".to_owned(), bytes));
    }
}
