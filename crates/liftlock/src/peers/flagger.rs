//! Flagger's metric checks: a threshold on one value, and counted failures.

use super::measured;
use crate::canary::counts::Row;

/// The analysis of a `Canary`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Analysis {
    /// Rows from one check to the next; each is over that many rows.
    pub every: usize,
    /// As many failed checks roll back.
    pub threshold: usize,
    /// The share of bad requests above which a check fails.
    pub limit: f64,
}

/// The row at which the canary is rolled back, counted from 1. A check without
/// a value fails.
#[must_use]
pub fn fails(rows: &[Row], analysis: &Analysis) -> Option<u64> {
    fails_by(measured(rows, analysis.every), analysis)
}

/// The same of checks, each with the row that it was made at.
#[must_use]
pub fn fails_by(
    checks: impl IntoIterator<Item = (u64, Option<f64>)>,
    analysis: &Analysis,
) -> Option<u64> {
    let mut failed = 0_usize;
    for (row, value) in checks {
        let good = value.is_some_and(|share| share <= analysis.limit);
        failed += usize::from(!good);
        if failed >= analysis.threshold {
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
    fn it_rolls_back_at_its_threshold() {
        let analysis = Analysis {
            every: 1,
            threshold: 5,
            limit: 0.02,
        };
        let rows = |bad| vec![row((100, 1), (100, bad)); 60];
        assert_eq!(fails(&rows(3), &analysis), Some(5));
        assert_eq!(fails(&rows(2), &analysis), None);
        assert_eq!(fails(&vec![row((9, 0), (0, 0)); 60], &analysis), Some(5));
    }
}
