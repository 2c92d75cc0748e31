//! One record about what happened to a release; unique by its id for ever.

mod id;
mod same;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::digest::Digest;
use crate::failure::{self, Explain};
use crate::json;
use crate::name::Name;
use crate::release::Reference;
use crate::time::Time;
use crate::verdict::Verdict;

pub use id::{BadId, Id};

/// The major version of the format that this code writes and reads.
///
/// A newer minor adds fields and kinds that readers may skip. What a reader
/// must understand to decide rightly is a new major.
pub const SCHEMA_VERSION: u32 = 1;

/// The most bytes of the free part of a record.
pub const LARGEST_DETAIL: usize = 32 * 1024;

/// An entry about what happened: a move, a verdict, a refusal, a hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Record {
    /// Major version of this format.
    pub schema_version: u32,
    /// Unique; a second record with the same id is the same record.
    pub id: Id,
    /// What happened.
    pub kind: Kind,
    /// When it happened.
    pub at: Time,
    /// The service it happened to.
    pub service: Name,
    /// The environment it happened in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<Name>,
    /// The release it is about: the one that moved, was judged or is live afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<Reference>,
    /// The source commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// How it was judged or how it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// Who did it.
    pub actor: Actor,
    /// The CI run it happened in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_url: Option<String>,
    /// The policy that it was decided by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Digest>,
    /// The evidence that it rests on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Digest>,
    /// The release that was live before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Reference>,
    /// The owner's fence when it happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fence: Option<u64>,
    /// The plan that it is part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Digest>,
    /// What only this kind has to say; at most [`LARGEST_DETAIL`].
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub detail: Map<String, Value>,
}

impl Record {
    /// A record that says only what every record must.
    #[must_use]
    pub fn new(id: Id, kind: Kind, at: Time, service: Name, actor: Actor) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            id,
            kind,
            at,
            service,
            environment: None,
            release: None,
            commit: None,
            verdict: None,
            actor,
            run_url: None,
            policy: None,
            evidence: Vec::new(),
            previous: None,
            fence: None,
            plan: None,
            detail: Map::new(),
        }
    }

    /// Reads one record. Unknown fields are tolerated, newer majors are not.
    ///
    /// # Errors
    ///
    /// Fails on malformed JSON, another major version, and too much detail.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        Self::from_value(json::parse(bytes)?)
    }

    /// Reads a record that is part of a larger document.
    ///
    /// # Errors
    ///
    /// As [`Record::parse`].
    pub fn from_value(value: Value) -> Result<Self, ParseError> {
        match value.get("schema_version").and_then(Value::as_u64) {
            Some(version) if version == u64::from(SCHEMA_VERSION) => {}
            Some(version) => return Err(ParseError::Version(version)),
            None => return Err(ParseError::Unversioned),
        }
        let record: Self = serde_json::from_value(value).map_err(json::ParseError::from)?;
        record.check()?;
        Ok(record)
    }

    /// Checks what the types cannot.
    ///
    /// # Errors
    ///
    /// Fails when the free part is too large.
    pub fn check(&self) -> Result<(), ParseError> {
        let length = serde_json::to_vec(&self.detail)
            .map_err(json::ParseError::from)?
            .len();
        if length > LARGEST_DETAIL {
            return Err(ParseError::Detail(length));
        }
        Ok(())
    }

    /// The type of the `CDEvents` event that says the same, where there is one.
    ///
    /// Without the event's version: approvals are a draft of 0.6, the others
    /// are in 0.5.
    #[must_use]
    pub const fn cd_event_type(&self) -> Option<&'static str> {
        let passed = matches!(self.verdict, Some(Verdict::Pass) | None);
        match &self.kind {
            Kind::ReleaseCreated => Some("dev.cdevents.artifact.packaged"),
            Kind::Signed => Some("dev.cdevents.artifact.signed"),
            Kind::ApprovalRequested => Some("dev.cdevents.approval.created"),
            Kind::ApprovalAnswered => Some("dev.cdevents.approval.updated"),
            Kind::ApprovalJudged | Kind::ApprovalWithdrawn => Some("dev.cdevents.approval.closed"),
            Kind::PromotionFinished if passed && self.previous.is_none() => {
                Some("dev.cdevents.service.deployed")
            }
            Kind::PromotionFinished if passed => Some("dev.cdevents.service.upgraded"),
            Kind::RollbackFinished if passed => Some("dev.cdevents.service.rolledback"),
            Kind::CanaryJudged
            | Kind::PromotionStarted
            | Kind::StepDone
            | Kind::PromotionFinished
            | Kind::PromotionAborted
            | Kind::PromotionPaused
            | Kind::PromotionAdvanced
            | Kind::RollbackStarted
            | Kind::RollbackFinished
            | Kind::ReconcileStarted
            | Kind::ReconcileFinished
            | Kind::HoldPlaced
            | Kind::HoldLifted
            | Kind::Rejected
            | Kind::RejectLifted
            | Kind::BreakGlass
            | Kind::Adopted
            | Kind::Refused
            | Kind::Note
            | Kind::Other(_) => None,
        }
    }
}

