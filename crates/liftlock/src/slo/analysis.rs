//! One metric of a canary analysis, with the rules of its tool.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Format;
use super::expression::Expression;
use super::indicator::Query;
use crate::span::Span;

/// A metric by which another tool judges a canary.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Analysis {
    /// The format it was read from.
    pub format: Format,
    /// The metric's name.
    pub name: String,
    /// The template, canary or configuration that it belongs to.
    pub owner: String,
    /// The query; none where the tool has one of its own by this name.
    pub query: Option<Query>,
    /// How the tool decides.
    pub rule: Rule,
}

/// How a tool decides about one metric.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "tool", rename_all = "kebab-case")]
pub enum Rule {
    /// By conditions on each measurement.
    Argo(ArgoRule),
    /// By a range, check after check.
    Flagger(FlaggerRule),
    /// By comparison with a baseline.
    Kayenta(KayentaRule),
}

/// How Argo Rollouts decides.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ArgoRule {
    /// When a measurement is a success.
    pub success: Option<Condition>,
    /// When it is a failure.
    pub failure: Option<Condition>,
    /// The time between measurements.
    pub interval: Option<Span>,
    /// The time before the first one.
    pub initial_delay: Option<Span>,
    /// How many measurements; without an end where it is absent and there is
    /// an interval.
    pub count: Option<u32>,
    /// How many failures are still no failure.
    pub failures: Limit,
    /// How many measurements may be neither.
    pub inconclusive: Limit,
    /// How many errors one after another are still none.
    pub errors: Limit,
    /// Whether it is only reported.
    pub dry_run: bool,
}

/// A condition as it is written and as it is understood.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Condition {
    /// The text.
    pub text: String,
    /// What it says.
    #[serde(skip)]
    pub expression: Expression,
}

/// A number of times that something may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// So many times.
    Times(u32),
    /// Any number of times: `-1`.
    Unlimited,
}

/// How Flagger decides.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FlaggerRule {
    /// The least good value.
    pub min: Option<f64>,
    /// The greatest good value.
    pub max: Option<f64>,
    /// The time that a query looks back over.
    pub window: Span,
    /// The time between checks.
    pub interval: Span,
    /// How many checks fail before the canary is taken back.
    pub threshold: u32,
}

/// How Kayenta decides.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KayentaRule {
    /// The judge's name; empty where none is given.
    pub judge: String,
    /// The metric's groups.
    pub groups: Vec<String>,
    /// The weights of all groups that have one.
    pub weights: BTreeMap<String, f64>,
    /// Which change is a fault.
    pub direction: Direction,
    /// Whether a fault of this metric fails the canary at once.
    pub critical: bool,
    /// Whether it is only reported.
    pub muted: bool,
    /// What becomes of values that are no numbers.
    pub nan: Nan,
    /// Whether a side without data is a fault.
    pub must_have_data: bool,
    /// The bounds of the change, by the names of Kayenta's `effectSize`.
    pub effect: BTreeMap<String, f64>,
    /// The scores from which the canary is marginal, and from which it passes.
    pub scores: Option<(f64, f64)>,
    /// How many points a look has, where the file says when and how often.
    pub points: Option<u64>,
}

/// Which change of a metric is a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// More.
    Increase,
    /// Less.
    Decrease,
    /// Either.
    Either,
}

/// What becomes of values that are no numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Nan {
    /// They are left out.
    Remove,
    /// They count as 0.
    Replace,
}
