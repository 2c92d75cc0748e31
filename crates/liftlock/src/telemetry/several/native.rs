//! Histograms whose buckets follow from a growth factor.

use super::{Column, Missing, Wanted};
use crate::canary::Reason;
use crate::canary::metric::Edge;
use crate::canary::sight::Blind;
use crate::telemetry::error::Error;
use crate::telemetry::gather::gather;
use crate::telemetry::matcher::Wanted as Slot;
use crate::telemetry::native::{Bucket, Counters, Series as Native};
use crate::telemetry::series::{Answer, Sample, Series};
use crate::telemetry::shape::{Arms, Counter};
use crate::telemetry::window::Window;
use crate::time::Time;

use super::{Counts, Slots};
use crate::canary::counts::Pair;
use crate::canary::metric::Metric;

/// The most edges of one histogram.
const MOST_EDGES: usize = 48;

/// The bounds of these buckets are a factor of the square root of 2 apart;
/// finer ones are not needed, and vanish when a client makes its buckets
/// coarser.
const FINEST: i32 = 1;

/// The exponents that there are: growth is 2^(2^-exponent).
const EXPONENTS: std::ops::RangeInclusive<i32> = -4..=8;

/// Whether the answers hold native histograms.
///
/// # Errors
///
/// Fails where they hold values, too.
pub(super) fn are_native(answers: &[Answer]) -> Result<bool, Error> {
    let natives = answers.iter().flat_map(|answer| &answer.natives);
    let values = answers.iter().flat_map(|answer| &answer.series);
    match (natives.peekable().peek(), values.peekable().peek()) {
        (Some(native), Some(value)) => Err(Error::Query {
            field: "histogram",
            reason: format!(
                "selects native histograms and values: `{}` and `{}`",
                native.name(),
                value.name()
            ),
        }),
        (native, _) => Ok(native.is_some()),
    }
}

/// The edges to judge native histograms at: bounds of the known version's
/// buckets, of whatever exponent both versions have or a coarser one.
pub(super) fn edges(known: &Slot, answers: &[Answer]) -> Vec<Edge> {
    let natives = || answers.iter().flat_map(|answer| &answer.natives);
    let newest = |one: &'_ Native| one.readings.last().map(|last| last.buckets.clone());
    let is_finite = |bucket: &Bucket| bucket.low > 0.0 && bucket.high.is_finite();
    let all: Vec<Bucket> = natives().filter_map(newest).flatten().collect();
    let ours = natives().filter(|one| known.fits(&one.labels));
    let ours: Vec<Bucket> = ours
        .filter_map(newest)
        .flatten()
        .filter(is_finite)
        .collect();
    let exponents = all.iter().filter(|bucket| is_finite(bucket)).map(exponent);
    let coarsest = exponents.collect::<Option<Vec<_>>>();
    let bounds = match coarsest.and_then(|all| all.into_iter().min()) {
        Some(coarsest) => between(&ours, coarsest.min(FINEST)),
        None => {
            let bounds = ours.iter().flat_map(|bucket| [bucket.low, bucket.high]);
            let told = |bound: &f64| {
                let inside = |one: &Bucket| one.low < *bound && *bound < one.high;
                !all.iter().any(inside)
            };
            bounds.filter(told).collect()
        }
    };
    let mut edges: Vec<Edge> = bounds.into_iter().filter_map(edge).collect();
    edges.sort();
    edges.dedup();
    edges
}

/// An edge with as many digits as tell bounds apart.
fn edge(bound: f64) -> Option<Edge> {
    let rounded: f64 = format!("{bound:.5e}").parse().ok()?;
    let plain = (1e-6..1e9).contains(&rounded);
    let text = if plain {
        rounded.to_string()
    } else {
        format!("{rounded:e}")
    };
    text.parse().ok()
}

