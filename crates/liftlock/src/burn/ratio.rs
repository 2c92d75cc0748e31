//! Exact fractions: every comparison here is one of whole numbers.

use std::cmp::Ordering;
use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use crate::failure::{Explain, Kind};

/// Neither part of a fraction in lowest terms is larger, so that a digit can
/// be appended to a remainder.
const LARGEST: u128 = 1 << 120;

/// The most digits on either side of the point that are read: a rate of one
/// event in days has 17 of them behind many zeros.
const DIGITS: usize = 36;

/// The most digits after the point that are shown to people.
const SHOWN: usize = 9;

/// A fraction that is not negative, in lowest terms: 14.4 is 72/5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ratio {
    over: u128,
    under: u128,
}

impl Ratio {
    /// Nothing.
    pub const ZERO: Self = Self { over: 0, under: 1 };

    /// Everything.
    pub const ONE: Self = Self { over: 1, under: 1 };

    /// The fraction `over/under`; nothing when `under` is 0, or when in lowest
    /// terms either is above 2^120.
    #[must_use]
    pub fn new(over: u128, under: u128) -> Option<Self> {
        let common = common(over, under);
        let (over, under) = (over.checked_div(common)?, under.checked_div(common)?);
        (under > 0 && over <= LARGEST && under <= LARGEST).then_some(Self { over, under })
    }

    /// A fraction whose parts are too small to fail.
    pub(super) fn small(over: u32, under: NonZeroU32) -> Self {
        let (over, under) = (u128::from(over), u128::from(under.get()));
        let common = common(over, under);
        Self {
            over: over / common,
            under: under / common,
        }
    }

    /// A whole number.
    #[must_use]
    pub fn whole(number: u32) -> Self {
        Self {
            over: number.into(),
            under: 1,
        }
    }

    /// The number that gives 1 when multiplied; nothing for 0.
    #[must_use]
    pub fn inverse(self) -> Option<Self> {
        Self::new(self.under, self.over)
    }

    /// What stands above the line, in lowest terms.
    #[must_use]
    pub const fn over(self) -> u128 {
        self.over
    }

    /// What stands below the line, in lowest terms; never 0.
    #[must_use]
    pub const fn under(self) -> u128 {
        self.under
    }

    /// The product; nothing when a part of it is above 2^120.
    #[must_use]
    pub fn times(self, other: Self) -> Option<Self> {
        // Crosswise first, so that what cancels cannot overflow.
        let left = Self::new(self.over, other.under)?;
        let right = Self::new(other.over, self.under)?;
        Self::new(
            left.over.checked_mul(right.over)?,
            left.under.checked_mul(right.under)?,
        )
    }

    /// The next billionth upwards; saturates.
    #[must_use]
    pub fn billionths(self) -> u128 {
        let (mut whole, mut rest) = (self.over / self.under, self.over % self.under);
        for _ in 0..9 {
            rest *= 10;
            whole = whole.saturating_mul(10).saturating_add(rest / self.under);
            rest %= self.under;
        }
        whole.saturating_add(u128::from(rest > 0))
    }

    /// Written with at most so many digits after the point, cut off, without
    /// zeros at the end. No exponent and no sign: PromQL and people read it.
    #[must_use]
    pub fn decimal(self, places: usize) -> String {
        let mut text = (self.over / self.under).to_string();
        let mut rest = self.over % self.under;
        let mut digits = String::new();
        while rest > 0 && digits.len() < places {
            rest *= 10;
            digits.push_str(&(rest / self.under).to_string());
            rest %= self.under;
        }
        let digits = digits.trim_end_matches('0');
        if !digits.is_empty() {
            text.push('.');
            text.push_str(digits);
        }
        text
    }
}

/// The greatest common divisor (Euclid); never 0 unless both are.
const fn common(mut left: u128, mut right: u128) -> u128 {
    while right != 0 {
        (left, right) = (right, left % right);
    }
    left
}

/// The product of three numbers in 384 bits, the highest third first. Such
/// triples compare as the products do, so nothing ever overflows.
pub(super) fn product([one, two, three]: [u128; 3]) -> [u128; 3] {
    let (low, high) = one.carrying_mul(two, 0);
    let (low, carry) = low.carrying_mul(three, 0);
    let (middle, high) = high.carrying_mul(three, carry);
    [high, middle, low]
}

impl Ord for Ratio {
    fn cmp(&self, other: &Self) -> Ordering {
        product([self.over, other.under, 1]).cmp(&product([other.over, self.under, 1]))
    }
}

impl PartialOrd for Ratio {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.decimal(SHOWN))
    }
}

impl FromStr for Ratio {
    type Err = ParseError;

