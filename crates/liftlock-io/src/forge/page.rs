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
        next = following(&url, &response)?.filter(|_| !found.iter().any(&is_old));
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
///
/// # Errors
///
/// Fails on a link that is not understood: a part of a list is never taken for
/// all of it.
pub(crate) fn following(url: &Url, response: &Response) -> Result<Option<Url>, Error> {
    let unclear = || Error::Link(url.path().trim_start_matches('/').to_owned());
    let named = response.headers.iter().filter(|(name, _)| name == "link");
    let mut next = None;
    for (_, value) in named {
        for (target, relations) in links(value).ok_or_else(unclear)? {
            if relations.iter().any(|one| one.eq_ignore_ascii_case("next")) {
                let target = url.join(&target).map_err(|_no_address| unclear())?;
                if next.replace(target).is_some() {
                    return Err(unclear());
                }
            }
        }
    }
    Ok(next.map(|target| {
        let mut following = url.clone();
        following.set_query(target.query());
        following
    }))
}

/// Every target of a `Link` header with its relations; nothing where anything
/// of it is malformed.
fn links(mut text: &str) -> Option<Vec<(String, Vec<String>)>> {
    let mut found = Vec::new();
    loop {
        text = text.trim_start_matches([' ', '\t', ',']);
        if text.is_empty() {
            return Some(found);
        }
        let (target, rest) = text.strip_prefix('<')?.split_once('>')?;
        let mut relations = Vec::new();
        text = rest.trim_start();
        while let Some(rest) = text.strip_prefix(';') {
            let (name, value, rest) = parameter(rest.trim_start())?;
            // Of several only the first counts.
            if name.eq_ignore_ascii_case("rel") && relations.is_empty() {
                relations = value.split_whitespace().map(str::to_owned).collect();
            }
            text = rest.trim_start();
        }
        if !text.is_empty() && !text.starts_with(',') {
            return None;
        }
        found.push((target.to_owned(), relations));
    }
}

/// The first parameter of a link, its value without quotes, and what is behind.
fn parameter(text: &str) -> Option<(&str, String, &str)> {
    let end = text.find(['=', ';', ',']).unwrap_or(text.len());
    let (name, rest) = text.split_at_checked(end)?;
    let Some(value) = rest.strip_prefix('=').map(str::trim_start) else {
        return Some((name.trim_end(), String::new(), rest));
    };
    let Some(quoted) = value.strip_prefix('"') else {
        let end = value.find([';', ',']).unwrap_or(value.len());
        let (value, rest) = value.split_at_checked(end)?;
        return Some((name.trim_end(), value.trim_end().to_owned(), rest));
    };
    let mut value = String::new();
    let mut letters = quoted.char_indices();
    while let Some((place, letter)) = letters.next() {
        match letter {
            '"' => return Some((name.trim_end(), value, quoted.get(place + 1..)?)),
            '\\' => value.push(letters.next()?.1),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_understood_in_every_form_or_not_at_all() {
        let url = Url::parse("https://api.example/r/comments?per_page=100").unwrap();
        let next = |link: &str| {
            let response = Response {
                status: 200,
                headers: vec![("link".to_owned(), link.to_owned())],
                body: Vec::new(),
                elsewhere: None,
            };
            let found = following(&url, &response).map_err(drop)?;
            Ok(found.map(|url| url.query().unwrap_or_default().to_owned()))
        };
        for link in [
            "<https://api.example/r/comments?page=2>; rel=\"next\"",
            "<https://api.example/x?page=1>; rel=\"prev\", <https://evil.example/y?page=2>; rel=next",
            "<?page=2>;REL = \"last next\"",
            "<?page=2>; title=\"a, b; rel=prev\"; rel=Next",
            "<?page=2> ; a ; rel=next ; rel=prev ,, <?page=9>; rel=last",
        ] {
            assert_eq!(next(link), Ok(Some("page=2".to_owned())), "{link}");
        }
        for link in [
            "",
            "<?page=2>; rel=last",
            "<?page=2>",
            "<?page=2>; rel=nextpage",
        ] {
            assert_eq!(next(link), Ok(None), "{link}");
        }
        for link in [
            "page=2",
            "<?page=2; rel=next",
            "<?page=2> rel=next",
            "<?page=2>; rel=\"next",
            "<http://[::x/?page=2>; rel=next",
            "<?page=2>; rel=next, <?page=3>; rel=next",
        ] {
            assert_eq!(next(link), Err(()), "{link}");
        }
    }
}
