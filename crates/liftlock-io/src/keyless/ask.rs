//! Asks one of several services until one answers, for as long as there is
//! patience.

use liftlock::retry;
use liftlock::sigstore::signing_config::Service;
use liftlock::span::Span;
use liftlock::time::Time;

use super::{Error, left};
use crate::http::{Client, Limits, Request, Response};
use crate::{clock, http, random};

/// How long to go on asking, and who may end that.
#[derive(Clone, Copy)]
pub struct Patience<'a> {
    /// When it is over, whatever is missing then.
    pub until: Time,
    /// Waits for that long, or fails when the run has to end.
    pub wait: &'a (dyn Fn(Span) -> Result<(), Error> + Sync),
}

impl std::fmt::Debug for Patience<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Patience(until {})", self.until)
    }
}

/// How one request ended.
pub(super) enum Attempt<T> {
    /// With an answer.
    Done(T),
    /// Without one, which may change; after this time, where it is known.
    Again(Error, Option<Span>),
    /// With a word that will not change.
    Refused(Error),
}

impl<T> Attempt<T> {
    /// What an error means for the next attempt.
    pub(super) fn of(error: Error) -> Self {
        if error.is_transient() {
            Self::Again(error, None)
        } else {
            Self::Refused(error)
        }
    }

    pub(super) fn and_then<U>(self, next: impl FnOnce(T) -> Attempt<U>) -> Attempt<U> {
        match self {
            Self::Done(answer) => next(answer),
            Self::Again(error, after) => Attempt::Again(error, after),
            Self::Refused(error) => Attempt::Refused(error),
        }
    }
}

impl Patience<'_> {
    /// Asks the services in turn; a refusal of one is no refusal of all.
    pub(super) fn ask<T>(
        &self,
        what: &'static str,
        services: &[Service],
        mut one: impl FnMut(&Service) -> Attempt<T>,
    ) -> Result<T, Error> {
        let mut attempts = 0;
        let mut asking: Vec<&Service> = services.iter().collect();
        let mut last = Error::NoService(what);
        loop {
            let mut asked = None;
            let mut going = Vec::new();
            for service in asking {
                match one(service) {
                    Attempt::Done(answer) => return Ok(answer),
                    Attempt::Refused(error) => last = error,
                    Attempt::Again(error, after) => {
                        tracing::warn!(
                            url = service.url,
                            "{what}: {}",
                            liftlock::failure::line(&error)
                        );
                        last = error;
                        asked = later(asked, after);
                        going.push(service);
                    }
                }
            }
            asking = going;
            if asking.is_empty() {
                return Err(last);
            }
            let pause = retry::pause(attempts, asked, chance());
            attempts += 1;
            if left(self.until).is_none_or(|left| left <= pause) {
                return Err(Error::Exhausted {
                    what,
                    attempts,
                    last: Box::new(last),
                });
            }
            (self.wait)(pause)?;
        }
    }
}

/// The shorter of two demands: one service that is back is enough.
fn later(known: Option<Span>, other: Option<Span>) -> Option<Span> {
    match (known, other) {
        (Some(known), Some(other)) => Some(known.min(other)),
        (known, other) => known.or(other),
    }
}

fn chance() -> u64 {
    let digits = random::token().unwrap_or_default();
    digits
        .get(..15)
        .and_then(|digits| u64::from_str_radix(digits, 16).ok())
        .unwrap_or_default()
}

/// Sends one request and sorts the answer by its status.
pub(super) fn send(client: &Client, request: Request, limits: Limits) -> Attempt<Response> {
    let url = request.url.clone();
    let response = match client.send(request, limits) {
        Ok(response) => response,
        Err(error) => return Attempt::of(error.into()),
    };
    if response.is_success() && !response.is_html() {
        return Attempt::Done(response);
    }
    let header = response.header("retry-after");
    let after = header.and_then(|header| retry::after(header, clock::now()));
    let error = Error::status(&url, &response);
    if retry::is_transient(response.status) || response.is_html() {
        Attempt::Again(error, after)
    } else {
        Attempt::Refused(error)
    }
}

impl Error {
    /// Whether the same request may succeed later.
    fn is_transient(&self) -> bool {
        match self {
            Self::Http(error) => {
                use http::Error as Http;
                match error {
                    Http::Connect { .. } | Http::Timeout { .. } | Http::Broken { .. } => true,
                    Http::Offline
                    | Http::Runtime(_)
                    | Http::Prepare(_)
                    | Http::Configure(_)
                    | Http::File(_)
                    | Http::Authorities { .. }
                    | Http::Identity { .. }
                    | Http::Scheme { .. }
                    | Http::Tls { .. }
                    | Http::Stopped { .. }
                    | Http::TooLarge { .. }
                    | Http::Redirects { .. }
                    | Http::BadRedirect { .. }
                    | Http::Write(_) => false,
                }
            }
            Self::Status { status, .. } => retry::is_transient(*status),
            Self::Conflict(_)
            | Self::Exhausted { .. }
            | Self::NoService(_)
            | Self::TooFew { .. }
            | Self::Address(_)
            | Self::NoToken(_)
            | Self::Token(_)
            | Self::Certificate(_)
            | Self::Entry(_)
            | Self::Timestamp(_)
            | Self::Nonce
            | Self::Key(_)
            | Self::Sign(_)
            | Self::Statement(_)
            | Self::Bundle(_)
            | Self::Json(_)
            | Self::Config(_)
            | Self::Unproved(_)
            | Self::Ended(_) => false,
        }
    }
}
