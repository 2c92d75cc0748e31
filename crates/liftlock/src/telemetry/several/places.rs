//! The same counts once more for each value of a label, from the same answers.

use std::collections::BTreeMap;

use super::{Counts, Missing, Wanted};
use crate::canary::Unit;
use crate::canary::counts::Row;
use crate::canary::metric::Metric;
use crate::canary::place::{LONGEST, MOST_VALUES, Place, Split};
use crate::telemetry::error::Error;
use crate::telemetry::gather::gather_as;
use crate::telemetry::invalid::Invalid;
use crate::telemetry::question::Slots;
use crate::telemetry::series::{Answer, Series};
use crate::telemetry::shape::{Arms, Counter};
use crate::telemetry::window::Window;

impl Wanted {
    /// The values that its labels have in an answer.
    pub(super) fn splits(&self, slots: Slots<'_>, answers: &[Answer]) -> Result<Vec<Split>, Error> {
        if self.by.is_empty() {
            return Ok(Vec::new());
        }
        let slots = slots.all();
        let slots = slots.iter().map(|slot| self.arms(answers, slot));
        let slots: Vec<Arms> = slots.collect::<Result<_, _>>()?;
        let slots: Vec<&Arms> = slots.iter().collect();
        Ok(values(&slots, &self.by))
    }

    /// The rows of each value of the metric's labels.
    pub(super) fn places(
        &self,
        metric: &Metric,
        (window, slots): (Window, Slots<'_>),
        answers: &[Answer],
    ) -> Result<Vec<Vec<Row>>, Missing> {
        if metric.by.is_empty() {
            return Ok(Vec::new());
        }
        let baseline = slots.baseline.map(|slot| self.arms(answers, slot));
        let (baseline, canary) = (baseline.transpose()?, self.arms(answers, slots.canary)?);
        let mut places = located(
            (metric.unit, window),
            (baseline.as_ref(), &canary),
            &metric.by,
        )?;
        for row in places.iter_mut().flatten() {
            row.baseline = self.counts.bad(row.baseline);
            row.canary = self.counts.bad(row.canary);
        }
        Ok(places)
    }

    /// What was counted of one slot, where that is no histogram.
    pub(super) fn arms(&self, answers: &[Answer], slot: &str) -> Result<Arms, Error> {
        match &self.counts {
            Counts::Bad(question) | Counts::Good(question) | Counts::Rate(question) => {
                question.arms(answers, slot)
            }
            Counts::Histogram { .. } | Counts::Mean { .. } => Ok(Arms::default()),
        }
    }
}

/// The values of some labels that have the most requests in both slots. A
/// value that comes later is counted with all others: how many e-values are
/// compared has to be known before the first of them.
#[must_use]
pub fn values(slots: &[&Arms], labels: &[String]) -> Vec<Split> {
    let split = |label: &String| {
        let mut requests: BTreeMap<&str, f64> = BTreeMap::new();
        for one in slots.iter().flat_map(|arms| arms.total.series()) {
            let value = one.labels.get(label).map_or("", String::as_str);
            if value.len() <= LONGEST {
                *requests.entry(value).or_default() += rise(one);
            }
        }
        let mut values: Vec<(&str, f64)> = requests.into_iter().collect();
        // By name where the requests are the same, so that the order is one.
        values.sort_by(|one, other| other.1.total_cmp(&one.1));
        let values = values.into_iter().take(MOST_VALUES);
        Split {
            label: label.clone(),
            values: values.map(|(value, _)| value.to_owned()).collect(),
        }
    };
    labels.iter().map(split).collect()
}

/// About how many requests a series counted.
fn rise(series: &Series) -> f64 {
    let ends = series.samples.first().zip(series.samples.last());
    let rise = ends.map_or(0.0, |(first, last)| last.value - first.value);
    if rise.is_finite() { rise.max(0.0) } else { 0.0 }
}

/// The rows of each value, and of all others, label by label. A value that a
/// slot does not have has counted nothing there, which hides nothing.
///
/// # Errors
///
/// Fails as [`gather_as`] does.
pub fn located(
    (unit, window): (Unit, Window),
    (baseline, canary): (Option<&Arms>, &Arms),
    by: &[Split],
) -> Result<Vec<Vec<Row>>, Invalid> {
    let mut all = Vec::new();
    for split in by {
        for place in split.places() {
            let of = |arms: &Arms| Arms {
                total: at(&arms.total, &place, split),
                bad: at(&arms.bad, &place, split),
            };
            // A place decides nothing: where it cannot be counted, nothing is told.
            let found = gather_as(unit, window, baseline.map(of).as_ref(), &of(canary));
            all.push(found.map(|found| found.rows).unwrap_or_default());
        }
    }
    Ok(all)
}

/// A counter in one place.
fn at(counter: &Counter, place: &Place, split: &Split) -> Counter {
    let fits = |one: &&Series| {
        let value = one.labels.get(&split.label).map_or("", String::as_str);
        match &place.value {
            Some(wanted) => value == wanted,
            None => !split.values.iter().any(|known| known == value),
        }
    };
    Counter::Raw(Answer {
        series: counter.series().iter().filter(fits).cloned().collect(),
        ..Answer::default()
    })
}
