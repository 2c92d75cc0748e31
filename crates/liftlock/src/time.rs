//! A moment, always in UTC, always given by the caller.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::span::Span;

/// A moment in UTC with millisecond precision, written as RFC 3339.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Time(jiff::Timestamp);

impl Time {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(jiff::Timestamp::UNIX_EPOCH);

    /// The moment that many milliseconds after 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    ///
    /// Fails outside of the years -9999 to 9999.
    pub fn from_unix_millis(millis: i64) -> Result<Self, ParseError> {
        jiff::Timestamp::from_millisecond(millis)
            .map(Self)
            .map_err(|source| ParseError {
                text: millis.to_string(),
                source,
            })
    }

    /// The moment in a `Date` header of HTTP, such as
    /// `Mon, 23 Nov 2026 12:00:00 GMT` (RFC 9110 §5.6.7); nothing otherwise.
    #[must_use]
    pub fn from_http(text: &str) -> Option<Self> {
        let zoned = jiff::fmt::rfc2822::DateTimeParser::new();
        let moment = zoned.parse_timestamp(text.trim()).ok()?;
        Self::from_unix_millis(moment.as_millisecond()).ok()
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn unix_millis(self) -> i64 {
        self.0.as_millisecond()
    }

    /// This moment and a span later; the end of time when that overflows.
    #[must_use]
    pub fn after(self, span: Span) -> Self {
        let millis = i64::try_from(span.millis()).unwrap_or(i64::MAX);
        let later = self.unix_millis().saturating_add(millis);
        Self(jiff::Timestamp::from_millisecond(later).unwrap_or(jiff::Timestamp::MAX))
    }

    /// How long after `earlier` this is, in milliseconds; negative when before.
    #[must_use]
    pub fn millis_since(self, earlier: Self) -> i64 {
        self.unix_millis().saturating_sub(earlier.unix_millis())
    }
}

impl FromStr for Time {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let parsed: jiff::Timestamp = text.parse().map_err(|source| ParseError {
            text: text.to_owned(),
            source,
        })?;
        Self::from_unix_millis(parsed.as_millisecond())
    }
}

impl TryFrom<String> for Time {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl From<Time> for String {
    fn from(time: Time) -> Self {
        time.to_string()
    }
}

impl fmt::Display for Time {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Time {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "date-time" })
    }
}

/// The text is no moment.
#[derive(Clone, Debug, thiserror::Error)]
#[error("`{text}` is not a moment: expected RFC 3339 such as 2026-11-23T12:00:00Z")]
pub struct ParseError {
    text: String,
    source: jiff::Error,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_in_any_zone_and_shown_in_utc() {
        let time: Time = "2026-11-23T13:00:00.5+01:00".parse().unwrap();
        assert_eq!(time.to_string(), "2026-11-23T12:00:00.5Z");
        assert_eq!(time.after(Span::seconds(90)).millis_since(time), 90_000);
        assert!("2026-11-23".parse::<Time>().is_err());
        let date = Time::from_http("Mon, 23 Nov 2026 12:00:00 GMT").unwrap();
        assert_eq!(date.to_string(), "2026-11-23T12:00:00Z");
    }
}
