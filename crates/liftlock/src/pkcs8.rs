//! Private keys in DER, taken apart without copying a secret.
//!
//! Whatever comes in is somebody's file: unknown kinds and versions, stray
//! fields and keys of a wrong length are refused here, before any library
//! sees them.

use std::fmt;

use crate::der::{self, tag};

/// id-ecPublicKey (RFC 5480 §2.1.1).
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// secp256r1 (RFC 5480 §2.1.1.1).
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
/// secp384r1 (RFC 5480 §2.1.1.1).
const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
/// id-Ed25519 (RFC 8410 §3).
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
/// rsaEncryption (RFC 8017 appendix A.1).
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];

/// What is inside of a private key. Its `Debug` form shows the kind only.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Secret<'a> {
    /// A number below the order of P-256, 32 bytes.
    P256(&'a [u8]),
    /// A number below the order of P-384, 48 bytes.
    P384(&'a [u8]),
    /// The 32 bytes that Ed25519 keys grow from.
    Ed25519(&'a [u8]),
    /// The DER form of PKCS #1 (RFC 8017 appendix A.1.2).
    Rsa(&'a [u8]),
}

impl fmt::Debug for Secret<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::P256(_) => "P256(…)",
            Self::P384(_) => "P384(…)",
            Self::Ed25519(_) => "Ed25519(…)",
            Self::Rsa(_) => "Rsa(…)",
        })
    }
}

/// Takes a `PrivateKeyInfo` apart (RFC 5208 §5, RFC 5958 §2).
///
/// # Errors
///
/// Fails on other kinds of key and on anything malformed.
pub fn parse(bytes: &[u8]) -> Result<Secret<'_>, ParseError> {
    let mut info = der::document(bytes)?.reader();
    let version = info.expect(tag::INTEGER)?.small()?;
    if version > 1 {
        return Err(ParseError::Version(version));
    }
    let mut kind = info.sequence()?;
    let key = info.expect(tag::OCTET_STRING)?.content;
    // Attributes, and the public half in the newer version.
    info.optional(tag::nested(0))?;
    info.optional(tag::context(1))?;
    info.finish()?;
    let name = kind.expect(tag::OID)?.content;
    match name {
        EC => {
            let curve = kind.expect(tag::OID)?.content;
            kind.finish()?;
            elliptic(key, Some(curve))
        }
        ED25519 => {
            kind.finish()?;
            let mut inner = der::Reader::new(key);
            let seed = inner.expect(tag::OCTET_STRING)?.content;
            inner.finish()?;
            sized(seed, 32).map(Secret::Ed25519)
        }
        RSA => {
            kind.expect(tag::NULL)?;
            kind.finish()?;
            pkcs1(key)
        }
        _ => Err(ParseError::Unsupported),
    }
}

/// Takes an `ECPrivateKey` apart (RFC 5915 §3), as `EC PRIVATE KEY` holds it.
///
/// # Errors
///
/// Fails on other curves and on anything malformed.
pub fn sec1(bytes: &[u8]) -> Result<Secret<'_>, ParseError> {
    elliptic(bytes, None)
}

/// Takes an `RSAPrivateKey`, as `RSA PRIVATE KEY` holds it.
///
/// # Errors
///
/// Fails on what is no such sequence of numbers.
pub fn pkcs1(bytes: &[u8]) -> Result<Secret<'_>, ParseError> {
    let mut numbers = der::document(bytes)?.reader();
    let version = numbers.expect(tag::INTEGER)?.small()?;
    if version != 0 {
        return Err(ParseError::Version(version));
    }
    // Modulus, two exponents, two primes and three numbers that follow.
    for _ in 0..8 {
        numbers.expect(tag::INTEGER)?.unsigned()?;
    }
    numbers.finish()?;
    Ok(Secret::Rsa(bytes))
}

fn elliptic<'a>(bytes: &'a [u8], outer: Option<&'a [u8]>) -> Result<Secret<'a>, ParseError> {
    let mut key = der::document(bytes)?.reader();
    let version = key.expect(tag::INTEGER)?.small()?;
    if version != 1 {
        return Err(ParseError::Version(version));
    }
    let secret = key.expect(tag::OCTET_STRING)?.content;
    let inner = match key.optional(tag::nested(0))? {
        Some(parameters) => {
            let mut parameters = parameters.reader();
            let curve = parameters.expect(tag::OID)?.content;
            parameters.finish()?;
            Some(curve)
        }
        None => None,
    };
    key.optional(tag::nested(1))?;
    key.finish()?;
    match (outer, inner) {
        (Some(outer), Some(inner)) if outer != inner => Err(ParseError::Curves),
        (Some(P256), _) | (None, Some(P256)) => sized(secret, 32).map(Secret::P256),
        (Some(P384), _) | (None, Some(P384)) => sized(secret, 48).map(Secret::P384),
        _ => Err(ParseError::Unsupported),
    }
}

