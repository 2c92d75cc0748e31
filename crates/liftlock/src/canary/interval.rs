//! Which odds ratios the rows do not refute, however often one looks.
//!
//! Against each odds ratio there is an e-process: a fixed mixture of all odds
//! ratios, as a likelihood, over that of the one. What none of them refutes is
//! an interval, and the chance that the true odds ratio is ever outside of it
//! is at most the risk (Ville's inequality, inverted; a confidence sequence, as
//! Howard et al. 2021 call it). It decides nothing.

use super::law::{Law, Odds};
use super::number::{ln_sum, real};

/// The chance that the true odds ratio is ever outside.
const RISK: f64 = 0.05;

/// Nodes on each side of an odds ratio of 1.
const SIDE: i32 = 48;

/// The logarithms of the nodes are `REACH sinh(i BEND)`: 2 % apart around an
/// odds ratio of 1, 5 % at 2, 10 % at 4, and up to 74 and its inverse.
const REACH: f64 = 0.3;
const BEND: f64 = 0.07;

/// Odds ratios from `low` to `high`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// The lowest; 0 where nothing bounds it from below.
    pub low: f64,
    /// The highest; infinite where nothing bounds it from above.
    pub high: f64,
}

impl Range {
    /// Whether the rows say nothing at all.
    #[must_use]
    pub fn is_open(self) -> bool {
        self.low <= 0.0 && self.high.is_infinite()
    }

    fn and(self, other: Self) -> Self {
        Self {
            low: self.low.max(other.low),
            high: self.high.min(other.high),
        }
    }
}

/// The log-likelihood of some odds ratios, of constant size.
///
/// Every node has the same part of the mixture. They lie the closer the nearer
/// to 1, so that most is bet on what is hard to tell, and the interval is about
/// as narrow as the nodes are close, relative to how far away they are.
#[derive(Clone, Debug)]
pub(super) struct Interval {
    odds: Vec<Odds>,
    logs: Vec<f64>,
    /// What no look refuted.
    ever: Range,
}

/// A node: the logarithm of its odds ratio, and of its likelihood.
type Node = (f64, f64);

impl Interval {
    pub(super) fn new() -> Self {
        let nodes = (-SIDE..=SIDE).map(|node| REACH * libm::sinh(BEND * f64::from(node)));
        let odds: Vec<Odds> = nodes.map(|ln| Odds::new(libm::exp(ln))).collect();
        Self {
            logs: vec![0.0; odds.len()],
            odds,
            ever: Range {
                low: 0.0,
                high: f64::INFINITY,
            },
        }
    }

    /// Takes one more row.
    pub(super) fn push(&mut self, law: &Law) {
        if law.is_silent() {
            return;
        }
        let found = law.ln_likelihoods(&self.odds);
        for (log, likelihood) in self.logs.iter_mut().zip(found) {
            *log += likelihood;
        }
        self.ever = self.ever.and(self.now());
    }

    /// What the last look does not refute.
    ///
    /// The log-likelihood is concave in the logarithm of the odds ratio, so
    /// between two nodes it is below the chords of their neighbours. The ends
    /// are where those chords cross: never inside of the exact ends, and
    /// outside of them by at most a seventh of the way between two nodes.
    pub(super) fn now(&self) -> Range {
        let count = u32::try_from(self.logs.len()).unwrap_or(1);
        let mixture = ln_sum(self.logs.iter().copied()) - libm::log(real(count.into()));
        let refuted = mixture + libm::log(RISK);
        let nodes = self.odds.iter().zip(&self.logs);
        let up: Vec<Node> = nodes.map(|(odds, log)| (odds.ln(), *log)).collect();
        let down: Vec<Node> = up.iter().rev().map(|(ln, log)| (-ln, *log)).collect();
        Range {
            low: end(&down, refuted).map_or(0.0, |ln| libm::exp(-ln)),
            high: end(&up, refuted).map_or(f64::INFINITY, libm::exp),
        }
    }

    /// What no look refuted; nothing when no single odds ratio fits all rows.
    pub(super) fn ever(&self) -> Option<Range> {
        (self.ever.low <= self.ever.high).then_some(self.ever)
    }
}

/// Where ascending nodes fall below a likelihood for good; nothing when the
/// last one is above it.
fn end(nodes: &[Node], least: f64) -> Option<f64> {
    let last = nodes.iter().rposition(|(_, log)| *log >= least)?;
    let node = |place: usize| nodes.get(place).copied();
    let (inside, outside) = (node(last)?, node(last + 1)?);
    let before = last.checked_sub(1).and_then(node);
    let chords = [
        before.and_then(|before| crossing(before, inside, least)),
        node(last + 2).and_then(|after| crossing(outside, after, least)),
    ];
    let found = chords.into_iter().flatten().fold(outside.0, f64::min);
    Some(found.max(inside.0))
}

