//! Means of bounded values, compared by bets.
//!
//! `x` and `y` are what both slots showed in a row, as parts of the most that a
//! value may be. A bettor who stakes the part `f` of what it has, in every row
//! the same, on `x` being above `limit * y`, has
//! `W_T = Π (1 + f (x_t - limit y_t) / limit)`. Let `m_t` be the mean of
//! `x_t - limit y_t` given everything before row `t`. Then
//! `W_T / Π (1 + f m_t / limit)` is a martingale, and the divisor is at most
//! `exp(f/limit Σ m_t)`, so at most 1 whenever the canary was not above the
//! limit on average so far. So the chance that `W` ever reaches `1/α` at such a
//! row is at most `α` (Ville's inequality), for the mean over some `f` as well
//! (betting: Shafer 2021, Waudby-Smith and Ramdas 2024; averages of conditional
//! means: Choe and Ramdas 2024).

use serde::{Deserialize, Serialize};

use super::counts::Row;
use super::interval::Range;
use super::number::{ln_sum, real};
use super::policy::Policy;

/// A value is written as so many parts of the most that it may be.
pub const PARTS: u64 = 1_000_000_000;

/// The parts that are staked. All stay solvent when the worst happens.
const STAKES: [f64; 6] = [0.03125, 0.0625, 0.125, 0.25, 0.5, 0.9375];

/// Healthy versions differ by up to so many standard deviations of the spread:
/// all but one in 740 do. Values have no likelihood to average over a law.
const DEVIATIONS: f64 = 3.0;

/// Ratios that the interval tells apart: `2^(j/8)`, `j` from -16 to 16.
const NODES: i32 = 16;
const EACH: f64 = 8.0;

/// The chance that the true ratio is outside of the interval, on each side.
const RISK: f64 = 0.025;

/// What is known about the means of both slots after some rows.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mean {
    /// Rows in which both slots showed a value.
    telling: u64,
    canary: f64,
    baseline: f64,
    worse: Bettor,
    no_worse: Bettor,
    /// Against each ratio that the interval knows, that the canary is above it
    /// and that it is below.
    above: Vec<Bettor>,
    below: Vec<Bettor>,
}

/// Which side of a ratio is bet on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Side {
    Above,
    Below,
}

/// Some bettors with one purse each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bettor {
    side: Side,
    ratio: f64,
    /// The logarithm of each purse.
    logs: [f64; STAKES.len()],
}

impl Bettor {
    const fn new(side: Side, ratio: f64) -> Self {
        Self {
            side,
            ratio,
            logs: [0.0; STAKES.len()],
        }
    }

    /// Takes what both slots showed, of at most 1.
    fn push(&mut self, canary: f64, baseline: f64) {
        // What is won is never below -1.
        let won = match self.side {
            Side::Above => canary / self.ratio - baseline,
            Side::Below => self.ratio * baseline - canary,
        };
        for (log, stake) in self.logs.iter_mut().zip(STAKES) {
            *log += libm::log1p(stake * won);
        }
    }

    fn ln_e(&self) -> f64 {
        let count = u32::try_from(STAKES.len()).map_or(1.0, f64::from);
        ln_sum(self.logs.iter().copied()) - libm::log(count)
    }

    /// Whether both bet on the same, and this could have come about.
    fn continues(&self, new: &Self) -> bool {
        self.side == new.side
            && self.ratio.total_cmp(&new.ratio).is_eq()
            && self.logs.iter().all(|log| log.is_finite())
    }
}

impl Mean {
    /// Nothing seen yet, of a metric with these rules.
    pub(super) fn new(policy: &Policy) -> Self {
        let nodes = (-NODES..=NODES).map(|node| libm::exp2(f64::from(node) / EACH));
        let against = |side| {
            let nodes = nodes.clone();
            nodes.map(move |ratio| Bettor::new(side, ratio)).collect()
        };
        Self {
            telling: 0,
            canary: 0.0,
            baseline: 0.0,
            worse: Bettor::new(Side::Above, limit(policy)),
            no_worse: Bettor::new(Side::Below, policy.pass_margin.ratio()),
            above: against(Side::Above),
            below: against(Side::Below),
        }
    }

