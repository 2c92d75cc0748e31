//! A timestamp authority (RFC 3161, CMS of RFC 5652, RFC 5816).

use anyhow::{Result, ensure};
use liftlock::time::Time;

use super::certificate::{Issuing, Purpose, Template, name, serial};
use super::der;
use super::fault::Lie;
use super::key::{Curve, Pair};
use super::{authority, clock};
use crate::http::Answer;

const SIGNED_DATA: [u32; 7] = [1, 2, 840, 113_549, 1, 7, 2];
const TST_INFO: [u32; 9] = [1, 2, 840, 113_549, 1, 9, 16, 1, 4];
const CONTENT_TYPE: [u32; 7] = [1, 2, 840, 113_549, 1, 9, 3];
const MESSAGE_DIGEST: [u32; 7] = [1, 2, 840, 113_549, 1, 9, 4];
const SIGNING_TIME: [u32; 7] = [1, 2, 840, 113_549, 1, 9, 5];
const SIGNING_CERTIFICATE_V2: [u32; 9] = [1, 2, 840, 113_549, 1, 9, 16, 2, 47];
/// Of our own making: what the real server has too.
const POLICY: [u32; 7] = [1, 3, 6, 1, 4, 1, 57264];

const YEAR_S: u32 = 365 * 24 * 3600;

/// A root, and a signer under it.
#[derive(Debug)]
pub(crate) struct Stamps {
    root: Vec<u8>,
    leaf: Vec<u8>,
    serial: [u8; 16],
    issuer_name: Vec<u8>,
    key: Pair,
    stamped: u64,
}

/// What of a request a stamp depends on (RFC 3161 §2.4.1).
struct Request {
    /// Algorithm and hash, as they came.
    imprint: Vec<u8>,
    /// As it came; empty when there is none.
    nonce: Vec<u8>,
    certificates: Certificates,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Certificates {
    Wanted,
    Unwanted,
}

impl Stamps {
    pub(crate) fn new(now: Time, curve: Curve) -> Result<Self> {
        let start = clock::before(now, i64::from(YEAR_S));
        let end = clock::after(now, YEAR_S);
        let (issuing, root) = authority::root("loopback stamps root", start, end)?;
        let Issuing {
            name: issuer_name, ..
        } = &issuing;
        let (key, serial) = (Pair::new(curve)?, serial()?);
        let leaf = Template {
            serial,
            purpose: Purpose::Stamps,
            subject: name(Some(("loopback", "loopback stamps"))),
            start,
            end,
            spki: &key.spki(),
            extensions: Vec::new(),
        }
        .sign(&issuing)?;
        Ok(Self {
            root,
            leaf,
            serial,
            issuer_name: issuer_name.clone(),
            key,
            stamped: 0,
        })
    }

    /// Certificates of the authority, the signer's first.
    pub(crate) fn chain(&self) -> [&[u8]; 2] {
        [&self.leaf, &self.root]
    }

    /// The answer to a request in DER.
    pub(crate) fn answer(&mut self, body: &[u8], now: Time, lie: Option<Lie>) -> Result<Answer> {
        let Ok(request) = Request::parse(body) else {
            return Ok(Answer::new(400).body("Error parsing request\n"));
        };
        self.stamped += 1;
        let response = match lie {
            // rejection, with no token.
            Some(Lie::Rejection) => der::sequence(&[&der::sequence(&[&der::integer(2)])]),
            Some(Lie::OtherAuthority) => {
                Self::new(now, self.key.curve())?.response(&request, now, None)?
            }
            Some(_) | None => self.response(&request, now, lie)?,
        };
        Ok(Answer::new(201)
            .header("content-type", "application/timestamp-reply")
            .body(response))
    }

