//! The workflow of a client (TUF 1.0 §5.3 to §5.7).

use std::collections::BTreeMap;

use super::kept::Kept;
use super::metadata::{Described, Root, Snapshot, Targets, Timestamp, fresh, not_back};
use super::{LARGEST_TARGET, ROTATIONS, Refused, Role, SIGNING_CONFIG, TRUSTED_ROOT};
use crate::crypto::Verifier;
use crate::time::Time;

/// Where an update begins.
#[derive(Clone, Copy, Debug)]
pub struct Start<'a> {
    /// The root that is trusted without proof.
    pub first: &'a [u8],
    /// What was kept of the last update.
    pub kept: Option<&'a Kept>,
    /// The present moment.
    pub now: Time,
}

/// Updates what is kept. The closure reads a file of the repository by its
/// path, of at most so many bytes; nothing where there is none.
///
/// # Errors
///
/// Fails when the closure does, and when anything that it reads does not
/// count; what was kept stays as good as it was.
pub fn refresh<E: From<Refused>>(
    start: &Start<'_>,
    verifier: &dyn Verifier,
    mut fetch: impl FnMut(&str, u64) -> Result<Option<Vec<u8>>, E>,
) -> Result<Kept, E> {
    let mut run = Run {
        verifier,
        now: start.now,
        fetch: &mut fetch,
    };
    let (root, roots) = run.roots(start)?;
    let held = start.kept.map(|kept| Held::of(kept, &root, verifier));
    let held = held.unwrap_or_default();
    let (timestamp, timestamp_text) = run.timestamp(&root, &held)?;
    let (snapshot, snapshot_text) = run.snapshot(&root, &timestamp, &held)?;
    let (targets, targets_text) = run.targets(&root, &snapshot, &held)?;
    Ok(Kept {
        checked_at: start.now,
        files: run.files(&root, &targets, &held)?,
        roots,
        timestamp: timestamp_text,
        snapshot: snapshot_text,
        targets: targets_text,
    })
}

/// What was kept and still counts under the newest root. What was signed by
/// keys that a new root no longer names is forgotten, and with it a version
/// that a thief of those keys may have set too high (§5.3.11).
#[derive(Default)]
struct Held<'a> {
    kept: Option<&'a Kept>,
    timestamp: Option<Timestamp>,
    snapshot: Option<Snapshot>,
}

impl<'a> Held<'a> {
    fn of(kept: &'a Kept, root: &Root, verifier: &dyn Verifier) -> Self {
        Self {
            kept: Some(kept),
            timestamp: root.timestamp(kept.timestamp.as_bytes(), verifier).ok(),
            snapshot: root.any_snapshot(kept.snapshot.as_bytes(), verifier).ok(),
        }
    }
}

struct Run<'a, F> {
    verifier: &'a dyn Verifier,
    now: Time,
    fetch: &'a mut F,
}

