//! Copies images from one repository to another: the same bytes, and so the
//! same digests, with everything that is attached to them.

use std::collections::{BTreeMap, BTreeSet};

use liftlock::digest::Digest;
use liftlock::oci::document::Manifest;
use liftlock::oci::tree::{Tree, is_index};
use liftlock::oci::{Descriptor, Tag, Version};
use serde::Serialize;

use super::transfer::Placed;
use super::{Error, Found, Registry, Repository, Result};
use crate::http::Method;
use crate::parallel;

/// How many transfers run side by side.
const WORKERS: usize = 8;

/// What a copy did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Copied {
    /// Manifests that were written.
    pub manifests: usize,
    /// Blobs that were there.
    pub present: usize,
    /// Blobs that the registry took from its other repository.
    pub mounted: usize,
    /// Blobs that were sent.
    pub sent: usize,
    /// Bytes of the blobs that were sent.
    pub bytes: u64,
    /// Signatures, attestations and whatever else was attached.
    pub attached: BTreeSet<Digest>,
}

impl Copied {
    fn count(&mut self, placed: &[(Placed, u64)]) {
        for (placed, size) in placed {
            match placed {
                Placed::Present => self.present += 1,
                Placed::Mounted => self.mounted += 1,
                Placed::Sent => {
                    self.sent += 1;
                    self.bytes = self.bytes.saturating_add(*size);
                }
            }
        }
    }
}

/// Copies a manifest with everything below it and attached to it, and makes a
/// tag point at it, if one is named. Children come before what lists them, and the tag comes
/// last: a copy that is cut off shows nothing, and is done by copying again.
///
/// Attached counts what is a referrer by the registry's own list, or by the tag
/// that stands in for it, and what cosign 2 put under `sha256-….sig`, `.att` and
/// `.sbom`, of the manifest and of everything below it.
///
/// # Errors
///
/// Fails when a repository cannot be read or written, when something is absent,
/// and when the tag points elsewhere afterwards.
pub fn copy(
    source: &Repository,
    target: &Repository,
    (root, tag): (&Digest, Option<&Tag>),
) -> Result<Copied> {
    let (Repository::Registry(source), Repository::Registry(target)) = (source, target) else {
        return Err(Error::Foreign {
            url: "oci-layout".to_owned(),
            reason: "only repositories of registries are copied".to_owned(),
        });
    };
    let job = Job { source, target };
    target.reading(source);
    let mut copied = Copied::default();
    if source.host == target.host && source.repository == target.repository {
        let found = job.read(root)?;
        if let Some(tag) = tag {
            job.put(&Version::Tag(tag.clone()), &found)?;
            copied.manifests = 1;
            job.proved(tag, root)?;
        }
    } else {
        let image = job.below(root, &mut copied)?;
        // Before the tag, so that nobody finds the image unsigned.
        job.attachments(&image.digests, &mut copied)?;
        job.name(&image, tag, &mut copied)?;
    }
    Ok(copied)
}

/// A manifest, and everything below it.
struct Image {
    found: Found,
    /// Whether the target had it before.
    is_there: bool,
    digests: Vec<Digest>,
}

/// From where to where.
pub(super) struct Job<'a> {
    pub(super) source: &'a Registry,
    pub(super) target: &'a Registry,
}

