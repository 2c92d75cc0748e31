//! Has a signature seen: by timestamp authorities and logs, at the same time.

use std::time::Duration;

use liftlock::bundle::entry::Entry;
use liftlock::bundle::{Bundle, Content, Material};
use liftlock::crypto::PublicKey;
use liftlock::sigstore::body::Signatory;
use liftlock::sigstore::rekor;
use liftlock::sigstore::signing_config::{Chosen, Service};
use liftlock::sigstore::timestamp::{self, Timestamp};
use liftlock::x509::Certificate;
use serde::{Deserialize, Serialize};

use super::ask::{self, Attempt};
use super::{Error, Patience, Services};
use crate::http::{Client, Limits, Method, Request, Response};
use crate::random;

/// What a timestamp may have, and how long it may take.
const STAMP: Limits = Limits {
    bytes: 256 * 1024,
    timeout: Duration::from_secs(10),
};

/// What an entry may have. A log of v2 answers once a checkpoint covers it,
/// which takes up to 20 s.
const ENTRY: Limits = Limits {
    bytes: 4 * 1024 * 1024,
    timeout: Duration::from_secs(30),
};

/// Who signed.
#[derive(Clone, Copy, Debug)]
pub enum Who<'a> {
    /// The holder of a certificate.
    Certificate(&'a Certificate),
    /// The holder of a key.
    Key(&'a PublicKey),
}

impl Who<'_> {
    const fn key(&self) -> &PublicKey {
        match self {
            Self::Certificate(certificate) => certificate.key(),
            Self::Key(key) => key,
        }
    }

    fn signatory(&self) -> Signatory<'_> {
        match self {
            Self::Certificate(certificate) => Signatory::Certificate(certificate.der()),
            Self::Key(key) => Signatory::Key(key),
        }
    }

    fn pem(&self) -> String {
        match self {
            Self::Certificate(certificate) => certificate.pem(),
            Self::Key(key) => key.pem(),
        }
    }
}

/// Something that a bundle lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Missing {
    /// The word of a clock.
    Timestamp,
    /// The entry of a log.
    LogEntry,
}

impl Missing {
    /// For people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Timestamp => "timestamp",
            Self::LogEntry => "log entry",
        }
    }
}

/// A bundle after it was shown around.
#[derive(Debug)]
pub struct Witnessed {
    /// The bundle with everything that came.
    pub bundle: Bundle,
    /// What did not come, and why.
    pub missing: Vec<(Missing, Error)>,
}

/// Shows a signature to the services, timestamps and logs side by side.
/// Whether it is complete without what did not come is for others to judge.
///
/// # Errors
///
/// Fails when a bundle cannot be written.
pub fn show(
    bundle: Bundle,
    who: Who<'_>,
    services: &Services,
    client: &Client,
    patience: &Patience<'_>,
) -> Result<Witnessed, Error> {
    let signature = match bundle.content() {
        Content::Message { signature, .. } => signature.clone(),
        Content::Envelope(envelope) => envelope.signature.clone(),
    };
    let content = bundle.content().clone();
    let (stamps, entries) = std::thread::scope(|scope| {
        let stamps = scope.spawn(|| {
            gather(
                "timestamp authorities",
                &services.timestamps,
                patience,
                |service| stamp(service, &signature, client),
            )
        });
        let entries = gather("logs", &services.logs, patience, |service| {
            entry(service, &content, who, client)
        });
        (stamps.join(), entries)
    });
    let stamps = match stamps {
        Ok(stamps) => stamps,
        Err(panic) => std::panic::resume_unwind(panic),
    };
    let mut witnessed = Witnessed {
        bundle,
        missing: Vec::new(),
    };
    match stamps {
        Ok(all) => {
            for one in all {
                witnessed.bundle = witnessed.bundle.with_timestamp(one)?;
            }
        }
        Err(error) => witnessed.missing.push((Missing::Timestamp, error)),
    }
    match entries {
        Ok(all) => {
            for one in all {
                witnessed.bundle = witnessed.bundle.with_entry(one)?;
            }
        }
        Err(error) => witnessed.missing.push((Missing::LogEntry, error)),
    }
    Ok(witnessed)
}

