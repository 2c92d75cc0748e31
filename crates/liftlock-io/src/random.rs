//! Random names that nobody can guess.

use ring::rand::{SecureRandom as _, SystemRandom};

/// 128 random bits as 32 hex digits.
///
/// # Errors
///
/// Fails when the operating system gives no randomness.
pub fn token() -> Result<String, NoRandomness> {
    let mut bytes = [0; 16];
    match SystemRandom::new().fill(&mut bytes) {
        Ok(()) => Ok(hex::encode(bytes)),
        Err(ring::error::Unspecified) => Err(NoRandomness),
    }
}

/// The operating system gives no randomness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gives no random numbers")]
pub struct NoRandomness;

impl liftlock::failure::Explain for NoRandomness {
    fn kind(&self) -> liftlock::failure::Kind {
        liftlock::failure::Kind::Upstream
    }
}
