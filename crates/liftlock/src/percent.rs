//! A share between nothing and everything.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A share from 0 to 100 %, in steps of a hundredth of a percent.
///
/// Written `5%`, `99.95%` or as a fraction `0.05`. An integer inside, so that
/// comparison and equality are exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Percent(u16);

impl Percent {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// Everything.
    pub const FULL: Self = Self(10_000);
    /// A hundredth.
    pub const ONE: Self = Self(100);
    /// A tenth.
    pub const TENTH: Self = Self(1_000);
    /// A half.
    pub const HALF: Self = Self(5_000);

    /// The share as a fraction from 0 to 1.
    #[must_use]
    pub fn fraction(self) -> f64 {
        f64::from(self.0) / 10_000.0
    }

    /// What is missing to everything.
    #[must_use]
    pub const fn rest(self) -> Self {
        Self(10_000_u16.saturating_sub(self.0))
    }

    /// The share of so many hundredths of a percent; nothing above 10,000.
    #[must_use]
    pub fn from_basis_points(points: u16) -> Option<Self> {
        (points <= Self::FULL.0).then_some(Self(points))
    }

    /// The share in hundredths of a percent, 0 to 10,000.
    #[must_use]
    pub const fn basis_points(self) -> u16 {
        self.0
    }
}

impl FromStr for Percent {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let (number, scale) = match text.strip_suffix('%') {
            Some(number) => (number, 2),
            None => (text, 4),
        };
        scaled(number.trim(), scale)
            .filter(|points| *points <= 10_000)
            .and_then(|points| u16::try_from(points).ok())
            .map(Self)
            .ok_or_else(|| ParseError(text.to_owned()))
    }
}

/// Reads a decimal number as an integer count of `10^-scale`, exactly.
pub(crate) fn scaled(number: &str, scale: usize) -> Option<u64> {
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(part) || whole.len() > 6 {
        return None;
    }
    let kept = part.trim_end_matches('0');
    if kept.len() > scale {
        return None;
    }
    format!("{whole}{kept:0<scale$}").parse().ok()
}

impl TryFrom<String> for Percent {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl From<Percent> for String {
    fn from(percent: Percent) -> Self {
        percent.to_string()
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / 100, self.0 % 100);
        match part {
            0 => write!(formatter, "{whole}%"),
            part if part % 10 == 0 => write!(formatter, "{whole}.{}%", part / 10),
            part => write!(formatter, "{whole}.{part:02}%"),
        }
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Percent {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Percent".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": ["string", "number"],
            "pattern": "^\\s*[0-9]+(\\.[0-9]+)?\\s*%?$",
            "minimum": 0,
            "maximum": 1,
            "examples": ["5%", "99.95%", "0.05"],
        })
    }
}

/// The text is no share.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a share: expected 0% to 100% or a fraction such as 0.05, in steps of 0.01 %")]
pub struct ParseError(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_writing_mean_the_same() {
        for (text, points, shown) in [
            ("5%", 500, "5%"),
            ("0.05", 500, "5%"),
            ("99.95%", 9995, "99.95%"),
            ("0.9995", 9995, "99.95%"),
            ("0", 0, "0%"),
            ("1", 10_000, "100%"),
            ("12.50%", 1250, "12.5%"),
        ] {
            let percent: Percent = text.parse().unwrap();
            assert_eq!(percent.basis_points(), points, "{text}");
            assert_eq!(percent.to_string(), shown);
        }
    }

    #[test]
    fn nan_and_what_is_out_of_range_are_refused() {
        for text in [
            "nan", "NaN%", "inf", "-1%", "101%", "1.5", "5", "5 0%", "", "%", "0.00001", "1e-2",
            "5.123%",
        ] {
            assert!(text.parse::<Percent>().is_err(), "{text}");
        }
    }
}
