//! Signatures over artifacts as they are: made for a digest, checked against it.

use std::error::Error as StdError;

use crate::bundle::{Bundle, Content, ParseError};
use crate::crypto::{PublicKey, Signer, Verifier};
use crate::digest::Digest;
use crate::failure::{Explain, Kind};

/// Signs an artifact by its digest.
///
/// # Errors
///
/// Fails when the key, or the service behind it, cannot sign.
pub fn sign(digest: &Digest, signer: &dyn Signer) -> Result<Bundle, Error> {
    let signature = signer.sign_digest(digest).map_err(Error::Sign)?;
    let content = Content::Message {
        digest: *digest,
        signature,
    };
    Ok(Bundle::new(signer.public_key(), content)?)
}

/// Proves that one of these keys signed the artifact with this digest, and
/// says which.
///
/// # Errors
///
/// Fails unless that is proved.
pub fn verify(
    bundle: &Bundle,
    artifact: &Digest,
    keys: &[PublicKey],
    verifier: &dyn Verifier,
) -> Result<PublicKey, Refused> {
    let (digest, signature) = match bundle.content() {
        Content::Message { digest, signature } => (digest, signature),
        Content::Envelope(_) => return Err(Refused::Statement),
    };
    if digest != artifact {
        return Err(Refused::Digest {
            signed: *digest,
            found: *artifact,
        });
    }
    if keys.is_empty() {
        return Err(Refused::NoKeys);
    }
    keys.iter()
        .find(|key| verifier.verify_digest(key, artifact, signature))
        .cloned()
        .ok_or(Refused::Signer)
}

/// No signature was made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The key refuses.
    #[error("cannot sign")]
    Sign(#[source] Box<dyn StdError + Send + Sync>),
    /// A bundle of ours that cannot be written.
    #[error("cannot write the bundle")]
    Bundle(#[from] ParseError),
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Sign(_) => Kind::Upstream,
            Self::Bundle(_) => Kind::Bug,
        }
    }
}

/// The artifact is not proved to be signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Another artifact was signed, or this one was changed.
    #[error("the signature is for `{signed}`, the artifact is `{found}`")]
    Digest {
        /// What the bundle is for.
        signed: Digest,
        /// What the artifact is.
        found: Digest,
    },
    /// Another key, or a broken signature.
    #[error("none of the given keys made the signature")]
    Signer,
    /// A statement, which is checked by other rules.
    #[error("the bundle holds an attestation, not a signature of the artifact")]
    Statement,
    /// Nobody is trusted.
    #[error("there is no key to check the signature with")]
    NoKeys,
}

impl Explain for Refused {
    fn kind(&self) -> Kind {
        match self {
            Self::Digest { .. } | Self::Signer | Self::Statement => Kind::Refuted,
            Self::NoKeys => Kind::Invalid,
        }
    }
}
