//! Counters of both kinds of requests in whole intervals, as vendors answer them.

use super::increments::{Absent, Bucket, Increments};
use super::window::Window;
use crate::time::Time;

/// The end of the interval that begins at a moment.
pub(super) fn end(begin_millis: i64, window: Window) -> Option<Time> {
    let length = i64::try_from(window.interval.millis()).ok()?;
    Time::from_unix_millis(begin_millis.checked_add(length)?).ok()
}

/// One counter in intervals of the window's width.
pub(super) fn increments(
    name: String,
    window: Window,
    buckets: Vec<Bucket>,
    absent: Absent,
) -> Increments {
    Increments {
        name,
        width: window.interval,
        buckets,
        absent,
        warnings: Vec::new(),
    }
}
