//! Invented canaries as raw samples of counters: ours counts the differences
//! itself, the peers get what Prometheus' `increase` makes of the same samples.

use anyhow::Result;
use liftlock::canary::counts::{Arm, Row};
use liftlock::canary::sight::Sight;
use liftlock::canary::{Evidence, Policy, decide};
use liftlock::peers::increase::increase;
use liftlock::peers::kayenta::{Class, classify};
use liftlock::peers::{argo, flagger};
use liftlock::span::Span;
use liftlock::telemetry::{Series, Window, gather};
use liftlock::time::Time;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::counters::{Fleet, Restart, told};
use crate::scenario::{ROWS, Scenario, Shape, moment};
use crate::{LOOKS, Limits, Seen};

/// One kind of run.
#[derive(Clone, Debug)]
pub(crate) struct Raw {
    pub(crate) scenario: Scenario,
    /// Of baseline and canary.
    fleets: [Fleet; 2],
    /// What the source says of its answer.
    warning: Option<&'static str>,
}

/// Everything that is run.
pub(crate) fn list() -> Vec<Raw> {
    let mut all = healthy();
    all.extend(faulty());
    let silent = |name: &str, minute| plain(name, 0.01, 1.0).with_shape(Shape::Silent(minute));
    all.push(Raw::new(
        silent("samples, no canary at all", 0),
        steady(4),
        steady(4),
    ));
    all.push(Raw::new(
        silent("samples, canary stops at minute 20", 20),
        steady(4),
        steady(4),
    ));
    let partial = silent("samples, half an answer", ROWS);
    all.push(Raw {
        warning: Some("a store is down"),
        ..Raw::new(partial, steady(4), steady(4))
    });
    all
}

fn healthy() -> Vec<Raw> {
    let even = |name: &str, fleet: Fleet| Raw::new(plain(name, 0.01, 1.0), fleet, fleet);
    vec![
        even("samples, 600/min", steady(4)),
        even("samples, scrapes lost", lossy(4)),
        even("samples, counters reset", resetting(4)),
        Raw::new(
            plain("samples, only the canary's reset", 0.01, 1.0),
            steady(4),
            resetting(4),
        ),
        even("samples, pods replaced", replaced(4)),
        Raw::new(
            plain("samples, only the canary's pods replaced", 0.01, 1.0),
            steady(4),
            replaced(4),
        ),
        Raw::new(
            plain("samples, newborn series, rare 0.01 %", 0.0001, 1.0),
            steady(10),
            steady(10),
        ),
    ]
}

fn faulty() -> Vec<Raw> {
    let even = |name: &str, fleet: Fleet| Raw::new(plain(name, 0.01, 2.0), fleet, fleet);
    vec![
        even("2x, samples, scrapes lost", lossy(4)),
        even("2x, samples, counters reset", resetting(4)),
        even("2x, samples, pods replaced", replaced(4)),
        Raw::new(
            plain("20x, samples, newborn series, rare 0.01 %", 0.0001, 20.0),
            steady(10),
            steady(10),
        ),
    ]
}

fn plain(name: &str, rate: f64, fault: f64) -> Scenario {
    Scenario::new(name, (600.0, 600.0), rate, fault)
}

const fn steady(instances: usize) -> Fleet {
    Fleet {
        version: "v2",
        instances,
        lost: 0.0,
        restarts: 0.0,
        restart: Restart::Reset,
        history: None,
    }
}

/// Every tenth scrape fails.
const fn lossy(instances: usize) -> Fleet {
    Fleet {
        lost: 0.1,
        ..steady(instances)
    }
}

/// Each instance restarts every ten minutes.
const fn resetting(instances: usize) -> Fleet {
    Fleet {
        restarts: 0.025,
        ..steady(instances)
    }
}

const fn replaced(instances: usize) -> Fleet {
    Fleet {
        restart: Restart::Replaced,
        ..resetting(instances)
    }
}

/// The good and the bad series of an arm.
type Sides = [Vec<Series>; 2];

impl Raw {
    fn new(scenario: Scenario, known: Fleet, canary: Fleet) -> Self {
        // The known version has served, and failed, for long.
        let history = Some(Arm {
            total: 50_000,
            bad: 500,
        });
        let known = Fleet {
            version: "v1",
            history,
            ..known
        };
        Self {
            scenario,
            fleets: [known, canary],
            warning: None,
        }
    }

    /// Judges so many runs.
    pub(crate) fn judged(&self, runs: usize, seed: u64) -> Result<Seen> {
        let mut random = StdRng::seed_from_u64(seed);
        let limits = Limits::of(&self.scenario);
        let mut seen = Seen::of(self.scenario.clone());
        for _ in 0..runs {
            let sides = self.run(&mut random)?;
            self.ours(&sides, &mut seen)?;
            let shares = Shares::of(&sides)?;
            seen.kayenta.push(shares.increases());
            seen.argo.push(argo::fails_by(
                shares.over(limits.argo.every, &sides)?,
                &limits.argo,
            ));
            let every = limits.flagger.every;
            let checks = shares.over(every, &sides)?;
            seen.flagger
                .push(flagger::fails_by(checks, &limits.flagger));
        }
        Ok(seen)
    }