/// Who did something, and how that was proved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Actor {
    /// A person, a workflow or a key.
    pub id: String,
    /// How it was proved, such as `key`, `oidc`, `forge`, or `asserted` when it was not.
    pub proof: String,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Kind {
    /// A release was put together.
    ReleaseCreated,
    /// It was signed.
    Signed,
    /// A canary was judged.
    CanaryJudged,
    /// People were asked.
    ApprovalRequested,
    /// One person answered.
    ApprovalAnswered,
    /// The answers were judged.
    ApprovalJudged,
    /// A request or its approval was taken back.
    ApprovalWithdrawn,
    /// A promotion began.
    PromotionStarted,
    /// It goes past gates, by the word of people.
    BreakGlass,
    /// One of its steps ended.
    StepDone,
    /// It ended; the verdict says how.
    PromotionFinished,
    /// Somebody asked that it goes back.
    PromotionAborted,
    /// Somebody asked that it stops where it is.
    PromotionPaused,
    /// Somebody let it go on.
    PromotionAdvanced,
    /// A rollback began.
    RollbackStarted,
    /// It ended; the verdict says how.
    RollbackFinished,
    /// What is live is made what the state says again.
    ReconcileStarted,
    /// It ended; the verdict says how.
    ReconcileFinished,
    /// Automation may not move this environment.
    HoldPlaced,
    /// It may again.
    HoldLifted,
    /// A release may never go up again.
    Rejected,
    /// It may after all.
    RejectLifted,
    /// What was live was taken as known good.
    Adopted,
    /// Something asked for was not permitted.
    Refused,
    /// A remark.
    Note,
    /// A kind of a newer minor; nothing may be decided from it.
    Other(String),
}

impl Kind {
    /// Every kind that this version knows.
    pub const ALL: [Self; 25] = [
        Self::ReleaseCreated,
        Self::Signed,
        Self::CanaryJudged,
        Self::ApprovalRequested,
        Self::ApprovalAnswered,
        Self::ApprovalJudged,
        Self::ApprovalWithdrawn,
        Self::PromotionStarted,
        Self::BreakGlass,
        Self::StepDone,
        Self::PromotionFinished,
        Self::PromotionAborted,
        Self::PromotionPaused,
        Self::PromotionAdvanced,
        Self::RollbackStarted,
        Self::RollbackFinished,
        Self::ReconcileStarted,
        Self::ReconcileFinished,
        Self::HoldPlaced,
        Self::HoldLifted,
        Self::Rejected,
        Self::RejectLifted,
        Self::Adopted,
        Self::Refused,
        Self::Note,
    ];

    /// The word used in flags and fields.
    #[must_use]
    pub fn word(&self) -> &str {
        match self {
            Self::ReleaseCreated => "release-created",
            Self::Signed => "signed",
            Self::CanaryJudged => "canary-judged",
            Self::ApprovalRequested => "approval-requested",
            Self::ApprovalAnswered => "approval-answered",
            Self::ApprovalJudged => "approval-judged",
            Self::ApprovalWithdrawn => "approval-withdrawn",
            Self::PromotionStarted => "promotion-started",
            Self::BreakGlass => "break-glass",
            Self::StepDone => "step-done",
            Self::PromotionFinished => "promotion-finished",
            Self::PromotionAborted => "promotion-aborted",
            Self::PromotionPaused => "promotion-paused",
            Self::PromotionAdvanced => "promotion-advanced",
            Self::RollbackStarted => "rollback-started",
            Self::RollbackFinished => "rollback-finished",
            Self::ReconcileStarted => "reconcile-started",
            Self::ReconcileFinished => "reconcile-finished",
            Self::HoldPlaced => "hold-placed",
            Self::HoldLifted => "hold-lifted",
            Self::Rejected => "release-rejected",
            Self::RejectLifted => "reject-lifted",
            Self::Adopted => "adopted",
            Self::Refused => "refused",
            Self::Note => "note",
            Self::Other(word) => word,
        }
    }
}

