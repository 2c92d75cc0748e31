//! Repositories of OCI manifests: in a registry, or in a folder on this machine.

mod attach;
mod auth;
mod copy;
mod copy_attached;
mod docker;
mod error;
mod layout;
mod merge;
mod referrers;
mod registry;
mod support;
mod tags;
mod transfer;

use liftlock::digest::Digest;
use liftlock::oci::tree::Tree;
use liftlock::oci::{Descriptor, Place, Reference, Tag, Version};

pub use copy::{Copied, copy};
pub use error::Error;
pub use layout::Layout;
pub use registry::Registry;
pub use support::{Probe, Support};

use crate::http;

/// What every operation of a repository returns.
pub type Result<T> = std::result::Result<T, Error>;

/// A repository.
#[derive(Debug)]
pub enum Repository {
    /// In a registry.
    Registry(Box<Registry>),
    /// In a folder.
    Layout(Layout),
}

/// A manifest as it was read: its bytes have its digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The document.
    pub bytes: Vec<u8>,
    /// Its media type, digest and size.
    pub descriptor: Descriptor,
}

impl Found {
    fn new(media_type: &str, bytes: Vec<u8>) -> Self {
        Self {
            descriptor: Descriptor::of(media_type, &bytes),
            bytes,
        }
    }
}

impl Repository {
    /// Opens a repository. Registries on this machine are spoken to in plain
    /// HTTP, all others over TLS; credentials come from Docker's files.
    ///
    /// # Errors
    ///
    /// Fails when a folder has no OCI layout, and when TLS cannot be prepared.
    pub fn open(place: &Place, options: &http::Options) -> Result<Self> {
        match place {
            Place::Registry { host, repository } => {
                let registry = Registry::open(host, repository, options)?;
                Ok(Self::Registry(Box::new(registry)))
            }
            Place::Layout { path } => Layout::open(path).map(Self::Layout),
        }
    }

    /// The manifest that a tag or digest names; of a folder with a single
    /// image, that one when nothing is named. `None` when there is none.
    ///
    /// # Errors
    ///
    /// Fails when the repository cannot be read, and when what it gives has
    /// another digest than asked for.
    pub fn manifest(&self, version: Option<&Version>) -> Result<Option<Found>> {
        let found = match (self, version) {
            (Self::Registry(_), None) => return Err(Error::NoVersion),
            (Self::Registry(registry), Some(version)) => registry.manifest(version)?,
            (Self::Layout(layout), Some(version)) => layout.manifest(version)?,
            (Self::Layout(layout), None) => Some(layout.only()?),
        };
        match (found, version) {
            (Some(found), Some(Version::Digest(digest))) if found.descriptor.digest != *digest => {
                Err(Error::Digest {
                    wanted: *digest,
                    found: found.descriptor.digest,
                })
            }
            (found, _) => Ok(found),
        }
    }

    /// Media type, digest and size of the manifest that a tag or digest names.
    ///
    /// # Errors
    ///
    /// As [`Repository::manifest`].
    pub fn resolve(&self, version: Option<&Version>) -> Result<Option<Descriptor>> {
        Ok(self.manifest(version)?.map(|found| found.descriptor))
    }

    /// A manifest and, when it is an index, everything below it, each once.
    ///
    /// # Errors
    ///
    /// Fails as [`Repository::manifest`], when something below is absent, and
    /// when there is more or deeper than any image has.
    pub fn tree(&self, root: &Descriptor) -> Result<Vec<Descriptor>> {
        let mut tree = Tree::new(root.clone());
        while let Some((index, depth)) = tree.next_index() {
            let found = self.manifest(Some(&Version::Digest(index.digest)))?;
            let found = found.ok_or_else(|| Error::Absent(index.digest.to_string()))?;
            tree.grow(depth, &found.bytes)?;
        }
        Ok(tree.found())
    }

    /// The first manifest of an image that is not there: its own, or of an index
    /// one below it. `None` when all are.
    ///
    /// # Errors
    ///
    /// As [`Repository::manifest`], and when there is more or deeper than any
    /// image has.
    pub fn lacks(&self, image: &Digest) -> Result<Option<Digest>> {
        let found = |digest: &Digest| match self.resolve(Some(&Version::Digest(*digest))) {
            Ok(found) => Ok(found),
            // A folder lists what it does not have.
            Err(Error::Absent(_)) => Ok(None),
            Err(error) => Err(error),
        };
        let Some(root) = found(image)? else {
            return Ok(Some(*image));
        };
        let tree = match self.tree(&root) {
            Ok(tree) => tree,
            // An index below it, which is read for what is below that.
            Err(Error::Absent(_)) => return Ok(Some(*image)),
            Err(error) => return Err(error),
        };
        for below in tree {
            if found(&below.digest)?.is_none() {
                return Ok(Some(below.digest));
            }
        }
        Ok(None)
    }

