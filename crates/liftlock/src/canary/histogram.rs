//! Where a histogram is judged.
//!
//! At a few edges near the middle and in the tail, which are chosen by how many
//! requests of both slots are above them. Until it is known how steep the
//! histogram is at an edge, the edge is not tested; a tenth of the weight is
//! on all edges alike, so that what shows elsewhere is found as well.

use serde::{Deserialize, Serialize};

use super::counts::Pair;
use super::metric::Metric;
use super::panel::Strand;
use super::pilot::{ENOUGH, Pooled};
use crate::name::Name;

/// The shares of requests above the edges that are wanted, and the part of
/// the risk for each.
const AIMS: [(f64, f64); 4] = [(0.5, 0.3), (0.1, 0.3), (0.01, 0.3), (0.001, 0.1)];

/// What remains of the weight for all edges alike.
const ANYWHERE: f64 = 0.1;

/// Requests of both slots before any edge is chosen.
const FIRST: u64 = 400;

/// What an edge waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pilot {
    /// Requests of both slots.
    total: u64,
    /// Those above the edge.
    above: u64,
    /// Whether it was chosen or known well enough to be tested.
    tested: bool,
}

impl Pilot {
    pub(super) fn pool(&mut self, pair: &Pair) {
        let both = pair.canary.plus(pair.baseline);
        self.total = self.total.saturating_add(both.total);
        self.above = self.above.saturating_add(both.bad);
    }

    /// Whether there is enough on either side of the edge.
    pub(super) fn could_tell(self) -> bool {
        self.above >= ENOUGH && self.total.saturating_sub(self.above) >= ENOUGH
    }

    pub(super) fn is_tested(self) -> bool {
        self.tested
    }
}

/// What is still to be given to the edges of a histogram.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Histogram {
    metric: Name,
    /// The metric's weight in the common evidence.
    weight: f64,
    /// The metric's part of the planned risk.
    part: f64,
    /// Which aims have no edge yet.
    open: [bool; 4],
}

impl Histogram {
    pub(super) fn new(metric: &Metric, weight: f64, part: f64) -> Self {
        Self {
            metric: metric.name.clone(),
            weight,
            part,
            open: [true; 4],
        }
    }

    /// Whether this, which was stored, gives no more than a new one.
    pub(super) fn continues(&self, new: &Self) -> bool {
        let same = |ours: f64, theirs: f64| ours.total_cmp(&theirs).is_eq();
        self.metric == new.metric && same(self.weight, new.weight) && same(self.part, new.part)
    }

    /// Begins to test the edges of which is known by now how steep they are.
    pub(super) fn begin(&mut self, panel: &mut [Strand]) {
        let ours = |strand: &Strand| strand.metric == self.metric;
        let mut edges: Vec<&mut Strand> = panel.iter_mut().filter(|one| ours(one)).collect();
        let waits = |edge: &&mut Strand| edge.pilot.is_some_and(|pilot| !pilot.tested);
        if !edges.iter().any(waits) {
            return;
        }
        let pilots = edges.iter().filter_map(|strand| {
            let bound = strand.edge.as_ref()?.bound();
            strand.pilot.map(|pilot| (bound, pilot))
        });
        let (above, totals): (Vec<_>, Vec<_>) = pilots
            .map(|(bound, pilot)| ((bound, pilot.above), pilot.total))
            .unzip();
        let pooled = Pooled {
            total: totals.first().copied().unwrap_or(0),
            above: &above,
        };
        if pooled.total < FIRST {
            return;
        }
        let count = u32::try_from(edges.len()).map_or(f64::INFINITY, f64::from);
        for place in 0..edges.len() {
            let Some(steep) = pooled.steepness(place) else {
                continue;
            };
            let Some(strand) = edges.get_mut(place).filter(|edge| waits(edge)) else {
                continue;
            };
            let part = self.nearest(pooled, place);
            // Where a healthy spread hides all that could be told, it waits on.
            if strand.state.widen(steep.max(1.0), self.part * part) {
                self.close(pooled, place);
                strand.weight = self.weight * (ANYWHERE / count + (1.0 - ANYWHERE) * part);
                strand.pilot = strand.pilot.map(|pilot| Pilot {
                    tested: true,
                    ..pilot
                });
            }
        }
    }

    /// The parts of all open aims that an edge is nearest to.
    fn nearest(&self, pooled: Pooled<'_>, place: usize) -> f64 {
        let aims = AIMS.into_iter().zip(self.open);
        let here = aims.filter(|((share, _), open)| *open && pooled.nearest(*share) == Some(place));
        here.map(|((_, part), _)| part).sum()
    }

    fn close(&mut self, pooled: Pooled<'_>, place: usize) {
        for ((share, _), open) in AIMS.into_iter().zip(&mut self.open) {
            *open = *open && pooled.nearest(share) != Some(place);
        }
    }
}
