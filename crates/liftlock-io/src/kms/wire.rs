//! Exchanges with key services: bounded, repeated only where that is harmless,
//! and never with a secret in the clear.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::de::DeserializeOwned;
use url::{Host, Url};

use super::Error;
use crate::clock;
use crate::http::{self, Client, Limits, Request, Response};

/// A hundred times an honest answer.
const LARGEST: u64 = 256 * 1024;

/// The longest that one exchange may take.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Between attempts; a signature that was made twice harms nobody.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(200),
    Duration::from_millis(800),
    Duration::from_secs(3),
];

/// The most characters of a service's complaint that are shown.
const SHOWN: usize = 300;

/// The way to a service.
pub(super) struct Wire {
    client: Client,
    begun: Instant,
    budget: Duration,
}

impl Wire {
    pub(super) fn new(options: &http::Options) -> Result<Self, Error> {
        Ok(Self {
            client: Client::new(options)?,
            begun: Instant::now(),
            budget: options.timeout,
        })
    }

    /// Sends a request, again when the connection or the service fails, as
    /// long as the budget lasts.
    pub(super) fn ask(&self, request: &Request) -> Result<Response, Error> {
        for pause in PAUSES {
            let left = self.budget.saturating_sub(self.begun.elapsed());
            let last = left <= pause;
            let failed = match self.once(request, left) {
                Ok(response) if response.status < 500 && response.status != 429 => {
                    return Ok(response);
                }
                Err(error) if !passes(&error) => return Err(error),
                other => other,
            };
            if last {
                return failed;
            }
            clock::wait(pause);
        }
        self.once(request, self.budget.saturating_sub(self.begun.elapsed()))
    }

    fn once(&self, request: &Request, left: Duration) -> Result<Response, Error> {
        let limits = Limits {
            bytes: LARGEST,
            timeout: TIMEOUT.min(left),
        };
        Ok(self.client.send(request.clone(), limits)?)
    }
}

/// Whether another attempt may go better.
const fn passes(error: &Error) -> bool {
    matches!(
        error,
        Error::Http(
            http::Error::Connect { .. } | http::Error::Broken { .. } | http::Error::Timeout { .. }
        )
    )
}

/// An address that may get secrets: TLS, or this machine.
pub(super) fn address(text: &str) -> Result<Url, Error> {
    let url = Url::parse(text).map_err(|_not_one| Error::Address(text.to_owned()))?;
    let near = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => return Err(Error::Address(text.to_owned())),
    };
    match url.scheme() {
        "https" => Ok(url),
        "http" if near => Ok(url),
        "http" => Err(Error::Clear(text.to_owned())),
        _ => Err(Error::Address(text.to_owned())),
    }
}

/// `https://HOST/`, or `http://HOST/` on this machine.
pub(super) fn host(host: &str) -> Result<Url, Error> {
    let plain = format!("http://{host}/");
    match address(&plain) {
        Ok(url) => Ok(url),
        Err(_) => address(&format!("https://{host}/")),
    }
}

/// The JSON of a good answer; other fields are the vendor's own affair.
pub(super) fn json<T: DeserializeOwned>(service: &'static str, body: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(body).map_err(|error| Error::Answer {
        service,
        // The message of serde may quote the answer, and answers hold tokens.
        reason: format!("line {}, column {}", error.line(), error.column()),
    })
}

pub(super) fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

pub(super) fn encode_url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(super) fn decode(service: &'static str, text: &str) -> Result<Vec<u8>, Error> {
    STANDARD.decode(text).map_err(|error| Error::Answer {
        service,
        reason: error.to_string(),
    })
}

pub(super) fn decode_url(service: &'static str, text: &str) -> Result<Vec<u8>, Error> {
    let text = text.trim_end_matches('=');
    URL_SAFE_NO_PAD.decode(text).map_err(|error| Error::Answer {
        service,
        reason: error.to_string(),
    })
}

/// What a service says, short and on one line.
pub(super) fn said(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body.get(..4096).unwrap_or(body)).into_owned();
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    line.chars()
        .filter(|letter| !letter.is_control())
        .take(SHOWN)
        .collect()
}

/// What an answer that is no success means, where its status tells.
pub(super) fn failure(service: &'static str, key: &str, response: &Response) -> Error {
    let (status, said) = (response.status.to_string(), said(&response.body));
    match response.status {
        401 | 403 => Error::Refused {
            service,
            status,
            said,
        },
        404 => Error::Unknown {
            service,
            key: key.to_owned(),
            said,
        },
        _ => Error::Failed {
            service,
            status,
            said,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_over_tls_or_stay_on_this_machine() {
        assert!(matches!(
            address("http://vault.example:8200"),
            Err(Error::Clear(_))
        ));
        assert!(matches!(
            address("ftp://127.0.0.1/"),
            Err(Error::Address(_))
        ));
        assert!(matches!(address("vault.example"), Err(Error::Address(_))));
        for text in [
            "https://vault.example:8200",
            "http://127.0.0.1:1",
            "http://[::1]:1",
            "http://localhost:1",
        ] {
            assert!(address(text).is_ok(), "{text}");
        }
        assert_eq!(
            host("kms.example").unwrap().as_str(),
            "https://kms.example/"
        );
        assert_eq!(host("127.0.0.1:5").unwrap().as_str(), "http://127.0.0.1:5/");
    }

    #[test]
    fn a_complaint_is_one_short_line() {
        let said = said(format!("a\n\tb \u{7}{}", "x".repeat(1000)).as_bytes());
        assert!(said.starts_with("a b x") && said.len() == SHOWN, "{said}");
    }
}
