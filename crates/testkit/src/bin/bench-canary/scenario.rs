//! Invented and recorded traffic, split into two arms.

use anyhow::Result;
use liftlock::canary::counts::{Arm, Row};
use liftlock::time::Time;
use rand::rngs::StdRng;
use rand_distr::{Binomial, Distribution as _, Normal, Poisson};

/// Rows of a minute in one run.
pub(crate) const ROWS: usize = 60;

/// The first moment of all runs.
const START: i64 = 1_795_435_200_000;

/// One kind of run.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) name: String,
    /// Requests a minute of baseline and canary.
    pub(crate) requests: (f64, f64),
    /// The share of bad requests of a healthy version.
    pub(crate) rate: f64,
    /// What the fault multiplies it by; 1 for two healthy arms.
    pub(crate) fault: f64,
    /// The first row with the fault, counted from 0.
    pub(crate) onset: usize,
    /// The deviation of the logarithm of a healthy canary's rate.
    pub(crate) spread: f64,
    pub(crate) shape: Shape,
}

/// How traffic and failures vary over time.
#[derive(Clone, Debug)]
pub(crate) enum Shape {
    Steady,
    /// Failures of both arms come in common bursts.
    Bursts,
    /// Traffic and failures follow the hour.
    Daily,
    /// The canary's weight goes 5, 20, 35, 50 %, while failures rise threefold.
    Ramp,
    /// Every tenth minute is not recorded.
    Lost,
    /// The canary fails five times as often in its first minutes, which all
    /// judges are told to leave out.
    Cold,
    /// From this row on the canary counts nothing.
    Silent(usize),
    /// Requests of both arms together as recorded, and the canary's share.
    Recorded(Vec<f64>, f64),
}

impl Scenario {
    pub(crate) fn new(name: &str, requests: (f64, f64), rate: f64, fault: f64) -> Self {
        Self {
            name: name.to_owned(),
            requests,
            rate,
            fault,
            onset: 0,
            spread: 0.0,
            shape: Shape::Steady,
        }
    }

    pub(crate) fn with_shape(self, shape: Shape) -> Self {
        Self { shape, ..self }
    }

    pub(crate) fn with_spread(self, spread: f64) -> Self {
        Self { spread, ..self }
    }

    pub(crate) fn with_onset(self, onset: usize) -> Self {
        Self { onset, ..self }
    }

    /// What is to be told apart in it.
    pub(crate) fn kind(&self) -> &'static str {
        match self.shape {
            Shape::Silent(_) => "blind",
            Shape::Steady
            | Shape::Bursts
            | Shape::Daily
            | Shape::Ramp
            | Shape::Lost
            | Shape::Cold
            | Shape::Recorded(..) => match self.fault > 1.0 {
                true => "fault",
                false => "healthy",
            },
        }
    }

    /// The least requests a minute that the canary ever gets.
    pub(crate) fn least(&self) -> f64 {
        match &self.shape {
            Shape::Ramp => 0.05 * (self.requests.0 + self.requests.1),
            Shape::Daily => 0.2 * self.requests.1,
            Shape::Silent(_) => 0.0,
            Shape::Recorded(series, weight) => {
                let least = series.iter().copied().fold(f64::INFINITY, f64::min);
                least * weight
            }
            Shape::Steady | Shape::Bursts | Shape::Lost | Shape::Cold => self.requests.1,
        }
    }

    /// The rows that no judge looks at.
    pub(crate) const fn warm_up(&self) -> usize {
        if matches!(self.shape, Shape::Cold) {
            5
        } else {
            0
        }
    }

    /// One run.
    pub(crate) fn run(&self, random: &mut StdRng) -> Result<Vec<Row>> {
        let away = self.spread * Normal::new(0.0, 1.0)?.sample(random);
        let mut burst = 0.0;
        let mut rows = Vec::new();
        for minute in 0..ROWS {
            burst = 0.8 * burst + Normal::new(0.0, 0.6)?.sample(random);
            if matches!(self.shape, Shape::Lost) && minute % 10 == 3 {
                continue;
            }
            let (expected, rate) = self.moment(minute, burst);
            let fault = if minute < self.onset { 1.0 } else { self.fault };
            let cold = if minute < self.warm_up() { 5.0 } else { 1.0 };
            let worse = (rate * cold * fault * away.exp()).min(0.9);
            rows.push(Row {
                time: moment(minute)?,
                baseline: arm(expected.0, rate, random)?,
                canary: arm(expected.1, worse, random)?,
            });
        }
        Ok(rows)
    }

    /// Expected requests of both arms, and the common share of bad ones.
    fn moment(&self, minute: usize, burst: f64) -> ((f64, f64), f64) {
        let at = count(minute);
        let (baseline, canary) = self.requests;
        match &self.shape {
            Shape::Steady | Shape::Lost | Shape::Cold => (self.requests, self.rate),
            Shape::Bursts => (self.requests, (self.rate * f64::exp(burst)).min(0.5)),
            Shape::Daily => {
                let hour = (at / 60.0 * std::f64::consts::TAU).sin();
                let traffic = 1.0 + 0.8 * hour;
                let rate = self.rate * (1.0 - 0.6 * hour);
                ((baseline * traffic, canary * traffic), rate)
            }
            Shape::Ramp => {
                let all = baseline + canary;
                let weight = match minute {
                    ..15 => 0.05,
                    15..30 => 0.2,
                    30..45 => 0.35,
                    45.. => 0.5,
                };
                let rate = self.rate * (1.0 + at / 20.0);
                ((all * (1.0 - weight), all * weight), rate)
            }
            Shape::Silent(from) if minute >= *from => ((baseline, 0.0), self.rate),
            Shape::Silent(_) => (self.requests, self.rate),
            Shape::Recorded(series, weight) => {
                let all = series.get(minute % series.len().max(1)).copied();
                let all = all.unwrap_or_default();
                ((all * (1.0 - weight), all * weight), self.rate)
            }
        }
    }
}

pub(crate) fn moment(minute: usize) -> Result<Time> {
    after(60_000 * i64::try_from(minute)?)
}

/// So many milliseconds after the begin.
pub(crate) fn after(millis: i64) -> Result<Time> {
    Ok(Time::from_unix_millis(START + millis)?)
}

pub(crate) fn arm(expected: f64, rate: f64, random: &mut StdRng) -> Result<Arm> {
    if expected <= 0.0 {
        return Ok(Arm::default());
    }
    let total = whole(Poisson::new(expected)?.sample(random));
    let bad = Binomial::new(total, rate)?.sample(random);
    Ok(Arm { total, bad })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::as_conversions,
    reason = "a sample of a count, given as a real"
)]
pub(crate) const fn whole(sample: f64) -> u64 {
    sample as u64
}

#[expect(
    clippy::cast_precision_loss,
    clippy::as_conversions,
    reason = "small counts"
)]
pub(crate) const fn count(number: usize) -> f64 {
    number as f64
}
