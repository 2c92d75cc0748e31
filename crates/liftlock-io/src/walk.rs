//! Files of a folder and of a pattern: sorted, bounded, links not followed.

use std::fs::{self, DirEntry, FileType};
use std::io;
use std::path::{Path, PathBuf};

use liftlock::failure::{Explain, Kind, hint_of_file};
use liftlock::glob::{Part, Pattern};

/// The most entries that one walk looks at.
pub const MOST_ENTRIES: usize = 200_000;

/// How deep folders may lie in each other.
pub const DEEPEST: usize = 64;

/// What was found, and what was left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Walk {
    /// Files, sorted by path.
    pub files: Vec<PathBuf>,
    /// What is no file to work on, with the reason.
    pub skipped: Vec<(PathBuf, &'static str)>,
}

/// All files below a folder.
///
/// # Errors
///
/// Fails when a folder cannot be read, and on more than a walk looks at.
pub fn folder(root: &Path) -> Result<Walk, Error> {
    let mut walk = Walk::default();
    let mut left = MOST_ENTRIES;
    below(root, DEEPEST, &mut left, &mut walk)?;
    Ok(walk)
}

fn below(folder: &Path, deep: usize, left: &mut usize, walk: &mut Walk) -> Result<(), Error> {
    let Some(deep) = deep.checked_sub(1) else {
        return Err(Error::Deep(folder.to_owned()));
    };
    for (entry, kind) in entries(folder, left)? {
        let path = entry.path();
        if kind.is_dir() {
            below(&path, deep, left, walk)?;
        } else if let Some(reason) = unfit(&path, kind) {
            walk.skipped.push((path, reason));
        } else {
            walk.files.push(path);
        }
    }
    Ok(())
}

fn unfit(path: &Path, kind: FileType) -> Option<&'static str> {
    if kind.is_symlink() {
        return Some("a symbolic link");
    }
    if !kind.is_file() {
        return Some("neither a file nor a folder");
    }
    ours(path)
}

/// Why a file is none that anybody built: it is a bundle, or the draft of one
/// that a run left behind when it was killed.
#[must_use]
pub fn ours(path: &Path) -> Option<&'static str> {
    let name = path.file_name()?.as_encoded_bytes();
    if name.ends_with(b".sigstore.json") || name.ends_with(b".sigstore") {
        Some("a bundle")
    } else if name.starts_with(crate::file::DRAFT.as_bytes()) {
        Some("a draft that an interrupted run left")
    } else {
        None
    }
}

/// The entries of a folder by name.
fn entries(folder: &Path, left: &mut usize) -> Result<Vec<(DirEntry, FileType)>, Error> {
    let failed = |source| Error::Read {
        path: folder.to_owned(),
        source,
    };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let kind = entry.file_type().map_err(failed)?;
        *left = left.checked_sub(1).ok_or(Error::TooMany)?;
        found.push((entry, kind));
    }
    found.sort_by_key(|(entry, _)| entry.file_name());
    Ok(found)
}

/// The files and folders that a pattern names, sorted, as a shell would
/// expand it: links that fit are named, links on the way of `**` not followed.
///
/// # Errors
///
/// Fails when a folder cannot be read, and on more than a walk looks at.
pub fn pattern(pattern: &Pattern) -> Result<Vec<PathBuf>, Error> {
    let start = PathBuf::from(if pattern.is_absolute() { "/" } else { "" });
    let mut left = MOST_ENTRIES;
    let mut found = Vec::new();
    follow(&start, pattern.parts(), &mut left, &mut found)?;
    found.sort();
    found.dedup();
    Ok(found)
}

fn follow(
    at: &Path,
    parts: &[Part],
    left: &mut usize,
    found: &mut Vec<PathBuf>,
) -> Result<(), Error> {
    let Some((part, rest)) = parts.split_first() else {
        if at.symlink_metadata().is_ok() {
            found.push(at.to_owned());
        }
        return Ok(());
    };
    match part {
        Part::Plain(name) => follow(&at.join(name), rest, left, found),
        Part::Fits(fits) => {
            for (entry, _) in inside(at, left)? {
                let name = entry.file_name();
                if name.to_str().is_some_and(|name| fits.matches(name)) {
                    follow(&at.join(name), rest, left, found)?;
                }
            }
            Ok(())
        }
        Part::Any => {
            if !rest.is_empty() {
                follow(at, rest, left, found)?;
            }
            for (entry, kind) in inside(at, left)? {
                let name = entry.file_name();
                if name.as_encoded_bytes().starts_with(b".") {
                    continue;
                }
                if kind.is_dir() {
                    follow(&at.join(name), parts, left, found)?;
                } else if rest.is_empty() {
                    found.push(at.join(name));
                }
            }
            Ok(())
        }
    }
}

