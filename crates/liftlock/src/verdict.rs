//! What a gate says. "We do not know" has words of its own.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::exit::Exit;

/// The outcome of a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Proved: the only verdict that is a permission.
    Pass,
    /// Refused or refuted.
    Fail,
    /// There is sight, but not yet enough evidence.
    Inconclusive,
    /// There is no sight: telemetry is missing, stale or partial.
    Blind,
    /// Somebody or something has yet to answer.
    Pending,
    /// A lock, a hold, a freeze or drift is in the way.
    Blocked,
    /// The deadline passed before an answer came.
    Expired,
    /// An effect could be neither finished nor undone.
    Stuck,
}

impl Verdict {
    /// The exit code that this verdict ends a process with in enforce mode.
    #[must_use]
    pub const fn exit(self) -> Exit {
        match self {
            Self::Pass => Exit::Done,
            Self::Fail => Exit::Fail,
            Self::Inconclusive => Exit::Inconclusive,
            Self::Blind => Exit::Blind,
            Self::Pending => Exit::Pending,
            Self::Blocked => Exit::Blocked,
            Self::Expired => Exit::Expired,
            Self::Stuck => Exit::Stuck,
        }
    }

    /// The verdict whose exit code this is: a failure that ends with it says
    /// the same. Nothing for 0, which only a proved verdict may have.
    #[must_use]
    pub const fn of(exit: Exit) -> Option<Self> {
        match exit {
            Exit::Fail => Some(Self::Fail),
            Exit::Inconclusive => Some(Self::Inconclusive),
            Exit::Blind => Some(Self::Blind),
            Exit::Pending => Some(Self::Pending),
            Exit::Blocked => Some(Self::Blocked),
            Exit::Expired => Some(Self::Expired),
            Exit::Stuck => Some(Self::Stuck),
            Exit::Done
            | Exit::NoVerdict
            | Exit::Usage
            | Exit::Invalid
            | Exit::Credentials
            | Exit::Bug
            | Exit::Interrupted
            | Exit::Terminated => None,
        }
    }

    /// The word used in flags, fields and outputs.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
            Self::Blind => "blind",
            Self::Pending => "pending",
            Self::Blocked => "blocked",
            Self::Expired => "expired",
            Self::Stuck => "stuck",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_pass_ends_with_zero() {
        let cases = [
            (Verdict::Pass, 0),
            (Verdict::Fail, 10),
            (Verdict::Inconclusive, 11),
            (Verdict::Blind, 12),
            (Verdict::Pending, 13),
            (Verdict::Blocked, 14),
            (Verdict::Expired, 15),
            (Verdict::Stuck, 16),
        ];
        for (verdict, code) in cases {
            assert_eq!(verdict.exit().code(), code, "{verdict}");
        }
    }
}
