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
    if low == f64::NEG_INFINITY {
        return high;
    }
    high + libm::log1p(libm::exp(low - high))
}

/// The logarithm of a sum of exponentials.
pub(super) fn ln_sum(logs: impl Iterator<Item = f64> + Clone) -> f64 {
    let top = logs.clone().fold(f64::NEG_INFINITY, f64::max);
    if top == f64::NEG_INFINITY {
        return top;
    }
    top + libm::log(logs.map(|log| libm::exp(log - top)).sum::<f64>())
}
