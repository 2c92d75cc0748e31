//! Where a fault is: a count for each value of a label, which decides nothing.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::combine::discoveries;
use super::counts::Arm;
use super::judgement::Standing;
use super::number::real;
use super::panel::{Panel, Strand};
use crate::name::Name;

/// The most values of a label that are told apart; all further ones are told
/// together.
pub const MOST_VALUES: usize = 50;

/// The most labels of a metric.
pub const MOST_LABELS: usize = 4;

/// The most bytes of a value that is told apart.
pub const LONGEST: usize = 256;

/// A label, and those of its values that are told apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// The label.
    pub label: String,
    /// The values, known before the first row.
    pub values: Vec<String>,
}

impl Split {
    /// The values, and all others together.
    pub fn places(&self) -> impl Iterator<Item = Place> {
        let values = self.values.iter().cloned().map(Some);
        values.chain([None]).map(|value| Place {
            label: self.label.clone(),
            value,
        })
    }

    /// How many counts there are of it.
    #[must_use]
    pub const fn counts(&self) -> usize {
        self.values.len().saturating_add(1)
    }
}

/// One value of a label, or all that are not told apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Place {
    /// The label.
    pub label: String,
    /// Its value; absent for all other values together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

impl fmt::Display for Place {
    #[expect(
        clippy::use_debug,
        reason = "a value in quotes, without characters that cannot be seen"
    )]
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(formatter, "{}={value:?}", self.label),
            None => write!(formatter, "all other values of {}", self.label),
        }
    }
}

/// What was found about one value of a label.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Located {
    /// The metric.
    pub metric: Name,
    /// Where.
    #[serde(flatten)]
    pub place: Place,
    /// Worse: the chance that any healthy value of the label is called so is
    /// at most the policy's. Suspect: of all that are called so, on average at
    /// most that share is healthy.
    pub standing: Standing,
    /// `ln E` against a healthy canary, of this value alone.
    pub log_e_fail: f64,
    /// All requests of the canary.
    pub canary: Arm,
    /// All requests of the baseline.
    pub baseline: Arm,
    /// The canary's odds of a bad request over those it is measured against.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub odds_ratio: Option<f64>,
}

impl Located {
    /// Whether it is named as where the fault is.
    #[must_use]
    pub const fn is_named(&self) -> bool {
        matches!(self.standing, Standing::Worse | Standing::Suspect)
    }
}

/// What was found about each value, label by label.
pub(super) fn located(panel: &Panel) -> Vec<Located> {
    let places: Vec<(&Strand, &Place)> = panel
        .strands()
        .iter()
        .filter_map(|strand| Some((strand, strand.place.as_ref()?)))
        .collect();
    let same = |a: &(&Strand, &Place), b: &(&Strand, &Place)| {
        a.0.metric == b.0.metric && a.1.label == b.1.label
    };
    let families = places.chunk_by(same);
    families.flat_map(|family| of(panel, family)).collect()
}

