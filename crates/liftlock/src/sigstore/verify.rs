//! Proves who signed what, and when, from a bundle and a trusted root alone
//! (sigstore/architecture-docs `client-spec.md`). Never online, never today:
//! time comes from those who saw the signature.

use std::fmt;

use serde::Serialize;

use super::anchors::{Authority, TrustedRoot};
use super::body::{self, Signatory};
use super::identity::{Identity, Known};
use super::logged::Logged;
use super::sct;
use super::timestamp::{self, Timestamp};
use crate::attestation;
use crate::bundle::{Bundle, Content, Material};
use crate::crypto::{PublicKey, Verifier};
use crate::signature::{self, Artifact};
use crate::time::Time;
use crate::x509::extension::CODE_SIGNING;
use crate::x509::path::{self, Wanted};
use crate::x509::{self, Certificate};

pub use super::refused::Refused;

/// Who saw a signature, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Witness {
    /// A log that has an entry about it.
    Log {
        /// Which log.
        url: String,
        /// The entry's number.
        index: u64,
        /// When the log says it took the entry, where it promised that.
        time: Option<Time>,
    },
    /// A timestamp authority.
    Timestamp {
        /// Which authority.
        url: String,
        /// When.
        time: Time,
    },
}

impl Witness {
    /// When, where that is known.
    #[must_use]
    pub const fn time(&self) -> Option<Time> {
        match self {
            Self::Log { time, .. } => *time,
            Self::Timestamp { time, .. } => Some(*time),
        }
    }
}

impl fmt::Display for Witness {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Log {
                url,
                index,
                time: Some(time),
            } => {
                write!(formatter, "the log {url}, entry {index}, at {time}")
            }
            Self::Log {
                url,
                index,
                time: None,
            } => write!(formatter, "the log {url}, entry {index}"),
            Self::Timestamp { url, time } => write!(formatter, "the clock {url} at {time}"),
        }
    }
}

/// A signature by the holder of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proved {
    /// Whose it is.
    pub identity: Known,
    /// The certificate.
    pub certificate: Certificate,
    /// Who saw it.
    pub witnesses: Vec<Witness>,
}

impl Proved {
    /// The times at which the signature is known to have been there.
    #[must_use]
    pub fn times(&self) -> Vec<Time> {
        self.witnesses.iter().filter_map(Witness::time).collect()
    }
}

/// Whether a signature counts that is in no log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unlogged {
    /// Not where the trusted root has logs.
    #[default]
    Refused,
    /// It does, given a trusted time.
    Accepted,
}

/// Proves that one of the identities signed.
///
/// A log entry is required where the root has logs, and a promise of a log of
/// certificates where the root has such logs; a trusted time always.
///
/// # Errors
///
/// Fails unless that is proved; the error says which check failed.
pub fn by_identity(
    bundle: &Bundle,
    artifact: &Artifact<'_>,
    identities: &[Identity],
    root: &TrustedRoot,
    verifier: &dyn Verifier,
) -> Result<Proved, Refused> {
    by_identity_with(
        bundle,
        artifact,
        (identities, Unlogged::Refused),
        root,
        verifier,
    )
}

/// The same, where the caller says whether a signature in no log counts.
///
/// # Errors
///
/// As [`by_identity`].
pub fn by_identity_with(
    bundle: &Bundle,
    artifact: &Artifact<'_>,
    (identities, unlogged): (&[Identity], Unlogged),
    root: &TrustedRoot,
    verifier: &dyn Verifier,
) -> Result<Proved, Refused> {
    let Material::Certificates(chain) = bundle.material() else {
        return Err(Refused::Key);
    };
    let chain: Vec<Certificate> = chain
        .iter()
        .map(|one| Certificate::parse(one))
        .collect::<Result<_, _>>()?;
    let (leaf, between) = chain.split_first().ok_or(Refused::Key)?;
    if between.iter().any(Certificate::is_self_issued) {
        return Err(Refused::Root);
    }
    let who = Signatory::Certificate(leaf.der());
    let witnesses = witnesses(bundle, who, root, verifier)?;
    let logged = witnesses
        .iter()
        .any(|one| matches!(one, Witness::Log { .. }));
    if !root.logs.is_empty() && !logged && unlogged == Unlogged::Refused {
        return Err(Refused::NotLogged);
    }
    let mut timed = witnesses.iter().filter_map(Witness::time).peekable();
    if timed.peek().is_none() {
        return Err(Refused::NoTime);
    }
    for time in timed {
        let issuer = issuer(leaf, between, time, root, verifier)?;
        seen_by_certificate_log(leaf, &issuer, root, verifier)?;
    }
    let mut reason = Refused::NoIdentity;
    for identity in identities {
        match identity.check(leaf) {
            Ok(known) => {
                signed(bundle, artifact, leaf.key(), verifier)?;
                return Ok(Proved {
                    identity: known,
                    certificate: leaf.clone(),
                    witnesses,
                });
            }
            Err(mismatch) => reason = Refused::Identity(mismatch),
        }
    }
    Err(reason)
}

