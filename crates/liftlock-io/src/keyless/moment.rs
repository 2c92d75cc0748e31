//! Asks a timestamp authority for the time. No log takes part, and nobody
//! keeps what it is asked.

use liftlock::sigstore::anchors::TrustedRoot;
use liftlock::sigstore::signing_config::Service;
use liftlock::sigstore::skew::Skew;
use liftlock::sigstore::timestamp::Timestamp;

use super::Error;
use super::ask::Attempt;
use super::witness::stamp;
use crate::http::Client;
use crate::verify::Local;
use crate::{clock, random};

/// How far our clock is off by the word of this authority, which has to be
/// one of the root's.
///
/// # Errors
///
/// Fails when it does not answer, and when its answer does not count.
pub fn skew(service: &Service, root: &TrustedRoot, client: &Client) -> Result<Skew, Error> {
    let seen = random::token().map_err(|error| Error::Sign(error.into()))?;
    let asked = clock::now();
    let answer = match stamp(service, seen.as_bytes(), client) {
        Attempt::Done(answer) => answer,
        Attempt::Again(error, _) | Attempt::Refused(error) => return Err(error),
    };
    let answered = clock::now();
    let found = Timestamp::parse(&answer)?;
    found.verify(seen.as_bytes(), root, &Local)?;
    Ok(Skew::of(found.time, (asked, answered)))
}
