//! What is kept of an update: everything that is needed to prove it again,
//! from the first root on, in one document.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::metadata::Root;
use super::{ROTATIONS, Refused, SIGNING_CONFIG, TRUSTED_ROOT};
use crate::crypto::Verifier;
use crate::json;
use crate::time::Time;

/// An update, as it was fetched. It is believed only after [`Kept::prove`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// When the repository last said that there is nothing newer. Nobody signs
    /// this, so it decides nothing but whether to ask again.
    pub checked_at: Time,
    /// The roots after the first one, in order.
    pub(super) roots: Vec<String>,
    pub(super) timestamp: String,
    pub(super) snapshot: String,
    pub(super) targets: String,
    /// The targets by name.
    pub(super) files: BTreeMap<String, String>,
}

/// How new something is, to be compared: of the root, of the timestamp, then of
/// the targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Versions {
    /// The version of the root.
    pub root: u64,
    /// The version of the timestamp.
    pub timestamp: u64,
    /// The version of the targets: of whom to trust.
    pub targets: u64,
}

impl Kept {
    /// Reads what was kept.
    ///
    /// # Errors
    ///
    /// Fails on anything else.
    pub fn parse(bytes: &[u8]) -> Result<Self, Refused> {
        json::parse(bytes).map_err(Refused::Kept)
    }

    /// Proves everything again, but for expiry: an expired update was good
    /// once and says so by its age.
    ///
    /// # Errors
    ///
    /// Fails unless every signature, version and digest counts.
    pub fn prove(&self, first: &[u8], verifier: &dyn Verifier) -> Result<Versions, Refused> {
        let root = self.root(first, verifier)?;
        let timestamp = root.timestamp(self.timestamp.as_bytes(), verifier)?;
        let snapshot = self.snapshot.as_bytes();
        let snapshot = root.snapshot(snapshot, &timestamp.snapshot, verifier)?;
        let described = snapshot.targets()?;
        let targets = root.targets(self.targets.as_bytes(), described, verifier)?;
        for (name, text) in &self.files {
            let target = targets.find(name);
            let target = target.ok_or_else(|| Refused::Unlisted(name.clone()))?;
            target.check(name, text.as_bytes())?;
        }
        if !self.files.contains_key(TRUSTED_ROOT) {
            return Err(Refused::Unlisted(TRUSTED_ROOT.to_owned()));
        }
        Ok(Versions {
            root: root.version,
            timestamp: timestamp.version,
            targets: described.version,
        })
    }

    /// The newest root that is held.
    pub(super) fn root(&self, first: &[u8], verifier: &dyn Verifier) -> Result<Root, Refused> {
        if self.roots.len() > ROTATIONS {
            return Err(Refused::TooManyRoots(ROTATIONS));
        }
        let first = Root::first(first, verifier)?;
        self.roots
            .iter()
            .try_fold(first, |root, next| root.next(next.as_bytes(), verifier))
    }

    /// Whom to trust.
    #[must_use]
    pub fn trusted_root(&self) -> &[u8] {
        let found = self.files.get(TRUSTED_ROOT);
        found.map(String::as_bytes).unwrap_or_default()
    }

    /// Where to sign, where the repository says so.
    #[must_use]
    pub fn signing_config(&self) -> Option<&[u8]> {
        self.files.get(SIGNING_CONFIG).map(String::as_bytes)
    }
}