impl From<String> for Kind {
    fn from(word: String) -> Self {
        let known = Self::ALL.into_iter().find(|kind| kind.word() == word);
        known.unwrap_or(Self::Other(word))
    }
}

impl From<Kind> for String {
    fn from(kind: Kind) -> Self {
        kind.word().to_owned()
    }
}

impl FromStr for Kind {
    type Err = UnknownKind;

    /// Reads what a person typed: only kinds that this version knows.
    fn from_str(word: &str) -> Result<Self, UnknownKind> {
        let known = Self::ALL.into_iter().find(|kind| kind.word() == word);
        known.ok_or_else(|| UnknownKind(word.to_owned()))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.word())
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Kind {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "RecordKind".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let words = Self::ALL.map(|kind| kind.word().to_owned());
        schemars::json_schema!({ "type": "string", "examples": words })
    }
}

/// The word is no kind of record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a kind of record: expected one of {known}", known = Kind::ALL.map(|kind| kind.word().to_owned()).join(", "))]
pub struct UnknownKind(String);

/// The bytes are no record.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// Malformed or of another shape.
    #[error(transparent)]
    Json(#[from] json::ParseError),
    /// Written by a newer liftlock.
    #[error("record has `schema_version` {0}, and this version reads {SCHEMA_VERSION}")]
    Version(u64),
    /// Says nothing about its version.
    #[error("record has no `schema_version`")]
    Unversioned,
    /// More than a ledger should hold.
    #[error("`detail` has {0} bytes, and a record may have {LARGEST_DETAIL}")]
    Detail(usize),
}

impl Explain for ParseError {
    fn kind(&self) -> failure::Kind {
        failure::Kind::Invalid
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Value {
        serde_json::json!({
            "schema_version": 1, "id": "0123456789abcdef", "kind": "canary-judged",
            "at": "2026-11-23T12:00:00Z", "service": "shop", "verdict": "fail",
            "actor": { "id": "ci", "proof": "oidc" },
        })
    }

    fn parse(value: &Value) -> Result<Record, ParseError> {
        Record::parse(value.to_string().as_bytes())
    }

    #[test]
    fn a_record_survives_writing_and_reading() {
        let record = parse(&sample()).unwrap();
        assert_eq!(record.kind, Kind::CanaryJudged);
        let again = parse(&serde_json::to_value(&record).unwrap()).unwrap();
        assert_eq!(again, record);
    }

    #[test]
    fn newer_minors_are_read_and_newer_majors_refused_by_name() {
        let mut newer = sample();
        newer["weather"] = "fine".into();
        newer["kind"] = "moon-phase".into();
        let read = parse(&newer).unwrap();
        assert_eq!(read.kind, Kind::Other("moon-phase".to_owned()));
        newer["schema_version"] = 2.into();
        let error = parse(&newer).unwrap_err().to_string();
        assert_eq!(
            error,
            "record has `schema_version` 2, and this version reads 1"
        );
    }

    #[test]
    fn what_is_no_record_is_refused() {
        let long = "x".repeat(LARGEST_DETAIL);
        for (field, value) in [
            ("schema_version", Value::Null),
            ("id", "short".into()),
            ("id", "0123456789ABCDEF".into()),
            ("at", "yesterday".into()),
            ("verdict", "maybe".into()),
            ("service", "../x".into()),
            ("actor", "me".into()),
            ("evidence", serde_json::json!(["sha256:12"])),
            ("detail", serde_json::json!({ "text": long })),
        ] {
            let mut document = sample();
            document[field] = value;
            assert!(parse(&document).is_err(), "{field}");
        }
    }

    #[test]
    fn every_kind_is_read_from_its_own_word() {
        for kind in Kind::ALL {
            assert_eq!(kind.word().parse(), Ok(kind.clone()));
        }
        assert!("moon-phase".parse::<Kind>().is_err());
    }

    #[test]
    fn a_derived_id_depends_on_every_part() {
        let id = Id::derived(&["plan", "step"]);
        assert_eq!(id, Id::derived(&["plan", "step"]));
        assert_ne!(id, Id::derived(&["planstep"]));
        assert_eq!(id.as_str().parse(), Ok(id.clone()));
    }

    #[test]
    fn only_what_went_well_is_an_event_of_delivery() {
        let mut record = parse(&sample()).unwrap();
        assert_eq!(record.cd_event_type(), None);
        record.kind = Kind::RollbackFinished;
        assert_eq!(record.cd_event_type(), None);
        record.verdict = Some(Verdict::Pass);
        let rolled_back = Some("dev.cdevents.service.rolledback");
        assert_eq!(record.cd_event_type(), rolled_back);
    }
}
