//! Asking people, counting a quorum, and checking that count again: an
//! approval embeds everything it rests on, so nobody has to believe it.

pub mod answer;
pub mod automatic;
pub mod break_glass;
pub mod count;
pub mod decide;
pub mod forge;
pub mod form;
pub mod fresh;
pub mod groups;
pub mod notice;
pub mod owners;
pub mod policy;
pub mod predicate;
pub mod recheck;
mod refused;
pub mod request;
pub mod seats;
pub mod sight;
pub mod signer;
pub mod standing;
pub mod ticket;
pub mod tighter;

#[cfg(test)]
mod exploration;
#[cfg(test)]
mod exploration_automatic;
#[cfg(test)]
mod exploration_groups;
#[cfg(test)]
mod exploration_rules;
#[cfg(test)]
mod toy;

use serde::{Deserialize, Serialize};

use crate::ci;
use crate::digest::Digest;
use crate::name::Name;
use crate::span::Span;
use crate::time::Time;
use crate::verdict::Verdict;

/// How far two honest clocks may be apart.
pub const SKEW: Span = Span::seconds(120);

/// How long a request stays open where nobody says otherwise.
pub const DEFAULT_EXPIRY: Span = Span::seconds(86_400);

/// The most answers that are looked at for one request.
pub const MOST_ANSWERS: usize = 1_000;

/// The most bytes of one signed answer: ten times what a long comment needs.
pub const LARGEST_ANSWER: usize = 64 * 1024;

/// The folder of the state store that holds an environment's requests.
#[must_use]
pub fn folder(service: &Name, environment: &Name) -> String {
    format!("approvals/{service}/{environment}/")
}

/// The key of a request in the state store.
#[must_use]
pub fn request_key(service: &Name, environment: &Name, request: &Digest) -> String {
    format!("{}{}.json", folder(service, environment), request.hex())
}

/// The key of a request's end in the state store.
#[must_use]
pub fn closed_key(service: &Name, environment: &Name, request: &Digest) -> String {
    format!(
        "{}{}.closed.json",
        folder(service, environment),
        request.hex()
    )
}

/// The key of when a request and its answers were first seen.
#[must_use]
pub fn seen_key(service: &Name, environment: &Name, request: &Digest) -> String {
    format!(
        "{}{}.seen.json",
        folder(service, environment),
        request.hex()
    )
}

/// The key that leads from a question to the request that asks it now.
#[must_use]
pub fn question_key(service: &Name, environment: &Name, question: &Digest) -> String {
    format!(
        "{}asked/{}.json",
        folder(service, environment),
        question.hex()
    )
}

/// The key that tells which run an approval let in.
#[must_use]
pub fn gate_key(service: &Name, environment: &Name, request: &Digest) -> String {
    format!(
        "{}{}.gate.json",
        folder(service, environment),
        request.hex()
    )
}

/// The key that tells that a notice was sent about how a request stands.
#[must_use]
pub fn told_key(
    (service, environment): (&Name, &Name),
    request: &Digest,
    verdict: Verdict,
) -> String {
    format!(
        "{}{}.told-{}.json",
        folder(service, environment),
        request.hex(),
        verdict.word()
    )
}

/// Which request asks a question now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// The digest of the request.
    pub request: Digest,
}

/// How a request ended; written once, to the state store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Closed {
    /// `pass`, or `fail` when it was denied: then no later answer opens it again.
    pub verdict: Verdict,
    /// When it was judged.
    pub at: Time,
    /// The bundle of the approval, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Digest>,
    /// Who denied it or took it back, where somebody did by themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<Withdrawn>,
}

/// A request that was denied or taken back before anybody judged that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Withdrawn {
    /// The person of `people:` or the judge of `trust:`.
    pub by: String,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The signed no; a judge signs none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Digest>,
}

impl Closed {
    /// Whether no answer and no approval of the request counts any more.
    #[must_use]
    pub fn denies(&self) -> bool {
        self.verdict != Verdict::Pass
    }

    /// How it ended, for people.
    #[must_use]
    pub fn told(&self) -> String {
        let at = self.at;
        match &self.withdrawn {
            _ if !self.denies() => format!("the request was approved at {at}"),
            Some(Withdrawn { by, reason, .. }) => {
                let reason = reason
                    .as_deref()
                    .map(|reason| format!(": {}", ci::line(reason)));
                let reason = reason.unwrap_or_default();
                format!("the request was withdrawn by {by} at {at}{reason}")
            }
            None => format!("the request was denied at {at}"),
        }
    }
}
