//! Signatures that `ssh-keygen -Y sign` makes (OpenSSH's PROTOCOL.sshsig;
//! RFC 8332 for RSA, PROTOCOL.u2f for security tokens).

use sha2::{Digest as _, Sha256};

use super::key::{self, Key, Kind};
use super::wire::{Reader, string};
use super::{LARGEST, ParseError};
use crate::crypto::{Hash, PublicKey, Verifier};
use crate::der;
use crate::pem;

const LABEL: &str = "SSH SIGNATURE";
const MAGIC: &[u8] = b"SSHSIG";
const VERSION: u32 = 1;

/// The bit of a token's flags that says that somebody touched it
/// (`WebAuthn` §6.1, UP).
const TOUCHED: u8 = 0x01;

/// A signature, with the key that is said to have made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    blob: Vec<u8>,
    key: Key,
    namespace: Vec<u8>,
    hash: (&'static str, Hash),
    made: Made,
}

/// The signature itself.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Made {
    /// With which hash RSA and ECDSA sign; Ed25519 takes no notice of it.
    hash: Hash,
    /// In the form that [`Verifier`] takes.
    bytes: Vec<u8>,
    /// What a token adds: its flags, and how often it has signed.
    token: Option<(u8, u32)>,
}

impl Signature {
    /// Reads a signature as `ssh-keygen` writes it into a `.sig` file.
    ///
    /// # Errors
    ///
    /// Fails on anything around the one block, on another version, hash or kind
    /// of key, on RSA with SHA-1, on a reserved field that is in use, and on
    /// bytes that are left over.
    pub fn parse(armored: &str) -> Result<Self, ParseError> {
        // Base64 and ends of lines are less than twice the bytes.
        if armored.len() > 2 * LARGEST {
            return Err(ParseError::Large);
        }
        match pem::only(armored) {
            Some((LABEL, blob)) => Self::read(&blob),
            Some(_) | None => Err(ParseError::Armor),
        }
    }

    fn read(blob: &[u8]) -> Result<Self, ParseError> {
        if blob.len() > LARGEST {
            return Err(ParseError::Large);
        }
        let mut reader = Reader::new(blob);
        if reader.bytes(MAGIC.len())? != MAGIC {
            return Err(ParseError::Magic);
        }
        let version = reader.uint32()?;
        if version != VERSION {
            return Err(ParseError::Version(version));
        }
        let key = key::read(reader.string()?)?;
        let namespace = reader.string()?.to_vec();
        if !reader.string()?.is_empty() {
            return Err(ParseError::Reserved);
        }
        let hash = match reader.name()? {
            "sha256" => ("sha256", Hash::Sha256),
            "sha512" => ("sha512", Hash::Sha512),
            other => return Err(ParseError::Hash(other.chars().take(100).collect())),
        };
        let made = made(key.kind, reader.string()?)?;
        reader.finish()?;
        Ok(Self {
            blob: blob.to_vec(),
            key,
            namespace,
            hash,
            made,
        })
    }

    /// The block with lines of 64 characters and an end of line after it.
    #[must_use]
    pub fn armored(&self) -> String {
        pem::block(LABEL, &self.blob)
    }

    /// The key that is said to have made it, unproved.
    #[must_use]
    pub const fn key(&self) -> &PublicKey {
        &self.key.public
    }

    /// Proves that the key in it signed these bytes for this namespace.
    /// Whether that key is anybody's is the caller's to judge.
    ///
    /// # Errors
    ///
    /// Fails unless that is proved, and where nobody touched the token.
    pub fn verify(
        &self,
        message: &[u8],
        namespace: &str,
        verifier: &dyn Verifier,
    ) -> Result<&PublicKey, Refused> {
        if self.namespace != namespace.as_bytes() {
            return Err(Refused::Namespace {
                wanted: namespace.to_owned(),
                found: String::from_utf8_lossy(&self.namespace)
                    .chars()
                    .take(100)
                    .collect(),
            });
        }
        let signed = self.signed(message);
        let signed = match (&self.key.application, self.made.token) {
            (None, None) => signed,
            (Some(application), Some((flags, count))) => {
                if flags & TOUCHED == 0 {
                    return Err(Refused::Untouched);
                }
                let told = [&[flags][..], &count.to_be_bytes()].concat();
                [
                    Sha256::digest(application.as_bytes()).to_vec(),
                    told,
                    Sha256::digest(&signed).to_vec(),
                ]
                .concat()
            }
            (None, Some(_)) | (Some(_), None) => return Err(Refused::Signature),
        };
        let (key, made) = (&self.key.public, &self.made);
        if verifier.verify_with(key, made.hash, &signed, &made.bytes) {
            Ok(key)
        } else {
            Err(Refused::Signature)
        }
    }

    /// What the key signs in the message's place.
    fn signed(&self, message: &[u8]) -> Vec<u8> {
        let (name, hash) = self.hash;
        [
            MAGIC.to_vec(),
            string(&self.namespace),
            string(b""),
            string(name.as_bytes()),
            string(&hash.of(message)),
        ]
        .concat()
    }
}

fn made(kind: Kind, bytes: &[u8]) -> Result<Made, ParseError> {
    let mut reader = Reader::new(bytes);
    let name = reader.name()?;
    let mut plain = |hash| -> Result<(Hash, Vec<u8>), ParseError> {
        let whole = reader.string()?;
        match kind {
            Kind::P256 | Kind::P384 | Kind::P256Token => Ok((hash, pair(whole)?)),
            Kind::Ed25519 | Kind::Ed25519Token | Kind::Rsa => Ok((hash, whole.to_vec())),
        }
    };
    let (hash, bytes) = match (kind, name) {
        (Kind::Rsa, "rsa-sha2-256") => plain(Hash::Sha256)?,
        (Kind::Rsa, "rsa-sha2-512") => plain(Hash::Sha512)?,
        (Kind::Ed25519 | Kind::Ed25519Token, _) if name == kind.name() => plain(Hash::Sha512)?,
        (Kind::P256 | Kind::P256Token, _) if name == kind.name() => plain(Hash::Sha256)?,
        (Kind::P384, _) if name == kind.name() => plain(Hash::Sha384)?,
        (_, found) => {
            return Err(ParseError::Algorithm {
                key: kind.name(),
                found: found.chars().take(100).collect(),
            });
        }
    };
    let token = match kind {
        Kind::Ed25519Token | Kind::P256Token => Some((reader.byte()?, reader.uint32()?)),
        Kind::Ed25519 | Kind::P256 | Kind::P384 | Kind::Rsa => None,
    };
    reader.finish()?;
    Ok(Made { hash, bytes, token })
}

/// The two numbers of ECDSA (RFC 5656 §3.1.2) as DER has them.
fn pair(bytes: &[u8]) -> Result<Vec<u8>, ParseError> {
    let mut reader = Reader::new(bytes);
    let (first, second) = (reader.positive()?, reader.positive()?);
    reader.finish()?;
    Ok(der::sequence(&[
        &der::integer(first),
        &der::integer(second),
    ]))
}

/// The signature proves nothing about these bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It was made for something else.
    #[error("the SSH signature is for the namespace `{found}`, not `{wanted}`")]
    Namespace {
        /// What it has to be for.
        wanted: String,
        /// What it is for.
        found: String,
    },
    /// A machine could have made it alone.
    #[error("nobody touched the security token when the SSH signature was made")]
    Untouched,
    /// Of other bytes, or by another key.
    #[error("the SSH signature is not of these bytes by the key in it")]
    Signature,
}
