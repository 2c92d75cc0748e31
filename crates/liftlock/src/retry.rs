//! When to ask again after a counterpart failed.

use crate::span::Span;
use crate::time::Time;

/// The first pause, in milliseconds.
const FIRST: u64 = 500;

/// The longest pause that we choose by ourselves, in milliseconds.
const LONGEST: u64 = 10_000;

/// How long to wait before the next attempt, when `attempts` have failed:
/// twice as long each time, from half a second to ten, of which chance takes
/// up to a half, so that many clients do not come back at once. What the
/// counterpart asked for (`Retry-After`) is the least.
#[must_use]
pub fn pause(attempts: u32, asked: Option<Span>, chance: u64) -> Span {
    let doubled = FIRST.saturating_mul(1_u64.checked_shl(attempts.min(16)).unwrap_or(u64::MAX));
    let longest = doubled.min(LONGEST);
    let half = longest / 2;
    let chosen = Span::from_millis(half + chance % (half + 1));
    asked.map_or(chosen, |asked| asked.max(chosen))
}

/// Reads the header `Retry-After`: seconds, or a date (RFC 9110 §10.2.3);
/// nothing where it is neither or lies in the past.
#[must_use]
pub fn after(header: &str, now: Time) -> Option<Span> {
    let header = header.trim();
    if let Ok(seconds) = header.parse::<u32>() {
        return Some(Span::seconds(seconds));
    }
    let millis = Time::from_http(header)?.millis_since(now);
    u64::try_from(millis).ok().map(Span::from_millis)
}

/// Whether a status of HTTP says that the same request may succeed later.
#[must_use]
pub const fn is_transient(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500..=599)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit_and_chance_takes_half_at_most() {
        let cases = [
            (0, 250, 500),
            (1, 500, 1_000),
            (4, 4_000, 8_000),
            (5, 5_000, 10_000),
            (99, 5_000, 10_000),
        ];
        for (attempts, least, most) in cases {
            assert_eq!(pause(attempts, None, 0), Span::from_millis(least));
            for chance in [1, 777, 4_999, u64::MAX] {
                let pause = pause(attempts, None, chance).millis();
                assert!(
                    (least..=most).contains(&pause),
                    "{attempts} {chance}: {pause}"
                );
            }
        }
        assert_eq!(pause(0, Some(Span::seconds(30)), 0), Span::seconds(30));
        assert_eq!(pause(0, Some(Span::ZERO), 0), Span::from_millis(250));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = "2026-11-23T12:00:00Z".parse().unwrap();
        assert_eq!(after("120", now), Some(Span::seconds(120)));
        let date = after("Mon, 23 Nov 2026 12:00:07 GMT", now);
        assert_eq!(date, Some(Span::seconds(7)));
        assert_eq!(after("Mon, 23 Nov 2026 11:00:00 GMT", now), None);
        assert_eq!(after("soon", now), None);
        assert!(is_transient(502) && is_transient(429) && !is_transient(400) && !is_transient(404));
    }
}
