//! The tags of a repository (OCI distribution specification, "Listing Tags").

use serde::Deserialize;

use super::{Error, Registry, Result};

/// The most bytes of one page: a thousand tags of 128 characters, and more.
const LARGEST: u64 = 4 * 1024 * 1024;

/// The most pages; with a thousand tags each, that is a hundred thousand.
const PAGES: usize = 100;

#[derive(Deserialize)]
struct Page {
    /// Some registries say `null` for none.
    #[serde(default)]
    tags: Option<Vec<String>>,
}

/// All tags; `None` where the registry does not list them.
pub(super) fn list(registry: &Registry) -> Result<Option<Vec<String>>> {
    let action = "listing the tags";
    let mut tags = Vec::new();
    let mut next = Some("tags/list?n=1000".to_owned());
    for _ in 0..PAGES {
        let Some(path) = next else {
            return Ok(Some(tags));
        };
        let response = registry.send(&registry.read(&path)?, LARGEST, action)?;
        match response.status {
            200 if !response.is_html() => {}
            429 | 500.. => return Err(registry.failed(&response, action)),
            // Not allowed, or not there: then this way is closed.
            _ => return Ok(None),
        }
        let Ok(page) = serde_json::from_slice::<Page>(&response.body) else {
            return Err(Error::Foreign {
                url: registry.url(&path)?.path().to_owned(),
                reason: "it sends no list of tags".to_owned(),
            });
        };
        tags.extend(page.tags.unwrap_or_default());
        next = super::referrers::following(&response);
    }
    // A list that is cut off would be taken for a whole one.
    Ok(None)
}
