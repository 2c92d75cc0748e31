//! What several counts prove together, and which of them is to blame.

use super::number::{ln_sum, real};

/// The logarithm of the weighted mean of some e-values, which is an e-value
/// however the counts depend on each other (Vovk and Wang 2021).
pub(super) fn ln_mean(weighted: &[(f64, f64)]) -> f64 {
    let all: f64 = weighted.iter().map(|(weight, _)| weight).sum();
    let logs = weighted
        .iter()
        .map(|(weight, ln_e)| libm::log(weight / all) + ln_e);
    ln_sum(logs)
}

/// Which of some e-values stand out while on average at most this share of
/// those that do is healthy (e-BH: Wang and Ramdas 2022), however they depend
/// on each other.
pub(super) fn discoveries(ln_e: &[f64], rate: f64) -> Vec<bool> {
    let all = count(ln_e.len());
    let mut order: Vec<f64> = ln_e.to_vec();
    order.sort_by(|a, b| b.total_cmp(a));
    let enough = |rank: usize| libm::log(all / (count(rank) * rate));
    let mut ranked = order.iter().enumerate().rev();
    let least = ranked
        .find(|(rank, ln_e)| **ln_e >= enough(rank + 1))
        .map(|(_, ln_e)| *ln_e);
    ln_e.iter()
        .map(|one| least.is_some_and(|least| *one >= least))
        .collect()
}

fn count(number: usize) -> f64 {
    real(u128::try_from(number).unwrap_or(u128::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_of_equals_is_each_of_them_and_weights_count() {
        assert!((ln_mean(&[(1.0, 2.0), (3.0, 2.0)]) - 2.0).abs() < 1e-12);
        let mean = ln_mean(&[(1.0, 4.0_f64.ln()), (3.0, 0.0)]);
        assert!((mean - 1.75_f64.ln()).abs() < 1e-12);
        assert!(ln_mean(&[(1.0, f64::NEG_INFINITY), (1.0, 0.0)]) > -0.7);
    }

    /// The rule as it is defined, over every rank.
    fn by_definition(e: &[f64], rate: f64) -> Vec<bool> {
        let all = count(e.len());
        let fits = |rank: usize| {
            let least = all / (count(rank) * rate);
            e.iter().filter(|one| **one >= least).count() >= rank
        };
        let most = (1..=e.len()).rev().find(|rank| fits(*rank));
        e.iter()
            .map(|one| most.is_some_and(|most| *one >= all / (count(most) * rate)))
            .collect()
    }

    #[test]
    fn discoveries_are_those_of_the_definition() {
        let values = [0.1, 1.0, 60.0, 130.0, 260.0, 900.0];
        for a in values {
            for b in values {
                for c in values {
                    for d in values {
                        let e = [a, b, c, d];
                        let ln: Vec<f64> = e.iter().map(|one: &f64| one.ln()).collect();
                        assert_eq!(discoveries(&ln, 0.011), by_definition(&e, 0.011), "{e:?}");
                    }
                }
            }
        }
        assert_eq!(discoveries(&[], 0.01), Vec::<bool>::new());
    }
}