/// As many answers as are needed, each of another operator; one that fails is
/// replaced by the next.
fn gather<T>(
    what: &'static str,
    chosen: &Chosen,
    patience: &Patience<'_>,
    mut one: impl FnMut(&Service) -> Attempt<T>,
) -> Result<Vec<T>, Error> {
    let mut found = Vec::new();
    let mut left: Vec<Service> = chosen.services.clone();
    while found.len() < chosen.needed {
        let mut answered = None;
        let answer = patience.ask(what, &left, |service| {
            answered = Some(service.url.clone());
            one(service)
        });
        match answer {
            Ok(answer) => found.push(answer),
            Err(error) => {
                return Err(match (found.len(), chosen.needed) {
                    (0, 1) => error,
                    (found, needed) => Error::TooFew {
                        what,
                        found,
                        needed,
                        last: Box::new(error),
                    },
                });
            }
        }
        left.retain(|service| Some(&service.url) != answered.as_ref());
    }
    Ok(found)
}

pub(super) fn stamp(service: &Service, signature: &[u8], client: &Client) -> Attempt<Vec<u8>> {
    let digits = match random::token() {
        Ok(digits) => digits,
        Err(error) => return Attempt::Refused(Error::Sign(error.into())),
    };
    let nonce = digits
        .get(..16)
        .and_then(|digits| u64::from_str_radix(digits, 16).ok());
    let nonce = nonce.unwrap_or(1).max(1);
    let body = timestamp::request(signature, nonce);
    post(
        client,
        &service.url,
        ("application/timestamp-query", body),
        STAMP,
    )
    .and_then(|answer| match Timestamp::parse(&answer.body) {
        Ok(stamp) if stamp.answers(nonce) => Attempt::Done(answer.body),
        Ok(_) => Attempt::Again(Error::Nonce, None),
        Err(error) => Attempt::Again(error.into(), None),
    })
}

fn entry(service: &Service, content: &Content, who: Who<'_>, client: &Client) -> Attempt<Entry> {
    let (path, body) = match service.version {
        1 => (rekor::PATH_1, rekor::request_1(content, &who.pem())),
        _ => (
            rekor::PATH_2,
            rekor::request_2(content, who.signatory(), who.key()),
        ),
    };
    let body = match body {
        Ok(body) => body,
        Err(error) => return Attempt::Refused(Error::Json(error)),
    };
    let url = format!("{}{path}", service.url);
    let answer = post(client, &url, ("application/json", body), ENTRY);
    // It is there already, perhaps from an attempt whose answer was lost.
    let answer = if let Attempt::Refused(Error::Conflict(Some(place))) = &answer {
        existing(client, &url, place)
    } else {
        answer
    };
    answer.and_then(|answer| {
        let entry = match service.version {
            1 => rekor::entry_1(&answer.body),
            _ => rekor::entry_2(&answer.body),
        };
        match entry {
            Ok(entry) => Attempt::Done(entry),
            Err(error) => Attempt::Again(error.into(), None),
        }
    })
}

fn post(
    client: &Client,
    url: &str,
    (media_type, body): (&str, Vec<u8>),
    limits: Limits,
) -> Attempt<Response> {
    match url.parse() {
        Ok(address) => {
            let request = Request::new(Method::Post, address)
                .with_header("accept", "*/*")
                .with_body(media_type, body);
            ask::send(client, request, limits)
        }
        Err(_not_an_address) => Attempt::Refused(Error::Address(url.to_owned())),
    }
}

/// The entry that a log says it has already.
fn existing(client: &Client, url: &str, place: &str) -> Attempt<Response> {
    let joined = url::Url::parse(url).and_then(|base| base.join(place));
    match joined {
        // Nobody may send us to another host.
        Ok(address) if url.starts_with(&address.origin().ascii_serialization()) => {
            ask::send(client, Request::get(address), ENTRY)
        }
        Ok(_) | Err(_) => Attempt::Refused(Error::Address(place.to_owned())),
    }
}

/// Whose signature a bundle says it is.
#[must_use]
pub fn leaf(bundle: &Bundle) -> Option<Certificate> {
    match bundle.material() {
        Material::Certificates(all) => Certificate::parse(all.first()?).ok(),
        Material::Key { .. } => None,
    }
}
