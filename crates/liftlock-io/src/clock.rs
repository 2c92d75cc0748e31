//! The only place that reads the clock or waits for it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use liftlock::time::Time;

/// The present moment.
///
/// A clock before 1970 or beyond the year 9999 shows as 1970: every deadline
/// is then in the future and no evidence is fresh, so nothing is permitted.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that may read the clock"
)]
pub fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let millis = since
        .ok()
        .and_then(|since| i64::try_from(since.as_millis()).ok());
    Time::from_unix_millis(millis.unwrap_or_default()).unwrap_or(Time::EPOCH)
}

/// Waits for that long.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that may wait"
)]
pub fn wait(length: Duration) {
    std::thread::sleep(length);
}
