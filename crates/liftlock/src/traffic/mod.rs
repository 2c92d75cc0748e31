//! How requests are split between two slots, in the words of each counterpart.

pub mod capacity;
pub mod command;
pub mod envoy;
pub mod nginx;

use std::collections::BTreeMap;

use crate::name::Name;
use crate::percent::Percent;

/// Shares in words.
#[must_use]
pub fn told(shares: &BTreeMap<Name, Percent>) -> String {
    let told = shares.iter().map(|(slot, share)| format!("{slot} {share}"));
    told.collect::<Vec<_>>().join(", ")
}

/// Weights in words: the share that each of them gives, cut off at a hundredth
/// of a percent.
#[must_use]
pub fn weighed<W: Copy + Into<u64>>(weights: &BTreeMap<Name, W>) -> String {
    let total: u64 = weights.values().map(|weight| (*weight).into()).sum();
    let told = weights.iter().map(|(slot, weight)| {
        let points = (*weight).into().saturating_mul(10_000).checked_div(total);
        let points = points.and_then(|points| u16::try_from(points).ok());
        match points.and_then(Percent::from_basis_points) {
            Some(share) => format!("{slot} {share}"),
            None => format!("{slot} nothing"),
        }
    });
    told.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_told_as_the_shares_that_they_give() {
        let of = |blue: u32, green: u32| {
            let weights = [("blue", blue), ("green", green)];
            let weights = weights.map(|(slot, weight)| (slot.parse().unwrap(), weight));
            weighed(&BTreeMap::from(weights))
        };
        for (blue, green, expected) in [
            (19, 1, "blue 95%, green 5%"),
            (5_000, 5_000, "blue 50%, green 50%"),
            (2, 1, "blue 66.66%, green 33.33%"),
            (0, 0, "blue nothing, green nothing"),
        ] {
            assert_eq!(of(blue, green), expected);
        }
    }
}
