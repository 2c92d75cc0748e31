//! One alert: two windows that both have to burn faster than a factor.

use std::fmt;

use crate::span::Span;

use super::budget::Budget;
use super::events::Reading;
use super::ratio::Ratio;

/// How loud an alert is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It can wait for working hours.
    Ticket,
    /// Somebody is woken up.
    Page,
}

/// Which of the two alerts of a severity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pace {
    /// The one with the longer windows and the smaller factor.
    Slow,
    /// The one with the shorter windows and the larger factor.
    Quick,
}

/// Fires when events burn the budget faster than `factor` in both windows: the
/// long one shows that it matters, the short one that it still goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tier {
    /// How loud.
    pub severity: Severity,
    /// Which of two.
    pub pace: Pace,
    /// The burn rate that has to be exceeded.
    pub factor: Ratio,
    /// The window that shows that it still goes on.
    pub short: Span,
    /// The window that shows that it matters.
    pub long: Span,
    /// How long both have to burn before it fires (`for` of an alert).
    pub wait: Span,
}

/// What was read in both windows of a tier; nothing where there were no events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The short window.
    pub short: Option<Reading>,
    /// The long window.
    pub long: Option<Reading>,
}

/// What a tier says about the events of its windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alarm {
    /// Both windows burn faster than the factor.
    Fires,
    /// At least one does not, and both have events enough.
    Quiet,
    /// The long window has too few events to tell, or nobody knows how many.
    Few,
    /// A window has no events at all. Nobody may read this as healthy.
    Silent,
}

impl Tier {
    /// Judges both windows, of which the long one needs at least `minimum`
    /// events.
    #[must_use]
    pub fn judge(&self, budget: Budget, minimum: u64, seen: Seen) -> Alarm {
        let (Some(short), Some(long)) = (seen.short, seen.long) else {
            return Alarm::Silent;
        };
        if long.events().unwrap_or(0) < minimum {
            Alarm::Few
        } else if short.burn(budget) > self.factor && long.burn(budget) > self.factor {
            Alarm::Fires
        } else {
            Alarm::Quiet
        }
    }

    /// Whether an outage can fire it: with all events bad, the burn rate is
    /// 1 / budget. At a target of 90 % that is 10, and 14.4 is never exceeded.
    #[must_use]
    pub fn is_reachable(&self, budget: Budget) -> bool {
        budget.outage() > self.factor
    }

    /// The fewest events in the long window of which one may be bad without
    /// firing; nothing where there are none below 2^64.
    #[must_use]
    pub fn fewest(&self, budget: Budget) -> Option<u64> {
        let threshold = self.threshold(budget)?;
        (threshold > Ratio::ZERO)
            .then(|| threshold.under().div_ceil(threshold.over()))
            .and_then(|events| u64::try_from(events).ok())
    }

    /// The share of bad events that has to be exceeded: factor × budget;
    /// nothing when its parts are above 2^120.
    #[must_use]
    pub fn threshold(&self, budget: Budget) -> Option<Ratio> {
        self.factor.times(budget.share())
    }

    /// How long an outage goes on, after a time without bad events, until the
    /// tier fires: factor × budget × long + wait, rounded down to a
    /// millisecond; nothing where it never does.
    #[must_use]
    pub fn delay(&self, budget: Budget) -> Option<Span> {
        let threshold = self.threshold(budget)?;
        if threshold >= Ratio::ONE {
            return None;
        }
        let long = Ratio::new(u128::from(self.long.millis()), 1)?.times(threshold)?;
        let millis = u64::try_from(long.over() / long.under()).ok()?;
        Some(Span::from_millis(millis.saturating_add(self.wait.millis())))
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Ticket => "ticket",
            Self::Page => "page",
        })
    }
}

impl fmt::Display for Pace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Slow => "slow",
            Self::Quick => "quick",
        })
    }
}

impl fmt::Display for Tier {
    /// `page quick (5m, 1h) 14.4`
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            severity,
            pace,
            factor,
            short,
            long,
            wait: _,
        } = self;
        write!(formatter, "{severity} {pace} ({short}, {long}) {factor}")
    }
}

#[cfg(test)]
mod tests {
    use super::super::events::Events;
    use super::*;

    fn tier(factor: &str) -> Tier {
        Tier {
            severity: Severity::Page,
            pace: Pace::Quick,
            factor: factor.parse().unwrap(),
            short: Span::seconds(300),
            long: Span::seconds(3_600),
            wait: Span::ZERO,
        }
    }

    fn judge(tier: &Tier, short: (u64, u64), long: (u64, u64)) -> Alarm {
        let events = |(bad, total)| Events::new(bad, total).unwrap().reading();
        let seen = Seen {
            short: events(short),
            long: events(long),
        };
        tier.judge(Budget::beside(999_000_000).unwrap(), 100, seen)
    }

    #[test]
    fn silence_and_few_events_are_not_quiet() {
        let tier = tier("14.4");
        for (short, long, expected) in [
            ((0, 0), (0, 0), Alarm::Silent),
            ((0, 0), (50, 100), Alarm::Silent),
            ((5, 10), (0, 0), Alarm::Silent),
            ((0, 10), (0, 99), Alarm::Few),
            ((9, 10), (99, 99), Alarm::Few),
            ((0, 10), (0, 100), Alarm::Quiet),
            ((0, 10), (100, 100), Alarm::Quiet),
            ((9, 10), (1, 100), Alarm::Quiet),
            ((9, 10), (2, 100), Alarm::Fires),
            ((1, 1), (2, 100), Alarm::Fires),
        ] {
            assert_eq!(judge(&tier, short, long), expected, "{short:?} {long:?}");
        }
    }

