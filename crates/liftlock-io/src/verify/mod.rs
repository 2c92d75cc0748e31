//! Checks signatures: `ring` where the message is in memory, `p256` and `p384`
//! where only its digest is known, which `ring` has no door for.

mod known;

use liftlock::crypto::{Algorithm, Hash, PublicKey, Verifier};
use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
use ring::signature::{self, UnparsedPublicKey, VerificationAlgorithm};

pub use known::{Error, IN_MEMORY, Known};

/// The mathematics of signatures on this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Local;

impl Verifier for Local {
    fn verify_with(&self, key: &PublicKey, hash: Hash, message: &[u8], signature: &[u8]) -> bool {
        match ring_algorithm(key.algorithm(), hash) {
            Some(algorithm) => UnparsedPublicKey::new(algorithm, key.bits())
                .verify(message, signature)
                .is_ok(),
            None => self.verify_prehashed(key, hash, &hash.of(message), signature),
        }
    }

    fn verify_prehashed(&self, key: &PublicKey, _: Hash, digest: &[u8], signature: &[u8]) -> bool {
        match key.algorithm() {
            Algorithm::P256 => p256(key.bits(), digest, signature),
            Algorithm::P384 => p384(key.bits(), digest, signature),
            Algorithm::Ed25519 | Algorithm::Rsa { .. } => false,
        }
    }
}

/// What `ring` has for a key and a hash; ECDSA with SHA-512 is not there.
fn ring_algorithm(key: Algorithm, hash: Hash) -> Option<&'static dyn VerificationAlgorithm> {
    match (key, hash) {
        (Algorithm::P256, Hash::Sha256) => Some(&signature::ECDSA_P256_SHA256_ASN1),
        (Algorithm::P256, Hash::Sha384) => Some(&signature::ECDSA_P256_SHA384_ASN1),
        (Algorithm::P384, Hash::Sha256) => Some(&signature::ECDSA_P384_SHA256_ASN1),
        (Algorithm::P384, Hash::Sha384) => Some(&signature::ECDSA_P384_SHA384_ASN1),
        (Algorithm::P256 | Algorithm::P384, Hash::Sha512) => None,
        (Algorithm::Ed25519, _) => Some(&signature::ED25519),
        (Algorithm::Rsa { .. }, Hash::Sha256) => Some(&signature::RSA_PKCS1_2048_8192_SHA256),
        (Algorithm::Rsa { .. }, Hash::Sha384) => Some(&signature::RSA_PKCS1_2048_8192_SHA384),
        (Algorithm::Rsa { .. }, Hash::Sha512) => Some(&signature::RSA_PKCS1_2048_8192_SHA512),
    }
}

fn p256(point: &[u8], digest: &[u8], signature: &[u8]) -> bool {
    let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(point);
    let signature = p256::ecdsa::Signature::from_der(signature);
    match (key, signature) {
        (Ok(key), Ok(signature)) => key.verify_prehash(digest, &signature).is_ok(),
        (Err(_), _) | (_, Err(_)) => false,
    }
}

fn p384(point: &[u8], digest: &[u8], signature: &[u8]) -> bool {
    let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(point);
    let signature = p384::ecdsa::Signature::from_der(signature);
    match (key, signature) {
        (Ok(key), Ok(signature)) => key.verify_prehash(digest, &signature).is_ok(),
        (Err(_), _) | (_, Err(_)) => false,
    }
}
