//! Copies what is attached to images: by the registry's own list, by the tag that
//! stands in for it, and by the tags of cosign 2.

use std::collections::{BTreeMap, BTreeSet};

use liftlock::digest::Digest;
use liftlock::oci::document::INDEX;
use liftlock::oci::tree::is_index;
use liftlock::oci::view::{Attached, Document, Id, View};
use liftlock::oci::{Descriptor, Index, Tag, Version};

use super::copy::{Copied, Job};
use super::{Error, Found, Result, referrers, tags};
use crate::parallel;

/// How deep attachments of attachments are followed: a signature of a bill of
/// materials of an image.
const DEEPEST: usize = 3;

/// The most attachments of one image, and the most entries of one list of them.
const MOST: usize = 1_000;

/// The endings of tags that stand for what is attached, where no list of tags
/// tells of others.
const ENDINGS: [&str; 4] = ["", ".sig", ".att", ".sbom"];

impl Job<'_> {
    /// Copies everything that is attached to these manifests.
    pub(super) fn attachments(&self, subjects: &[Digest], copied: &mut Copied) -> Result<()> {
        let lists = || tags::list(self.source);
        let (here, there) = parallel::both(lists, || tags::list(self.target))?;
        let there = there.map(BTreeSet::from_iter);
        for subject in subjects {
            let stem = format!("sha256-{}", subject.hex());
            let names: Vec<String> = match &here {
                Some(here) => {
                    let here = here.iter();
                    here.filter(|tag| tag.starts_with(&stem)).cloned().collect()
                }
                // A registry that lists no tags is asked for each.
                None => ENDINGS.map(|end| format!("{stem}{end}")).into(),
            };
            for name in names {
                self.tagged((&stem, &name), there.as_ref(), copied)?;
            }
        }
        self.referrers(subjects, copied)
    }

    /// Copies what is under a tag of the source, unless it is there; a list
    /// that differs there gets the entries that it lacks.
    fn tagged(
        &self,
        (stem, name): (&str, &str),
        there: Option<&BTreeSet<String>>,
        copied: &mut Copied,
    ) -> Result<()> {
        let Ok(tag) = name.parse::<Tag>() else {
            return Ok(());
        };
        let version = Version::Tag(tag);
        let Some(found) = self.source.manifest_or_hidden(&version)? else {
            return Ok(());
        };
        let live = match there.is_none_or(|there| there.contains(name)) {
            true => self.target.manifest_or_hidden(&version)?,
            false => None,
        };
        if live.as_ref().map(|live| live.descriptor.digest) == Some(found.descriptor.digest) {
            return Ok(());
        }
        if is_index(&found.descriptor.media_type) {
            let listed = Index::parse(&found.bytes)?.manifests;
            if listed.len() > MOST {
                return Err(Error::TooMany(found.descriptor.digest));
            }
            for entry in listed {
                self.attached(&entry.digest, copied)?;
            }
        } else {
            self.blobs(&[&found], copied)?;
        }
        match (live, kind(stem, name)) {
            (None, _) => {
                self.put(&version, &found)?;
                copied.manifests += 1;
                if !is_index(&found.descriptor.media_type) {
                    copied.attached.insert(found.descriptor.digest);
                }
                Ok(())
            }
            (Some(live), Some(kind)) => self.merge(&version, kind, (&live, &found), copied),
            // Whatever else it is, the one that is there stays.
            (Some(_), None) => Ok(()),
        }
    }

    /// Adds to a list of the target what it lacks.
    fn merge(
        &self,
        version: &Version,
        kind: Attached,
        (live, found): (&Found, &Found),
        copied: &mut Copied,
    ) -> Result<()> {
        let mut view = View::parse(kind, &live.bytes)?;
        let here = View::parse(kind, &found.bytes)?;
        let known: BTreeMap<Id, Descriptor> = here
            .entries()
            .iter()
            .map(|entry| (kind.id(entry), entry.clone()))
            .collect();
        if view.add(&known) == 0 {
            return Ok(());
        }
        let Document {
            media_type,
            bytes,
            config,
        } = view.document()?;
        if let Some(config) = config {
            self.target.put_blob(&config)?;
        }
        let merged = Found::new(media_type, bytes);
        self.put(version, &merged)?;
        copied.manifests += 1;
        copied.attached.insert(merged.descriptor.digest);
        Ok(())
    }

    /// Copies what the source's own lists name, with what is attached to that.
    fn referrers(&self, subjects: &[Digest], copied: &mut Copied) -> Result<()> {
        let mut seen: BTreeSet<Digest> = subjects.iter().copied().collect();
        let mut open: Vec<Digest> = subjects.to_vec();
        for _ in 0..DEEPEST {
            let mut next = Vec::new();
            for subject in open {
                let Some(listed) = referrers::native(self.source, &subject)? else {
                    return Ok(());
                };
                next.extend(listed.iter().map(|entry| entry.digest));
                self.listed(&subject, listed, copied)?;
            }
            next.retain(|digest| seen.insert(*digest));
            open = next;
        }
        Ok(())
    }

    fn listed(&self, subject: &Digest, listed: Vec<Descriptor>, copied: &mut Copied) -> Result<()> {
        if listed.len() > MOST {
            return Err(Error::TooMany(*subject));
        }
        if listed.is_empty() {
            return Ok(());
        }
        let there = referrers::native(self.target, subject)?;
        for entry in &listed {
            let mut held = there.iter().flatten();
            if !held.any(|one| one.digest == entry.digest) {
                self.attached(&entry.digest, copied)?;
            }
        }
        match there {
            Some(_) => Ok(()),
            None => self.list(subject, listed, copied),
        }
    }

    /// Lists referrers under the tag that stands in where the target keeps no
    /// list of its own.
    fn list(&self, subject: &Digest, listed: Vec<Descriptor>, copied: &mut Copied) -> Result<()> {
        let version = Version::Tag(Attached::Bundles.tag(subject));
        let mut index = Index::default();
        index.manifests = listed;
        let found = Found::new(INDEX, index.bytes()?);
        match self.target.manifest_or_hidden(&version)? {
            Some(live) => self.merge(&version, Attached::Bundles, (&live, &found), copied),
            None => {
                copied.manifests += 1;
                self.put(&version, &found)
            }
        }
    }
}

/// What kind of list is under a tag.
fn kind(stem: &str, name: &str) -> Option<Attached> {
    match name.strip_prefix(stem)? {
        "" => Some(Attached::Bundles),
        ".sig" => Some(Attached::Signatures),
        ".att" => Some(Attached::Attestations),
        _ => None,
    }
}
