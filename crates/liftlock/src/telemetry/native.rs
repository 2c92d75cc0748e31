//! Native histograms: counts of observations in buckets whose bounds follow
//! from a growth factor, and which may become coarser.
//!
//! What is above an edge is told where the edge is a bound of the buckets, or
//! where nothing was observed around it. Nothing is ever interpolated.

use std::collections::BTreeMap;

use super::series::{self, Sample};
use crate::time::Time;

/// By how much two texts of one bound differ at most. The finest buckets grow
/// by 0.27 %.
const ALIKE: f64 = 2e-6;

/// One bucket in which something was observed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// The lower bound; infinite where there is none.
    pub low: f64,
    /// The upper bound; infinite where there is none.
    pub high: f64,
    /// Observations since the start of the process.
    pub count: f64,
}

/// A histogram at a moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// When it was scraped.
    pub time: Time,
    /// All observations; more than those in the buckets where some were no
    /// numbers.
    pub count: f64,
    /// The buckets, ascending, without those that are empty.
    pub buckets: Vec<Bucket>,
}

/// The histograms under one set of labels, oldest first.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The labels, `__name__` among them.
    pub labels: BTreeMap<String, String>,
    /// The histograms.
    pub readings: Vec<Reading>,
}

impl Series {
    /// The series as PromQL writes it.
    #[must_use]
    pub fn name(&self) -> String {
        series::name(&self.labels)
    }
}

/// What a series counts, as counters that never fall.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Counters {
    /// All observations.
    pub(super) total: Vec<Sample>,
    /// For each edge, those that are not above it.
    pub(super) within: Vec<Within>,
    /// Whether some observations were no numbers.
    pub(super) has_nan: bool,
}

/// The observations that are not above an edge.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Within {
    pub(super) samples: Vec<Sample>,
    /// The first moment at which a bucket reached across the edge.
    pub(super) hidden: Option<Time>,
    last: f64,
    sum: f64,
}

impl Counters {
    /// Counts a series at some edges. A restart is seen in all buckets at
    /// once: what was counted since is what the new ones hold.
    pub(super) fn of(series: &Series, edges: &[f64]) -> Self {
        let mut found = Self {
            total: Vec::with_capacity(series.readings.len()),
            within: vec![Within::default(); edges.len()],
            has_nan: false,
        };
        let mut before: Option<&Reading> = None;
        let mut sum = 0.0;
        for reading in &series.readings {
            let restart = before.is_none_or(|before| reading.is_after_restart(before));
            let known = before.filter(|_| !restart).map_or(0.0, |one| one.count);
            let time = reading.time;
            // What is no count goes on as it is, to be refused by name.
            sum = reading.no_count().unwrap_or(sum + (reading.count - known));
            found.total.push(Sample { time, value: sum });
            found.has_nan = found.has_nan || reading.has_nan();
            for (within, edge) in found.within.iter_mut().zip(edges) {
                within.push(time, reading.within(*edge), restart);
            }
            before = Some(reading);
        }
        found
    }
}

impl Within {
    fn push(&mut self, time: Time, count: Option<f64>, restart: bool) {
        let Some(count) = count.filter(|_| self.hidden.is_none()) else {
            self.hidden = self.hidden.or(Some(time));
            return;
        };
        let known = if restart { 0.0 } else { self.last };
        self.sum += count - known;
        self.last = count;
        let value = self.sum;
        self.samples.push(Sample { time, value });
    }
}

impl Reading {
    /// Observations that are not above an edge; nothing where a bucket reaches
    /// across it.
    pub(super) fn within(&self, edge: f64) -> Option<f64> {
        let mut sum = 0.0;
        for bucket in &self.buckets {
            if is_up_to(bucket.high, edge) {
                sum += bucket.count;
            } else if !is_up_to(edge, bucket.low) {
                return None;
            }
        }
        Some(sum)
    }

    /// Whether the process began anew since another reading: counts only grow,
    /// and buckets only become coarser.
    fn is_after_restart(&self, before: &Self) -> bool {
        let mut known = before.buckets.iter().peekable();
        for bucket in &self.buckets {
            let mut held = 0.0;
            while let Some(old) = known.next_if(|old| is_up_to(old.high, bucket.high)) {
                if !is_up_to(bucket.low, old.low) {
                    return true;
                }
                held += old.count;
            }
            if held > bucket.count {
                return true;
            }
        }
        known.peek().is_some() || self.count < before.count
    }

    /// Observations of what is no number are in no bucket.
    fn has_nan(&self) -> bool {
        let told: f64 = self.buckets.iter().map(|bucket| bucket.count).sum();
        told < self.count
    }

    /// A number that is no count.
    fn no_count(&self) -> Option<f64> {
        let counts = self.buckets.iter().map(|bucket| bucket.count);
        let whole = |count: &f64| *count >= 0.0 && *count - libm::floor(*count) <= 0.0;
        counts.chain([self.count]).find(|count| !whole(count))
    }
}

