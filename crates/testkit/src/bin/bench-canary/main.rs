//! Judges the same invented and recorded canaries by our rules and by those of
//! three peers, and counts false alarms, finds and delays.
//!
//! Kayenta stands there twice: as it is set up by default, and with its allowed
//! increase raised until it, too, keeps false alarms to 1 % in every scenario
//! with two healthy arms.

mod counters;
mod latency;
mod list;
mod raw;
mod scenario;
mod speed;

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Mutex;

use anyhow::{Result, anyhow};
use clap::Parser;
use liftlock::canary::counts::Row;
use liftlock::canary::sight::Sight;
use liftlock::canary::{Evidence, Judgement, Policy, decide};
use liftlock::peers::{argo, flagger, kayenta};
use liftlock::span::Span;
use liftlock::time::Time;
use liftlock::verdict::Verdict;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use scenario::{Scenario, count};

/// Rows between two looks of Kayenta.
const LOOKS: usize = 10;

/// False alarms that the raised Kayenta may have.
const ALLOWED: f64 = 0.01;

#[derive(Parser)]
struct Args {
    /// Runs of each scenario
    #[arg(long, default_value_t = 2000)]
    runs: usize,

    /// What the invented traffic is drawn from
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// Measure what looks cost instead
    #[arg(long)]
    speed: bool,

    /// Judge latencies instead, beside Kayenta's rules on their mean and percentile
    #[arg(long)]
    latency: bool,

    /// Judge raw samples of counters instead, which are read as in a live run
    #[arg(long)]
    samples: bool,

    /// Folder with recorded series
    #[arg(long)]
    series: Option<PathBuf>,
}

/// What the judges made of all runs of a scenario: the row, counted from 1, at
/// which each failed it.
struct Seen {
    scenario: Scenario,
    ours: Vec<Option<u64>>,
    passes: Vec<u64>,
    blind: usize,
    kayenta: Runs,
    argo: Vec<Option<u64>>,
    flagger: Vec<Option<u64>>,
    /// Bad requests of the canary up to our stop.
    served: f64,
}

fn main() -> Result<()> {
    let args = Args::parse();
    if args.speed {
        return Ok(writeln!(std::io::stdout(), "{}", speed::figures()?)?);
    }
    if args.latency {
        return latencies(&args);
    }
    let seen = if args.samples {
        side_by_side(raw::list(), |place, one| {
            let seed = args.seed.wrapping_mul(1000).wrapping_add(700 + place);
            one.judged(args.runs, seed)
        })?
    } else {
        let list = list::scenarios(args.series.as_deref())?;
        side_by_side(list, |place, scenario| {
            let seed = args.seed.wrapping_mul(1000).wrapping_add(place);
            judged(scenario, args.runs, seed)
        })?
    };
    let healthy = seen.iter().filter(|one| one.scenario.kind() == "healthy");
    let healthy: Vec<Runs> = healthy.map(|one| one.kayenta.clone()).collect();
    let raised = raised(&healthy);
    let head = json!({ "seed": args.seed, "runs": args.runs, "raised": raised });
    let mut out = std::io::stdout().lock();
    writeln!(out, "{head}")?;
    for one in &seen {
        writeln!(out, "{}", told(one, raised))?;
    }
    Ok(())
}

/// Judges a list on all cores; what comes out is in its order.
fn side_by_side<T: Send, R: Send>(
    list: Vec<T>,
    judge: impl Fn(u64, T) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    let next = Mutex::new((0_u64..).zip(list));
    let found = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some((place, one)) = next.lock().ok().and_then(|mut all| all.next()) {
                    let judged = judge(place, one);
                    if let Ok(mut found) = found.lock() {
                        found.push((place, judged));
                    }
                }
            });
        }
    });
    let mut found = found
        .into_inner()
        .map_err(|_poisoned| anyhow!("a thread died"))?;
    found.sort_by_key(|(place, _)| *place);
    found.into_iter().map(|(_, judged)| judged).collect()
}

/// The limits of the peers, which are set by one who knows the healthy share.
struct Limits {
    argo: argo::Metric,
    flagger: flagger::Analysis,
}

impl Limits {
    fn of(scenario: &Scenario) -> Self {
        let limit = 2.0 * scenario.rate;
        Self {
            argo: argo::Metric {
                every: 5,
                count: 12,
                failure_limit: 3,
                limit,
            },
            flagger: flagger::Analysis {
                every: 1,
                threshold: 5,
                limit,
            },
        }
    }
}

impl Seen {
    const fn of(scenario: Scenario) -> Self {
        Self {
            ours: Vec::new(),
            passes: Vec::new(),
            blind: 0,
            kayenta: Vec::new(),
            argo: Vec::new(),
            flagger: Vec::new(),
            served: 0.0,
            scenario,
        }
    }

    /// Takes a verdict of ours; returns how many rows were served until a fail.
    fn learn(&mut self, found: &Judgement) -> Option<usize> {
        let failed = found
            .decided_at_row
            .filter(|_| found.verdict == Verdict::Fail);
        self.ours.push(failed);
        match (found.verdict, found.decided_at_row) {
            (Verdict::Pass, Some(row)) => self.passes.push(row),
            (Verdict::Blind, _) => self.blind += 1,
            _ => {}
        }
        failed.and_then(|row| usize::try_from(row).ok())
    }
}

