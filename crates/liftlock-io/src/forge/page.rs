//! Lists, read to the end.

use liftlock::approval::forge;
use liftlock::digest::Digest;
use serde::de::DeserializeOwned;
use url::Url;

use super::Error;
use super::wire::Wire;
use crate::http::Response;

/// The most pages of 100 that are read: twice what the longest issue that we
/// know of needs.
pub(crate) const MOST_PAGES: usize = 110;

/// The most bytes of all pages.
const MOST_BYTES: usize = 256 * 1024 * 1024;

/// How often a list that changes meanwhile is read anew.
const ATTEMPTS: usize = 3;

/// One page, as it was read.
struct Page {
    url: Url,
    etag: Option<String>,
    body: Digest,
}

/// Reads a list. Forges count pages by position: when something before them
/// is deleted meanwhile, an item slips from an unread page to one that was
/// read. So every page but the last is asked for once more by its `ETag`,
/// which on GitHub costs nothing, and the list is read anew when one differs.
pub(crate) fn all<T: DeserializeOwned>(
    wire: &Wire,
    path: &[&str],
    query: &[(&str, String)],
) -> Result<Vec<T>, Error> {
    newest(wire, path, query, |_| false)
}

/// As [`all`], of a list whose newest items come first: no further page is
/// read after one with an item that is too old.
pub(crate) fn newest<T: DeserializeOwned>(
    wire: &Wire,
    path: &[&str],
    query: &[(&str, String)],
    is_old: impl Fn(&T) -> bool,
) -> Result<Vec<T>, Error> {
    for _ in 0..ATTEMPTS {
        let (items, mut pages) = once(wire, path, query, &is_old)?;
        pages.pop();
        if same(wire, pages)? {
            return Ok(items);
        }
    }
    Err(Error::Restless(path.join("/")))
}

type Pages = Vec<Page>;

fn once<T: DeserializeOwned>(
    wire: &Wire,
    path: &[&str],
    query: &[(&str, String)],
    is_old: impl Fn(&T) -> bool,
) -> Result<(Vec<T>, Pages), Error> {
    let (mut items, mut pages, mut bytes) = (Vec::new(), Vec::new(), 0_usize);
    let mut next = Some(first(wire, path, query)?);
    while let Some(url) = next {
        if pages.len() == MOST_PAGES || bytes > MOST_BYTES {
            return Err(Error::TooMany("items", items.len()));
        }
        let Some(response) = wire.newer(url.clone(), None)? else {
            return Err(Error::Restless(path.join("/")));
        };
        bytes = bytes.saturating_add(response.body.len());
        let found = forge::parse::<Vec<T>>(&response.body)?;
        next = following(&url, &response).filter(|_| !found.iter().any(&is_old));
        items.extend(found);
        pages.push(Page {
            url,
            etag: response.header("etag").map(str::to_owned),
            body: Digest::of(&response.body),
        });
    }
    Ok((items, pages))
}

fn same(wire: &Wire, pages: Pages) -> Result<bool, Error> {
    for page in pages {
        let newer = wire.newer(page.url, page.etag.as_deref())?;
        // Not everything between heeds an `ETag`; the bytes tell as well.
        if newer.is_some_and(|response| Digest::of(&response.body) != page.body) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The address of the first page, of the largest size that forges give.
pub(crate) fn first(wire: &Wire, path: &[&str], query: &[(&str, String)]) -> Result<Url, Error> {
    let mut url = wire.url(path)?;
    url.query_pairs_mut()
        .extend_pairs(query)
        .append_pair("per_page", "100");
    Ok(url)
}

/// The page that the forge names as the next (RFC 8288). Only its query is
/// followed, so that no link leads the token to another place.
pub(crate) fn following(url: &Url, response: &Response) -> Option<Url> {
    let link = response.header("link")?;
    let next = link.split(',').find_map(|part| {
        let (target, parameters) = part.trim().strip_prefix('<')?.split_once('>')?;
        parameters.contains("rel=\"next\"").then_some(target)
    })?;
    let mut following = url.clone();
    following.set_query(Url::parse(next).ok()?.query());
    Some(following)
}
