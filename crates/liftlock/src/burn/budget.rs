//! The error budget: what may go wrong, what is left of it, when it is gone.

use std::fmt;
use std::num::NonZeroU32;

use crate::failure::{Explain, Kind};
use crate::percent::Percent;
use crate::slo::Target;
use crate::span::Span;

use super::events::Reading;
use super::ratio::{Ratio, product};

/// The share of events that may be bad, in billionths: 1 − target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Budget(NonZeroU32);

impl Budget {
    /// A share of everything, in billionths.
    pub const WHOLE: NonZeroU32 = match NonZeroU32::new(1_000_000_000) {
        Some(whole) => whole,
        None => NonZeroU32::MIN,
    };

    /// The budget beside a target of so many billionths.
    ///
    /// # Errors
    ///
    /// Fails for a target of everything and more: it leaves nothing to spend,
    /// and every burn rate would divide by 0.
    pub fn beside(target: u32) -> Result<Self, NoBudget> {
        let rest = Self::WHOLE.get().saturating_sub(target);
        NonZeroU32::new(rest).map(Self).ok_or(NoBudget)
    }

    /// The share in billionths, 1 to 1,000,000,000.
    #[must_use]
    pub const fn billionths(self) -> u32 {
        self.0.get()
    }

    /// The share as a fraction.
    #[must_use]
    pub fn share(self) -> Ratio {
        Ratio::small(self.0.get(), Self::WHOLE)
    }

    /// The largest burn rate there is: every event is bad.
    #[must_use]
    pub fn outage(self) -> Ratio {
        Ratio::small(Self::WHOLE.get(), self.0)
    }

    /// What is left after what was read over the period so far.
    #[must_use]
    pub fn left(self, period: Reading) -> Left {
        Left(period.burn(self))
    }

    /// When the budget of a period is gone if events stay as bad as in `pace`,
    /// say those of the last hour: left × length / burn, rounded down.
    #[must_use]
    pub fn exhaustion(self, length: Span, period: Reading, pace: Reading) -> Exhaustion {
        let (spent, pace) = (period.burn(self), pace.burn(self));
        if spent >= Ratio::ONE {
            return Exhaustion::Already;
        }
        // time × pace ≤ length × (1 − spent), all denominators multiplied away.
        let rest = spent.under() - spent.over();
        let most = product([length.millis().into(), rest, pace.under()]);
        Exhaustion::last(pace, |millis| {
            product([millis.into(), spent.under(), pace.over()]) <= most
        })
    }
}

impl From<Target> for Budget {
    fn from(target: Target) -> Self {
        // A target always leaves something; if not, the least.
        Self(NonZeroU32::new(target.allowed()).unwrap_or(NonZeroU32::MIN))
    }
}

/// A target of 100 % leaves no budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a target of 100 % leaves no error budget")]
pub struct NoBudget;

impl Explain for NoBudget {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }

    fn hint(&self) -> Option<String> {
        Some("choose a target below 100 %, such as 99.9 %".to_owned())
    }
}

/// What is left of a budget: exact, and below nothing once it is overspent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left(Ratio);

impl Left {
    /// The share of the whole budget that is spent; above 1 once it is
    /// overspent.
    #[must_use]
    pub const fn spent(self) -> Ratio {
        self.0
    }

    /// Whether nothing is left.
    #[must_use]
    pub fn is_spent(self) -> bool {
        self.0 >= Ratio::ONE
    }

    /// Whether at least this share of the whole budget is left.
    #[must_use]
    pub fn reaches(self, share: Percent) -> bool {
        let (rest, full) = (share.rest().basis_points(), Percent::FULL.basis_points());
        Ratio::new(rest.into(), full.into()).is_some_and(|most| self.0 <= most)
    }

    /// What is left in billionths of the whole budget, rounded down; from
    /// −10^18 to 10^9.
    #[must_use]
    pub fn billionths(self) -> i64 {
        let whole = i64::from(Budget::WHOLE.get());
        let spent = i64::try_from(self.0.billionths()).unwrap_or(i64::MAX);
        whole.saturating_sub(spent)
    }
}

impl fmt::Display for Left {
    /// Shows per cent with two digits, rounded down.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let points = self.billionths().div_euclid(100_000);
        let (sign, points) = (if points < 0 { "-" } else { "" }, points.unsigned_abs());
        write!(formatter, "{sign}{}.{:02}%", points / 100, points % 100)
    }
}

