//! Exchanges with a forge: who we are, how long we wait, what refusals mean.

use std::fmt;
use std::time::Duration;

use liftlock::approval::forge::Forge;
use liftlock::span::Span;
use liftlock::time::Time;
use serde_json::Value;
use url::{Host, Url};

use super::Error;
use crate::http::{self, Client, Limits, Method, Options, Request, Response};
use crate::{clock, stop};

/// Of one exchange: a page of 100 of the longest comments that GitHub takes. A page of
/// GitLab's longest is larger, and refused.
const LIMITS: Limits = Limits {
    bytes: 32 * 1024 * 1024,
    timeout: Duration::from_secs(30),
};

/// Between attempts to read.
const PAUSES: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(3)];

/// How long to wait where a forge says that it is too much, but not until when.
const UNSAID: Duration = Duration::from_secs(60);

/// The most characters of what a forge says that are shown.
const SHOWN: usize = 300;

/// How time passes: the machine's, or a test's.
pub struct Pace {
    /// The present moment.
    pub now: Box<dyn Fn() -> Time>,
    /// Lets time pass.
    pub wait: Box<dyn Fn(Duration)>,
}

impl Pace {
    /// The machine's time; a wait ends early when a signal comes.
    #[must_use]
    pub fn real() -> Self {
        const SLICE: Duration = Duration::from_millis(100);
        let wait = |length: Duration| {
            let mut left = length;
            while !left.is_zero() && !stop::asked() {
                let slice = left.min(SLICE);
                clock::wait(slice);
                left = left.saturating_sub(slice);
            }
        };
        Self {
            now: Box::new(clock::now),
            wait: Box::new(wait),
        }
    }
}

impl fmt::Debug for Pace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Pace").finish_non_exhaustive()
    }
}

/// What a request does there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    Reads,
    Writes,
}

/// The way to an API. Its `Debug` form does not show the token.
pub struct Wire {
    client: Client,
    forge: Forge,
    base: Url,
    token: String,
    /// The header in which GitLab takes the token.
    header: &'static str,
    deadline: Time,
    pace: Pace,
}

impl fmt::Debug for Wire {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Wire")
            .field("base", &self.base.as_str())
            .finish_non_exhaustive()
    }
}

impl Wire {
    /// The way to GitHub's API at `base`, with a token, until a deadline: no
    /// wait that it asks for goes beyond it.
    ///
    /// # Errors
    ///
    /// Fails on an address that is none, and on one that would get the token
    /// without TLS.
    pub fn new(
        (base, token): (&str, &str),
        options: &Options,
        (deadline, pace): (Time, Pace),
    ) -> Result<Self, Error> {
        Ok(Self {
            forge: Forge::Github,
            base: address(base)?,
            client: Client::new(options)?,
            token: token.to_owned(),
            header: "private-token",
            deadline,
            pace,
        })
    }

    /// The same way to another forge, which gets the token as it wants it.
    #[must_use]
    pub fn to(self, forge: Forge) -> Self {
        Self { forge, ..self }
    }

    /// The same way with a token that is a job's own.
    #[must_use]
    pub(crate) fn of_job(self) -> Self {
        let header = "job-token";
        Self { header, ..self }
    }

    pub(crate) fn now(&self) -> Time {
        (self.pace.now)()
    }

    pub(crate) fn wait(&self, length: Duration) {
        (self.pace.wait)(length);
    }

    /// Reads one thing.
    pub(crate) fn get(&self, path: &[&str]) -> Result<Vec<u8>, Error> {
        let response = self.exchange(&self.request(Method::Get, self.url(path)?), Effect::Reads)?;
        Ok(self.good(response, path)?.body)
    }

    /// Asks GraphQL. It reads, though it is posted.
    pub(crate) fn ask(&self, query: &str, variables: &Value) -> Result<Vec<u8>, Error> {
        let body = serde_json::json!({ "query": query, "variables": variables });
        let request = self.request(Method::Post, self.graphql()?);
        let request = request.with_body("application/json", body.to_string().into_bytes());
        let response = self.exchange(&request, Effect::Reads)?;
        Ok(self.good(response, &["graphql"])?.body)
    }

    /// Where GraphQL is: below the API, and on a company's own GitHub beside it.
    pub(crate) fn graphql(&self) -> Result<Url, Error> {
        let path = self.base.path().trim_end_matches('/');
        let mut url = self.url(&["graphql"])?;
        if let Some(above) = path.strip_suffix("/v3") {
            url.set_path(&format!("{above}/graphql"));
        }
        Ok(url)
    }

    /// Reads one thing unless it is still what is known: then nothing.
    pub(crate) fn newer(&self, url: Url, etag: Option<&str>) -> Result<Option<Response>, Error> {
        let path = url.path().to_owned();
        let mut request = self.request(Method::Get, url);
        if let Some(etag) = etag {
            request = request.with_header("if-none-match", etag);
        }
        let response = self.exchange(&request, Effect::Reads)?;
        if etag.is_some() && response.status == 304 {
            return Ok(None);
        }
        self.good(response, &[path.trim_start_matches('/')])
            .map(Some)
    }

    /// Writes.
    pub(crate) fn send(
        &self,
        method: Method,
        path: &[&str],
        body: &Value,
    ) -> Result<Vec<u8>, Error> {
        let request = self.request(method, self.url(path)?);
        let request = request.with_body("application/json", body.to_string().into_bytes());
        Ok(self
            .good(self.exchange(&request, Effect::Writes)?, path)?
            .body)
    }

