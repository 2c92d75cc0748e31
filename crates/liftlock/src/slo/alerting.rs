//! What an objective's file says about alerts.

use std::collections::BTreeMap;

use serde::Serialize;

use super::indicator::Op;
use crate::span::Span;

/// Texts by name.
pub type Labels = BTreeMap<String, String>;

/// What is asked for when a budget burns.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Alerting {
    /// The alert's name, where the file gives one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Labels of every alert.
    #[serde(skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
    /// Annotations of every alert.
    #[serde(skip_serializing_if = "Labels::is_empty")]
    pub annotations: Labels,
    /// The alert that wakes somebody.
    pub page: Alert,
    /// The alert that can wait for the morning.
    pub ticket: Alert,
    /// Conditions that the file spells out itself.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub burns: Vec<Burn>,
}

/// One kind of alert.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Alert {
    /// None is wanted.
    Off,
    /// It is wanted, with these of its own.
    On {
        /// Labels beside those of every alert.
        labels: Labels,
        /// Annotations beside those of every alert.
        annotations: Labels,
    },
}

impl Default for Alert {
    fn default() -> Self {
        Self::On {
            labels: Labels::new(),
            annotations: Labels::new(),
        }
    }
}

/// A condition on the burn rate, as OpenSLO's `AlertCondition` states it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Burn {
    /// The condition's name; may be empty.
    pub name: String,
    /// How bad it is, in the file's own word; may be empty.
    pub severity: String,
    /// How the rate is compared with the threshold.
    pub op: Op,
    /// The burn rate: 1 spends the whole budget in exactly the window.
    pub threshold: f64,
    /// Over how much time the rate is taken.
    pub lookback: Span,
    /// How long it has to hold.
    pub after: Span,
}
