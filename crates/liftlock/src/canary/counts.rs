//! Counts of requests per interval, as recorded or as gathered.

use serde::{Deserialize, Serialize};

use super::number::real;
use super::policy::Unit;
use crate::failure::{Explain, Kind};
use crate::time::{self, Time};

/// The first line of a file of counts.
pub const HEADER: &str = "time,baseline_total,baseline_bad,canary_total,canary_bad";

/// The most bytes a file of counts may have: two months of rows a second.
pub const LARGEST: usize = 512 * 1024 * 1024;

/// Requests of one slot in one interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Arm {
    /// All requests.
    pub total: u64,
    /// Those that failed, never more than all.
    pub bad: u64,
}

impl Arm {
    /// Both counts together; saturates.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            total: self.total.saturating_add(other.total),
            bad: self.bad.saturating_add(other.bad),
        }
    }
}

/// What both slots did, of one count; written `[baseline total, baseline bad,
/// canary total, canary bad]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(with = "[u64; 4]"))]
#[serde(from = "[u64; 4]", into = "[u64; 4]")]
pub struct Pair {
    /// The version that is known.
    pub baseline: Arm,
    /// The version that is judged.
    pub canary: Arm,
}

impl Pair {
    /// The same as a row.
    #[must_use]
    pub const fn row(&self, time: Time) -> Row {
        Row {
            time,
            baseline: self.baseline,
            canary: self.canary,
        }
    }
}

impl From<[u64; 4]> for Pair {
    fn from([baseline, baseline_bad, canary, canary_bad]: [u64; 4]) -> Self {
        let arm = |total, bad| Arm { total, bad };
        Self {
            baseline: arm(baseline, baseline_bad),
            canary: arm(canary, canary_bad),
        }
    }
}

impl From<Pair> for [u64; 4] {
    fn from(pair: Pair) -> Self {
        let Pair { baseline, canary } = pair;
        [baseline.total, baseline.bad, canary.total, canary.bad]
    }
}

/// What both slots did in the interval that ended at `time`: a pair for each
/// count of a panel, in its order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tally {
    /// The end of the interval.
    pub time: Time,
    /// The counts.
    pub counts: Vec<Pair>,
}

impl From<&Row> for Tally {
    fn from(row: &Row) -> Self {
        let (baseline, canary) = (row.baseline, row.canary);
        Self {
            time: row.time,
            counts: vec![Pair { baseline, canary }],
        }
    }
}

impl Arm {
    /// The part of the requests that were bad; nothing without requests.
    #[must_use]
    pub fn share(self) -> Option<f64> {
        let [bad, total] = [self.bad, self.total].map(|count| real(count.into()));
        (self.total > 0).then(|| bad / total)
    }
}

/// What both slots did in the interval that ended at `time`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Row {
    /// The end of the interval.
    pub time: Time,
    /// The version that is known.
    pub baseline: Arm,
    /// The version that is judged.
    pub canary: Arm,
}

impl Row {
    /// The row as a line of a file of counts, without the line's end.
    #[must_use]
    pub fn line(&self) -> String {
        let (baseline, canary) = (self.baseline, self.canary);
        format!(
            "{},{},{},{},{}",
            self.time, baseline.total, baseline.bad, canary.total, canary.bad
        )
    }
}

/// Parses a file of counts of requests.
///
/// # Errors
///
/// Fails on another header, on anything but whole numbers, on more bad than
/// total, on times that do not ascend, and when there is no row at all.
pub fn parse(bytes: &[u8]) -> Result<Vec<Row>, ParseError> {
    parse_as(bytes, Unit::Share)
}

