//! Checks ECDSA P-256 signatures: `ring` where the message is in memory,
//! `p256` where only its digest is known, which `ring` has no door for.

use liftlock::crypto::{PublicKey, Verifier};
use liftlock::digest::Digest;
use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
use p256::ecdsa::{Signature, VerifyingKey};
use p256::pkcs8::DecodePublicKey as _;
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};

/// The mathematics of signatures on this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Local;

/// Length of an uncompressed point (SEC 1 §2.3.3), the last field of the DER form.
const POINT: usize = 65;

impl Verifier for Local {
    fn verify(&self, key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
        let der = key.der();
        let Some(point) = der.len().checked_sub(POINT).and_then(|at| der.get(at..)) else {
            return false;
        };
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point)
            .verify(message, signature)
            .is_ok()
    }

    fn verify_digest(&self, key: &PublicKey, digest: &Digest, signature: &[u8]) -> bool {
        let (Ok(key), Ok(signature)) = (
            VerifyingKey::from_public_key_der(key.der()),
            Signature::from_der(signature),
        ) else {
            return false;
        };
        key.verify_prehash(digest.as_bytes(), &signature).is_ok()
    }
}
