//! Invented latencies of two arms, as a histogram tells them and as its mean
//! and its 99th percentile do.

use anyhow::Result;
use liftlock::canary::counts::{Pair, Tally};
use liftlock::canary::metric::Metric;
use liftlock::canary::panel::Panel;
use liftlock::canary::sight::Sight;
use liftlock::canary::{Policy, Reason};
use liftlock::peers::kayenta::{Class, classify};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rand_distr::{Binomial, Distribution as _, Gamma, LogNormal, Normal, Poisson};

use crate::scenario::{ROWS, count, moment, whole};

/// The bounds of a histogram as Prometheus' libraries make it, in seconds.
const EDGES: [&str; 11] = [
    "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10",
];

/// What a law is known by.
const SAMPLES: usize = 200_000;

/// A law of latencies, in seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Law {
    /// Shape 2, mean 100 ms.
    Gamma,
    /// Median 80 ms, deviation 0.6 of the logarithm.
    LogNormal,
    /// Nine of ten from a cache in 5 ms, the rest in 200 ms.
    Bimodal,
}

/// One kind of run.
#[derive(Clone, Debug)]
pub(crate) struct Latency {
    pub(crate) name: &'static str,
    pub(crate) law: Law,
    /// Requests a minute of baseline and canary.
    pub(crate) requests: (f64, f64),
    /// What the fault multiplies all latencies by.
    pub(crate) slower: f64,
    /// The share of requests that the fault makes ten times slower.
    pub(crate) tail: f64,
    /// The deviation of the logarithm of a healthy canary's latencies.
    pub(crate) spread: f64,
}

/// The rows at which each judge failed each run.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) ours: Vec<Option<u64>>,
    /// Every look with an increase of the mean, and of the percentile.
    pub(crate) mean: Vec<Vec<(u64, Option<f64>)>>,
    pub(crate) percentile: Vec<Vec<(u64, Option<f64>)>>,
}

pub(crate) fn list() -> Vec<Latency> {
    let even = |name, law| Latency {
        name,
        law,
        requests: (600.0, 600.0),
        slower: 1.0,
        tail: 0.0,
        spread: 0.0,
    };
    let slower = |name, law, slower| Latency {
        slower,
        ..even(name, law)
    };
    let tail = |name, law, tail| Latency {
        tail,
        ..even(name, law)
    };
    let spread = |name, law| Latency {
        spread: 0.1,
        ..even(name, law)
    };
    let split = |latency| Latency {
        requests: (1140.0, 60.0),
        ..latency
    };
    vec![
        even("latency, gamma", Law::Gamma),
        even("latency, lognormal", Law::LogNormal),
        even("latency, bimodal", Law::Bimodal),
        split(even("latency, 60 beside 1140/min", Law::LogNormal)),
        spread("latency, gamma, spread 10 %", Law::Gamma),
        spread("latency, lognormal, spread 10 %", Law::LogNormal),
        spread("latency, bimodal, spread 10 %", Law::Bimodal),
        slower("1.5x slower, gamma", Law::Gamma, 1.5),
        slower("1.5x slower, lognormal", Law::LogNormal, 1.5),
        slower("2x slower, bimodal", Law::Bimodal, 2.0),
        split(slower("2x slower, 60 beside 1140/min", Law::LogNormal, 2.0)),
        tail("3 % ten times slower, lognormal", Law::LogNormal, 0.03),
        tail("3 % ten times slower, bimodal", Law::Bimodal, 0.03),
    ]
}

impl Latency {
    pub(crate) const fn is_fault(&self) -> bool {
        self.slower > 1.0 || self.tail > 0.0
    }

    /// Judges so many runs.
    pub(crate) fn judged(&self, runs: usize, (seed, looks): (u64, usize)) -> Result<Found> {
        let mut random = StdRng::seed_from_u64(seed);
        let healthy = Table::new(samples(self.law, 0.0, &mut random)?);
        let worse = Table::new(samples(self.law, self.tail, &mut random)?);
        let metric = Metric {
            edges: EDGES
                .iter()
                .map(|edge| edge.parse())
                .collect::<Result<_, _>>()?,
            ..Metric::new("latency".parse()?)
        };
        let edges: Vec<f64> = metric.edges.iter().map(|edge| edge.bound()).collect();
        let mut found = Found::default();
        for _ in 0..runs {
            let away = self.spread * Normal::new(0.0, 1.0)?.sample(&mut random);
            let factor = self.slower * away.exp();
            let arms = [
                (healthy.buckets(&edges, 1.0), self.requests.0),
                (worse.buckets(&edges, factor), self.requests.1),
            ];
            let mut rows = Vec::new();
            for _ in 0..ROWS {
                let [baseline, canary] = &arms;
                rows.push([draw(baseline, &mut random)?, draw(canary, &mut random)?]);
            }
            found.ours.push(ours(&rows, std::slice::from_ref(&metric))?);
            found.mean.push(increases(&rows, looks, Arm::mean));
            found
                .percentile
                .push(increases(&rows, looks, |arm| arm.percentile(&edges)));
        }
        Ok(found)
    }
}

/// One arm in one row.
struct Arm {
    /// Requests in each bucket, the last of which has no bound.
    buckets: Vec<u64>,
    /// All latencies together.
    sum: f64,
}

impl Arm {
    fn total(&self) -> u64 {
        self.buckets.iter().sum()
    }

