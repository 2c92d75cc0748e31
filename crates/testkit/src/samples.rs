//! Fixed values for tests: keys, moments, releases. The same in every run.

use std::error::Error;

use anyhow::Result;
use liftlock::crypto::{PublicKey, Signer};
use liftlock::digest::Digest;
use liftlock::release::Identified;
use liftlock::time::Time;
use p256::SecretKey;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::signature::hazmat::PrehashSigner as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::{EncodePrivateKey as _, EncodePublicKey as _, LineEnding};

/// The present of all samples.
pub const NOW: &str = "2026-01-05T08:00:00Z";

/// [`NOW`] as a moment.
///
/// # Panics
///
/// Never: the text is fixed.
#[must_use]
#[expect(clippy::expect_used, reason = "the text is fixed")]
pub fn now() -> Time {
    NOW.parse().expect("the sample is a moment")
}

/// A key that everyone can compute from its name: worth nothing as a secret,
/// and so no secret lies in the repository.
#[derive(Clone)]
pub struct Key {
    secret: SecretKey,
    public: PublicKey,
}

impl Key {
    /// The key of that name.
    ///
    /// # Panics
    ///
    /// Never in practice: one hash in 2^32 is no P-256 scalar.
    #[must_use]
    #[expect(
        clippy::expect_used,
        reason = "names are chosen by whoever writes the test"
    )]
    pub fn named(name: &str) -> Self {
        let scalar = Digest::of(format!("sample key of {name}").as_bytes());
        let secret = SecretKey::from_slice(scalar.as_bytes()).expect("a scalar");
        let der = secret.public_key().to_public_key_der().expect("a point");
        let public = PublicKey::from_der(der.as_bytes()).expect("a P-256 key");
        Self { secret, public }
    }

    /// The private half as plain PKCS#8 PEM, for `--key FILE`.
    ///
    /// # Panics
    ///
    /// Never in practice: every P-256 key has this form.
    #[must_use]
    #[expect(clippy::expect_used, reason = "every P-256 key has this form")]
    pub fn private_pem(&self) -> String {
        let pem = self.secret.to_pkcs8_pem(LineEnding::LF).expect("PKCS#8");
        pem.to_string()
    }

    /// The public half as PEM, for a policy or `--key FILE.pub`.
    #[must_use]
    pub fn public_pem(&self) -> String {
        self.public.pem()
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Key({})", self.public.id().short())
    }
}

impl Signer for Key {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> {
        let signature: Signature = SigningKey::from(&self.secret).try_sign(message)?;
        Ok(signature.to_der().as_bytes().to_vec())
    }

    fn sign_prehashed(&self, digest: &[u8]) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> {
        let key = SigningKey::from(&self.secret);
        let signature: Signature = key.sign_prehash(digest)?;
        Ok(signature.to_der().as_bytes().to_vec())
    }
}

/// A release in the making.
#[derive(Clone, Debug)]
pub struct Release(serde_json::Value);

impl Release {
    /// Version `version` of `service`, made at [`NOW`], still without artifacts.
    #[must_use]
    pub fn new(service: &str, version: &str) -> Self {
        Self(serde_json::json!({
            "schema_version": 1,
            "id": format!("{service}-{version}"),
            "service": service,
            "version": version,
            "commit": "0123456789abcdef0123456789abcdef01234567",
            "artifacts": {},
            "owner": format!("team-{service}"),
            "created_at": NOW,
        }))
    }

    /// Adds an artifact with these bytes, named as its file.
    #[must_use]
    pub fn artifact(self, name: &str, bytes: &[u8]) -> Self {
        let digest = Digest::of(bytes).to_string();
        let artifact = serde_json::json!({ "digest": digest, "name": name, "size": bytes.len() });
        self.set(&format!("/artifacts/{name}"), artifact)
    }

    /// Sets any field by its path, for instance `/migration`.
    ///
    /// # Panics
    ///
    /// Panics when the path leads through something that is no object.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a wrong path is a mistake in the test")]
    pub fn set(mut self, path: &str, value: impl Into<serde_json::Value>) -> Self {
        let (parent, name) = path.rsplit_once('/').expect("a path with a slash");
        self.0
            .pointer_mut(parent)
            .and_then(serde_json::Value::as_object_mut)
            .expect("an object")
            .insert(name.to_owned(), value.into());
        self
    }

    /// The bytes of `release.json`.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        format!("{:#}\n", self.0).into_bytes()
    }

    /// The release as our code reads it.
    ///
    /// # Errors
    ///
    /// Fails when the release is not valid, for instance without artifacts.
    pub fn identified(&self) -> Result<Identified> {
        Ok(Identified::parse(&self.bytes())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_always_the_same_key() {
        let (one, two) = (Key::named("builder"), Key::named("judge"));
        assert_eq!(one.public_pem(), Key::named("builder").public_pem());
        assert_ne!(one.public_pem(), two.public_pem());
        assert!(
            one.private_pem()
                .starts_with("-----BEGIN PRIVATE KEY-----\n")
        );
        let signature = one.sign(b"message").unwrap();
        assert_eq!(
            signature,
            one.sign_prehashed(Digest::of(b"message").as_bytes())
                .unwrap()
        );
    }

    #[test]
    fn a_sample_release_is_a_release() {
        let release = Release::new("shop", "1.0.0")
            .artifact("api", b"one")
            .set("/migration", "contract");
        let read = release.identified().unwrap().release;
        assert_eq!((read.id.as_str(), read.artifacts.len()), ("shop-1.0.0", 1));
        assert_eq!(
            (read.created_at, read.migration.is_reversible()),
            (now(), false)
        );
        assert!(Release::new("shop", "1.0.0").identified().is_err());
    }
}
