//! One objective, whatever format it was written in.

use serde::Serialize;

use super::Format;
use super::alerting::{Alerting, Labels};
use super::indicator::Indicator;
use super::target::{Share, Target};
use super::window::Window;
use crate::span::Span;

/// A service-level objective.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Slo {
    /// The format it was read from.
    pub format: Format,
    /// Its name, unique in its file.
    pub name: String,
    /// The service that it is about; empty where the format has none.
    pub service: String,
    /// What it is for; may be empty.
    pub description: String,
    /// Labels for people and for series that are made from it.
    pub labels: Labels,
    /// What is measured.
    pub indicator: Indicator,
    /// Labels by which the objective holds for each value by itself.
    pub grouping: Vec<String>,
    /// The promised share of good events.
    pub target: Target,
    /// The time over which it is kept.
    pub window: Window,
    /// What counts as one event.
    pub budgeting: Budgeting,
    /// What is asked for when the budget burns.
    pub alerting: Alerting,
}

/// What the budget is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Budgeting {
    /// Every event.
    Occurrences,
    /// Slices of time, each good when this share of its events is.
    Timeslices {
        /// The share of good events of a good slice; 1 is allowed here.
        target: Share,
        /// The length of a slice.
        window: Span,
    },
    /// Slices of time; the mean of their ratios is compared with the target.
    RatioTimeslices {
        /// The length of a slice.
        window: Span,
    },
}