    #[test]
    fn a_share_of_nobody_knows_how_many_events_is_few() {
        let share = Some(Reading::of(Ratio::ONE).unwrap());
        let seen = Seen {
            short: share,
            long: share,
        };
        let judge =
            |minimum| tier("14.4").judge(Budget::beside(999_000_000).unwrap(), minimum, seen);
        assert_eq!(judge(1), Alarm::Few);
        assert_eq!(judge(0), Alarm::Fires);
    }

    #[test]
    fn exactly_at_the_factor_nothing_fires() {
        let tier = tier("14.4");
        let (at, above) = ((144, 10_000), (144_000_001, 10_000_000_000));
        assert_eq!(judge(&tier, at, at), Alarm::Quiet);
        assert_eq!(judge(&tier, above, at), Alarm::Quiet);
        assert_eq!(judge(&tier, at, above), Alarm::Quiet);
        assert_eq!(judge(&tier, above, above), Alarm::Fires);
        // Reals see 0.0072 above 14.4 × (1 − 0.9995).
        let real = |bad: f64, total: f64| bad / total > 14.4 * (1.0 - 0.9995);
        assert!(real(72.0, 10_000.0));
    }

    /// Whether one fraction is above another, digit by digit of their continued
    /// fractions: no products, unlike the code.
    fn above(mut left: [u64; 2], mut right: [u64; 2]) -> bool {
        let mut turned = false;
        loop {
            let [whole, other] = [left, right].map(|[over, under]| over / under);
            let [rest, other_rest] = [left, right].map(|[over, under]| over % under);
            if whole != other || rest == 0 || other_rest == 0 {
                let ahead = (whole, rest.min(1)) > (other, other_rest.min(1));
                let equal = whole == other && rest == 0 && other_rest == 0;
                return !equal && ahead != turned;
            }
            // The fractions below the line compare the other way round.
            (left, right) = ([left[1], rest], [right[1], other_rest]);
            turned = !turned;
        }
    }

    #[test]
    fn small_fractions_are_all_compared_rightly() {
        let share = |total: u64| (0..=total).map(move |bad| [bad, total]);
        let events: Vec<[u64; 2]> = (1..=8).flat_map(share).collect();
        let mut fires = 0;
        for tenths in 1..=10_u64 {
            let target = u32::try_from(1_000_000_000 - tenths * 100_000_000).unwrap();
            let budget = Budget::beside(target).unwrap();
            for (over, under) in
                (1..=9_u64).flat_map(|over| (1..=6).map(move |under| (over, under)))
            {
                let mut tier = tier("1");
                tier.factor = Ratio::new(over.into(), under.into()).unwrap();
                // bad / total / (tenths / 10) > over / under
                let burns =
                    |[bad, total]: [u64; 2]| above([10 * bad, total * tenths], [over, under]);
                for short in &events {
                    for long in &events {
                        let seen = [short, long]
                            .map(|[bad, total]| Events::new(*bad, *total).unwrap().reading());
                        let [short_seen, long_seen] = seen;
                        let seen = Seen {
                            short: short_seen,
                            long: long_seen,
                        };
                        let expected = burns(*short) && burns(*long);
                        let found = tier.judge(budget, 0, seen) == Alarm::Fires;
                        assert_eq!(
                            found, expected,
                            "{short:?} {long:?} {tenths} {over}/{under}"
                        );
                        fires += u32::from(found);
                    }
                }
            }
        }
        assert!(fires > 100_000, "{fires} fire");
    }

    #[test]
    fn the_largest_counts_are_judged_exactly() {
        let tier = tier("999.9999999999999999");
        let all = (u64::MAX, u64::MAX);
        assert_eq!(judge(&tier, all, all), Alarm::Fires);
        let but_one = (u64::MAX - 1, u64::MAX);
        assert_eq!(judge(&tier, but_one, but_one), Alarm::Fires);
        let but_two = (u64::MAX - 2, u64::MAX);
        assert_eq!(judge(&tier, but_two, but_two), Alarm::Quiet);
    }

    #[test]
    fn an_outage_at_a_low_target_never_pages() {
        let budget = |target| Budget::beside(target).unwrap();
        let tier = tier("14.4");
        assert!(!tier.is_reachable(budget(930_000_000)));
        assert!(tier.is_reachable(budget(930_600_000)));
        assert!(!tier.is_reachable(budget(930_555_555)));
        assert!(tier.is_reachable(budget(930_555_556)));
        assert_eq!(tier.delay(budget(900_000_000)), None);
    }

    #[test]
    fn one_bad_event_of_the_fewest_does_not_fire() {
        let budget = Budget::beside(999_000_000).unwrap();
        let tier = tier("14.4");
        assert_eq!(tier.fewest(budget), Some(70));
        let burn = |total| {
            let reading = Events::new(1, total).unwrap().reading();
            reading.unwrap().burn(budget)
        };
        assert!(burn(69) > tier.factor);
        assert!(burn(70) <= tier.factor);
    }

    #[test]
    fn an_outage_is_noticed_after_its_share_of_the_window() {
        let budget = Budget::beside(999_000_000).unwrap();
        let mut tier = tier("14.4");
        assert_eq!(tier.delay(budget), Some(Span::from_millis(51_840)));
        tier.wait = Span::seconds(120);
        assert_eq!(tier.delay(budget), Some(Span::from_millis(171_840)));
    }
}
