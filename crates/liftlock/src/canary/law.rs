//! How likely a row's bad requests are, under a given odds ratio.
//!
//! With a baseline: given how many requests of both slots failed together,
//! those of the canary follow Fisher's noncentral hypergeometric law, from
//! which the row's shared rate has cancelled. Without one: the binomial law
//! around the share that the objective allows.

use super::counts::{Arm, Row};
use super::number::real;
use super::policy::{Against, Policy, Unit};

/// Wider supports are summed outward from the mode.
const NARROW: u128 = 256;

/// From this variance on not every term is summed: the terms are so smooth
/// that some in each standard deviation give the same sum.
const SMOOTH: f64 = 400.0;

/// An odds ratio with its logarithm.
#[derive(Clone, Copy, Debug)]
pub(super) struct Odds {
    ratio: f64,
    ln: f64,
}

impl Odds {
    pub(super) fn new(ratio: f64) -> Self {
        Self {
            ratio,
            ln: libm::log(ratio),
        }
    }

    pub(super) const fn ratio(self) -> f64 {
        self.ratio
    }

    pub(super) const fn ln(self) -> f64 {
        self.ln
    }
}

/// The law of one row.
#[derive(Debug)]
pub(super) enum Law {
    /// The row cannot tell any odds ratio from another.
    Silent,
    /// Few possible counts: their weights, scaled to 1 at the most, from the
    /// least count on, and how far above the least the canary's count is.
    Narrow { weights: Vec<f64>, above: u64 },
    /// Many possible counts.
    Wide { table: Table, bad: u128 },
    /// No baseline: requests, and the share of them that may be bad.
    Single { arm: Arm, share: f64 },
}

impl Law {
    /// That of a row, by what it is measured against.
    pub(super) fn of(row: &Row, policy: &Policy) -> Self {
        match (policy.against, policy.unit) {
            (Against::Baseline, Unit::Share) => Self::pair(row.canary, row.baseline),
            (Against::Baseline, Unit::Rate) => Self::rates(row.canary, row.baseline),
            // Values have no law; they are bet on.
            (Against::Baseline, Unit::Mean) => Self::Silent,
            (Against::Slo(objective), _) => Self::single(row.canary, objective.allowed()),
        }
    }

    /// The canary against the baseline.
    pub(super) fn pair(canary: Arm, baseline: Arm) -> Self {
        let table = Table {
            canary: canary.total.into(),
            baseline: baseline.total.into(),
            bad: u128::from(canary.bad) + u128::from(baseline.bad),
        };
        let bad = u128::from(canary.bad);
        let (low, high) = (table.least(), table.most());
        if low >= high {
            Self::Silent
        } else if high - low <= NARROW {
            let above = u64::try_from(bad.saturating_sub(low)).unwrap_or(u64::MAX);
            let weights = table.weights();
            Self::Narrow { weights, above }
        } else {
            Self::Wide { table, bad }
        }
    }

    /// Events of both slots, each during its exposure: given how many there
    /// were together, the canary's are binomial around its part of the
    /// exposure, and the odds ratio is the ratio of the rates (Przyborowski and
    /// Wilenski 1940).
    pub(super) fn rates(canary: Arm, baseline: Arm) -> Self {
        let events = u128::from(canary.bad) + u128::from(baseline.bad);
        let (Ok(total), true) = (
            u64::try_from(events),
            canary.total > 0 && baseline.total > 0,
        ) else {
            return Self::Silent;
        };
        let [ours, theirs] = [canary.total, baseline.total].map(|total| real(total.into()));
        let arm = Arm {
            total,
            bad: canary.bad,
        };
        Self::single(arm, ours / (ours + theirs))
    }

    /// One slot against a share, which is above 0 and below 1.
    pub(super) fn single(arm: Arm, share: f64) -> Self {
        if arm.total == 0 {
            return Self::Silent;
        }
        Self::Single { arm, share }
    }

    pub(super) const fn is_silent(&self) -> bool {
        matches!(self, Self::Silent)
    }

    /// The log-likelihood of each odds ratio, but for a term free of it.
    pub(super) fn ln_likelihoods(&self, odds: &[Odds]) -> Vec<f64> {
        let Self::Narrow { weights, above } = self else {
            return odds.iter().map(|one| self.ln_likelihood(*one)).collect();
        };
        let above = real((*above).into());
        let mut found = Vec::with_capacity(odds.len());
        for some in odds.chunks(TOGETHER) {
            let sums = horner(weights, some);
            let pairs = some.iter().zip(sums);
            found.extend(pairs.map(|(one, sum)| above * one.ln - libm::log(sum)));
        }
        found
    }

