//! A length of time as people write it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A length of time in whole milliseconds, written `500ms`, `90s`, `15m`, `2h` or `7d`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct Span(u64);

const UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// The longest span that is accepted: a year, so that sums never overflow.
const LONGEST: u64 = 366 * 86_400_000;

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// A span of whole seconds, a year at the most.
    #[must_use]
    pub const fn seconds(seconds: u32) -> Self {
        let millis = seconds as u64 * 1_000;
        Self(if millis < LONGEST { millis } else { LONGEST })
    }

    /// Whether there is no time in it.
    #[must_use]
    pub const fn is_zero(&self) -> bool {
        self.millis() == 0
    }

    /// A span of milliseconds, a year at the most.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(if millis < LONGEST { millis } else { LONGEST })
    }

    /// This span, or so many milliseconds if that is shorter; never nothing.
    #[must_use]
    pub fn shorter(self, millis: u64) -> Self {
        Self(self.0.min(millis).max(1))
    }

    /// Length in milliseconds.
    #[must_use]
    pub const fn millis(self) -> u64 {
        self.0
    }

    /// The same length for the standard library.
    #[must_use]
    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.0)
    }
}

impl FromStr for Span {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let refused = || ParseError(text.to_owned());
        let split = text
            .find(|letter: char| !letter.is_ascii_digit())
            .ok_or_else(refused)?;
        let (number, unit) = text.split_at(split);
        let size = UNITS.iter().find(|(name, _)| *name == unit);
        let number: Option<u64> = number.parse().ok();
        size.zip(number)
            .and_then(|((_, size), number)| number.checked_mul(*size))
            .filter(|millis| *millis <= LONGEST)
            .map(Self)
            .ok_or_else(refused)
    }
}

impl TryFrom<String> for Span {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        span.to_string()
    }
}

impl fmt::Display for Span {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = UNITS
            .iter()
            .find(|(_, size)| self.0 >= *size && self.0.is_multiple_of(*size));
        match whole {
            Some((unit, size)) => write!(formatter, "{}{unit}", self.0 / size),
            None => formatter.write_str("0s"),
        }
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Span {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$" })
    }
}

/// The text is no length of time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a length of time: expected a number with `ms`, `s`, `m`, `h` or `d`, such as 15m, a year at the most"
)]
pub struct ParseError(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_and_shown_in_the_largest_whole_unit() {
        for (text, millis, shown) in [
            ("90s", 90_000, "90s"),
            ("120s", 120_000, "2m"),
            ("500ms", 500, "500ms"),
            ("48h", 172_800_000, "2d"),
            ("0s", 0, "0s"),
        ] {
            let span: Span = text.parse().unwrap();
            assert_eq!((span.millis(), span.to_string().as_str()), (millis, shown));
        }
        for text in [
            "",
            "5",
            "s",
            "-5s",
            "1.5h",
            "5 s",
            "99999d",
            "18446744073709551615d",
        ] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }
}
