//! One request to a bucket and what its answer means.

use std::sync::OnceLock;
use std::time::Duration;

use liftlock::digest::Digest;
use liftlock::retry;
use liftlock::s3::{self, Page};
use liftlock::span::Span;
use url::{Position, Url};

use super::{Access, Error};
use crate::clock;
use crate::http::{self, Body, Client, Limits, Method, Options, Request, Response};
use crate::sigv4::{self, Canonical, Scope};
use crate::store::{LARGEST, Version};

/// More than a page of 1,000 keys can have: 1,024 bytes each, encoded.
const LARGEST_PAGE: u64 = 8 * 1024 * 1024;
/// The answer to a write is headers, or a refusal.
const LARGEST_REFUSAL: u64 = 64 * 1024;
const MEDIA_TYPE: &str = "application/octet-stream";
/// What tells our write from one of the same bytes by somebody else.
const CLAIM: &str = "x-amz-meta-liftlock-claim";

/// A bucket and the way to it.
#[derive(Debug)]
pub(super) struct Wire {
    access: Access,
    base: Url,
    timeout: Duration,
    client: OnceLock<Client>,
}

/// An object as it was read.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) bytes: Vec<u8>,
    pub(super) version: Version,
    pub(super) claim: Option<String>,
}

/// What has to hold for a write.
#[derive(Clone, Copy, Debug)]
pub(super) enum Condition<'a> {
    Absent,
    Version(&'a Version),
}

/// What an answer means for the question.
#[derive(Debug)]
pub(super) enum Answer<T> {
    Done(T),
    /// The condition did not hold; nothing was written by this request.
    Refused,
    /// Nothing was done; the same request may succeed later.
    Later(Error, Option<Span>),
    /// It may have been done or not.
    Doubtful(Error, Option<Span>),
}

/// An answer, or that the store is none that can be used.
type Asked<T> = Result<Answer<T>, Fault>;

/// Why to ask no more.
#[derive(Debug)]
pub(super) enum Fault {
    Bucket(Error),
    /// The store lacks what it is asked for.
    NotHonoured(&'static str),
    TooLarge,
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Bucket(error)
    }
}

impl Wire {
    pub(super) fn new(access: Access, bucket: &str, timeout: Duration) -> Result<Self, Error> {
        Ok(Self {
            base: access.base(bucket)?,
            access,
            timeout,
            client: OnceLock::new(),
        })
    }

    /// Reads an object; `None` where there is none.
    pub(super) fn get(&self, name: &str, left: Duration) -> Asked<Option<Object>> {
        let largest = u64::try_from(LARGEST).unwrap_or(u64::MAX);
        let request = self.request(Method::Get, name, &[], Vec::new());
        let response = match self.send(request, (largest, left)) {
            Ok(response) => response,
            Err(http::Error::TooLarge { .. }) => return Err(Fault::TooLarge),
            Err(error) => return unanswered(error),
        };
        if response.status == 200 {
            let object = Object {
                version: version(&response)?,
                claim: response.header(CLAIM).map(str::to_owned),
                bytes: response.body,
            };
            return Ok(Answer::Done(Some(object)));
        }
        let complaint = s3::complaint(&response.body);
        if response.status == 404 && complaint.code == "NoSuchKey" {
            return Ok(Answer::Done(None));
        }
        refusal(&response)
    }

