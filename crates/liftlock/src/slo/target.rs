//! The share of good events that is promised, exact.

use std::fmt;

use serde::Serialize;

use crate::percent::scaled;

/// All, in steps.
const FULL: u32 = 1_000_000_000;

/// A share from 0 to 1 in steps of a billionth.
///
/// An integer inside: a budget is compared exactly. Whether a number is meant
/// as a ratio or in percent is never guessed; the format says which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(into = "String")]
pub struct Share(u32);

impl Share {
    /// All.
    pub const FULL: Self = Self(FULL);
    /// A hundredth.
    pub const HUNDREDTH: Self = Self(FULL / 100);

    /// Reads a ratio such as `0.999`; nothing above 1 or finer than a billionth.
    #[must_use]
    pub fn from_ratio(text: &str) -> Option<Self> {
        Self::scaled(text, 9)
    }

    /// Reads a percentage such as `99.9`; nothing above 100 or finer than a
    /// billionth of all.
    #[must_use]
    pub fn from_percent(text: &str) -> Option<Self> {
        Self::scaled(text, 7)
    }

    fn scaled(text: &str, scale: usize) -> Option<Self> {
        let text = text.trim();
        let steps = if text.starts_with('.') {
            scaled(&format!("0{text}"), scale)
        } else {
            scaled(text, scale)
        };
        let steps = u32::try_from(steps?).ok()?;
        (steps <= FULL).then_some(Self(steps))
    }

    /// So many of so many, rounded down; nothing of none, or more than all.
    pub(super) fn part(part: u32, whole: u32) -> Option<Self> {
        let steps = u64::from(part) * u64::from(FULL);
        let steps = steps.checked_div(u64::from(whole))?;
        let steps = u32::try_from(steps).ok()?;
        (steps <= FULL).then_some(Self(steps))
    }

    /// The share in billionths, 0 to 1,000,000,000.
    #[must_use]
    pub const fn billionths(self) -> u32 {
        self.0
    }

    /// The share as a real number, 0 to 1.
    #[must_use]
    pub fn fraction(self) -> f64 {
        f64::from(self.0) / f64::from(FULL)
    }

    /// The share as a ratio that reads as the same share again.
    #[must_use]
    pub fn ratio(self) -> String {
        decimal(self.0, 9)
    }

    /// What is missing to all.
    #[must_use]
    pub const fn rest(self) -> Self {
        Self(FULL.saturating_sub(self.0))
    }
}

/// Writes a count of `10^-scale` without trailing zeros.
fn decimal(steps: u32, scale: u32) -> String {
    let one = 10_u32.saturating_pow(scale);
    let (whole, part) = (steps / one, steps % one);
    let width = usize::try_from(scale).unwrap_or_default();
    let part = format!("{part:0width$}");
    match part.trim_end_matches('0') {
        "" => whole.to_string(),
        part => format!("{whole}.{part}"),
    }
}

impl fmt::Display for Share {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}%", decimal(self.0, 7))
    }
}

impl From<Share> for String {
    fn from(share: Share) -> Self {
        share.to_string()
    }
}

/// The promised share of good events: more than nothing, less than all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Target(Share);

impl Target {
    /// Reads a ratio such as `0.999`.
    ///
    /// # Errors
    ///
    /// Fails on what is no ratio, on 0 and on 1.
    pub fn from_ratio(text: &str) -> Result<Self, NotTarget> {
        Self::checked(
            Share::from_ratio(text),
            text,
            "a ratio below 1, such as 0.999",
        )
    }

    /// Reads a percentage such as `99.9`.
    ///
    /// # Errors
    ///
    /// Fails on what is no percentage, on 0 and on 100.
    pub fn from_percent(text: &str) -> Result<Self, NotTarget> {
        Self::checked(
            Share::from_percent(text),
            text,
            "percent below 100, such as 99.9",
        )
    }

    /// A share that leaves a budget and promises something.
    ///
    /// # Errors
    ///
    /// Fails on nothing and on all.
    pub const fn new(share: Share) -> Result<Self, NotTarget> {
        match share.0 {
            0 => Err(NotTarget::Nothing),
            FULL => Err(NotTarget::Everything),
            _ => Ok(Self(share)),
        }
    }

    fn checked(share: Option<Share>, text: &str, wanted: &'static str) -> Result<Self, NotTarget> {
        let text = || text.chars().take(50).collect();
        share.map_or_else(
            || {
                Err(NotTarget::Number {
                    text: text(),
                    wanted,
                })
            },
            Self::new,
        )
    }

    /// The promised share.
    #[must_use]
    pub const fn share(self) -> Share {
        self.0
    }

    /// The share that may be bad, in billionths: 1 to 999,999,999.
    #[must_use]
    pub const fn allowed(self) -> u32 {
        self.0.rest().0
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// A number that promises nothing, everything or nonsense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotTarget {
    /// Not a number of the unit, or finer than can be told.
    #[error("is `{text}`, not {wanted}, with no more than a billionth")]
    Number {
        /// What was written.
        text: String,
        /// What the format writes here.
        wanted: &'static str,
    },
    /// Nothing is promised.
    #[error("is 0: nothing is promised")]
    Nothing,
    /// No budget is left.
    #[error("is 100 %: that leaves no error budget")]
    Everything,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_never_guessed() {
        let steps = |target: Target| target.share().billionths();
        assert_eq!(Target::from_percent("99.9").map(steps), Ok(999_000_000));
        assert_eq!(Target::from_ratio("0.999").map(steps), Ok(999_000_000));
        assert_eq!(Target::from_ratio(".999").map(steps), Ok(999_000_000));
        assert_eq!(Target::from_percent(".999").map(steps), Ok(9_990_000));
        assert!(Target::from_ratio("99.9").is_err());
    }

    #[test]
    fn nothing_all_and_nonsense_are_refused() {
        assert_eq!(Target::from_ratio("1"), Err(NotTarget::Everything));
        assert_eq!(Target::from_percent("100.0"), Err(NotTarget::Everything));
        assert_eq!(Target::from_percent("0"), Err(NotTarget::Nothing));
        for text in ["", "nan", "-1", "1e-3", "99,9", "0.9999999999", "1.1", "."] {
            assert!(Target::from_ratio(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_share_is_written_as_it_is_read() {
        for text in ["0.999", "0.99999", "0.000000001", "0.5", "0.05"] {
            assert_eq!(Share::from_ratio(text).unwrap().ratio(), text);
        }
        assert_eq!(Share::from_percent("99.95").unwrap().to_string(), "99.95%");
        assert_eq!(Target::from_percent("99.9").unwrap().allowed(), 1_000_000);
    }
}
