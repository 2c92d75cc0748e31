//! Private and public keys in files and variables, as cosign writes them.

mod error;
mod sealed;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use liftlock::crypto::{PublicKey, Signer};
use p256::SecretKey;
use p256::ecdsa::signature::hazmat::PrehashSigner as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::elliptic_curve::zeroize::Zeroizing;
use p256::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, EncodePublicKey as _};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};

pub use error::Error;

use crate::{env, file};

/// The variable that holds the password, as for cosign.
pub const PASSWORD: &str = "COSIGN_PASSWORD";

/// A hundred times an honest key file.
const LARGEST: u64 = 64 * 1024;

/// An ECDSA P-256 private key that is in memory.
pub struct Private {
    secret: SecretKey,
    pair: EcdsaKeyPair,
    public: PublicKey,
    random: SystemRandom,
}

impl Private {
    /// Makes a new key.
    ///
    /// # Errors
    ///
    /// Fails when the operating system gives no randomness.
    pub fn generate() -> Result<Self, Error> {
        let random = SystemRandom::new();
        match EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random) {
            Ok(der) => Self::from_der(der.as_ref(), "a new key"),
            Err(ring::error::Unspecified) => Err(Error::Random(crate::random::NoRandomness)),
        }
    }

    /// Opens a key: a path, or `env://NAME` for a variable that holds the PEM.
    /// A sealed key is opened with the password in `COSIGN_PASSWORD`.
    ///
    /// # Errors
    ///
    /// Fails on an absent, malformed or unsupported key and on a wrong password.
    pub fn open(reference: &str) -> Result<Self, Error> {
        let text = Zeroizing::new(read(reference)?);
        Self::from_pem(&text, reference, env::var(PASSWORD).as_deref())
    }

    /// Reads PEM: sealed by cosign, or plain PKCS#8. `name` is for messages.
    ///
    /// # Errors
    ///
    /// Fails on a malformed or unsupported key and on a wrong password.
    pub fn from_pem(text: &str, name: &str, password: Option<&str>) -> Result<Self, Error> {
        let (label, body) = sealed::block(text).ok_or_else(|| Error::not_pem(name))?;
        match label {
            "ENCRYPTED SIGSTORE PRIVATE KEY" | "ENCRYPTED COSIGN PRIVATE KEY" => {
                let der = sealed::open(&body, name, password)?;
                Self::from_der(&der, name)
            }
            "PRIVATE KEY" => Self::from_der(&body, name),
            "PUBLIC KEY" => Err(Error::Public {
                name: name.to_owned(),
            }),
            other => Err(Error::Unsupported {
                name: name.to_owned(),
                what: format!("a PEM block of the kind `{other}`"),
            }),
        }
    }

    fn from_der(der: &[u8], name: &str) -> Result<Self, Error> {
        let secret = SecretKey::from_pkcs8_der(der).map_err(|source| Error::Pkcs8 {
            name: name.to_owned(),
            source,
        })?;
        let random = SystemRandom::new();
        // ring wants the public half inside, which not every writer puts there.
        let whole = secret.to_pkcs8_der().map_err(|source| Error::Pkcs8 {
            name: name.to_owned(),
            source,
        })?;
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, whole.as_bytes(), &random)
                .map_err(|reason| Error::Unsupported {
                    name: name.to_owned(),
                    what: format!("a key that does not fit its public half ({reason})"),
                })?;
        let public = secret.public_key().to_public_key_der();
        let public = public
            .ok()
            .and_then(|der| PublicKey::from_der(der.as_bytes()).ok())
            .ok_or_else(|| Error::Unsupported {
                name: name.to_owned(),
                what: "a key without a public half".to_owned(),
            })?;
        Ok(Self {
            secret,
            pair,
            public,
            random,
        })
    }

    /// The PEM of cosign's key file, sealed with this password.
    ///
    /// # Errors
    ///
    /// Fails when the operating system gives no randomness.
    pub fn sealed(&self, password: &str) -> Result<String, Error> {
        let der = self.secret.to_pkcs8_der().map_err(|source| Error::Pkcs8 {
            name: "the key".to_owned(),
            source,
        })?;
        sealed::seal(der.as_bytes(), password)
    }
}

impl std::fmt::Debug for Private {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Private({})", self.public.id().short())
    }
}

type Cause = Box<dyn std::error::Error + Send + Sync>;

impl Signer for Private {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Cause> {
        match self.pair.sign(&self.random, message) {
            Ok(signature) => Ok(signature.as_ref().to_vec()),
            Err(ring::error::Unspecified) => Err(crate::random::NoRandomness.into()),
        }
    }

    fn sign_prehashed(&self, digest: &[u8]) -> Result<Vec<u8>, Cause> {
        let key = SigningKey::from(&self.secret);
        let signature: Signature = key.sign_prehash(digest)?;
        Ok(signature.to_der().as_bytes().to_vec())
    }
}

/// Opens a public key: a path, or `env://NAME` for a variable with the PEM.
///
/// # Errors
///
/// Fails on an absent, malformed or unsupported key.
pub fn public(reference: &str) -> Result<PublicKey, Error> {
    let text = read(reference)?;
    if text.contains("PRIVATE KEY-----") {
        return Err(Error::Private {
            name: reference.to_owned(),
        });
    }
    PublicKey::from_pem(&text).map_err(|source| Error::PublicKey {
        name: reference.to_owned(),
        source,
    })
}

fn read(reference: &str) -> Result<String, Error> {
    if let Some(name) = reference.strip_prefix("env://") {
        return env::secret(name).ok_or_else(|| Error::Unset(name.to_owned()));
    }
    if let Some((scheme, _)) = reference.split_once("://") {
        return Err(Error::Scheme(scheme.to_owned()));
    }
    Ok(file::read_text(Path::new(reference), LARGEST)?)
}

/// Where the two halves of a new key were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The sealed private key, readable by its owner only.
    pub private: PathBuf,
    /// The public key.
    pub public: PathBuf,
}

/// Writes `PREFIX.key`, sealed, and `PREFIX.pub`. Files that are there stay.
///
/// # Errors
///
/// Fails when one of the files is there already or cannot be written.
pub fn write_pair(key: &Private, prefix: &str, password: &str) -> Result<Pair, Error> {
    let pair = Pair {
        private: PathBuf::from(format!("{prefix}.key")),
        public: PathBuf::from(format!("{prefix}.pub")),
    };
    for path in [&pair.private, &pair.public] {
        if path.exists() {
            return Err(Error::Exists(path.clone()));
        }
    }
    create(&pair.private, key.sealed(password)?.as_bytes(), 0o600)?;
    create(&pair.public, key.public.pem().as_bytes(), 0o644)?;
    Ok(pair)
}

/// Writes a file whole, and only where there is none.
fn create(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt as _;
    let failed = |source| Error::Write {
        path: path.to_owned(),
        source,
    };
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    };
    let mut draft = tempfile::Builder::new()
        .prefix(".liftlock-")
        .permissions(std::fs::Permissions::from_mode(mode))
        .tempfile_in(folder)
        .map_err(failed)?;
    draft.write_all(bytes).map_err(failed)?;
    draft.as_file().sync_all().map_err(failed)?;
    match draft.persist_noclobber(path) {
        Ok(_) => Ok(()),
        Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => {
            Err(Error::Exists(path.to_owned()))
        }
        Err(error) => Err(failed(error.error)),
    }
}

#[cfg(test)]
mod tests;
