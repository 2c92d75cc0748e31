//! Ed25519, which hashes by itself and so needs the whole message.

use liftlock::pkcs8::{self, Secret};
use ring::signature::{Ed25519KeyPair, KeyPair as _};

use super::{Unfit, Zeroizing};

pub(super) struct Key {
    seed: Zeroizing<Vec<u8>>,
    pair: Ed25519KeyPair,
}

impl Key {
    pub(super) fn new(seed: &[u8]) -> Result<Self, Unfit> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed)
            .map_err(|reason| Unfit(reason.to_string()))?;
        Ok(Self {
            seed: Zeroizing::new(seed.to_vec()),
            pair,
        })
    }

    pub(super) fn public(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    pub(super) fn pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, pkcs8::ParseError> {
        pkcs8::encode(Secret::Ed25519(&self.seed), &[]).map(Zeroizing::new)
    }

    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).as_ref().to_vec()
    }
}