    /// Takes one more row.
    pub(super) fn push(&mut self, row: &Row) {
        let (Some(canary), Some(baseline)) = (row.canary.share(), row.baseline.share()) else {
            return;
        };
        let (canary, baseline) = (canary.min(1.0), baseline.min(1.0));
        self.telling = self.telling.saturating_add(1);
        self.canary += canary;
        self.baseline += baseline;
        let own = [&mut self.worse, &mut self.no_worse];
        let nodes = self.above.iter_mut().chain(&mut self.below);
        for bettor in own.into_iter().chain(nodes) {
            bettor.push(canary, baseline);
        }
    }

    pub(super) const fn has_told(&self) -> bool {
        self.telling > 0
    }

    /// `ln E` against "not above the limit on average".
    pub(super) fn ln_e_fail(&self) -> f64 {
        self.worse.ln_e()
    }

    /// `ln E` against "at least the pass margin on average".
    pub(super) fn ln_e_pass(&self) -> f64 {
        self.no_worse.ln_e()
    }

    /// Both means over all rows, as parts of the most; nothing before the
    /// first row.
    pub(super) fn means(&self) -> Option<(f64, f64)> {
        let rows = real(self.telling.into());
        (self.telling > 0).then(|| (self.canary / rows, self.baseline / rows))
    }

    /// The ratios of the means that the rows do not refute: while it stays the
    /// same, it is ever outside with a chance of at most 5 %.
    pub(super) fn range(&self) -> Range {
        let refuted = |bettor: &&Bettor| bettor.ln_e() >= -libm::log(RISK);
        let low = self.above.iter().filter(refuted).map(|one| one.ratio);
        let high = self.below.iter().filter(refuted).map(|one| one.ratio);
        Range {
            low: low.fold(0.0, f64::max),
            high: high.fold(f64::INFINITY, f64::min),
        }
    }

    /// Whether this, which was stored, goes on from a new one.
    pub(super) fn continues(&self, new: &Self) -> bool {
        let all = |mean: &Self| {
            let own = [mean.worse.clone(), mean.no_worse.clone()];
            let nodes = mean.above.iter().chain(&mean.below).cloned();
            own.into_iter().chain(nodes).collect::<Vec<_>>()
        };
        let (ours, theirs) = (all(self), all(new));
        let sums = [self.canary, self.baseline];
        ours.len() == theirs.len()
            && self.above.len() == new.above.len()
            && ours.iter().zip(&theirs).all(|(a, b)| a.continues(b))
            && sums.iter().all(|sum| sum.is_finite() && *sum >= 0.0)
    }
}

