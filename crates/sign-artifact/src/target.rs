//! What is signed: a file, an image, or a bare digest.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use liftlock::bundle::{Bundle, MessageDigest};
use liftlock::crypto::{Hash, PublicKey};
use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::guise::Guise;
use liftlock::json;
use liftlock::oci::reference::LAYOUT;
use liftlock::oci::{Descriptor, Reference, Version};
use liftlock::signature::Artifact;
use liftlock::statement::Subject;
use liftlock_io::cli::Session;
use liftlock_io::oci::Repository;
use liftlock_io::verify::Known;
use liftlock_io::{hash, http};

/// What the bytes of bundles may have.
pub(crate) const LARGEST_BUNDLE: u64 = json::LARGEST as u64;

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
    /// What a statement calls it; a label, never identity.
    pub(crate) label: Option<String>,
    /// Another hash of a file, where its signature is made over that.
    pub(crate) hashes: Vec<MessageDigest>,
    /// What a signature over the bytes of a file would be as well.
    pub(crate) guise: Option<Guise>,
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
        // No file is called so: it is an image, with a digest that is none.
        (false, Err(wrong)) if text.contains("@sha256:") => Err(wrong.into()),
        (true, _) | (false, Err(_)) => Ok(Typed::File(PathBuf::from(text))),
    }
}

impl Target {
    /// Finds out what was typed and which bytes it names now.
    pub(crate) fn find(text: &str, session: &Session) -> Result<Self, Failure> {
        session.check()?;
        match typed(text)? {
            Typed::File(path) => Self::file(path, Hash::Sha256, session),
            Typed::Digest(digest) => Ok(Self::bare(text, digest)),
            Typed::Image(reference) => {
                let version = reference.version();
                let found = Self::image(&reference, version.as_ref(), session)?;
                let found = found.ok_or_else(|| {
                    Failure::new(Kind::Invalid, format!("there is no image `{reference}`"))
                })?;
                Ok(Self {
                    text: text.to_owned(),
                    ..found
                })
            }
        }
    }

    /// A file, read once from its beginning to its end, and hashed by one more
    /// hash on the way.
    pub(crate) fn file(path: PathBuf, also: Hash, session: &Session) -> Result<Self, Failure> {
        session.check()?;
        let seen = hash::file_with(&path, also)?;
        Ok(Self {
            size: Some(seen.hashed.size),
            hashes: vec![seen.other],
            guise: seen.guise,
            ..Self::unread(path, seen.hashed.digest)
        })
    }

    /// What is nowhere to be seen.
    pub(crate) fn bare(text: impl Into<String>, digest: Digest) -> Self {
        Self {
            text: text.into(),
            digest,
            size: None,
            place: Place::Digest,
            label: None,
            hashes: Vec::new(),
            guise: None,
        }
    }

    /// A file that somebody else hashed.
    pub(crate) fn unread(path: PathBuf, digest: Digest) -> Self {
        let name = path.file_name();
        Self {
            text: path.display().to_string(),
            digest,
            size: None,
            label: name.map(|name| name.to_string_lossy().into_owned()),
            place: Place::File(path),
            hashes: Vec::new(),
            guise: None,
        }
    }

    /// As signatures are made over it.
    pub(crate) fn artifact(&self) -> Artifact<'_> {
        Artifact {
            digest: self.digest,
            hashes: &self.hashes,
            bytes: None,
        }
    }

    /// As the signature in a bundle is checked against it: with what the
    /// bundle and the keys need to know of a file.
    pub(crate) fn known(&self, bundle: &Bundle, keys: &[PublicKey]) -> Result<Known, Failure> {
        let path = match &self.place {
            Place::File(path) => Some(path.as_path()),
            Place::Image { .. } | Place::Digest => None,
        };
        Ok(Known::of(bundle, keys, self.digest, path)?)
    }

    /// The image with this digest in the repository that a label names, if the
    /// label names one and the image is there.
    pub(crate) fn labelled(
        label: &str,
        digest: Digest,
        session: &Session,
    ) -> Result<Option<Self>, Failure> {
        match typed(label)? {
            Typed::Image(reference) => {
                Self::image(&reference, Some(&Version::Digest(digest)), session)
            }
            Typed::File(_) | Typed::Digest(_) => Ok(None),
        }
    }

    fn image(
        reference: &Reference,
        version: Option<&Version>,
        session: &Session,
    ) -> Result<Option<Self>, Failure> {
        session.check()?;
        let repository = Repository::open(&reference.place, &options(session))?;
        let found = repository.resolve(version)?;
        Ok(found.map(|descriptor| Self {
            text: reference.to_string(),
            digest: descriptor.digest,
            size: Some(descriptor.size),
            place: Place::Image {
                repository,
                descriptor,
            },
            label: None,
            hashes: Vec::new(),
            guise: None,
        }))
    }

    /// As a subject of a statement. A file's name is a label; an image's
    /// place may be private and says nothing, so it stays out.
    pub(crate) fn subject(&self) -> Subject {
        match &self.label {
            Some(label) => Subject::named(&self.digest, label.as_str()),
            None => Subject::new(&self.digest),
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