    /// Makes a tag point at a manifest that is there, and reads it back.
    ///
    /// Where a lease must outlive the effect, take it apart: the effect alone
    /// is [`Repository::put_manifest`] with what [`Repository::manifest`] gave.
    ///
    /// # Errors
    ///
    /// Fails when there is no such manifest, when the repository cannot be
    /// written, and when the tag points elsewhere afterwards.
    pub fn tag(&self, tag: &Tag, digest: &Digest) -> Result<()> {
        let found = self
            .manifest(Some(&Version::Digest(*digest)))?
            .ok_or_else(|| Error::Absent(digest.to_string()))?;
        match self {
            Self::Registry(registry) => registry.put(
                &Version::Tag(tag.clone()),
                &found.descriptor.media_type,
                &found.bytes,
            )?,
            Self::Layout(layout) => layout.tag(tag, &found.descriptor)?,
        }
        match self.resolve(Some(&Version::Tag(tag.clone())))? {
            Some(live) if live.digest == *digest => Ok(()),
            live => Err(Error::Elsewhere {
                tag: tag.clone(),
                wanted: *digest,
                found: live.map(|live| live.digest),
            }),
        }
    }

    /// Reads a blob of at most `limit` bytes and proves its digest.
    ///
    /// # Errors
    ///
    /// Fails when it is absent, larger, or has another digest.
    pub fn blob(&self, digest: &Digest, limit: u64) -> Result<Vec<u8>> {
        let bytes = match self {
            Self::Registry(registry) => registry.blob(digest, limit)?,
            Self::Layout(layout) => layout
                .blob(digest, limit)?
                .ok_or_else(|| Error::Absent(digest.to_string()))?,
        };
        let found = Digest::of(&bytes);
        if found == *digest {
            Ok(bytes)
        } else {
            Err(Error::Digest {
                wanted: *digest,
                found,
            })
        }
    }

    /// What cosign 2 calls the repository in a payload: `HOST/REPOSITORY`. A
    /// folder has no such name.
    #[must_use]
    pub fn address(&self) -> String {
        match self {
            Self::Registry(registry) => registry.address(),
            Self::Layout(_) => String::new(),
        }
    }

    /// Writes a blob, unless it is there.
    ///
    /// # Errors
    ///
    /// Fails when the repository cannot be written.
    pub fn put_blob(&self, bytes: &[u8]) -> Result<Digest> {
        match self {
            Self::Registry(registry) => registry.put_blob(bytes),
            Self::Layout(layout) => layout.put_blob(bytes),
        }
    }

    /// Writes a manifest, under a tag if there is one.
    ///
    /// # Errors
    ///
    /// Fails when the repository cannot be written.
    pub fn put_manifest(
        &self,
        tag: Option<&Tag>,
        media_type: &str,
        bytes: &[u8],
    ) -> Result<Digest> {
        let descriptor = Descriptor::of(media_type, bytes);
        match self {
            Self::Registry(registry) => {
                let version = tag.cloned().map(Version::Tag);
                let version = version.unwrap_or(Version::Digest(descriptor.digest));
                registry.put(&version, media_type, bytes)?;
            }
            Self::Layout(layout) => {
                layout.put_blob(bytes)?;
                match tag {
                    Some(tag) => layout.tag(tag, &descriptor)?,
                    None => layout.merge(&descriptor)?,
                }
            }
        }
        Ok(descriptor.digest)
    }
}

/// What a reference names, now.
///
/// # Errors
///
/// As [`Repository::open`] and [`Repository::manifest`].
pub fn resolve(reference: &Reference, options: &http::Options) -> Result<Option<Descriptor>> {
    Repository::open(&reference.place, options)?.resolve(reference.version().as_ref())
}

/// Makes the reference's tag point at a manifest of the same repository, and
/// reads it back.
///
/// # Errors
///
/// As [`Repository::open`] and [`Repository::tag`]; a reference without a tag
/// names nothing that could be moved.
pub fn tag(reference: &Reference, digest: &Digest, options: &http::Options) -> Result<()> {
    let tag = reference.tag.as_ref().ok_or(Error::NoVersion)?;
    Repository::open(&reference.place, options)?.tag(tag, digest)
}

#[cfg(test)]
#[cfg(feature = "sign")]
mod tests;
