//! What is still missing from a bundle: a note beside it, until `finish` has
//! added the rest.

use std::path::{Path, PathBuf};

use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::json;
use liftlock::time::Time;
use liftlock_io::file;
use liftlock_io::keyless::Missing;
use serde::{Deserialize, Serialize};

use crate::pen::Made;
use crate::target::beside;

/// What ends the name of a note.
pub(crate) const SUFFIX: &str = ".unfinished";

/// The most bytes of a note.
const LARGEST: u64 = 64 * 1024;

/// A note.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Note {
    schema_version: u32,
    /// The bundle that it is about, as it was then.
    pub(crate) bundle: Digest,
    /// What it lacks.
    pub(crate) missing: Vec<Missing>,
    /// Since when.
    pub(crate) since: Time,
}

/// Where the note about a bundle is.
pub(crate) fn place(bundle: &Path) -> PathBuf {
    beside(bundle, SUFFIX)
}

/// Writes the note before the bundle: whoever dies in between leaves a note
/// about nothing, and no bundle that only looks finished.
pub(crate) fn note(bundle: &Path, made: &Made, since: Time) -> Result<(), Failure> {
    if made.missing.is_empty() {
        return Ok(());
    }
    let note = Note {
        schema_version: 1,
        bundle: made.bundle.digest(),
        missing: made.missing.clone(),
        since,
    };
    let bytes = json::line(&note).map_err(|error| Failure::new(Kind::Bug, error.to_string()))?;
    Ok(file::write(&place(bundle), &bytes)?)
}

/// Reads the note about a bundle; nothing where there is none.
pub(crate) fn read(bundle: &Path) -> Result<Option<Note>, Failure> {
    let path = place(bundle);
    if !file::exists(&path)? {
        return Ok(None);
    }
    let wrong = |reason: String| {
        Failure::new(
            Kind::Invalid,
            format!("cannot understand `{}`: {reason}", path.display()),
        )
    };
    let note: Note = json::parse(&file::read(&path, LARGEST)?).map_err(|error| {
        let message = format!("cannot understand `{}`", path.display());
        Failure::because(Kind::Invalid, message, error)
    })?;
    if note.schema_version != 1 {
        return Err(wrong(format!(
            "its version is {}, expected 1",
            note.schema_version
        )));
    }
    Ok(Some(note))
}

/// Takes the note away.
pub(crate) fn done(bundle: &Path) -> Result<(), Failure> {
    let path = place(bundle);
    std::fs::remove_file(&path).map_err(|error| {
        Failure::because(
            Kind::of_file(&error),
            format!("cannot remove `{}`", path.display()),
            error,
        )
    })
}
