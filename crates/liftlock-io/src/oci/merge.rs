//! Brings what single signers wrote together in the lists under tags.
//!
//! The rule that makes this safe without compare-and-swap: a writer's object
//! is complete under a name of its own before the writer looks at a list, and
//! a writer ends only after it found, *after its last writing*, first all
//! objects and then all of them in the list. So whoever writes a list last
//! has listed all objects that were complete before, and every writer whose
//! object was not there yet still has to look, and to write if it is missing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use liftlock::digest::Digest;
use liftlock::oci::view::{Attached, Id, View};
use liftlock::oci::{Descriptor, Version};

use super::{Error, Found, Registry, Result, referrers, tags};
use crate::{clock, random};

/// How often a list is looked at. Twenty writers need less than twenty.
const ROUNDS: u32 = 60;

/// How often a registry may refuse to write a list.
const FAILURES: u32 = 8;

/// Writers that look for objects are safe at the first sighting. Others (as
/// cosign) read a list, add to it and write it: after this long they have.
const SETTLED: Duration = Duration::from_millis(300);

/// What a list holds after it was brought up to date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Merged {
    /// How many entries it has.
    pub entries: usize,
    /// How many of them were missing.
    pub added: usize,
}

/// Whether a list may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It is, if something is missing.
    Write,
    /// It is only looked at.
    Look,
}

/// Where the objects of single signers are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// Among the referrers that the registry lists.
    Referrers,
    /// Among the tags: a registry without such a list.
    Tags,
    /// In either: the registry may have learnt it since.
    Both,
}

/// A list that is brought up to date.
pub(super) struct Merge<'a> {
    registry: &'a Registry,
    subject: &'a Digest,
    attached: Attached,
    source: Source,
    /// All entries that were ever seen; none may be missing at the end.
    known: BTreeMap<Id, Descriptor>,
    /// Referrers that were read already.
    read: BTreeSet<Digest>,
}

impl<'a> Merge<'a> {
    pub(super) const fn new(
        registry: &'a Registry,
        subject: &'a Digest,
        attached: Attached,
        source: Source,
    ) -> Self {
        Self {
            registry,
            subject,
            attached,
            source,
            known: BTreeMap::new(),
            read: BTreeSet::new(),
        }
    }

    /// Knows of an entry whose object was just written.
    pub(super) fn with(mut self, entry: &Descriptor) -> Self {
        self.known.insert(self.attached.id(entry), entry.clone());
        self
    }

    /// Looks, and writes until nothing is missing.
    pub(super) fn run(mut self, effect: Effect) -> Result<Merged> {
        let (mut sightings, mut added, mut failures) = (0, 0, 0);
        for round in 0..ROUNDS {
            let listed = self.find()?;
            let mut view = self.view(listed)?;
            let missing = view.add(&self.known);
            let now = Merged {
                entries: view.entries().len(),
                added: added + missing,
            };
            match (missing, effect) {
                (0, Effect::Write) if sightings == 0 && added > 0 => {
                    sightings += 1;
                    clock::wait(SETTLED + jitter(SETTLED));
                }
                (0, Effect::Write | Effect::Look) | (_, Effect::Look) => return Ok(now),
                (_, Effect::Write) => {
                    sightings = 0;
                    match self.write(&view) {
                        Ok(()) => added += missing,
                        // It says that it did not do it; the next round looks again.
                        Err(Error::Status { .. }) if failures < FAILURES => failures += 1,
                        Err(error) => return Err(error),
                    }
                    let bound = Duration::from_millis(40 << round.min(5));
                    clock::wait(jitter(bound));
                }
            }
        }
        Err(Error::Contended(*self.subject, ROUNDS))
    }

    /// Learns of all objects that can be found. Says whether the list's tag is
    /// known to be there.
    fn find(&mut self) -> Result<Listed> {
        match self.source {
            Source::Referrers => self.find_referrers().map(|()| Listed::Unknown),
            Source::Tags => self.find_tags(),
            Source::Both => {
                self.find_referrers()?;
                self.find_tags()
            }
        }
    }

    fn find_referrers(&mut self) -> Result<()> {
        let referrers = referrers::native(self.registry, self.subject)?;
        let referrers = referrers.unwrap_or_default();
        let attached = self.attached;
        for one in referrers.iter().filter(|one| attached.lists(one)) {
            if self.read.insert(one.digest) {
                self.learn(&Version::Digest(one.digest))?;
            }
        }
        Ok(())
    }

    fn find_tags(&mut self) -> Result<Listed> {
        let Some(tags) = tags::list(self.registry)? else {
            return Ok(Listed::Unknown);
        };
        for tag in &tags {
            match self.attached.own_id(self.subject, tag) {
                Some(id) if !self.known.contains_key(&id) => {
                    let tag = self.attached.own_tag(self.subject, &id);
                    self.learn(&Version::Tag(tag))?;
                }
                Some(_) | None => {}
            }
        }
        let view = self.attached.tag(self.subject);
        match tags.iter().any(|tag| tag == view.as_str()) {
            true => Ok(Listed::There),
            false => Ok(Listed::Unknown),
        }
    }

    /// Reads an object. One that is not there yet is its writer's to announce.
    fn learn(&mut self, version: &Version) -> Result<()> {
        let Some(found) = self.registry.manifest_or_hidden(version)? else {
            return Ok(());
        };
        match self.attached.entry(self.subject, &found.bytes) {
            Ok(Some(entry)) => {
                self.known.insert(self.attached.id(&entry), entry);
            }
            Ok(None) => tracing::warn!(%version, "not what its name says, left out"),
            Err(error) => tracing::warn!(%version, %error, "malformed, left out"),
        }
        Ok(())
    }

    /// Reads the list.
    fn view(&mut self, listed: Listed) -> Result<View> {
        let tag = Version::Tag(self.attached.tag(self.subject));
        let view = match self.present(&tag, listed)? {
            Some(found) => View::parse(self.attached, &found.bytes)?,
            None => View::empty(self.attached),
        };
        for entry in view.entries() {
            self.known.insert(self.attached.id(entry), entry.clone());
        }
        Ok(view)
    }

    /// A registry that is just writing a tag may say that there is none; the
    /// entries of others would be lost if that were believed at once.
    fn present(&self, tag: &Version, listed: Listed) -> Result<Option<Found>> {
        for _ in 0..5 {
            match (self.registry.manifest_or_hidden(tag)?, listed) {
                (None, Listed::There) => clock::wait(jitter(SETTLED)),
                (found, _) => return Ok(found),
            }
        }
        Ok(None)
    }

    fn write(&self, view: &View) -> Result<()> {
        let document = view.document()?;
        if let Some(config) = &document.config {
            self.registry.put_blob(config)?;
        }
        let tag = Version::Tag(self.attached.tag(self.subject));
        self.registry
            .put(&tag, document.media_type, &document.bytes)
    }
}

/// What a list of tags says about the list's own tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Listed {
    There,
    Unknown,
}

/// A random part of that long, so that writers do not go in step.
pub(super) fn jitter(most: Duration) -> Duration {
    let digits = random::token().ok();
    let digits = digits.as_deref().and_then(|token| token.get(..8));
    let number = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
    most.mul_f64(f64::from(number.unwrap_or(u32::MAX / 2)) / f64::from(u32::MAX))
}
