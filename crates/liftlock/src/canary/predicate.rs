//! What a canary's attestation says.

use serde::{Deserialize, Serialize};

use super::judgement::Judgement;
use super::policy::Policy;
use super::probe::Probe;
use super::record::Asked;
use crate::digest::Digest;
use crate::predicate::Ruling;

/// The predicate of a statement of type [`crate::predicate::CANARY`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Predicate {
    /// Which release, where, by which rules, when.
    #[serde(flatten)]
    pub ruling: Ruling,
    /// The verdict's numbers.
    pub judgement: Judgement,
    /// The rules they were judged by.
    pub rules: Policy,
    /// The digests of the counts, answers and records they were judged from.
    pub evidence: Vec<Digest>,
    /// What was asked, about which moment, and the digest of each answer: the
    /// newest, as a record has them all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asked: Vec<Asked>,
    /// What was done to see whether errors are counted, where that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<Probe>,
}

impl Predicate {
    /// Binds numbers to a release; the verdict is that of the numbers.
    #[must_use]
    pub fn new(ruling: Ruling, judgement: Judgement, rules: Policy, evidence: Vec<Digest>) -> Self {
        Self {
            ruling: Ruling {
                verdict: judgement.verdict,
                ..ruling
            },
            judgement,
            rules,
            evidence,
            asked: Vec::new(),
            probe: None,
        }
    }

    /// The same, with what was done to see whether errors are counted.
    #[must_use]
    pub fn with_probe(mut self, probe: Option<&Probe>) -> Self {
        self.probe = probe.cloned();
        self
    }

    /// The same, with what was asked.
    #[must_use]
    pub fn with_asked(mut self, asked: &[Asked]) -> Self {
        self.asked = asked.to_vec();
        self
    }
}