/// The exponent of a bucket's growth; nothing for buckets of another kind.
fn exponent(bucket: &Bucket) -> Option<i32> {
    let octaves = libm::log2(bucket.high) - libm::log2(bucket.low);
    let fits = |exponent: &i32| {
        let each = libm::exp2(-f64::from(*exponent));
        let place = libm::log2(bucket.high) / each;
        (octaves / each - 1.0).abs() < 1e-3 && (place - libm::round(place)).abs() < 1e-3
    };
    EXPONENTS.into_iter().find(fits)
}

/// All bounds of this exponent from the lowest to the highest bucket; of a
/// lower exponent where they would be too many.
fn between(buckets: &[Bucket], exponent: i32) -> Vec<f64> {
    let low = buckets.iter().map(|bucket| bucket.low);
    let high = buckets.iter().map(|bucket| bucket.high);
    let (low, high) = (low.fold(f64::INFINITY, f64::min), high.fold(0.0, f64::max));
    if buckets.is_empty() {
        return Vec::new();
    }
    for exponent in (*EXPONENTS.start()..=exponent).rev() {
        let each = libm::exp2(-f64::from(exponent));
        let first = libm::floor(libm::log2(low) / each + 1e-3);
        let last = libm::ceil(libm::log2(high) / each - 1e-3);
        let bounds = std::iter::successors(Some(first), |place| Some(place + 1.0));
        let bounds = bounds.take_while(|place| *place <= last);
        let bounds: Vec<f64> = bounds.map(|place| libm::exp2(place * each)).collect();
        if bounds.len() <= MOST_EDGES {
            return bounds;
        }
    }
    Vec::new()
}

/// One slot at all edges.
struct Side {
    total: Vec<Series>,
    within: Vec<Vec<Series>>,
    hidden: Vec<Option<(Time, String)>>,
    has_nan: bool,
}

impl Side {
    fn of(answers: &[Answer], slot: &Slot, edges: &[Edge]) -> Self {
        let bounds: Vec<f64> = edges.iter().map(Edge::bound).collect();
        let mut side = Self {
            total: Vec::new(),
            within: vec![Vec::new(); edges.len()],
            hidden: vec![None; edges.len()],
            has_nan: false,
        };
        let natives = answers.iter().flat_map(|answer| &answer.natives);
        for native in natives.filter(|native| slot.fits(&native.labels)) {
            let series = |samples: Vec<Sample>| Series {
                labels: native.labels.clone(),
                samples,
            };
            let found = Counters::of(native, &bounds);
            side.has_nan = side.has_nan || found.has_nan;
            side.total.push(series(found.total));
            let edges = side.within.iter_mut().zip(&mut side.hidden);
            for ((column, hidden), within) in edges.zip(found.within) {
                let time = within.hidden;
                let earlier = |time: &Time| hidden.as_ref().is_none_or(|(known, _)| time < known);
                if let Some(time) = time.filter(earlier) {
                    *hidden = Some((time, native.name()));
                }
                column.push(series(within.samples));
            }
        }
        side
    }

    fn arms(&self, edge: usize, warnings: &[String]) -> Arms {
        let counter = |series: &[Series]| {
            Counter::Raw(Answer {
                series: series.to_vec(),
                warnings: warnings.to_vec(),
                ..Answer::default()
            })
        };
        Arms {
            total: counter(&self.total),
            bad: counter(self.within.get(edge).map_or(&[][..], Vec::as_slice)),
        }
    }
}

