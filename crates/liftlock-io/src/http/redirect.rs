//! Redirects, followed by hand: no credentials to another host, no way out of TLS.

use super::error::shown;
use super::{Body, Error, Method, Redirects, Request};

/// What another host may learn of a request's headers.
const HARMLESS: [&str; 3] = ["accept", "range", "if-none-match"];

/// The request that follows this answer, if it is a redirect to follow.
///
/// A redirect of anything but a read is followed only where the status keeps
/// method and body (RFC 9110 §15.4) and the host stays the same; otherwise the
/// caller gets the redirect itself.
pub(super) fn next(
    request: &Request,
    answer: &reqwest::Response,
) -> Result<Option<Request>, Error> {
    let reads = matches!(request.method, Method::Get | Method::Head);
    let follow = match answer.status().as_u16() {
        301..=303 => reads,
        307 | 308 => true,
        _ => false,
    };
    let follow = follow && request.redirects == Redirects::Followed;
    let location = answer.headers().get("location");
    let Some(location) = location.filter(|_| follow) else {
        return Ok(None);
    };
    let bad = |target: String| Error::BadRedirect {
        url: shown(&request.url),
        target,
    };
    let Ok(text) = location.to_str() else {
        return Err(bad("not text".to_owned()));
    };
    let Ok(target) = request.url.join(text) else {
        return Err(bad("not an address".to_owned()));
    };
    let leaves_tls = request.url.scheme() == "https" && target.scheme() != "https";
    if leaves_tls || !matches!(target.scheme(), "http" | "https") {
        return Err(bad(shown(&target)));
    }
    let mut following = request.clone();
    if target.origin() != request.url.origin() {
        if !reads || request.body != Body::Empty {
            return Ok(None);
        }
        following
            .headers
            .retain(|(name, _)| HARMLESS.contains(&name.to_ascii_lowercase().as_str()));
    }
    following.url = target;
    Ok(Some(following))
}
