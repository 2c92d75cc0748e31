//! Writes a watch down, look by look.

use std::io::{Sink, Write as _};
use std::path::{Path, PathBuf};

use liftlock::canary::Judgement;
use liftlock::canary::record::{Close, Entry, Head};
use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::json;
use liftlock_io::file;
use liftlock_io::hash::Tap;
use serde::Serialize;

/// A record that grows with every look; without a file only its digest does.
pub(crate) struct Record {
    path: Option<PathBuf>,
    digest: Tap<Sink>,
}

impl Record {
    /// Begins a record, in place of what the file held before.
    pub(crate) fn begin(path: Option<&Path>, head: &Head) -> Result<Self, Failure> {
        let bytes = line(head)?;
        if let Some(path) = path {
            file::write(path, &bytes)?;
        }
        let mut record = Self {
            path: path.map(Path::to_owned),
            digest: Tap::new(std::io::sink()),
        };
        record.hash(&bytes)?;
        Ok(record)
    }

    /// Adds a look.
    pub(crate) fn add(&mut self, entry: &Entry) -> Result<(), Failure> {
        self.append(&line(entry)?)
    }

    /// Ends with the verdict: the digest of all there is.
    pub(crate) fn close(mut self, judgement: &Judgement) -> Result<Digest, Failure> {
        let judgement = judgement.clone();
        self.append(&line(&Close { judgement })?)?;
        Ok(self.digest.finish().digest)
    }

    fn append(&mut self, line: &[u8]) -> Result<(), Failure> {
        if let Some(path) = &self.path {
            file::append(path, line)?;
        }
        self.hash(line)
    }

    fn hash(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.digest
            .write_all(bytes)
            .map_err(|error| Failure::new(Kind::Bug, error.to_string()))
    }
}

fn line<T: Serialize>(value: &T) -> Result<Vec<u8>, Failure> {
    json::line(value).map_err(|error| Failure::new(Kind::Bug, error.to_string()))
}