/// Parses a file of counts of this unit: events may be more than exposure.
///
/// # Errors
///
/// Fails as [`parse`] does.
pub fn parse_as(bytes: &[u8], unit: Unit) -> Result<Vec<Row>, ParseError> {
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
    let mut rows: Vec<Row> = Vec::new();
    for (number, line) in lines {
        let row = row(number, line)?;
        let excess = |arm: Arm| unit == Unit::Share && arm.bad > arm.total;
        let slots = [("baseline", row.baseline), ("canary", row.canary)];
        if let Some((slot, _)) = slots.into_iter().find(|(_, arm)| excess(*arm)) {
            return Err(ParseError::Excess { line: number, slot });
        }
        if rows.last().is_some_and(|last| row.time <= last.time) {
            return Err(ParseError::Order(number));
        }
        rows.push(row);
    }
    if rows.is_empty() {
        return Err(ParseError::Empty);
    }
    Ok(rows)
}

fn row(line: u64, text: &str) -> Result<Row, ParseError> {
    let fields: Vec<&str> = text.split(',').collect();
    let &[time, baseline_total, baseline_bad, canary_total, canary_bad] = fields.as_slice() else {
        return Err(ParseError::Fields(line, fields.len()));
    };
    let baseline = arm(line, "baseline", baseline_total, baseline_bad)?;
    let canary = arm(line, "canary", canary_total, canary_bad)?;
    let time = time
        .parse()
        .map_err(|source| ParseError::Time { line, source })?;
    Ok(Row {
        time,
        baseline,
        canary,
    })
}

fn arm(line: u64, slot: &'static str, total: &str, bad: &str) -> Result<Arm, ParseError> {
    let total = count(line, slot, "total", total)?;
    let bad = count(line, slot, "bad", bad)?;
    Ok(Arm { total, bad })
}

fn count(line: u64, slot: &'static str, of: &'static str, text: &str) -> Result<u64, ParseError> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(count) if digits => Ok(count),
        Ok(_) | Err(_) => Err(ParseError::Count {
            line,
            slot,
            of,
            found: excerpt(text),
        }),
    }
}

/// At most so many rows of the same counts: neighbours are added up, and each
/// ends with the last of them. For a picture; the judge never pools rows.
#[must_use]
pub fn widened(rows: &[Row], at_most: usize) -> Vec<Row> {
    let width = rows.len().div_ceil(at_most.max(1)).max(1);
    let add = |one: Row, row: &Row| Row {
        time: row.time,
        baseline: one.baseline.plus(row.baseline),
        canary: one.canary.plus(row.canary),
    };
    let wide = |some: &[Row]| {
        let (first, rest) = some.split_first()?;
        Some(rest.iter().fold(*first, add))
    };
    rows.chunks(width).filter_map(wide).collect()
}

/// Enough of a foreign text to recognise it in one line.
fn excerpt(text: &str) -> String {
    text.chars().take(80).collect()
}

