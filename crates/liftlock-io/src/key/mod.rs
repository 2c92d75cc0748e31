//! Private and public keys in files and variables, as cosign writes them.

mod ed25519;
mod error;
mod p256;
mod p384;
mod rsa;
mod sealed;

use std::io::Write as _;
use std::path::{Path, PathBuf};

pub(crate) use ::p256::elliptic_curve::zeroize::Zeroizing;
use liftlock::crypto::{Algorithm, PublicKey, Signer};
use liftlock::pkcs8::{self, Secret};
use ring::rand::{SecureRandom as _, SystemRandom};

pub use error::Error;

use crate::{env, file};

/// The variable that holds the password, as for cosign.
pub const PASSWORD: &str = "COSIGN_PASSWORD";

/// A hundred times an honest key file.
const LARGEST: u64 = 64 * 1024;

/// A private key that is in memory, or the right to use one that a service holds.
pub struct Private {
    kind: Kind,
    public: PublicKey,
}

enum Kind {
    P256(p256::Key),
    P384(p384::Key),
    Ed25519(ed25519::Key),
    Rsa(rsa::Key),
    #[cfg(feature = "kms")]
    Remote(crate::kms::Key),
}

/// A kind of key that can be made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum New {
    /// ECDSA on P-256, which every verifier of Sigstore reads.
    #[default]
    P256,
    /// ECDSA on P-384.
    P384,
    /// Ed25519.
    Ed25519,
}

/// Why a library does not take a key.
struct Unfit(String);

impl Private {
    /// Makes a new key on P-256.
    ///
    /// # Errors
    ///
    /// Fails when the operating system gives no randomness.
    pub fn generate() -> Result<Self, Error> {
        Self::generate_as(New::P256)
    }

    /// Makes a new key of this kind.
    ///
    /// # Errors
    ///
    /// Fails when the operating system gives no randomness.
    pub fn generate_as(kind: New) -> Result<Self, Error> {
        let mut bytes = Zeroizing::new([0; 48]);
        let random = SystemRandom::new();
        // A number beyond the order of its curve is drawn again: less than
        // once in four thousand million times.
        for _ in 0..8 {
            if random.fill(bytes.as_mut_slice()).is_err() {
                break;
            }
            let (short, all) = (bytes.get(..32).unwrap_or_default(), bytes.as_slice());
            let secret = match kind {
                New::P256 => Secret::P256(short),
                New::P384 => Secret::P384(all),
                New::Ed25519 => Secret::Ed25519(short),
            };
            if let Ok(key) = Self::take(secret, "a new key") {
                return Ok(key);
            }
        }
        Err(Error::Random(crate::random::NoRandomness))
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

    /// As [`Private::open`], and the references of key services as well.
    ///
    /// # Errors
    ///
    /// Fails as `open` does, and when the service does not show the key's
    /// public half.
    #[cfg(feature = "kms")]
    pub fn reach(reference: &str, options: &crate::http::Options) -> Result<Self, Error> {
        match crate::kms::Key::open(reference, options)? {
            Some(key) => Ok(Self {
                public: key.public_key().clone(),
                kind: Kind::Remote(key),
            }),
            None => Self::open(reference),
        }
    }

    /// Reads PEM: sealed by cosign, PKCS#8, SEC 1 or PKCS #1. `name` is for
    /// messages.
    ///
    /// # Errors
    ///
    /// Fails on a malformed or unsupported key and on a wrong password.
    pub fn from_pem(text: &str, name: &str, password: Option<&str>) -> Result<Self, Error> {
        let (label, body) = sealed::block(text).ok_or_else(|| Error::not_pem(name))?;
        let malformed = |source| Error::Malformed {
            name: name.to_owned(),
            source,
        };
        match label {
            "ENCRYPTED SIGSTORE PRIVATE KEY" | "ENCRYPTED COSIGN PRIVATE KEY" => {
                let der = sealed::open(&body, name, password)?;
                Self::take(pkcs8::parse(&der).map_err(malformed)?, name)
            }
            "PRIVATE KEY" => Self::take(pkcs8::parse(&body).map_err(malformed)?, name),
            "EC PRIVATE KEY" => Self::take(pkcs8::sec1(&body).map_err(malformed)?, name),
            "RSA PRIVATE KEY" => Self::take(pkcs8::pkcs1(&body).map_err(malformed)?, name),
            "PUBLIC KEY" => Err(Error::Public {
                name: name.to_owned(),
            }),
            other => Err(Error::Unsupported {
                name: name.to_owned(),
                what: format!("a PEM block of the kind `{other}`"),
            }),
        }
    }

    fn take(secret: Secret<'_>, name: &str) -> Result<Self, Error> {
        let unfit = |Unfit(reason)| Error::Unsupported {
            name: name.to_owned(),
            what: format!("a key that cannot be used ({reason})"),
        };
        let kind = match secret {
            Secret::P256(bytes) => Kind::P256(p256::Key::new(bytes).map_err(unfit)?),
            Secret::P384(bytes) => Kind::P384(p384::Key::new(bytes).map_err(unfit)?),
            Secret::Ed25519(seed) => Kind::Ed25519(ed25519::Key::new(seed).map_err(unfit)?),
            Secret::Rsa(der) => Kind::Rsa(rsa::Key::new(der).map_err(unfit)?),
        };
        let public = match &kind {
            Kind::P256(key) => PublicKey::from_bits(Algorithm::P256, &key.point()),
            Kind::P384(key) => PublicKey::from_bits(Algorithm::P384, &key.point()),
            Kind::Ed25519(key) => PublicKey::from_bits(Algorithm::Ed25519, key.public()),
            Kind::Rsa(key) => PublicKey::from_pkcs1(key.public()),
            #[cfg(feature = "kms")]
            Kind::Remote(key) => Ok(key.public_key().clone()),
        };
        let public = public.map_err(|source| Error::PublicKey {
            name: name.to_owned(),
            source,
        })?;
        Ok(Self { kind, public })
    }

    /// The PEM of cosign's key file, sealed with this password.
    ///
    /// # Errors
    ///
    /// Fails when the operating system gives no randomness, and for a key that
    /// a service holds.
    pub fn sealed(&self, password: &str) -> Result<String, Error> {
        let der = match &self.kind {
            Kind::P256(key) => key.pkcs8(),
            Kind::P384(key) => key.pkcs8(),
            Kind::Ed25519(key) => key.pkcs8(),
            Kind::Rsa(key) => key.pkcs8(),
            #[cfg(feature = "kms")]
            Kind::Remote(_) => Err(pkcs8::ParseError::Unsupported),
        };
        let der = der.map_err(|source| Error::Malformed {
            name: "the key".to_owned(),
            source,
        })?;
        sealed::seal(&der, password)
    }
}

impl std::fmt::Debug for Private {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Private({})", self.public.id().short())
    }
}

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Asked of a kind of key that hashes by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an Ed25519 or RSA key signs messages, not digests")]
struct NoDigests;

