//! One stream of points as a counter that begins at nothing.

use std::fmt;

use super::Labels;
use crate::telemetry::series::Sample;
use crate::time::Time;

/// What a point's value is counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Temporality {
    /// From the point before.
    Delta,
    /// From the start of the stream.
    Cumulative,
}

/// One value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    pub(super) temporality: Temporality,
    /// Nanoseconds since 1970; 0 where nobody knows.
    pub(super) start: u64,
    pub(super) time: u64,
    pub(super) value: f64,
}

/// All points under one set of labels.
pub(super) struct Stream {
    pub(super) resource: Labels,
    pub(super) points: Vec<Point>,
}

/// Why nobody knows what a stream counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    Fell,
    TwoWriters,
    Mixed,
    Time,
}

impl fmt::Display for Flaw {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Fell => "fell though it had not begun again",
            Self::TwoWriters => {
                "has points that contradict each other: give each process a `service.instance.id`"
            }
            Self::Mixed => "is told both as differences and as sums",
            Self::Time => "has a point without a time",
        })
    }
}

impl Stream {
    pub(super) const fn new(resource: Labels) -> Self {
        Self {
            resource,
            points: Vec::new(),
        }
    }

    /// What was counted since the stream was first seen, in order of time; its
    /// resource exported at these moments, and anybody at first then.
    pub(super) fn samples(mut self, exported: &[u64], begin: u64) -> Result<Vec<Sample>, Flaw> {
        self.points.sort_by_key(|point| (point.time, point.start));
        let mut samples: Vec<Sample> = Vec::new();
        let mut before: Option<Point> = None;
        let mut total = 0.0;
        for point in self.points {
            if point.time == 0 || point.start > point.time {
                return Err(Flaw::Time);
            }
            let rise = match before {
                None => {
                    let (begun, rise) = first(point, exported, begin);
                    samples.push(sample(begun, 0.0)?);
                    rise
                }
                Some(before) if before.temporality != point.temporality => return Err(Flaw::Mixed),
                // An export that was sent again.
                Some(before) if before == point => continue,
                Some(before) => rise(before, point)?,
            };
            total += rise;
            samples.push(sample(point.time, total)?);
            before = Some(point);
        }
        Ok(samples)
    }
}

/// From when on the first point of a stream counts, and how much.
fn first(point: Point, exported: &[u64], begin: u64) -> (u64, f64) {
    match point.temporality {
        Temporality::Delta => (point.start.max(1), point.value),
        Temporality::Cumulative if point.start == 0 => (point.time, 0.0),
        // It began before our eyes.
        Temporality::Cumulative if point.start >= begin => (point.start, point.value),
        Temporality::Cumulative => {
            // Whoever exported since its start without it had counted nothing.
            let since = |time: &&u64| **time >= point.start && **time < point.time;
            match exported.iter().filter(since).max() {
                Some(seen) => (*seen, point.value),
                None => (point.time, 0.0),
            }
        }
    }
}

fn rise(before: Point, point: Point) -> Result<f64, Flaw> {
    match point.temporality {
        Temporality::Delta if point.start < before.time => Err(Flaw::TwoWriters),
        Temporality::Delta => Ok(point.value),
        Temporality::Cumulative if point.time == before.time => Err(Flaw::TwoWriters),
        Temporality::Cumulative if point.start == before.start => {
            match (point.value >= before.value, point.start) {
                (true, _) => Ok(point.value - before.value),
                (false, 0) => Ok(point.value),
                (false, _) => Err(Flaw::Fell),
            }
        }
        // A process that began while the one before was still counting.
        Temporality::Cumulative if point.start < before.time => Err(Flaw::TwoWriters),
        Temporality::Cumulative => Ok(point.value),
    }
}

fn sample(time: u64, value: f64) -> Result<Sample, Flaw> {
    let millis = i64::try_from(time / 1_000_000).map_err(|_far| Flaw::Time)?;
    let time = Time::from_unix_millis(millis).map_err(|_far| Flaw::Time)?;
    Ok(Sample { time, value })
}
