//! A folder with an OCI image layout (OCI image specification 1.1).

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use liftlock::digest::Digest;
use liftlock::oci::attachment;
use liftlock::oci::document::{LARGEST, MANIFESTS, Manifest};
use liftlock::oci::view::{Attached, View};
use liftlock::oci::{Descriptor, Index, Tag, Version};

use super::{Error, Found, Result};
use crate::file;

const MARKER: &str = "oci-layout";
const MARKER_TEXT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

/// A folder with images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    path: PathBuf,
}

impl Layout {
    /// Opens a folder that has a layout.
    pub(super) fn open(path: &str) -> Result<Self> {
        let layout = Self {
            path: PathBuf::from(path),
        };
        let marker = layout.path.join(MARKER);
        if file::exists(&marker)? && marker.is_file() {
            Ok(layout)
        } else {
            Err(layout.wrong("it has no file `oci-layout`"))
        }
    }

    /// Makes an empty layout, or opens the one that is there.
    ///
    /// # Errors
    ///
    /// Fails when the folder cannot be written.
    pub fn create(path: &str) -> Result<Self> {
        let folder = Path::new(path);
        let blobs = folder.join("blobs/sha256");
        std::fs::create_dir_all(&blobs).map_err(|source| file::Error::Write {
            path: blobs,
            source,
        })?;
        if !file::exists(&folder.join("index.json"))? {
            file::write(&folder.join("index.json"), &Index::default().bytes()?)?;
        }
        if !file::exists(&folder.join(MARKER))? {
            file::write(&folder.join(MARKER), MARKER_TEXT)?;
        }
        Self::open(path)
    }

    pub(super) fn manifest(&self, version: &Version) -> Result<Option<Found>> {
        let index = self.index()?;
        let entry = match version {
            Version::Tag(tag) => index.tagged(tag.as_str()),
            Version::Digest(digest) => {
                let mut entries = index.manifests.iter();
                entries.find(|entry| entry.digest == *digest)
            }
        };
        match (entry, version) {
            (Some(entry), _) => self.found(entry).map(Some),
            (None, Version::Tag(_)) => Ok(None),
            (None, Version::Digest(digest)) => self.nested(digest),
        }
    }

    /// A manifest that only an image index lists, such as that of a platform.
    fn nested(&self, digest: &Digest) -> Result<Option<Found>> {
        let limit = u64::try_from(LARGEST).unwrap_or_default();
        let Some(bytes) = self.blob(digest, limit)? else {
            return Ok(None);
        };
        let media_type = Manifest::parse(&bytes)?.media_type.unwrap_or_default();
        if MANIFESTS.contains(&media_type.as_str()) {
            Ok(Some(Found::new(&media_type, bytes)))
        } else {
            Err(self.wrong(&format!("`{digest}` is no manifest")))
        }
    }

    /// The one image of the folder; attached bundles do not count.
    pub(super) fn only(&self) -> Result<Found> {
        let index = self.index()?;
        let mut images: Vec<&Descriptor> = index
            .manifests
            .iter()
            .filter(|entry| !attachment::is_bundle(entry) && !is_list(entry))
            .collect();
        images.sort_by_key(|entry| entry.digest);
        images.dedup_by_key(|entry| entry.digest);
        match images.as_slice() {
            [only] => self.found(only),
            several => Err(Error::Several {
                path: self.path.display().to_string(),
                count: several.len(),
            }),
        }
    }

    fn found(&self, entry: &Descriptor) -> Result<Found> {
        let limit = u64::try_from(LARGEST).unwrap_or_default();
        let bytes = self
            .blob(&entry.digest, limit)?
            .ok_or_else(|| Error::Absent(entry.digest.to_string()))?;
        let found = Found::new(&entry.media_type, bytes);
        if found.descriptor.digest == entry.digest {
            Ok(found)
        } else {
            Err(Error::Digest {
                wanted: entry.digest,
                found: found.descriptor.digest,
            })
        }
    }

    pub(super) fn entries(&self) -> Result<Vec<Descriptor>> {
        Ok(self.index()?.manifests)
    }

