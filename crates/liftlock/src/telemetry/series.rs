//! Samples of counters that only rise, as they were scraped.

use std::collections::BTreeMap;

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
        let labels: Vec<String> = self
            .labels
            .iter()
            .filter(|(key, _)| *key != "__name__")
            .map(|(key, value)| format!("{key}=\"{value}\""))
            .collect();
        let name = self.labels.get("__name__").map_or("", String::as_str);
        format!("{name}{{{}}}", labels.join(","))
    }
}

/// A whole answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// The series; none is an answer, too.
    pub series: Vec<Series>,
    /// Why it may be incomplete.
    pub warnings: Vec<String>,
}
