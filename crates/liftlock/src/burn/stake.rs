//! How much of a budget a canary may burn before it has to stop.

use crate::percent::Percent;
use crate::span::Span;

use super::budget::{Budget, Exhaustion};
use super::events::Reading;
use super::ratio::{Ratio, product};

/// The part of an objective's budget that one canary may burn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stake {
    /// The share of the traffic that the canary gets.
    pub weight: Percent,
    /// The period of the objective, over which traffic is taken as even.
    pub period: Span,
    /// The share of the whole budget that it may burn.
    pub limit: Percent,
}

impl Stake {
    /// The share of the budget that an outage of the canary burns in a time:
    /// weight × time / (period × budget). Known before the first request.
    /// Nothing for a period without length.
    #[must_use]
    pub fn at_worst(self, budget: Budget, time: Span) -> Option<Ratio> {
        let [over, under] = self.scaled(time)?;
        Ratio::new(over, under)?.times(budget.outage())
    }

    /// How long the canary may stay as bad as this, counted from its start: the
    /// last moment at which weight × burn × time / period is still within the
    /// limit.
    #[must_use]
    pub fn lasts(self, budget: Budget, canary: Reading) -> Exhaustion {
        let burn = canary.burn(budget);
        // The scales of weight and limit cancel.
        let points = |share: Percent| u128::from(share.basis_points());
        let limit = points(self.limit) * u128::from(self.period.millis());
        if limit == 0 && burn > Ratio::ZERO {
            return Exhaustion::Already;
        }
        let most = product([limit, burn.under(), 1]);
        Exhaustion::last(burn, |millis| {
            product([points(self.weight), millis.into(), burn.over()]) <= most
        })
    }

    fn scaled(self, time: Span) -> Option<[u128; 2]> {
        let full = u128::from(Percent::FULL.basis_points());
        let over = u128::from(self.weight.basis_points()).checked_mul(time.millis().into())?;
        Some([over, full.checked_mul(self.period.millis().into())?])
    }
}

/// The share of the period's budget that so many bad events are, with so many
/// events in a whole period. Nothing without events.
#[must_use]
pub fn burnt(bad: u64, period_total: u64, budget: Budget) -> Option<Ratio> {
    let over = u128::from(bad) * u128::from(Budget::WHOLE.get());
    let under = u128::from(period_total) * u128::from(budget.billionths());
    Ratio::new(over, under)
}

#[cfg(test)]
mod tests {
    use super::super::events::Events;
    use super::*;

    fn stake(weight: &str, limit: &str) -> Stake {
        Stake {
            weight: weight.parse().unwrap(),
            period: "30d".parse().unwrap(),
            limit: limit.parse().unwrap(),
        }
    }

    fn events(bad: u64, total: u64) -> Reading {
        Events::new(bad, total).unwrap().reading().unwrap()
    }

    fn budget() -> Budget {
        Budget::beside(999_000_000).unwrap()
    }

    #[test]
    fn without_events_or_traffic_nothing_is_promised() {
        assert_eq!(burnt(1, 0, budget()), None);
        let mut stake = stake("5%", "0%");
        assert_eq!(stake.lasts(budget(), events(1, 9)), Exhaustion::Already);
        stake.period = Span::ZERO;
        assert_eq!(stake.at_worst(budget(), Span::seconds(1)), None);
    }

    #[test]
    fn a_canary_lasts_as_long_as_its_share_of_the_budget() {
        let lasts = |weight, limit, events| stake(weight, limit).lasts(budget(), events);
        // 5 % of the traffic at a burn rate of 100 burns 5 budgets in 30 days.
        let span = |text: &str| Exhaustion::In(text.parse().unwrap());
        assert_eq!(lasts("5%", "10%", events(10, 100)), span("864m"));
        assert_eq!(lasts("5%", "10%", events(0, 100)), Exhaustion::Never);
        assert_eq!(lasts("0%", "10%", events(9, 100)), Exhaustion::Later);
        assert_eq!(lasts("100%", "100%", events(1, 1_000)), span("30d"));
        let most = events(u64::MAX, u64::MAX);
        assert_eq!(lasts("100%", "100%", most), span("2592s"));
    }

    #[test]
    fn an_outage_is_known_before_it_happens() {
        let share = |weight, time: &str| {
            let worst = stake(weight, "10%").at_worst(budget(), time.parse().unwrap());
            worst.unwrap().to_string()
        };
        assert_eq!(share("5%", "15m"), "0.017361111");
        assert_eq!(share("100%", "30d"), "1000");
        assert_eq!(share("0%", "30d"), "0");
    }

    #[test]
    fn bad_events_are_a_share_of_the_period() {
        let share = burnt(50, 10_000_000, budget()).unwrap();
        assert_eq!(share.to_string(), "0.005");
        assert!(burnt(u64::MAX, 1, Budget::beside(999_999_999).unwrap()).is_some());
    }
}
