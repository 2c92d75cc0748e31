//! Brings what single signers wrote together in the lists under tags; when a
//! list is complete is decided in `liftlock::oci::merge`.

use std::collections::BTreeSet;
use std::time::Duration;

use liftlock::digest::Digest;
use liftlock::oci::Version;
use liftlock::oci::merge::{self, Merged, Next};
use liftlock::oci::view::{Attached, View};
use liftlock::oci::{Descriptor, Tag};

use super::{Error, Found, Registry, Result, referrers, tags};
use crate::{clock, random};

/// Writers that look for objects are safe at the first sighting. Others (as
/// cosign) read a list, add to it and write it: after this long they have.
const SETTLED: Duration = Duration::from_millis(300);

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
    source: Source,
    state: merge::Merge,
    /// Objects that need not be read again, whatever they hold.
    read: BTreeSet<String>,
}

impl<'a> Merge<'a> {
    pub(super) const fn new(
        registry: &'a Registry,
        subject: &'a Digest,
        source: Source,
        state: merge::Merge,
    ) -> Self {
        Self {
            registry,
            subject,
            source,
            state,
            read: BTreeSet::new(),
        }
    }

    /// Knows of an entry whose object was just written.
    pub(super) fn with(mut self, entry: &Descriptor) -> Self {
        self.state.learn(entry.clone());
        self
    }

    /// Looks, and writes until nothing is missing.
    pub(super) fn run(mut self) -> Result<Merged> {
        let mut round = 0_u32;
        loop {
            let listed = self.find()?;
            let view = self.view(listed)?;
            match self.state.judge(view) {
                Next::Done(merged) => return Ok(merged),
                Next::Contended => return Err(Error::Contended(*self.subject, round)),
                Next::Settle => clock::wait(SETTLED + jitter(SETTLED)),
                Next::Write(view) => {
                    match self.write(&view) {
                        Ok(()) => {}
                        // It says that it did not do it, so it may be asked again.
                        Err(Error::Status { .. }) if self.state.refused() => {}
                        Err(error) => return Err(error),
                    }
                    clock::wait(jitter(Duration::from_millis(40 << round.min(5))));
                }
            }
            round += 1;
        }
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
        let attached = self.attached();
        for one in referrers.iter().filter(|one| attached.lists(one)) {
            self.learn(&Version::Digest(one.digest))?;
        }
        Ok(())
    }

    fn find_tags(&mut self) -> Result<Listed> {
        let Some(tags) = tags::list(self.registry)? else {
            return Ok(Listed::Unknown);
        };
        let attached = self.attached();
        let own = tags
            .iter()
            .filter_map(|tag| attached.own_id(self.subject, tag));
        let unknown: Vec<Tag> = own
            .filter(|id| !self.state.knows(id))
            .map(|id| attached.own_tag(self.subject, &id))
            .collect();
        for tag in unknown {
            self.learn(&Version::Tag(tag))?;
        }
        let view = attached.tag(self.subject);
        match tags.iter().any(|tag| tag == view.as_str()) {
            true => Ok(Listed::There),
            false => Ok(Listed::Unknown),
        }
    }

    const fn attached(&self) -> Attached {
        self.state.attached()
    }

    /// Reads an object. One that is not there yet is its writer's to announce.
    fn learn(&mut self, version: &Version) -> Result<()> {
        if self.read.contains(&version.to_string()) {
            return Ok(());
        }
        let Some(found) = self.registry.manifest_or_hidden(version)? else {
            return Ok(());
        };
        self.read.insert(version.to_string());
        match self.attached().entry(self.subject, &found.bytes) {
            Ok(Some(entry)) => self.state.learn(entry),
            Ok(None) => tracing::warn!(%version, "not what its name says, left out"),
            Err(error) => tracing::warn!(%version, %error, "malformed, left out"),
        }
        Ok(())
    }

    /// Reads the list.
    fn view(&self, listed: Listed) -> Result<View> {
        let attached = self.attached();
        match self.present(&Version::Tag(attached.tag(self.subject)), listed)? {
            Some(found) => Ok(View::parse(attached, &found.bytes)?),
            None => Ok(View::empty(attached)),
        }
    }

    /// A registry that is just writing a tag may say that there is none, or
    /// that it is broken (distribution 2); the entries of others would be lost
    /// if that were believed at once.
    fn present(&self, tag: &Version, listed: Listed) -> Result<Option<Found>> {
        for _ in 0..5 {
            match (self.registry.manifest_or_hidden(tag), listed) {
                (Ok(None), Listed::There) | (Err(Error::Status { .. }), _) => {
                    clock::wait(jitter(SETTLED));
                }
                (result, _) => return result,
            }
        }
        self.registry.manifest_or_hidden(tag)
    }

    fn write(&self, view: &View) -> Result<()> {
        let document = view.document()?;
        if let Some(config) = &document.config {
            self.registry.put_blob(config)?;
        }
        let tag = Version::Tag(self.attached().tag(self.subject));
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
