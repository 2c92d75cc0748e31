//! The two places where counts become reals and reals become counts.

/// The nearest real; exact below 2^53.
#[expect(
    clippy::cast_precision_loss,
    clippy::as_conversions,
    reason = "rounds to nearest; statistics on counts above 2^53 do not need the last digit"
)]
pub(crate) const fn real(count: u128) -> f64 {
    count as f64
}

/// The next whole count; saturates, and 0 for what is no number.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::as_conversions,
    reason = "a float-to-integer `as` saturates, which is what is wanted"
)]
pub(super) fn count(real: f64) -> u64 {
    libm::ceil(real) as u64
}

/// `ln(exp(a) + exp(b))`.
pub(super) fn ln_add(a: f64, b: f64) -> f64 {
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    if low == f64::NEG_INFINITY || low - high < LOST {
        return high;
    }
    high + libm::log1p(libm::exp(low - high))
}

/// What is so much below the largest term, as a logarithm, is lost in the
/// rounding of a sum.
const LOST: f64 = -45.0;

/// The logarithm of a sum of exponentials.
pub(super) fn ln_sum(logs: impl Iterator<Item = f64> + Clone) -> f64 {
    let top = logs.clone().fold(f64::NEG_INFINITY, f64::max);
    if top == f64::NEG_INFINITY {
        return top;
    }
    let away = logs.map(|log| log - top);
    let sum = away.filter(|away| *away > LOST).map(libm::exp).sum::<f64>();
    top + libm::log(sum)
}
