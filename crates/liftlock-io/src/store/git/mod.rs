//! A ref of a git repository: one commit a write, pushed only onto the commit
//! that was read.

mod scratch;

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use self::scratch::Scratch;
use super::{Error, LARGEST, Put, Result, Store, Stored, Swap, Version, check_key, check_write};
use crate::{clock, git, random};

/// Each lost round means that another writer got through.
const ROUNDS: u32 = 40;

/// Documents as the files of a tree that a ref points to.
#[derive(Debug)]
pub struct Git {
    url: String,
    reference: String,
    timeout: Duration,
    scratch: Mutex<Option<Scratch>>,
}

/// What a write expects to find.
#[derive(Clone, Copy)]
enum Expected<'a> {
    Absent,
    Version(&'a Version),
}

/// What became of a push.
enum Push {
    Landed,
    Lost(git::Error),
}

impl Git {
    /// A ref that need not exist yet, in a repository that must.
    #[must_use]
    pub const fn new(url: String, reference: String, timeout: Duration) -> Self {
        Self {
            url,
            reference,
            timeout,
            scratch: Mutex::new(None),
        }
    }

    /// The scratch repository, made by the first use.
    fn open(&self) -> Result<MutexGuard<'_, Option<Scratch>>> {
        // A thread that panicked left at worst a stale tip, which is read anew.
        let mut guard = self.scratch.lock().unwrap_or_else(PoisonError::into_inner);
        if guard.is_none() {
            let folder = tempfile::tempdir().map_err(|source| Error::Io {
                action: "create a folder in",
                path: PathBuf::from("the temporary folder"),
                source,
            })?;
            *guard = Some(Scratch::new(folder, self.timeout).map_err(self.failed("prepare"))?);
        }
        Ok(guard)
    }

    /// Runs something on the scratch repository after reading the ref.
    fn fresh<T>(&self, work: impl FnOnce(&mut Scratch) -> Result<T>) -> Result<T> {
        let mut guard = self.open()?;
        let Some(scratch) = guard.as_mut() else {
            return Err(Error::Busy(self.url.clone()));
        };
        self.sync(scratch).map_err(self.failed("read"))?;
        work(scratch)
    }

    /// Makes `tip` what the remote's ref is, and its objects ours.
    fn sync(&self, scratch: &mut Scratch) -> std::result::Result<(), git::Error> {
        let listed = scratch.git.ask(
            &["ls-remote", "--refs", "--", &self.url, &self.reference],
            b"",
        )?;
        let listed = String::from_utf8_lossy(&listed);
        let tip = listed.lines().find_map(|line| {
            let (object, name) = line.split_once('\t')?;
            (name == self.reference).then(|| object.to_owned())
        });
        if tip.is_some() && tip != scratch.tip && tip != scratch.draft {
            self.fetch(scratch)?;
            let tip = scratch.git.ask(&["rev-parse", "refs/liftlock/tip"], b"")?;
            scratch.tip = Some(String::from_utf8_lossy(&tip).trim().to_owned());
        } else {
            scratch.tip = tip;
        }
        Ok(())
    }

    /// Without history at first: only what comes after our own commits matters.
    fn fetch(&self, scratch: &Scratch) -> std::result::Result<(), git::Error> {
        let target = format!("+{}:refs/liftlock/tip", self.reference);
        let depth = if scratch.tip.is_none() && scratch.draft.is_none() {
            "--depth=1"
        } else {
            "--no-auto-maintenance"
        };
        let arguments = [
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-write-fetch-head",
            depth,
            "--",
            &self.url,
            &target,
        ];
        scratch.git.ask(&arguments, b"").map(drop)
    }

    /// Writes if the expectation holds, as often as other keys get in between.
    fn write(&self, key: &str, bytes: &[u8], expected: Expected<'_>) -> Result<Option<Version>> {
        check_write(key, bytes)?;
        let mut last = None;
        for round in 0..ROUNDS {
            let written = self.fresh(|scratch| {
                let current = scratch.document(key).map_err(self.failed("read"))?;
                let version = current.map(|stored| stored.version);
                let holds = match expected {
                    Expected::Absent => version.is_none(),
                    Expected::Version(expected) => version.as_ref() == Some(expected),
                };
                if !holds {
                    return Ok(None);
                }
                // What is there already stands in nobody's way.
                if version.is_none() && scratch.collides(key).map_err(self.failed("read"))? {
                    return Err(Error::Key(key.to_owned()));
                }
                let claim = random::token()?;
                let commit = scratch
                    .draft(key, bytes, &claim)
                    .map_err(self.failed("write"))?;
                self.push(scratch, &commit).map(Some)
            })?;
            match written {
                None => return Ok(None),
                Some(Push::Landed) => return Ok(Some(Version::of(bytes))),
                Some(Push::Lost(error)) => last = Some(error),
            }
            clock::wait(git::backoff(round)?);
        }
        Err(last.map_or_else(
            || Error::Busy(self.url.clone()),
            |error| self.failed("push")(error),
        ))
    }

    /// Pushes onto exactly the tip that was read, then reads back. The claim
    /// in the commit makes it ours alone: pushing a commit that the remote has
    /// already would count as success for two writers.
    fn push(&self, scratch: &mut Scratch, commit: &str) -> Result<Push> {
        let old = scratch.tip.clone().unwrap_or_default();
        let lease = format!("--force-with-lease={}:{old}", self.reference);
        let refspec = format!("{commit}:{}", self.reference);
        let arguments = ["push", "--porcelain", &lease, "--", &self.url, &refspec];
        let pushed = scratch.git.attempt(&arguments, b"");
        let complaint = match pushed {
            Ok(output) if output.success => None,
            Ok(output) => Some(output.error(&arguments)),
            Err(error) => Some(error),
        };
        // A push that failed may have landed all the same: the answer got lost.
        let read = self.sync(scratch);
        let landed = match read {
            Ok(()) => scratch.holds(commit).map_err(self.failed("read"))?,
            Err(error) => return Err(self.failed("push")(complaint.unwrap_or(error))),
        };
        let moved = scratch.tip.as_deref().unwrap_or_default() != old;
        match complaint {
            _ if landed => Ok(Push::Landed),
            Some(error) if error.is_lost(moved) => Ok(Push::Lost(error)),
            Some(error) => Err(self.failed("push")(error)),
            None => Err(Error::NotHonoured(
                "pushes: what it accepted is not on the ref",
            )),
        }
    }

    fn failed(&self, action: &'static str) -> impl FnOnce(git::Error) -> Error {
        let (reference, url) = (self.reference.clone(), self.url.clone());
        move |source| Error::Git {
            action,
            reference,
            url,
            source,
        }
    }
}

