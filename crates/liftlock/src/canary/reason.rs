//! Why a verdict is what it is, in one word for programs.

use serde::{Deserialize, Serialize};

use crate::verdict::Verdict;

/// What a verdict rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Proved: more bad requests than the baseline's, by more than the margin.
    Worse,
    /// Proved: more bad requests than the objective allows.
    ObjectiveMissed,
    /// Proved: not worse than the pass margin.
    NoWorse,
    /// Proved: fewer bad requests than the objective allows.
    ObjectiveMet,
    /// The planned sample came, with sight, and nothing failed.
    SampleReached,
    /// A run failed, or more of them than are allowed are proved to.
    RunsFailed,
    /// All the runs that are needed passed, or fewer than are allowed are
    /// proved to fail.
    RunsPassed,
    /// Too few runs are known to prove anything.
    RunsTooFew,
    /// A run neither passed nor failed.
    RunUnclear,
    /// Too little was seen to prove anything.
    TooLittle,
    /// Nothing was counted.
    NoRows,
    /// There is no series of the canary.
    CanaryMissing,
    /// There is no series of the baseline.
    BaselineMissing,
    /// The canary should have traffic and has none.
    CanarySilent,
    /// The baseline should have traffic and has none.
    BaselineSilent,
    /// The newest counts are too old.
    Stale,
    /// The canary does not get the share of traffic that it should.
    ShareOff,
    /// Requests that are known to be bad were not counted as bad.
    ProbeUnseen,
    /// The source itself says that its answer is incomplete.
    Partial,
    /// The source cannot be asked.
    Unreachable,
    /// The source's answer makes no sense.
    Unreadable,
}

impl Reason {
    /// The verdict that this is a reason for.
    #[must_use]
    pub const fn verdict(self) -> Verdict {
        match self {
            Self::Worse | Self::ObjectiveMissed | Self::RunsFailed => Verdict::Fail,
            Self::NoWorse | Self::ObjectiveMet | Self::SampleReached | Self::RunsPassed => {
                Verdict::Pass
            }
            Self::TooLittle | Self::RunsTooFew | Self::RunUnclear => Verdict::Inconclusive,
            Self::NoRows
            | Self::CanaryMissing
            | Self::BaselineMissing
            | Self::CanarySilent
            | Self::BaselineSilent
            | Self::Stale
            | Self::ShareOff
            | Self::ProbeUnseen
            | Self::Partial
            | Self::Unreachable
            | Self::Unreadable => Verdict::Blind,
        }
    }

    /// Whether waiting a moment after a start or a shift may cure it.
    #[must_use]
    pub const fn may_come(self) -> bool {
        match self {
            Self::NoRows
            | Self::CanaryMissing
            | Self::BaselineMissing
            | Self::CanarySilent
            | Self::BaselineSilent
            | Self::Stale => true,
            Self::Worse
            | Self::ObjectiveMissed
            | Self::NoWorse
            | Self::ObjectiveMet
            | Self::SampleReached
            | Self::RunsFailed
            | Self::RunsPassed
            | Self::RunsTooFew
            | Self::RunUnclear
            | Self::TooLittle
            | Self::ProbeUnseen
            | Self::ShareOff
            | Self::Partial
            | Self::Unreachable
            | Self::Unreadable => false,
        }
    }
}
