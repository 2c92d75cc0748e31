//! Argo Rollouts' analysis: an expression on one value, and counted failures.

use super::measured;
use crate::canary::counts::Row;

/// A metric of an `AnalysisTemplate`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metric {
    /// Rows from one measurement to the next; each is over that many rows.
    pub every: usize,
    /// The most measurements.
    pub count: usize,
    /// More failed measurements than this fail the analysis.
    pub failure_limit: usize,
    /// The share of bad requests above which a measurement fails.
    pub limit: f64,
}

/// The row at which the analysis fails, counted from 1. A measurement without
/// requests is an error, and errors are tolerated up to four in a row.
#[must_use]
pub fn fails(rows: &[Row], metric: &Metric) -> Option<u64> {
    fails_by(measured(rows, metric.every), metric)
}

/// The same of measurements, each with the row that it was taken at; one
/// without a value is an error.
#[must_use]
pub fn fails_by(
    measurements: impl IntoIterator<Item = (u64, Option<f64>)>,
    metric: &Metric,
) -> Option<u64> {
    /// More errors in a row than this fail the analysis.
    const ERRORS: usize = 4;
    let (mut failed, mut errors) = (0_usize, 0_usize);
    for (row, value) in measurements.into_iter().take(metric.count) {
        match value {
            None => errors += 1,
            Some(share) => {
                errors = 0;
                failed += usize::from(share > metric.limit);
            }
        }
        if failed > metric.failure_limit || errors > ERRORS {
            return Some(row);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::kayenta::tests::row;

    #[test]
    fn it_fails_after_more_bad_measurements_than_its_limit() {
        let metric = Metric {
            every: 5,
            count: 12,
            failure_limit: 3,
            limit: 0.02,
        };
        let rows = |bad| vec![row((100, 1), (100, bad)); 60];
        assert_eq!(fails(&rows(3), &metric), Some(20));
        assert_eq!(fails(&rows(2), &metric), None);
        // Errors are no failures until there are five in a row.
        assert_eq!(fails(&vec![row((9, 0), (0, 0)); 60], &metric), Some(25));
        assert_eq!(fails(&[], &metric), None);
    }
}