fn sized(bytes: &[u8], length: usize) -> Result<&[u8], ParseError> {
    if bytes.len() == length {
        Ok(bytes)
    } else {
        Err(ParseError::Length {
            found: bytes.len(),
            wanted: length,
        })
    }
}

/// What comes before the secret and before the public half in PKCS#8.
type Frame = (&'static [u8], &'static [u8]);

/// P-256 with its point: 138 bytes.
const P256_FRAME: Frame = (
    &[
        0x30, 0x81, 0x87, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d,
        0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x04, 0x6d, 0x30,
        0x6b, 0x02, 0x01, 0x01, 0x04, 0x20,
    ],
    &[0xa1, 0x44, 0x03, 0x42, 0x00],
);

/// P-384 with its point: 185 bytes.
const P384_FRAME: Frame = (
    &[
        0x30, 0x81, 0xb6, 0x02, 0x01, 0x00, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d,
        0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22, 0x04, 0x81, 0x9e, 0x30, 0x81, 0x9b,
        0x02, 0x01, 0x01, 0x04, 0x30,
    ],
    &[0xa1, 0x64, 0x03, 0x62, 0x00],
);

/// Ed25519 without its public half, as OpenSSL and Go write it: 48 bytes.
const ED25519_FRAME: Frame = (
    &[
        0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04,
        0x20,
    ],
    &[],
);

/// The frame of RSA up to the length of the inner key.
const RSA_KIND: &[u8] = &[
    0x02, 0x01, 0x00, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01,
    0x05, 0x00,
];

/// Writes PKCS#8; `point` is the public half of an elliptic key, uncompressed
/// (SEC 1 §2.3.3), which some readers want to find inside. The secret is
/// copied once, into what comes out.
///
/// # Errors
///
/// Fails on a secret or point of a wrong length.
pub fn encode(secret: Secret<'_>, point: &[u8]) -> Result<Vec<u8>, ParseError> {
    let ((before, between), secret, point) = match secret {
        Secret::P256(secret) => (P256_FRAME, sized(secret, 32)?, sized(point, 65)?),
        Secret::P384(secret) => (P384_FRAME, sized(secret, 48)?, sized(point, 97)?),
        Secret::Ed25519(seed) => (ED25519_FRAME, sized(seed, 32)?, &[][..]),
        Secret::Rsa(key) => return Ok(rsa(key)),
    };
    let parts = [before, secret, between, point];
    Ok(gathered(&parts))
}

fn rsa(key: &[u8]) -> Vec<u8> {
    // The heads of both containers, without what they contain.
    let inner = head(tag::OCTET_STRING, key.len());
    let outer = head(tag::SEQUENCE, RSA_KIND.len() + inner.len() + key.len());
    gathered(&[&outer, RSA_KIND, &inner, key])
}

fn head(tag: u8, length: usize) -> Vec<u8> {
    let mut whole = der::encode(tag, &vec![0; length]);
    whole.truncate(whole.len() - length);
    whole
}

/// Allocates once, so that no half of a secret stays behind in memory.
fn gathered(parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(parts.iter().map(|part| part.len()).sum());
    for part in parts {
        bytes.extend_from_slice(part);
    }
    bytes
}

