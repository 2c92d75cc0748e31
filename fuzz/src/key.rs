//! Keys, public and private.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use liftlock::crypto::{PublicKey, Signer as _};
use liftlock::pkcs8::{self, Secret};
use liftlock_io::key::{Error, Private};

use super::Reach;

pub(super) fn public_key(bytes: &[u8], reach: Reach<'_>) {
    if let Ok(key) = PublicKey::from_der(bytes) {
        reach("der");
        let again = PublicKey::from_pem(&key.pem());
        assert_eq!(again, Ok(key), "what was written reads as another key");
    }
    if PublicKey::from_pkcs1(bytes).is_ok() {
        reach("pkcs1");
    }
    let text = std::str::from_utf8(bytes);
    if text.is_ok_and(|text| PublicKey::from_pem(text).is_ok()) {
        reach("pem");
    }
}

/// The DER inside of the three kinds of PEM that hold a private key.
pub(super) fn private_key(bytes: &[u8], reach: Reach<'_>) {
    let secrets = [
        ("PRIVATE KEY", pkcs8::parse(bytes)),
        ("EC PRIVATE KEY", pkcs8::sec1(bytes)),
        ("RSA PRIVATE KEY", pkcs8::pkcs1(bytes)),
    ];
    for (label, secret) in secrets {
        let opened = Private::from_pem(&pem(label, bytes), "the key", None);
        let Ok(secret) = secret else {
            assert!(opened.is_err(), "a malformed key was opened");
            continue;
        };
        reach(match (label, secret) {
            ("EC PRIVATE KEY", _) => "sec1",
            ("RSA PRIVATE KEY", _) => "pkcs1",
            (_, Secret::P256(_)) => "p256",
            (_, Secret::P384(_)) => "p384",
            (_, Secret::Ed25519(_)) => "ed25519",
            (_, Secret::Rsa(_)) => "rsa",
        });
        let Ok(key) = opened else { continue };
        reach("used");
        assert!(!format!("{key:?}").contains('\n'), "a log would show more");
        // The signature of an RSA key takes milliseconds.
        if !matches!(secret, Secret::Rsa(_)) {
            assert!(key.sign(b"hello\n").is_ok(), "an opened key does not sign");
        }
    }
}

fn pem(label: &str, body: &[u8]) -> String {
    let body = STANDARD.encode(body);
    format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
}

/// A text, or else the JSON inside of a sealed key.
pub(super) fn key_file(bytes: &[u8], reach: Reach<'_>) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if PublicKey::from_pem(text).is_ok() {
        reach("public");
    }
    if !text.contains("ENCRYPTED") {
        let opened = Private::from_pem(text, "the key", None);
        if matches!(opened, Err(Error::Malformed { .. })) {
            reach("private");
        }
    }
    if is_derived(bytes) {
        return;
    }
    let sealed = pem("ENCRYPTED SIGSTORE PRIVATE KEY", bytes);
    let opened = Private::from_pem(&sealed, "the key", None);
    match opened {
        Err(Error::Sealed { reason, .. }) if reason.contains("scrypt parameters") => {
            reach("factors");
        }
        Err(Error::Sealed { .. }) => reach("sealed"),
        Err(_) => {}
        Ok(_) => panic!("a key was opened without derivation"),
    }
}

/// Whether a key would be derived from the password: that takes a tenth of a
/// second, so such inputs are passed over.
fn is_derived(bytes: &[u8]) -> bool {
    let Ok(inner) = serde_json::from_slice::<serde_json::Value>(bytes) else {
        return false;
    };
    let number = |path: &str| inner.pointer(path).and_then(serde_json::Value::as_u64);
    let bytes = |path: &str| STANDARD.decode(inner.pointer(path)?.as_str()?).ok();
    let rounds = number("/kdf/params/N");
    rounds.is_some_and(|rounds| [1 << 15, 1 << 16, 1 << 17].contains(&rounds))
        && bytes("/kdf/salt").is_some()
        && bytes("/ciphertext").is_some()
        && bytes("/cipher/nonce").is_some_and(|nonce| nonce.len() == 24)
}