    /// The address of a path, whatever letters its parts have.
    pub(crate) fn url(&self, path: &[&str]) -> Result<Url, Error> {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .map_err(|()| Error::Address(self.base.to_string()))?
            .pop_if_empty()
            .extend(path);
        Ok(url)
    }

    fn request(&self, method: Method, url: Url) -> Request {
        // A policy names places, and a redirect would lead to another one.
        let request = Request::new(method, url).here_only();
        match self.forge {
            Forge::Github => request
                .with_header("authorization", format!("Bearer {}", self.token))
                .with_header("accept", "application/vnd.github+json")
                .with_header("x-github-api-version", "2022-11-28"),
            // Where a body carries the token, the header would be another one.
            Forge::Gitlab if self.token.is_empty() => {
                request.with_header("accept", "application/json")
            }
            Forge::Gitlab => request
                .with_header(self.header, self.token.clone())
                .with_header("accept", "application/json"),
        }
    }

    /// One answer that is not about too many calls. Reading is tried again
    /// when it fails; writing only when the forge says that it did not happen.
    fn exchange(&self, request: &Request, effect: Effect) -> Result<Response, Error> {
        let reads = effect == Effect::Reads;
        let mut pauses = PAUSES.into_iter().filter(|_| reads);
        loop {
            let answer = self.client.send(request.clone(), LIMITS);
            let again = match &answer {
                Ok(response) => match self.limited(response) {
                    Some(until) if until > self.deadline || stop::asked() => {
                        return Err(Error::Limited(until));
                    }
                    Some(until) => {
                        self.wait(between(self.now(), until));
                        continue;
                    }
                    None => matches!(response.status, 500..=599),
                },
                Err(
                    http::Error::Connect { .. }
                    | http::Error::Broken { .. }
                    | http::Error::Timeout { .. },
                ) => true,
                Err(_) => false,
            };
            match pauses.next().filter(|_| again && !stop::asked()) {
                Some(pause) => self.wait(pause),
                None => return Ok(answer?),
            }
        }
    }

    /// Until when the forge wants no more calls, if it says so. GitLab's headers
    /// are GitHub's without the `x-`.
    fn limited(&self, response: &Response) -> Option<Time> {
        let number = |name: &str| response.header(name)?.parse::<u64>().ok();
        let after = number("retry-after");
        let limit = |name: &str| {
            let named = number(&format!("x-ratelimit-{name}"));
            named.or_else(|| number(&format!("ratelimit-{name}")))
        };
        let spent = limit("remaining") == Some(0);
        let secondary = said(&response.body).contains("secondary rate limit");
        let is_limit = match response.status {
            429 => true,
            403 => after.is_some() || spent || secondary,
            _ => false,
        };
        if !is_limit {
            return None;
        }
        let now = self.now();
        let reset = limit("reset").filter(|_| spent);
        let reset = reset.and_then(|at| i64::try_from(at).ok()?.checked_mul(1_000));
        let until = match (after, reset) {
            (Some(seconds), _) => later(now, Duration::from_secs(seconds)),
            (None, Some(millis)) => Time::from_unix_millis(millis).unwrap_or(Time::EPOCH),
            (None, None) => later(now, UNSAID),
        };
        // At least a second, so that a reset in the past is no busy loop.
        Some(until.max(later(now, Duration::from_secs(1))))
    }

    fn good(&self, response: Response, path: &[&str]) -> Result<Response, Error> {
        if response.is_success() {
            return Ok(response);
        }
        let (path, said, forge) = (path.join("/"), said(&response.body), self.forge);
        Err(match response.status {
            401 => Error::Token { forge, said },
            403 => Error::Forbidden { forge, path, said },
            300..=399 => Error::Redirected { forge, path },
            404 | 410 => Error::Unknown { forge, path },
            status @ 400..=499 => Error::Refused {
                forge,
                path,
                status,
                said,
            },
            status => Error::Failed {
                forge,
                path,
                status,
            },
        })
    }
}

/// A moment that is so much later; far beyond any deadline when it is too much.
pub(crate) fn later(time: Time, by: Duration) -> Time {
    let millis = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
    time.after(Span::from_millis(millis))
}

/// How long it is until a moment.
pub(crate) fn between(now: Time, until: Time) -> Duration {
    let millis = u64::try_from(until.millis_since(now)).unwrap_or_default();
    Duration::from_millis(millis)
}

/// What the forge says, short, on one line, and unable to move a cursor. GitLab
/// says some things in fields of other names, and as lists by field.
fn said(body: &[u8]) -> String {
    let found: Option<Value> = serde_json::from_slice(body).ok();
    let names = ["message", "error_description", "error"];
    let message = names.iter().find_map(|name| found.as_ref()?.get(name));
    let message = match message {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => "no message".to_owned(),
    };
    let plain = message
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter });
    plain.take(SHOWN).collect()
}

/// An address that may get a token: TLS, or this machine.
fn address(text: &str) -> Result<Url, Error> {
    let wrong = || Error::Address(text.to_owned());
    let url = Url::parse(text).map_err(|_not_one| wrong())?;
    let near = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => return Err(wrong()),
    };
    match url.scheme() {
        "https" => Ok(url),
        "http" if near => Ok(url),
        "http" => Err(Error::Clear(text.to_owned())),
        _ => Err(wrong()),
    }
}
