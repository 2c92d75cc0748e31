//! What Prometheus' `increase` makes of raw samples: it knows nothing before
//! the first one, and extrapolates what it sees to the whole window.

use crate::telemetry::Sample;
use crate::time::Time;

/// A gap at an end of the window that is longer than so many average ones is
/// not extrapolated over, but for half of one.
const THRESHOLD: f64 = 1.1;

/// `increase(counter[to - from])` at `to`, of samples in order; nothing with
/// fewer than two of them in `(from, to]`. A drop is a restart.
///
/// As Prometheus' `promql/functions.go`, `extrapolatedRate`, has it.
#[must_use]
pub fn increase(samples: &[Sample], (from, to): (Time, Time)) -> Option<f64> {
    let begin = samples.partition_point(|sample| sample.time <= from);
    let end = samples.partition_point(|sample| sample.time <= to);
    let inside = samples.get(begin..end)?;
    let [first, .., last] = inside else {
        return None;
    };
    let drops = inside.windows(2).filter_map(|pair| match pair {
        [before, after] if after.value < before.value => Some(before.value),
        _ => None,
    });
    let risen = last.value - first.value + drops.sum::<f64>();
    let seconds = |later: Time, earlier: Time| {
        let millis = u64::try_from(later.millis_since(earlier)).unwrap_or(0);
        super::real(millis) / 1000.0
    };
    let sampled = seconds(last.time, first.time);
    let gaps = u64::try_from(inside.len() - 1).unwrap_or(u64::MAX);
    let average = sampled / super::real(gaps);
    let reach = |gap: f64| match gap < average * THRESHOLD {
        true => gap,
        false => average / 2.0,
    };
    let mut before = reach(seconds(first.time, from));
    if risen > 0.0 {
        // No counter was ever below nothing.
        before = before.min(sampled * first.value / risen);
    }
    let after = reach(seconds(to, last.time));
    Some(risen * ((sampled + before + after) / sampled))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Time {
        Time::from_unix_millis(1_795_435_200_000 + 1000 * seconds).unwrap()
    }

    fn of(samples: &[(i64, f64)]) -> Option<String> {
        let samples: Vec<Sample> = samples
            .iter()
            .map(|(seconds, value)| Sample {
                time: at(*seconds),
                value: *value,
            })
            .collect();
        increase(&samples, (at(0), at(60))).map(|risen| format!("{risen:.3}"))
    }

    #[test]
    fn it_extrapolates_to_the_window_and_never_below_nothing() {
        let told = |text: &str| Some(text.to_owned());
        // 45 s are seen of 60.
        let steady = [(5, 100.0), (20, 110.0), (35, 120.0), (50, 130.0)];
        assert_eq!(of(&steady), told("40.000"));
        // The counter cannot have risen before it was 0.
        let young = [(5, 0.0), (20, 10.0), (35, 20.0), (50, 30.0)];
        assert_eq!(of(&young), told("36.667"));
        // A first error that came with its series is not seen.
        assert_eq!(of(&[(35, 1.0), (50, 1.0)]), told("0.000"));
        assert_eq!(of(&[(50, 1.0)]), None);
        let restarted = [(5, 100.0), (20, 110.0), (35, 4.0), (50, 14.0)];
        assert_eq!(of(&restarted), told("32.000"));
    }
}