    fn run(&self, random: &mut StdRng) -> Result<[Sides; 2]> {
        let (known, canary) = self.scenario.requests;
        let [baseline, judged] = &self.fleets;
        let share = self.scenario.rate;
        let baseline = baseline.arm((known, share), random)?;
        let mut canary = judged.arm((canary, share * self.scenario.fault), random)?;
        if let Shape::Silent(from) = self.scenario.shape {
            let from = match from {
                0 => Time::EPOCH,
                minute => moment(minute)?,
            };
            for series in canary.iter_mut().flatten() {
                series.samples.retain(|sample| sample.time < from);
            }
            for side in &mut canary {
                side.retain(|series| !series.samples.is_empty());
            }
        }
        Ok([baseline, canary])
    }

    /// Reads the samples as a live run would, and judges the rows.
    fn ours(&self, [baseline, canary]: &[Sides; 2], seen: &mut Seen) -> Result<()> {
        let window = Window {
            from: moment(0)?,
            to: moment(ROWS)?,
            interval: Span::seconds(60),
        };
        let [known, judged] = [baseline, canary].map(|sides| told(sides, self.warning));
        let gathered = gather(window, Some(&known), &judged)?;
        let sight = Sight {
            faults: gathered.faults,
            ..Sight::default()
        };
        let evidence = Evidence {
            rows: &gathered.rows,
            sight: &sight,
        };
        let found = decide(&Policy::default(), &evidence, window.to);
        let end = seen.learn(&found).unwrap_or(gathered.rows.len());
        seen.serve(&gathered.rows, end)
    }
}

/// The share of bad requests of both arms in each minute, where there is one.
struct Shares([Vec<Option<f64>>; 2]);

impl Shares {
    fn of(arms: &[Sides; 2]) -> Result<Self> {
        let minutes = |sides: &Sides| -> Result<Vec<Option<f64>>> {
            (1..=ROWS)
                .map(|minute| share(sides, (moment(minute - 1)?, moment(minute)?)))
                .collect()
        };
        let [baseline, canary] = arms;
        Ok(Self([minutes(baseline)?, minutes(canary)?]))
    }

    /// Every look of Kayenta that finds an increase.
    fn increases(&self) -> Vec<(u64, Option<f64>)> {
        let Self([baseline, canary]) = self;
        let ends = (1..)
            .map(|look| look * LOOKS)
            .take_while(|end| *end <= ROWS);
        ends.filter_map(|end| {
            let points = |arm: &[Option<f64>]| -> Vec<f64> {
                arm.iter().take(end).copied().flatten().collect()
            };
            match classify(&points(canary), &points(baseline)) {
                Class::High(effect) => Some((u64::try_from(end).ok()?, effect)),
                Class::Pass | Class::Nodata => None,
            }
        })
        .collect()
    }

    /// The canary's share over so many minutes, at the end of each so many.
    fn over(&self, minutes: usize, [_, canary]: &[Sides; 2]) -> Result<Vec<(u64, Option<f64>)>> {
        let Self([_, each]) = self;
        let ends = (1..)
            .map(|look| look * minutes)
            .take_while(|end| *end <= ROWS);
        ends.map(|end| {
            let value = match minutes {
                1 => each.get(end - 1).copied().flatten(),
                _ => share(canary, (moment(end - minutes)?, moment(end)?))?,
            };
            Ok((u64::try_from(end)?, value))
        })
        .collect()
    }
}

/// `1 - sum(increase(good)) / sum(increase(all))`: the usual query, which does
/// not lose its answer while there is no series of bad requests.
fn share([good, bad]: &Sides, window: (Time, Time)) -> Result<Option<f64>> {
    let sum = |series: &[Series]| -> Option<f64> {
        let risen = series.iter();
        let risen = risen.filter_map(|one| increase(&one.samples, window));
        risen.reduce(|one, other| one + other)
    };
    Ok(sum(good).and_then(|good| {
        let all = good + sum(bad).unwrap_or_default();
        (all > 0.0).then(|| 1.0 - good / all)
    }))
}

/// The rows that a verdict was made from, as far as they were served.
impl Seen {
    fn serve(&mut self, rows: &[Row], end: usize) -> Result<()> {
        let bad: u64 = rows.iter().take(end).map(|row| row.canary.bad).sum();
        self.served += crate::scenario::count(usize::try_from(bad)?);
        Ok(())
    }
}
