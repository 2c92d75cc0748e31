//! Timestamps: that somebody else saw a signature at a time (RFC 3161, in the
//! form of CMS, RFC 5652).

mod cms;
mod error;

use super::anchors::{Authority, TrustedRoot};
use crate::crypto::{Hash, Verifier};
use crate::der::{self, Reader, tag};
use crate::time::Time;
use crate::x509::extension::{EXTENDED_KEY_USAGE, SUBJECT_KEY_ID, TIME_STAMPING};
use crate::x509::path::{self, Wanted};
use crate::x509::{self, Certificate, Scheme};

pub use error::Error;

/// The most bytes of an answer; real ones have 700 to 6,000.
const LARGEST: usize = 256 * 1024;

/// The most certificates inside of an answer.
const MOST_CERTIFICATES: usize = 16;

/// id-signedData.
const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
/// id-ct-TSTInfo.
const TST_INFO: &[u8] = &[
    0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x01, 0x04,
];
/// id-contentType.
const CONTENT_TYPE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x03];
/// id-messageDigest.
const MESSAGE_DIGEST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x04];
/// SHA-2 of the NIST arc.
const HASHES: [(&[u8], Hash); 3] = [
    (
        &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01],
        Hash::Sha256,
    ),
    (
        &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02],
        Hash::Sha384,
    ),
    (
        &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03],
        Hash::Sha512,
    ),
];

/// A request for a timestamp over a signature, with this nonce, that asks for
/// the certificates (RFC 3161 §2.4.1).
#[must_use]
pub fn request(signature: &[u8], nonce: u64) -> Vec<u8> {
    let (oid, hash) = HASHES[0];
    let algorithm = der::sequence(&[&der::encode(tag::OID, oid), &der::encode(tag::NULL, &[])]);
    let hashed = der::encode(tag::OCTET_STRING, &hash.of(signature));
    let imprint = der::sequence(&[&algorithm, &hashed]);
    let wanted = der::encode(tag::BOOLEAN, &[0xff]);
    der::sequence(&[
        &der::integer(&[1]),
        &imprint,
        &der::integer(&nonce.to_be_bytes()),
        &wanted,
    ])
}

