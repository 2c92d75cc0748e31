//! What has to be known about a file before a bundle's signature over it can
//! be checked: another hash, or all of its bytes.

use std::path::Path;

use liftlock::bundle::{Bundle, Content, MessageDigest};
use liftlock::crypto::{Hash, PublicKey};
use liftlock::digest::Digest;
use liftlock::failure::{Explain, Kind};
use liftlock::signature::Artifact;

use crate::{file, hash};

/// The most bytes of a file that is taken into memory for an Ed25519 or RSA
/// signature over it.
pub const IN_MEMORY: u64 = 64 * 1024 * 1024;

/// What is known about an artifact.
#[derive(Debug)]
pub struct Known {
    digest: Digest,
    hashes: Vec<MessageDigest>,
    bytes: Option<Vec<u8>>,
}

impl Known {
    /// Finds out what the bundle asks for, if the artifact is a file here.
    /// Where that cannot be had, the check itself says so.
    ///
    /// # Errors
    ///
    /// Fails when the file cannot be read, or is not what it was when the
    /// digest was taken.
    pub fn of(
        bundle: &Bundle,
        keys: &[PublicKey],
        digest: Digest,
        path: Option<&Path>,
    ) -> Result<Self, Error> {
        let mut known = Self {
            digest,
            hashes: Vec::new(),
            bytes: None,
        };
        let (Content::Message { digest: signed, .. }, Some(path)) = (bundle.content(), path) else {
            return Ok(known);
        };
        if keys.iter().any(|key| !key.algorithm().takes_digests()) {
            known.bytes = small(path, digest)?;
        }
        if signed.hash != Hash::Sha256 && known.bytes.is_none() {
            let seen = hash::file_with(path, signed.hash)?;
            same(path, digest, seen.hashed.digest)?;
            known.hashes.push(seen.other);
        }
        Ok(known)
    }

    /// The same, as signatures are checked against it.
    #[must_use]
    pub fn artifact(&self) -> Artifact<'_> {
        Artifact {
            digest: self.digest,
            hashes: &self.hashes,
            bytes: self.bytes.as_deref(),
        }
    }
}

/// The bytes of a file that is small enough.
fn small(path: &Path, digest: Digest) -> Result<Option<Vec<u8>>, Error> {
    match file::read(path, IN_MEMORY) {
        Ok(bytes) => {
            same(path, digest, Digest::of(&bytes))?;
            Ok(Some(bytes))
        }
        Err(file::Error::TooLarge { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn same(path: &Path, before: Digest, now: Digest) -> Result<(), Error> {
    if before == now {
        Ok(())
    } else {
        Err(Error::Changed(path.display().to_string()))
    }
}

/// Not enough can be known.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] file::Error),
    /// The file cannot be hashed.
    #[error(transparent)]
    Hash(#[from] hash::Error),
    /// Somebody wrote to it.
    #[error("`{0}` was changed while it was checked")]
    Changed(String),
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::File(error) => error.kind(),
            Self::Hash(error) => error.kind(),
            Self::Changed(_) => Kind::Upstream,
        }
    }
}
