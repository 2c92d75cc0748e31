//! cosign's encrypted key file: scrypt and `nacl/secretbox` around PKCS#8.

use super::Zeroizing;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crypto_secretbox::aead::Aead as _;
use crypto_secretbox::{KeyInit as _, Nonce, XSalsa20Poly1305};
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::{Deserialize, Serialize};

use super::Error;
use crate::random::NoRandomness;

/// The work factor that is written, and those that are read: as for cosign,
/// more would let a key file stall its reader.
const LOG_N: u8 = 16;
const READ_LOG_N: [u8; 3] = [15, 16, 17];

const LABEL: &str = "ENCRYPTED SIGSTORE PRIVATE KEY";

#[derive(Serialize, Deserialize)]
struct Sealed {
    kdf: Kdf,
    cipher: Cipher,
    ciphertext: String,
}

#[derive(Serialize, Deserialize)]
struct Kdf {
    name: String,
    params: Params,
    salt: String,
}

#[derive(Serialize, Deserialize)]
struct Params {
    #[serde(rename = "N")]
    n: u64,
    r: u32,
    p: u32,
}

#[derive(Serialize, Deserialize)]
struct Cipher {
    name: String,
    nonce: String,
}

/// Label and body of the one PEM block of a text (RFC 7468).
pub(super) fn block(text: &str) -> Option<(&str, Zeroizing<Vec<u8>>)> {
    let (label, rest) = text
        .trim()
        .strip_prefix("-----BEGIN ")?
        .split_once("-----")?;
    let end = format!("-----END {label}-----");
    let packed: String = rest
        .strip_suffix(end.as_str())?
        .split_ascii_whitespace()
        .collect();
    let packed = Zeroizing::new(packed);
    let body = STANDARD.decode(packed.as_bytes()).ok()?;
    Some((label, Zeroizing::new(body)))
}

/// Opens the body of a sealed key; PKCS#8 comes out.
pub(super) fn open(
    body: &[u8],
    name: &str,
    password: Option<&str>,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let malformed = |reason: &str| Error::Sealed {
        name: name.to_owned(),
        reason: reason.to_owned(),
    };
    let sealed: Sealed = serde_json::from_slice(body).map_err(|source| Error::NotSealed {
        name: name.to_owned(),
        source,
    })?;
    if sealed.kdf.name != "scrypt" || sealed.cipher.name != "nacl/secretbox" {
        return Err(malformed("only scrypt with nacl/secretbox is supported"));
    }
    let params = &sealed.kdf.params;
    let log_n = READ_LOG_N
        .into_iter()
        .find(|log_n| params.n == 1 << log_n && params.r == 8 && params.p == 1)
        .ok_or_else(|| malformed("its scrypt parameters are not among those that are safe"))?;
    let (Ok(salt), Ok(nonce), Ok(ciphertext)) = (
        STANDARD.decode(&sealed.kdf.salt),
        STANDARD.decode(&sealed.cipher.nonce),
        STANDARD.decode(&sealed.ciphertext),
    ) else {
        return Err(malformed("its salt, nonce or ciphertext is not base64"));
    };
    let Ok(nonce) = <[u8; 24]>::try_from(nonce) else {
        return Err(malformed("its nonce has not 24 bytes"));
    };
    let cipher = cipher(password.unwrap_or_default(), &salt, log_n)?;
    match cipher.decrypt(&Nonce::from(nonce), ciphertext.as_slice()) {
        Ok(plain) => Ok(Zeroizing::new(plain)),
        Err(_unauthentic) => Err(Error::Password {
            name: name.to_owned(),
            given: password.is_some(),
        }),
    }
}

/// Seals PKCS#8 with a password into cosign's PEM.
pub(super) fn seal(der: &[u8], password: &str) -> Result<String, Error> {
    let mut salt = [0; 32];
    let mut nonce = [0; 24];
    let random = SystemRandom::new();
    if random.fill(&mut salt).is_err() || random.fill(&mut nonce).is_err() {
        return Err(Error::Random(NoRandomness));
    }
    let Ok(ciphertext) = cipher(password, &salt, LOG_N)?.encrypt(&Nonce::from(nonce), der) else {
        return Err(Error::Derive);
    };
    let sealed = Sealed {
        kdf: Kdf {
            name: "scrypt".to_owned(),
            params: Params {
                n: 1 << LOG_N,
                r: 8,
                p: 1,
            },
            salt: STANDARD.encode(salt),
        },
        cipher: Cipher {
            name: "nacl/secretbox".to_owned(),
            nonce: STANDARD.encode(nonce),
        },
        ciphertext: STANDARD.encode(ciphertext),
    };
    let json = serde_json::to_vec(&sealed).map_err(|source| Error::NotSealed {
        name: "the new key".to_owned(),
        source,
    })?;
    Ok(pem(LABEL, &json))
}

fn cipher(password: &str, salt: &[u8], log_n: u8) -> Result<XSalsa20Poly1305, Error> {
    let mut key = Zeroizing::new([0; 32]);
    let derived = scrypt::Params::new(log_n, 8, 1).ok().and_then(|params| {
        scrypt::scrypt(password.as_bytes(), salt, &params, key.as_mut_slice()).ok()
    });
    match derived {
        Some(()) => Ok(XSalsa20Poly1305::new((&*key).into())),
        None => Err(Error::Derive),
    }
}

fn pem(label: &str, body: &[u8]) -> String {
    let packed = STANDARD.encode(body);
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in packed.as_bytes().chunks(64) {
        text.push_str(std::str::from_utf8(line).unwrap_or_default());
        text.push('\n');
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}
