//! Recorded values of both slots, such as their memory, as a file.

use super::counts::{Arm, LARGEST, Pair, Tally};
use super::limit::Most;
use super::mean::PARTS;
use crate::failure::{Explain, Kind};
use crate::time::{self, Time};

/// The first line of a file of values.
pub const HEADER: &str = "time,baseline,canary";

/// What a file holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Values {
    /// A pair for each row, in parts of the most.
    pub tallies: Vec<Tally>,
    /// Whether some values were above the most, and count as that.
    pub has_capped: bool,
}

/// Parses a file of values, of which an empty one was not seen.
///
/// # Errors
///
/// Fails on another header, on values that are negative or no numbers, on
/// times that do not ascend, and when there is no row at all.
pub fn parse(bytes: &[u8], most: Most) -> Result<Values, ParseError> {
    if bytes.len() > LARGEST {
        return Err(ParseError::TooLarge(bytes.len()));
    }
    let text = std::str::from_utf8(bytes)?;
    let mut lines = (1..).zip(text.lines());
    match lines.next() {
        Some((_, HEADER)) => {}
        Some((_, found)) => return Err(ParseError::Header(excerpt(found))),
        None => return Err(ParseError::Empty),
    }
    let mut values = Values {
        tallies: Vec::new(),
        has_capped: false,
    };
    for (number, line) in lines {
        let fields: Vec<&str> = line.split(',').collect();
        let &[time, baseline, canary] = fields.as_slice() else {
            return Err(ParseError::Fields(number, fields.len()));
        };
        let time: Time = time.parse().map_err(|source| ParseError::Time {
            line: number,
            source,
        })?;
        if values.tallies.last().is_some_and(|last| time <= last.time) {
            return Err(ParseError::Order(number));
        }
        let mut arm = |text: &str| -> Result<Arm, ParseError> {
            let value = value(number, text)?;
            values.has_capped =
                values.has_capped || value.is_some_and(|value| value > most.value());
            Ok(value.map(|value| of(value, most)).unwrap_or_default())
        };
        let (baseline, canary) = (arm(baseline)?, arm(canary)?);
        values.tallies.push(Tally {
            time,
            counts: vec![Pair { baseline, canary }],
        });
    }
    match values.tallies.is_empty() {
        true => Err(ParseError::Empty),
        false => Ok(values),
    }
}

/// One value as parts of the most.
#[must_use]
pub fn of(value: f64, most: Most) -> Arm {
    Arm {
        total: PARTS,
        bad: most.parts(value),
    }
}

fn value(line: u64, text: &str) -> Result<Option<f64>, ParseError> {
    if text.is_empty() {
        return Ok(None);
    }
    let value = text.parse::<f64>().ok();
    let value = value.filter(|value| value.is_finite() && *value >= 0.0);
    value.map(Some).ok_or_else(|| ParseError::Value {
        line,
        found: excerpt(text),
    })
}

/// Enough of a foreign text to recognise it in one line.
fn excerpt(text: &str) -> String {
    text.chars().take(80).collect()
}

/// The bytes are no values.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// More bytes than two months of rows a second.
    #[error("{0} bytes are more than the {LARGEST} that values may have")]
    TooLarge(usize),
    /// Not text at all.
    #[error("not UTF-8")]
    Encoding(#[from] std::str::Utf8Error),
    /// Nothing was seen.
    #[error("there is no row")]
    Empty,
    /// Another format.
    #[error("line 1: the header is `{0}`, expected `{HEADER}`")]
    Header(String),
    /// Too few or too many fields.
    #[error("line {0}: {1} fields, expected 3")]
    Fields(u64, usize),
    /// `time` is no moment.
    #[error("line {line}: field `time`")]
    Time {
        /// The line, counted from 1.
        line: u64,
        /// Why not.
        source: time::ParseError,
    },
    /// Not a value.
    #[error("line {line}: `{found}` is no value: expected a number from 0 on, or nothing")]
    Value {
        /// The line, counted from 1.
        line: u64,
        /// As it is written.
        found: String,
    },
    /// Rows out of order.
    #[error("line {0}: not later than the row before")]
    Order(u64),
}

impl Explain for ParseError {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn most() -> Most {
        Most::try_from(8.0).unwrap()
    }

    #[test]
    fn values_are_parts_of_the_most_and_nothing_is_not_zero() {
        let file = "time,baseline,canary\n\
            2026-11-23T12:00:00Z,1,2.5\n\
            2026-11-23T12:01:00Z,,1e1\n\
            2026-11-23T12:02:00Z,0,\n";
        let values = parse(file.as_bytes(), most()).unwrap();
        let pairs: Vec<[u64; 4]> = values
            .tallies
            .iter()
            .map(|tally| tally.counts[0].into())
            .collect();
        let part = PARTS / 8;
        assert_eq!(
            pairs,
            [
                [PARTS, part, PARTS, 5 * part / 2],
                [0, 0, PARTS, PARTS],
                [PARTS, 0, 0, 0]
            ]
        );
        assert!(values.has_capped);
        let lower = parse(b"time,baseline,canary\n2026-11-23T12:00:00Z,1,8\n", most());
        assert!(!lower.unwrap().has_capped);
    }

    #[test]
    fn what_is_no_value_is_refused_by_its_line() {
        let head = "time,baseline,canary\n2026-11-23T12:00:00Z,1,2\n";
        for (rest, expected) in [
            ("2026-11-23T12:01:00Z,NaN,1", "line 3: `NaN` is no value"),
            ("2026-11-23T12:01:00Z,1,-1", "line 3: `-1` is no value"),
            ("2026-11-23T12:01:00Z,1,inf", "line 3: `inf` is no value"),
            ("2026-11-23T12:01:00Z,1,a", "line 3: `a` is no value"),
            ("2026-11-23T12:01:00Z,1", "line 3: 2 fields"),
            ("2026-11-23T12:00:00Z,1,1", "line 3: not later"),
            ("noon,1,1", "line 3: field `time`"),
        ] {
            let error = parse(format!("{head}{rest}\n").as_bytes(), most()).unwrap_err();
            assert!(error.to_string().contains(expected), "{rest}: {error}");
        }
        for text in ["", "time,baseline,canary\n", "time,baseline_total\n"] {
            assert!(parse(text.as_bytes(), most()).is_err(), "{text}");
        }
    }
}
