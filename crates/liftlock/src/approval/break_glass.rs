//! Going past gates: who let a release do so, why, and past which. Asked,
//! answered and counted as an approval, and never taken for one.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::policy::Policy;
use super::predicate::Approval;
use super::request::Identified;
use crate::ci;
use crate::config::approval::Approval as Rules;
use crate::config::break_glass::{BreakGlass as Allowed, Gate};
use crate::config::trust::Keyring;
use crate::digest::Digest;
use crate::name::Name;
use crate::predicate::BREAK_GLASS;
use crate::release;
use crate::statement::{self, Statement};
use crate::time::Time;

/// The longest reason, in bytes.
pub const LONGEST_REASON: usize = 512;

/// What a request for it asks beside what every request does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// Why it cannot wait.
    pub reason: String,
    /// Which gates the release is to go past.
    pub past: BTreeSet<Gate>,
}

impl Wanted {
    /// Whether there is a reason that shows as what it is, and a gate.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        let reason = self.reason.trim();
        let short = !reason.is_empty() && reason.len() <= LONGEST_REASON;
        short && ci::line(&self.reason) == self.reason && !self.past.is_empty()
    }

    /// Past which of these gates the rules let nobody go, if there is one.
    #[must_use]
    pub fn forbidden(&self, allowed: &Allowed) -> Option<&Gate> {
        self.past.iter().find(|gate| !allowed.admits(gate))
    }
}

impl Policy {
    /// The rules of an environment for going past gates, before anybody is
    /// excluded.
    #[must_use]
    pub fn breaking(
        digest: Digest,
        allowed: &Allowed,
        approval: Option<&Rules>,
        keyring: Keyring,
    ) -> Option<Self> {
        Some(Self {
            break_glass: Some(allowed.clone()),
            ..Self::new(digest, &allowed.rule(approval)?, keyring)
        })
    }
}

/// What the judge signs about the release and its artifacts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BreakGlass {
    /// Who was asked, who answered and how it was judged, as in an approval.
    #[serde(flatten)]
    pub judged: Approval,
    /// Why it could not wait.
    pub reason: String,
    /// Which gates the release may go past, once.
    pub past: BTreeSet<Gate>,
}

impl BreakGlass {
    /// Writes down what a judged request lets a release do; nothing where the
    /// request asks for an approval.
    #[must_use]
    pub fn new(judged: Approval, asked: &Identified) -> Option<Self> {
        let wanted = asked.request.break_glass.clone()?;
        Some(Self {
            judged,
            reason: wanted.reason,
            past: wanted.past,
        })
    }

    /// The statement about the release and each of its artifacts.
    ///
    /// # Errors
    ///
    /// Fails on a release with more artifacts than a statement has subjects.
    pub fn statement(&self, release: &release::Identified) -> Result<Statement, statement::Error> {
        self.judged.about(release, BREAK_GLASS, self)
    }
}

/// A release goes past gates: by which request, and past which.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Broken {
    /// The digest of the request, which is used up by it.
    pub request: Digest,
    /// The bundle of the judge's statement.
    pub statement: Digest,
    /// Why it could not wait.
    pub reason: String,
    /// The gates.
    pub past: BTreeSet<Gate>,
    /// Who said yes.
    pub people: Vec<Name>,
    /// Until when it could begin.
    pub expires_at: Time,
}

impl fmt::Display for Broken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let past: Vec<String> = self.past.iter().map(Gate::to_string).collect();
        let people: Vec<&str> = self.people.iter().map(Name::as_str).collect();
        write!(
            formatter,
            "BREAK-GLASS past {} by {}: {}",
            past.join(", "),
            people.join(", "),
            ci::line(&self.reason)
        )
    }
}
