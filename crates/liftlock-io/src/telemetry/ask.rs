//! Exchanges with a source: bounded, and repeated only within a look's time.

use std::time::{Duration, Instant};

use liftlock::canary::record::Asked;
use liftlock::digest::Digest;
use liftlock::span::Span;
use liftlock::time::Time;
use ring::rand::{SecureRandom as _, SystemRandom};
use url::Url;

use super::Error;
use crate::http::{self, Client, Identity, Limits, Options, Request, Response};
use crate::{clock, env, stop};

const LIMITS: Limits = Limits {
    bytes: 64 * 1024 * 1024,
    timeout: Duration::from_secs(30),
};

/// Between attempts, before jitter.
const PAUSES: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(1)];

/// The variables that name a client certificate and its key, as PEM files.
const CERTIFICATE: &str = "LIFTLOCK_TELEMETRY_CERTIFICATE";
const KEY: &str = "LIFTLOCK_TELEMETRY_KEY";

/// A client for sources: with the certificate that
/// `LIFTLOCK_TELEMETRY_CERTIFICATE` and `LIFTLOCK_TELEMETRY_KEY` name, if they do.
///
/// # Errors
///
/// Fails when a file with authorities or the certificate cannot be used.
pub fn client(options: &Options) -> Result<Client, Error> {
    let identity = match (env::var(CERTIFICATE), env::var(KEY)) {
        (Some(certificate), Some(key)) => Some(Identity {
            certificate: certificate.into(),
            key: key.into(),
        }),
        (None, None) => None,
        (Some(_), None) => return Err(Error::Missing(KEY.to_owned())),
        (None, Some(_)) => return Err(Error::Missing(CERTIFICATE.to_owned())),
    };
    Ok(Client::identified(options, identity.as_ref())?)
}

/// The questions of one look.
pub(super) struct Ask<'a> {
    client: &'a Client,
    begun: Instant,
    budget: Duration,
    /// What was asked so far, and the digests of the answers.
    pub(super) asked: Vec<Asked>,
    /// The `Date` of the newest answer.
    pub(super) date: Option<String>,
}

impl<'a> Ask<'a> {
    pub(super) fn new(client: &'a Client, interval: Span) -> Self {
        Self {
            client,
            begun: Instant::now(),
            budget: interval.duration(),
            asked: Vec::new(),
            date: None,
        }
    }

    /// Sends a request, again when the source is overloaded or unreachable and
    /// the time of this look allows.
    pub(super) fn send(
        &mut self,
        request: &Request,
        (query, at): (&str, Time),
    ) -> Result<Response, Error> {
        for pause in PAUSES {
            let answer = self.client.send(request.clone(), LIMITS);
            let wait = match &answer {
                Ok(response) if passing(response.status) => told(response).max(jitter(pause)),
                Err(http::Error::Connect { .. } | http::Error::Broken { .. }) => jitter(pause),
                Ok(_) | Err(_) => return self.note(answer, (query, at)),
            };
            if stop::asked() || self.begun.elapsed().saturating_add(wait) >= self.budget {
                return self.note(answer, (query, at));
            }
            clock::wait(wait);
        }
        let answer = self.client.send(request.clone(), LIMITS);
        self.note(answer, (query, at))
    }

    /// Keeps the digest of what came in another way than by HTTP.
    pub(super) fn keep(&mut self, bytes: &[u8], (query, at): (&str, Time)) {
        self.asked.push(Asked {
            query: query.to_owned(),
            at,
            answer: Digest::of(bytes),
        });
    }

    fn note(
        &mut self,
        answer: Result<Response, http::Error>,
        question: (&str, Time),
    ) -> Result<Response, Error> {
        let response = answer?;
        self.date = response.header("date").map(str::to_owned);
        self.keep(&response.body, question);
        Ok(response)
    }
}

/// Whether the same question may be answered a moment later.
const fn passing(status: u16) -> bool {
    matches!(status, 429 | 502 | 503 | 504)
}

/// What the source asks to wait (RFC 9110 §10.2.3, in seconds).
fn told(response: &Response) -> Duration {
    let seconds = response.header("retry-after").unwrap_or_default();
    Duration::from_secs(seconds.trim().parse().unwrap_or_default())
}

/// Half to one and a half times as long, so that many runs do not come at once.
fn jitter(pause: Duration) -> Duration {
    let mut bytes = [0];
    let [byte] = match SystemRandom::new().fill(&mut bytes) {
        Ok(()) => bytes,
        // Without randomness the pause is as it is.
        Err(ring::error::Unspecified) => [128],
    };
    let part = pause.saturating_mul(u32::from(byte)) / 255;
    (pause / 2).saturating_add(part)
}

/// The address of a source: http or https, without credentials.
pub(super) fn address(text: &str) -> Result<Url, Error> {
    let refused = || Error::Url(text.to_owned());
    let mut url: Url = text
        .parse()
        .map_err(|_not_url: url::ParseError| refused())?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(refused());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Error::Secret);
    }
    url.set_fragment(None);
    Ok(url)
}

/// The address of an API below a base.
pub(super) fn below(base: &str, path: &str) -> Result<Url, Error> {
    let mut url = address(base)?;
    let path = format!("{}{path}", url.path().trim_end_matches('/'));
    url.set_path(&path);
    url.set_query(None);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_api_is_below_the_url() {
        let url = below("https://metrics.example/team/?x=1#y", "/api/v1/query").unwrap();
        assert_eq!(url.as_str(), "https://metrics.example/team/api/v1/query");
        assert!(matches!(address("ftp://a"), Err(Error::Url(_))));
        assert!(matches!(address("http://u:p@a"), Err(Error::Secret)));
    }

    #[test]
    fn pauses_are_of_the_right_size() {
        for _ in 0..100 {
            let pause = jitter(Duration::from_secs(1));
            assert!(pause >= Duration::from_millis(500) && pause <= Duration::from_millis(1500));
        }
        assert!(passing(429) && passing(503) && !passing(500) && !passing(400));
    }
}
