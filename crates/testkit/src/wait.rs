//! Waits for conditions, never for luck: every wait has a limit and a name.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Result, bail};
use liftlock::time::Time;

/// How often a condition is asked for.
const POLL: Duration = Duration::from_millis(5);

/// Asks until there is an answer.
///
/// # Errors
///
/// Fails when there is none within `limit`; the message names `what`.
pub fn until<T>(what: &str, limit: Duration, mut ask: impl FnMut() -> Option<T>) -> Result<T> {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return Ok(answer);
        }
        if start.elapsed() > limit {
            bail!("no {what} after {} ms", limit.as_millis());
        }
        pause(POLL);
    }
}

/// The present moment, for what the demo applications write down.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "demo applications have no other clock; tests get fixed times"
)]
pub fn now() -> Time {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_millis()).ok())
        .and_then(|millis| Time::from_unix_millis(millis).ok())
        .unwrap_or(Time::EPOCH)
}

/// Lets time pass; for intervals of the demo and delays that a test scripts.
#[expect(
    clippy::disallowed_methods,
    reason = "polling and scripted delays are what this file is for"
)]
pub fn pause(length: Duration) {
    std::thread::sleep(length);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_that_never_holds_is_named() {
        let error = until::<()>("answer", Duration::ZERO, || None).unwrap_err();
        assert_eq!(error.to_string(), "no answer after 0 ms");
    }

    #[test]
    fn the_first_answer_ends_the_wait() {
        let mut asked = 0;
        let answer = until("answer", Duration::from_secs(10), || {
            asked += 1;
            (asked == 3).then_some(asked)
        });
        assert_eq!(answer.unwrap(), 3);
    }
}
