//! The rows of several metrics as one.

use super::Column;
use crate::canary::counts::{Pair, Row, Tally};
use crate::canary::metric::{Metric, Role};
use crate::telemetry::gather::Gathered;
use crate::time::Time;

/// The rows of a first count with those of further metrics beside it. They end
/// where one of the decisive metrics does; what else is missing counts nothing.
/// What hides a decisive metric is put to what hides the first count, and what
/// hides another one is told.
#[must_use]
pub fn beside(first: &mut Gathered, metrics: &[(Metric, Column)]) -> Vec<Tally> {
    for (metric, column) in metrics {
        first.notes.extend(column.notes.iter().cloned());
        match metric.role {
            Role::Decisive => first.faults.extend(column.faults.iter().cloned()),
            Role::Supporting | Role::Shown => {
                let notes = column.faults.iter().map(|fault| fault.detail.clone());
                first.notes.extend(notes);
            }
        }
    }
    let decisive = metrics
        .iter()
        .filter(|(metric, _)| metric.role == Role::Decisive);
    let ends = decisive.map(|(_, column)| column.rows.last().map(|(time, _)| *time));
    let end = ends.min();
    let rows = first.rows.iter();
    let rows = rows.take_while(|row| end.is_none_or(|end| Some(row.time) <= end));
    rows.map(|row| {
        let mut tally = Tally::from(row);
        let at = |rows: &Vec<Row>| pair(rows, row.time);
        let places = metrics.iter().flat_map(|(metric, column)| {
            // Of a metric that nobody saw nothing was counted anywhere.
            let place = |number| column.places.get(number).map(at).unwrap_or_default();
            (0..metric.places()).map(place).collect::<Vec<_>>()
        });
        let places: Vec<Pair> = first.places.iter().map(at).chain(places).collect();
        let further = metrics
            .iter()
            .flat_map(|(metric, column)| column.at(row.time, metric));
        tally.counts.extend(further);
        tally.counts.extend(places);
        tally
    })
    .collect()
}

/// The counts of one place in one row; nothing where it has no such row.
fn pair(rows: &[Row], time: Time) -> Pair {
    let place = rows.binary_search_by_key(&time, |row| row.time);
    let found = place.ok().and_then(|place| rows.get(place));
    found.map_or_else(Pair::default, |row| Pair {
        baseline: row.baseline,
        canary: row.canary,
    })
}

impl Column {
    /// The counts of one row; nothing was counted where the row is not told.
    fn at(&self, time: Time, metric: &Metric) -> impl Iterator<Item = Pair> {
        let place = self.rows.binary_search_by_key(&time, |(time, _)| *time);
        let found = place.ok().and_then(|place| self.rows.get(place));
        let pairs = found.map(|(_, pairs)| pairs.clone()).unwrap_or_default();
        let wanted = metric.counts();
        let none = std::iter::repeat(Pair::default());
        pairs.into_iter().chain(none).take(wanted)
    }
}
