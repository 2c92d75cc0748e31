//! What a repository can do, as far as it shows without being written.

use liftlock::digest::Digest;
use liftlock::oci::document::MANIFEST;
use liftlock::oci::{Descriptor, Tag, Version, attachment};

use super::{Error, Registry, Repository, Result, referrers, tags};
use crate::http::{Method, Request};
use crate::random;

/// What a repository can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Support {
    /// Whether it lists referrers itself; otherwise a tag stands in.
    pub referrers: bool,
    /// Whether it lists its tags, without which writers may undo each other.
    pub tags: bool,
}

/// What came of writing a manifest that means nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// The tag that was written.
    pub tag: Tag,
    /// Whether it could be removed again.
    pub removed: bool,
}

impl Repository {
    /// Asks what the repository can do; nothing is written.
    ///
    /// # Errors
    ///
    /// Fails when it cannot be read.
    pub fn support(&self, subject: &Digest) -> Result<Support> {
        match self {
            Self::Registry(registry) => Ok(Support {
                referrers: referrers::native(registry, subject)?.is_some(),
                tags: tags::list(registry)?.is_some(),
            }),
            Self::Layout(_) => Ok(Support {
                referrers: true,
                tags: true,
            }),
        }
    }

    /// Writes a manifest under a tag that nobody else has, reads it back, and
    /// removes it where the registry allows that.
    ///
    /// # Errors
    ///
    /// Fails when the repository cannot be written, or does not give back what
    /// was written.
    pub fn probe(&self) -> Result<Probe> {
        let tag = Tag::of_probe(&token()?);
        let empty = Descriptor::of(attachment::EMPTY, attachment::EMPTY_BYTES);
        let manifest = serde_json::json!({
            "schemaVersion": 2, "mediaType": MANIFEST,
            "artifactType": "application/vnd.liftlock.probe",
            "config": empty, "layers": [empty],
        });
        self.put_blob(attachment::EMPTY_BYTES)?;
        let bytes = manifest.to_string().into_bytes();
        let wanted = self.put_manifest(Some(&tag), MANIFEST, &bytes)?;
        let found = self.resolve(Some(&Version::Tag(tag.clone())))?;
        if found.as_ref().map(|found| found.digest) != Some(wanted) {
            return Err(Error::Elsewhere {
                tag,
                wanted,
                found: found.map(|found| found.digest),
            });
        }
        let removed = match self {
            Self::Registry(registry) => remove(registry, &wanted)?,
            Self::Layout(layout) => {
                layout.untag(&tag)?;
                true
            }
        };
        Ok(Probe { tag, removed })
    }
}

fn token() -> Result<String> {
    match random::token() {
        Ok(token) => Ok(token),
        Err(random::NoRandomness) => Err(Error::NoRandomness),
    }
}

fn remove(registry: &Registry, digest: &Digest) -> Result<bool> {
    let url = registry.url(&format!("manifests/{digest}"))?;
    let request = Request::new(Method::Delete, url);
    let response = registry.send(&request, 65_536, "removing what was written to try")?;
    Ok(response.is_success())
}