impl<E: From<Refused>, F: FnMut(&str, u64) -> Result<Option<Vec<u8>>, E>> Run<'_, F> {
    /// From the first root to the newest, one version after the other, each
    /// signed by the one before; the newest has to be in force (§5.3).
    fn roots(&mut self, start: &Start<'_>) -> Result<(Root, Vec<String>), E> {
        let mut roots = start.kept.map(|kept| kept.roots.clone());
        let held = start.kept.map(|kept| kept.root(start.first, self.verifier));
        let mut root = match held {
            Some(Ok(root)) => root,
            // What is kept is broken, or of another first root.
            Some(Err(_)) | None => {
                roots = None;
                Root::first(start.first, self.verifier)?
            }
        };
        let mut roots = roots.unwrap_or_default();
        for _ in 0..=ROTATIONS {
            let name = format!("{}.root.json", root.version.saturating_add(1));
            let Some(bytes) = (self.fetch)(&name, Role::Root.limit())? else {
                fresh(Role::Root, root.expires, self.now)?;
                return Ok((root, roots));
            };
            root = root.next(&bytes, self.verifier)?;
            roots.push(text(Role::Root, bytes)?);
        }
        Err(Refused::TooManyRoots(ROTATIONS).into())
    }

    fn timestamp(&mut self, root: &Root, held: &Held<'_>) -> Result<(Timestamp, String), E> {
        let bytes = self.fetch(Role::Timestamp.file(), Role::Timestamp.limit())?;
        let found = root.timestamp(&bytes, self.verifier)?;
        if let Some(before) = &held.timestamp {
            not_back(Role::Timestamp, before.version, found.version)?;
            let (held, found) = (before.snapshot.version, found.snapshot.version);
            not_back(Role::Snapshot, held, found)?;
        }
        fresh(Role::Timestamp, found.expires, self.now)?;
        Ok((found, text(Role::Timestamp, bytes)?))
    }

    fn snapshot(
        &mut self,
        root: &Root,
        timestamp: &Timestamp,
        held: &Held<'_>,
    ) -> Result<(Snapshot, String), E> {
        let described = &timestamp.snapshot;
        let read = |bytes: &[u8]| root.snapshot(bytes, described, self.verifier);
        let kept = held.kept.map(|kept| kept.snapshot.as_str());
        let (found, text) = match kept.and_then(|text| Some((read(text.as_bytes()).ok()?, text))) {
            Some((found, text)) => (found, text.to_owned()),
            None => {
                let bytes = self.metadata(root, Role::Snapshot, described)?;
                let found = root.snapshot(&bytes, described, self.verifier)?;
                (found, text(Role::Snapshot, bytes)?)
            }
        };
        if let Some(before) = &held.snapshot {
            found.follows(before)?;
        }
        fresh(Role::Snapshot, found.expires, self.now)?;
        Ok((found, text))
    }

    fn targets(
        &mut self,
        root: &Root,
        snapshot: &Snapshot,
        held: &Held<'_>,
    ) -> Result<(Targets, String), E> {
        let described = snapshot.targets()?;
        let read = |bytes: &[u8]| root.targets(bytes, described, self.verifier);
        let kept = held.kept.map(|kept| kept.targets.as_str());
        let (found, text) = match kept.and_then(|text| Some((read(text.as_bytes()).ok()?, text))) {
            Some((found, text)) => (found, text.to_owned()),
            None => {
                let bytes = self.metadata(root, Role::Targets, described)?;
                let found = root.targets(&bytes, described, self.verifier)?;
                (found, text(Role::Targets, bytes)?)
            }
        };
        fresh(Role::Targets, found.expires, self.now)?;
        Ok((found, text))
    }

    /// The targets that are wanted; one that is kept is fetched again only
    /// when it is another.
    fn files(
        &mut self,
        root: &Root,
        targets: &Targets,
        held: &Held<'_>,
    ) -> Result<BTreeMap<String, String>, E> {
        let mut files = BTreeMap::new();
        for name in [TRUSTED_ROOT, SIGNING_CONFIG] {
            let Some(target) = targets.find(name) else {
                if name == TRUSTED_ROOT {
                    return Err(Refused::Unlisted(name.to_owned()).into());
                }
                continue;
            };
            let kept = held.kept.and_then(|kept| kept.files.get(name));
            let kept = kept.filter(|text| target.check(name, text.as_bytes()).is_ok());
            if let Some(kept) = kept {
                files.insert(name.to_owned(), kept.clone());
                continue;
            }
            if target.length > LARGEST_TARGET {
                return Err(Role::Targets.unusable("a file is too large").into());
            }
            let path = match (root.consistent, target.prefix()) {
                (true, Some(digest)) => format!("targets/{digest}.{name}"),
                (true, None) | (false, _) => format!("targets/{name}"),
            };
            let bytes = self.fetch(&path, target.length)?;
            target.check(name, &bytes)?;
            files.insert(name.to_owned(), text(Role::Targets, bytes)?);
        }
        Ok(files)
    }

    fn metadata(&mut self, root: &Root, role: Role, described: &Described) -> Result<Vec<u8>, E> {
        let name = match root.consistent {
            true => format!("{}.{}", described.version, role.file()),
            false => role.file().to_owned(),
        };
        let limit = described.file.length.unwrap_or(role.limit());
        self.fetch(&name, limit.min(role.limit()))
    }

    fn fetch(&mut self, path: &str, limit: u64) -> Result<Vec<u8>, E> {
        let found = (self.fetch)(path, limit)?;
        found.ok_or_else(|| Refused::Absent(path.to_owned()).into())
    }
}

fn text(role: Role, bytes: Vec<u8>) -> Result<String, Refused> {
    String::from_utf8(bytes).map_err(|_not_text| role.unusable("it is not UTF-8"))
}
