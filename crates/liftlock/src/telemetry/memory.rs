//! What was scraped at earlier looks, for sources that keep no history.

use std::collections::BTreeMap;

use super::series::{Answer, Sample, Series};
use crate::time::Time;

/// The most samples that are kept of one series.
const MOST_SAMPLES: usize = 100_000;

type Labels = BTreeMap<String, String>;

/// The samples of one counter, grown by one at each look.
#[derive(Clone, Debug, Default)]
pub struct Memory(BTreeMap<Labels, Vec<Sample>>);

impl Memory {
    /// Adds what was just seen, and forgets what no row from `from` on needs:
    /// everything but the newest sample of each series before it.
    pub fn learn(&mut self, seen: Vec<(Labels, f64)>, time: Time, from: Time) {
        for (labels, value) in seen {
            let samples = self.0.entry(labels).or_default();
            // Two looks in one millisecond are one.
            if samples.last().is_none_or(|last| last.time < time) {
                samples.push(Sample { time, value });
            }
        }
        self.0.retain(|_, samples| {
            let later = samples.partition_point(|sample| sample.time <= from);
            let surplus = samples.len().saturating_sub(MOST_SAMPLES);
            samples.drain(..later.saturating_sub(1).max(surplus));
            !samples.is_empty()
        });
    }

    /// All of it, as a source with a history would answer.
    #[must_use]
    pub fn answer(&self) -> Answer {
        let series = self.0.iter().map(|(labels, samples)| Series {
            labels: labels.clone(),
            samples: samples.clone(),
        });
        Answer {
            natives: Vec::new(),
            series: series.collect(),
            warnings: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Time {
        Time::from_unix_millis(1_795_435_200_000 + 1000 * seconds).unwrap()
    }

    fn labels(name: &str) -> Labels {
        [("__name__".to_owned(), name.to_owned())].into()
    }

    #[test]
    fn the_last_sample_before_a_row_is_kept_and_older_ones_are_not() {
        let mut memory = Memory::default();
        for (second, value) in [(0, 1.0), (15, 2.0), (30, 3.0)] {
            memory.learn(vec![(labels("a"), value)], at(second), at(0));
        }
        memory.learn(vec![(labels("a"), 4.0), (labels("b"), 1.0)], at(45), at(32));
        let answer = memory.answer();
        let seen: Vec<Vec<f64>> = answer
            .series
            .iter()
            .map(|one| one.samples.iter().map(|sample| sample.value).collect())
            .collect();
        assert_eq!(seen, [vec![3.0, 4.0], vec![1.0]]);
    }
}
