//! What was counted or measured in one window.

use crate::canary::counts::Arm;
use crate::failure::{Explain, Kind};
use crate::slo::Part;

use super::budget::Budget;
use super::ratio::Ratio;

/// A share's parts are at most this large, so that every burn rate can be
/// written down. Counts have 64 bits, shares of amounts rarely more than 87.
const LARGEST: u128 = 1 << 90;

/// Good and bad amounts come from sums of reals in different orders: so little
/// more than all is all.
const SLACK: u128 = 1_000_000_000;

/// Counted events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Events {
    bad: u64,
    total: u64,
}

/// What is known about a window that has events: which share of them is bad.
///
/// A window without events has no reading. It is neither 0 nor healthy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    share: Ratio,
    events: Option<u64>,
}

impl Events {
    /// So many events, of which so many were bad.
    ///
    /// # Errors
    ///
    /// Fails when more were bad than were counted.
    pub const fn new(bad: u64, total: u64) -> Result<Self, Excess> {
        if bad > total {
            return Err(Excess);
        }
        Ok(Self { bad, total })
    }

    /// Those that were bad.
    #[must_use]
    pub const fn bad(self) -> u64 {
        self.bad
    }

    /// All of them.
    #[must_use]
    pub const fn total(self) -> u64 {
        self.total
    }

    /// What they say; nothing when there were none.
    #[must_use]
    pub fn reading(self) -> Option<Reading> {
        let share = Ratio::new(self.bad.into(), self.total.into())?;
        Some(Reading {
            share,
            events: Some(self.total),
        })
    }
}

impl Reading {
    /// A share of bad events that was measured as such.
    ///
    /// # Errors
    ///
    /// Fails when it is more than everything, or not a share that can be
    /// written with 90 bits a side.
    pub fn of(share: Ratio) -> Result<Self, Excess> {
        let small = share.over() <= LARGEST && share.under() <= LARGEST;
        let events = None;
        (small && share <= Ratio::ONE)
            .then_some(Self { share, events })
            .ok_or(Excess)
    }

    /// Amounts of good or bad and of all events, say rates; nothing when there
    /// were none.
    ///
    /// # Errors
    ///
    /// Fails like [`of`](Self::of); a billionth more than all is all.
    pub fn of_amounts(part: Part, events: Ratio, total: Ratio) -> Result<Option<Self>, Excess> {
        let Some(share) = share(events, total)? else {
            return Ok(None);
        };
        let bad = match part {
            Part::Bad => share,
            Part::Good => {
                let rest = share.under() - share.over();
                Ratio::new(rest, share.under()).ok_or(Excess)?
            }
        };
        Self::of(bad).map(Some)
    }

    /// The same with the number of events, where it is known in another way.
    #[must_use]
    pub const fn with_events(self, events: u64) -> Self {
        Self {
            share: self.share,
            events: Some(events),
        }
    }

    /// The share of bad events.
    #[must_use]
    pub const fn share(self) -> Ratio {
        self.share
    }

    /// How many events there were, where that is known.
    #[must_use]
    pub const fn events(self) -> Option<u64> {
        self.events
    }

    /// The burn rate: the share of bad events over the share that may be bad.
    /// At 1 the budget lasts exactly its period.
    #[must_use]
    pub fn burn(self, budget: Budget) -> Ratio {
        // 90 and 30 bits a side always fit; if not, everything is bad.
        let outage = budget.outage();
        self.share.times(outage).unwrap_or(outage)
    }
}

/// A part of all; nothing of nothing.
fn share(part: Ratio, total: Ratio) -> Result<Option<Ratio>, Excess> {
    let Some(inverse) = total.inverse() else {
        return if part == Ratio::ZERO {
            Ok(None)
        } else {
            Err(Excess)
        };
    };
    let share = part.times(inverse).ok_or(Excess)?;
    let slack = Ratio::new(SLACK + 1, SLACK).ok_or(Excess)?;
    if share > slack {
        return Err(Excess);
    }
    Ok(Some(share.min(Ratio::ONE)))
}

impl TryFrom<Arm> for Events {
    type Error = Excess;

    fn try_from(arm: Arm) -> Result<Self, Excess> {
        Self::new(arm.bad, arm.total)
    }
}

/// The numbers are no part and no whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the counted events are no part of all events")]
pub struct Excess;

impl Explain for Excess {
    fn kind(&self) -> Kind {
        Kind::Blind
    }

    fn hint(&self) -> Option<String> {
        Some("let the query for good or bad events select some of those for the total".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ratio(text: &str) -> Ratio {
        text.parse().unwrap()
    }

    #[test]
    fn silence_is_no_reading_and_excess_is_refused() {
        assert_eq!(Events::new(0, 0).unwrap().reading(), None);
        assert_eq!(Events::new(1, 0), Err(Excess));
        assert!(Events::try_from(Arm { total: 6, bad: 7 }).is_err());
        assert_eq!(
            Reading::of_amounts(Part::Bad, Ratio::ZERO, Ratio::ZERO),
            Ok(None)
        );
        assert_eq!(
            Reading::of_amounts(Part::Good, Ratio::ZERO, Ratio::ZERO),
            Ok(None)
        );
        assert_eq!(
            Reading::of_amounts(Part::Bad, Ratio::ONE, Ratio::ZERO),
            Err(Excess)
        );
        assert_eq!(Reading::of(ratio("1.000000001")), Err(Excess));
        for (part, total) in [("1.000000002", "1"), ("2", "1.5")] {
            let (part, total) = (ratio(part), ratio(total));
            assert_eq!(Reading::of_amounts(Part::Bad, part, total), Err(Excess));
            assert_eq!(Reading::of_amounts(Part::Good, part, total), Err(Excess));
        }
    }

    #[test]
    fn a_burn_rate_is_exact() {
        let budget = Budget::beside(999_000_000).unwrap();
        let burn = |bad, total| {
            let reading = Events::new(bad, total).unwrap().reading();
            reading.unwrap().burn(budget)
        };
        assert_eq!(burn(144, 10_000).to_string(), "14.4");
        assert_eq!(burn(0, 5), Ratio::ZERO);
        assert_eq!(burn(u64::MAX, u64::MAX), Ratio::whole(1_000));
        let least = Budget::beside(999_999_999).unwrap();
        let outage = Reading::of(Ratio::ONE).unwrap().burn(least);
        assert_eq!(outage, Ratio::whole(1_000_000_000));
        let thinnest = Ratio::new(LARGEST - 1, LARGEST).unwrap();
        assert!(Reading::of(thinnest).unwrap().burn(least) > Ratio::whole(999_999_999));
    }

    #[test]
    fn amounts_are_read_as_they_are_written() {
        let read = |bad, total| {
            let reading = Reading::of_amounts(Part::Bad, ratio(bad), ratio(total)).unwrap();
            reading.unwrap().share()
        };
        assert_eq!(read("0.0144", "1"), ratio("1.44%"));
        assert_eq!(read("1.0000000000000002", "1"), Ratio::ONE);
        let one = read("0.000003858024691358025", "12.345678901234567");
        let exact = Ratio::new(3_858_024_691_358_025, 12_345_678_901_234_567_000_000);
        assert_eq!(Some(one), exact);
        let good = Reading::of_amounts(Part::Good, ratio("9.9"), ratio("10")).unwrap();
        assert_eq!(good.unwrap().share(), ratio("1%"));
        let all = Reading::of_amounts(Part::Good, ratio("1.0000000000000002"), Ratio::ONE);
        assert_eq!(all.unwrap().unwrap().share(), Ratio::ZERO);
    }
}
