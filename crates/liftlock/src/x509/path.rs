//! From a certificate to an anchor at a given time (RFC 5280 §6.1).

use super::extension::{self, BASIC_CONSTRAINTS, EXTENDED_KEY_USAGE, KEY_USAGE, SUBJECT_ALT_NAME};
use super::{Certificate, Error as CertificateError};
use crate::crypto::Verifier;
use crate::failure::{Explain, Kind};
use crate::time::Time;

/// The most certificates between signer and anchor.
const LONGEST: usize = 8;

/// The bit of keyUsage for digital signatures.
const DIGITAL_SIGNATURE: u8 = 0x80;
/// The bit of keyUsage for signing certificates.
const CERTIFICATE_SIGN: u8 = 0x04;

/// What is asked of a path.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// When every certificate has to count.
    pub time: Time,
    /// What the signer's certificate has to be for.
    pub purpose: &'a [u8],
    /// Critical extensions that the caller checks by itself.
    pub known: &'a [&'a [u8]],
}

/// Proves that a certificate leads to an anchor, over `between` in any order,
/// and returns the path: the certificate first, the anchor last.
///
/// # Errors
///
/// Fails unless that is proved; the reason is the one that got furthest.
pub fn build<'a>(
    leaf: &'a Certificate,
    between: &'a [Certificate],
    anchor: &'a Certificate,
    wanted: &Wanted<'_>,
    verifier: &dyn Verifier,
) -> Result<Vec<&'a Certificate>, Error> {
    check_leaf(leaf, wanted)?;
    let mut path = vec![leaf];
    loop {
        let last = path.last().copied().unwrap_or(leaf);
        if last.issuer() == anchor.subject() && last.is_signed_by(anchor.key(), verifier) {
            check_issuer(anchor, path.len() - 1, wanted)?;
            path.push(anchor);
            return Ok(path);
        }
        let next = between.iter().find(|one| {
            last.issuer() == one.subject()
                && !path.contains(one)
                && last.is_signed_by(one.key(), verifier)
        });
        let Some(next) = next.filter(|_| path.len() < LONGEST) else {
            return Err(Error::NoPath);
        };
        check_issuer(next, path.len() - 1, wanted)?;
        path.push(next);
    }
}

fn check_leaf(leaf: &Certificate, wanted: &Wanted<'_>) -> Result<(), Error> {
    check_time(leaf, wanted.time)?;
    check_critical(leaf, wanted)?;
    if leaf.authority().map_err(CertificateError::Der)?.is_some() {
        return Err(Error::Authority);
    }
    let usage = leaf.key_usage().map_err(CertificateError::Der)?;
    if usage.is_some_and(|bits| bits & DIGITAL_SIGNATURE == 0) {
        return Err(Error::Usage("sign"));
    }
    let purposes = leaf.purposes().map_err(CertificateError::Der)?;
    match purposes {
        Some(all) if all.iter().any(|one| one == wanted.purpose) => Ok(()),
        Some(_) | None => Err(Error::Purpose(extension::name(wanted.purpose))),
    }
}

/// `below` counts the authorities between this one and the signer.
fn check_issuer(issuer: &Certificate, below: usize, wanted: &Wanted<'_>) -> Result<(), Error> {
    check_time(issuer, wanted.time)?;
    check_critical(issuer, wanted)?;
    let authority = issuer.authority().map_err(CertificateError::Der)?;
    let authority = authority.ok_or(Error::NoAuthority)?;
    let longest = authority.below.unwrap_or(u64::MAX);
    if u64::try_from(below).unwrap_or(u64::MAX) > longest {
        return Err(Error::TooLong);
    }
    let usage = issuer.key_usage().map_err(CertificateError::Der)?;
    if usage.is_some_and(|bits| bits & CERTIFICATE_SIGN == 0) {
        return Err(Error::Usage("issue certificates"));
    }
    // An authority that is for some purposes only must be for this one.
    let purposes = issuer.purposes().map_err(CertificateError::Der)?;
    match purposes {
        Some(all) if all.iter().all(|one| one != wanted.purpose) => {
            Err(Error::Purpose(extension::name(wanted.purpose)))
        }
        Some(_) | None => Ok(()),
    }
}

fn check_time(certificate: &Certificate, time: Time) -> Result<(), Error> {
    if certificate.is_valid_at(time) {
        return Ok(());
    }
    Err(Error::Time {
        time,
        from: certificate.not_before(),
        until: certificate.not_after(),
    })
}

fn check_critical(certificate: &Certificate, wanted: &Wanted<'_>) -> Result<(), Error> {
    const OURS: [&[u8]; 4] = [
        BASIC_CONSTRAINTS,
        KEY_USAGE,
        EXTENDED_KEY_USAGE,
        SUBJECT_ALT_NAME,
    ];
    let unknown = certificate.extensions().iter().find(|one| {
        let oid = one.oid.as_slice();
        one.critical && !OURS.contains(&oid) && !wanted.known.contains(&oid)
    });
    match unknown {
        Some(one) => Err(Error::Critical(extension::name(&one.oid))),
        None => Ok(()),
    }
}

/// The certificate does not lead to the anchor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Nobody who is trusted issued it.
    #[error("the certificate does not lead to a trusted authority")]
    NoPath,
    /// Too early or too late.
    #[error("{time} is outside of the certificate's life, {from} to {until}")]
    Time {
        /// When it was to count.
        time: Time,
        /// From when on it does.
        from: Time,
        /// Until when it does.
        until: Time,
    },
    /// A signer's certificate that may issue others.
    #[error("the signer's certificate is one of an authority")]
    Authority,
    /// An issuer that may not issue.
    #[error("an issuer in the certificate's path is no authority")]
    NoAuthority,
    /// More authorities than one of them allows.
    #[error("the certificate's path is longer than one of its authorities allows")]
    TooLong,
    /// Not allowed to.
    #[error("a certificate's key may not be used to {0}")]
    Usage(&'static str),
    /// For another purpose.
    #[error("a certificate in the path is not for the purpose {0}")]
    Purpose(String),
    /// A reader who does not know it has to refuse.
    #[error("the critical extension {0} of a certificate is not known")]
    Critical(String),
    /// Malformed.
    #[error("a certificate in the path is malformed")]
    Malformed(#[from] CertificateError),
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Malformed(error) => error.kind(),
            Self::NoPath
            | Self::Time { .. }
            | Self::Authority
            | Self::NoAuthority
            | Self::TooLong
            | Self::Usage(_)
            | Self::Purpose(_)
            | Self::Critical(_) => Kind::Refuted,
        }
    }
}
