//! How steep a histogram is at its edges, which says what a healthy spread of
//! its values does to the odds there.
//!
//! Versions whose values differ by a factor `s` differ at an edge by
//! `ln odds = steepness * ln s`, where the steepness is the slope of the log
//! odds of being above the edge over the logarithm of the edge. It is taken from
//! both slots together, which the tests are conditional on, from as many
//! requests as tell it, and then kept.

use super::number::real;

/// Requests of both slots that have to be on either side of an edge.
pub(super) const ENOUGH: u64 = 10;

/// The slope at an edge is about the mean of those to either side; it may be
/// so much larger.
const ROUNDED: f64 = 1.08;

/// The same where only one side is known: an exponential tail is so much
/// steeper at an edge than between that and the one of half its size.
const AT_THE_END: f64 = 1.4;

/// Requests of both slots together, in all and above each edge.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pooled<'a> {
    /// All requests.
    pub(super) total: u64,
    /// The bounds, ascending, and the requests above each of them.
    pub(super) above: &'a [(f64, u64)],
}

impl Pooled<'_> {
    /// How steep the histogram is at an edge; nothing while that cannot be told.
    pub(super) fn steepness(self, edge: usize) -> Option<f64> {
        self.ln_odds(edge)?;
        let next = edge.checked_add(1)?;
        let before = edge.checked_sub(1);
        let before = before.and_then(|before| self.slope(before, edge));
        let after = self.slope(edge, next);
        match (before, after.filter(|_| self.ln_odds(next).is_some())) {
            (Some(before), Some(after)) => Some(f64::midpoint(before, after) * ROUNDED),
            (None, Some(after)) => Some(after * AT_THE_END),
            (Some(before), None) => Some(before.max(after.unwrap_or(before)) * AT_THE_END),
            (None, None) => after.map(|after| after * AT_THE_END),
        }
    }

    /// The edge whose share of requests above it is nearest to this one.
    pub(super) fn nearest(self, share: f64) -> Option<usize> {
        let wanted = libm::log(share / (1.0 - share));
        let away = |edge: usize| {
            let odds = self.ln_odds_at_least(edge).unwrap_or(f64::INFINITY);
            (odds - wanted).abs()
        };
        (0..self.above.len()).min_by(|a, b| away(*a).total_cmp(&away(*b)))
    }

    /// Between two neighbours.
    fn slope(self, low: usize, high: usize) -> Option<f64> {
        let bound = |edge: usize| self.above.get(edge).map(|(bound, _)| *bound);
        let (below, above) = (bound(low)?, bound(high)?);
        let apart = libm::log(above) - libm::log(below);
        let fall = self.ln_odds_at_least(low)? - self.ln_odds_at_least(high)?;
        (below > 0.0 && apart > 0.0).then(|| (fall / apart).max(0.0))
    }

    fn ln_odds(self, edge: usize) -> Option<f64> {
        let (_, above) = self.above.get(edge)?;
        let below = self.total.checked_sub(*above)?;
        (*above >= ENOUGH && below >= ENOUGH).then(|| ln(*above) - ln(below))
    }

    fn ln_odds_at_least(self, edge: usize) -> Option<f64> {
        let (_, above) = self.above.get(edge)?;
        let below = self.total.checked_sub(*above)?;
        let some = |count: u64| real(count.into()).max(0.5);
        Some(libm::log(some(*above)) - libm::log(some(below)))
    }
}

fn ln(count: u64) -> f64 {
    libm::log(real(count.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Requests above each bound, of a law with this survival.
    fn pooled(bounds: &[f64], survival: impl Fn(f64) -> f64) -> Vec<(f64, u64)> {
        bounds
            .iter()
            .map(|bound| (*bound, super::super::number::count(1e6 * survival(*bound))))
            .collect()
    }

    #[test]
    fn the_steepness_bounds_what_a_stretch_does_to_the_odds() {
        let bounds = [0.025, 0.05, 0.1, 0.25, 0.5, 1.0];
        let exponential = |bound: f64| (-bound / 0.1_f64).exp();
        let heavy = |bound: f64| 1.0 / (1.0 + (bound / 0.08_f64).powf(2.5));
        let laws: [&dyn Fn(f64) -> f64; 2] = [&exponential, &heavy];
        for survival in laws {
            let above = pooled(&bounds, survival);
            let pooled = Pooled {
                total: 1_000_000,
                above: &above,
            };
            for (edge, bound) in bounds.iter().enumerate() {
                let odds = |share: f64| share / (1.0 - share);
                let (here, stretched) = (survival(*bound), survival(bound / 1.01));
                let Some(steep) = pooled.steepness(edge) else {
                    assert!(here * 1e6 < 10.0, "{bound}");
                    continue;
                };
                let local = (odds(stretched) / odds(here)).ln() / 1.01_f64.ln();
                assert!(steep > local * 0.9, "{bound}: {steep} {local}");
                assert!(steep < local * 2.5, "{bound}: {steep} {local}");
            }
        }
    }

    #[test]
    fn an_edge_that_few_are_beyond_is_not_yet_known() {
        let above = [(0.1, 500), (0.2, 9), (0.4, 0)];
        let pooled = Pooled {
            total: 1000,
            above: &above,
        };
        assert!(pooled.steepness(0).is_some());
        assert_eq!(pooled.steepness(1), None);
        assert_eq!(pooled.steepness(2), None);
        assert_eq!(pooled.steepness(3), None);
        let alone = Pooled {
            total: 1000,
            above: &above[..1],
        };
        assert_eq!(alone.steepness(0), None);
    }
}
