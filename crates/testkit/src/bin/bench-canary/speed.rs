//! What looks cost: many metrics over a day, and one look at many requests.

use std::time::Instant;

use anyhow::Result;
use liftlock::canary::Policy;
use liftlock::canary::counts::{Arm, Row};
use liftlock::canary::state::State;
use liftlock::span::Span;
use liftlock::time::Time;
use serde_json::{Value, json};

/// Metrics of a large service.
const METRICS: u64 = 1000;

/// Looks of a day, one a minute.
const LOOKS: u64 = 1440;

/// Looks of a sixth of a day, to compare the first with the last ones.
const PART: u64 = LOOKS / 6;

/// Seconds for everything, on one core.
pub(crate) fn figures() -> Result<Value> {
    let day = Policy {
        horizon: Span::seconds(86_400),
        ..Policy::default()
    };
    // Planned looks that end at once leave the e-process alone.
    let alone = Policy {
        horizon: Span::from_millis(1),
        ..Policy::default()
    };
    let (both, _, _) = metrics(&day)?;
    let (single, first, last) = metrics(&alone)?;
    Ok(json!({
        "metrics": METRICS,
        "looks": LOOKS,
        "both": both,
        "alone": single,
        "growth": last / first,
        "large": large()?,
    }))
}

/// All looks of all metrics; the first and the last part of them.
fn metrics(policy: &Policy) -> Result<(f64, f64, f64)> {
    let mut states: Vec<State> = (0..METRICS).map(|_| State::new(policy.clone())).collect();
    let (begun, mut parts) = (Instant::now(), Vec::new());
    let mut checked = 0.0;
    for part in 0..LOOKS / PART {
        let part_begun = Instant::now();
        for look in part * PART..(part + 1) * PART {
            for (metric, state) in (0..).zip(&mut states) {
                // About 20 bad of 600 in each arm.
                let turn = |step: u64| 14 + (look * step + metric) % 13;
                state.push(&row(look, (600, turn(5)), (600, turn(7)))?, None);
                checked += state.ln_e_fail() + state.ln_e_pass();
            }
        }
        parts.push(part_begun.elapsed().as_secs_f64());
    }
    anyhow::ensure!(checked.is_finite(), "the figures are no numbers");
    let ends = (parts.first().copied(), parts.last().copied());
    let (Some(first), Some(last)) = ends else {
        anyhow::bail!("there are no looks");
    };
    Ok((begun.elapsed().as_secs_f64(), first, last))
}

/// Milliseconds for a look at ten million requests, the slowest of some.
fn large() -> Result<f64> {
    let mut state = State::new(Policy::default());
    let mut slowest = 0.0_f64;
    for look in 0..20 {
        let begun = Instant::now();
        state.push(
            &row(look, (5_000_000, 50_000 + look), (5_000_000, 50_100))?,
            None,
        );
        anyhow::ensure!(state.ln_e_fail().is_finite(), "no number");
        slowest = slowest.max(begun.elapsed().as_secs_f64());
    }
    Ok(slowest * 1000.0)
}

fn row(look: u64, baseline: (u64, u64), canary: (u64, u64)) -> Result<Row> {
    let minutes = i64::try_from(look)?;
    let arm = |(total, bad)| Arm { total, bad };
    Ok(Row {
        time: Time::from_unix_millis(1_795_435_200_000 + 60_000 * minutes)?,
        baseline: arm(baseline),
        canary: arm(canary),
    })
}
