//! How far away a verdict is, by and large.

use serde::{Deserialize, Serialize};

use super::counts::Row;
use super::number::real;
use super::policy::{Against, Policy, Unit};

/// The square of the standard deviations at which looks fail: between 2.4 and
/// 3.5, depending on how much was spent before.
const FAILS_AT: f64 = 2.9 * 2.9;

/// The numerator and denominator of the Mantel-Haenszel odds ratio, and the
/// variance of the canary's bad requests when nothing is wrong.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Outlook {
    against: f64,
    in_favour: f64,
    variance: f64,
}

impl Outlook {
    pub(super) fn push(&mut self, row: &Row, policy: &Policy) {
        let [bad, total] = [row.canary.bad, row.canary.total].map(|count| real(count.into()));
        let [other_bad, other_total] =
            [row.baseline.bad, row.baseline.total].map(|count| real(count.into()));
        match (policy.against, policy.unit) {
            (Against::Baseline, _) if total <= 0.0 || other_total <= 0.0 => {}
            (Against::Baseline, Unit::Mean) => {}
            (Against::Baseline, Unit::Rate) => {
                let all = total + other_total;
                self.against += bad * other_total / all;
                self.in_favour += other_bad * total / all;
                self.variance += (bad + other_bad) * (total / all) * (other_total / all);
            }
            (Against::Baseline, Unit::Share) => {
                let all = total + other_total;
                let both = bad + other_bad;
                self.against += bad * (other_total - other_bad) / all;
                self.in_favour += other_bad * (total - bad) / all;
                self.variance += both * (total / all) * (other_total / all) * (all - both)
                    / (all - 1.0).max(1.0);
            }
            (Against::Slo(objective), _) => {
                let allowed = objective.allowed();
                self.against += bad * (1.0 - allowed);
                self.in_favour += (total - bad) * allowed;
                self.variance += total * allowed * (1.0 - allowed);
            }
        }
    }

    /// The canary's odds of a bad request over the baseline's, row by row; of
    /// an objective, over the odds that it allows.
    pub(super) fn odds_ratio(&self) -> Option<f64> {
        let ratio = self.against / self.in_favour;
        (self.in_favour > 0.0 && ratio.is_finite()).then_some(ratio)
    }

    /// How many times as much has to be seen, in all, to fail a canary of this
    /// odds ratio over the margin; nothing when it never fails.
    pub(super) fn times_to_fail(&self, odds: f64, spread: f64) -> Option<f64> {
        // The sum is away by the variance times the logarithm of the odds, and
        // strays by the variance and by what the spread adds to it.
        let away = libm::log(odds);
        let clear = away * away - FAILS_AT * spread * spread;
        let found = odds > 1.0 && clear > 0.0 && self.variance > 0.0;
        found.then(|| FAILS_AT / clear / self.variance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canary::counts::Arm;
    use crate::time::Time;

    #[test]
    fn a_clear_fault_needs_less_and_one_within_the_spread_never_shows() {
        let mut outlook = Outlook::default();
        let arm = |bad| Arm { total: 600, bad };
        for _ in 0..5 {
            let row = Row {
                time: Time::EPOCH,
                baseline: arm(6),
                canary: arm(12),
            };
            outlook.push(&row, &Policy::default());
        }
        let odds = outlook.odds_ratio().unwrap();
        assert!((odds - 2.02).abs() < 0.01, "{odds}");
        // These five rows are about what it takes.
        let now = outlook.times_to_fail(odds, 0.1).unwrap();
        assert!((0.8..1.3).contains(&now), "{now}");
        let clear = outlook.times_to_fail(4.0, 0.1).unwrap();
        assert!(clear < now / 3.0, "{clear}");
        assert_eq!(outlook.times_to_fail(1.3, 0.1), None);
        assert!(outlook.times_to_fail(1.3, 0.0).is_some());
        assert_eq!(outlook.times_to_fail(0.5, 0.0), None);
        assert_eq!(Outlook::default().times_to_fail(2.0, 0.0), None);
    }
}