    /// The log-likelihood of the odds ratio, but for a term free of it.
    pub(super) fn ln_likelihood(&self, odds: Odds) -> f64 {
        match self {
            Self::Silent => 0.0,
            Self::Narrow { weights, above } => {
                let sum = weights
                    .iter()
                    .rev()
                    .fold(0.0, |sum, weight| sum * odds.ratio + weight);
                real((*above).into()) * odds.ln - libm::log(sum)
            }
            Self::Wide { table, bad } => table.ln_likelihood(*bad, odds),
            Self::Single { arm, share } => {
                let [bad, total] = [arm.bad, arm.total].map(|count| real(count.into()));
                bad * odds.ln - total * libm::log1p(share * (odds.ratio - 1.0))
            }
        }
    }
}

/// How many sums the processor can hold at once.
const TOGETHER: usize = 16;

/// The sums of weighted powers of some odds ratios, side by side.
fn horner(weights: &[f64], odds: &[Odds]) -> [f64; TOGETHER] {
    let mut ratios = [0.0; TOGETHER];
    for (ratio, one) in ratios.iter_mut().zip(odds) {
        *ratio = one.ratio;
    }
    let mut sums = [0.0; TOGETHER];
    for weight in weights.iter().rev() {
        for (sum, ratio) in sums.iter_mut().zip(ratios) {
            *sum = *sum * ratio + weight;
        }
    }
    sums
}

/// The margins of a row's two-by-two table. Wide integers, since the bad
/// requests of both slots together may be more than a `u64` holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table {
    canary: u128,
    baseline: u128,
    bad: u128,
}

impl Table {
    pub(super) const fn least(&self) -> u128 {
        self.bad.saturating_sub(self.baseline)
    }

    pub(super) fn most(&self) -> u128 {
        self.bad.min(self.canary)
    }

    /// The four cells when `count` of the bad requests are the canary's.
    fn cells(&self, count: u128) -> [f64; 4] {
        let rest = self.bad.saturating_sub(count);
        [
            real(count),
            real(self.canary.saturating_sub(count)),
            real(rest),
            real(self.baseline.saturating_sub(rest)),
        ]
    }

    /// Weight of `count + 1` over that of `count`, at an odds ratio of 1.
    pub(super) fn growth(&self, count: u128) -> f64 {
        let [bad, good, rest_bad, rest_good] = self.cells(count);
        (good / (bad + 1.0)) * (rest_bad / (rest_good + 1.0))
    }

    /// Every count's weight at an odds ratio of 1, over the largest of them.
    fn weights(&self) -> Vec<f64> {
        let mode = self.mode(Odds::new(1.0));
        let [bad, good, rest_bad, rest_good] = self.cells(mode);
        // As `growth`, for a count so far above the mode.
        let growth = |up: f64| {
            let numerator = (good - up) * (rest_bad - up);
            numerator / ((bad + up + 1.0) * (rest_good + up + 1.0))
        };
        let (mut weights, mut weight) = (vec![1.0], 1.0);
        let (mut up, below, above) = (0.0, mode - self.least(), self.most() - mode);
        for _ in 0..below {
            up -= 1.0;
            weight /= growth(up);
            weights.push(weight);
        }
        weights.reverse();
        (up, weight) = (0.0, 1.0);
        for _ in 0..above {
            weight *= growth(up);
            weights.push(weight);
            up += 1.0;
        }
        weights
    }

