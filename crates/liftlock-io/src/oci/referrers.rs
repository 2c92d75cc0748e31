//! What refers to a manifest: by the registry's own list, else by the tag
//! that stands in for it (OCI distribution specification, "Referrers tag schema").

use std::time::Duration;

use liftlock::digest::Digest;
use liftlock::oci::document::LARGEST;
use liftlock::oci::view::{Attached, View};
use liftlock::oci::{Descriptor, Index, Version};

use super::{Error, Registry, Result};
use crate::clock;
use crate::http::Response;

/// The most pages of one list.
const PAGES: usize = 100;

/// How long to wait for a new referrer to be listed.
const PAUSES: [u64; 3] = [0, 200, 1_000];

/// Everything that refers to a manifest: what the registry lists, and what
/// was attached before it did.
pub(super) fn list(registry: &Registry, subject: &Digest) -> Result<Vec<Descriptor>> {
    let mut entries = native(registry, subject)?.unwrap_or_default();
    let tag = Version::Tag(Attached::Bundles.tag(subject));
    if let Some(found) = registry.manifest_or_hidden(&tag)? {
        let view = View::parse(Attached::Bundles, &found.bytes)?;
        for entry in view.entries() {
            if !entries.iter().any(|one| one.digest == entry.digest) {
                entries.push(entry.clone());
            }
        }
    }
    Ok(entries)
}

/// Whether a new referrer is listed. That a registry says so when it is
/// written (`OCI-Subject`) is not believed: ECR said it and kept no list.
pub(super) fn shows(registry: &Registry, subject: &Digest, referrer: &Digest) -> Result<bool> {
    for pause in PAUSES {
        clock::wait(Duration::from_millis(pause));
        let listed = native(registry, subject)?.unwrap_or_default();
        if listed.iter().any(|one| one.digest == *referrer) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The registry's own list; `None` where it keeps none.
pub(super) fn native(registry: &Registry, subject: &Digest) -> Result<Option<Vec<Descriptor>>> {
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
            401 | 429 | 500.. => return Err(registry.failed(&response, &action)),
            // Among others 403: where the image can be read, this is a registry
            // that knows no such list.
            _ => return Ok(None),
        }
        entries.extend(Index::parse(&response.body)?.manifests);
        next = following(&response);
    }
    Err(Error::TooMany(*subject))
}

/// The next page, from `Link: <…>; rel="next"`.
pub(super) fn following(response: &Response) -> Option<String> {
    let link = response.header("link")?;
    let (target, rest) = link.strip_prefix('<')?.split_once('>')?;
    rest.contains("next").then(|| target.to_owned())
}
