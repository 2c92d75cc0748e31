//! What a canary is judged by, where one count is not enough.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::limit::{Margin, Most, Spread};
use super::place::Split;
use super::policy::{Against, Invalid, Policy, Unit};
use crate::failure::{Explain, Kind};
use crate::name::Name;

/// One thing to judge a canary by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Metric {
    /// Its name, once in a panel.
    pub name: Name,
    /// What it may decide.
    #[serde(default)]
    pub role: Role,
    /// How much of the risk, and of the common evidence, it gets beside the
    /// others.
    #[serde(default)]
    pub weight: Weight,
    /// What is counted.
    #[serde(default)]
    pub unit: Unit,
    /// The bounds of a histogram, in whose unit; the requests above each one
    /// count as bad. None where requests are just good or bad.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub edges: Vec<Edge>,
    /// Labels by whose values it is counted once more, to tell where a fault
    /// is. That decides nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by: Vec<Split>,
    /// The most that a value may be, where means are compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<Most>,
    /// In place of the panel's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub against: Option<Against>,
    /// In place of the panel's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub margin: Option<Margin>,
    /// In place of the panel's. Of a histogram it is the spread of the values,
    /// not of the odds at an edge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spread: Option<Spread>,
}

impl Metric {
    /// A decisive metric by the rules of its panel.
    #[must_use]
    pub fn new(name: Name) -> Self {
        Self {
            name,
            role: Role::default(),
            weight: Weight::default(),
            unit: Unit::default(),
            edges: Vec::new(),
            by: Vec::new(),
            most: None,
            against: None,
            margin: None,
            spread: None,
        }
    }

    /// How many counts decide something by it, or are shown: one, or that of
    /// its edges.
    #[must_use]
    pub fn counts(&self) -> usize {
        self.edges.len().max(1)
    }

    /// How many counts tell where a fault is.
    #[must_use]
    pub fn places(&self) -> usize {
        let places = self.by.iter().map(Split::counts);
        places.fold(0, usize::saturating_add)
    }

    /// The rules that it is judged by within a panel.
    pub(super) fn policy(&self, panel: &Policy) -> Result<Policy, Invalid> {
        let policy = Policy {
            unit: self.unit,
            against: self.against.unwrap_or(panel.against),
            margin: self.margin.unwrap_or(panel.margin),
            spread: self.spread.unwrap_or(panel.spread),
            ..panel.clone()
        };
        let is_mean = policy.unit == Unit::Mean;
        let has_edges = !self.edges.is_empty();
        if is_mean != self.most.is_some() || (is_mean && has_edges) {
            return Err(Invalid::Mean(self.name.clone()));
        }
        match (policy.unit, policy.against) {
            (Unit::Mean, Against::Slo(_)) => Err(Invalid::Mean(self.name.clone())),
            (Unit::Rate, Against::Slo(_)) => Err(Invalid::Rate(self.name.clone())),
            (Unit::Share, Against::Slo(_)) if has_edges => Err(Invalid::Edges(self.name.clone())),
            (Unit::Share, _) | (Unit::Rate | Unit::Mean, Against::Baseline) => Ok(policy),
        }
    }
}

/// What a metric may decide.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Fails the canary alone, and has to be healthy for a pass.
    #[default]
    Decisive,
    /// Only adds to the common evidence that the canary is worse.
    Supporting,
    /// Is told and decides nothing.
    Shown,
}

impl Role {
    /// As it is written.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Decisive => "decisive",
            Self::Supporting => "supporting",
            Self::Shown => "shown",
        }
    }
}

/// How much a metric counts beside others: 1 to 1000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "u16", into = "u16")]
pub struct Weight(u16);

impl Weight {
    pub(super) fn real(self) -> f64 {
        f64::from(self.0)
    }
}

impl Default for Weight {
    fn default() -> Self {
        Self(1)
    }
}

impl TryFrom<u16> for Weight {
    type Error = NotWeight;

    fn try_from(weight: u16) -> Result<Self, NotWeight> {
        if (1..=1000).contains(&weight) {
            Ok(Self(weight))
        } else {
            Err(NotWeight(weight))
        }
    }
}

impl From<Weight> for u16 {
    fn from(weight: Weight) -> Self {
        weight.0
    }
}

/// A metric would count for nothing, or for everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no weight: expected 1 to 1000")]
pub struct NotWeight(u16);

impl Explain for NotWeight {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }
}

/// The upper bound of a histogram's bucket, as the histogram writes it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(with = "String"))]
#[serde(try_from = "String", into = "String")]
pub struct Edge {
    text: String,
    bound: f64,
}

impl Edge {
    /// The most letters of a bound.
    const LONGEST: usize = 32;

    /// The bound, which is finite.
    #[must_use]
    pub const fn bound(&self) -> f64 {
        self.bound
    }
}

impl FromStr for Edge {
    type Err = NotEdge;

    fn from_str(text: &str) -> Result<Self, NotEdge> {
        let number = |letter: u8| letter.is_ascii_digit() || b"+-.eE".contains(&letter);
        let bound = text.parse::<f64>().ok().filter(|bound| bound.is_finite());
        let plain = text.len() <= Self::LONGEST && text.bytes().all(number);
        match bound {
            Some(bound) if plain => Ok(Self {
                text: text.to_owned(),
                bound,
            }),
            Some(_) | None => Err(NotEdge(text.chars().take(Self::LONGEST).collect())),
        }
    }
}

impl TryFrom<String> for Edge {
    type Error = NotEdge;

    fn try_from(text: String) -> Result<Self, NotEdge> {
        text.parse()
    }
}

impl From<Edge> for String {
    fn from(edge: Edge) -> Self {
        edge.text
    }
}

impl fmt::Display for Edge {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// By bound: `0.5` and `5e-1` are the same edge.
impl Ord for Edge {
    fn cmp(&self, other: &Self) -> Ordering {
        // `-0` and `0` are one bound, too.
        (self.bound + 0.0).total_cmp(&(other.bound + 0.0))
    }
}

impl PartialOrd for Edge {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Edge {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Edge {}

/// No number that could bound a bucket.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no bound of a bucket: expected a finite number")]
pub struct NotEdge(String);

impl Explain for NotEdge {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_are_ordered_by_what_they_bound() {
        let edge = |text: &str| text.parse::<Edge>().unwrap();
        assert_eq!(edge("0.5"), edge("5e-1"));
        assert_eq!(edge("-0"), edge("0"));
        assert!(edge("9") < edge("10"));
        assert!(edge("-1") < edge("0.1"));
        for text in ["", "+Inf", "inf", "NaN", "1 ", "0x1", "1e999", "a", "1_0"] {
            assert!(text.parse::<Edge>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_weight_of_nothing_is_refused() {
        for weight in [0, 1001] {
            assert!(Weight::try_from(weight).is_err());
        }
        assert!(serde_json::from_str::<Metric>(r#"{"name":"errors","weight":0}"#).is_err());
        assert!(serde_json::from_str::<Metric>(r#"{"name":"errors","role":"x"}"#).is_err());
        let plain = serde_json::from_str::<Metric>(r#"{"name":"errors"}"#).unwrap();
        assert_eq!(plain, Metric::new("errors".parse().unwrap()));
    }
}
