//! What is signed: a file, an image, or a bare digest.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::oci::reference::LAYOUT;
use liftlock::oci::{Descriptor, Reference};
use liftlock::statement::Subject;
use liftlock_io::cli::Session;
use liftlock_io::oci::Repository;
use liftlock_io::{hash, http};

/// What the bytes of bundles may have: more than any SBOM.
pub(crate) const LARGEST_BUNDLE: u64 = 16 * 1024 * 1024;

/// A target whose digest is known.
#[derive(Debug)]
pub(crate) struct Target {
    /// As it was typed.
    pub(crate) text: String,
    /// What it is.
    pub(crate) digest: Digest,
    /// Its length, where it is known.
    pub(crate) size: Option<u64>,
    /// Where it is.
    pub(crate) place: Place,
}

/// Where a target is.
#[derive(Debug)]
pub(crate) enum Place {
    /// On this machine.
    File(PathBuf),
    /// In a repository.
    Image {
        repository: Repository,
        descriptor: Descriptor,
    },
    /// Nowhere that we know.
    Digest,
}

enum Typed {
    File(PathBuf),
    Image(Reference),
    Digest(Digest),
}

/// An existing file wins over a registry of the same name; `oci://` and
/// `oci-layout:` always mean an image.
fn typed(text: &str) -> Result<Typed, Failure> {
    if text.starts_with(LAYOUT) || text.starts_with("oci://") {
        return Ok(Typed::Image(text.parse()?));
    }
    if text.starts_with("sha256:") {
        let digest = text.parse::<Digest>();
        let wrong =
            |error: liftlock::digest::ParseError| Failure::new(Kind::Invalid, error.to_string());
        return Ok(Typed::Digest(digest.map_err(wrong)?));
    }
    match (Path::new(text).exists(), text.parse::<Reference>()) {
        (false, Ok(reference)) => Ok(Typed::Image(reference)),
        (true, _) | (false, Err(_)) => Ok(Typed::File(PathBuf::from(text))),
    }
}

impl Target {
    /// Finds out what was typed and which bytes it names now.
    pub(crate) fn find(text: &str, session: &Session) -> Result<Self, Failure> {
        session.check()?;
        let (digest, size, place) = match typed(text)? {
            Typed::File(path) => {
                let hashed = hash::file(&path)?;
                (hashed.digest, Some(hashed.size), Place::File(path))
            }
            Typed::Digest(digest) => (digest, None, Place::Digest),
            Typed::Image(reference) => {
                let repository = Repository::open(&reference.place, &options(session))?;
                let found = repository.resolve(reference.version().as_ref())?;
                let descriptor = found.ok_or_else(|| {
                    Failure::new(Kind::Invalid, format!("there is no image `{reference}`"))
                })?;
                let place = Place::Image {
                    repository,
                    descriptor: descriptor.clone(),
                };
                (descriptor.digest, Some(descriptor.size), place)
            }
        };
        Ok(Self {
            text: text.to_owned(),
            digest,
            size,
            place,
        })
    }

    /// All of them, in order.
    pub(crate) fn all(texts: &[String], session: &Session) -> Result<Vec<Self>, Failure> {
        texts.iter().map(|text| Self::find(text, session)).collect()
    }

    /// As a subject of a statement. A file's name is a label; an image's
    /// place may be private and says nothing, so it stays out.
    pub(crate) fn subject(&self) -> Subject {
        match &self.place {
            Place::File(path) => match path.file_name() {
                Some(name) => Subject::named(&self.digest, name.to_string_lossy()),
                None => Subject::new(&self.digest),
            },
            Place::Image { .. } | Place::Digest => Subject::new(&self.digest),
        }
    }
}

/// How registries are asked.
pub(crate) fn options(session: &Session) -> http::Options {
    http::Options {
        ca_file: session.ca_file.clone(),
        timeout: session
            .remaining(Duration::from_secs(60))
            .unwrap_or_default(),
    }
}

/// The path with something added to its name.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}