/// The ratio of means up to which a canary is healthy.
pub(super) fn limit(policy: &Policy) -> f64 {
    policy.margin.ratio() * libm::exp(DEVIATIONS * policy.spread.deviation())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canary::counts::{Arm, Pair};
    use crate::canary::limit::{Margin, Spread};
    use crate::time::Time;

    /// Values of both slots and their chance, given the rows before.
    type Chances = Vec<(f64, f64, f64)>;
    type Law<'a> = dyn Fn(&[(f64, f64)]) -> Chances + 'a;

    fn pair(canary: f64, baseline: f64) -> Row {
        let arm = |value: f64| Arm {
            total: PARTS,
            bad: crate::canary::number::count(value * 1e9 - 0.5),
        };
        let pair = Pair {
            baseline: arm(baseline),
            canary: arm(canary),
        };
        pair.row(Time::EPOCH)
    }

    fn policy(margin: f64) -> Policy {
        Policy {
            margin: Margin::try_from(margin).unwrap(),
            spread: "0%".parse::<Spread>().unwrap(),
            ..Policy::default()
        }
    }

    /// Walks over all that can happen; `seen` gets each end with its chance.
    fn all(
        rows: usize,
        law: &Law<'_>,
        stop: &dyn Fn(&Mean) -> bool,
        (mean, past, chance): (Mean, &mut Vec<(f64, f64)>, f64),
        seen: &mut dyn FnMut(&Mean, f64, bool),
    ) {
        if stop(&mean) {
            return seen(&mean, chance, true);
        }
        if past.len() == rows {
            return seen(&mean, chance, false);
        }
        for (canary, baseline, part) in law(past) {
            let mut next = mean.clone();
            next.push(&pair(canary, baseline));
            past.push((canary, baseline));
            all(rows, law, stop, (next, past, chance * part), seen);
            past.pop();
        }
    }

    /// The largest mean of E that a law reaches after some rows.
    fn mean_of(law: &Law<'_>, margin: f64, e: fn(&Mean) -> f64) -> f64 {
        let mut most = 0.0_f64;
        for rows in 1..=5 {
            let mut sum = 0.0;
            let mut chances = 0.0;
            let begin = (Mean::new(&policy(margin)), &mut Vec::new(), 1.0);
            all(rows, law, &|_| false, begin, &mut |mean, chance, _| {
                sum += chance * e(mean).exp();
                chances += chance;
            });
            assert!((chances - 1.0).abs() < 1e-9);
            most = most.max(sum);
        }
        most
    }

    #[test]
    fn the_mean_of_e_is_at_most_one_under_the_limit_whatever_the_law() {
        // On the limit: E x = margin E y, together or apart, skewed or not.
        for margin in [1.0, 1.25, 2.0] {
            let laws: [&Law<'_>; 4] = [
                &move |_| vec![(0.5 * margin, 0.0, 0.5), (0.0, 0.5, 0.5)],
                &move |_| vec![(0.0, 0.1 / margin, 0.9), (1.0, 0.1 / margin, 0.1)],
                &move |_| vec![(0.2, 0.0, 0.8), (0.2, 1.0 / margin, 0.2)],
                // After a high row only high ones: the next depends on all before.
                &move |past| match past.last() {
                    Some((canary, _)) if *canary > 0.4 => {
                        vec![(1.0, 0.75 / margin, 0.5), (0.5, 0.75 / margin, 0.5)]
                    }
                    _ => vec![(0.25, 0.25 / margin, 0.7), (0.5, 0.5 / margin, 0.3)],
                },
            ];
            for (place, law) in laws.into_iter().enumerate() {
                let found = mean_of(law, margin, Mean::ln_e_fail);
                assert!(found <= 1.0 + 1e-6, "{margin} {place}: {found}");
            }
        }
    }

    #[test]
    fn a_canary_that_is_above_for_a_while_but_not_on_average_keeps_the_risk() {
        // A sawtooth out of step: below for two rows, above for two.
        let law = |past: &[(f64, f64)]| {
            let middle = if past.len() % 4 < 2 { 0.3 } else { 0.7 };
            vec![(middle - 0.25, 0.5, 0.5), (middle + 0.25, 0.5, 0.5)]
        };
        assert!(mean_of(&law, 1.0, Mean::ln_e_fail) <= 1.0);
        // One that is above on average does not.
        let above = |_: &[(f64, f64)]| vec![(0.5, 0.25, 0.5), (1.0, 0.25, 0.5)];
        assert!(mean_of(&above, 1.0, Mean::ln_e_fail) > 1.5);
    }

    #[test]
    fn the_chance_to_ever_fail_or_pass_wrongly_is_at_most_the_risk() {
        let fair = |_: &[(f64, f64)]| vec![(1.0, 0.0, 0.5), (0.0, 1.0, 0.5)];
        let bad = |_: &[(f64, f64)]| vec![(1.0, 0.75, 0.5), (0.5, 0.25, 0.5)];
        for (law, e, risk) in [
            (&fair as &Law<'_>, Mean::ln_e_fail as fn(&Mean) -> f64, 0.2),
            (&bad, Mean::ln_e_pass, 0.3),
        ] {
            let mut wrong = 0.0;
            let begin = (Mean::new(&policy(1.0)), &mut Vec::new(), 1.0);
            let stop = |mean: &Mean| e(mean) >= -f64::ln(risk);
            all(12, law, &stop, begin, &mut |_, chance, stopped| {
                wrong += if stopped { chance } else { 0.0 };
            });
            assert!(wrong <= risk, "{wrong} {risk}");
        }
    }

    #[test]
    fn the_true_ratio_is_outside_of_the_interval_no_more_often_than_is_said() {
        for (ratio, law) in [
            (1.0, [(0.75, 0.5, 0.5), (0.25, 0.5, 0.5)]),
            (2.0, [(1.0, 0.25, 0.5), (0.5, 0.5, 0.5)]),
            (1.5, [(1.0, 0.0, 0.5), (0.5, 1.0, 0.5)]),
        ] {
            let mut missed = 0.0;
            let begin = (Mean::new(&policy(1.0)), &mut Vec::new(), 1.0);
            let outside = |mean: &Mean| {
                let range = mean.range();
                ratio < range.low || range.high < ratio
            };
            let law = |_: &[(f64, f64)]| law.to_vec();
            all(10, &law, &outside, begin, &mut |_, chance, stopped| {
                missed += if stopped { chance } else { 0.0 };
            });
            assert!(missed <= 2.0 * RISK, "{ratio}: {missed}");
        }
    }

    #[test]
    fn twice_the_memory_fails_alike_passes_and_both_are_told() {
        let rows = |canary: f64| {
            let mut mean = Mean::new(&Policy::default());
            for row in 0..80 {
                let wave = 0.02 * f64::from(row % 5);
                mean.push(&pair(canary + wave, 0.3 + wave));
            }
            mean
        };
        let twice = rows(0.7);
        assert!(twice.ln_e_fail() > 7.0, "{}", twice.ln_e_fail());
        assert!(twice.ln_e_pass() < 0.0);
        let (low, high) = (twice.range().low, twice.range().high);
        assert!(low > 1.5 && low < 2.2 && high > 2.0, "{low} {high}");
        let alike = rows(0.3);
        assert!(alike.ln_e_fail() < 0.0);
        assert!(alike.ln_e_pass() > 3.0, "{}", alike.ln_e_pass());
        let (canary, baseline) = alike.means().unwrap();
        assert!((canary - 0.34).abs() < 1e-6 && (baseline - 0.34).abs() < 1e-6);
        let range = alike.range();
        assert!(
            range.low < 1.0 && range.high > 1.0 && range.high < 1.6,
            "{range:?}"
        );
        // Within what healthy versions differ by.
        assert!(rows(0.38).ln_e_fail() < 0.0);
    }

    #[test]
    fn a_stored_mean_goes_on_to_the_last_bit_and_a_broken_one_is_refused() {
        let mut whole = Mean::new(&Policy::default());
        for row in 0..9 {
            whole.push(&pair(0.1 * f64::from(row), 0.35));
        }
        let text = serde_json::to_string(&whole).unwrap();
        let mut again: Mean = serde_json::from_str(&text).unwrap();
        whole.push(&pair(0.9, 0.1));
        again.push(&pair(0.9, 0.1));
        assert_eq!(
            serde_json::to_string(&whole).unwrap(),
            serde_json::to_string(&again).unwrap()
        );
        let new = Mean::new(&Policy::default());
        assert!(again.continues(&new));
        assert!(!again.continues(&Mean::new(&policy(2.0))));
        again.worse.logs[0] = f64::NAN;
        assert!(!again.continues(&new));
    }

    #[test]
    fn a_row_without_a_slot_says_nothing() {
        let mut mean = Mean::new(&Policy::default());
        mean.push(&Pair::from([PARTS, 1, 0, 0]).row(Time::EPOCH));
        mean.push(&Pair::from([0, 0, PARTS, PARTS]).row(Time::EPOCH));
        assert!(!mean.has_told());
        assert_eq!(mean.means(), None);
        assert!(mean.ln_e_fail().abs() < 1e-12);
        assert!(mean.range().is_open());
    }
}
