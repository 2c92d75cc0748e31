//! Rows of a cold canary are left out.

use super::Panel;
use crate::canary::counts::Tally;
use crate::time::Time;

impl Panel {
    pub(super) fn is_warming(&mut self, tally: &Tally) -> bool {
        // A process has a size before its first request.
        let all_means = self.strands.iter().all(|strand| strand.most.is_some());
        let mut counts = tally.counts.iter().zip(&self.strands);
        let served = counts
            .any(|(pair, strand)| pair.canary.total > 0 && (all_means || strand.most.is_none()));
        if self.served.is_none() && served {
            self.served = Some(tally.time);
        }
        self.is_cold(tally.time)
    }

    /// Whether a row that ends here is left out.
    pub(in crate::canary) fn is_cold(&self, moment: Time) -> bool {
        let length = i64::try_from(self.policy.warm_up.millis()).unwrap_or(i64::MAX);
        let over = |served: Time| moment.millis_since(served) >= length;
        length > 0 && !self.served.is_some_and(over)
    }

    /// Why nothing was judged though the canary had requests.
    pub(in crate::canary) fn warming(&self) -> Option<String> {
        let judged = self
            .lead()
            .is_some_and(|lead| lead.state.canary().total > 0);
        let length = self.policy.warm_up;
        (self.served.is_some() && !length.is_zero() && !judged)
            .then(|| format!("all requests of the canary were in the warm-up of {length}"))
    }
}
