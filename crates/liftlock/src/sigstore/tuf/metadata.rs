//! What the four roles say (TUF 1.0 §4.3 to §4.6). Everything here is proved:
//! its signatures count.

use std::collections::BTreeMap;

use serde::Deserialize;
use sha2::{Digest as _, Sha256, Sha512};

use super::signed::{Key, Named, Signers, Unproved};
use super::{Refused, Role};
use crate::crypto::Verifier;
use crate::time::Time;

/// The most files that a document names.
const MOST: usize = 10_000;

/// The keys of all roles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Root {
    pub(super) version: u64,
    pub(super) expires: Time,
    /// Whether names of files begin with versions and digests.
    pub(super) consistent: bool,
    root: Signers,
    timestamp: Signers,
    snapshot: Signers,
    targets: Signers,
}

#[derive(Debug, Deserialize)]
struct RootBody {
    #[serde(default)]
    consistent_snapshot: bool,
    keys: BTreeMap<String, Key>,
    roles: Roles,
}

#[derive(Debug, Deserialize)]
struct Roles {
    root: Named,
    timestamp: Named,
    snapshot: Named,
    targets: Named,
}

impl Root {
    /// Reads a root that a person or this program trusts; it has to be signed
    /// by its own keys all the same.
    pub(super) fn first(bytes: &[u8], verifier: &dyn Verifier) -> Result<Self, Refused> {
        let (root, unproved) = Self::parse(bytes)?;
        unproved.prove(&root.root, verifier)?;
        Ok(root)
    }

    /// Reads the next version: signed by the keys of this one and by its own.
    pub(super) fn next(&self, bytes: &[u8], verifier: &dyn Verifier) -> Result<Self, Refused> {
        let (root, unproved) = Self::parse(bytes)?;
        unproved.prove(&self.root, verifier)?;
        unproved.prove(&root.root, verifier)?;
        let expected = self.version.saturating_add(1);
        exact(Role::Root, root.version, expected)?;
        Ok(root)
    }

    fn parse(bytes: &[u8]) -> Result<(Self, Unproved), Refused> {
        let (unproved, body): (Unproved, RootBody) = Unproved::parse(Role::Root, bytes)?;
        let keys = body.keys;
        let signers = |named: Named| {
            let signers = named.signers(&keys);
            signers.map_err(|reason| Role::Root.unusable(reason))
        };
        let root = Self {
            version: unproved.version,
            expires: unproved.expires,
            consistent: body.consistent_snapshot,
            root: signers(body.roles.root)?,
            timestamp: signers(body.roles.timestamp)?,
            snapshot: signers(body.roles.snapshot)?,
            targets: signers(body.roles.targets)?,
        };
        Ok((root, unproved))
    }

    /// Reads what the role of the timestamp says.
    pub(super) fn timestamp(
        &self,
        bytes: &[u8],
        verifier: &dyn Verifier,
    ) -> Result<Timestamp, Refused> {
        let (unproved, mut body): (Unproved, Listed) = Unproved::parse(Role::Timestamp, bytes)?;
        unproved.prove(&self.timestamp, verifier)?;
        let snapshot = body.meta.remove("snapshot.json");
        Ok(Timestamp {
            version: unproved.version,
            expires: unproved.expires,
            snapshot: snapshot.ok_or_else(|| Refused::Unlisted("snapshot.json".to_owned()))?,
        })
    }

    /// Reads the snapshot that a timestamp describes.
    pub(super) fn snapshot(
        &self,
        bytes: &[u8],
        described: &Described,
        verifier: &dyn Verifier,
    ) -> Result<Snapshot, Refused> {
        described.file.check(Role::Snapshot.file(), bytes)?;
        let snapshot = self.any_snapshot(bytes, verifier)?;
        exact(Role::Snapshot, snapshot.version, described.version)?;
        Ok(snapshot)
    }

    /// Reads any snapshot that its keys signed.
    pub(super) fn any_snapshot(
        &self,
        bytes: &[u8],
        verifier: &dyn Verifier,
    ) -> Result<Snapshot, Refused> {
        let (unproved, body): (Unproved, Listed) = Unproved::parse(Role::Snapshot, bytes)?;
        unproved.prove(&self.snapshot, verifier)?;
        if body.meta.len() > MOST {
            return Err(Role::Snapshot.unusable("it names too many files"));
        }
        Ok(Snapshot {
            version: unproved.version,
            expires: unproved.expires,
            files: body.meta,
        })
    }

    /// Reads the targets that a snapshot describes.
    pub(super) fn targets(
        &self,
        bytes: &[u8],
        described: &Described,
        verifier: &dyn Verifier,
    ) -> Result<Targets, Refused> {
        described.file.check(Role::Targets.file(), bytes)?;
        let (unproved, body): (Unproved, TargetsBody) = Unproved::parse(Role::Targets, bytes)?;
        unproved.prove(&self.targets, verifier)?;
        exact(Role::Targets, unproved.version, described.version)?;
        if body.targets.len() > MOST {
            return Err(Role::Targets.unusable("it names too many files"));
        }
        Ok(Targets {
            expires: unproved.expires,
            files: body.targets,
        })
    }
}