impl Store for Git {
    fn get(&self, key: &str) -> Result<Option<Stored>> {
        check_key(key)?;
        self.fresh(|scratch| {
            let found = scratch.document(key).map_err(self.failed("read"))?;
            match found {
                Some(stored) if stored.bytes.len() > LARGEST => {
                    Err(Error::TooLarge(key.to_owned()))
                }
                Some(_) | None => Ok(found),
            }
        })
    }

    fn put_if_absent(&self, key: &str, bytes: &[u8]) -> Result<Put> {
        let written = self.write(key, bytes, Expected::Absent)?;
        Ok(written.map_or(Put::Exists, Put::Written))
    }

    fn swap(&self, key: &str, bytes: &[u8], expected: &Version) -> Result<Swap> {
        let written = self.write(key, bytes, Expected::Version(expected))?;
        Ok(written.map_or(Swap::Conflict, Swap::Written))
    }

    fn list(&self, prefix: &str) -> Result<Vec<String>> {
        let found = self.fresh(|scratch| scratch.tree().map_err(self.failed("read")))?;
        let keys = found.into_keys();
        Ok(keys.filter(|key| key.starts_with(prefix)).collect())
    }

    fn scan(&self, prefix: &str) -> Result<Vec<(String, Stored)>> {
        self.fresh(|scratch| {
            let mut tree = scratch.tree().map_err(self.failed("read"))?;
            tree.retain(|key, _| key.starts_with(prefix));
            let (keys, objects): (Vec<String>, Vec<String>) = tree.into_iter().unzip();
            let found = scratch.contents(&objects).map_err(self.failed("read"))?;
            let found = found.into_iter().flatten().map(Stored::of);
            Ok(keys.into_iter().zip(found).collect())
        })
    }
}