    /// Reads `14.4` or `12.5%`, exactly.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let (number, shift) = match text.strip_suffix('%') {
            Some(number) => (number.trim_end(), 2),
            None => (text, 0),
        };
        decimal(number, shift).ok_or_else(|| ParseError(text.chars().take(80).collect()))
    }
}

/// A decimal number, divided by ten `shift` times.
fn decimal(number: &str, shift: u32) -> Option<Ratio> {
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let plain = |text: &str| {
        (1..=DIGITS).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    if !plain(whole) || !plain(part) {
        return None;
    }
    let places = u32::try_from(part.len()).ok()?.checked_add(shift)?;
    let over = format!("{whole}{part}").parse().ok()?;
    Ratio::new(over, 10_u128.checked_pow(places)?)
}

/// The text is no number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no number: expected such as 14.4 or 12.5%, with at most {DIGITS} digits a side")]
pub struct ParseError(String);

impl Explain for ParseError {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ratio(over: u128, under: u128) -> Ratio {
        Ratio::new(over, under).unwrap()
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in [
            "", "%", ".", "1.", ".5", "-1", "+1", "1e3", "nan", "inf", "1,5", "1.5.5", "1_000",
            "1 %%", "１",
        ] {
            assert!(text.parse::<Ratio>().is_err(), "{text}");
        }
        for long in [
            format!("1{}", "0".repeat(36)),
            format!("0.{}1", "0".repeat(36)),
        ] {
            assert!(long.parse::<Ratio>().is_err(), "{long}");
        }
        assert_eq!(Ratio::new(1, 0), None);
        assert_eq!(Ratio::new(0, 0), None);
        assert_eq!(Ratio::new(u128::MAX, 2), None);
    }

    #[test]
    fn decimals_are_read_exactly_and_shown_again() {
        for (text, over, under, shown) in [
            ("14.4", 72, 5, "14.4"),
            ("13.44", 336, 25, "13.44"),
            ("12.5%", 1, 8, "0.125"),
            ("12.5 %", 1, 8, "0.125"),
            ("0", 0, 1, "0"),
            ("100%", 1, 1, "1"),
            ("010.50", 21, 2, "10.5"),
        ] {
            let read: Ratio = text.parse().unwrap();
            assert_eq!((read.over(), read.under()), (over, under), "{text}");
            assert_eq!(read.to_string(), shown);
        }
        assert_eq!(ratio(14, 15).to_string(), "0.933333333");
        assert_eq!(ratio(1, 10_000_000_000).to_string(), "0");
        assert_eq!(ratio(2, 3).decimal(20), "0.66666666666666666666");
        assert_eq!(Ratio::whole(u32::MAX).over(), 4_294_967_295);
    }

    #[test]
    fn the_largest_fractions_compare_without_overflow() {
        let (most, less) = (ratio(LARGEST, LARGEST - 1), ratio(LARGEST - 1, LARGEST - 2));
        assert!(most < less, "1 + 1/(m-1) is less than 1 + 1/(m-2)");
        assert!(ratio(LARGEST, 1) > ratio(LARGEST - 1, 1));
        assert_eq!(ratio(LARGEST, 1).times(ratio(2, 1)), None);
        assert_eq!(ratio(LARGEST, 3).times(ratio(3, LARGEST)), Some(Ratio::ONE));
        assert_eq!(ratio(1, LARGEST).decimal(40).len(), 42);
    }

    #[test]
    fn billionths_are_rounded_up() {
        for (over, under, expected) in [
            (0, 1, 0),
            (1, 1, 1_000_000_000),
            (1, 3, 333_333_334),
            (2, 3, 666_666_667),
            (1, LARGEST, 1),
            (LARGEST, 1, u128::MAX),
        ] {
            assert_eq!(ratio(over, under).billionths(), expected, "{over}/{under}");
        }
    }

    #[test]
    fn products_carry_upwards() {
        let most = u128::MAX;
        assert_eq!(product([most, most, 1]), [0, most - 1, 1]);
        assert_eq!(product([most, most, most]), [most - 2, 2, most]);
        assert_eq!(product([1 << 100, 1 << 100, 1 << 100]), [1 << 44, 0, 0]);
        assert_eq!(product([7, 6, 5]), [0, 0, 210]);
    }

    #[test]
    fn a_rate_of_one_event_in_days_is_a_number() {
        let rate: Ratio = "0.000003858024691358025".parse().unwrap();
        assert_eq!(rate.decimal(21), "0.000003858024691358025");
        assert_eq!(rate.inverse().unwrap().decimal(0), "259199");
        assert_eq!(Ratio::ZERO.inverse(), None);
    }
}
