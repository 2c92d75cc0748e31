//! Extensions of certificates and what they say (RFC 5280 §4.2, RFC 6962 §3.3,
//! Fulcio's `docs/oid-info.md`).

use super::Certificate;
use crate::der::{self, Element, Error, Reader, tag};

/// basicConstraints.
pub const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
/// keyUsage.
pub const KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
/// extKeyUsage.
pub const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25];
/// subjectAltName.
pub const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];
/// subjectKeyIdentifier.
pub const SUBJECT_KEY_ID: &[u8] = &[0x55, 0x1d, 0x0e];
/// The list of embedded SCTs, 1.3.6.1.4.1.11129.2.4.2 (RFC 6962 §3.3).
pub const SCTS: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0xd6, 0x79, 0x02, 0x04, 0x02];
/// id-kp-codeSigning.
pub const CODE_SIGNING: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x03];
/// id-kp-timeStamping.
pub const TIME_STAMPING: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x08];
/// Fulcio's arc, 1.3.6.1.4.1.57264.1.
const FULCIO: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x83, 0xbf, 0x30, 0x01];
/// The name of a user without an e-mail address, 1.3.6.1.4.1.57264.1.7.
const USERNAME: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x83, 0xbf, 0x30, 0x01, 0x07];

/// One extension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    /// The contents of its OBJECT IDENTIFIER.
    pub oid: Vec<u8>,
    /// Whether a reader who does not know it has to refuse.
    pub critical: bool,
    /// What is inside of its OCTET STRING.
    pub value: Vec<u8>,
    /// All of it, as it was signed.
    pub whole: Vec<u8>,
}

impl Extension {
    pub(super) fn parse(element: &Element<'_>) -> Result<Self, Error> {
        let mut parts = element.reader();
        let oid = parts.expect(tag::OID)?.content.to_vec();
        let critical = match parts.optional(tag::BOOLEAN)? {
            Some(written) => written.boolean()?,
            None => false,
        };
        let value = parts.expect(tag::OCTET_STRING)?.content.to_vec();
        parts.finish()?;
        Ok(Self {
            oid,
            critical,
            value,
            whole: element.whole.to_vec(),
        })
    }
}

/// An OBJECT IDENTIFIER as people write it.
#[must_use]
pub fn name(oid: &[u8]) -> String {
    let mut arcs: Vec<u64> = Vec::new();
    let mut arc = 0_u64;
    for byte in oid {
        arc = (arc << 7) | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            if arcs.is_empty() {
                let first = (arc / 40).min(2);
                arcs.extend([first, arc - first * 40]);
            } else {
                arcs.push(arc);
            }
            arc = 0;
        }
    }
    let arcs: Vec<String> = arcs.iter().map(u64::to_string).collect();
    arcs.join(".")
}

/// An alternative name of the subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AltName {
    /// An e-mail address.
    Email(String),
    /// A URI.
    Uri(String),
    /// A user's name, Fulcio's `OtherName`.
    Username(String),
    /// A DNS name.
    Dns(String),
}

impl AltName {
    /// The name itself.
    #[must_use]
    pub fn value(&self) -> &str {
        match self {
            Self::Email(text) | Self::Uri(text) | Self::Username(text) | Self::Dns(text) => text,
        }
    }
}

impl Certificate {
    /// Whether it may issue certificates, and how many more authorities may
    /// follow below it.
    ///
    /// # Errors
    ///
    /// Fails when the extension is malformed.
    pub fn authority(&self) -> Result<Option<Authority>, Error> {
        let Some(extension) = self.extension(BASIC_CONSTRAINTS) else {
            return Ok(None);
        };
        let mut parts = der::document(&extension.value)?.reader();
        let is = match parts.optional(tag::BOOLEAN)? {
            Some(written) => written.boolean()?,
            None => false,
        };
        let below = match parts.optional(tag::INTEGER)? {
            Some(written) => Some(written.small()?),
            None => None,
        };
        parts.finish()?;
        Ok(is.then_some(Authority { below }))
    }

