//! Keys that a service holds: it shows the public half and signs on request.
//!
//! Nothing that a service returns is believed: each signature is checked with
//! the public half before anyone else sees it.

mod aws;
mod azure;
mod error;
mod gcp;
mod reference;
mod vault;
mod wire;

use liftlock::crypto::{Algorithm, Hash, PublicKey, Verifier as _};

pub use error::Error;

use crate::http;
use crate::verify::Local;
use reference::Reference;
use wire::Wire;

/// The right to use one key of one service.
pub struct Key {
    service: Service,
    public: PublicKey,
}

enum Service {
    Vault(vault::Vault),
    Aws(aws::Aws),
    Gcp(gcp::Gcp),
    Azure(azure::Azure),
}

/// What a service is asked to sign.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Task<'a> {
    /// A message of which only the digest is sent.
    Digest(Hash, Vec<u8>),
    /// A message, for Ed25519, which hashes by itself.
    Message(&'a [u8]),
}

type Cause = Box<dyn std::error::Error + Send + Sync>;

impl Key {
    /// Asks a service for the public half of a key; nothing when `reference`
    /// is of no key service.
    ///
    /// # Errors
    ///
    /// Fails on a malformed reference, on missing or refused credentials, when
    /// the service has no such key or cannot be asked, and on kinds of key
    /// that it cannot sign with for us.
    pub fn open(reference: &str, options: &http::Options) -> Result<Option<Self>, Error> {
        let Some(parsed) = Reference::parse(reference)? else {
            return Ok(None);
        };
        let wire = Wire::new(options)?;
        let (service, public) = match parsed {
            Reference::Vault { name, flavour } => {
                let (service, public) = vault::Vault::open(wire, &name, flavour)?;
                (Service::Vault(service), public)
            }
            Reference::Aws { host, id } => {
                let (service, public) = aws::Aws::open(wire, host.as_deref(), id)?;
                (Service::Aws(service), public)
            }
            Reference::Gcp { name, version } => {
                let (service, public) = gcp::Gcp::open(wire, &name, version)?;
                (Service::Gcp(service), public)
            }
            Reference::Azure { host, key, version } => {
                let place = azure::Place { host, key, version };
                let (service, public) = azure::Azure::open(wire, place)?;
                (Service::Azure(service), public)
            }
        };
        Ok(Some(Self { service, public }))
    }

    /// The public half, as the service showed it.
    #[must_use]
    pub const fn public_key(&self) -> &PublicKey {
        &self.public
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Cause> {
        let algorithm = self.public.algorithm();
        let task = match algorithm {
            Algorithm::P256 | Algorithm::P384 | Algorithm::Rsa { .. } => {
                let hash = algorithm.hash();
                Task::Digest(hash, hash.of(message))
            }
            Algorithm::Ed25519 => Task::Message(message),
        };
        let signature = self.ask(&task)?;
        if Local.verify(&self.public, message, &signature) {
            Ok(signature)
        } else {
            Err(Error::Unproved.into())
        }
    }

    pub(crate) fn sign_prehashed(&self, digest: &[u8]) -> Result<Vec<u8>, Cause> {
        let algorithm = self.public.algorithm();
        if !algorithm.takes_digests() {
            return Err(Error::Kind(algorithm.to_string()).into());
        }
        let hash = algorithm.hash();
        let signature = self.ask(&Task::Digest(hash, digest.to_vec()))?;
        if Local.verify_prehashed(&self.public, hash, digest, &signature) {
            Ok(signature)
        } else {
            Err(Error::Unproved.into())
        }
    }

    fn ask(&self, task: &Task<'_>) -> Result<Vec<u8>, Error> {
        match &self.service {
            Service::Vault(vault) => vault.sign(task),
            Service::Aws(aws) => aws.sign(task, self.public.algorithm()),
            Service::Gcp(gcp) => gcp.sign(task),
            Service::Azure(azure) => azure.sign(task, self.public.algorithm()),
        }
    }
}

/// Whether a reference is meant for a key service, well-formed or not.
#[must_use]
pub fn is_meant_by(reference: &str) -> bool {
    !matches!(Reference::parse(reference), Ok(None))
}

impl std::fmt::Debug for Key {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Key({})", self.public.id().short())
    }
}

#[cfg(test)]
mod tests;