/// The values of one label. Every one of them has an e-value, also where it
/// has no request, so their number is known before the first row.
fn of(panel: &Panel, family: &[(&Strand, &Place)]) -> Vec<Located> {
    let evidence: Vec<f64> = family
        .iter()
        .map(|(strand, _)| strand.state().ln_e_fail())
        .collect();
    let alpha = f64::from(panel.policy().alpha);
    let all = real(u128::try_from(family.len()).unwrap_or(u128::MAX));
    let alone = libm::log(all / alpha);
    let suspects = discoveries(&evidence, alpha);
    let found = family.iter().zip(suspects);
    found
        .map(|((strand, place), suspect)| {
            let state = strand.state();
            let standing = if state.ln_e_fail() >= alone {
                Standing::Worse
            } else if suspect {
                Standing::Suspect
            } else if state.ln_e_pass() >= panel.policy().beta.threshold() {
                Standing::NoWorse
            } else {
                Standing::Open
            };
            Located {
                metric: strand.metric.clone(),
                place: (*place).clone(),
                standing,
                log_e_fail: state.ln_e_fail(),
                canary: state.canary(),
                baseline: state.baseline(),
                odds_ratio: state.odds_ratio(),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canary::counts::{Pair, Tally};
    use crate::canary::metric::Metric;
    use crate::canary::policy::Policy;
    use crate::time::Time;

    /// xorshift64*, Vigna 2016.
    struct Dice(u64);

    impl Dice {
        fn below(&mut self, share: f64) -> bool {
            self.0 ^= self.0 >> 12;
            self.0 ^= self.0 << 25;
            self.0 ^= self.0 >> 27;
            let bits = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32;
            f64::from(u32::try_from(bits).unwrap()) / 4_294_967_296.0 < share
        }

        fn bad(&mut self, total: u64, share: f64) -> u64 {
            (0..total).filter(|_| self.below(share)).count() as u64
        }
    }

    const ROUTES: [&str; 5] = ["/", "/buy", "/search", "/login", "/help"];

    fn panel(policy: &Policy) -> Panel {
        let by = Split {
            label: "route".to_owned(),
            values: ROUTES.map(str::to_owned).to_vec(),
        };
        let metric = Metric {
            by: vec![by],
            ..Metric::new("requests".parse().unwrap())
        };
        Panel::new(policy, &[metric]).unwrap()
    }

    /// A watch over 24 rows, in which a canary's route fails this often.
    fn watched(policy: &Policy, dice: &mut Dice, share: impl Fn(usize) -> f64) -> Panel {
        let mut panel = panel(policy);
        for row in 1..=24 {
            let routes: Vec<Pair> = (0..ROUTES.len())
                .map(|route| {
                    let [baseline, canary] = [0.05, share(route)].map(|share| dice.bad(60, share));
                    Pair::from([60, baseline, 60, canary])
                })
                .collect();
            let all = routes.iter().fold(Pair::default(), |sum, pair| Pair {
                baseline: sum.baseline.plus(pair.baseline),
                canary: sum.canary.plus(pair.canary),
            });
            let time = Time::from_unix_millis(1_795_435_200_000 + 60_000 * row).unwrap();
            let counts = [vec![all], routes, vec![Pair::default()]].concat();
            panel.push(&Tally { time, counts }, None);
        }
        panel
    }

    fn named(panel: &Panel) -> Vec<String> {
        let found = located(panel).into_iter().filter(Located::is_named);
        found.map(|one| one.place.value.unwrap()).collect()
    }

    fn policy() -> Policy {
        Policy {
            alpha: "5%".parse().unwrap(),
            spread: "0%".parse().unwrap(),
            ..Policy::default()
        }
    }

    #[test]
    fn a_healthy_canary_is_named_nowhere_more_often_than_the_risk_says() {
        let seed = 0x11F7_10C5;
        println!("seed {seed}");
        let (mut dice, policy) = (Dice(seed), policy());
        let runs = 200;
        let named = (0..runs).filter(|_| !named(&watched(&policy, &mut dice, |_| 0.05)).is_empty());
        // 10 are allowed; 20 are more than three standard deviations above.
        let named = named.count();
        println!("{named} of {runs}");
        assert!(named <= 20, "{named}");
    }

    #[test]
    fn the_broken_route_is_named_and_of_all_that_are_few_are_healthy() {
        let seed = 0x11F7_10C6;
        println!("seed {seed}");
        let (mut dice, policy) = (Dice(seed), policy());
        let runs = 60;
        let (mut found, mut wrong) = (0, 0.0);
        for _ in 0..runs {
            let share = |route| if route == 1 { 0.25 } else { 0.05 };
            let named = named(&watched(&policy, &mut dice, share));
            found += usize::from(named.iter().any(|route| route == "/buy"));
            let healthy = named.iter().filter(|route| *route != "/buy").count();
            let number = |some: usize| f64::from(u32::try_from(some).unwrap());
            wrong += number(healthy) / number(named.len().max(1));
        }
        println!("found in {found}, wrong {wrong}");
        assert!(found >= 58, "{found}");
        assert!(wrong / f64::from(runs) <= 0.05, "{wrong}");
    }

    #[test]
    fn places_decide_nothing_and_take_no_risk() {
        let (mut dice, policy) = (Dice(7), policy());
        let whole = watched(&policy, &mut dice, |_| 0.05);
        assert_eq!(whole.strands().len(), 1 + ROUTES.len() + 1);
        let mut broken = panel(&policy);
        let time = |row: i64| Time::from_unix_millis(60_000 * row).unwrap();
        for row in 1..=24 {
            let mut counts = vec![Pair::from([300, 15, 300, 15])];
            counts.extend([Pair::from([60, 3, 60, 60]); 6]);
            broken.push(
                &Tally {
                    time: time(row),
                    counts,
                },
                None,
            );
        }
        assert!(broken.failed().is_none());
        let alone = broken.strands()[0].state().ln_e_fail();
        assert!((broken.ln_e_fail() - alone).abs() < 1e-9);
        let all = located(&broken);
        assert!(all.iter().all(Located::is_named), "told all the same");
        assert!((broken.spent() - broken.strands()[0].state().spent()).abs() < 1e-15);
        let text = serde_json::to_string(&broken).unwrap();
        assert!(
            text.len() < 8_000 * broken.strands().len(),
            "{}",
            text.len()
        );
        let read: Panel = serde_json::from_str(&text).unwrap();
        assert!(read.continues(&panel(&policy)));
    }

    #[test]
    fn a_value_is_told_in_quotes() {
        let place = Place {
            label: "route".to_owned(),
            value: Some("/\"\n</td>".to_owned()),
        };
        assert_eq!(place.to_string(), "route=\"/\\\"\\n</td>\"");
    }
}
