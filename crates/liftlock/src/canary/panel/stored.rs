//! Whether what was stored may be gone on with.

use super::{Panel, Strand};

impl Panel {
    /// Whether this, which was stored, goes on from what a new panel begins
    /// with: the same counts by the same rules, and numbers that can come about.
    #[must_use]
    pub fn continues(&self, new: &Self) -> bool {
        let strands = self.strands.iter().zip(&new.strands);
        let mut same = strands.map(|(ours, theirs)| ours.continues(theirs));
        let all = self.strands.len() == new.strands.len() && same.all(|same| same);
        let together = self.spent() <= self.policy.alpha.planned() * 1.000_001;
        let parts: f64 = self.strands.iter().map(|strand| strand.state.part()).sum();
        let weights: f64 = self.strands.iter().map(|strand| strand.weight).sum();
        let mut histograms = self.histograms.iter().zip(&new.histograms);
        let shared = parts <= 1.000_001 && weights <= new.weights * 1.000_001;
        self.algorithm == new.algorithm
            && self.policy == new.policy
            && self.weights.total_cmp(&new.weights).is_eq()
            && self.histograms.len() == new.histograms.len()
            && histograms.all(|(ours, theirs)| ours.continues(theirs))
            && self.strands.iter().all(|strand| strand.weight >= 0.0)
            && all
            && together
            && shared
    }
}

impl Strand {
    fn continues(&self, new: &Self) -> bool {
        let ours = (&self.metric, &self.edge, &self.place, self.most, self.role);
        let weight = self.pilot.is_some() || (self.weight - new.weight).abs() <= f64::EPSILON;
        let part = self.pilot.is_some() || self.state.part() <= new.state.part();
        ours == (&new.metric, &new.edge, &new.place, new.most, new.role)
            && weight
            && part
            && self.pilot.is_some() == new.pilot.is_some()
            && self.state.continues(&new.state)
    }
}
