//! When a trusted root is looked after.

use crate::span::Span;
use crate::time::Time;

/// After this long a run that signs asks for a newer root: what is new in it
/// was announced for weeks, what is revoked should not stand for long.
pub const ASKED_AFTER: Span = Span::seconds(24 * 60 * 60);

/// After this long nothing is signed by a root that could not be updated. A
/// mirror may be down for days, and a frozen one must not be obeyed for ever.
pub const SIGNS_UNTIL: Span = Span::seconds(90 * 24 * 60 * 60);

/// How old a root is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// Young enough.
    Fresh,
    /// To be updated, but good without.
    Due,
    /// Good for proofs only, until it was updated.
    Over,
}

impl Age {
    /// The age of what was the newest on that day. A day in the future is a
    /// wrong clock, now or then, so it says nothing.
    #[must_use]
    pub fn of(day: Time, now: Time) -> Self {
        if now < day {
            Self::Due
        } else if now <= day.after(ASKED_AFTER) {
            Self::Fresh
        } else if now <= day.after(SIGNS_UNTIL) {
            Self::Due
        } else {
            Self::Over
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_is_asked_for_after_a_day_and_signs_for_ninety() {
        let cases = [
            ("2026-01-01T00:00:00Z", Age::Fresh),
            ("2026-01-02T00:00:00Z", Age::Fresh),
            ("2026-01-02T00:00:00.001Z", Age::Due),
            ("2026-04-01T00:00:00Z", Age::Due),
            ("2026-04-01T00:00:00.001Z", Age::Over),
            ("2025-12-31T23:59:59Z", Age::Due),
        ];
        for (now, expected) in cases {
            let day = "2026-01-01T00:00:00Z".parse().unwrap();
            assert_eq!(Age::of(day, now.parse().unwrap()), expected, "{now}");
        }
    }
}
