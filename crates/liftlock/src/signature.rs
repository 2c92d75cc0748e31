//! Signatures over artifacts as they are: made for a digest, checked against it.

use std::error::Error as StdError;

use crate::bundle::{Bundle, Content, Material, MessageDigest, ParseError};
use crate::crypto::{Hash, PublicKey, Signer, Verifier};
use crate::digest::Digest;
use crate::failure::{Explain, Kind};

/// What is known about an artifact that was signed as it is.
#[derive(Clone, Copy, Debug)]
pub struct Artifact<'a> {
    /// Its identity.
    pub digest: Digest,
    /// Other hashes of it, where someone computed them.
    pub hashes: &'a [MessageDigest],
    /// All of it, where it is in memory.
    pub bytes: Option<&'a [u8]>,
}

impl Artifact<'_> {
    /// An artifact of which only the digest is known.
    #[must_use]
    pub const fn known_by(digest: Digest) -> Self {
        Self {
            digest,
            hashes: &[],
            bytes: None,
        }
    }

    /// Its hash by another algorithm, where that is known.
    #[must_use]
    pub fn hash(&self, hash: Hash) -> Option<MessageDigest> {
        if hash == Hash::Sha256 {
            return Some((&self.digest).into());
        }
        let known = self.hashes.iter().find(|one| one.hash == hash).cloned();
        known.or_else(|| {
            let bytes = hash.of(self.bytes?);
            Some(MessageDigest { hash, bytes })
        })
    }
}

/// Signs an artifact by its digest, with the hash that goes with the key.
///
/// # Errors
///
/// Fails when the key, or the service behind it, cannot sign, and when the
/// artifact's hash of that kind is not known.
pub fn sign(artifact: &Artifact<'_>, signer: &dyn Signer) -> Result<Bundle, Error> {
    let algorithm = signer.public_key().algorithm();
    let known = artifact.hash(algorithm.hash());
    let digest = known
        .filter(|_| algorithm.takes_digests())
        .ok_or(Error::Hash)?;
    let signature = signer.sign_prehashed(&digest.bytes).map_err(Error::Sign)?;
    let content = Content::Message { digest, signature };
    Ok(Bundle::new(signer.public_key(), content)?)
}

/// Proves that one of these keys signed the artifact, and says which.
///
/// # Errors
///
/// Fails unless that is proved.
pub fn verify(
    bundle: &Bundle,
    artifact: &Artifact<'_>,
    keys: &[PublicKey],
    verifier: &dyn Verifier,
) -> Result<PublicKey, Refused> {
    if let Material::Certificates(_) = bundle.material() {
        return Err(Refused::Certificate);
    }
    if keys.is_empty() {
        return Err(Refused::NoKeys);
    }
    let (mut proved, mut reason) = (None, Refused::Signer);
    for key in keys {
        match made_by(bundle.content(), artifact, key, verifier) {
            Ok(()) => proved = proved.or_else(|| Some(key.clone())),
            Err(Refused::Signer) => {}
            Err(other) => reason = other,
        }
    }
    proved.ok_or(reason)
}

/// Proves that this key made the signature over the artifact as it is.
///
/// # Errors
///
/// Fails unless that is proved: on another artifact, another key, on a hash of
/// the artifact that is not known, and where the key's algorithm needs bytes
/// that are not there.
pub fn made_by(
    content: &Content,
    artifact: &Artifact<'_>,
    key: &PublicKey,
    verifier: &dyn Verifier,
) -> Result<(), Refused> {
    let (digest, signature) = match content {
        Content::Message { digest, signature } => (digest, signature),
        Content::Envelope(_) => return Err(Refused::Statement),
    };
    let found = artifact.hash(digest.hash).ok_or(Refused::Hash)?;
    if found != *digest {
        return Err(Refused::Digest {
            signed: hex::encode(&digest.bytes),
            found: hex::encode(found.bytes),
        });
    }
    let proved = if key.algorithm().takes_digests() {
        verifier.verify_prehashed(key, found.hash, &found.bytes, signature)
    } else {
        let bytes = artifact.bytes.ok_or(Refused::Bytes)?;
        verifier.verify_with(key, found.hash, bytes, signature)
    };
    if proved { Ok(()) } else { Err(Refused::Signer) }
}

/// No signature was made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The key refuses.
    #[error("cannot sign")]
    Sign(#[source] Box<dyn StdError + Send + Sync>),
    /// The key signs by a hash that nobody computed, or signs no hashes.
    #[error("the artifact is not hashed in the way that the key signs")]
    Hash,
    /// A bundle of ours that cannot be written.
    #[error("cannot write the bundle")]
    Bundle(#[from] ParseError),
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Sign(_) => Kind::Upstream,
            Self::Hash => Kind::Invalid,
            Self::Bundle(_) => Kind::Bug,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Hash => Some("give the file in place of its digest".to_owned()),
            Self::Sign(_) | Self::Bundle(_) => None,
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
        signed: String,
        /// What the artifact is.
        found: String,
    },
    /// The bundle is by a hash that cannot be had from what is known.
    #[error("the signature is over another hash than SHA-256, and only the SHA-256 is known")]
    Hash,
    /// The whole artifact is needed.
    #[error(
        "an Ed25519 or RSA signature over a file can only be checked with the file in memory (up to 64 MiB)"
    )]
    Bytes,
    /// Signed with a certificate.
    #[error("the bundle was signed with a certificate, not with a key")]
    Certificate,
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
            Self::Digest { .. } | Self::Signer | Self::Statement | Self::Certificate => {
                Kind::Refuted
            }
            Self::NoKeys | Self::Hash | Self::Bytes => Kind::Invalid,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Hash => Some("give the file in place of its digest".to_owned()),
            Self::Bytes => Some(
                "give the file where it has up to 64 MiB, else sign it by an ECDSA key or as a statement"
                    .to_owned(),
            ),
            Self::Digest { .. }
            | Self::Certificate
            | Self::Signer
            | Self::Statement
            | Self::NoKeys => None,
        }
    }
}
