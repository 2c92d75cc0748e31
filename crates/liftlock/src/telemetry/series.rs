//! Samples of counters that only rise, as they were scraped.

use std::collections::BTreeMap;

use super::native;
use crate::time::Time;

/// One value of a series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// When it was scraped.
    pub time: Time,
    /// May be `NaN` or infinite, as Prometheus has both.
    pub value: f64,
}

/// The samples under one set of labels, oldest first.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The labels, `__name__` among them.
    pub labels: BTreeMap<String, String>,
    /// The values.
    pub samples: Vec<Sample>,
}

impl Series {
    /// The series as PromQL writes it.
    #[must_use]
    pub fn name(&self) -> String {
        name(&self.labels)
    }
}

pub(super) fn name(labels: &BTreeMap<String, String>) -> String {
    let rest = labels.iter().filter(|(key, _)| *key != "__name__");
    let rest: Vec<String> = rest
        .map(|(key, value)| format!("{key}=\"{value}\""))
        .collect();
    let name = labels.get("__name__").map_or("", String::as_str);
    format!("{name}{{{}}}", rest.join(","))
}

/// A whole answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// The series; none is an answer, too.
    pub series: Vec<Series>,
    /// Those that hold native histograms instead of values.
    pub natives: Vec<native::Series>,
    /// Why it may be incomplete.
    pub warnings: Vec<String>,
}
