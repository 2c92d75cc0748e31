//! The rows that a window of time is cut into.

use super::invalid::Invalid;
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

    /// What to ask about whole intervals: those that are over, or, where none
    /// is, one before, so that a wrong question shows at once.
    #[must_use]
    pub fn whole(self) -> Self {
        match self.rows().unwrap_or(0) {
            0 => {
                let to = self.begin(self.from);
                let from = self.begin(to);
                Self { from, to, ..self }
            }
            rows => Self {
                to: self.end(u64::try_from(rows).unwrap_or(1)),
                ..self
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_about_whole_intervals_that_are_over() {
        let at = |seconds: i64| Time::from_unix_millis(1_795_435_200_000 + 1000 * seconds).unwrap();
        let asked = |from, to| {
            let window = Window {
                from: at(from),
                to: at(to),
                interval: Span::seconds(60),
            };
            let whole = window.whole();
            (whole.from, whole.to)
        };
        assert_eq!(asked(0, 150), (at(0), at(120)));
        assert_eq!(asked(0, 60), (at(0), at(60)));
        assert_eq!(asked(0, 59), (at(-120), at(-60)));
        assert_eq!(asked(0, -10), (at(-120), at(-60)));
    }

    #[test]
    fn only_intervals_of_the_grid_are_rows() {
        let at = |seconds: i64| Time::from_unix_millis(1_795_435_200_000 + 1000 * seconds).unwrap();
        let window = Window {
            from: at(0),
            to: at(180),
            interval: Span::seconds(60),
        };
        let minute = Span::seconds(60);
        assert_eq!(window.exact(at(60), minute), Some(0));
        assert_eq!(window.exact(at(180), minute), Some(2));
        assert_eq!(window.exact(at(0), minute), Some(usize::MAX));
        assert_eq!(window.exact(at(-60), minute), Some(usize::MAX));
        assert_eq!(window.exact(at(61), minute), None);
        assert_eq!(window.exact(at(60), Span::seconds(30)), None);
    }
}
