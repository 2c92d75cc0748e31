//! What is known where means of values are compared instead of counts.

use super::State;
use crate::canary::interval::Range;
use crate::canary::mean::limit;

impl State {
    /// The means of both slots over all rows, the canary's first, as parts of
    /// the most; nothing where counts are compared, or before the first row.
    pub(in crate::canary) fn means(&self) -> Option<(f64, f64)> {
        self.mean.as_ref()?.means()
    }

    /// The ratios of the means that the rows do not refute, at all looks with
    /// 95 %.
    pub(in crate::canary) fn means_range(&self) -> Option<Range> {
        self.mean.as_ref().map(|mean| mean.range())
    }

    /// The ratio of means up to which a canary is healthy.
    pub(in crate::canary) fn means_limit(&self) -> f64 {
        limit(&self.policy)
    }

    pub(super) fn is_mean_worse(&self) -> bool {
        let own = self.policy.alpha.planned() * self.part;
        let mean = self.mean.as_ref().filter(|_| self.part > 0.0);
        mean.is_some_and(|mean| mean.ln_e_fail() >= -libm::log(own))
    }

    pub(super) fn staked_on_mean(&self) -> f64 {
        match self.mean.as_ref().is_some_and(|mean| mean.has_told()) {
            true => self.policy.alpha.planned() * self.part,
            false => 0.0,
        }
    }
}