/// Not a private key that we can use. No variant shows a byte of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Another kind of key.
    #[error("not an ECDSA P-256 or P-384, Ed25519 or RSA key")]
    Unsupported,
    /// A format that nobody has described yet, or one with several primes.
    #[error("the version {0} of the key's format is not known")]
    Version(u64),
    /// Outside and inside name different curves.
    #[error("the key names two different curves")]
    Curves,
    /// Too short or too long.
    #[error("the key has {found} bytes where {wanted} belong")]
    Length {
        /// How many there are.
        found: usize,
        /// How many there must be.
        wanted: usize,
    },
    /// Not DER.
    #[error("the key is malformed")]
    Der(#[from] der::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(version: u8, count: usize) -> Vec<u8> {
        let mut parts = der::integer(&[version]);
        parts.extend(vec![der::integer(&[5]); count].concat());
        der::encode(tag::SEQUENCE, &parts)
    }

    fn refused(bytes: &[u8]) -> ParseError {
        match parse(bytes) {
            Ok(_) => panic!("taken: {}", hex::encode(bytes)),
            Err(error) => error,
        }
    }

    #[test]
    fn what_is_written_is_read_and_no_byte_may_be_missing() {
        let rsa = numbers(0, 8);
        let cases = [
            (Secret::P256(&[7; 32]), vec![4; 65]),
            (Secret::P384(&[7; 48]), vec![4; 97]),
            (Secret::Ed25519(&[7; 32]), Vec::new()),
            (Secret::Rsa(&rsa), Vec::new()),
        ];
        for (secret, point) in cases {
            let bytes = encode(secret, &point).unwrap();
            assert!(parse(&bytes).is_ok_and(|read| read == secret));
            for length in 0..bytes.len() {
                assert!(parse(&bytes[..length]).is_err(), "{length}");
            }
            assert!(parse(&[&bytes[..], &[0]].concat()).is_err());
        }
        assert!(encode(Secret::P256(&[7; 31]), &[4; 65]).is_err());
        assert!(encode(Secret::P384(&[7; 48]), &[4; 65]).is_err());
    }

    #[test]
    fn a_large_rsa_key_gets_lengths_of_two_bytes() {
        let number = der::integer(&[0x7f; 300]);
        let mut parts = der::integer(&[0]);
        parts.extend(vec![number; 8].concat());
        let key = der::encode(tag::SEQUENCE, &parts);
        let bytes = encode(Secret::Rsa(&key), &[]).unwrap();
        assert!(parse(&bytes).is_ok_and(|read| read == Secret::Rsa(&key)));
        let kind = der::sequence(&[&der::encode(tag::OID, RSA), &der::encode(tag::NULL, &[])]);
        let inner = der::encode(tag::OCTET_STRING, &key);
        assert_eq!(bytes, der::sequence(&[&der::integer(&[]), &kind, &inner]));
    }

    #[test]
    fn other_kinds_versions_and_curves_are_refused_by_name() {
        let info = |version: u8, kind: &[&[u8]], key: &[u8]| {
            let key = der::encode(tag::OCTET_STRING, key);
            der::sequence(&[&der::integer(&[version]), &der::sequence(kind), &key])
        };
        let oid = |name: &[u8]| der::encode(tag::OID, name);
        let elliptic = |length: usize, curve: Option<&[u8]>| {
            let secret = der::encode(tag::OCTET_STRING, &vec![7; length]);
            let curve = curve.map(|curve| der::encode(tag::nested(0), &oid(curve)));
            der::sequence(&[&der::integer(&[1]), &secret, &curve.unwrap_or_default()])
        };
        let (ec, p256, p384) = (oid(EC), oid(P256), oid(P384));
        let seed = der::encode(tag::OCTET_STRING, &[7; 32]);
        // X25519 (RFC 8410 §3) agrees on keys and signs nothing.
        let x25519 = info(0, &[&oid(&[0x2b, 0x65, 0x6e])], &seed);
        assert_eq!(refused(&x25519), ParseError::Unsupported);
        let good = info(0, &[&ec, &p256], &elliptic(32, None));
        assert!(parse(&good).is_ok_and(|read| read == Secret::P256(&[7; 32])));
        let later = info(2, &[&ec, &p256], &elliptic(32, None));
        assert_eq!(refused(&later), ParseError::Version(2));
        let two = info(0, &[&ec, &p256], &elliptic(32, Some(P384)));
        assert_eq!(refused(&two), ParseError::Curves);
        let short = info(0, &[&ec, &p384], &elliptic(32, None));
        assert!(matches!(refused(&short), ParseError::Length { .. }));
        let several = info(
            0,
            &[&oid(RSA), &der::encode(tag::NULL, &[])],
            &numbers(1, 8),
        );
        assert_eq!(refused(&several), ParseError::Version(1));
        let few = info(
            0,
            &[&oid(RSA), &der::encode(tag::NULL, &[])],
            &numbers(0, 7),
        );
        assert!(matches!(refused(&few), ParseError::Der(_)));
        assert!(sec1(&elliptic(48, Some(P384))).is_ok_and(|read| read == Secret::P384(&[7; 48])));
        assert!(sec1(&elliptic(32, None)).is_err_and(|error| error == ParseError::Unsupported));
    }
}
