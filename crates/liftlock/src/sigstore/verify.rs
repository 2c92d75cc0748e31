//! Proves who signed what, and when, from a bundle and a trusted root alone
//! (sigstore/architecture-docs `client-spec.md`). Never online, never today:
//! time comes from those who saw the signature.

use std::fmt;

use serde::Serialize;

use super::anchors::{Authority, Log, TrustedRoot};
use super::body::{self, Generation, Signatory};
use super::checkpoint::{self, Checkpoint};
use super::identity::{Identity, Known, Mismatch};
use super::timestamp::{self, Timestamp};
use super::{merkle, sct};
use crate::attestation;
use crate::bundle::entry::{Entry, Promise};
use crate::bundle::{Bundle, Content, Material, Version};
use crate::crypto::{Hash, PublicKey, Verifier};
use crate::failure::{Explain, Kind};
use crate::signature::{self, Artifact};
use crate::time::Time;
use crate::x509::extension::CODE_SIGNING;
use crate::x509::path::{self, Wanted};
use crate::x509::{self, Certificate};

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

/// An entry that a log is said to have.
struct Logged<'a> {
    entry: &'a Entry,
    log: &'a Log,
    generation: Generation,
}

impl Logged<'_> {
    fn check(&self, version: Version, verifier: &dyn Verifier) -> Result<Witness, Refused> {
        let time = match &self.entry.inclusion_promise {
            Some(promise) => Some(self.promised(promise, verifier)?),
            None => None,
        };
        let proof = self.entry.inclusion_proof.as_ref();
        let proved = match proof.and_then(|proof| Some((proof, proof.checkpoint.as_ref()?))) {
            Some((proof, checkpoint)) => {
                let checkpoint = Checkpoint::parse(&checkpoint.envelope)?;
                let index = match self.generation {
                    Generation::First => proof.log_index,
                    Generation::Second => self.entry.log_index,
                };
                let leaf = merkle::leaf(&self.entry.canonicalized_body);
                let root = merkle::root(leaf, index, checkpoint.size, &proof.hashes);
                if root != Some(checkpoint.root) {
                    return Err(Refused::Inclusion);
                }
                if !checkpoint.is_signed_by(self.log, verifier) {
                    return Err(Refused::Checkpoint);
                }
                true
            }
            None => false,
        };
        if proved || (version == Version::V01 && time.is_some()) {
            Ok(Witness::Log {
                url: self.log.url.clone(),
                index: self.entry.log_index,
                time,
            })
        } else {
            Err(Refused::NoProof)
        }
    }

    /// The time that the log signed together with the entry.
    fn promised(&self, promise: &Promise, verifier: &dyn Verifier) -> Result<Time, Refused> {
        let seconds = i64::try_from(self.entry.integrated_time).unwrap_or(i64::MAX);
        let time = Time::from_unix_millis(seconds.saturating_mul(1000))
            .map_err(|_error| Refused::Promise)?;
        let message = promised(self.entry);
        let key = self.log.key.as_ref().ok_or(Refused::UnknownLog)?;
        if !self.log.valid.contains(time) {
            return Err(Refused::LogTime(time));
        }
        let signature = &promise.signed_entry_timestamp;
        if verifier.verify_with(key, Hash::Sha256, message.as_bytes(), signature) {
            Ok(time)
        } else {
            Err(Refused::Promise)
        }
    }
}

/// What a log signs when it promises to take an entry: canonical JSON
/// (RFC 8785) of body, time, log and number.
#[must_use]
pub fn promised(entry: &Entry) -> String {
    use ::base64::Engine as _;
    let body = ::base64::engine::general_purpose::STANDARD.encode(&entry.canonicalized_body);
    let Entry {
        integrated_time,
        log_index,
        ..
    } = entry;
    let log = hex::encode(&entry.log_id.key_id);
    format!(
        r#"{{"body":"{body}","integratedTime":{integrated_time},"logID":"{log}","logIndex":{log_index}}}"#
    )
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

/// The check that failed.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Signed with a key.
    #[error("the bundle was signed with a key, not with a certificate")]
    Key,
    /// Signed with a certificate.
    #[error("the bundle was signed with a certificate, not with a key")]
    Certificate,
    /// An anchor that the bundle brings along.
    #[error("the bundle brings a root certificate along")]
    Root,
    /// A certificate that cannot be read.
    #[error("a certificate of the bundle cannot be used")]
    Malformed(#[from] x509::Error),
    /// A certificate that leads nowhere.
    #[error("the certificate does not count")]
    Path(#[source] path::Error),
    /// An authority that did not count.
    #[error("the certificate's authority did not count at {0}")]
    AuthorityTime(Time),
    /// No log of certificates saw it.
    #[error("no trusted log of certificates saw the certificate (no valid SCT)")]
    NoSct,
    /// A timestamp that does not count.
    #[error(transparent)]
    Timestamp(#[from] timestamp::Error),
    /// An entry about something else.
    #[error(transparent)]
    Body(#[from] body::Error),
    /// A log that the root does not name.
    #[error("the log entry is of a log that is not trusted")]
    UnknownLog,
    /// A checkpoint that is none.
    #[error(transparent)]
    Note(#[from] checkpoint::ParseError),
    /// A checkpoint of somebody else.
    #[error("the checkpoint is not signed by the log of the entry")]
    Checkpoint,
    /// A proof that does not lead to the checkpoint.
    #[error("the inclusion proof does not lead to the root of the checkpoint")]
    Inclusion,
    /// No proof at all.
    #[error("the log entry has no inclusion proof with a checkpoint")]
    NoProof,
    /// A promise of somebody else.
    #[error("the log's promise (signed entry timestamp) is wrong")]
    Promise,
    /// A log that did not count.
    #[error("the log did not count at {0}")]
    LogTime(Time),
    /// No log entry.
    #[error("the signature is in no trusted log")]
    NotLogged,
    /// No time.
    #[error("nobody trusted says when the signature was made")]
    NoTime,
    /// Nobody is trusted.
    #[error("there is no identity to check the certificate with")]
    NoIdentity,
    /// Somebody else.
    #[error(transparent)]
    Identity(#[from] Mismatch),
    /// Another artifact, or a broken signature.
    #[error(transparent)]
    Signature(#[from] signature::Refused),
    /// A broken envelope.
    #[error(transparent)]
    Attestation(#[from] attestation::Refused),
    /// A statement about something else.
    #[error("the statement is not about the artifact")]
    Subject,
}

impl Explain for Refused {
    fn kind(&self) -> Kind {
        match self {
            Self::Malformed(error) => error.kind(),
            Self::Timestamp(error) => error.kind(),
            Self::Signature(error) => error.kind(),
            Self::Attestation(error) => error.kind(),
            Self::Note(_) | Self::Body(body::Error::Kind(_) | body::Error::Malformed(_)) => {
                Kind::Invalid
            }
            Self::NoIdentity => Kind::Invalid,
            Self::Key
            | Self::Certificate
            | Self::Root
            | Self::Path(_)
            | Self::AuthorityTime(_)
            | Self::NoSct
            | Self::Body(body::Error::Other(_))
            | Self::UnknownLog
            | Self::Checkpoint
            | Self::Inclusion
            | Self::NoProof
            | Self::Promise
            | Self::LogTime(_)
            | Self::NotLogged
            | Self::NoTime
            | Self::Identity(_)
            | Self::Subject => Kind::Refuted,
        }
    }
}
