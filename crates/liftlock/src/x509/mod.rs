//! X.509 certificates (RFC 5280), as far as code signing and timestamping
//! need them: read strictly, and led to an anchor at a given time.

pub mod extension;
pub mod path;

use crate::crypto::{Hash, PublicKey, Verifier};
use crate::der::{self, Element, Reader, tag};
use crate::failure::{Explain, Kind};
use crate::pem;
use crate::time::Time;
use extension::Extension;

/// The label of a certificate in PEM (RFC 7468 §5).
pub const LABEL: &str = "CERTIFICATE";

/// The most bytes of one certificate; real ones have 500 to 4,000.
const LARGEST: usize = 64 * 1024;

/// The most extensions of one certificate; Fulcio writes 25.
const MOST_EXTENSIONS: usize = 64;

/// A certificate. Nothing in it is proved before [`path::build`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    signed: Vec<u8>,
    scheme: Scheme,
    signature: Vec<u8>,
    serial: Vec<u8>,
    issuer: Vec<u8>,
    subject: Vec<u8>,
    not_before: Time,
    not_after: Time,
    key: PublicKey,
    extensions: Vec<Extension>,
}

impl Certificate {
    /// Reads a certificate of version 3.
    ///
    /// # Errors
    ///
    /// Fails on anything else, and on keys or signatures of unknown kinds.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > LARGEST {
            return Err(Error::TooLarge(bytes.len()));
        }
        let mut parts = der::document(bytes)?.reader();
        let signed = parts.expect(tag::SEQUENCE)?;
        let outer = parts.expect(tag::SEQUENCE)?;
        let signature = parts.expect(tag::BIT_STRING)?.bits()?.to_vec();
        parts.finish()?;
        let mut fields = signed.reader();
        let version = fields.expect(tag::nested(0))?.reader().any()?.small()?;
        if version != 2 {
            return Err(Error::Version(version));
        }
        let serial = fields.expect(tag::INTEGER)?.content.to_vec();
        // RFC 5280 §4.1.1.2: both have to say the same.
        if fields.expect(tag::SEQUENCE)?.whole != outer.whole {
            return Err(Error::TwoAlgorithms);
        }
        let issuer = fields.expect(tag::SEQUENCE)?.whole.to_vec();
        let mut validity = fields.sequence()?;
        let not_before = validity.any()?.time()?;
        let not_after = validity.any()?.time()?;
        validity.finish()?;
        let subject = fields.expect(tag::SEQUENCE)?.whole.to_vec();
        let key = PublicKey::from_der(fields.expect(tag::SEQUENCE)?.whole)?;
        let extensions = extensions(&mut fields)?;
        fields.finish()?;
        Ok(Self {
            der: bytes.to_vec(),
            signed: signed.whole.to_vec(),
            scheme: Scheme::parse(&outer)?,
            signature,
            serial,
            issuer,
            subject,
            not_before,
            not_after,
            key,
            extensions,
        })
    }

    /// The certificate as it was read.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The certificate as text.
    #[must_use]
    pub fn pem(&self) -> String {
        pem::block(LABEL, &self.der)
    }

    /// The part that the issuer signed.
    #[must_use]
    pub fn signed(&self) -> &[u8] {
        &self.signed
    }

    /// The issuer's name, DER.
    #[must_use]
    pub fn issuer(&self) -> &[u8] {
        &self.issuer
    }

    /// The subject's name, DER.
    #[must_use]
    pub fn subject(&self) -> &[u8] {
        &self.subject
    }

    /// The serial number, as the contents of its INTEGER.
    #[must_use]
    pub fn serial(&self) -> &[u8] {
        &self.serial
    }

    /// The subject's key.
    #[must_use]
    pub const fn key(&self) -> &PublicKey {
        &self.key
    }

    /// From when on it counts.
    #[must_use]
    pub const fn not_before(&self) -> Time {
        self.not_before
    }

    /// Until when it counts, that second included.
    #[must_use]
    pub const fn not_after(&self) -> Time {
        self.not_after
    }

    /// Whether it counts at a time.
    #[must_use]
    pub fn is_valid_at(&self, time: Time) -> bool {
        // The end is a whole second, of which every part counts.
        self.not_before <= time && time.millis_since(self.not_after) < 1000
    }

    /// Whether subject and issuer are one.
    #[must_use]
    pub fn is_self_issued(&self) -> bool {
        self.subject == self.issuer
    }

    /// The extensions, in order.
    #[must_use]
    pub fn extensions(&self) -> &[Extension] {
        &self.extensions
    }

    /// The value of an extension, by the contents of its OBJECT IDENTIFIER.
    #[must_use]
    pub fn extension(&self, oid: &[u8]) -> Option<&Extension> {
        self.extensions.iter().find(|one| one.oid == oid)
    }

    /// Whether the holder of a key signed this certificate.
    #[must_use]
    pub fn is_signed_by(&self, key: &PublicKey, verifier: &dyn Verifier) -> bool {
        self.scheme.fits(key)
            && verifier.verify_with(key, self.scheme.hash, &self.signed, &self.signature)
    }
}

