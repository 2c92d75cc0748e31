//! Counts from raw samples, without the extrapolation of `increase`.

use std::collections::BTreeMap;

use super::series::{Sample, Series};
use crate::time::Time;

/// The largest integer up to which every integer is a double.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// What is scraped at once: a label set that is born while its target lives
/// counts from 0; one that comes with its target counts from its first sample,
/// as nobody knows what it held before.
#[derive(Debug, Default)]
pub(super) struct Targets(BTreeMap<(String, String), Time>);

impl Targets {
    /// Learns when each target was first seen.
    pub(super) fn learn(&mut self, series: &[Series]) {
        for one in series {
            if let Some(first) = one.samples.first() {
                let seen = self.0.entry(target(one)).or_insert(first.time);
                *seen = first.time.min(*seen);
            }
        }
    }

    fn lived_before(&self, series: &Series, moment: Time) -> bool {
        let seen = self.0.get(&target(series));
        seen.is_some_and(|seen| *seen < moment)
    }
}

fn target(series: &Series) -> (String, String) {
    let label = |name: &str| series.labels.get(name).cloned().unwrap_or_default();
    (label("job"), label("instance"))
}

/// How much a counter rose, and when that was seen. A drop is a restart: the
/// new value is what was counted since.
pub(super) fn rises(series: &Series, targets: &Targets) -> Result<Vec<(Time, u64)>, NotCount> {
    let mut before = None;
    let mut rises = Vec::with_capacity(series.samples.len());
    for sample in &series.samples {
        let value = count(series, sample)?;
        let rise = match before {
            Some(before) if value >= before => value - before,
            Some(_) => value,
            None if targets.lived_before(series, sample.time) => value,
            None => 0,
        };
        rises.push((sample.time, rise));
        before = Some(value);
    }
    Ok(rises)
}

fn count(series: &Series, sample: &Sample) -> Result<u64, NotCount> {
    whole(sample.value, || series.name())
}

/// A value as a count: whole, not negative, and exact as a double.
pub(super) fn whole(value: f64, name: impl FnOnce() -> String) -> Result<u64, NotCount> {
    if !value.is_finite() {
        return Err(NotCount::NotFinite(name()));
    }
    let whole = (0.0..=EXACT).contains(&value) && value - libm::floor(value) <= 0.0;
    let digits = format!("{value:.0}").parse();
    match digits {
        Ok(count) if whole => Ok(count),
        Ok(_) | Err(_) => Err(NotCount::NotWhole(name())),
    }
}

/// A sample is no count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NotCount {
    NotFinite(String),
    NotWhole(String),
}
