//! What the counts of a panel prove together, apart from a failure.

use super::{Panel, Strand};
use crate::canary::histogram::Pilot;
use crate::name::Name;

impl Panel {
    /// Whether every decisive metric is proved to be no worse.
    pub(in crate::canary) fn is_no_worse(&self) -> bool {
        self.lead().is_some() && self.unproved().is_empty()
    }

    /// The decisive metrics that are not proved to be no worse. Of a histogram
    /// the edges have to be that it is judged at.
    #[must_use]
    pub fn unproved(&self) -> Vec<&Name> {
        let same = |a: &&Strand, b: &&Strand| a.metric == b.metric;
        let decisive: Vec<&Strand> = self.decisive().collect();
        let proved = |strand: &&Strand| {
            strand.state.has_told() && strand.state.ln_e_pass() >= self.policy.beta.threshold()
        };
        let open = decisive.chunk_by(same).filter(|metric| {
            let mut judged = metric.iter().filter(|strand| strand.is_judged()).peekable();
            judged.peek().is_none() || !judged.all(proved)
        });
        let names = open.filter_map(|metric| metric.first().map(|strand| &strand.metric));
        names.collect()
    }

    /// Whether the planned sample was seen, in no decisive histogram all edges
    /// that could tell were left untested, and decisive means were compared.
    pub(in crate::canary) fn is_sampled(&self) -> bool {
        let sampled = |lead: &Strand| lead.state.is_sampled();
        self.lead().is_some_and(sampled) && self.is_tested()
    }

    /// Whether no decisive metric was left out of the tests.
    pub(in crate::canary) fn is_tested(&self) -> bool {
        let same = |a: &&Strand, b: &&Strand| a.metric == b.metric;
        let decisive: Vec<&Strand> = self.decisive().collect();
        let mut metrics = decisive.chunk_by(same);
        let untold = |strand: &&&Strand| strand.most.is_some() && !strand.state.has_told();
        !decisive.iter().any(|strand| untold(&strand))
            && metrics.all(|metric| {
                let judged = metric.iter().any(|strand| strand.is_judged());
                let pilots = || metric.iter().filter_map(|strand| strand.pilot);
                judged || !pilots().any(Pilot::could_tell)
            })
    }
}
