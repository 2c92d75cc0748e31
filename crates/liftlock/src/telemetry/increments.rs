//! Counts of whole intervals, as the source itself added them up.

use super::counter::{Amount, NotCount};
use super::invalid::Invalid;
use super::window::Window;
use crate::span::Span;
use crate::time::Time;

/// What was counted in one interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// The end of the interval.
    pub end: Time,
    /// The count; nothing where the source says that it has none.
    pub count: Option<f64>,
}

/// What it means that an interval has no count of bad requests while the same
/// slot's requests were counted in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Absent {
    /// Nothing was counted: the vendor says that it keeps no zeroes.
    Zero,
    /// Nobody knows.
    #[default]
    Unknown,
}

/// One counter in whole intervals.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Increments {
    /// How the source calls it.
    pub name: String,
    /// The width of an interval.
    pub width: Span,
    /// The intervals, oldest first; none where there is no series.
    pub buckets: Vec<Bucket>,
    /// What a missing count means.
    pub absent: Absent,
    /// Why it may be incomplete.
    pub warnings: Vec<String>,
}

impl Increments {
    /// The counts on the grid of a window; nothing where none was told.
    pub(super) fn column<T: Amount>(
        &self,
        window: Window,
        rows: usize,
    ) -> Result<Vec<Option<u64>>, Fault> {
        let mut column = vec![None; rows];
        for bucket in &self.buckets {
            let Some(index) = window.exact(bucket.end, self.width) else {
                return Err(Fault::Grid(Invalid::Grid {
                    name: self.name.clone(),
                    width: self.width,
                    end: bucket.end,
                    interval: window.interval,
                }));
            };
            let Some(value) = bucket.count else { continue };
            let amount = T::read(value, || self.name.clone()).map_err(Fault::Count)?;
            if let Some(cell) = column.get_mut(index) {
                *cell = amount.told();
            }
        }
        Ok(column)
    }

    /// The end of the newest interval that has a count.
    pub(super) fn newest(&self) -> Option<Time> {
        let told = self.buckets.iter().filter(|one| one.count.is_some());
        told.map(|bucket| bucket.end).max()
    }
}

/// Why intervals are no rows.
#[derive(Debug)]
pub(super) enum Fault {
    Grid(Invalid),
    Count(NotCount),
}