    /// The likeliest count.
    pub(super) fn mode(&self, odds: Odds) -> u128 {
        let (mut low, mut high) = (self.least(), self.most());
        while low < high {
            let middle = low + (high - low) / 2;
            if odds.ratio * self.growth(middle) > 1.0 {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    fn ln_likelihood(&self, bad: u128, odds: Odds) -> f64 {
        let mode = self.mode(odds);
        let rest = self.bad.saturating_sub(mode);
        let top = ln_choose(self.canary, mode) + ln_choose(self.baseline, rest);
        (real(bad) - real(mode)) * odds.ln - top - libm::log(self.sum(mode, odds))
    }

    /// Nearly the variance of the count; exact for large cells.
    pub(super) fn variance(&self, mode: u128) -> f64 {
        1.0 / self.cells(mode).iter().map(|cell| 1.0 / cell).sum::<f64>()
    }

    /// The sum of all weights, over the weight of the mode.
    fn sum(&self, mode: u128, odds: Odds) -> f64 {
        let variance = self.variance(mode);
        if variance > SMOOTH {
            return self.smooth_sum(mode, odds, libm::sqrt(variance));
        }
        let mut sum = 1.0;
        let mut term = 1.0;
        for count in mode..self.most() {
            term *= odds.ratio * self.growth(count);
            sum += term;
            if term < 1e-18 * sum {
                break;
            }
        }
        term = 1.0;
        for count in (self.least()..mode).rev() {
            term /= odds.ratio * self.growth(count);
            sum += term;
            if term < 1e-18 * sum {
                break;
            }
        }
        sum
    }
}

impl Table {
    /// The sum by terms two thirds of a standard deviation apart. Of a sum and
    /// its integral the difference is that of the Fourier transform at whole
    /// frequencies (Poisson), which at this step is below 1e-19 of it.
    fn smooth_sum(&self, mode: u128, odds: Odds, deviation: f64) -> f64 {
        const TERMS: i32 = 14;
        let step = deviation / 1.5;
        let [bad, good, rest_bad, rest_good] = self.cells(mode);
        let slope = libm::log(odds.ratio * (good / bad) * (rest_bad / rest_good));
        let term = |place: i32| {
            let away = step * f64::from(place);
            let loss = ln_rise(bad, away)
                + ln_rise(good, -away)
                + ln_rise(rest_bad, -away)
                + ln_rise(rest_good, away);
            libm::exp(away * slope - loss)
        };
        step * (-TERMS..=TERMS).map(term).sum::<f64>()
    }
}

/// `ln (n + away)! - ln n!` less `away ln n`, by Stirling's series without
/// its large terms.
fn ln_rise(n: f64, away: f64) -> f64 {
    (n + away + 0.5) * libm::log1p(away / n) - away + stirling(n + away) - stirling(n)
}

/// `ln C(n, k)` by Stirling's series, exact to rounding also where `lgamma`
/// of large numbers would cancel.
fn ln_choose(n: u128, k: u128) -> f64 {
    if k == 0 || k >= n {
        return 0.0;
    }
    let (all, one, other) = (real(n), real(k), real(n - k));
    let entropy = one * libm::log(all / one) + other * libm::log(all / other);
    let scale = 0.5 * libm::log(all / one / other / core::f64::consts::TAU);
    entropy + scale + stirling(all) - stirling(one) - stirling(other)
}

/// `ln n!` less its leading terms `(n + 1/2) ln n - n + ln(2 pi) / 2`.
fn stirling(n: f64) -> f64 {
    if n < 16.0 {
        let ln_tau = libm::log(core::f64::consts::TAU);
        return libm::lgamma(n + 1.0) - (n + 0.5) * libm::log(n) + n - 0.5 * ln_tau;
    }
    let square = n * n;
    (1.0 / 12.0 - (1.0 / 360.0 - (1.0 / 1260.0 - 1.0 / 1680.0 / square) / square) / square) / n
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canary::number::count;

    fn ln_ratio(law: &Law, null: f64, other: f64) -> f64 {
        law.ln_likelihood(Odds::new(other)) - law.ln_likelihood(Odds::new(null))
    }

    fn arm(bad: u64, total: u64) -> Arm {
        Arm { total, bad }
    }

    #[test]
    fn rates_agree_with_the_published_values() {
        let arm = |bad, total| Arm { total, bad };
        let law = Law::rates(arm(6, 120), arm(14, 1080));
        let null = law.ln_likelihood(Odds::new(1.0));
        for (ratio, expected) in [(2.0, 2.252_679_487), (4.0, 3.070_480_877)] {
            let found = law.ln_likelihood(Odds::new(ratio)) - null;
            assert!((found - expected).abs() < 1e-9, "{found}");
        }
        assert!(Law::rates(arm(6, 0), arm(14, 1080)).is_silent());
        assert!(Law::rates(arm(0, 120), arm(0, 1080)).is_silent());
    }

    #[test]
    fn rows_agree_with_the_published_law() {
        // Checked against scipy's `nchypergeom_fisher`.
        let first = Law::pair(arm(7, 240), arm(4, 260));
        let second = Law::pair(arm(6, 250), arm(3, 245));
        for (law, null, times, expected) in [
            (&first, 1.0, 2.0, 0.552_150_13),
            (&first, 1.0, 3.0, 0.316_669_68),
            (&second, 1.0, 2.0, 0.487_501_02),
            (&second, 1.0, 3.0, 0.326_112_61),
            (&first, 1.25, 2.0, 0.152_697_70),
            (&first, 1.25, 3.0, -0.282_817_87),
            (&second, 1.25, 2.0, 0.166_015_28),
            (&second, 1.25, 3.0, -0.152_271_79),
        ] {
            let found = ln_ratio(law, null, null * times);
            assert!((found - expected).abs() < 1e-8, "{found} {expected}");
        }
    }

    #[test]
    fn narrow_and_wide_sums_agree() {
        for (canary, baseline) in [
            (arm(7, 240), arm(4, 260)),
            (arm(0, 5), arm(3, 9)),
            (arm(30, 50), arm(20, 1_000_000)),
            (arm(5, 5), arm(0, 60)),
        ] {
            let narrow = Law::pair(canary, baseline);
            assert!(matches!(narrow, Law::Narrow { .. }));
            let wide = Law::Wide {
                table: Table {
                    canary: canary.total.into(),
                    baseline: baseline.total.into(),
                    bad: u128::from(canary.bad + baseline.bad),
                },
                bad: canary.bad.into(),
            };
            for odds in [0.075, 0.5, 1.3, 2.0, 25.0] {
                let (a, b) = (ln_ratio(&narrow, 1.25, odds), ln_ratio(&wide, 1.25, odds));
                assert!((a - b).abs() < 1e-9, "{canary:?} {odds}: {a} {b}");
            }
        }
    }

    #[test]
    fn a_sum_of_some_terms_is_that_of_all() {
        for (canary, baseline, bad) in [
            (4_000, 4_000, 1_600),
            (5_000_000, 5_000_000, 100_000),
            (1_000, 1_000_000, 200_000),
            (4_000_000_000, 4_000_000_000, 820_000_000),
        ] {
            let table = Table {
                canary,
                baseline,
                bad,
            };
            for odds in [0.4, 1.0, 1.5, 4.0].map(Odds::new) {
                let mode = table.mode(odds);
                let deviation = table.variance(mode).sqrt();
                if table.variance(mode) <= SMOOTH {
                    continue;
                }
                let some = table.smooth_sum(mode, odds, deviation);
                let mut exact = 1.0;
                for up in [true, false] {
                    let mut term = 1.0;
                    for step in 0..u128::from(count(12.0 * deviation)) {
                        if up {
                            term *= odds.ratio * table.growth(mode + step);
                        } else {
                            term /= odds.ratio * table.growth(mode - step - 1);
                        }
                        exact += term;
                    }
                }
                assert!((some / exact - 1.0).abs() < 1e-10, "{some} {exact}");
            }
        }
    }

    #[test]
    fn one_odds_ratio_and_many_give_the_same_bits() {
        let odds = [0.3, 0.9, 1.0, 1.7, 4.0].map(Odds::new);
        for law in [
            Law::pair(arm(7, 240), arm(4, 260)),
            Law::pair(arm(900, 10_000), arm(1_000, 11_000)),
            Law::single(arm(30, 1_000), 0.02),
            Law::Silent,
        ] {
            let many = law.ln_likelihoods(&odds);
            for (one, many) in odds.iter().zip(many) {
                assert_eq!(law.ln_likelihood(*one).to_bits(), many.to_bits());
            }
        }
    }

    #[test]
    fn rows_that_cannot_tell_are_silent() {
        for (canary, baseline) in [
            (arm(0, 0), arm(3, 9)),
            (arm(3, 9), arm(0, 0)),
            (arm(0, 9), arm(0, 9)),
            (arm(9, 9), arm(9, 9)),
            (arm(u64::MAX, u64::MAX), arm(u64::MAX, u64::MAX)),
        ] {
            assert!(
                Law::pair(canary, baseline).is_silent(),
                "{canary:?} {baseline:?}"
            );
        }
    }

    #[test]
    fn the_largest_counts_have_finite_likelihoods() {
        for (canary, baseline) in [
            (arm(u64::MAX / 2, u64::MAX), arm(u64::MAX / 3, u64::MAX)),
            (arm(1, u64::MAX), arm(0, 1)),
            (arm(u64::MAX - 1, u64::MAX), arm(u64::MAX, u64::MAX)),
            (arm(0, 1000), arm(u64::MAX / 2, u64::MAX)),
        ] {
            let law = Law::pair(canary, baseline);
            for odds in [0.075, 1.0, 25.0] {
                let found = law.ln_likelihood(Odds::new(odds));
                assert!(found.is_finite(), "{canary:?} {baseline:?} {odds}: {found}");
            }
        }
    }

    #[test]
    fn a_single_slot_follows_the_binomial_law() {
        let law = Law::single(arm(3, 10), 0.1);
        let share = 0.2_f64 / 1.1; // odds of 1/9, doubled
        let expected = 3.0 * (share / 0.1).ln() + 7.0 * ((1.0 - share) / 0.9).ln();
        assert!((ln_ratio(&law, 1.0, 2.0) - expected).abs() < 1e-12);
    }
}