fn extensions(fields: &mut Reader<'_>) -> Result<Vec<Extension>, Error> {
    // Unique identifiers, [1] and [2], must not be there (RFC 5280 §4.1.2.8).
    let Some(explicit) = fields.optional(tag::nested(3))? else {
        return Ok(Vec::new());
    };
    let mut inner = explicit.reader();
    let mut all = inner.sequence()?;
    inner.finish()?;
    let mut found: Vec<Extension> = Vec::new();
    while !all.is_empty() {
        let one = Extension::parse(&all.expect(tag::SEQUENCE)?)?;
        if found.iter().any(|other| other.oid == one.oid) {
            return Err(Error::Twice(extension::name(&one.oid)));
        }
        found.push(one);
        if found.len() > MOST_EXTENSIONS {
            return Err(Error::TooMany);
        }
    }
    Ok(found)
}

/// How something was signed: the kind of key and the hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scheme {
    family: Family,
    /// The hash over what was signed.
    pub hash: Hash,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    Ecdsa,
    Rsa,
    Ed25519,
}

/// ecdsa-with-SHA256, -384, -512 (RFC 5758 §3.2), sha256-, sha384- and
/// sha512WithRSAEncryption (RFC 4055 §5), id-Ed25519 (RFC 8410 §3).
const SCHEMES: [(&[u8], Family, Hash); 7] = [
    (
        &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02],
        Family::Ecdsa,
        Hash::Sha256,
    ),
    (
        &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03],
        Family::Ecdsa,
        Hash::Sha384,
    ),
    (
        &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x04],
        Family::Ecdsa,
        Hash::Sha512,
    ),
    (
        &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b],
        Family::Rsa,
        Hash::Sha256,
    ),
    (
        &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0c],
        Family::Rsa,
        Hash::Sha384,
    ),
    (
        &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0d],
        Family::Rsa,
        Hash::Sha512,
    ),
    (&[0x2b, 0x65, 0x70], Family::Ed25519, Hash::Sha512),
];

/// rsaEncryption, which CMS uses together with a digest of its own.
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];

impl Scheme {
    /// Reads an `AlgorithmIdentifier` of a signature.
    ///
    /// # Errors
    ///
    /// Fails on kinds that are not read.
    pub fn parse(element: &Element<'_>) -> Result<Self, Error> {
        let mut parts = element.reader();
        let oid = parts.expect(tag::OID)?.content;
        parts.optional(tag::NULL)?;
        parts.finish()?;
        let known = SCHEMES.iter().find(|(name, ..)| *name == oid);
        known
            .map(|(_, family, hash)| Self {
                family: *family,
                hash: *hash,
            })
            .ok_or(Error::Algorithm)
    }

    /// The same where CMS names key and hash apart.
    ///
    /// # Errors
    ///
    /// Fails on kinds that are not read, and where the two contradict.
    pub fn parse_cms(element: &Element<'_>, digest: Hash) -> Result<Self, Error> {
        let mut parts = element.reader();
        if parts.expect(tag::OID)?.content == RSA {
            return Ok(Self {
                family: Family::Rsa,
                hash: digest,
            });
        }
        let scheme = Self::parse(element)?;
        if scheme.hash == digest {
            Ok(scheme)
        } else {
            Err(Error::TwoAlgorithms)
        }
    }

    /// Whether a key of this kind makes such signatures.
    #[must_use]
    pub const fn fits(self, key: &PublicKey) -> bool {
        use crate::crypto::Algorithm;
        matches!(
            (self.family, key.algorithm()),
            (Family::Ecdsa, Algorithm::P256 | Algorithm::P384)
                | (Family::Rsa, Algorithm::Rsa { .. })
                | (Family::Ed25519, Algorithm::Ed25519)
        )
    }
}

/// The bytes are no certificate that we can use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not DER, or of another shape.
    #[error("not a certificate")]
    Der(#[from] der::Error),
    /// Larger than any honest one.
    #[error("{0} bytes are more than the {LARGEST} a certificate may have")]
    TooLarge(usize),
    /// Not of version 3.
    #[error("the certificate's version field is {0}, expected 2 (version 3)")]
    Version(u64),
    /// Two fields contradict each other.
    #[error("two fields name different signature algorithms")]
    TwoAlgorithms,
    /// A kind of signature that is not read.
    #[error("the signature algorithm is not supported")]
    Algorithm,
    /// A kind of key that is not read.
    #[error("the certificate's key cannot be used")]
    Key(#[from] crate::crypto::ParseError),
    /// An extension that is there twice.
    #[error("the extension {0} is there twice")]
    Twice(String),
    /// More extensions than any honest certificate has.
    #[error("more than {MOST_EXTENSIONS} extensions")]
    TooMany,
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }
}
