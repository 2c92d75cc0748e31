//! Why answers cannot be counted.

use super::window::MOST_ROWS;
use crate::failure::{Explain, Kind};
use crate::span::Span;
use crate::time::Time;

/// The answers are whole, but cannot be counted as was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// A gauge, or a recording rule over a rate.
    #[error("`{0}` is no counter of requests: it holds fractions or negative values")]
    NotCounter(String),
    /// An exposure that falls below nothing.
    #[error("`{0}` is no counter of an exposure: it holds negative values")]
    Negative(String),
    /// It would be compared with itself.
    #[error(
        "`{0}` is of both slots: the selectors do not tell them apart, and it would be compared with itself"
    )]
    Both(String),
    /// Most rows would be empty.
    #[error("the interval of {interval} is shorter than the {spacing} between samples")]
    Interval {
        /// As asked for.
        interval: Span,
        /// As found.
        spacing: Span,
    },
    /// The source adds up other intervals than were asked for.
    #[error(
        "`{name}` is counted by intervals of {width}, one of which ends at {end}: these are not the rows of {interval}"
    )]
    Grid {
        /// How the source calls it.
        name: String,
        /// As found.
        width: Span,
        /// As found.
        end: Time,
        /// As asked for.
        interval: Span,
    },
    /// The window is too long for its interval.
    #[error("the window has {0} rows, more than {MOST_ROWS}")]
    TooManyRows(u64),
}

impl Explain for Invalid {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NotCounter(_) => Some("select a raw counter such as requests_total".to_owned()),
            Self::Both(_) => Some(
                "match a label that each slot has for itself with `=`, such as version=\"{slot}\""
                    .to_owned(),
            ),
            Self::Negative(_) => None,
            Self::Interval { spacing, .. } => {
                let twice = Span::from_millis(spacing.millis().saturating_mul(2));
                Some(format!("set the interval to {twice}, twice that time"))
            }
            Self::Grid { .. } => {
                Some("set the interval to one that the source counts by".to_owned())
            }
            Self::TooManyRows(_) => Some("take a longer interval".to_owned()),
        }
    }
}
