//! That a log has an entry: its promise, and the proof with a checkpoint.

use super::anchors::Log;
use super::body::Generation;
use super::checkpoint::Checkpoint;
use super::merkle;
use super::refused::Refused;
use super::verify::Witness;
use crate::bundle::Version;
use crate::bundle::entry::{Entry, Promise};
use crate::crypto::{Hash, Verifier};
use crate::time::Time;

/// An entry that a log is said to have.
pub(super) struct Logged<'a> {
    pub(super) entry: &'a Entry,
    pub(super) log: &'a Log,
    pub(super) generation: Generation,
    /// When others saw the signature.
    pub(super) stamped: &'a [Time],
}

impl Logged<'_> {
    /// Proves that the log has the entry, and when it says so.
    pub(super) fn check(
        &self,
        version: Version,
        verifier: &dyn Verifier,
    ) -> Result<Witness, Refused> {
        let time = match &self.entry.inclusion_promise {
            Some(promise) => Some(self.promised(promise, verifier)?),
            // The log has no clock: it has to have counted when others saw it.
            None => match self
                .stamped
                .iter()
                .find(|time| !self.log.valid.contains(**time))
            {
                Some(time) => return Err(Refused::LogTime(*time)),
                None => None,
            },
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
fn promised(entry: &Entry) -> String {
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