impl Job<'_> {
    fn read(&self, digest: &Digest) -> Result<Found> {
        let found = self.source.manifest(&Version::Digest(*digest))?;
        let found = found.ok_or_else(|| Error::Absent(digest.to_string()))?;
        if found.descriptor.digest == *digest {
            Ok(found)
        } else {
            Err(Error::Digest {
                wanted: *digest,
                found: found.descriptor.digest,
            })
        }
    }

    /// Writes the root itself, under its tag if there is one.
    fn name(&self, image: &Image, tag: Option<&Tag>, copied: &mut Copied) -> Result<()> {
        let root = image.found.descriptor.digest;
        let is_done = match tag {
            None => image.is_there,
            Some(tag) => {
                let tag = Version::Tag(tag.clone());
                image.is_there && self.digest(self.target, &tag)? == Some(root)
            }
        };
        if is_done {
            return Ok(());
        }
        let version = tag.cloned().map(Version::Tag);
        let version = version.unwrap_or(Version::Digest(root));
        self.put(&version, &image.found)?;
        copied.manifests += 1;
        tag.map_or(Ok(()), |tag| self.proved(tag, &root))
    }

    /// Reads back where a tag points after it was written.
    fn proved(&self, tag: &Tag, root: &Digest) -> Result<()> {
        match self.digest(self.target, &Version::Tag(tag.clone()))? {
            Some(live) if live == *root => Ok(()),
            live => Err(Error::Elsewhere {
                tag: tag.clone(),
                wanted: *root,
                found: live,
            }),
        }
    }

    pub(super) fn put(&self, version: &Version, found: &Found) -> Result<()> {
        self.target
            .put(version, &found.descriptor.media_type, &found.bytes)
    }

    /// What a tag or digest names, without reading it where the registry tells.
    fn digest(&self, registry: &Registry, version: &Version) -> Result<Option<Digest>> {
        let action = format!("looking at `{version}`");
        let mut head = registry.read(&format!("manifests/{version}"))?;
        head.method = Method::Head;
        let response = registry.send(&head, 0, &action)?;
        let told = response.header("docker-content-digest");
        match (response.status, told.and_then(|text| text.parse().ok())) {
            (404, _) => Ok(None),
            (200, Some(digest)) => Ok(Some(digest)),
            (200, None) => Ok(registry.manifest(version)?.map(|one| one.descriptor.digest)),
            (_, _) => Err(registry.failed(&response, &action)),
        }
    }

    /// Copies a manifest that is attached, and everything below it.
    pub(super) fn attached(&self, root: &Digest, copied: &mut Copied) -> Result<()> {
        let image = self.below(root, copied)?;
        if !image.is_there {
            self.put(&Version::Digest(*root), &image.found)?;
            copied.manifests += 1;
            copied.attached.insert(*root);
        }
        Ok(())
    }

    /// Copies everything that a manifest needs. Where the target has the
    /// manifest, it has that.
    fn below(&self, root: &Digest, copied: &mut Copied) -> Result<Image> {
        let version = Version::Digest(*root);
        let there = || self.digest(self.target, &version);
        let (found, there) = parallel::both(|| self.read(root), there)?;
        let is_there = there == Some(*root);
        let mut tree = Tree::new(found.descriptor.clone());
        let mut known = BTreeMap::from([(*root, found.clone())]);
        while let Some((index, depth)) = tree.next_index() {
            let read = match known.get(&index.digest) {
                Some(read) => read.clone(),
                None => self.read(&index.digest)?,
            };
            tree.grow(depth, &read.bytes)?;
            known.insert(index.digest, read);
        }
        let all = tree.found();
        if !is_there {
            self.bring(&all, known, copied)?;
        }
        Ok(Image {
            found,
            is_there,
            digests: all.iter().map(|one| one.digest).collect(),
        })
    }

    /// Copies the blobs of all of these, and all but the first of them.
    fn bring(
        &self,
        all: &[Descriptor],
        mut known: BTreeMap<Digest, Found>,
        copied: &mut Copied,
    ) -> Result<()> {
        let unread = all.iter().filter(|one| !known.contains_key(&one.digest));
        let unread: Vec<Digest> = unread.map(|one| one.digest).collect();
        let read = parallel::map(WORKERS, &unread, |one| self.read(one))?;
        known.extend(
            read.into_iter()
                .map(|found| (found.descriptor.digest, found)),
        );
        self.blobs(&known.values().collect::<Vec<_>>(), copied)?;
        // What lists others comes after them: the deepest first.
        let below = all.iter().skip(1).rev();
        let below = below.filter_map(|one| known.get(&one.digest));
        let (indexes, images): (Vec<&Found>, Vec<&Found>) =
            below.partition(|found| is_index(&found.descriptor.media_type));
        let write = |found: &&Found| self.put(&Version::Digest(found.descriptor.digest), found);
        parallel::map(WORKERS, &images, write)?;
        indexes.iter().try_for_each(write)?;
        copied.manifests += images.len() + indexes.len();
        Ok(())
    }

    pub(super) fn blobs(&self, found: &[&Found], copied: &mut Copied) -> Result<()> {
        let mut blobs: BTreeMap<Digest, Descriptor> = BTreeMap::new();
        let found = found.iter();
        for one in found.filter(|one| !is_index(&one.descriptor.media_type)) {
            let manifest = Manifest::parse(&one.bytes)?;
            let needed = manifest.blobs()?.into_iter();
            blobs.extend(needed.map(|blob| (blob.digest, blob)));
        }
        let blobs: Vec<Descriptor> = blobs.into_values().collect();
        let placed = parallel::map(WORKERS, &blobs, |blob| {
            Ok::<_, Error>((self.target.place(self.source, blob)?, blob.size))
        })?;
        copied.count(&placed);
        Ok(())
    }
}
