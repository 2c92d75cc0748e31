//! Counters of both kinds of requests in whole intervals, as vendors answer them.

use super::error::{Error, unreadable};
use super::increments::{Absent, Bucket, Increments};
use super::window::Window;
use crate::time::Time;

/// When an interval begins, in milliseconds since 1970, and its count; nothing
/// where the source's number is no such time, or it tells no count.
pub(super) type Point = (Option<i64>, Option<f64>);

/// One counter in intervals of the window's width, in the order of its points.
pub(super) fn increments(
    (service, name): (&'static str, String),
    (window, absent): (Window, Absent),
    points: impl IntoIterator<Item = Point>,
) -> Result<Increments, Error> {
    let bucket = |(begin, count): Point| {
        let end = end(begin?, window)?;
        Some(Bucket { end, count })
    };
    let buckets: Option<Vec<Bucket>> = points.into_iter().map(bucket).collect();
    Ok(Increments {
        name,
        width: window.interval,
        buckets: buckets.ok_or_else(|| unreadable(service, "a time outside of time"))?,
        absent,
        warnings: Vec::new(),
    })
}

/// The end of the interval that begins at a moment.
fn end(begin_millis: i64, window: Window) -> Option<Time> {
    let length = i64::try_from(window.interval.millis()).ok()?;
    Time::from_unix_millis(begin_millis.checked_add(length)?).ok()
}
