//! The counts that only tell where a fault is.

use super::{Panel, Strand};
use crate::canary::metric::{Metric, Role};
use crate::canary::place::{Place, Split};
use crate::canary::policy::{Invalid, Policy};
use crate::canary::state::State;

impl Panel {
    /// By which values a metric is told apart.
    #[must_use]
    pub fn splits(&self, metric: &str) -> Vec<Split> {
        let of = |strand: &&Strand| strand.metric.as_str() == metric;
        let places = self.strands.iter().filter(of);
        let places: Vec<&Place> = places.filter_map(|one| one.place.as_ref()).collect();
        let same = |a: &&Place, b: &&Place| a.label == b.label;
        let split = |places: &[&Place]| {
            let label = places.first()?.label.clone();
            let values = places.iter().filter_map(|place| place.value.clone());
            Some(Split {
                label,
                values: values.collect(),
            })
        };
        places.chunk_by(same).filter_map(split).collect()
    }

    /// The counts that are no places of others, which come first.
    pub fn counts(&self) -> impl Iterator<Item = &Strand> {
        self.strands.iter().filter(|strand| strand.place.is_none())
    }
}

/// The counts of each value of a metric's labels.
pub(super) fn of(metric: &Metric, panel: &Policy) -> Result<Vec<Strand>, Invalid> {
    let policy = metric.policy(panel)?;
    let all = metric.by.iter().flat_map(Split::places);
    let strand = |place| Strand {
        metric: metric.name.clone(),
        edge: None,
        place: Some(place),
        most: None,
        role: Role::Shown,
        weight: 0.0,
        pilot: None,
        state: State::with_part(policy.clone(), 0.0),
    };
    Ok(all.map(strand).collect())
}