/// The bytes are no counts.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// More bytes than two months of rows a second.
    #[error("{0} bytes are more than the {LARGEST} that counts may have")]
    TooLarge(usize),
    /// Not text at all.
    #[error("not UTF-8")]
    Encoding(#[from] std::str::Utf8Error),
    /// Nothing was counted.
    #[error("there is no row")]
    Empty,
    /// Another format.
    #[error("line 1: the header is `{0}`, expected `{HEADER}`")]
    Header(String),
    /// Too few or too many fields.
    #[error("line {0}: {1} fields, expected 5")]
    Fields(u64, usize),
    /// `time` is no moment.
    #[error("line {line}: field `time`")]
    Time {
        /// The line, counted from 1.
        line: u64,
        /// Why not.
        source: time::ParseError,
    },
    /// A field is no count.
    #[error("line {line}: field `{slot}_{of}`: `{found}` is not a whole number")]
    Count {
        /// The line, counted from 1.
        line: u64,
        /// `baseline` or `canary`.
        slot: &'static str,
        /// `total` or `bad`.
        of: &'static str,
        /// What stands there.
        found: String,
    },
    /// More requests failed than were made.
    #[error("line {line}: field `{slot}_bad` is greater than `{slot}_total`")]
    Excess {
        /// The line, counted from 1.
        line: u64,
        /// `baseline` or `canary`.
        slot: &'static str,
    },
    /// A row is not later than the one before.
    #[error("line {0}: field `time` is not later than the line before")]
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

    fn refused(rows: &str) -> String {
        let text = format!("{HEADER}\n{rows}");
        parse(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn rows_are_read_and_written_alike() {
        let line = "2026-11-23T12:00:00Z,260,4,240,7";
        let rows = parse(format!("{HEADER}\n{line}\n").as_bytes()).unwrap();
        assert_eq!(rows[0].canary, Arm { total: 240, bad: 7 });
        assert_eq!(rows[0].line(), line);
        let windows = format!("{HEADER}\r\n{line}\r\n");
        assert_eq!(parse(windows.as_bytes()).unwrap(), rows);
    }

    #[test]
    fn wider_rows_hold_the_same_counts() {
        let row = |minute: i64| Row {
            time: Time::from_unix_millis(60_000 * minute).unwrap(),
            baseline: Arm { total: 9, bad: 1 },
            canary: Arm { total: 2, bad: 0 },
        };
        let rows: Vec<Row> = (1..=10).map(row).collect();
        assert_eq!(widened(&rows, 10), rows);
        let wide = widened(&rows, 4);
        let told = wide.iter().map(|row| (row.time, row.baseline.total));
        let told: Vec<_> = told.collect();
        let at = |minute| row(minute).time;
        assert_eq!(told, [(at(3), 27), (at(6), 27), (at(9), 27), (at(10), 9)]);
        assert_eq!(widened(&rows, 0).len(), 1);
        assert_eq!(widened(&[], 4), []);
    }

    #[test]
    fn what_is_no_count_is_refused_with_line_and_field() {
        let cases = [
            (
                "2026-11-23T12:00:00Z,NaN,4,240,7",
                "line 2: field `baseline_total`: `NaN` is not a whole number",
            ),
            (
                "2026-11-23T12:00:00Z,260,4,240,-7",
                "line 2: field `canary_bad`: `-7` is not a whole number",
            ),
            (
                "2026-11-23T12:00:00Z,260,4,2.5,1",
                "line 2: field `canary_total`: `2.5` is not a whole number",
            ),
            (
                "2026-11-23T12:00:00Z,260,+4,240,7",
                "line 2: field `baseline_bad`: `+4` is not a whole number",
            ),
            (
                "2026-11-23T12:00:00Z,260,,240,7",
                "line 2: field `baseline_bad`: `` is not a whole number",
            ),
            (
                "2026-11-23T12:00:00Z,260,4,6,7",
                "line 2: field `canary_bad` is greater than `canary_total`",
            ),
            (
                "2026-11-23T12:00:00Z,260,4,240",
                "line 2: 4 fields, expected 5",
            ),
            ("", "there is no row"),
            ("noon,260,4,240,7", "line 2: field `time`"),
            (
                "2026-11-23T12:00:00Z,1,0,1,0\n2026-11-23T13:00:00+01:00,1,0,1,0",
                "line 3: field `time` is not later than the line before",
            ),
        ];
        for (rows, expected) in cases {
            assert_eq!(refused(rows), expected, "{rows}");
        }
        assert!(matches!(parse(b"").unwrap_err(), ParseError::Empty));
        assert!(matches!(
            parse(b"time,total\n").unwrap_err(),
            ParseError::Header(_)
        ));
        assert!(matches!(
            parse(b"\xff").unwrap_err(),
            ParseError::Encoding(_)
        ));
    }

    #[test]
    fn the_largest_count_is_a_count() {
        let line = format!("2026-11-23T12:00:00Z,{0},{0},{0},{0}", u64::MAX);
        let rows = parse(format!("{HEADER}\n{line}").as_bytes()).unwrap();
        assert_eq!(rows[0].canary.bad, u64::MAX);
        assert!(parse(format!("{HEADER}\n{line}0").as_bytes()).is_err());
    }
}