    pub(super) fn blob(&self, digest: &Digest, limit: u64) -> Result<Option<Vec<u8>>> {
        let path = self.blob_path(digest);
        if file::exists(&path)? {
            Ok(Some(file::read(&path, limit)?))
        } else {
            Ok(None)
        }
    }

    pub(super) fn put_blob(&self, bytes: &[u8]) -> Result<Digest> {
        let digest = Digest::of(bytes);
        let path = self.blob_path(&digest);
        if !file::exists(&path)? {
            file::write(&path, bytes)?;
        }
        Ok(digest)
    }

    fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.path.join("blobs/sha256").join(digest.hex())
    }

    pub(super) fn tag(&self, tag: &Tag, entry: &Descriptor) -> Result<()> {
        self.change(|index| {
            // What is known about the manifest stays; its other tags do too.
            let known = index
                .manifests
                .iter()
                .find(|one| one.digest == entry.digest);
            let entry = known.unwrap_or(entry).clone();
            index.tag(tag.as_str(), entry);
            Ok(())
        })
    }

    pub(super) fn untag(&self, tag: &Tag) -> Result<()> {
        self.change(|index| {
            let manifests = &mut index.manifests;
            manifests.retain(|entry| entry.ref_name() != Some(tag.as_str()));
            Ok(())
        })
    }

    pub(super) fn merge(&self, entry: &Descriptor) -> Result<()> {
        self.change(|index| {
            if !index.manifests.iter().any(|one| one.digest == entry.digest) {
                index.merge(entry.clone());
            }
            Ok(())
        })
    }

    /// Adds a layer to a list of layers, all at once.
    pub(super) fn list(
        &self,
        subject: &Digest,
        attached: Attached,
        layer: &Descriptor,
    ) -> Result<Digest> {
        let tag = attached.tag(subject);
        let mut written = *subject;
        self.change(|index| {
            let mut view = match index.tagged(tag.as_str()) {
                Some(entry) => View::parse(attached, &self.found(entry)?.bytes)?,
                None => View::empty(attached),
            };
            view.add(&BTreeMap::from([(attached.id(layer), layer.clone())]));
            let document = view.document()?;
            for bytes in document.config.iter().chain([&document.bytes]) {
                self.put_blob(bytes)?;
            }
            let entry = Descriptor::of(document.media_type, &document.bytes);
            written = entry.digest;
            index.tag(tag.as_str(), entry);
            Ok(())
        })?;
        Ok(written)
    }

    /// Changes the index under a lock, all at once.
    fn change(&self, edit: impl FnOnce(&mut Index) -> Result<()>) -> Result<()> {
        let path = self.path.join(MARKER);
        let failed = |source| file::Error::Read {
            path: path.clone(),
            source,
        };
        let lock = File::open(&path).map_err(failed)?;
        lock.lock().map_err(failed)?;
        let mut index = self.index()?;
        edit(&mut index)?;
        file::write(&self.path.join("index.json"), &index.bytes()?)?;
        drop(lock);
        Ok(())
    }

    fn index(&self) -> Result<Index> {
        let limit = u64::try_from(LARGEST).unwrap_or_default();
        let bytes = file::read(&self.path.join("index.json"), limit)?;
        match Index::parse(&bytes) {
            Ok(index) => Ok(index),
            Err(error) => Err(self.wrong(&format!("its `index.json` cannot be used: {error}"))),
        }
    }

    fn wrong(&self, reason: &str) -> Error {
        Error::Layout {
            path: self.path.display().to_string(),
            reason: reason.to_owned(),
        }
    }
}

/// Whether an entry is a list of what is attached to an image: `sha256-….sig`.
fn is_list(entry: &Descriptor) -> bool {
    let name = entry.ref_name().unwrap_or_default();
    let rest = name.strip_prefix("sha256-").unwrap_or_default();
    rest.strip_suffix(".sig")
        .or_else(|| rest.strip_suffix(".att"))
        .is_some_and(|digits| Digest::from_hex(digits).is_ok())
}