/// Which snapshot is the newest.
#[derive(Clone, Debug)]
pub(super) struct Timestamp {
    pub(super) version: u64,
    pub(super) expires: Time,
    pub(super) snapshot: Described,
}

/// Which version of everything belongs together.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    pub(super) version: u64,
    pub(super) expires: Time,
    files: BTreeMap<String, Described>,
}

impl Snapshot {
    /// The targets metadata that belong to it.
    pub(super) fn targets(&self) -> Result<&Described, Refused> {
        let name = Role::Targets.file();
        let found = self.files.get(name);
        found.ok_or_else(|| Refused::Unlisted(name.to_owned()))
    }

    /// Insists that nothing went back or was taken away since an older one
    /// (TUF 1.0 §5.5.5).
    pub(super) fn follows(&self, held: &Self) -> Result<(), Refused> {
        not_back(Role::Snapshot, held.version, self.version)?;
        for (name, before) in &held.files {
            let now = self.files.get(name);
            let now = now.ok_or_else(|| Refused::Unlisted(name.clone()))?;
            not_back(Role::Targets, before.version, now.version)?;
        }
        Ok(())
    }
}

/// Which files there are.
#[derive(Clone, Debug)]
pub(super) struct Targets {
    pub(super) expires: Time,
    files: BTreeMap<String, Target>,
}

impl Targets {
    /// A file, if it is one of them.
    pub(super) fn find(&self, name: &str) -> Option<&Target> {
        self.files.get(name)
    }
}

#[derive(Debug, Deserialize)]
struct Listed {
    meta: BTreeMap<String, Described>,
}

#[derive(Debug, Deserialize)]
struct TargetsBody {
    targets: BTreeMap<String, Target>,
}

/// Metadata as other metadata describe them.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Described {
    pub(super) version: u64,
    #[serde(flatten)]
    pub(super) file: Description,
}

/// Length and digests of metadata, each of which may be left out (TUF 1.0
/// §4.4): the signatures and the version bind them as well.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Description {
    pub(super) length: Option<u64>,
    hashes: Option<Hashes>,
}

impl Description {
    fn check(&self, name: &str, bytes: &[u8]) -> Result<(), Refused> {
        let long = self.length.is_none_or(|length| is_long(bytes, length));
        let same = self.hashes.as_ref().is_none_or(|one| one.fit(bytes));
        match long && same {
            true => Ok(()),
            false => Err(Refused::Mixed(name.to_owned())),
        }
    }
}

/// A file that was signed for.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Target {
    /// Its length in bytes.
    pub(super) length: u64,
    hashes: Hashes,
}

impl Target {
    /// Insists on the bytes that were signed for.
    pub(super) fn check(&self, name: &str, bytes: &[u8]) -> Result<(), Refused> {
        match is_long(bytes, self.length) && self.hashes.fit(bytes) {
            true => Ok(()),
            false => Err(Refused::Mixed(name.to_owned())),
        }
    }

    /// What stands before its name in consistent snapshots.
    pub(super) fn prefix(&self) -> Option<&str> {
        let hashes = &self.hashes;
        hashes.sha256.as_deref().or(hashes.sha512.as_deref())
    }
}

/// Digests in lower-case hex; others than these two do not count.
#[derive(Clone, Debug, Default, Deserialize)]
struct Hashes {
    sha256: Option<String>,
    sha512: Option<String>,
}

impl Hashes {
    /// Whether there is a digest, and every one fits.
    fn fit(&self, bytes: &[u8]) -> bool {
        let fits = |wanted: &Option<String>, found: &dyn Fn() -> String| {
            wanted.as_ref().is_none_or(|wanted| *wanted == found())
        };
        (self.sha256.is_some() || self.sha512.is_some())
            && fits(&self.sha256, &|| hex::encode(Sha256::digest(bytes)))
            && fits(&self.sha512, &|| hex::encode(Sha512::digest(bytes)))
    }
}

fn is_long(bytes: &[u8], length: u64) -> bool {
    u64::try_from(bytes.len()).is_ok_and(|found| found == length)
}

fn exact(role: Role, found: u64, expected: u64) -> Result<(), Refused> {
    match found == expected {
        true => Ok(()),
        false => Err(Refused::Version {
            role,
            expected,
            found,
        }),
    }
}

/// Insists that a version did not go back.
pub(super) fn not_back(role: Role, held: u64, found: u64) -> Result<(), Refused> {
    match found >= held {
        true => Ok(()),
        false => Err(Refused::Rollback { role, held, found }),
    }
}

/// Insists that something still counts.
pub(super) fn fresh(role: Role, expires: Time, now: Time) -> Result<(), Refused> {
    match now < expires {
        true => Ok(()),
        false => Err(Refused::Expired { role, at: expires }),
    }
}
