//! The time over which an objective is kept.

use std::fmt;

use serde::Serialize;

use super::target::Share;
use crate::span::Span;

/// A day in seconds.
const DAY: u32 = 86_400;

/// The time over which an objective is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Window {
    /// Always the last so much time.
    Rolling(Span),
    /// Periods of the calendar.
    Calendar(Calendar),
}

/// Periods that follow one another from a moment on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Calendar {
    /// How many units a period has, at least one.
    pub count: u32,
    /// The unit.
    pub unit: Unit,
    /// When the first period begins, local to the zone: `YYYY-MM-DD HH:MM:SS`.
    pub start: String,
    /// The name of the zone in the IANA database, such as `Europe/Berlin`.
    pub zone: String,
}

/// The units of OpenSLO's durations. Those from a month on have no length of
/// their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// `m`
    Minute,
    /// `h`
    Hour,
    /// `d`
    Day,
    /// `w`
    Week,
    /// `M`
    Month,
    /// `Q`
    Quarter,
    /// `Y`
    Year,
}

impl Unit {
    /// Every unit.
    pub const ALL: [Self; 7] = [
        Self::Minute,
        Self::Hour,
        Self::Day,
        Self::Week,
        Self::Month,
        Self::Quarter,
        Self::Year,
    ];

    /// The letter that stands behind the number.
    #[must_use]
    pub const fn letter(self) -> &'static str {
        match self {
            Self::Minute => "m",
            Self::Hour => "h",
            Self::Day => "d",
            Self::Week => "w",
            Self::Month => "M",
            Self::Quarter => "Q",
            Self::Year => "Y",
        }
    }

    /// The nominal length: a month has 30 days, a quarter 90, a year 365.
    #[must_use]
    pub const fn span(self) -> Span {
        Span::seconds(match self {
            Self::Minute => 60,
            Self::Hour => 3_600,
            Self::Day => DAY,
            Self::Week => 7 * DAY,
            Self::Month => 30 * DAY,
            Self::Quarter => 90 * DAY,
            Self::Year => 365 * DAY,
        })
    }
}

impl Window {
    /// The length, nominal for the calendar's; a year at the most.
    #[must_use]
    pub fn span(&self) -> Span {
        match self {
            Self::Rolling(span) => *span,
            Self::Calendar(calendar) => {
                let unit = calendar.unit.span().millis();
                Span::from_millis(unit.saturating_mul(u64::from(calendar.count)))
            }
        }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rolling(span) => write!(formatter, "{span} rolling"),
            Self::Calendar(calendar) => write!(
                formatter,
                "{}{} from {} {}",
                calendar.count,
                calendar.unit.letter(),
                calendar.start,
                calendar.zone
            ),
        }
    }
}

/// The windows of burn-rate alerts, as Sloth's `AlertWindows` sets them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AlertWindows {
    /// The window of the objectives that they are for.
    pub period: Span,
    /// Two that page.
    pub page: [Pair; 2],
    /// Two that open a ticket.
    pub ticket: [Pair; 2],
}

/// An alert fires when this share of the budget is spent at the pace of both
/// its windows: the burn rate is `budget · period / long`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Pair {
    /// The share of the error budget.
    pub budget: Share,
    /// The window that makes it stop soon.
    pub short: Span,
    /// The window that makes it sure.
    pub long: Span,
}
