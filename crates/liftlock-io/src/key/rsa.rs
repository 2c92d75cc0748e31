//! RSA of 2048 to 4096 bits with PKCS #1 v1.5 and SHA-256, by `ring`, which
//! needs the whole message.

use liftlock::pkcs8::{self, Secret};
use ring::rand::SystemRandom;
use ring::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};

use super::{Cause, Unfit, Zeroizing};
use crate::random::NoRandomness;

pub(super) struct Key {
    der: Zeroizing<Vec<u8>>,
    pair: RsaKeyPair,
    random: SystemRandom,
}

impl Key {
    /// Takes the DER form of PKCS #1.
    pub(super) fn new(der: &[u8]) -> Result<Self, Unfit> {
        let pair = RsaKeyPair::from_der(der).map_err(|reason| Unfit(reason.to_string()))?;
        Ok(Self {
            der: Zeroizing::new(der.to_vec()),
            pair,
            random: SystemRandom::new(),
        })
    }

    /// Modulus and exponent (RFC 8017 appendix A.1.1).
    pub(super) fn public(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    pub(super) fn pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, pkcs8::ParseError> {
        pkcs8::encode(Secret::Rsa(&self.der), &[]).map(Zeroizing::new)
    }

    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Cause> {
        let mut signature = vec![0; self.pair.public().modulus_len()];
        match self
            .pair
            .sign(&RSA_PKCS1_SHA256, &self.random, message, &mut signature)
        {
            Ok(()) => Ok(signature),
            Err(ring::error::Unspecified) => Err(NoRandomness.into()),
        }
    }
}