/// Proves who saw a signature that a key made; whether the key counts is for
/// others to judge.
///
/// # Errors
///
/// Fails when the signature is not this key's, and when an entry or a
/// timestamp of a trusted witness is wrong.
pub fn by_key(
    bundle: &Bundle,
    artifact: &Artifact<'_>,
    key: &PublicKey,
    root: &TrustedRoot,
    verifier: &dyn Verifier,
) -> Result<Vec<Witness>, Refused> {
    if let Material::Certificates(_) = bundle.material() {
        return Err(Refused::Certificate);
    }
    signed(bundle, artifact, key, verifier)?;
    witnesses(bundle, Signatory::Key(key), root, verifier)
}

/// The same, where witnesses that the root does not know saw nothing; what a
/// known one says has to be right.
///
/// # Errors
///
/// As [`by_key`].
pub fn known_witnesses(
    bundle: &Bundle,
    artifact: &Artifact<'_>,
    key: &PublicKey,
    root: &TrustedRoot,
    verifier: &dyn Verifier,
) -> Result<Vec<Witness>, Refused> {
    match by_key(bundle, artifact, key, root, verifier) {
        Err(Refused::UnknownLog | Refused::Timestamp(timestamp::Error::Untrusted)) => {
            Ok(Vec::new())
        }
        judged => judged,
    }
}

/// Proves that the holder of a key signed the artifact, or a statement that is
/// about it.
fn signed(
    bundle: &Bundle,
    artifact: &Artifact<'_>,
    key: &PublicKey,
    verifier: &dyn Verifier,
) -> Result<(), Refused> {
    match bundle.content() {
        Content::Message { .. } => Ok(signature::made_by(
            bundle.content(),
            artifact,
            key,
            verifier,
        )?),
        Content::Envelope(envelope) => {
            let statement = attestation::made_by(envelope, key, verifier)?;
            if statement.is_about(&artifact.digest) {
                Ok(())
            } else {
                Err(Refused::Subject)
            }
        }
    }
}

/// Everyone trusted who saw the signature in a bundle. Witnesses that nobody
/// knows are passed over; what a known one says has to be right.
fn witnesses(
    bundle: &Bundle,
    who: Signatory<'_>,
    root: &TrustedRoot,
    verifier: &dyn Verifier,
) -> Result<Vec<Witness>, Refused> {
    let mut found = Vec::new();
    let signature = match bundle.content() {
        Content::Message { signature, .. } => signature,
        Content::Envelope(envelope) => &envelope.signature,
    };
    let mut unknown = None;
    for bytes in bundle.timestamps() {
        let stamp = Timestamp::parse(bytes)?;
        match stamp.verify(signature, root, verifier) {
            Ok(authority) => found.push(Witness::Timestamp {
                url: authority.url.clone(),
                time: stamp.time,
            }),
            Err(error @ timestamp::Error::Untrusted) => unknown = Some(error.into()),
            Err(error) => return Err(error.into()),
        }
    }
    let stamped: Vec<Time> = found.iter().filter_map(Witness::time).collect();
    for entry in bundle.entries() {
        let generation = body::check(entry, bundle.content(), who)?;
        let mut logs = root
            .logs
            .iter()
            .filter(|log| log.id == entry.log_id.key_id)
            .peekable();
        if logs.peek().is_none() {
            unknown = Some(Refused::UnknownLog);
            continue;
        }
        let mut reason = Refused::UnknownLog;
        let proved = logs.find_map(|log| {
            let proof = Logged {
                entry,
                log,
                generation,
                stamped: &stamped,
            };
            proof
                .check(bundle.version(), verifier)
                .map_err(|error| reason = error)
                .ok()
        });
        found.push(proved.ok_or(reason)?);
    }
    match unknown {
        Some(reason) if found.is_empty() => Err(reason),
        Some(_) | None => Ok(found),
    }
}

/// The issuer of a certificate on its path to an authority that counted then.
fn issuer(
    leaf: &Certificate,
    between: &[Certificate],
    time: Time,
    root: &TrustedRoot,
    verifier: &dyn Verifier,
) -> Result<Certificate, Refused> {
    let wanted = Wanted {
        time,
        purpose: CODE_SIGNING,
        known: &[],
    };
    let mut reason = Refused::Path(path::Error::NoPath);
    for authority in &root.authorities {
        let Authority { chain, valid, .. } = authority;
        let Some(anchor) = authority.anchor() else {
            continue;
        };
        let all = [between, chain].concat();
        match path::build(leaf, &all, anchor, &wanted, verifier) {
            Ok(_) if !valid.contains(time) => reason = Refused::AuthorityTime(time),
            Ok(path) => {
                let issuer = path.get(1).copied().unwrap_or(anchor);
                return Ok(issuer.clone());
            }
            Err(path::Error::NoPath) => {}
            Err(error) => reason = Refused::Path(error),
        }
    }
    Err(reason)
}

fn seen_by_certificate_log(
    leaf: &Certificate,
    issuer: &Certificate,
    root: &TrustedRoot,
    verifier: &dyn Verifier,
) -> Result<(), Refused> {
    if root.certificate_logs.is_empty() {
        return Ok(());
    }
    let scts = sct::embedded(leaf).map_err(x509::Error::Der)?;
    let proved = scts.iter().any(|sct| {
        let mut logs = root.certificate_logs.iter();
        logs.any(|log| sct.is_of(log, (leaf, issuer), verifier))
    });
    if proved { Ok(()) } else { Err(Refused::NoSct) }
}
