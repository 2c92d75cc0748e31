//! Certificate transparency: that a log saw a certificate before it was
//! issued (RFC 6962 §3.2, §3.3).

use super::anchors::Log;
use crate::crypto::{Hash, Verifier};
use crate::der::{self, Error, Reader, tag};
use crate::digest::Digest;
use crate::time::Time;
use crate::x509::Certificate;
use crate::x509::extension::SCTS;

/// One promise of a log of certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sct {
    /// The log, by the SHA-256 of its key.
    pub log: [u8; 32],
    /// When it saw the certificate.
    pub time: Time,
    millis: [u8; 8],
    extensions: Vec<u8>,
    signature: Vec<u8>,
}

/// The promises inside of a certificate.
///
/// # Errors
///
/// Fails when they are malformed.
pub fn embedded(certificate: &Certificate) -> Result<Vec<Sct>, Error> {
    let Some(extension) = certificate.extension(SCTS) else {
        return Ok(Vec::new());
    };
    let mut reader = Reader::new(&extension.value);
    let list = reader.expect(tag::OCTET_STRING)?.content;
    reader.finish()?;
    let mut bytes = Bytes(list);
    let mut all = Bytes(bytes.vector(2)?);
    bytes.finish()?;
    let mut found = Vec::new();
    while !all.0.is_empty() {
        found.push(parse(all.vector(2)?)?);
    }
    Ok(found)
}

/// Reads one promise in the form of TLS (RFC 6962 §3.2).
///
/// # Errors
///
/// Fails on another version, and unless it is signed by ECDSA or RSA with
/// SHA-256 (RFC 5246 §7.4.1.4.1).
pub fn parse(bytes: &[u8]) -> Result<Sct, Error> {
    const WRONG: Error = Error::Value("an SCT is malformed");
    let mut bytes = Bytes(bytes);
    if bytes.take(1)? != [0] {
        return Err(Error::Value("an SCT is not of version 1"));
    }
    let log = bytes.take(32)?.try_into().map_err(|_length| WRONG)?;
    let millis: [u8; 8] = bytes.take(8)?.try_into().map_err(|_length| WRONG)?;
    let extensions = bytes.vector(2)?.to_vec();
    if !matches!(bytes.take(2)?, [4, 1 | 3]) {
        return Err(Error::Value(
            "an SCT is not signed by ECDSA or RSA with SHA-256",
        ));
    }
    let signature = bytes.vector(2)?.to_vec();
    bytes.finish()?;
    let time = i64::try_from(u64::from_be_bytes(millis)).unwrap_or(i64::MAX);
    let time = Time::from_unix_millis(time).map_err(|_error| WRONG)?;
    Ok(Sct {
        log,
        time,
        millis,
        extensions,
        signature,
    })
}

impl Sct {
    /// Whether this log made the promise about the certificate, before it was
    /// issued by `issuer`.
    #[must_use]
    pub fn is_of(
        &self,
        log: &Log,
        (certificate, issuer): (&Certificate, &Certificate),
        verifier: &dyn Verifier,
    ) -> bool {
        let Some(key) = &log.key else { return false };
        let Ok(signed) = precertificate(certificate) else {
            return false;
        };
        let issuer = Digest::of(issuer.key().der());
        let lengths = (
            u32::try_from(signed.len())
                .unwrap_or(u32::MAX)
                .to_be_bytes(),
            u16::try_from(self.extensions.len())
                .unwrap_or(u16::MAX)
                .to_be_bytes(),
        );
        let message = [
            // Version 1, certificate_timestamp; precert_entry.
            &[0, 0][..],
            &self.millis,
            &[0, 1],
            issuer.as_bytes(),
            lengths.0.get(1..).unwrap_or_default(),
            &signed,
            &lengths.1,
            &self.extensions,
        ]
        .concat();
        log.id == self.log
            && log.valid.contains(self.time)
            && verifier.verify_with(key, Hash::Sha256, &message, &self.signature)
    }
}

/// The certificate as the log saw it: what its issuer signed, without the
/// promises.
fn precertificate(certificate: &Certificate) -> Result<Vec<u8>, Error> {
    let mut fields = der::document(certificate.signed())?.reader();
    let mut kept = Vec::new();
    while !fields.is_empty() {
        let field = fields.any()?;
        if field.tag == tag::nested(3) {
            let all = certificate.extensions().iter();
            let others: Vec<u8> = all
                .filter(|one| one.oid != SCTS)
                .flat_map(|one| one.whole.clone())
                .collect();
            kept.extend(der::encode(tag::nested(3), &der::sequence(&[&others])));
        } else {
            kept.extend(field.whole);
        }
    }
    Ok(der::sequence(&[&kept]))
}

/// Reads the vectors of TLS (RFC 5246 §4.3).
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Error> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Error::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }

    fn vector(&mut self, width: usize) -> Result<&'a [u8], Error> {
        let length = self.take(width)?;
        let length = length
            .iter()
            .fold(0, |sum, byte| (sum << 8) | usize::from(*byte));
        self.take(length)
    }

    const fn finish(&self) -> Result<(), Error> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Error::Trailing)
        }
    }
}