    /// Writes an object on a condition, with a claim of the writer's.
    pub(super) fn put(
        &self,
        name: &str,
        bytes: &[u8],
        (condition, claim): (Condition<'_>, &str),
        left: Duration,
    ) -> Asked<Version> {
        let (header, value) = match condition {
            Condition::Absent => ("if-none-match", "*"),
            Condition::Version(version) => ("if-match", version.0.as_str()),
        };
        let headers = [
            ("content-type", MEDIA_TYPE),
            (header, value),
            (CLAIM, claim),
        ];
        let request = self.request(Method::Put, name, &headers, bytes.to_vec());
        let response = match self.send(request, (LARGEST_REFUSAL, left)) {
            Ok(response) => response,
            Err(error) => return unanswered(error),
        };
        if response.is_success() {
            return Ok(Answer::Done(version(&response)?));
        }
        let complaint = s3::complaint(&response.body);
        match (response.status, complaint.code.as_str()) {
            (412, _) | (404, "NoSuchKey") => Ok(Answer::Refused),
            // "Conditional writes may fail when a conflicting operation runs."
            (409, code) => Ok(Answer::Later(failed(409, code, &complaint.message), None)),
            (501, _) => Err(Fault::NotHonoured(
                "conditional writes: it does not implement them",
            )),
            _ => refusal(&response),
        }
    }

    /// Reads one page of the keys that begin with a text.
    pub(super) fn page(&self, prefix: &str, next: Option<&str>, left: Duration) -> Asked<Page> {
        let next = next.map(|next| format!("continuation-token={}&", encode(next)));
        let query = format!(
            "{}encoding-type=url&list-type=2&prefix={}",
            next.unwrap_or_default(),
            encode(prefix)
        );
        let request = self.request(Method::Get, &format!("?{query}"), &[], Vec::new());
        let response = match self.send(request, (LARGEST_PAGE, left)) {
            Ok(response) => response,
            Err(error) => return unanswered(error),
        };
        if response.status != 200 {
            return refusal(&response);
        }
        let page = s3::page(&response.body).map_err(Error::Listing)?;
        Ok(Answer::Done(page))
    }

    fn send(
        &self,
        request: Request,
        (bytes, left): (u64, Duration),
    ) -> Result<Response, http::Error> {
        let client = match self.client.get() {
            Some(client) => client,
            None => {
                let options = Options {
                    ca_file: self.access.authorities.clone(),
                    timeout: self.timeout,
                };
                let made = Client::new(&options)?;
                self.client.get_or_init(|| made)
            }
        };
        let limits = Limits {
            bytes,
            timeout: left,
        };
        client.send(request, limits)
    }

    /// A signed request for a name, or for the bucket with a query.
    fn request(
        &self,
        method: Method,
        name: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Request {
        let mut url = self.base.clone();
        match name.strip_prefix('?') {
            Some(query) => url.set_query(Some(query)),
            None => url.set_path(&format!("{}{name}", self.base.path())),
        }
        let moment = sigv4::moment(clock::now());
        let digest = hex::encode(Digest::of(&body).as_bytes());
        let host = url[Position::BeforeHost..Position::AfterPort].to_owned();
        let mut all = headers.to_vec();
        all.extend([
            ("host", host.as_str()),
            ("x-amz-content-sha256", &digest),
            ("x-amz-date", &moment),
        ]);
        if let Some(session) = &self.access.login.session {
            all.push(("x-amz-security-token", session));
        }
        all.sort_unstable();
        let canonical = Canonical {
            method: match method {
                Method::Put => "PUT",
                Method::Get | Method::Head | Method::Post | Method::Patch | Method::Delete => "GET",
            },
            path: url.path(),
            query: url.query().unwrap_or_default(),
            headers: &all,
            body: &body,
        };
        let scope = Scope {
            key_id: &self.access.login.key_id,
            secret: &self.access.login.secret,
            region: &self.access.region,
            service: "s3",
        };
        let authorization = sigv4::authorization(&scope, &canonical, &moment);
        let mut request = Request::new(method, url.clone());
        // `host` is added on the way.
        for (name, value) in all.iter().filter(|(name, _)| *name != "host") {
            request = request.with_header(name, *value);
        }
        let mut request = request.with_header("authorization", authorization);
        if method == Method::Put {
            request.body = Body::Bytes(body);
        }
        request
    }
}

/// No whole answer: whether the store did it is not known, unless it never
/// heard of it.
fn unanswered<T>(error: http::Error) -> Asked<T> {
    let lost = matches!(
        error,
        http::Error::Timeout { .. } | http::Error::Broken { .. }
    );
    if matches!(error, http::Error::Connect { .. }) {
        Ok(Answer::Later(error.into(), None))
    } else if lost {
        Ok(Answer::Doubtful(error.into(), None))
    } else {
        Err(Error::from(error).into())
    }
}

/// What an answer that is no success means.
fn refusal<T>(response: &Response) -> Asked<T> {
    let complaint = s3::complaint(&response.body);
    let elsewhere = response.header("x-amz-bucket-region").map(str::to_owned);
    let code = complaint.code.as_str();
    let error = failed(response.status, code, &complaint.message);
    match (response.status, code) {
        (status, _) if retry::is_transient(status) => {
            let after = response.header("retry-after");
            let after = after.and_then(|text| retry::after(text, clock::now()));
            Ok(Answer::Doubtful(error, after))
        }
        (404, "NoSuchBucket") => Err(Error::NoBucket.into()),
        (301 | 307, _) | (400, "AuthorizationHeaderMalformed") => {
            let region = complaint.region.or(elsewhere);
            Err(region.map_or(error, Error::Elsewhere).into())
        }
        (401 | 403, _) | (400, "ExpiredToken" | "InvalidToken" | "TokenRefreshRequired") => {
            Err(Error::Refused(said(response.status, code, &complaint.message)).into())
        }
        _ => Err(error.into()),
    }
}

fn failed(status: u16, code: &str, message: &str) -> Error {
    Error::Failed(said(status, code, message))
}

/// Status, word and message of a store, for people and of bounded length.
fn said(status: u16, code: &str, message: &str) -> String {
    let printable = |text: &str| -> String {
        let kept = text.chars().filter(|one| !one.is_control());
        kept.take(200).collect()
    };
    match (printable(code), printable(message)) {
        (code, _) if code.is_empty() => status.to_string(),
        (code, message) if message.is_empty() => format!("{status} {code}"),
        (code, message) => format!("{status} {code}: {message}"),
    }
}

/// The version that a later write compares with. A weak one never matches
/// (RFC 9110 §13.1.1).
fn version(response: &Response) -> Result<Version, Fault> {
    let tag = response
        .header("etag")
        .ok_or(Fault::NotHonoured("versions: its answer has no ETag"))?;
    if tag.starts_with("W/") {
        return Err(Fault::NotHonoured("compare-and-swap: its ETags are weak"));
    }
    let inner = tag
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    let plain = |text: &str| {
        text.bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'"')
    };
    match inner {
        Some(inner) if !inner.is_empty() && tag.len() <= 256 && plain(inner) => {
            Ok(Version::named(tag.to_owned()))
        }
        Some(_) | None => Err(Fault::NotHonoured("versions: its answer has no ETag")),
    }
}

/// Encodes all but what RFC 3986 §2.3 leaves alone, as a signature needs it.
fn encode(text: &str) -> String {
    use std::fmt::Write as _;
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            // Writing to a string does not fail.
            other => drop(write!(encoded, "%{other:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_strong_tag_is_a_version() {
        let tagged = |tag: Option<&str>| {
            let headers = tag.map(|tag| ("etag".to_owned(), tag.to_owned()));
            version(&Response {
                status: 200,
                headers: headers.into_iter().collect(),
                body: Vec::new(),
                elsewhere: None,
            })
        };
        assert_eq!(tagged(Some("\"0f\"")).unwrap().to_string(), "\"0f\"");
        for bad in [
            None,
            Some(""),
            Some("0f"),
            Some("\"\""),
            Some("\"a\"b\""),
            Some("W/\"0f\""),
        ] {
            assert!(matches!(tagged(bad), Err(Fault::NotHonoured(_))), "{bad:?}");
        }
    }

    #[test]
    fn what_a_query_may_not_hold_is_encoded() {
        assert_eq!(encode("a-b_c.d~/+= ä"), "a-b_c.d~%2F%2B%3D%20%C3%A4");
    }

    #[test]
    fn words_of_a_store_are_bounded_and_printable() {
        assert_eq!(said(503, "", "x"), "503");
        assert_eq!(said(503, "SlowDown", ""), "503 SlowDown");
        assert_eq!(said(400, "A", "b\n\u{1b}[31m"), "400 A: b[31m");
        assert!(said(400, "A", &"x".repeat(9_999)).len() < 300);
    }
}