/// The entries of what is a folder; nothing where it is none.
fn inside(at: &Path, left: &mut usize) -> Result<Vec<(DirEntry, FileType)>, Error> {
    let folder = if at.as_os_str().is_empty() {
        Path::new(".")
    } else {
        at
    };
    if folder.is_dir() {
        entries(folder, left)
    } else {
        Ok(Vec::new())
    }
}

/// A folder could not be walked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Absent, forbidden, or broken.
    #[error("cannot read the folder `{}`", path.display())]
    Read {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// More than anybody releases.
    #[error("there are more than {MOST_ENTRIES} files and folders")]
    TooMany,
    /// Folders without end.
    #[error("`{}` lies more than {DEEPEST} folders deep", .0.display())]
    Deep(PathBuf),
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Read { source, .. } => Kind::of_file(source),
            Self::TooMany | Self::Deep(_) => Kind::Invalid,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Read { source, .. } => hint_of_file(source),
            Self::TooMany | Self::Deep(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn tree(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, name).unwrap();
        }
        folder
    }

    fn relative(root: &Path, paths: &[PathBuf]) -> Vec<String> {
        let below = paths.iter().map(|path| path.strip_prefix(root).unwrap());
        below.map(|path| path.display().to_string()).collect()
    }

    #[test]
    fn a_folder_is_walked_in_order_and_tells_what_it_skips() {
        let folder = tree(&[
            "b",
            "a/z",
            "a/y.sigstore.json",
            "a/x.sigstore",
            ".liftlock-abc",
            ".hidden",
        ]);
        let root = folder.path();
        symlink("b", root.join("link")).unwrap();
        symlink(root, root.join("a/loop")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap();
        let walk = super::folder(root).unwrap();
        assert_eq!(relative(root, &walk.files), [".hidden", "a/z", "b"]);
        let skipped: Vec<PathBuf> = walk.skipped.iter().map(|(path, _)| path.clone()).collect();
        assert_eq!(
            relative(root, &skipped),
            [
                ".liftlock-abc",
                "a/loop",
                "a/x.sigstore",
                "a/y.sigstore.json",
                "link",
                "socket"
            ]
        );
        let reasons: Vec<&str> = walk.skipped.iter().map(|(_, reason)| *reason).collect();
        assert!(reasons.contains(&"a symbolic link") && reasons.contains(&"a bundle"));
    }

    #[test]
    fn folders_without_end_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let deep = vec!["d"; DEEPEST + 1].join("/");
        fs::create_dir_all(folder.path().join(deep)).unwrap();
        assert!(matches!(super::folder(folder.path()), Err(Error::Deep(_))));
        let gone = super::folder(&folder.path().join("gone")).unwrap_err();
        assert_eq!(gone.kind(), Kind::Invalid);
    }

    #[test]
    fn a_pattern_names_what_a_shell_would() {
        let folder = tree(&[
            "dist/b.gz",
            "dist/a.gz",
            "dist/.c.gz",
            "dist/sub/d.gz",
            "e.gz",
        ]);
        let root = folder.path();
        symlink("a.gz", root.join("dist/f.gz")).unwrap();
        let named = |text: &str| {
            let whole = format!("{}/{text}", root.display());
            let found = pattern(&Pattern::parse(&whole).unwrap()).unwrap();
            relative(root, &found)
        };
        assert_eq!(named("dist/*.gz"), ["dist/a.gz", "dist/b.gz", "dist/f.gz"]);
        assert_eq!(named("*/*/*.gz"), ["dist/sub/d.gz"]);
        assert_eq!(
            named("**/*.gz"),
            [
                "dist/a.gz",
                "dist/b.gz",
                "dist/f.gz",
                "dist/sub/d.gz",
                "e.gz"
            ]
        );
        assert_eq!(named("dist/s*"), ["dist/sub"]);
        assert_eq!(named("dist/*.zip"), Vec::<String>::new());
        assert_eq!(named("gone/*"), Vec::<String>::new());
    }
}
