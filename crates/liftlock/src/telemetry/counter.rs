//! Counts from raw samples, without the extrapolation of `increase`.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use super::series::{Answer, Series};
use crate::time::Time;

/// The largest integer up to which every integer is a double.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The least exposure of a row that may be rounded.
const LEAST: f64 = 10.0;

/// How far a sum of doubles may be off a whole number that it means.
const NEAR: f64 = 1e-6;

/// The label that tells the buckets of one histogram apart.
const BOUND: &str = "le";

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

/// When histograms restarted. A histogram restarts as a whole: it did when any
/// of its buckets fell, as Prometheus has it for native ones
/// (`FloatHistogram.DetectReset`). A bucket that has as many requests after
/// the restart as before would hide that alone.
#[derive(Debug, Default)]
pub(super) struct Restarts(BTreeMap<Labels, BTreeSet<Time>>);

type Labels = Vec<(String, String)>;

impl Restarts {
    /// Learns from buckets, in whatever order.
    pub(super) fn of(answers: &[Answer]) -> Self {
        let mut found: BTreeMap<Labels, BTreeSet<Time>> = BTreeMap::new();
        for one in answers.iter().flat_map(|answer| &answer.series) {
            let falls = one.samples.windows(2).filter_map(|pair| match pair {
                [before, after] if after.value < before.value => Some(after.time),
                _ => None,
            });
            let falls: Vec<Time> = falls.collect();
            if !falls.is_empty() {
                found.entry(histogram(one)).or_default().extend(falls);
            }
        }
        Self(found)
    }

    fn of_series(&self, series: &Series) -> Option<&BTreeSet<Time>> {
        match self.0.is_empty() {
            true => None,
            false => self.0.get(&histogram(series)),
        }
    }
}

/// The labels that all buckets of a histogram have.
fn histogram(series: &Series) -> Labels {
    let labels = series.labels.iter().filter(|(label, _)| *label != BOUND);
    labels
        .map(|(label, value)| (label.clone(), value.clone()))
        .collect()
}

/// What a counter holds.
pub(super) trait Amount: Copy + Default + PartialOrd {
    /// A value of a counter.
    fn read(value: f64, name: impl FnOnce() -> String) -> Result<Self, NotCount>;

    fn plus(self, more: Self) -> Self;

    fn minus(self, less: Self) -> Self;

    /// What a row is told to hold of it; nothing where that would not be true.
    fn told(self) -> Option<u64>;
}

/// Counts: whole, not negative, and exact as a double.
impl Amount for u64 {
    fn read(value: f64, name: impl FnOnce() -> String) -> Result<Self, NotCount> {
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

    fn plus(self, more: Self) -> Self {
        self.saturating_add(more)
    }

    fn minus(self, less: Self) -> Self {
        self.saturating_sub(less)
    }

    fn told(self) -> Option<u64> {
        Some(self)
    }
}

/// Exposures: not negative. A row tells whole units: of ten or more of them
/// rounding takes or adds at most a twentieth, of fewer it could be anything.
impl Amount for f64 {
    fn read(value: f64, name: impl FnOnce() -> String) -> Result<Self, NotCount> {
        if !value.is_finite() {
            Err(NotCount::NotFinite(name()))
        } else if value < 0.0 {
            Err(NotCount::Negative(name()))
        } else {
            Ok(value)
        }
    }

    fn plus(self, more: Self) -> Self {
        self + more
    }

    fn minus(self, less: Self) -> Self {
        self - less
    }

    fn told(self) -> Option<u64> {
        let whole = libm::round(self);
        let near = libm::fabs(self - whole) <= NEAR;
        let told = (near || self >= LEAST) && whole <= EXACT;
        format!("{whole:.0}").parse().ok().filter(|_| told)
    }
}

/// How much a counter rose, and when that was seen. A fall is a restart: the
/// new value is what was counted since.
pub(super) fn rises<T: Amount>(
    series: &Series,
    (targets, restarts): (&Targets, &Restarts),
) -> Result<Vec<(Time, T)>, NotCount> {
    let restarts = restarts.of_series(series);
    let restarted = |after: Time, until: Time| {
        let between = (Bound::Excluded(after), Bound::Included(until));
        restarts.is_some_and(|known| after < until && known.range(between).next().is_some())
    };
    let mut before: Option<(Time, T)> = None;
    let mut rises = Vec::with_capacity(series.samples.len());
    for sample in &series.samples {
        let value = T::read(sample.value, || series.name())?;
        let rise = match before {
            Some((_, before)) if value < before => value,
            Some((seen, _)) if restarted(seen, sample.time) => value,
            Some((_, before)) => value.minus(before),
            None if targets.lived_before(series, sample.time) => value,
            None => T::default(),
        };
        rises.push((sample.time, rise));
        before = Some((sample.time, value));
    }
    Ok(rises)
}

/// A sample is no amount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NotCount {
    NotFinite(String),
    NotWhole(String),
    Negative(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exposure_is_told_in_whole_units_or_not_at_all() {
        for (exposure, told) in [
            (0.0, Some(0)),
            (0.3, None),
            (3.0, Some(3)),
            (3.000_000_000_1, Some(3)),
            (9.9, None),
            (10.0, Some(10)),
            (10.4, Some(10)),
            (14.99, Some(15)),
            (f64::MAX, None),
        ] {
            assert_eq!(exposure.told(), told, "{exposure}");
        }
        assert!(<f64 as Amount>::read(f64::NAN, String::new).is_err());
        assert!(<f64 as Amount>::read(-0.5, String::new).is_err());
        assert_eq!(<f64 as Amount>::read(0.25, String::new), Ok(0.25));
        assert!(<u64 as Amount>::read(0.25, String::new).is_err());
    }
}
