//! The types of statements that gates make and require.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::name::Name;
use crate::plan;
use crate::time::Time;
use crate::verdict::Verdict;

/// What the types of all statements of ours begin with.
pub const OURS: &str = "https://liftlock.github.io/predicates/";
/// `release.json` is attested with this; its predicate is the release itself.
pub const RELEASE: &str = "https://liftlock.github.io/predicates/release/v1";
/// One person's yes or no.
pub const ANSWER: &str = "https://liftlock.github.io/predicates/answer/v1";
/// The judged outcome over all answers.
pub const APPROVAL: &str = "https://liftlock.github.io/predicates/approval/v1";
/// A canary's verdict.
pub const CANARY: &str = "https://liftlock.github.io/predicates/canary/v1";
/// What a promotion did.
pub const PROMOTION: &str = "https://liftlock.github.io/predicates/promotion/v1";
/// What a rollback did.
pub const ROLLBACK: &str = "https://liftlock.github.io/predicates/rollback/v1";
/// SLSA provenance, <https://slsa.dev/provenance/v1>.
pub const PROVENANCE: &str = "https://slsa.dev/provenance/v1";

/// The head of every verdict of ours: which release, where, by which rules,
/// when. A pass for staging, or last month's, does not fit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Ruling {
    /// What was decided.
    pub verdict: Verdict,
    /// The service of the release.
    pub service: Name,
    /// The environment it was decided for.
    pub environment: Name,
    /// The digest of `release.json`, or of the artifact where there is none.
    pub release: Digest,
    /// The plan it belongs to, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Digest>,
    /// The digest of the policy it was decided by.
    pub policy: Digest,
    /// When it was decided.
    pub made_at: Time,
    /// When it stops to count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
}

/// What a promotion or a rollback did: the predicate of [`PROMOTION`] and of
/// [`ROLLBACK`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Move {
    /// Which release, where, by which rules, when.
    #[serde(flatten)]
    pub ruling: Ruling,
    /// What kind of move it was.
    pub kind: plan::Kind,
    /// Whether what was live before is live again.
    pub restored: bool,
    /// Why the way back began, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The digest of the release that was live before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Digest>,
    /// The steps that were begun, in order.
    pub steps: Vec<String>,
}
