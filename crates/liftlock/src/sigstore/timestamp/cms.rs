//! The form of a timestamp: CMS signed data (RFC 5652) around a `TSTInfo`
//! (RFC 3161 §2.4.2).

use super::{Error, HASHES, MOST_CERTIFICATES, Signer, SignerId, TST_INFO, Timestamp};
use crate::crypto::Hash;
use crate::der::{self, Element, Reader, tag};
use crate::time::Time;
use crate::x509::{Certificate, Scheme};

/// Reads signed data whose content is a timestamp.
pub(super) fn signed_data(element: &Element<'_>) -> Result<Timestamp, Error> {
    let mut parts = element.reader();
    parts.expect(tag::INTEGER)?;
    parts.expect(tag::SET)?;
    let mut content = parts.sequence()?;
    if content.expect(tag::OID)?.content != TST_INFO {
        return Err(Error::Shape("its content is no timestamp"));
    }
    let mut inner = content.expect(tag::nested(0))?.reader();
    content.finish()?;
    let info = inner.expect(tag::OCTET_STRING)?.content.to_vec();
    inner.finish()?;
    let certificates = match parts.optional(tag::nested(0))? {
        Some(set) => certificates(&set)?,
        None => Vec::new(),
    };
    parts.optional(tag::nested(1))?;
    let mut signers = parts.expect(tag::SET)?.reader();
    parts.finish()?;
    let signer = signer(signers.sequence()?)?;
    if !signers.is_empty() {
        return Err(Error::Shape("it has more than one signer"));
    }
    let (time, imprint, nonce) = tst_info(&info)?;
    Ok(Timestamp {
        time,
        imprint,
        nonce,
        info,
        certificates,
        signer,
    })
}

fn certificates(set: &Element<'_>) -> Result<Vec<Certificate>, Error> {
    let mut all = set.reader();
    let mut found = Vec::new();
    let mut count = 0;
    while !all.is_empty() {
        count += 1;
        if count > MOST_CERTIFICATES {
            return Err(Error::Shape("it has more than 16 certificates"));
        }
        // One of a kind that is not read cannot be on a path.
        found.extend(Certificate::parse(all.any()?.whole).ok());
    }
    Ok(found)
}

fn signer(mut parts: Reader<'_>) -> Result<Signer, Error> {
    parts.expect(tag::INTEGER)?;
    let id = parts.any()?;
    let id = match id.tag {
        tag::SEQUENCE => {
            let mut both = id.reader();
            let issuer = both.expect(tag::SEQUENCE)?.whole.to_vec();
            let serial = both.expect(tag::INTEGER)?.content.to_vec();
            SignerId::Issued { issuer, serial }
        }
        0x80 => SignerId::Key(id.content.to_vec()),
        _ => return Err(Error::Shape("it does not name its signer")),
    };
    let digest = hash(parts.sequence()?)?;
    let attributes = parts.expect(tag::nested(0))?;
    // What was signed has the tag of a SET (RFC 5652 §5.4).
    let attributes = der::encode(tag::SET, attributes.content);
    let scheme = Scheme::parse_cms(&parts.expect(tag::SEQUENCE)?, digest)?;
    let signature = parts.expect(tag::OCTET_STRING)?.content.to_vec();
    parts.optional(tag::nested(1))?;
    parts.finish()?;
    Ok(Signer {
        id,
        digest,
        attributes,
        scheme,
        signature,
    })
}

type Info = (Time, (Hash, Vec<u8>), Option<Vec<u8>>);

fn tst_info(bytes: &[u8]) -> Result<Info, Error> {
    let mut parts = der::document(bytes)?.reader();
    if parts.expect(tag::INTEGER)?.small()? != 1 {
        return Err(Error::Shape("it is not of version 1"));
    }
    parts.expect(tag::OID)?;
    let mut imprint = parts.sequence()?;
    let hash = hash(imprint.sequence()?)?;
    let hashed = imprint.expect(tag::OCTET_STRING)?.content.to_vec();
    imprint.finish()?;
    parts.expect(tag::INTEGER)?;
    let time = parts.expect(tag::GENERALIZED_TIME)?.time()?;
    parts.optional(tag::SEQUENCE)?;
    parts.optional(tag::BOOLEAN)?;
    let nonce = match parts.optional(tag::INTEGER)? {
        Some(nonce) => Some(nonce.unsigned()?.to_vec()),
        None => None,
    };
    parts.optional(tag::nested(0))?;
    parts.optional(tag::nested(1))?;
    parts.finish()?;
    Ok((time, (hash, hashed), nonce))
}

fn hash(mut algorithm: Reader<'_>) -> Result<Hash, Error> {
    let oid = algorithm.expect(tag::OID)?.content;
    algorithm.optional(tag::NULL)?;
    algorithm.finish()?;
    let known = HASHES.iter().find(|(name, _)| *name == oid);
    known
        .map(|(_, hash)| *hash)
        .ok_or(Error::Shape("it uses a hash other than SHA-2"))
}
