//! A request that is known to be answered badly, to see whether errors are
//! counted: a selector with a typo sees none, whatever the canary does.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::counts::Row;
use super::reason::Reason;
use super::sight::Blind;
use crate::failure::{Explain, Kind};
use crate::span::Span;
use crate::time::Time;

/// The status that a bad request is answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(with = "String"))]
#[serde(try_from = "String", into = "String")]
pub enum Expected {
    /// This one.
    Exactly(u16),
    /// Any of `4xx` or `5xx`.
    Class(u16),
}

impl Expected {
    /// Any failure of a server.
    pub const SERVER: Self = Self::Class(5);

    /// Whether an answer is as it was expected.
    #[must_use]
    pub const fn is(self, status: u16) -> bool {
        match self {
            Self::Exactly(expected) => status == expected,
            Self::Class(class) => status / 100 == class,
        }
    }
}

impl FromStr for Expected {
    type Err = NotStatus;

    fn from_str(text: &str) -> Result<Self, NotStatus> {
        match text {
            "4xx" => return Ok(Self::Class(4)),
            "5xx" => return Ok(Self::Class(5)),
            _ => {}
        }
        match text.parse() {
            Ok(status @ 400..=599) if text.len() == 3 => Ok(Self::Exactly(status)),
            Ok(_) | Err(_) => Err(NotStatus(text.chars().take(40).collect())),
        }
    }
}

impl TryFrom<String> for Expected {
    type Error = NotStatus;

    fn try_from(text: String) -> Result<Self, NotStatus> {
        text.parse()
    }
}

impl From<Expected> for String {
    fn from(expected: Expected) -> Self {
        expected.to_string()
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(status) => write!(formatter, "{status}"),
            Self::Class(class) => write!(formatter, "{class}xx"),
        }
    }
}

/// Not the status of a bad answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no status of a bad answer: expected 4xx, 5xx, or one from 400 to 599")]
pub struct NotStatus(String);

impl Explain for NotStatus {
    fn kind(&self) -> Kind {
        Kind::Usage
    }
}

/// What was sent, and how much of it was counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// Where it was sent to.
    pub url: String,
    /// How it was answered.
    pub status: Expected,
    /// How many requests.
    pub sent: u64,
    /// Bad requests of the canary that were counted since.
    pub counted: u64,
    /// When the first one was sent.
    pub from: Time,
    /// From when on no count can hold one of them. Rows that are even in part
    /// before this, and after `from`, are not judged.
    pub until: Time,
}

impl Probe {
    /// Nothing counted yet, of requests that were all answered by `sent_by`.
    #[must_use]
    pub fn new(
        (url, status): (String, Expected),
        sent: u64,
        (from, sent_by): (Time, Time),
    ) -> Self {
        Self {
            url,
            status,
            sent,
            counted: 0,
            from,
            until: sent_by,
        }
    }

    /// Looks for the requests in rows of this width: they are seen once as
    /// many bad ones were counted, and a sample that was taken before they
    /// were answered is behind.
    pub fn look(&mut self, rows: &[Row], interval: Span) {
        let sent_by = self.until;
        self.counted = 0;
        for row in rows.iter().filter(|row| row.time > self.from) {
            if self.is_seen() {
                break;
            }
            self.counted = self.counted.saturating_add(row.canary.bad);
            // A scrape comes at the latest a row after the requests.
            self.until = row.time.max(sent_by.after(interval));
        }
        if !self.is_seen() {
            self.until = sent_by;
        }
    }

    /// Whether errors are counted.
    #[must_use]
    pub const fn is_seen(&self) -> bool {
        self.counted >= self.sent
    }

    /// Whether a row of this width, which ends then, may hold such a request.
    #[must_use]
    pub fn hides(&self, end: Time, interval: Span) -> bool {
        let width = i64::try_from(interval.millis()).unwrap_or(i64::MAX);
        let begin = end.unix_millis().saturating_sub(width);
        end > self.from && begin < self.until.unix_millis()
    }

    /// Why there is no sight.
    #[must_use]
    pub fn unseen(&self, waited: Span) -> Blind {
        let detail = format!(
            "{} requests were answered with {}, and {} of them were counted as bad within {waited}: errors are not seen",
            self.sent, self.status, self.counted
        );
        Blind::new(Reason::ProbeUnseen, detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canary::counts::Arm;

    fn at(seconds: i64) -> Time {
        Time::from_unix_millis(1_795_435_200_000 + 1000 * seconds).unwrap()
    }

    fn row(end: i64, bad: u64) -> Row {
        Row {
            time: at(end),
            baseline: Arm::default(),
            canary: Arm { total: 50, bad },
        }
    }

    fn looked(rows: &[Row]) -> Probe {
        let about = ("http://a/boom".to_owned(), Expected::SERVER);
        let mut probe = Probe::new(about, 3, (at(0), at(1)));
        probe.look(rows, Span::seconds(15));
        probe
    }

    #[test]
    fn it_is_unseen_until_as_many_bad_requests_were_counted() {
        assert!(!looked(&[]).is_seen());
        assert!(!looked(&[row(0, 9)]).is_seen());
        let two = looked(&[row(15, 2), row(30, 0)]);
        assert_eq!((two.is_seen(), two.counted, two.until), (false, 2, at(1)));
        let three = looked(&[row(15, 2), row(30, 1), row(45, 7)]);
        assert_eq!((three.is_seen(), three.counted), (true, 3));
    }

    #[test]
    fn no_row_that_may_hold_one_is_judged_and_all_others_are() {
        let interval = Span::seconds(15);
        let hidden = |probe: &Probe| -> Vec<i64> {
            (-15..90)
                .filter(|end| probe.hides(at(*end), interval))
                .collect()
        };
        let soon = looked(&[row(15, 3)]);
        // Scraped by 16 s, so the rows that begin from then on are without it.
        assert_eq!(soon.until, at(16));
        assert_eq!(hidden(&soon), (1..31).collect::<Vec<_>>());
        let late = looked(&[row(15, 0), row(30, 0), row(45, 3)]);
        assert_eq!(hidden(&late), (1..60).collect::<Vec<_>>());
    }

    #[test]
    fn only_statuses_of_bad_answers_are_expected() {
        for (text, status, is) in [
            ("5xx", 503, true),
            ("5xx", 404, false),
            ("4xx", 404, true),
            ("500", 500, true),
            ("500", 503, false),
            ("5xx", 200, false),
        ] {
            let expected: Expected = text.parse().unwrap();
            assert_eq!(expected.is(status), is, "{text} {status}");
            assert_eq!(expected.to_string(), text);
        }
        for text in ["", "2xx", "200", "399", "600", "0500", "5XX", "xxx"] {
            assert!(text.parse::<Expected>().is_err(), "{text}");
        }
    }
}
