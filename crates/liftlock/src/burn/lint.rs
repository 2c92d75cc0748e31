//! What is wrong with alerts although they may be used.

use std::fmt;

use crate::span::Span;

use super::budget::Budget;
use super::tier::Tier;
use super::windows::Windows;

/// What is known about the events of an objective; nothing where it is not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// How far back events were recorded.
    pub reach: Option<Span>,
    /// Events on a usual day.
    pub daily: Option<u64>,
}

/// Why an alert does not say what one would think.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// It never fires, not even when every event is bad.
    Unreachable {
        /// Which alert.
        tier: Tier,
        /// The budget that it is too large for.
        budget: Budget,
    },
    /// Its long window is longer than the data.
    Beyond {
        /// Which alert.
        tier: Tier,
        /// How far back events were recorded.
        reach: Span,
    },
    /// One bad event fires it.
    Single {
        /// Which alert.
        tier: Tier,
        /// Events in its long window.
        events: u64,
        /// How many there must be for one bad event not to fire it.
        fewest: u64,
    },
}

/// Finds alerts that never fire, that fire at one bad event, or that look
/// further back than the data.
#[must_use]
pub fn lint(windows: &Windows, budget: Budget, traffic: Traffic) -> Vec<Finding> {
    let tiers = windows.tiers().iter();
    tiers
        .flat_map(|tier| {
            let unreachable = !tier.is_reachable(budget);
            let never = unreachable.then_some(Finding::Unreachable {
                tier: *tier,
                budget,
            });
            let beyond = traffic
                .reach
                .filter(|reach| *reach < tier.long)
                .map(|reach| Finding::Beyond { tier: *tier, reach });
            let single = traffic
                .daily
                .filter(|_| !unreachable)
                .and_then(|daily| single(tier, budget, daily));
            [never, beyond, single]
        })
        .flatten()
        .collect()
}

fn single(tier: &Tier, budget: Budget, daily: u64) -> Option<Finding> {
    const DAY: u128 = 86_400_000;
    let events = u128::from(daily) * u128::from(tier.long.millis()) / DAY;
    let events = u64::try_from(events).unwrap_or(u64::MAX);
    let fewest = tier.fewest(budget)?;
    (events < fewest).then_some(Finding::Single {
        tier: *tier,
        events,
        fewest,
    })
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable { tier, budget } => write!(
                formatter,
                "{tier}: never fires, as an outage burns at {}: raise the target or lower the factor",
                budget.outage()
            ),
            Self::Beyond { tier, reach } => write!(
                formatter,
                "{tier}: looks back further than the data, {reach}: keep data longer or take a shorter window"
            ),
            Self::Single {
                tier,
                events,
                fewest,
            } => write!(
                formatter,
                "{tier}: one bad event of {events} fires it: ask for at least {fewest} events"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(target: u32, traffic: Traffic) -> Vec<String> {
        let windows = Windows::google("30d".parse().unwrap()).unwrap();
        let budget = Budget::beside(target).unwrap();
        let findings = lint(&windows, budget, traffic);
        findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn alerts_that_never_fire_are_found() {
        assert_eq!(
            found(900_000_000, Traffic::default()),
            [
                "page quick (5m, 1h) 14.4: never fires, as an outage burns at 10: raise the target or lower the factor"
            ]
        );
        assert_eq!(found(100_000_000, Traffic::default()).len(), 3);
        assert_eq!(found(0, Traffic::default()).len(), 4);
        assert_eq!(found(931_000_000, Traffic::default()).len(), 0);
    }

    #[test]
    fn windows_beyond_the_data_are_found() {
        let reach = |text: &str| Traffic {
            reach: Some(text.parse().unwrap()),
            daily: None,
        };
        assert_eq!(
            found(999_000_000, reach("2d")),
            [
                "ticket slow (6h, 3d) 1: looks back further than the data, 2d: keep data longer or take a shorter window"
            ]
        );
        assert_eq!(found(999_000_000, reach("3d")).len(), 0);
        assert_eq!(found(999_000_000, reach("1m")).len(), 4);
    }

    #[test]
    fn alerts_on_a_single_event_are_found() {
        let daily = |events| Traffic {
            reach: None,
            daily: Some(events),
        };
        assert_eq!(
            found(999_000_000, daily(1_656)),
            ["page quick (5m, 1h) 14.4: one bad event of 69 fires it: ask for at least 70 events"]
        );
        assert_eq!(found(999_000_000, daily(1_680)).len(), 0);
        assert_eq!(found(999_999_999, daily(u64::MAX)).len(), 0);
        assert_eq!(found(999_000_000, daily(0)).len(), 4);
    }
}
