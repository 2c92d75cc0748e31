//! The approval: a judged outcome together with everything it rests on.

use serde::{Deserialize, Serialize};

use super::decide::Judgement;
use super::forge::Event;
use super::form::Signed;
use super::groups::Groups;
use super::request::{self, Request};
use super::sight::Sightings;
use crate::digest::Digest;
use crate::predicate::{APPROVAL, Ruling};
use crate::release;
use crate::statement::{self, Statement, Subject};
use crate::time::Time;

/// The version of the format that this code writes and reads.
pub const SCHEMA_VERSION: u32 = 1;

/// What the judge signs about the release and its artifacts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Approval {
    /// Version of this format.
    pub schema_version: u32,
    /// Which release, where, by which rules, when.
    #[serde(flatten)]
    pub ruling: Ruling,
    /// The digest of the request.
    pub request: Digest,
    /// The request itself; as one line of JSON it has that digest.
    pub asked: serde_json::Value,
    /// Every answer that was looked at, whole and signed.
    pub answers: Vec<Signed>,
    /// Every answer on a forge, as the judge saw it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<Event>,
    /// Who belonged to the groups of the rules, as the judge saw it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<Groups>,
    /// When a judge first saw the request and its answers, where that is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Sightings>,
    /// Who counted, who did not, and why.
    pub judgement: Judgement,
    /// How long people took.
    pub latency: Latency,
}

/// How long people took.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Latency {
    /// When they were asked.
    pub asked_at: Time,
    /// When a judge first saw the request, where that is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_seen_at: Option<Time>,
    /// When the first answer that counts was made, by that person's clock;
    /// absent where nobody says when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_answered_at: Option<Time>,
    /// When the answers were judged.
    pub decided_at: Time,
}

impl Latency {
    /// How long it took until a judgement.
    #[must_use]
    pub fn of(request: &Request, judgement: &Judgement, decided_at: Time) -> Self {
        let answered = judgement.counted.iter().map(|one| one.made_at);
        // Where a forge does not say when, the request's own time stands in.
        let known = answered.filter(|at| *at != request.made_at);
        Self {
            asked_at: request.made_at,
            first_seen_at: None,
            first_answered_at: known.min(),
            decided_at,
        }
    }

    /// The times as a record has them, with how long it took in milliseconds:
    /// from the question to the first answer and to the judgement, and from that
    /// to its use, where it was used.
    #[must_use]
    pub fn told(&self, used_at: Option<Time>) -> serde_json::Value {
        let since = |from: Time| move |to: Time| to.millis_since(from);
        let mut told = serde_json::json!(self);
        let more = [
            ("used_at", used_at.map(|at| serde_json::json!(at))),
            (
                "time_to_answer_ms",
                self.first_answered_at
                    .map(since(self.asked_at))
                    .map(Into::into),
            ),
            (
                "time_to_decide_ms",
                Some(self.decided_at)
                    .map(since(self.asked_at))
                    .map(Into::into),
            ),
            (
                "time_to_use_ms",
                used_at.map(since(self.decided_at)).map(Into::into),
            ),
        ];
        if let Some(told) = told.as_object_mut() {
            let known = more.into_iter();
            told.extend(known.filter_map(|(field, value)| Some((field.to_owned(), value?))));
        }
        told
    }
}

impl Approval {
    /// Writes a judgement down with what it rests on.
    ///
    /// # Errors
    ///
    /// Fails never in practice: a request is JSON.
    pub fn new(
        asked: &request::Identified,
        answers: Vec<Signed>,
        judgement: Judgement,
        now: Time,
    ) -> Result<Self, request::ParseError> {
        let request = &asked.request;
        Ok(Self {
            schema_version: SCHEMA_VERSION,
            ruling: Ruling {
                verdict: judgement.verdict,
                service: request.service.clone(),
                environment: request.environment.clone(),
                release: request.release.digest,
                plan: None,
                policy: request.policy,
                made_at: now,
                expires_at: Some(request.expires_at),
            },
            request: asked.digest,
            asked: asked.value()?,
            answers,
            events: Vec::new(),
            groups: None,
            seen: None,
            latency: Latency::of(request, &judgement, now),
            judgement,
        })
    }

    /// The same with the answers that were given on a forge.
    #[must_use]
    pub fn with_events(mut self, events: Vec<Event>) -> Self {
        self.events = events;
        self
    }

    /// The same with what was looked up about groups.
    #[must_use]
    pub fn with_groups(mut self, groups: Option<Groups>) -> Self {
        self.groups = groups;
        self
    }

    /// The same with when request and answers were first seen.
    #[must_use]
    pub fn with_sightings(mut self, seen: Option<Sightings>) -> Self {
        self.latency.first_seen_at = seen.as_ref().map(|seen| seen.request);
        self.seen = seen;
        self
    }

    /// The statement about the release and each of its artifacts.
    ///
    /// # Errors
    ///
    /// Fails on a release with more artifacts than a statement has subjects.
    pub fn statement(&self, release: &release::Identified) -> Result<Statement, statement::Error> {
        self.about(release, APPROVAL, self)
    }

    /// A statement of another type about the same.
    pub(super) fn about<T: Serialize>(
        &self,
        release: &release::Identified,
        uri: &str,
        content: &T,
    ) -> Result<Statement, statement::Error> {
        let first = Subject::named(&release.digest, release.release.id.clone());
        let artifacts = release.release.artifacts.iter();
        let rest =
            artifacts.map(|(name, artifact)| Subject::named(&artifact.digest, name.as_str()));
        let subjects = std::iter::once(first).chain(rest).collect();
        Statement::new(subjects, uri, content)
    }
}
