//! From what was typed to targets: files, folders, patterns, checksums files,
//! images and digests, each once and in order.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use liftlock::checksums;
use liftlock::crypto::Hash;
use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::glob::{self, Pattern};
use liftlock_io::cli::Session;
use liftlock_io::{file, walk};
use serde::Serialize;

use crate::target::Target;

/// The most files of one run.
const MOST_TARGETS: usize = 100_000;

/// How many names a message lists.
const SHOWN: usize = 5;

/// What was typed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Typed<'a> {
    /// Operands.
    pub(crate) texts: &'a [String],
    /// A checksums file.
    pub(crate) checksums: Option<&'a Path>,
    /// Whether a file that is not there counts by its line.
    pub(crate) absent: Absent,
    /// The hash that signatures are made over.
    pub(crate) hash: Hash,
}

/// What to do about a file that a checksums file lists and that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Absent {
    /// Fail.
    Refused,
    /// Take the digest as it is listed: somebody asked for that by a flag.
    Listed,
}

impl Absent {
    pub(crate) const fn of(listed_digests: bool) -> Self {
        if listed_digests {
            Self::Listed
        } else {
            Self::Refused
        }
    }
}

/// What is to be worked on, and what was left out.
#[derive(Debug)]
pub(crate) struct Chosen {
    pub(crate) targets: Vec<Target>,
    pub(crate) skipped: Vec<Skipped>,
    /// Where the target of each file is, so that none is read twice.
    known: BTreeMap<PathBuf, usize>,
    hash: Hash,
}

/// Something in a folder or of a pattern that is no target.
#[derive(Debug, Serialize)]
pub(crate) struct Skipped {
    pub(crate) path: String,
    pub(crate) reason: &'static str,
}

/// Finds everything that was typed and hashes each file once.
pub(crate) fn all(typed: &Typed<'_>, session: &Session) -> Result<Chosen, Failure> {
    let mut chosen = Chosen {
        targets: Vec::new(),
        skipped: Vec::new(),
        known: BTreeMap::new(),
        hash: typed.hash,
    };
    for text in typed.texts {
        chosen.add(text, session)?;
    }
    if let Some(path) = typed.checksums {
        chosen.listed(path, typed.absent, session)?;
    }
    Ok(chosen)
}

impl Chosen {
    fn add(&mut self, text: &str, session: &Session) -> Result<(), Failure> {
        let path = Path::new(text);
        let prefixed = ["oci://", "oci-layout:", "sha256:"];
        if prefixed.iter().any(|prefix| text.starts_with(prefix)) {
            return self.push(Target::find(text, session)?);
        }
        if path.is_dir() {
            return self.folder(path, session);
        }
        if glob::is_pattern(text) && !path.exists() {
            return self.pattern(text, session);
        }
        if path.exists() {
            return self.file(path, None, session).map(drop);
        }
        self.push(Target::find(text, session)?)
    }

    fn folder(&mut self, root: &Path, session: &Session) -> Result<(), Failure> {
        let found = walk::folder(root)?;
        let skipped = found.skipped.into_iter();
        self.skipped.extend(skipped.map(|(path, reason)| Skipped {
            path: path.display().to_string(),
            reason,
        }));
        if found.files.is_empty() {
            return Err(Failure::new(
                Kind::Invalid,
                format!("there is no file to work on in `{}`", root.display()),
            ));
        }
        for path in found.files {
            let below = path.strip_prefix(root).unwrap_or(&path);
            let label = below.to_string_lossy().into_owned();
            self.file(&path, Some(label), session)?;
        }
        Ok(())
    }