    fn response(&self, request: &Request, now: Time, lie: Option<Lie>) -> Result<Vec<u8>> {
        let now = match lie {
            Some(Lie::OtherTime) => clock::long_before(now),
            Some(_) | None => now,
        };
        let info = self.info(request, now, lie)?;
        let (algorithm, hash) = self.key.curve().hash(&info);
        let attributes = self.attributes(&hash, now);
        // Signed as a SET OF, written as [0] IMPLICIT (RFC 5652 §5.4).
        let signature = self.key.sign(&der::set(attributes.clone()))?;
        let mut sorted = attributes;
        sorted.sort();
        let signer = der::sequence(&[
            &der::integer(1),
            &der::sequence(&[&self.issuer_name, &der::unsigned(&self.serial)]),
            &algorithm,
            &der::context(0, &[&sorted.concat()]),
            &self.key.curve().signature_algorithm(),
            &der::octets(&signature),
        ]);
        let certificates = match request.certificates {
            Certificates::Wanted => der::context(0, &[&self.leaf]),
            Certificates::Unwanted => Vec::new(),
        };
        let content = der::context(0, &[&der::octets(&info)]);
        let signed = der::sequence(&[
            &der::integer(3),
            &der::set(vec![algorithm]),
            &der::sequence(&[&der::oid(&TST_INFO), &content]),
            &certificates,
            &der::set(vec![signer]),
        ]);
        let token = der::sequence(&[&der::oid(&SIGNED_DATA), &der::context(0, &[&signed])]);
        // granted.
        let status = der::sequence(&[&der::integer(0)]);
        Ok(der::sequence(&[&status, &token]))
    }

    /// `TSTInfo`, RFC 3161 §2.4.2.
    fn info(&self, request: &Request, now: Time, lie: Option<Lie>) -> Result<Vec<u8>> {
        let imprint = match lie {
            Some(Lie::OtherImprint) => {
                let (algorithm, hash) = Curve::P256.hash(&request.imprint);
                der::sequence(&[&algorithm, &der::octets(&hash)])
            }
            Some(_) | None => request.imprint.clone(),
        };
        let nonce = match lie {
            Some(Lie::OtherNonce) => der::unsigned(&serial()?),
            Some(_) | None => request.nonce.clone(),
        };
        // Exact to the second.
        let accuracy = der::sequence(&[&der::integer(1)]);
        Ok(der::sequence(&[
            &der::integer(1),
            &der::oid(&POLICY),
            &imprint,
            &der::integer(self.stamped),
            &der::generalized_time(now),
            &accuracy,
            &nonce,
        ]))
    }

    fn attributes(&self, hash: &[u8], now: Time) -> Vec<Vec<u8>> {
        let attribute =
            |id: &[u32], value: Vec<u8>| der::sequence(&[&der::oid(id), &der::set(vec![value])]);
        // ESSCertIDv2, RFC 5035 §4: SHA-256 is the default and so not written.
        let (_, certificate) = Curve::P256.hash(&self.leaf);
        let issuer = der::sequence(&[&der::context(4, &[&self.issuer_name])]);
        let serial = der::sequence(&[&issuer, &der::unsigned(&self.serial)]);
        let id = der::sequence(&[&der::octets(&certificate), &serial]);
        let ids = der::sequence(&[&der::sequence(&[&id])]);
        vec![
            attribute(&CONTENT_TYPE, der::oid(&TST_INFO)),
            attribute(&SIGNING_TIME, der::utc_time(now)),
            attribute(&MESSAGE_DIGEST, der::octets(hash)),
            attribute(&SIGNING_CERTIFICATE_V2, ids),
        ]
    }
}

impl Request {
    fn parse(bytes: &[u8]) -> Result<Self> {
        let mut request = der::Reader(bytes).sequence()?;
        let version = request.expect(der::INTEGER)?.content;
        ensure!(version == [1], "version");
        let imprint = request.expect(der::SEQUENCE)?;
        let mut parts = der::Reader(imprint.content);
        let algorithm = parts.expect(der::SEQUENCE)?.content;
        let sha256 = der::oid(&[2, 16, 840, 1, 101, 3, 4, 2, 1]);
        ensure!(algorithm.starts_with(&sha256), "hash algorithm");
        ensure!(parts.expect(der::OCTETS)?.content.len() == 32, "hash");
        request.optional(der::OID)?;
        let nonce = request.optional(der::INTEGER)?;
        let wanted = request.optional(der::BOOLEAN)?;
        Ok(Self {
            imprint: imprint.whole.to_vec(),
            nonce: nonce.map(|nonce| nonce.whole.to_vec()).unwrap_or_default(),
            certificates: match wanted {
                Some(value) if value.content == [0xff] => Certificates::Wanted,
                Some(_) | None => Certificates::Unwanted,
            },
        })
    }
}