    /// The bits of keyUsage, bit 0 first in the highest bit of the first byte;
    /// nothing where the extension is absent.
    ///
    /// # Errors
    ///
    /// Fails when the extension is malformed.
    pub fn key_usage(&self) -> Result<Option<u8>, Error> {
        let Some(extension) = self.extension(KEY_USAGE) else {
            return Ok(None);
        };
        let mut reader = Reader::new(&extension.value);
        let bits = reader.expect(tag::BIT_STRING)?;
        reader.finish()?;
        match bits.content {
            [unused, first, ..] if *unused < 8 => Ok(Some(*first)),
            [] | [_, ..] => Err(Error::Value("keyUsage is malformed")),
        }
    }

    /// The purposes of extKeyUsage; nothing where the extension is absent.
    ///
    /// # Errors
    ///
    /// Fails when the extension is malformed.
    pub fn purposes(&self) -> Result<Option<Vec<Vec<u8>>>, Error> {
        let Some(extension) = self.extension(EXTENDED_KEY_USAGE) else {
            return Ok(None);
        };
        let mut parts = der::document(&extension.value)?.reader();
        let mut all = Vec::new();
        while !parts.is_empty() {
            all.push(parts.expect(tag::OID)?.content.to_vec());
        }
        Ok(Some(all))
    }

    /// The alternative names; kinds that name no signer are left out.
    ///
    /// # Errors
    ///
    /// Fails when the extension is malformed.
    pub fn alt_names(&self) -> Result<Vec<AltName>, Error> {
        let Some(extension) = self.extension(SUBJECT_ALT_NAME) else {
            return Ok(Vec::new());
        };
        let mut parts = der::document(&extension.value)?.reader();
        let mut all = Vec::new();
        while !parts.is_empty() {
            let one = parts.any()?;
            let text = || one.text().map(ToOwned::to_owned);
            match one.tag {
                0xa0 => all.extend(username(&one)?),
                0x81 => all.push(AltName::Email(text()?)),
                0x82 => all.push(AltName::Dns(text()?)),
                0x86 => all.push(AltName::Uri(text()?)),
                _ => {}
            }
        }
        Ok(all)
    }

    /// What Fulcio wrote about the signer under 1.3.6.1.4.1.57264.1.NUMBER:
    /// plain text up to 6, `UTF8String` from 8 on.
    ///
    /// # Errors
    ///
    /// Fails when the extension is malformed.
    pub fn claim(&self, number: u8) -> Result<Option<String>, Error> {
        let oid = [FULCIO, &[number]].concat();
        let Some(extension) = self.extension(&oid) else {
            return Ok(None);
        };
        if number < 7 {
            let text = std::str::from_utf8(&extension.value);
            return match text {
                Ok(text) => Ok(Some(text.to_owned())),
                Err(_not_text) => Err(Error::Value("a claim of the certificate is not UTF-8")),
            };
        }
        let mut reader = Reader::new(&extension.value);
        let text = reader.expect(tag::UTF8_STRING)?.text()?.to_owned();
        reader.finish()?;
        Ok(Some(text))
    }

    /// Who vouched for the signer's identity: the claim 8, in older
    /// certificates the claim 1.
    ///
    /// # Errors
    ///
    /// Fails when the extension is malformed.
    pub fn oidc_issuer(&self) -> Result<Option<String>, Error> {
        match self.claim(8)? {
            Some(issuer) => Ok(Some(issuer)),
            None => self.claim(1),
        }
    }
}

/// That a certificate may issue others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authority {
    /// How many more authorities may follow below it.
    pub below: Option<u64>,
}

fn username(element: &Element<'_>) -> Result<Option<AltName>, Error> {
    let mut parts = element.reader();
    if parts.expect(tag::OID)?.content != USERNAME {
        return Ok(None);
    }
    let mut value = parts.expect(tag::nested(0))?.reader();
    let text = value.expect(tag::UTF8_STRING)?.text()?;
    Ok(Some(AltName::Username(text.to_owned())))
}