/// Whether a bound is not above another one.
fn is_up_to(bound: f64, other: f64) -> bool {
    bound <= other || (bound - other).abs() <= ALIKE * other.abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(seconds: i64, buckets: &[(f64, f64, f64)]) -> Reading {
        let bucket = |(low, high, count): &(f64, f64, f64)| Bucket {
            low: *low,
            high: *high,
            count: *count,
        };
        Reading {
            time: Time::from_unix_millis(1_795_435_200_000 + 1000 * seconds).unwrap(),
            count: buckets.iter().map(|(_, _, count)| count).sum(),
            buckets: buckets.iter().map(bucket).collect(),
        }
    }

    fn counted(readings: &[Reading], edges: &[f64]) -> (Vec<f64>, Vec<Vec<f64>>) {
        let series = Series {
            labels: BTreeMap::new(),
            readings: readings.to_vec(),
        };
        let found = Counters::of(&series, edges);
        let values = |samples: &[Sample]| samples.iter().map(|sample| sample.value).collect();
        let within = found.within.iter().map(|within| values(&within.samples));
        (values(&found.total), within.collect())
    }

    #[test]
    fn an_edge_is_told_where_no_bucket_reaches_across_it() {
        let one = reading(
            0,
            &[
                (-0.001, 0.001, 3.0),
                (0.5, 0.840_896_415, 5.0),
                (1.0, 2.0, 7.0),
            ],
        );
        for (edge, expected) in [
            (0.001, Some(3.0)),
            (0.01, Some(3.0)),
            (0.5, Some(3.0)),
            (0.840_896, Some(8.0)),
            (0.9, Some(8.0)),
            (2.0, Some(15.0)),
            (0.000_5, None),
            (0.6, None),
            (1.5, None),
        ] {
            assert_eq!(one.within(edge), expected, "{edge}");
        }
    }

    #[test]
    fn coarser_buckets_go_on_and_a_drop_in_any_bucket_is_a_restart() {
        let fine = [(0.5, 0.707, 5.0), (0.707, 1.0, 7.0), (1.0, 1.41, 2.0)];
        let edges = [1.0, 2.0];
        for (name, next, total, within) in [
            (
                "coarser",
                vec![(0.5, 1.0, 13.0), (1.0, 2.0, 2.0)],
                15.0,
                13.0,
            ),
            (
                "coarser, less",
                vec![(0.5, 1.0, 11.0), (1.0, 2.0, 9.0)],
                34.0,
                23.0,
            ),
            (
                "one less",
                vec![(0.5, 0.707, 4.0), (0.707, 1.0, 9.0), (1.0, 1.41, 2.0)],
                29.0,
                25.0,
            ),
            (
                "one gone",
                vec![(0.707, 1.0, 20.0), (1.0, 1.41, 2.0)],
                36.0,
                32.0,
            ),
            (
                "finer",
                vec![
                    (0.5, 0.6, 6.0),
                    (0.6, 0.707, 6.0),
                    (0.707, 1.0, 9.0),
                    (1.0, 1.41, 3.0),
                ],
                38.0,
                33.0,
            ),
            ("fewer in all", vec![(0.5, 0.707, 1.0)], 15.0, 13.0),
            (
                "more",
                vec![
                    (0.5, 0.707, 6.0),
                    (0.707, 1.0, 7.0),
                    (1.0, 1.41, 2.0),
                    (8.0, 9.0, 1.0),
                ],
                16.0,
                13.0,
            ),
        ] {
            let found = counted(&[reading(0, &fine), reading(15, &next)], &edges);
            assert_eq!(found.0, [14.0, total], "{name}");
            assert_eq!(found.1[0], [12.0, within], "{name}");
        }
    }

    #[test]
    fn an_edge_within_a_coarser_bucket_is_hidden_from_then_on() {
        let readings = [
            reading(0, &[(0.5, 0.707, 5.0), (0.707, 1.0, 7.0)]),
            reading(15, &[(0.5, 1.0, 20.0)]),
            reading(30, &[(0.5, 0.707, 1.0)]),
        ];
        let series = Series {
            labels: BTreeMap::new(),
            readings: readings.to_vec(),
        };
        let found = Counters::of(&series, &[0.707, 1.0]);
        assert_eq!(found.within[0].hidden, Some(readings[1].time));
        assert_eq!(found.within[0].samples.len(), 1);
        assert_eq!(found.within[1].hidden, None);
        let last = found.within[1].samples.last().unwrap();
        assert!((last.value - 21.0).abs() < 1e-9);
    }

    #[test]
    fn what_is_no_number_is_above_every_edge_and_what_is_no_count_is_not_counted() {
        let mut one = reading(0, &[(0.5, 1.0, 5.0)]);
        one.count = 7.0;
        let series = |reading: &Reading| Series {
            labels: BTreeMap::new(),
            readings: vec![reading.clone()],
        };
        let found = Counters::of(&series(&one), &[1.0]);
        assert!(found.has_nan);
        let last = |samples: &[Sample]| samples[0].value.to_string();
        assert_eq!(last(&found.total), "7");
        assert_eq!(last(&found.within[0].samples), "5");
        for count in [2.5, f64::NAN, -1.0] {
            let mut wrong = one.clone();
            wrong.buckets[0].count = count;
            let found = Counters::of(&series(&wrong), &[1.0]);
            assert_eq!(last(&found.total), count.to_string());
        }
    }
}
