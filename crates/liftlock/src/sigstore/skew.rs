//! How far this machine's clock is off, by the word of a timestamp authority.

use std::fmt;

use crate::span::Span;
use crate::time::Time;

/// Beyond this it is told, as it still grows: machines that are set by the
/// network differ by less than a second, and a stamp has whole seconds.
pub const TOLD_AFTER: Span = Span::seconds(60);

/// Beyond this signing is about to fail: a job's token lives for 5 to 10
/// minutes and a certificate for 10, each on a clock of its own.
pub const BAD_AFTER: Span = Span::seconds(5 * 60);

/// What a timestamp may leave out: authorities cut off what is below a second
/// (RFC 3161 §2.4.2).
const CUT_OFF_MS: i64 = 999;

/// The difference of two clocks, in milliseconds; more than 0 where ours is
/// ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skew(i64);

/// What a skew means for who wants to sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Nothing.
    Good,
    /// Nothing yet.
    Told,
    /// That signing fails, or soon will.
    Bad,
}

impl Skew {
    /// The least that our clock can be off if an authority said `said` between
    /// these two moments of ours.
    #[must_use]
    pub fn of(said: Time, (asked, answered): (Time, Time)) -> Self {
        let ahead = asked.millis_since(said).saturating_sub(CUT_OFF_MS);
        let behind = said.millis_since(answered);
        Self(match (ahead > 0, behind > 0) {
            (true, _) => ahead,
            (false, true) => behind.saturating_neg(),
            (false, false) => 0,
        })
    }

    /// What it means.
    #[must_use]
    pub const fn meaning(self) -> Meaning {
        let millis = self.0.unsigned_abs();
        if millis <= TOLD_AFTER.millis() {
            Meaning::Good
        } else if millis <= BAD_AFTER.millis() {
            Meaning::Told
        } else {
            Meaning::Bad
        }
    }
}

impl fmt::Display for Skew {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.unsigned_abs() / 1000;
        let side = if self.0 > 0 { "ahead" } else { "behind" };
        match seconds {
            0 => formatter.write_str("less than a second off"),
            seconds => write!(formatter, "{seconds} s {side}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_off_by_what_no_delay_explains() {
        let at = |millis: i64| Time::from_unix_millis(1_700_000_000_000 + millis).unwrap();
        let cases = [
            // Between both moments, and in the second that was cut off.
            (500, (0, 1_000), 0, Meaning::Good),
            (0, (999, 1_500), 0, Meaning::Good),
            (0, (60_999, 61_000), 60_000, Meaning::Good),
            (0, (61_000, 61_000), 60_001, Meaning::Told),
            (0, (300_999, 301_000), 300_000, Meaning::Told),
            (0, (301_000, 301_000), 300_001, Meaning::Bad),
            (60_000, (-9_000, 0), -60_000, Meaning::Good),
            (60_001, (-9_000, 0), -60_001, Meaning::Told),
            (300_000, (-9_000, 0), -300_000, Meaning::Told),
            (300_001, (-9_000, 0), -300_001, Meaning::Bad),
        ];
        for (said, (asked, answered), millis, meaning) in cases {
            let skew = Skew::of(at(said), (at(asked), at(answered)));
            assert_eq!((skew, skew.meaning()), (Skew(millis), meaning), "{said}");
        }
        assert_eq!(Skew(61_999).to_string(), "61 s ahead");
        assert_eq!(Skew(-301_000).to_string(), "301 s behind");
        assert_eq!(Skew(-7).to_string(), "less than a second off");
    }
}
