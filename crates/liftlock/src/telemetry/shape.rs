//! The shapes in which a source tells a counter.

use super::increments::Increments;
use super::series::{Answer, Series};
use crate::span::Span;
use crate::time::Time;

/// One counter of one slot, in the shape in which its source keeps it.
#[derive(Clone, Debug, PartialEq)]
pub enum Counter {
    /// Samples of counters that only rise, scraped by the source.
    Raw(Answer),
    /// The same, scraped by us at each look.
    Polled(Answer),
    /// Counts of whole intervals, added up by the source.
    Increments(Increments),
}

impl Default for Counter {
    fn default() -> Self {
        Self::Raw(Answer::default())
    }
}

impl Counter {
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Raw(answer) | Self::Polled(answer) => answer.series.is_empty(),
            Self::Increments(increments) => increments.buckets.is_empty(),
        }
    }

    pub(super) fn warnings(&self) -> &[String] {
        match self {
            Self::Raw(answer) | Self::Polled(answer) => &answer.warnings,
            Self::Increments(increments) => &increments.warnings,
        }
    }

    /// Whether the source added it up.
    pub(super) const fn is_added_up(&self) -> bool {
        matches!(self, Self::Increments(_))
    }

    pub(super) fn series(&self) -> &[Series] {
        match self {
            Self::Raw(answer) | Self::Polled(answer) => &answer.series,
            Self::Increments(_) => &[],
        }
    }

    pub(super) fn newest(&self) -> Option<Time> {
        match self {
            Self::Raw(answer) | Self::Polled(answer) => newest(&answer.series),
            Self::Increments(increments) => increments.newest(),
        }
    }

    pub(super) fn spacing(&self) -> Option<Span> {
        match self {
            Self::Raw(answer) => spacing(&answer.series.iter().collect::<Vec<_>>()),
            // A look comes every interval, give or take how long one takes.
            Self::Polled(_) | Self::Increments(_) => None,
        }
    }
}

/// What a source told about one slot, from some time before the window on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Arms {
    /// Of all requests.
    pub total: Counter,
    /// Of bad requests.
    pub bad: Counter,
}

impl Arms {
    /// The series of raw counters, if it is these.
    pub(super) fn series(&self) -> impl Iterator<Item = &Series> {
        self.total.series().iter().chain(self.bad.series())
    }
}

fn newest(series: &[Series]) -> Option<Time> {
    let last = series.iter().filter_map(|one| one.samples.last());
    last.map(|sample| sample.time).max()
}

/// The median time between two samples of the series that has the most.
pub(super) fn spacing(series: &[&Series]) -> Option<Span> {
    let most = series.iter().max_by_key(|one| one.samples.len())?;
    let mut gaps: Vec<i64> = most
        .samples
        .windows(2)
        .filter_map(|pair| match pair {
            [a, b] => Some(b.time.millis_since(a.time)),
            _ => None,
        })
        .collect();
    gaps.sort_unstable();
    let middle = gaps.get(gaps.len() / 2).filter(|_| gaps.len() >= 3)?;
    u64::try_from(*middle).ok().map(Span::from_millis)
}