/// When a budget is gone, if things go on like this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exhaustion {
    /// It is.
    Already,
    /// After so long, rounded down to a millisecond.
    In(Span),
    /// In more than a year, the longest span there is.
    Later,
    /// Nothing goes wrong.
    Never,
}

impl Exhaustion {
    /// The last moment at which it still lasts, at a burn rate.
    pub(super) fn last(burn: Ratio, lasts: impl Fn(u64) -> bool) -> Self {
        let longest = Span::from_millis(u64::MAX).millis();
        if burn == Ratio::ZERO {
            return Self::Never;
        }
        if lasts(longest + 1) {
            return Self::Later;
        }
        let (mut low, mut high) = (0, longest + 1);
        while high - low > 1 {
            let middle = low.midpoint(high);
            if lasts(middle) {
                low = middle;
            } else {
                high = middle;
            }
        }
        Self::In(Span::from_millis(low))
    }
}

impl fmt::Display for Exhaustion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Already => formatter.write_str("already"),
            Self::In(span) => write!(formatter, "{span}"),
            Self::Later => formatter.write_str("in more than a year"),
            Self::Never => formatter.write_str("never"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::events::Events;
    use super::*;

    const DAY: u64 = 86_400_000;

    fn events(bad: u64, total: u64) -> Reading {
        Events::new(bad, total).unwrap().reading().unwrap()
    }

    fn budget(target: u32) -> Budget {
        Budget::beside(target).unwrap()
    }

    #[test]
    fn a_target_of_everything_is_refused() {
        for target in [1_000_000_000, 1_000_000_001, u32::MAX] {
            assert_eq!(Budget::beside(target), Err(NoBudget));
        }
        assert_eq!(budget(999_999_999).billionths(), 1);
        assert_eq!(budget(0).share(), Ratio::ONE);
        let target = Target::from_percent("99.9").unwrap();
        assert_eq!(Budget::from(target), budget(999_000_000));
    }

    #[test]
    fn what_is_left_is_exact_and_may_be_negative() {
        let left = |bad, total| budget(999_000_000).left(events(bad, total));
        for (bad, total, billionths, shown, spent) in [
            (0, 1, 1_000_000_000, "100.00%", false),
            (1, 2_000, 500_000_000, "50.00%", false),
            (1, 1_000, 0, "0.00%", true),
            (2, 1_000, -1_000_000_000, "-100.00%", true),
            (1, 3_000, 666_666_666, "66.66%", false),
            (4, 3_000, -333_333_334, "-33.34%", true),
            (1_000_000_001, 1_000_000_000_000, -1, "-0.01%", true),
        ] {
            let left = left(bad, total);
            assert_eq!(left.billionths(), billionths, "{bad}/{total}");
            assert_eq!(left.to_string(), shown, "{bad}/{total}");
            assert_eq!(left.is_spent(), spent, "{bad}/{total}");
        }
        let least = budget(999_999_999).left(events(u64::MAX, u64::MAX));
        assert_eq!(least.billionths(), -999_999_999_000_000_000);
    }

    #[test]
    fn a_share_is_left_up_to_the_last_event() {
        let quarter: Percent = "25%".parse().unwrap();
        let reaches = |bad| {
            let left = budget(990_000_000).left(events(bad, 400));
            left.reaches(quarter)
        };
        assert!(reaches(3));
        assert!(!reaches(4));
        let none = budget(990_000_000).left(events(5, 400));
        assert!(!none.reaches(Percent::ZERO));
    }

    #[test]
    fn a_budget_ends_when_the_pace_says_so() {
        let month = Span::from_millis(30 * DAY);
        let end = |period, pace| budget(999_000_000).exhaustion(month, period, pace);
        let after = |millis| Exhaustion::In(Span::from_millis(millis));
        for (period, pace, expected) in [
            (events(1, 1_000), events(0, 1), Exhaustion::Already),
            (events(0, 1_000), events(0, 1), Exhaustion::Never),
            (events(0, 1_000), events(1, 1_000), after(30 * DAY)),
            (events(1, 2_000), events(144, 10_000), after(90_000_000)),
            (events(0, 9), events(3, 1_000), after(10 * DAY)),
            (events(0, 9), events(1, 1_000_000), Exhaustion::Later),
            (events(0, 9), events(7, 7_000_000_007), Exhaustion::Later),
        ] {
            assert_eq!(end(period, pace), expected, "{period:?} {pace:?}");
        }
        let most = events(u64::MAX, u64::MAX);
        let full = budget(999_999_999).exhaustion(month, events(0, u64::MAX), most);
        assert_eq!(full, after(2), "2.592 ms, rounded down");
    }
}
