//! The rows that a window of time is cut into.

use super::gather::Invalid;
use crate::span::Span;
use crate::time::Time;

/// The most rows of one window.
pub const MOST_ROWS: u64 = 1_000_000;

/// The rows end at `from` plus whole intervals, none of them after `to`, so
/// that a later look over the same start sees the same rows again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Where the first row begins.
    pub from: Time,
    /// What is after this was not asked for.
    pub to: Time,
    /// The width of a row.
    pub interval: Span,
}

impl Window {
    pub(super) fn rows(self) -> Result<usize, Invalid> {
        let length = u64::try_from(self.to.millis_since(self.from)).unwrap_or(0);
        let rows = length.checked_div(self.interval.millis()).unwrap_or(0);
        usize::try_from(rows)
            .ok()
            .filter(|_| rows <= MOST_ROWS)
            .ok_or(Invalid::TooManyRows(rows))
    }

    pub(super) fn end(self, number: u64) -> Time {
        let length = self.interval.millis().saturating_mul(number);
        self.from.after(Span::from_millis(length))
    }

    pub(super) fn begin(self, end: Time) -> Time {
        let length = i64::try_from(self.interval.millis()).unwrap_or(0);
        Time::from_unix_millis(end.unix_millis().saturating_sub(length)).unwrap_or(end)
    }

    /// The index of the row that ends at or after a moment.
    pub(super) fn index(self, moment: Time) -> Option<usize> {
        let after = u64::try_from(moment.millis_since(self.from)).ok()?;
        let index = after.checked_sub(1)?.checked_div(self.interval.millis())?;
        usize::try_from(index).ok()
    }

    /// The index of the row that is this interval; `usize::MAX` for one of the
    /// same grid before the window, nothing for one of another grid.
    pub(super) fn exact(self, end: Time, width: Span) -> Option<usize> {
        let step = i64::try_from(self.interval.millis()).ok()?;
        let off = end.millis_since(self.from).checked_rem(step)?;
        let fits = off == 0 && width == self.interval;
        fits.then(|| self.index(end).unwrap_or(usize::MAX))
    }

    /// Where to end a question about whole intervals: at the last one that is
    /// over, and after one at the least, so that a wrong question shows at once.
    #[must_use]
    pub fn whole(self) -> Self {
        let rows = self.rows().unwrap_or(0).max(1);
        Self {
            to: self.end(u64::try_from(rows).unwrap_or(1)),
            ..self
        }
    }
}
