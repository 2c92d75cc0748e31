//! Signed certificate timestamps of a log of certificates (RFC 6962 §3.2).

use anyhow::Result;
use liftlock::digest::Digest;
use liftlock::time::Time;

use super::certificate::{Weight, extension};
use super::der;
use super::key::Pair;

/// The list of SCTs inside of a certificate, RFC 6962 §3.3.
const LIST: [u32; 10] = [1, 3, 6, 1, 4, 1, 11129, 2, 4, 2];

/// What the log promised to take.
pub(crate) enum Logged<'a> {
    /// A certificate before the SCT was put into it.
    Precertificate {
        issuer_spki: &'a [u8],
        tbs: &'a [u8],
    },
    /// A whole certificate.
    Certificate(&'a [u8]),
}

/// The log's promise; without extensions.
#[derive(Debug)]
pub(crate) struct Sct {
    pub(crate) log: Digest,
    pub(crate) timestamp_ms: u64,
    /// `digitally-signed`: hash and signature algorithm, length, signature.
    pub(crate) signature: Vec<u8>,
}

impl Sct {
    pub(crate) fn sign(key: &Pair, logged: &Logged<'_>, now: Time) -> Result<Self> {
        let timestamp_ms = u64::try_from(now.unix_millis())?;
        // Version 1, certificate_timestamp.
        let mut signed = vec![0, 0];
        signed.extend(timestamp_ms.to_be_bytes());
        match logged {
            Logged::Certificate(certificate) => {
                signed.extend([0, 0]);
                signed.extend(with_length::<3>(certificate)?);
            }
            Logged::Precertificate { issuer_spki, tbs } => {
                signed.extend([0, 1]);
                signed.extend(Digest::of(issuer_spki).as_bytes());
                signed.extend(with_length::<3>(tbs)?);
            }
        }
        signed.extend([0, 0]);
        let mut signature = vec![4, 3];
        signature.extend(with_length::<2>(&key.sign(&signed)?)?);
        Ok(Self {
            log: key.id(),
            timestamp_ms,
            signature,
        })
    }

    /// The extension that embeds it.
    pub(crate) fn extension(&self) -> Result<Vec<u8>> {
        let mut sct = vec![0];
        sct.extend(self.log.as_bytes());
        sct.extend(self.timestamp_ms.to_be_bytes());
        sct.extend([0, 0]);
        sct.extend(&self.signature);
        let list = with_length::<2>(&with_length::<2>(&sct)?)?;
        Ok(extension(&LIST, Weight::Optional, &der::octets(&list)))
    }
}

/// The bytes after their length in `N` bytes.
fn with_length<const N: usize>(bytes: &[u8]) -> Result<Vec<u8>> {
    let length = bytes.len().to_be_bytes();
    let (zeros, length) = length.split_at_checked(8 - N).unwrap_or_default();
    anyhow::ensure!(
        zeros.iter().all(|byte| *byte == 0),
        "too long for {N} bytes"
    );
    Ok([length, bytes].concat())
}
