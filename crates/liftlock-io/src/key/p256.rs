//! ECDSA on P-256: `ring` where the message is in memory, `p256` where only
//! its digest is known, which `ring` has no door for.

use liftlock::pkcs8::{self, Secret};
use p256::SecretKey;
use p256::ecdsa::signature::hazmat::PrehashSigner as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::elliptic_curve::sec1::ToSec1Point as _;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};

use super::{Cause, Unfit, Zeroizing};
use crate::random::NoRandomness;

pub(super) struct Key {
    secret: SecretKey,
    pair: EcdsaKeyPair,
    random: SystemRandom,
}

impl Key {
    pub(super) fn new(bytes: &[u8]) -> Result<Self, Unfit> {
        let secret = SecretKey::from_slice(bytes).map_err(|error| Unfit(error.to_string()))?;
        let random = SystemRandom::new();
        let point = secret.public_key().to_sec1_point(false);
        let pair = EcdsaKeyPair::from_private_key_and_public_key(
            &ECDSA_P256_SHA256_ASN1_SIGNING,
            bytes,
            point.as_bytes(),
            &random,
        )
        .map_err(|reason| Unfit(reason.to_string()))?;
        Ok(Self {
            secret,
            pair,
            random,
        })
    }

    /// The uncompressed point.
    pub(super) fn point(&self) -> Vec<u8> {
        let point = self.secret.public_key().to_sec1_point(false);
        point.as_bytes().to_vec()
    }

    pub(super) fn pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, pkcs8::ParseError> {
        let secret = Zeroizing::new(self.secret.to_bytes());
        pkcs8::encode(Secret::P256(&secret), &self.point()).map(Zeroizing::new)
    }

    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Cause> {
        match self.pair.sign(&self.random, message) {
            Ok(signature) => Ok(signature.as_ref().to_vec()),
            Err(ring::error::Unspecified) => Err(NoRandomness.into()),
        }
    }

    pub(super) fn sign_prehashed(&self, digest: &[u8]) -> Result<Vec<u8>, Cause> {
        let signature: Signature = SigningKey::from(&self.secret).sign_prehash(digest)?;
        Ok(signature.to_der().as_bytes().to_vec())
    }
}