    fn mean(&self) -> f64 {
        self.sum / count(usize::try_from(self.total()).unwrap_or(0))
    }

    /// As `histogram_quantile(0.99)` tells it.
    fn percentile(&self, edges: &[f64]) -> f64 {
        let number = |requests: u64| count(usize::try_from(requests).unwrap_or(0));
        let wanted = 0.99 * number(self.total());
        let (mut below, mut start) = (0.0, 0.0);
        for (edge, requests) in edges.iter().zip(&self.buckets) {
            let inside = number(*requests);
            if below + inside >= wanted {
                return start + (edge - start) * (wanted - below) / inside;
            }
            below += inside;
            start = *edge;
        }
        start
    }
}

/// The chance, the mean and the variance of a bucket.
type Bucket = (f64, f64, f64);

/// A law as sorted samples.
struct Table(Vec<f64>);

impl Table {
    fn new(mut samples: Vec<f64>) -> Self {
        samples.sort_by(f64::total_cmp);
        Self(samples)
    }

    fn buckets(&self, edges: &[f64], factor: f64) -> Vec<Bucket> {
        let bounds = edges.iter().copied().chain([f64::INFINITY]);
        let mut rest = self.0.as_slice();
        let mut buckets = Vec::new();
        for bound in bounds {
            let inside = rest.partition_point(|latency| latency * factor <= bound);
            let (here, after) = rest.split_at(inside);
            rest = after;
            let size = count(here.len()).max(1.0);
            let mean = here.iter().sum::<f64>() / size * factor;
            let square = |latency: &f64| (latency * factor - mean).powi(2);
            let variance = here.iter().map(square).sum::<f64>() / size;
            buckets.push((count(here.len()) / count(self.0.len()), mean, variance));
        }
        buckets
    }
}

fn samples(law: Law, tail: f64, random: &mut StdRng) -> Result<Vec<f64>> {
    let (gamma, lognormal) = (Gamma::new(2.0, 0.05)?, LogNormal::new(0.08_f64.ln(), 0.6)?);
    let (cached, computed) = (Gamma::new(4.0, 0.005 / 4.0)?, Gamma::new(4.0, 0.05)?);
    let chance = |share: f64, random: &mut StdRng| -> Result<bool> {
        Ok(Binomial::new(1, share)?.sample(random) == 1)
    };
    let mut samples = Vec::new();
    for _ in 0..SAMPLES {
        let latency = match law {
            Law::Gamma => gamma.sample(random),
            Law::LogNormal => lognormal.sample(random),
            Law::Bimodal if chance(0.9, random)? => cached.sample(random),
            Law::Bimodal => computed.sample(random),
        };
        let times = if chance(tail, random)? { 10.0 } else { 1.0 };
        samples.push(latency * times);
    }
    Ok(samples)
}

fn draw((buckets, requests): &(Vec<Bucket>, f64), random: &mut StdRng) -> Result<Arm> {
    let mut left = whole(Poisson::new(*requests)?.sample(random));
    let mut chance_left = 1.0;
    let mut arm = Arm {
        buckets: Vec::new(),
        sum: 0.0,
    };
    for (place, (chance, mean, variance)) in buckets.iter().enumerate() {
        let last = place + 1 == buckets.len();
        let share = if last { 1.0 } else { chance / chance_left };
        let inside = Binomial::new(left, share.clamp(0.0, 1.0))?.sample(random);
        let size = count(usize::try_from(inside)?);
        arm.sum += Normal::new(size * mean, (size * variance).sqrt())?.sample(random);
        arm.buckets.push(inside);
        left -= inside;
        chance_left = (chance_left - chance).max(f64::MIN_POSITIVE);
    }
    Ok(arm)
}

/// The row at which a histogram fails the canary.
fn ours(rows: &[[Arm; 2]], metrics: &[Metric]) -> Result<Option<u64>> {
    let mut panel = Panel::new(&Policy::default(), metrics)?;
    let mut tallies = Vec::new();
    for (minute, [baseline, canary]) in rows.iter().enumerate() {
        let edges = 1..baseline.buckets.len();
        let counts = edges.map(|edge| {
            let slow = |arm: &Arm| arm.buckets.iter().skip(edge).sum::<u64>();
            Pair::from([
                baseline.total(),
                slow(baseline),
                canary.total(),
                slow(canary),
            ])
        });
        tallies.push(Tally {
            time: moment(minute)?,
            counts: counts.collect(),
        });
    }
    let now = moment(rows.len())?;
    let found = panel.judge(&tallies, &Sight::default(), now);
    Ok(found
        .decided_at_row
        .filter(|_| found.reason == Reason::Worse))
}

/// Every look of Kayenta that finds an increase of a value of the rows.
fn increases(
    rows: &[[Arm; 2]],
    looks: usize,
    value: impl Fn(&Arm) -> f64,
) -> Vec<(u64, Option<f64>)> {
    let ends = (1..)
        .map(|look| look * looks)
        .take_while(|end| *end <= rows.len());
    ends.filter_map(|end| {
        let seen = rows.get(..end)?;
        let points = |arm: usize| -> Vec<f64> {
            seen.iter()
                .filter_map(|row| row.get(arm))
                .map(&value)
                .collect()
        };
        match classify(&points(1), &points(0)) {
            Class::High(effect) => Some((u64::try_from(end).ok()?, effect)),
            Class::Pass | Class::Nodata => None,
        }
    })
    .collect()
}
