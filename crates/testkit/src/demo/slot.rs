//! A slot of the demo: a folder with one file per artifact.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use liftlock::digest::Digest;
use liftlock::percent::Percent;

/// The file that says which share of requests goes wrong, for instance `5%`.
const ERROR_RATE: &str = "error-rate";
/// The file that names the version for people.
const VERSION: &str = "version";

/// The folder of one slot.
#[derive(Clone, Debug)]
pub struct Slot(PathBuf);

impl Slot {
    /// The slot in this folder.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self(folder.into())
    }

    /// Its folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.0
    }

    /// Each artifact, named as its file, and its digest.
    ///
    /// # Errors
    ///
    /// Fails when the folder or a file in it cannot be read.
    pub fn artifacts(&self) -> io::Result<BTreeMap<String, Digest>> {
        let mut artifacts = BTreeMap::new();
        for entry in fs::read_dir(&self.0)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let apart = name.starts_with('.') || name == ERROR_RATE || name == VERSION;
            if !apart && fs::metadata(entry.path())?.is_file() {
                artifacts.insert(name, Digest::of(&fs::read(entry.path())?));
            }
        }
        Ok(artifacts)
    }

    /// The name of its version: its file `version`, or else the folder's name.
    #[must_use]
    pub fn version(&self) -> String {
        let folder = || {
            self.0
                .file_name()
                .map(|name| name.to_string_lossy().into_owned())
        };
        fs::read_to_string(self.0.join(VERSION))
            .ok()
            .map(|text| text.trim().to_owned())
            .filter(|text| !text.is_empty())
            .or_else(folder)
            .unwrap_or_else(|| "unknown".to_owned())
    }

    /// The share of requests that goes wrong; nothing when the slot does not
    /// say, or when its file is being written.
    #[must_use]
    pub fn error_rate(&self) -> Option<Percent> {
        rate(&self.0.join(ERROR_RATE))
    }

    /// Makes that share of requests go wrong.
    ///
    /// # Errors
    ///
    /// Fails when the file cannot be written.
    pub fn set_error_rate(&self, rate: &str) -> io::Result<()> {
        let next = self.0.join(".error-rate");
        fs::write(&next, rate)?;
        fs::rename(next, self.0.join(ERROR_RATE))
    }
}

/// The share that a file holds, when it holds one.
#[must_use]
fn rate(file: &Path) -> Option<Percent> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn artifacts_are_files_that_are_not_settings() {
        let folder = tempfile::tempdir().unwrap();
        let slot = Slot::new(folder.path());
        for (name, text) in [
            ("api", "one"),
            ("worker", "two"),
            ("version", "v2\n"),
            (".x", ""),
        ] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        slot.set_error_rate("2.5%\n").unwrap();
        let expected = [("api", "one"), ("worker", "two")]
            .map(|(name, text)| (name.to_owned(), Digest::of(text.as_bytes())));
        assert_eq!(slot.artifacts().unwrap(), BTreeMap::from(expected));
        assert_eq!(slot.version(), "v2");
        assert_eq!(slot.error_rate(), "2.5%".parse().ok());
    }

    #[test]
    fn a_silent_slot_has_no_rate_and_the_folders_name() {
        let slot = Slot::new("/nowhere/blue");
        assert_eq!((slot.error_rate(), slot.version().as_str()), (None, "blue"));
        assert!(slot.artifacts().is_err());
    }
}
