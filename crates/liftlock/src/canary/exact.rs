//! Every possible outcome of a few small rows: what the tests promise holds
//! exactly, and not only in a simulation.

use super::counts::Arm;
use super::eprocess::{Hypothesis, Process};
use super::group::Group;
use super::law::{Law, Odds};
use super::masses::Masses;
use super::null::Null;

/// Requests of canary and baseline, and how many of both failed together.
const ROWS: [(u64, u64, u64); 4] = [(9, 7, 4), (6, 30, 3), (12, 12, 5), (8, 20, 4)];

/// What both tests made of one outcome.
struct Seen {
    e: f64,
    failed: bool,
}

fn law(row: usize, bad: u64) -> Option<Law> {
    let (canary, baseline, both) = *ROWS.get(row)?;
    let rest = both.checked_sub(bad)?;
    let arm = |bad, total| (bad <= total).then_some(Arm { total, bad });
    Some(Law::pair(arm(bad, canary)?, arm(rest, baseline)?))
}

fn run(margin: f64, spread: f64, counts: &[u64]) -> Seen {
    let mut null = Null::new(margin, spread);
    let mut process = Process::new(Hypothesis::AtMost(margin));
    let mut group = Group::new();
    for (row, bad) in counts.iter().enumerate() {
        let law = law(row, *bad).unwrap();
        null.push(&law);
        process.push(&law);
        let passed = [0.0, 0.2, 0.6, 1.0][row];
        group.push(&law, &null, RISK, passed);
    }
    Seen {
        e: (process.ln_e() - null.ln_likelier()).exp(),
        failed: group.has_failed(),
    }
}

const RISK: f64 = 0.1;

/// Every outcome with its chance when the odds ratio is this.
fn outcomes(odds: f64) -> Vec<(Vec<u64>, f64)> {
    let mut found = vec![(Vec::new(), 1.0)];
    for (row, (canary, baseline, both)) in ROWS.into_iter().enumerate() {
        let any = law(row, both.min(canary)).unwrap();
        let masses = Masses::of(&any, Odds::new(odds), 1e9).unwrap();
        // The table begins at the least count that is possible.
        let least = both.saturating_sub(baseline);
        let before = std::mem::take(&mut found);
        for (counts, chance) in before {
            for (bad, more) in (least..).zip(&masses.chances) {
                let counts = [counts.as_slice(), &[bad]].concat();
                found.push((counts, chance * more));
            }
        }
    }
    found
}

/// The mean of `E` at the end, and the chance that the looks fail it.
fn truth(margin: f64, spread: f64, odds: f64) -> (f64, f64) {
    let mut mean = 0.0;
    let mut failed = 0.0;
    for (counts, chance) in outcomes(odds) {
        let seen = run(margin, spread, &counts);
        mean += chance * seen.e;
        failed += chance * f64::from(u8::from(seen.failed));
    }
    (mean, failed)
}

#[test]
fn a_healthy_canary_of_any_kind_fails_no_more_often_than_is_promised() {
    for (margin, spread) in [(1.0, 0.0), (1.25, 0.0), (1.0, 0.1), (1.0, 0.4), (1.25, 0.2)] {
        for odds in [0.3, 0.8, 1.0, 1.25] {
            if odds > margin {
                continue;
            }
            let (mean, failed) = truth(margin, spread, odds);
            assert!(mean <= 1.0 + 1e-9, "{margin} {spread} {odds}: mean {mean}");
            assert!(failed <= RISK, "{margin} {spread} {odds}: {failed}");
        }
    }
}

#[test]
fn a_spread_of_healthy_canaries_is_covered_as_a_whole() {
    for (margin, spread) in [(1.0, 0.1), (1.0, 0.4), (1.25, 0.2)] {
        let (mut mean, mut failed, mut all) = (0.0, 0.0, 0.0);
        for step in -8..=8 {
            let away = f64::from(step) / 2.0;
            let weight = (-away * away / 2.0).exp();
            let (e, fails) = truth(margin, spread, margin * (spread * away).exp());
            mean += weight * e;
            failed += weight * fails;
            all += weight;
        }
        assert!(
            mean / all <= 1.0 + 1e-9,
            "{margin} {spread}: {}",
            mean / all
        );
        assert!(failed / all <= RISK, "{margin} {spread}: {}", failed / all);
    }
}

#[test]
fn looks_spend_what_they_say_and_find_what_is_worse() {
    let spent = |counts: &[u64]| {
        let mut null = Null::new(1.0, 0.0);
        let mut group = Group::new();
        for (row, bad) in counts.iter().enumerate() {
            let law = law(row, *bad).unwrap();
            null.push(&law);
            group.push(&law, &null, RISK, [0.0, 0.2, 0.6, 1.0][row]);
        }
        group.spent()
    };
    let (_, failed) = truth(1.0, 0.0, 1.0);
    // The least of what can be seen fails no look, so that all of them are held.
    let told = spent(&[0, 0, 0, 0]);
    assert!((failed - told).abs() < 1e-12, "{failed} {told}");
    assert!(told > 0.3 * RISK, "{told}");
    let (_, bad) = truth(1.0, 0.0, 6.0);
    assert!(bad > 0.7, "{bad}");
}