impl Wanted {
    /// Counts native histograms at the edges that were seen first.
    pub(super) fn natives(
        &self,
        metric: &Metric,
        (window, slots): (Window, Slots<'_>),
        answers: &[Answer],
    ) -> Result<Column, Missing> {
        let Counts::Histogram { buckets } = &self.counts else {
            return Ok(Column::default());
        };
        let side = |slot: &str| -> Result<Side, Error> {
            Ok(Side::of(answers, &buckets.about(slot)?, &metric.edges))
        };
        let canary = side(slots.canary)?;
        let baseline = slots.baseline.map(side).transpose()?;
        let warnings: Vec<String> = answers
            .iter()
            .flat_map(|answer| answer.warnings.iter().cloned())
            .collect();
        let mut counts = Vec::new();
        for edge in 0..metric.edges.len() {
            let baseline = baseline.as_ref().map(|side| side.arms(edge, &warnings));
            let canary = canary.arms(edge, &warnings);
            counts.push(gather(window, baseline.as_ref(), &canary)?);
        }
        let mut column = self.column(&counts);
        let sides: Vec<&Side> = baseline.iter().chain([&canary]).collect();
        self.hide(&mut column, &metric.edges, &sides);
        if sides.iter().any(|side| side.has_nan) {
            column.notes.push(format!(
                "metric `{}`: observations that are no numbers count as above every edge",
                self.metric.name
            ));
        }
        Ok(column)
    }

    /// Takes out what buckets that reach across an edge do not tell.
    fn hide(&self, column: &mut Column, edges: &[Edge], sides: &[&Side]) {
        for (place, edge) in edges.iter().enumerate() {
            let hidden = sides.iter().filter_map(|side| side.hidden.get(place));
            let Some((since, name)) = hidden.flatten().min() else {
                continue;
            };
            for (time, pairs) in &mut column.rows {
                if let Some(pair) = pairs.get_mut(place).filter(|_| *time >= *since) {
                    *pair = Pair::default();
                }
            }
            let detail = format!(
                "metric `{}`: a bucket of `{name}` reaches across the edge {edge}, which was chosen at the begin: it became coarser",
                self.metric.name
            );
            column.faults.push(Blind::new(Reason::Partial, detail));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::PLAIN;
    use super::*;
    use crate::span::Span;
    use crate::telemetry::native::Reading;

    const SLOTS: Slots<'_> = Slots {
        baseline: Some("v1"),
        canary: "v2",
    };

    fn at(seconds: i64) -> Time {
        Time::from_unix_millis(1_795_435_200_000 + 1000 * seconds).unwrap()
    }

    /// The bucket up to the growth of an exponent to the power of an index.
    fn bucket(exponent: i32, index: i32, count: f64) -> Bucket {
        let each = (-f64::from(exponent)).exp2();
        Bucket {
            low: (f64::from(index - 1) * each).exp2(),
            high: (f64::from(index) * each).exp2(),
            count,
        }
    }

    fn native(slot: &str, readings: Vec<(i64, Vec<Bucket>)>) -> Native {
        let labels = [("__name__", "m"), ("v", slot)];
        let reading = |(seconds, buckets): (i64, Vec<Bucket>)| Reading {
            time: at(seconds),
            count: buckets.iter().map(|bucket| bucket.count).sum(),
            buckets,
        };
        Native {
            labels: labels
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
            readings: readings.into_iter().map(reading).collect(),
        }
    }

    fn answers(natives: Vec<Native>) -> [Answer; 1] {
        [Answer {
            natives,
            ..Answer::default()
        }]
    }

    fn latency() -> Wanted {
        let file = r#"metrics: [{name: latency, histogram: 'm{v="{slot}"}'}]"#;
        super::super::parse(file, PLAIN).unwrap().remove(0)
    }

    fn seen(baseline: Vec<Bucket>, canary: Vec<Bucket>) -> Vec<String> {
        let now = |slot, buckets| native(slot, vec![(0, buckets)]);
        let answers = answers(vec![now("v1", baseline), now("v2", canary)]);
        let metric = latency().seen(SLOTS, &answers).unwrap();
        metric.edges.iter().map(Edge::to_string).collect()
    }

    #[test]
    fn edges_are_bounds_that_both_versions_have() {
        let fine = vec![bucket(3, -16, 5.0), bucket(3, -5, 2.0)];
        let expected = ["0.176777", "0.25", "0.353553", "0.5", "0.707107"];
        assert_eq!(seen(fine.clone(), fine.clone()), expected);
        let octave = vec![bucket(0, 0, 9.0)];
        assert_eq!(seen(fine.clone(), octave), ["0.125", "0.25", "0.5", "1"]);
        let wider = vec![bucket(-1, 0, 9.0)];
        assert_eq!(seen(fine.clone(), wider), ["0.0625", "0.25", "1"]);
        // The canary's range chooses none.
        let far = vec![bucket(3, 80, 9.0)];
        assert_eq!(seen(fine, far), expected);
    }

    #[test]
    fn a_wide_range_has_no_more_edges_than_are_kept_apart() {
        let wide = vec![bucket(3, -160, 5.0), bucket(3, 160, 2.0)];
        let edges = seen(wide.clone(), wide);
        assert!((20..=MOST_EDGES).contains(&edges.len()), "{edges:?}");
        assert!(edges.contains(&"1".to_owned()), "{edges:?}");
    }

    #[test]
    fn buckets_of_another_kind_have_their_own_bounds() {
        let custom = |bounds: &[f64]| {
            let pairs = bounds.windows(2);
            let bucket = |pair: &[f64]| Bucket {
                low: pair[0],
                high: pair[1],
                count: 3.0,
            };
            pairs.map(bucket).collect::<Vec<_>>()
        };
        let one = custom(&[f64::NEG_INFINITY, 0.1, 0.3, 1.0, f64::INFINITY]);
        assert_eq!(seen(one.clone(), one.clone()), ["0.1", "0.3", "1"]);
        let other = custom(&[f64::NEG_INFINITY, 0.1, 1.0, f64::INFINITY]);
        assert_eq!(seen(one, other), ["0.1", "1"]);
    }

    #[test]
    fn rows_before_a_bucket_became_coarser_are_told_and_the_metric_is_hidden_after() {
        let steady = |times: f64| vec![bucket(1, -1, 6.0 * times), bucket(1, 0, 4.0 * times)];
        let merged = vec![bucket(0, 0, 40.0)];
        let every = |last: Vec<Bucket>| {
            vec![
                (-5, steady(1.0)),
                (15, steady(2.0)),
                (35, steady(3.0)),
                (55, last),
            ]
        };
        let baseline = native("v1", every(steady(4.0)));
        let canary = native("v2", every(merged));
        let answers = answers(vec![baseline, canary]);
        let metric = Metric {
            edges: vec!["0.707107".parse().unwrap(), "1".parse().unwrap()],
            ..latency().metric
        };
        let window = Window {
            from: at(0),
            to: at(60),
            interval: Span::seconds(20),
        };
        let column = latency()
            .gather(&metric, (window, SLOTS), &answers)
            .unwrap();
        let [reason] = [&column.faults[0].reason];
        assert_eq!((column.faults.len(), *reason), (1, Reason::Partial));
        let pairs: Vec<[[u64; 4]; 2]> = column
            .rows
            .iter()
            .map(|(_, pairs)| [pairs[0].into(), pairs[1].into()])
            .collect();
        let told = [[10, 4, 10, 4], [10, 0, 10, 0]];
        assert_eq!(pairs, [told, told, [[0; 4], [10, 0, 10, 0]]]);
    }

    #[test]
    fn counts_that_are_no_numbers_are_refused_or_blind() {
        let broken = |count| {
            vec![
                (-5, vec![bucket(1, 0, 1.0)]),
                (15, vec![bucket(1, 0, count)]),
            ]
        };
        let found = |count| {
            let answers = answers(vec![native("v1", broken(5.0)), native("v2", broken(count))]);
            let metric = Metric {
                edges: vec!["1".parse().unwrap()],
                ..latency().metric
            };
            let window = Window {
                from: at(0),
                to: at(20),
                interval: Span::seconds(20),
            };
            latency().gather(&metric, (window, SLOTS), &answers)
        };
        assert_eq!(found(5.0).unwrap().faults, []);
        assert!(matches!(found(2.5), Err(Missing::Counts(_))));
        let blind = found(f64::NAN).unwrap();
        assert_eq!(blind.faults[0].reason, Reason::Unreadable);
    }
}
