//! What is to be proved about a canary, and how sure one wants to be.

use serde::{Deserialize, Serialize};

use super::limit::{Margin, Risk, Spread};
use super::panel::MOST_STRANDS;
use crate::config::effective::Environment;
use crate::failure::{Explain, Kind};
use crate::name::Name;
use crate::percent::Percent;
use crate::span::Span;

/// The rules of the computation; another name whenever a verdict could differ.
pub const ALGORITHM: &str = "stratified-hypergeometric/4";

/// How a canary is judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// The chance that a healthy canary ever fails.
    pub alpha: Risk,
    /// The chance that a bad canary ever passes by proof.
    pub beta: Risk,
    /// An odds ratio up to this is no reason to fail.
    pub margin: Margin,
    /// How much healthy versions differ beside that: the standard deviation of
    /// the logarithm of their odds ratio.
    pub spread: Spread,
    /// How long the risk of failing a healthy canary is planned for. Faults
    /// are found afterwards, too, but later.
    pub horizon: Span,
    /// An early pass proves that the odds ratio is below this.
    pub pass_margin: Margin,
    /// What has to be seen before the canary may go on.
    pub sample: Sample,
    /// Whether reaching the sample is enough to pass.
    pub pass_by: PassBy,
    /// What the canary is measured against.
    pub against: Against,
    /// What is counted.
    #[serde(default, skip_serializing_if = "Unit::is_share")]
    pub unit: Unit,
    /// How long from the canary's first request on nothing is judged: caches
    /// are cold, and connections new.
    #[serde(default, skip_serializing_if = "Span::is_zero")]
    pub warm_up: Span,
    /// Telemetry that is older than this is no sight.
    pub max_staleness: Span,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            alpha: Risk::ONE_PERCENT,
            beta: Risk::FIVE_PERCENT,
            margin: Margin::NONE,
            spread: Spread::TENTH,
            horizon: Span::seconds(3600),
            pass_margin: Margin::HALF_MORE,
            sample: Sample::default(),
            pass_by: PassBy::Proof,
            against: Against::Baseline,
            unit: Unit::Share,
            warm_up: Span::ZERO,
            max_staleness: Span::seconds(300),
        }
    }
}

impl Policy {
    /// The rules that an environment sets for each of its steps: its sample is
    /// enough to go on, a proof is not needed.
    ///
    /// # Errors
    ///
    /// Fails when alpha or margin would let everything through.
    pub fn of(
        environment: &Environment,
        against: Against,
        interval: Span,
    ) -> Result<Self, Invalid> {
        Ok(Self {
            alpha: Risk::try_from(environment.alpha)?,
            margin: Margin::try_from(environment.margin)?,
            spread: Spread::try_from(environment.spread)?,
            horizon: environment.horizon(),
            sample: Sample {
                requests: environment.min_requests,
                time: environment.bake,
            },
            pass_by: PassBy::Sample,
            against,
            max_staleness: Self::staleness(interval),
            ..Self::default()
        })
    }

    /// How old live counts may be: four rows, and at least a minute, as
    /// scrapes are missed now and then.
    #[must_use]
    pub fn staleness(interval: Span) -> Span {
        Span::from_millis(interval.millis().saturating_mul(4)).max(Span::seconds(60))
    }
}

/// What the canary is measured against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Against {
    /// The version that serves beside it.
    Baseline,
    /// The share of good requests that is promised, where there is no
    /// baseline. The margins do not apply: the promise is the limit.
    Slo(Objective),
}

impl Against {
    /// Measures against a promised share of good requests.
    ///
    /// # Errors
    ///
    /// Fails for 0 % and 100 %, which no number of requests can meet or break.
    pub fn slo(promised: Percent) -> Result<Self, Invalid> {
        Objective::try_from(promised).map(Self::Slo)
    }
}

/// What the two counts of an arm are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Requests, and those among them that were bad: odds are compared.
    #[default]
    Share,
    /// Exposure (requests, seconds, bytes) and events during it, which may be
    /// more: rates are compared. Only against a baseline.
    Rate,
    /// Values such as bytes of memory, in [`PARTS`](super::PARTS) of the most
    /// that they may be: means are compared. Only against a baseline.
    Mean,
}

impl Unit {
    /// Whether bad ones are a part of all.
    #[must_use]
    pub const fn is_share(&self) -> bool {
        matches!(self, Self::Share)
    }
}

/// A promised share of good requests that leaves a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "Percent", into = "Percent")]
pub struct Objective(Percent);

impl Objective {
    /// The share of requests that may be bad.
    #[must_use]
    pub fn allowed(self) -> f64 {
        self.0.rest().fraction()
    }
}

impl TryFrom<Percent> for Objective {
    type Error = Invalid;

    fn try_from(promised: Percent) -> Result<Self, Invalid> {
        if promised > Percent::ZERO && promised < Percent::FULL {
            Ok(Self(promised))
        } else {
            Err(Invalid::Objective(promised))
        }
    }
}

impl From<Objective> for Percent {
    fn from(objective: Objective) -> Self {
        objective.0
    }
}

/// What has to be seen of the canary, both of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// Requests that the canary answered.
    pub requests: u64,
    /// Time with sight.
    pub time: Span,
}

/// What a pass rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum PassBy {
    /// Only the proof that the canary is no worse.
    Proof,
    /// The proof, or the planned sample without a failure: the plan's horizon.
    Sample,
}

/// Rules by which nothing can be judged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// Not a chance, or a useless one.
    #[error("`{0}` is not a risk: expected more than 0 and at most 0.5, such as 0.01 or 1%")]
    Risk(String),
    /// Not an odds ratio, or one that lets everything through.
    #[error("`{0}` is not a margin: expected an odds ratio from 1 to 10, such as 1.25")]
    Margin(String),
    /// Not a spread, or one that lets nearly everything through.
    #[error("`{0}` is not a spread: expected a percentage from 0% to 50%, such as 10%")]
    Spread(String),
    /// No budget, or nothing but budget.
    #[error("`{0}` is no objective: it must leave a budget, and promise something")]
    Objective(Percent),
    /// A promised share of good requests says nothing about events.
    #[error("metric `{0}`: a rate of events cannot be held against a share of good requests")]
    Rate(Name),
    /// Values need a bound, and nothing else does.
    #[error("metric `{0}`: means are of values up to `most`, beside a baseline, without edges")]
    Mean(Name),
    /// Not a bound of values.
    #[error("`{0}` is no bound of values: expected a number above 0")]
    Most(String),
    /// Each edge would be held against one share.
    #[error(
        "metric `{0}`: the edges of a histogram are compared with a baseline, not with one share of good requests; take the bucket of the promised bound as `good`"
    )]
    Edges(Name),
    /// Two would be told by one name.
    #[error("there are two metrics `{0}`")]
    Twice(Name),
    /// Nothing could fail or pass.
    #[error("no metric is decisive")]
    NoMetric,
    /// More than can be kept apart.
    #[error("{0} metrics are more than the {MOST_STRANDS} that are judged together")]
    TooMany(usize),
}

impl Explain for Invalid {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }
}