fn judged(scenario: Scenario, runs: usize, seed: u64) -> Result<Seen> {
    let mut random = StdRng::seed_from_u64(seed);
    let warm_up = scenario.warm_up();
    let policy = Policy {
        warm_up: Span::seconds(60 * u32::try_from(warm_up)?),
        ..Policy::default()
    };
    let limits = Limits::of(&scenario);
    let mut seen = Seen::of(scenario);
    for _ in 0..runs {
        let rows = seen.scenario.run(&mut random)?;
        let end = ours(&rows, &policy, &mut seen);
        let until = rows.iter().take(end);
        let bad: u64 = until.map(|row| row.canary.bad).sum();
        seen.served += count(usize::try_from(bad)?);
        let warm = rows.get(warm_up..).unwrap_or_default();
        let later = |row: u64| row + u64::try_from(warm_up).unwrap_or(0);
        let increases = kayenta::increases(warm, LOOKS).into_iter();
        seen.kayenta.push(
            increases
                .map(|(row, effect)| (later(row), effect))
                .collect(),
        );
        seen.argo.push(argo::fails(warm, &limits.argo).map(later));
        seen.flagger
            .push(flagger::fails(warm, &limits.flagger).map(later));
    }
    Ok(seen)
}

/// Judges one run; returns how many rows it saw.
fn ours(rows: &[Row], policy: &Policy, seen: &mut Seen) -> usize {
    let sight = Sight::default();
    let evidence = Evidence {
        rows,
        sight: &sight,
    };
    // The present is the planned end, also when the counts ended before.
    let now = rows.last().map_or(Time::EPOCH, |row| row.time);
    let found = decide(policy, &evidence, now);
    seen.learn(&found).unwrap_or(rows.len())
}

fn latencies(args: &Args) -> Result<()> {
    let list = latency::list();
    let all = side_by_side(list.clone(), |place, one| {
        let seed = args.seed.wrapping_mul(1000).wrapping_add(500 + place);
        one.judged(args.runs, (seed, LOOKS))
    })?;
    let healthy = || list.iter().zip(&all).filter(|(one, _)| !one.is_fault());
    let least = |of: &dyn Fn(&latency::Found) -> Vec<Runs>| {
        raised(
            &healthy()
                .flat_map(|(_, found)| of(found))
                .collect::<Vec<_>>(),
        )
    };
    let mean = least(&|found| vec![found.mean.clone()]);
    let percentile = least(&|found| vec![found.percentile.clone()]);
    let mut out = std::io::stdout().lock();
    for (one, found) in list.iter().zip(&all) {
        let by = |runs: &Runs, allowed| -> Value {
            let fails: Vec<_> = runs.iter().map(|run| fails(run, allowed)).collect();
            figures(&fails, 0)
        };
        let line = json!({
            "scenario": one.name,
            "slower": one.slower,
            "kind": if one.is_fault() { "fault" } else { "healthy" },
            "runs": found.ours.len(),
            "ours": figures(&found.ours, 0),
            "mean": by(&found.mean, 1.0),
            "mean raised": by(&found.mean, mean),
            "percentile": by(&found.percentile, 1.0),
            "percentile raised": by(&found.percentile, percentile),
            "raised": [mean, percentile],
        });
        writeln!(out, "{line}")?;
    }
    Ok(())
}

/// The increases that Kayenta's looks found, of each run.
type Runs = Vec<Vec<(u64, Option<f64>)>>;

/// The row at which Kayenta fails a run.
fn fails(increases: &[(u64, Option<f64>)], allowed: f64) -> Option<u64> {
    let counts = |effect: Option<f64>| effect.is_none_or(|effect| effect >= allowed);
    let found = increases.iter().find(|(_, effect)| counts(*effect));
    found.map(|(row, _)| *row)
}

/// The least allowed increase with which Kayenta keeps to the allowed alarms.
fn raised(healthy: &[Runs]) -> f64 {
    let keeps = |allowed: f64| {
        healthy.iter().all(|runs| {
            let alarms = runs.iter().filter(|run| fails(run, allowed).is_some());
            count(alarms.count()) <= ALLOWED * count(runs.len())
        })
    };
    let steps = (0_u32..=300).map(|step| 1.0 + f64::from(step) / 100.0);
    steps
        .into_iter()
        .find(|allowed| keeps(*allowed))
        .unwrap_or(f64::INFINITY)
}

fn told(seen: &Seen, raised: f64) -> Value {
    let kayenta = |allowed| {
        seen.kayenta
            .iter()
            .map(|run| fails(run, allowed))
            .collect::<Vec<_>>()
    };
    let onset = u64::try_from(seen.scenario.onset).unwrap_or(0);
    let runs = seen.ours.len();
    json!({
        "scenario": seen.scenario.name,
        "kind": seen.scenario.kind(),
        "fault": seen.scenario.fault,
        "requests": seen.scenario.least(),
        "runs": runs,
        "ours": figures(&seen.ours, onset),
        "kayenta": figures(&kayenta(1.0), onset),
        "kayenta raised": figures(&kayenta(raised), onset),
        "argo": figures(&seen.argo, onset),
        "flagger": figures(&seen.flagger, onset),
        "passes": seen.passes.len(),
        "median pass": median(seen.passes.iter().map(|row| Some(*row)).collect()),
        "blind": seen.blind,
        "bad served": seen.served / count(runs),
    })
}

/// How many runs failed, and how many rows after the onset half of all runs had.
fn figures(fails: &[Option<u64>], onset: u64) -> Value {
    let delays: Vec<Option<u64>> = fails
        .iter()
        .map(|row| row.map(|row| row.saturating_sub(onset)))
        .collect();
    json!({
        "failed": fails.iter().flatten().count(),
        "delay": median(delays),
    })
}

/// The middle one; nothing is later than everything.
fn median(mut delays: Vec<Option<u64>>) -> Option<u64> {
    delays.sort_by_key(|delay| delay.unwrap_or(u64::MAX));
    delays
        .get(delays.len().saturating_sub(1) / 2)
        .copied()
        .flatten()
}