    fn pattern(&mut self, text: &str, session: &Session) -> Result<(), Failure> {
        let pattern = Pattern::parse(text).map_err(|error| {
            Failure::because(Kind::Invalid, format!("`{text}` is no pattern"), error)
        })?;
        let nothing = || Failure::new(Kind::Invalid, format!("nothing fits the pattern `{text}`"));
        let found = walk::pattern(&pattern)?;
        let mut fits = false;
        for path in found {
            if path.is_dir() {
                self.folder(&path, session)?;
                fits = true;
            } else if let Some(reason) = walk::ours(&path) {
                let path = path.display().to_string();
                self.skipped.push(Skipped { path, reason });
            } else {
                self.file(&path, None, session)?;
                fits = true;
            }
        }
        if fits { Ok(()) } else { Err(nothing()) }
    }

    /// The files that a checksums file lists, each compared with its line.
    fn listed(&mut self, path: &Path, absent: Absent, session: &Session) -> Result<(), Failure> {
        let text = file::read_text(path, checksums::LARGEST)?;
        let lines = checksums::parse(&text).map_err(|error| {
            let message = format!("cannot understand `{}`", path.display());
            Failure::because(Kind::Invalid, message, error)
        })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut other = Vec::new();
        for line in lines {
            let at = folder.join(&line.name);
            if absent == Absent::Listed && !file::exists(&at)? {
                let target = Target::unread(at, line.digest);
                self.push(Target {
                    label: Some(line.label()),
                    ..target
                })?;
                continue;
            }
            let read = self.file(&at, Some(line.label()), session);
            if read.map_err(|failure| hinted(failure, absent))? != line.digest {
                other.push(line.name);
            }
        }
        if other.is_empty() {
            return Ok(());
        }
        let message = format!(
            "{} differ from their lines in `{}`: {}",
            count(other.len(), "file", "files"),
            path.display(),
            shown(&other)
        );
        Err(Failure::new(Kind::Refuted, message))
    }

    /// Adds a file, unless it is there already, and says what it is.
    fn file(
        &mut self,
        path: &Path,
        label: Option<String>,
        session: &Session,
    ) -> Result<Digest, Failure> {
        let plain = path.strip_prefix(".").unwrap_or(path);
        let known = self.known.get(plain).copied();
        if let Some(target) = known.and_then(|index| self.targets.get(index)) {
            return Ok(target.digest);
        }
        let target = Target::file(path.to_owned(), self.hash, session)?;
        let digest = target.digest;
        self.known.insert(plain.to_owned(), self.targets.len());
        self.push(Target {
            label: label.or(target.label),
            ..target
        })?;
        Ok(digest)
    }

    fn push(&mut self, target: Target) -> Result<(), Failure> {
        if self.targets.len() == MOST_TARGETS {
            let message = format!("more than {MOST_TARGETS} targets in one run");
            return Err(Failure::new(Kind::Invalid, message).with_hint("split them over runs"));
        }
        self.targets.push(target);
        Ok(())
    }
}

fn hinted(failure: Failure, absent: Absent) -> Failure {
    match (absent, failure.kind) {
        (Absent::Refused, Kind::Invalid) => failure.with_hint(
            "give `--listed-digests` to go by the listed digests of files that are not here",
        ),
        _ => failure,
    }
}

/// The first few names, and how many more there are.
pub(crate) fn shown(names: &[String]) -> String {
    let first: Vec<String> = names
        .iter()
        .take(SHOWN)
        .map(|name| format!("`{name}`"))
        .collect();
    match names.len().checked_sub(SHOWN) {
        None | Some(0) => first.join(", "),
        Some(more) => format!("{} and {more} more", first.join(", ")),
    }
}

/// A number with its noun.
pub(crate) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// Lines for a terminal: the first hundred, and how many more there are.
pub(crate) fn lines(lines: impl ExactSizeIterator<Item = String>) -> String {
    const MOST: usize = 100;
    let more = lines.len().saturating_sub(MOST);
    let mut text: String = lines.take(MOST).collect();
    if more > 0 {
        text.push_str(&format!("… and {more} more\n"));
    }
    text
}

/// What a terminal is told about what was left out.
pub(crate) fn told(skipped: &[Skipped]) -> String {
    lines(
        skipped
            .iter()
            .map(|one| format!("skipped {}: {}\n", one.path, one.reason)),
    )
}