impl Signer for Private {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Cause> {
        match &self.kind {
            Kind::P256(key) => key.sign(message),
            Kind::P384(key) => key.sign(message),
            Kind::Ed25519(key) => Ok(key.sign(message)),
            Kind::Rsa(key) => key.sign(message),
            #[cfg(feature = "kms")]
            Kind::Remote(key) => key.sign(message),
        }
    }

    fn sign_prehashed(&self, digest: &[u8]) -> Result<Vec<u8>, Cause> {
        match &self.kind {
            Kind::P256(key) => key.sign_prehashed(digest),
            Kind::P384(key) => key.sign_prehashed(digest),
            Kind::Ed25519(_) | Kind::Rsa(_) => Err(NoDigests.into()),
            #[cfg(feature = "kms")]
            Kind::Remote(key) => key.sign_prehashed(digest),
        }
    }
}

/// Opens a public key, PEM or a line of OpenSSH: a path, or `env://NAME` for a
/// variable with its text.
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
    PublicKey::from_text(&text).map_err(|source| Error::PublicKey {
        name: reference.to_owned(),
        source,
    })
}

/// As [`public`], and the references of key services as well: they show their
/// public half.
///
/// # Errors
///
/// Fails as `public` does, and when the service does not show the key.
#[cfg(feature = "kms")]
pub fn reach_public(reference: &str, options: &crate::http::Options) -> Result<PublicKey, Error> {
    match crate::kms::Key::open(reference, options)? {
        Some(key) => Ok(key.public_key().clone()),
        None => public(reference),
    }
}

fn read(reference: &str) -> Result<String, Error> {
    if let Some(name) = reference.strip_prefix("env://") {
        return env::secret(name).ok_or_else(|| Error::Unset(name.to_owned()));
    }
    if reference.is_empty() {
        return Err(Error::Unnamed);
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
        // The cause by itself: its text would name the draft.
        .map_err(|error| failed(error.kind().into()))?;
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
