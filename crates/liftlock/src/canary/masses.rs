//! The chance of each count that a row could have had.

use super::counts::Arm;
use super::law::{Law, Odds};
use super::number::real;

/// Chances below this part of the largest one are none.
const LEAST: f64 = 1e-280;

/// The law of a row's count at one odds ratio, as a table.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Masses {
    /// The chance of each count from the least on.
    pub(super) chances: Vec<f64>,
    /// Where the canary's own count is; past the end when it had no chance.
    pub(super) place: u64,
}

impl Masses {
    /// The table at an odds ratio; nothing where the variance is above a limit.
    pub(super) fn of(law: &Law, odds: Odds, limit: f64) -> Option<Self> {
        let (first, weights, bad) = match law {
            Law::Silent => return None,
            Law::Narrow { weights, above } => {
                let powers = (0_u32..).map(|up| libm::exp(f64::from(up) * odds.ln()));
                let weights = weights.iter().zip(powers).map(|(one, power)| one * power);
                (0, weights.collect(), u128::from(*above))
            }
            Law::Wide { table, bad } => {
                let mode = table.mode(odds);
                if table.variance(mode) > limit {
                    return None;
                }
                let growth = |count| odds.ratio() * table.growth(count);
                let (first, weights) = outward(mode, (table.least(), table.most()), growth);
                (first, weights, *bad)
            }
            Law::Single { arm, share } => {
                let (first, weights) = binomial(*arm, share * odds.ratio() / (1.0 - share), limit)?;
                (first, weights, arm.bad.into())
            }
        };
        let all: f64 = weights.iter().sum();
        let masses = Self {
            chances: weights.iter().map(|weight| weight / all).collect(),
            place: u64::try_from(bad.saturating_sub(first)).unwrap_or(u64::MAX),
        };
        (masses.variance() <= limit).then_some(masses)
    }

    pub(super) fn variance(&self) -> f64 {
        let counts = || (0_u32..).map(f64::from).zip(&self.chances);
        let mean: f64 = counts().map(|(count, chance)| count * chance).sum();
        let square = |(count, chance): (f64, &f64)| (count - mean) * (count - mean) * chance;
        counts().map(square).sum()
    }
}

/// Weights of counts around the likeliest one, which has 1, and the least of
/// these counts.
fn outward(
    mode: u128,
    (least, most): (u128, u128),
    growth: impl Fn(u128) -> f64,
) -> (u128, Vec<f64>) {
    let mut weights = vec![1.0];
    let mut weight = 1.0;
    for count in (least..mode).rev() {
        weight /= growth(count);
        if weight < LEAST {
            break;
        }
        weights.push(weight);
    }
    let below = weights.len().saturating_sub(1);
    let first = mode.saturating_sub(u128::try_from(below).unwrap_or(mode));
    weights.reverse();
    weight = 1.0;
    for count in mode..most {
        weight *= growth(count);
        if weight < LEAST {
            break;
        }
        weights.push(weight);
    }
    (first, weights)
}

/// The binomial law at these odds of one request's failure.
fn binomial(arm: Arm, odds: f64, limit: f64) -> Option<(u128, Vec<f64>)> {
    let total = u128::from(arm.total);
    let chance = odds / (1.0 + odds);
    if real(total) * chance * (1.0 - chance) > limit {
        return None;
    }
    let growth = |count: u128| {
        let left = real(total.saturating_sub(count));
        odds * left / real(count.saturating_add(1))
    };
    let (mut low, mut high) = (0, total);
    while low < high {
        let middle = low + (high - low) / 2;
        if growth(middle) > 1.0 {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Some(outward(low, (0, total), growth))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arm(bad: u64, total: u64) -> Arm {
        Arm { total, bad }
    }

    #[test]
    fn tables_agree_with_the_likelihood() {
        let laws = [
            Law::pair(arm(7, 240), arm(4, 260)),
            Law::pair(arm(900, 10_000), arm(1_000, 11_000)),
            Law::single(arm(30, 1_000), 0.02),
        ];
        for law in laws {
            for at in [1.0, 1.25] {
                let found = Masses::of(&law, Odds::new(at), 1e6).unwrap();
                let sum: f64 = found.chances.iter().sum();
                assert!((sum - 1.0).abs() < 1e-12, "{sum}");
                // Another odds ratio weighs counts by its powers.
                let other = Odds::new(1.5);
                let tilt = (0_u32..).map(|count| libm::exp(f64::from(count) * libm::log(1.5 / at)));
                let all: f64 = found
                    .chances
                    .iter()
                    .zip(tilt)
                    .map(|(one, by)| one * by)
                    .sum();
                let place = real(found.place.into());
                let ratio = place * libm::log(1.5 / at) - libm::log(all);
                let expected = law.ln_likelihood(other) - law.ln_likelihood(Odds::new(at));
                assert!((ratio - expected).abs() < 1e-9, "{ratio} {expected}");
            }
        }
    }

    #[test]
    fn a_table_that_would_be_too_wide_is_none() {
        let wide = Law::pair(arm(90_000, 1_000_000), arm(100_000, 1_000_000));
        assert_eq!(Masses::of(&wide, Odds::new(1.0), 400.0), None);
        let single = Law::single(arm(90_000, 1_000_000), 0.1);
        assert_eq!(Masses::of(&single, Odds::new(1.0), 400.0), None);
        assert!(Masses::of(&Law::Silent, Odds::new(1.0), 400.0).is_none());
    }
}
