//! The types of statements that gates make and require.

mod known;
mod shape;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::name::Name;
use crate::plan;
use crate::plan::wish::Wish;
use crate::rollback::Cause;
use crate::time::Time;
use crate::verdict::Verdict;

pub use known::{check, is_provenance, is_sbom};
pub use shape::{Flaw, is_uri};

/// What the types of all statements of ours begin with.
pub const OURS: &str = "https://liftlock.github.io/predicates/";
/// `release.json` is attested with this; its predicate is the release itself.
pub const RELEASE: &str = "https://liftlock.github.io/predicates/release/v1";
/// One person's yes or no.
pub const ANSWER: &str = "https://liftlock.github.io/predicates/answer/v1";
/// The judged outcome over all answers.
pub const APPROVAL: &str = "https://liftlock.github.io/predicates/approval/v1";
/// A judged permission to go past gates.
pub const BREAK_GLASS: &str = "https://liftlock.github.io/predicates/break-glass/v1";
/// A canary's verdict.
pub const CANARY: &str = "https://liftlock.github.io/predicates/canary/v1";
/// What a canary's gate knows so far; it counts for nothing but going on.
pub const CANARY_STATE: &str = "https://liftlock.github.io/predicates/canary-state/v1";
/// What a promotion did.
pub const PROMOTION: &str = "https://liftlock.github.io/predicates/promotion/v1";
/// What a rollback did.
pub const ROLLBACK: &str = "https://liftlock.github.io/predicates/rollback/v1";
/// Files, by their digests, were signed: the statement form of a signature.
pub const SIGNATURE: &str = "https://liftlock.github.io/predicates/signature/v1";
/// SLSA provenance, <https://slsa.dev/provenance/v1>.
pub const PROVENANCE: &str = "https://slsa.dev/provenance/v1";
/// What cosign 3 says of an image that it signs.
pub const COSIGN: &str = "https://sigstore.dev/cosign/sign/v1";

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
    /// Why a release was gone back to, and past what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// The steps that were begun, in order.
    pub steps: Vec<String>,
    /// What people asked of it, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wishes: Vec<Wish>,
}

/// Whether a statement of others is a pass, where its type has a verdict: the
/// in-toto test result v0.1 and SLSA's verification summary v1 do.
///
/// # Errors
///
/// Fails with the reason when it is anything but passed.
pub fn passed(uri: &str, content: &serde_json::Value) -> Result<(), String> {
    let field = match uri {
        "https://in-toto.io/attestation/test-result/v0.1" => "result",
        "https://slsa.dev/verification_summary/v1" => "verificationResult",
        _ => return Ok(()),
    };
    match content.get(field).and_then(serde_json::Value::as_str) {
        Some("PASSED") => Ok(()),
        Some(_) => Err(format!("its `{field}` is not PASSED")),
        None => Err(format!("it has no `{field}`")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_failed_test_or_verification_meets_no_demand() {
        let tests = "https://in-toto.io/attestation/test-result/v0.1";
        let summary = "https://slsa.dev/verification_summary/v1";
        let cases = [
            (tests, json!({ "result": "PASSED" }), true),
            (tests, json!({ "result": "FAILED" }), false),
            (tests, json!({ "result": "WARNED" }), false),
            (tests, json!({}), false),
            (summary, json!({ "verificationResult": "PASSED" }), true),
            (summary, json!({ "verificationResult": "FAILED" }), false),
            ("https://spdx.dev/Document", json!({}), true),
        ];
        for (uri, content, good) in cases {
            assert_eq!(passed(uri, &content).is_ok(), good, "{uri} {content}");
        }
    }
}
