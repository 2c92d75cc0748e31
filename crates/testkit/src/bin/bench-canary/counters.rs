//! Invented counters of the instances of one arm, as they are scraped.

use std::collections::BTreeMap;

use anyhow::Result;
use liftlock::canary::counts::Arm;
use liftlock::telemetry::{Answer, Arms, Counter, Sample, Series};
use liftlock::time::Time;
use rand::rngs::StdRng;
use rand_distr::{Distribution as _, StandardUniform};

use crate::scenario::{self, ROWS, count};

/// Between two scrapes of one instance.
const SCRAPE: i64 = 15_000;

/// Scrapes in a row.
const SCRAPES: i64 = 4;

/// Scrapes that a new pod is not there for.
const DOWN: i64 = 2;

/// What happens to the counters of an arm.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fleet {
    pub(crate) version: &'static str,
    pub(crate) instances: usize,
    /// The chance that a scrape fails.
    pub(crate) lost: f64,
    /// The chance that an instance restarts between two scrapes.
    pub(crate) restarts: f64,
    pub(crate) restart: Restart,
    /// What the counters of the known version held before; those of a new one
    /// are born with its first scrape.
    pub(crate) history: Option<Arm>,
}

/// What a restart does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Restart {
    /// The same instance counts from 0.
    Reset,
    /// Another one comes in its place, a while later.
    Replaced,
}

/// One process.
struct Process {
    labels: BTreeMap<String, String>,
    counted: Arm,
    good: Vec<Sample>,
    /// There is no series before the first one.
    bad: Vec<Sample>,
}

impl Process {
    fn new((instance, life): (usize, i64), (version, counted): (&str, Arm)) -> Self {
        let labels = [
            ("version", version.to_owned()),
            ("__name__", "http_requests_total".to_owned()),
            ("job", "shop".to_owned()),
            ("instance", format!("pod-{instance}-{life}:8080")),
        ];
        Self {
            labels: labels.map(|(key, value)| (key.to_owned(), value)).into(),
            counted,
            good: Vec::new(),
            bad: Vec::new(),
        }
    }

    fn scrape(&mut self, time: Time) -> Result<()> {
        let sample = |number: u64| -> Result<Sample> {
            let value = count(usize::try_from(number)?);
            Ok(Sample { time, value })
        };
        self.good
            .push(sample(self.counted.total - self.counted.bad)?);
        if self.counted.bad > 0 {
            self.bad.push(sample(self.counted.bad)?);
        }
        Ok(())
    }

    fn series(self) -> [Series; 2] {
        let labelled = |code: &str, samples| {
            let mut labels = self.labels.clone();
            labels.insert("code".to_owned(), code.to_owned());
            Series { labels, samples }
        };
        [labelled("200", self.good), labelled("500", self.bad)]
    }
}

impl Fleet {
    /// The series of all good and of all bad requests of an hour, for so many
    /// requests a minute of which this share is bad.
    pub(crate) fn arm(
        &self,
        (requests, share): (f64, f64),
        random: &mut StdRng,
    ) -> Result<[Vec<Series>; 2]> {
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        let between = requests / count(self.instances) / count(usize::try_from(SCRAPES)?);
        for instance in 0..self.instances {
            for [one, other] in self.instance(instance, (between, share), random)? {
                good.push(one);
                bad.push(other);
            }
        }
        for all in [&mut good, &mut bad] {
            all.retain(|series: &Series| !series.samples.is_empty());
        }
        Ok([good, bad])
    }

    fn instance(
        &self,
        number: usize,
        (requests, share): (f64, f64),
        random: &mut StdRng,
    ) -> Result<Vec<[Series; 2]>> {
        let phase = scenario::whole(unit(random) * count(usize::try_from(SCRAPE)?));
        let begun = self.history.unwrap_or_default();
        let mut process = Process::new((number, 0), (self.version, begun));
        let (mut ended, mut down) = (Vec::new(), 0);
        for scrape in -SCRAPES..SCRAPES * i64::try_from(ROWS)? {
            if down > 0 {
                down -= 1;
                continue;
            }
            let restarts = unit(random) < self.restarts;
            let after = match restarts {
                true => unit(random),
                false => 1.0,
            };
            if restarts && self.restart == Restart::Replaced {
                let new = Process::new(
                    (number, scrape + SCRAPES + 1),
                    (self.version, Arm::default()),
                );
                ended.push(std::mem::replace(&mut process, new).series());
                down = DOWN;
                continue;
            }
            if restarts {
                process.counted = Arm::default();
            }
            let more = scenario::arm(requests * after, share, random)?;
            process.counted = process.counted.plus(more);
            if unit(random) >= self.lost {
                let millis = i64::try_from(phase)? + SCRAPE * scrape;
                process.scrape(scenario::after(millis)?)?;
            }
        }
        ended.push(process.series());
        Ok(ended)
    }
}

/// Both counters of a slot, as Prometheus would answer.
pub(crate) fn told([good, bad]: &[Vec<Series>; 2], warning: Option<&str>) -> Arms {
    let warnings: Vec<String> = warning.map(str::to_owned).into_iter().collect();
    let answer = |series: Vec<Series>| {
        let warnings = warnings.clone();
        Counter::Raw(Answer {
            series,
            warnings,
            ..Answer::default()
        })
    };
    Arms {
        total: answer(good.iter().chain(bad).cloned().collect()),
        bad: answer(bad.clone()),
    }
}

fn unit(random: &mut StdRng) -> f64 {
    StandardUniform.sample(random)
}
