//! Judges the same invented and recorded canaries by our rules and by those of
//! three peers, and counts false alarms, finds and delays.
//!
//! Kayenta stands there twice: as it is set up by default, and with its allowed
//! increase raised until it, too, keeps false alarms to 1 % in every scenario
//! with two healthy arms.

mod list;
mod scenario;
mod speed;

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Mutex;

use anyhow::{Result, anyhow};
use clap::Parser;
use liftlock::canary::counts::Row;
use liftlock::canary::sight::Sight;
use liftlock::canary::{Evidence, Policy, decide};
use liftlock::peers::{argo, flagger, kayenta};
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
    kayenta: Vec<Vec<(u64, Option<f64>)>>,
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
    let list = list::scenarios(args.series.as_deref())?;
    let next = Mutex::new(list.into_iter().zip(0_u64..));
    let seen = Mutex::new(Vec::new());
    let failed = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some((scenario, place)) = next.lock().ok().and_then(|mut all| all.next())
                {
                    let seed = args.seed.wrapping_mul(1000).wrapping_add(place);
                    match judged(scenario, args.runs, seed) {
                        Ok(found) => {
                            if let Ok(mut seen) = seen.lock() {
                                seen.push((place, found));
                            }
                        }
                        Err(error) => {
                            if let Ok(mut failed) = failed.lock() {
                                *failed = Some(error);
                            }
                        }
                    }
                }
            });
        }
    });
    if let Some(error) = failed.into_inner().ok().flatten() {
        return Err(error);
    }
    let mut seen = seen
        .into_inner()
        .map_err(|_poisoned| anyhow!("a thread died"))?;
    seen.sort_by_key(|(place, _)| *place);
    let seen: Vec<Seen> = seen.into_iter().map(|(_, seen)| seen).collect();
    let raised = raised(&seen);
    let head = json!({ "seed": args.seed, "runs": args.runs, "raised": raised });
    let mut out = std::io::stdout().lock();
    writeln!(out, "{head}")?;
    for one in &seen {
        writeln!(out, "{}", told(one, raised))?;
    }
    Ok(())
}

fn judged(scenario: Scenario, runs: usize, seed: u64) -> Result<Seen> {
    let mut random = StdRng::seed_from_u64(seed);
    let policy = Policy::default();
    // The peers' fixed limits are set by one who knows the healthy share.
    let limit = 2.0 * scenario.rate;
    let metric = argo::Metric {
        every: 5,
        count: 12,
        failure_limit: 3,
        limit,
    };
    let analysis = flagger::Analysis {
        every: 1,
        threshold: 5,
        limit,
    };
    let mut seen = Seen {
        ours: Vec::new(),
        passes: Vec::new(),
        blind: 0,
        kayenta: Vec::new(),
        argo: Vec::new(),
        flagger: Vec::new(),
        served: 0.0,
        scenario,
    };
    for _ in 0..runs {
        let rows = seen.scenario.run(&mut random)?;
        let end = ours(&rows, &policy, &mut seen);
        let until = rows.iter().take(end);
        let bad: u64 = until.map(|row| row.canary.bad).sum();
        seen.served += count(usize::try_from(bad)?);
        seen.kayenta.push(kayenta::increases(&rows, LOOKS));
        seen.argo.push(argo::fails(&rows, &metric));
        seen.flagger.push(flagger::fails(&rows, &analysis));
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
    seen.ours.push(
        found
            .decided_at_row
            .filter(|_| found.verdict == Verdict::Fail),
    );
    match (found.verdict, found.decided_at_row) {
        (Verdict::Pass, Some(row)) => seen.passes.push(row),
        (Verdict::Blind, _) => seen.blind += 1,
        _ => {}
    }
    let end = seen.ours.last().copied().flatten();
    end.and_then(|row| usize::try_from(row).ok())
        .unwrap_or(rows.len())
}

/// The row at which Kayenta fails a run.
fn fails(increases: &[(u64, Option<f64>)], allowed: f64) -> Option<u64> {
    let counts = |effect: Option<f64>| effect.is_none_or(|effect| effect >= allowed);
    let found = increases.iter().find(|(_, effect)| counts(*effect));
    found.map(|(row, _)| *row)
}

/// The least allowed increase with which Kayenta keeps to the allowed alarms.
fn raised(seen: &[Seen]) -> f64 {
    let healthy = || seen.iter().filter(|one| one.scenario.kind() == "healthy");
    let keeps = |allowed: f64| {
        healthy().all(|one| {
            let alarms = one
                .kayenta
                .iter()
                .filter(|run| fails(run, allowed).is_some());
            count(alarms.count()) <= ALLOWED * count(one.kayenta.len())
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