/// A timestamp, of which nothing is proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timestamp {
    /// When the authority says that it saw the signature.
    pub time: Time,
    imprint: (Hash, Vec<u8>),
    nonce: Option<Vec<u8>>,
    info: Vec<u8>,
    certificates: Vec<Certificate>,
    signer: Signer,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Signer {
    id: SignerId,
    digest: Hash,
    attributes: Vec<u8>,
    scheme: Scheme,
    signature: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum SignerId {
    Issued { issuer: Vec<u8>, serial: Vec<u8> },
    Key(Vec<u8>),
}

impl SignerId {
    fn is(&self, certificate: &Certificate) -> bool {
        match self {
            Self::Issued { issuer, serial } => {
                certificate.issuer() == issuer && certificate.serial() == serial
            }
            Self::Key(id) => {
                let written = der::encode(tag::OCTET_STRING, id);
                certificate
                    .extension(SUBJECT_KEY_ID)
                    .is_some_and(|one| one.value == written)
            }
        }
    }
}

impl Timestamp {
    /// Reads the answer of an authority.
    ///
    /// # Errors
    ///
    /// Fails on a refusal and on anything that is no timestamp.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > LARGEST {
            return Err(Error::TooLarge(bytes.len()));
        }
        let mut answer = der::document(bytes)?.reader();
        let status = answer.sequence()?.expect(tag::INTEGER)?.small()?;
        // 0 granted, 1 granted with changes (RFC 3161 §2.4.2).
        if status > 1 {
            return Err(Error::Status(status));
        }
        let mut token = answer.sequence()?;
        answer.finish()?;
        if token.expect(tag::OID)?.content != SIGNED_DATA {
            return Err(Error::Shape("it is not signed data"));
        }
        let mut inner = token.expect(tag::nested(0))?.reader();
        token.finish()?;
        let signed = inner.expect(tag::SEQUENCE)?;
        inner.finish()?;
        cms::signed_data(&signed)
    }

    /// Whether it answers a request with this nonce.
    #[must_use]
    pub fn answers(&self, nonce: u64) -> bool {
        let sent = nonce.to_be_bytes();
        let sent: Vec<u8> = sent.into_iter().skip_while(|byte| *byte == 0).collect();
        self.nonce.as_ref() == Some(&sent)
    }

    /// Proves that an authority of the trusted root saw this signature at the
    /// time that the timestamp says.
    ///
    /// # Errors
    ///
    /// Fails unless that is proved.
    pub fn verify<'a>(
        &self,
        signature: &[u8],
        root: &'a TrustedRoot,
        verifier: &dyn Verifier,
    ) -> Result<&'a Authority, Error> {
        let (hash, imprint) = &self.imprint;
        if hash.of(signature) != *imprint {
            return Err(Error::Imprint);
        }
        self.check_attributes()?;
        let mut reason = Error::Untrusted;
        for authority in &root.timestamp_authorities {
            match self.made_by(authority, verifier) {
                Ok(()) => return Ok(authority),
                Err(Error::Untrusted) => {}
                Err(other) => reason = other,
            }
        }
        Err(reason)
    }

    fn made_by(&self, authority: &Authority, verifier: &dyn Verifier) -> Result<(), Error> {
        let all: Vec<&Certificate> = authority.chain.iter().chain(&self.certificates).collect();
        let signer = all
            .iter()
            .find(|one| self.signer.id.is(one))
            .ok_or(Error::Untrusted)?;
        // Where the root names the signer itself, nobody else will do.
        let named = authority.chain.first().filter(|one| {
            one.purposes().is_ok_and(|all| all.is_some()) && one.authority() == Ok(None)
        });
        if named.is_some_and(|named| named != *signer) {
            return Err(Error::Untrusted);
        }
        let anchor = authority.anchor().ok_or(Error::Untrusted)?;
        let wanted = Wanted {
            time: self.time,
            purpose: TIME_STAMPING,
            known: &[],
        };
        let between: Vec<Certificate> = all.iter().map(|one| (*one).clone()).collect();
        match path::build(signer, &between, anchor, &wanted, verifier) {
            Ok(_) => {}
            Err(path::Error::NoPath) => return Err(Error::Untrusted),
            Err(other) => return Err(Error::Path(other)),
        }
        check_purpose(signer)?;
        if !authority.valid.contains(self.time) {
            return Err(Error::Time(self.time));
        }
        let Signer {
            scheme,
            attributes,
            signature,
            ..
        } = &self.signer;
        let proved = scheme.fits(signer.key())
            && verifier.verify_with(signer.key(), scheme.hash, attributes, signature);
        if proved {
            Ok(())
        } else {
            Err(Error::Signature)
        }
    }

    /// What was signed are the attributes; they have to be about the content.
    fn check_attributes(&self) -> Result<(), Error> {
        let wrong = Err(Error::Shape(
            "its signed attributes are not about its content",
        ));
        let mut set = Reader::new(&self.signer.attributes);
        let mut all = set.expect(tag::SET)?.reader();
        let (mut kind, mut digest) = (None, None);
        while !all.is_empty() {
            let mut one = all.sequence()?;
            let oid = one.expect(tag::OID)?.content;
            let mut values = one.expect(tag::SET)?.reader();
            one.finish()?;
            let slot = match oid {
                CONTENT_TYPE => &mut kind,
                MESSAGE_DIGEST => &mut digest,
                _ => continue,
            };
            let value = values.any()?;
            if !values.is_empty() || slot.replace(value).is_some() {
                return wrong;
            }
        }
        let hashed = self.signer.digest.of(&self.info);
        match (kind, digest) {
            (Some(kind), Some(digest))
                if (kind.tag, kind.content) == (tag::OID, TST_INFO)
                    && (digest.tag, digest.content) == (tag::OCTET_STRING, &hashed) =>
            {
                Ok(())
            }
            (Some(_) | None, _) => wrong,
        }
    }
}

/// The purpose has to be critical and the only one (RFC 3161 §2.3).
fn check_purpose(signer: &Certificate) -> Result<(), Error> {
    let critical = signer
        .extension(EXTENDED_KEY_USAGE)
        .is_some_and(|one| one.critical);
    let purposes = signer
        .purposes()
        .map_err(x509::Error::Der)
        .map_err(path::Error::Malformed);
    let only = purposes
        .map_err(Error::Path)?
        .is_some_and(|all| all.len() == 1);
    if critical && only {
        Ok(())
    } else {
        Err(Error::Shape(
            "its signer's certificate is not for timestamps alone",
        ))
    }
}