/// Where the line through two nodes falls to a level.
fn crossing(one: Node, other: Node, level: f64) -> Option<f64> {
    let slope = (other.1 - one.1) / (other.0 - one.0);
    let found = one.0 + (level - one.1) / slope;
    (slope < 0.0 && found.is_finite()).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canary::counts::Arm;
    use crate::canary::masses::Masses;

    fn arm(bad: u64, total: u64) -> Arm {
        Arm { total, bad }
    }

    /// Each count that a row can have, with its chance at an odds ratio.
    type Outcomes = Vec<(Law, f64)>;

    /// A row of both slots, of which so many requests failed.
    fn pairs((canary, baseline, both): (u64, u64, u64), odds: f64) -> Outcomes {
        let least = both.saturating_sub(baseline);
        let law = |bad| Law::pair(arm(bad, canary), arm(both - bad, baseline));
        let table = Masses::of(&law(least), Odds::new(odds), 1e9).unwrap();
        let counts = (least..).zip(table.chances);
        counts.map(|(bad, chance)| (law(bad), chance)).collect()
    }

    /// A row of one slot, of which a fifth may fail.
    fn singles(total: u64, odds: f64) -> Outcomes {
        let law = |bad| Law::single(arm(bad, total), 0.2);
        let table = Masses::of(&law(0), Odds::new(odds), 1e9).unwrap();
        let counts = (0..).zip(table.chances);
        counts.map(|(bad, chance)| (law(bad), chance)).collect()
    }

    /// The chance that the odds ratio is ever outside, over all that can happen.
    fn missed(rows: &[Outcomes], so_far: &Interval, odds: f64) -> f64 {
        let Some((row, rest)) = rows.split_first() else {
            return 0.0;
        };
        let after = |law: &Law| {
            let mut interval = so_far.clone();
            interval.push(law);
            let range = interval.now();
            match range.low <= odds && odds <= range.high {
                true => missed(rest, &interval, odds),
                false => 1.0,
            }
        };
        row.iter().map(|(law, chance)| chance * after(law)).sum()
    }

    #[test]
    fn the_true_odds_ratio_is_outside_no_more_often_than_is_said() {
        let mut most = 0.0_f64;
        for odds in [0.05, 0.3, 0.77, 1.0, 1.31, 2.5, 6.0, 30.0] {
            let pairs = [(30, 30, 12), (25, 60, 14), (40, 20, 13)].map(|row| pairs(row, odds));
            let singles = [14, 22, 18].map(|total| singles(total, odds));
            for rows in [pairs, singles] {
                let all: f64 = rows[0].iter().map(|(_, chance)| chance).sum();
                assert!((all - 1.0).abs() < 1e-9, "{all}");
                let found = missed(&rows, &Interval::new(), odds);
                assert!(found <= RISK, "{odds}: {found}");
                most = most.max(found);
            }
        }
        assert!(most > 0.005, "it refutes next to nothing: {most}");
    }

    #[test]
    fn what_no_look_refuted_only_shrinks_and_is_within_each_look() {
        let mut interval = Interval::new();
        assert!(interval.now().is_open());
        let mut before = interval.ever().unwrap();
        for row in 0..60 {
            interval.push(&Law::pair(arm(9 + row % 5, 600), arm(5 + row % 3, 610)));
            let (now, ever) = (interval.now(), interval.ever().unwrap());
            assert!(before.low <= ever.low && ever.high <= before.high, "{row}");
            assert!(now.low <= ever.low && ever.high <= now.high, "{row}");
            before = ever;
        }
        assert!(before.low > 1.4 && before.high < 2.6, "{before:?}");
    }

    #[test]
    fn no_odds_ratio_fits_a_record_that_turns() {
        let mut interval = Interval::new();
        for row in 0..80 {
            let bad = if row < 40 { 6 } else { 60 };
            interval.push(&Law::pair(arm(bad, 600), arm(6, 600)));
        }
        assert_eq!(interval.ever(), None);
        let now = interval.now();
        assert!(now.low > 1.0 && now.high < 10.0, "{now:?}");
    }

    #[test]
    fn what_nothing_bounds_is_open() {
        let mut interval = Interval::new();
        interval.push(&Law::Silent);
        assert!(interval.now().is_open());
        interval.push(&Law::pair(arm(0, 500), arm(30, 500)));
        let better = interval.now();
        assert!(better.low <= 0.0 && better.high < 1.0, "{better:?}");
        let mut interval = Interval::new();
        interval.push(&Law::pair(arm(500, 500), arm(3, 500)));
        let broken = interval.now();
        assert!(broken.low > 10.0 && broken.high.is_infinite(), "{broken:?}");
    }

    #[test]
    fn ends_are_never_inside_of_the_exact_ones_and_close_to_them() {
        // The end by bisection, with the same mixture.
        let exact = |laws: &[Law], interval: &Interval, up: bool| {
            let total = |ln: f64| -> f64 {
                let odds = Odds::new(ln.exp());
                laws.iter().map(|law| law.ln_likelihood(odds)).sum()
            };
            let level = ln_sum(interval.logs.iter().copied()) - 97.0_f64.ln() + RISK.ln();
            let best = interval.now();
            let (mut inside, mut outside) = ((best.low * best.high).sqrt().ln(), 4.0);
            if !up {
                outside = -4.0;
            }
            assert!(total(inside) > level);
            for _ in 0..60 {
                let middle = f64::midpoint(inside, outside);
                if total(middle) >= level {
                    inside = middle;
                } else {
                    outside = middle;
                }
            }
            inside.exp()
        };
        for (canary, baseline, rows) in [
            (arm(12, 600), arm(7, 640), 12),
            (arm(3, 30), arm(9, 600), 40),
            (arm(700, 60_000), arm(650, 61_000), 60),
            (arm(30, 600), arm(6, 600), 60),
        ] {
            let laws: Vec<Law> = (0..rows).map(|_| Law::pair(canary, baseline)).collect();
            let mut interval = Interval::new();
            laws.iter().for_each(|law| interval.push(law));
            let found = interval.now();
            let (low, high) = (
                exact(&laws, &interval, false),
                exact(&laws, &interval, true),
            );
            assert!(found.low <= low * 1.000_001, "{found:?} {low}");
            assert!(found.high >= high * 0.999_999, "{found:?} {high}");
            let node = |odds: f64| BEND * odds.ln().hypot(REACH);
            let wider = ((low / found.low).ln(), (found.high / high).ln());
            assert!(wider.0 < 0.15 * node(low), "{canary:?}: {found:?} {low}");
            assert!(wider.1 < 0.15 * node(high), "{canary:?}: {found:?} {high}");
        }
    }
}
