//! X.509 certificates (RFC 5280), as Fulcio and timestamp authorities issue them.

use anyhow::Result;
use liftlock::digest::Digest;
use liftlock::time::Time;

use super::der;
use super::key::Pair;

const CODE_SIGNING: [u32; 9] = [1, 3, 6, 1, 5, 5, 7, 3, 3];
const TIME_STAMPING: [u32; 9] = [1, 3, 6, 1, 5, 5, 7, 3, 8];

/// Whether a client that does not understand an extension must refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weight {
    Critical,
    Optional,
}

/// What a certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Anchor of a chain.
    Root,
    /// Issues certificates for signatures over code.
    CodeAuthority,
    /// Signs code.
    Code,
    /// Signs timestamps.
    Stamps,
}

/// A distinguished name: an organisation and a common name, or nothing.
pub(crate) fn name(parts: Option<(&str, &str)>) -> Vec<u8> {
    let attribute = |last: u32, text: &str| {
        let pair = der::sequence(&[&der::oid(&[2, 5, 4, last]), &der::utf8(text)]);
        der::set(vec![pair])
    };
    match parts {
        None => der::sequence(&[]),
        Some((organisation, common)) => {
            der::sequence(&[&attribute(10, organisation), &attribute(3, common)])
        }
    }
}

/// One extension; `value` is the DER inside of its OCTET STRING.
pub(crate) fn extension(id: &[u32], weight: Weight, value: &[u8]) -> Vec<u8> {
    let critical = match weight {
        Weight::Critical => der::tlv(der::BOOLEAN, &[&[0xff]]),
        Weight::Optional => Vec::new(),
    };
    der::sequence(&[&der::oid(id), &critical, &der::octets(value)])
}

/// A certificate to be.
#[derive(Clone, Debug)]
pub(crate) struct Template<'a> {
    pub(crate) serial: [u8; 16],
    pub(crate) purpose: Purpose,
    pub(crate) subject: Vec<u8>,
    pub(crate) start: Time,
    pub(crate) end: Time,
    pub(crate) spki: &'a [u8],
    /// Besides those that the purpose asks for, in order.
    pub(crate) extensions: Vec<Vec<u8>>,
}

impl Template<'_> {
    /// The part that is signed.
    pub(crate) fn tbs(&self, issuer: &Issuing) -> Vec<u8> {
        let mut extensions = self.usual(issuer);
        extensions.extend(self.extensions.clone());
        der::sequence(&[
            // Version 3.
            &der::context(0, &[&der::integer(2)]),
            &der::unsigned(&self.serial),
            &issuer.key.curve().signature_algorithm(),
            &issuer.name,
            &der::sequence(&[&der::utc_time(self.start), &der::utc_time(self.end)]),
            &self.subject,
            self.spki,
            &der::context(3, &[&der::sequence(&[&extensions.concat()])]),
        ])
    }

    /// The certificate.
    pub(crate) fn sign(&self, issuer: &Issuing) -> Result<Vec<u8>> {
        let tbs = self.tbs(issuer);
        let signature = issuer.key.sign(&tbs)?;
        Ok(der::sequence(&[
            &tbs,
            &issuer.key.curve().signature_algorithm(),
            &der::bits(&signature),
        ]))
    }

    fn usual(&self, issuer: &Issuing) -> Vec<Vec<u8>> {
        // RFC 5280 §4.2.1.3: digitalSignature is bit 0, keyCertSign 5, cRLSign 6.
        let signs = der::tlv(der::BITS, &[&[7, 0x80]]);
        let issues = der::tlv(der::BITS, &[&[1, 0x06]]);
        let usage = |bits: &[u8]| extension(&[2, 5, 29, 15], Weight::Critical, bits);
        let authority = |path: &[u8]| {
            let value = der::sequence(&[&der::tlv(der::BOOLEAN, &[&[0xff]]), path]);
            extension(&[2, 5, 29, 19], Weight::Critical, &value)
        };
        let purpose = |weight, id: &[u32]| {
            extension(&[2, 5, 29, 37], weight, &der::sequence(&[&der::oid(id)]))
        };
        let mut all = match self.purpose {
            Purpose::Root => vec![usage(&issues), authority(&[])],
            Purpose::CodeAuthority => vec![
                usage(&issues),
                purpose(Weight::Optional, &CODE_SIGNING),
                authority(&der::integer(0)),
            ],
            Purpose::Code => vec![usage(&signs), purpose(Weight::Optional, &CODE_SIGNING)],
            // RFC 3161 §2.3 wants it critical.
            Purpose::Stamps => vec![usage(&signs), purpose(Weight::Critical, &TIME_STAMPING)],
        };
        let own = der::octets(&key_identifier(self.spki));
        all.push(extension(&[2, 5, 29, 14], Weight::Optional, &own));
        let of_issuer = der::tlv(0x80, &[&key_identifier(&issuer.key.spki())]);
        let of_issuer = der::sequence(&[&of_issuer]);
        all.push(extension(&[2, 5, 29, 35], Weight::Optional, &of_issuer));
        all
    }
}

fn key_identifier(spki: &[u8]) -> Vec<u8> {
    let hash = Digest::of(spki);
    hash.as_bytes().iter().copied().take(20).collect()
}

/// A name and a key that certificates are issued by.
#[derive(Debug)]
pub(crate) struct Issuing {
    pub(crate) name: Vec<u8>,
    pub(crate) key: Pair,
}

/// Sixteen random bytes, the first of which is neither 0 nor above 127.
pub(crate) fn serial() -> Result<[u8; 16]> {
    let random = ring::rand::SystemRandom::new();
    let mut bytes: [u8; 16] = ring::rand::generate(&random)
        .map_err(anyhow::Error::msg)?
        .expose();
    if let Some(first) = bytes.first_mut() {
        *first = *first & 0x3f | 0x40;
    }
    Ok(bytes)
}
