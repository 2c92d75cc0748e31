//! Brings what others attached to images, and what files hold, to a chain;
//! and keeps what counted, so that a plan can be finished without them.

use std::path::PathBuf;

use liftlock::bundle::{Bundle, ParseError};
use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::foreign::Image;
use liftlock::oci::Version;
use liftlock::release::{Identified, Reference};
use liftlock_io::http::Options;
use liftlock_io::oci::{Error, Repository};
use liftlock_io::{file, pointer};

use crate::gather::Gathered;
use crate::world::World;

/// The most bytes of a file with a bundle.
const LARGEST: u64 = 16 * 1024 * 1024;

/// What is at hand beside the evidence store.
#[derive(Debug, Default)]
pub struct Brought {
    /// Bundles under the digest that they were found for.
    pub bundles: Vec<(Digest, Vec<u8>)>,
    /// The release as it was named, with where its images are.
    pub release: Option<Identified>,
}

impl World {
    /// Reads everything that is attached to the images of a release.
    ///
    /// # Errors
    ///
    /// Fails when an image is not there, and when its repository cannot be read.
    pub fn bring(&mut self, release: &Identified, images: &[Image]) -> Result<(), Failure> {
        let options = Options {
            ca_file: self.ca_file.clone(),
            timeout: pointer::TIMEOUT,
        };
        for image in images {
            let repository = Repository::open(&image.reference.place, &options)?;
            let version = Version::Digest(image.digest);
            if repository.resolve(Some(&version))?.is_none() {
                return Err(Error::Absent(image.reference.to_string()).into());
            }
            let attached = repository.bundles(&image.digest)?;
            let found = attached.into_iter().map(|bytes| (image.digest, bytes));
            self.brought.bundles.extend(found);
        }
        self.brought.release = Some(release.clone());
        Ok(())
    }

    /// Reads bundles from files, for any part of a release: one a file, or
    /// one a line, as `gh attestation download` writes them.
    ///
    /// # Errors
    ///
    /// Fails when a file cannot be read or holds anything but bundles.
    pub fn bring_files(&mut self, release: &Reference, files: &[PathBuf]) -> Result<(), Failure> {
        for path in files {
            let bytes = file::read(path, LARGEST)?;
            let bundles = bundles(&bytes).map_err(|error| {
                let message = format!("cannot understand `{}`", path.display());
                Failure::because(Kind::Invalid, message, error)
            })?;
            for bundle in bundles {
                let parts = std::iter::once(&release.digest).chain(release.artifacts.values());
                let brought = parts.map(|digest| (*digest, bundle.to_vec()));
                self.brought.bundles.extend(brought);
            }
        }
        Ok(())
    }

    /// Keeps what was brought and proved as evidence: whoever goes on with the
    /// plan, or goes back to the release, has to find it.
    ///
    /// # Errors
    ///
    /// Fails when the evidence store cannot be written.
    pub fn keep(&self, release: &Reference, gathered: &Gathered) -> Result<(), Failure> {
        for (_, bytes) in &self.brought.bundles {
            let digest = Digest::of(bytes);
            let mut items = gathered.items.iter();
            let Some(item) = items.find(|item| item.bundle == digest) else {
                continue;
            };
            let Ok(said) = &item.outcome else { continue };
            let parts = std::iter::once(&release.digest).chain(release.artifacts.values());
            let mut subjects: Vec<Digest> = parts
                .filter(|part| said.statement.is_about(part))
                .copied()
                .collect();
            subjects.dedup();
            if !subjects.is_empty() {
                self.evidence.put(&subjects, &item.predicate_type, bytes)?;
            }
        }
        Ok(())
    }

    /// The release as it was named, or what follows from its artifacts;
    /// nothing where a `release.json` tells of it, which a builder has to have
    /// attested.
    pub(crate) fn unwritten(&self, release: &Reference) -> Option<Identified> {
        if !release.is_foreign() {
            return None;
        }
        let named = self.brought.release.as_ref();
        named
            .filter(|named| named.digest == release.digest)
            .cloned()
            .or_else(|| liftlock::foreign::of_reference(&self.rules.service, release))
    }
}

/// The bundles of a file; at least one.
fn bundles(bytes: &[u8]) -> Result<Vec<&[u8]>, ParseError> {
    let Err(whole) = Bundle::parse(bytes) else {
        return Ok(vec![bytes]);
    };
    let lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let lines: Vec<&[u8]> = lines.filter(|line| !line.is_empty()).collect();
    if lines.len() < 2 {
        return Err(whole);
    }
    for line in &lines {
        Bundle::parse(line)?;
    }
    Ok(lines)
}
