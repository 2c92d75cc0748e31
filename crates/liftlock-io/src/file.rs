//! Files: bounded when read, whole or not at all when written.

use std::fs::{File, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use liftlock::failure::{Explain, Kind, hint_of_file};

/// What the names of unfinished files begin with; a killed run leaves one.
pub const DRAFT: &str = ".liftlock-";

/// Whether something has this name. A folder that may not be looked into is no
/// answer.
///
/// # Errors
///
/// Fails when nobody can tell.
pub fn exists(path: &Path) -> Result<bool, Error> {
    path.try_exists().map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })
}

/// Reads a file of at most `limit` bytes.
///
/// # Errors
///
/// Fails when the file cannot be read or is larger.
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    let failed = |source| Error::Read {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= limit) {
        Ok(bytes)
    } else {
        Err(Error::TooLarge {
            path: path.to_owned(),
            limit,
        })
    }
}

/// Reads a text file of at most `limit` bytes.
///
/// # Errors
///
/// Fails when the file cannot be read, is larger, or is not UTF-8.
pub fn read_text(path: &Path, limit: u64) -> Result<String, Error> {
    String::from_utf8(read(path, limit)?).map_err(|source| Error::NotText {
        path: path.to_owned(),
        source,
    })
}

/// Writes a file so that its name shows either the old or the new bytes,
/// whatever happens in between.
///
/// # Errors
///
/// Fails when the folder cannot be written; the old file is then untouched.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let failed = |source| Error::Write {
        path: path.to_owned(),
        source,
    };
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    };
    let mut draft = tempfile::Builder::new()
        .prefix(DRAFT)
        // Like any other file: as readable as the process's umask allows.
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder)
        // The cause by itself: its text would name the draft.
        .map_err(|error| failed(error.kind().into()))?;
    draft.write_all(bytes).map_err(failed)?;
    draft.as_file().sync_all().map_err(failed)?;
    draft.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

/// Adds bytes to the end of a file, which is made where there is none.
///
/// # Errors
///
/// Fails when the file cannot be written.
pub fn append(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let failed = |source| Error::Write {
        path: path.to_owned(),
        source,
    };
    File::options()
        .create(true)
        .append(true)
        .open(path)
        .and_then(|mut file| file.write_all(bytes))
        .map_err(failed)
}

/// A file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Absent, forbidden, or broken.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// More bytes than such a file may have.
    #[error("`{}` is larger than {limit} bytes", path.display())]
    TooLarge {
        /// Which file.
        path: PathBuf,
        /// The most it may have.
        limit: u64,
    },
    /// Not UTF-8.
    #[error("`{}` is not text", path.display())]
    NotText {
        /// Which file.
        path: PathBuf,
        /// Where it stops to be text.
        source: std::string::FromUtf8Error,
    },
    /// No room, no right, or no folder.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Read { source, .. } | Self::Write { source, .. } => Kind::of_file(source),
            Self::TooLarge { .. } | Self::NotText { .. } => Kind::Invalid,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Read { source, .. } | Self::Write { source, .. } => hint_of_file(source),
            Self::TooLarge { .. } | Self::NotText { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_over_the_limit_is_refused_and_one_on_it_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        write(&path, b"12345").unwrap();
        assert_eq!(read(&path, 5).unwrap(), b"12345");
        assert!(matches!(read(&path, 4), Err(Error::TooLarge { .. })));
    }

    #[test]
    fn writing_leaves_nothing_but_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        write(&path, b"old").unwrap();
        write(&path, b"new").unwrap();
        assert_eq!(read(&path, 9).unwrap(), b"new");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
