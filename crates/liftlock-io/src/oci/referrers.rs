//! What refers to a manifest: by the registry's own list, else by the tag
//! that stands in for it (OCI distribution specification, "Referrers tag schema").

use std::time::Duration;

use liftlock::digest::Digest;
use liftlock::oci::document::{INDEX, LARGEST};
use liftlock::oci::{Descriptor, Index, Tag, Version};

use super::{Error, Registry, Result};
use crate::clock;
use crate::http::Response;

/// How often the list is written again when others' writing undid ours.
const ATTEMPTS: u32 = 12;

/// A registry has no compare-and-swap: a writer that read the list before us
/// may still write it without our entry. After this long it has done so.
const SETTLED: Duration = Duration::from_millis(300);

/// The most pages of one list.
const PAGES: usize = 100;

/// Everything that refers to a manifest.
pub(super) fn list(registry: &Registry, subject: &Digest) -> Result<Vec<Descriptor>> {
    match native(registry, subject)? {
        Some(entries) => Ok(entries),
        None => match fallback(registry, subject) {
            Ok(index) => Ok(index.unwrap_or_default().manifests),
            // Some registries hide absent tags behind 403.
            Err(Error::Refused { status: 403, .. }) => Ok(Vec::new()),
            Err(error) => Err(error),
        },
    }
}

/// Makes sure that a new entry is listed.
pub(super) fn announce(registry: &Registry, subject: &Digest, entry: &Descriptor) -> Result<()> {
    if native(registry, subject)?.is_some() {
        return Ok(());
    }
    let tag = Version::Tag(Tag::of_referrers(subject));
    // Writers that collided once must not do so in step for ever.
    let spread = u64::from(entry.digest.as_bytes().first().copied().unwrap_or_default());
    let mut sightings = 0;
    for attempt in 0..ATTEMPTS {
        let mut index = fallback(registry, subject)?.unwrap_or_default();
        if index.manifests.iter().any(|one| one.digest == entry.digest) {
            sightings += 1;
            if sightings == 2 {
                return Ok(());
            }
            clock::wait(SETTLED);
            continue;
        }
        sightings = 0;
        clock::wait(Duration::from_millis(u64::from(attempt) * spread / 2));
        // Read again: the less time between reading and writing, the better.
        if attempt > 0 {
            index = fallback(registry, subject)?.unwrap_or_default();
        }
        index.merge(entry.clone());
        registry.put(&tag, INDEX, &index.bytes()?)?;
    }
    Err(Error::Contended(*subject, ATTEMPTS))
}

/// The registry's own list; `None` where it keeps none.
fn native(registry: &Registry, subject: &Digest) -> Result<Option<Vec<Descriptor>>> {
    let action = format!("listing what refers to `{subject}`");
    let mut entries = Vec::new();
    let mut next = Some(format!("referrers/{subject}"));
    for _ in 0..PAGES {
        let Some(path) = next else {
            return Ok(Some(entries));
        };
        let limit = u64::try_from(LARGEST).unwrap_or_default();
        let response = registry.send(&registry.read(&path)?, limit, &action)?;
        match response.status {
            200 if !response.is_html() => {}
            401 | 403 | 429 | 500.. => return Err(registry.failed(&response, &action)),
            _ => return Ok(None),
        }
        entries.extend(Index::parse(&response.body)?.manifests);
        next = following(&response);
    }
    Err(Error::TooMany(*subject))
}

/// The next page, from `Link: <…>; rel="next"`.
fn following(response: &Response) -> Option<String> {
    let link = response.header("link")?;
    let (target, rest) = link.strip_prefix('<')?.split_once('>')?;
    rest.contains("next").then(|| target.to_owned())
}

fn fallback(registry: &Registry, subject: &Digest) -> Result<Option<Index>> {
    let tag = Version::Tag(Tag::of_referrers(subject));
    match registry.manifest(&tag)? {
        Some(found) => Ok(Some(Index::parse(&found.bytes)?)),
        None => Ok(None),
    }
}
