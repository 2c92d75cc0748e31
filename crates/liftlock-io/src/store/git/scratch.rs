//! Reads trees and makes commits in a repository that nobody else sees.

use std::collections::BTreeMap;
use std::time::Duration;

use liftlock::complaint::Complaint;
use tempfile::TempDir;

use super::super::{LARGEST_SCAN, Stored, check_key};
use crate::git;

type Result<T> = std::result::Result<T, git::Error>;

/// Room for the headers that `cat-file --batch` puts before each document.
const HEADERS: u64 = 16 * 1024 * 1024;

/// A bare repository of our own that holds what was read and what is written.
#[derive(Debug)]
pub(super) struct Scratch {
    pub(super) git: git::Git,
    /// The commit that the remote ref pointed to when it was last read.
    pub(super) tip: Option<String>,
    /// The last commit made here, pushed or not.
    pub(super) draft: Option<String>,
    _folder: TempDir,
}

impl Scratch {
    pub(super) fn new(folder: TempDir, timeout: Duration) -> Result<Self> {
        let limit = u64::try_from(LARGEST_SCAN).unwrap_or(u64::MAX);
        let git = git::Git::new(folder.path(), timeout, limit.saturating_add(HEADERS));
        git.ask(&["init", "--quiet", "--bare", "--template="], b"")?;
        Ok(Self {
            git,
            tip: None,
            draft: None,
            _folder: folder,
        })
    }

    /// One document of the tip.
    pub(super) fn document(&self, key: &str) -> Result<Option<Stored>> {
        let Some(tip) = &self.tip else {
            return Ok(None);
        };
        let found = self.contents(&[format!("{tip}:{key}")])?;
        Ok(found.into_iter().flatten().next().map(Stored::of))
    }

    /// The contents of blobs, in order; `None` for what is absent or a folder.
    pub(super) fn contents(&self, names: &[String]) -> Result<Vec<Option<Vec<u8>>>> {
        let arguments = ["cat-file", "--batch"];
        let answer = self
            .git
            .ask(&arguments, (names.join("\n") + "\n").as_bytes())?;
        let mut rest = answer.as_slice();
        let mut found = Vec::new();
        for name in names {
            let (content, after) = next_object(rest, name).ok_or_else(|| git::Error::Failed {
                command: "cat-file".to_owned(),
                complaint: Complaint::of(b"", &format!("no answer about `{name}`")),
            })?;
            found.push(content.map(<[u8]>::to_vec));
            rest = after;
        }
        Ok(found)
    }

    /// Key → object of every plain file of the tip.
    pub(super) fn tree(&self) -> Result<BTreeMap<String, String>> {
        let Some(tip) = &self.tip else {
            return Ok(BTreeMap::new());
        };
        let listed = self.git.ask(&["ls-tree", "-r", "-z", tip], b"")?;
        let listed = String::from_utf8_lossy(&listed);
        let files = listed.split('\0').filter_map(|line| {
            let (kind, key) = line.split_once('\t')?;
            let object = kind.strip_prefix("100644 blob ")?;
            check_key(key).ok()?;
            Some((key.to_owned(), object.to_owned()))
        });
        Ok(files.collect())
    }

    /// Whether a document would have to become a folder, or the other way round.
    pub(super) fn collides(&self, key: &str) -> Result<bool> {
        let under = format!("{key}/");
        let tree = self.tree()?;
        Ok(tree
            .keys()
            .any(|other| other.starts_with(&under) || key.starts_with(&format!("{other}/"))))
    }

    /// Writes one commit on top of the tip and returns its name.
    pub(super) fn draft(&mut self, key: &str, bytes: &[u8], claim: &str) -> Result<String> {
        let message = format!("Write {key}\n\nClaim: {claim}\n");
        let from = self.tip.as_ref().map(|tip| format!("from {tip}\n"));
        let mut stream = format!(
            "commit refs/liftlock/draft\nmark :1\ncommitter liftlock <liftlock@localhost> now\n\
             data {}\n{message}{}M 100644 inline {key}\ndata {}\n",
            message.len(),
            from.unwrap_or_default(),
            bytes.len(),
        )
        .into_bytes();
        stream.extend_from_slice(bytes);
        stream.extend_from_slice(b"\nget-mark :1\ndone\n");
        let arguments = [
            "fast-import",
            "--quiet",
            "--force",
            "--done",
            "--date-format=now",
        ];
        let commit = self.git.ask(&arguments, &stream)?;
        let commit = String::from_utf8_lossy(&commit).trim().to_owned();
        self.draft = Some(commit.clone());
        Ok(commit)
    }

    /// Whether a commit of ours is in the history of the tip.
    pub(super) fn holds(&self, commit: &str) -> Result<bool> {
        let Some(tip) = &self.tip else {
            return Ok(false);
        };
        if tip == commit {
            return Ok(true);
        }
        let arguments = ["merge-base", "--is-ancestor", commit, tip];
        let output = self.git.attempt(&arguments, b"")?;
        match output.code {
            Some(0) => Ok(true),
            Some(1) => Ok(false),
            Some(_) | None => Err(output.error(&arguments)),
        }
    }
}

/// Takes one answer of `cat-file --batch` off the front: `NAME missing`, or
/// `OBJECT TYPE SIZE` and the bytes.
fn next_object<'a>(rest: &'a [u8], name: &str) -> Option<(Option<&'a [u8]>, &'a [u8])> {
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    let (header, after) = (rest.get(..end)?, rest.get(end + 1..)?);
    let header = std::str::from_utf8(header).ok()?;
    if header == format!("{name} missing") {
        return Some((None, after));
    }
    let mut words = header.split(' ');
    let (_object, kind, size) = (words.next()?, words.next()?, words.next()?);
    let size: usize = size.parse().ok()?;
    let content = after.get(..size)?;
    let after = after.get(size + 1..)?;
    Some(((kind == "blob").then_some(content), after))
}
