//! No version gets more requests than its healthy servers can bear.

use std::collections::BTreeMap;
use std::fmt;

use crate::name::Name;
use crate::percent::Percent;

/// How many healthy servers a share of the requests needs, where all of them
/// need `full`: rounded up, and none for nothing.
#[must_use]
pub fn needed(share: Percent, full: u32) -> u32 {
    let everything = u64::from(Percent::FULL.basis_points());
    let needed = (u64::from(share.basis_points()) * u64::from(full)).div_ceil(everything);
    // Never more than `full`, since a share is never more than everything.
    u32::try_from(needed).unwrap_or(full)
}

/// A version with fewer healthy servers than its share needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lack {
    /// Where it is.
    pub slot: Name,
    /// What it was to get.
    pub share: Percent,
    /// Its healthy servers.
    pub healthy: u32,
    /// How many that share needs.
    pub needed: u32,
}

impl fmt::Display for Lack {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "slot `{}` needs {} healthy servers for {} of the requests and has {}",
            self.slot, self.needed, self.share, self.healthy
        )
    }
}

/// The first slot that could not bear its share. A slot that nothing is known
/// of has no healthy servers.
#[must_use]
pub fn lacking(
    shares: &BTreeMap<Name, Percent>,
    healthy: &BTreeMap<Name, u32>,
    full: u32,
) -> Option<Lack> {
    shares.iter().find_map(|(slot, share)| {
        let (needed, healthy) = (
            needed(*share, full),
            healthy.get(slot).copied().unwrap_or_default(),
        );
        (healthy < needed).then(|| Lack {
            slot: slot.clone(),
            share: *share,
            healthy,
            needed,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_needs_its_part_of_the_servers_rounded_up() {
        for (share, full, expected) in [
            ("0%", 4, 0),
            ("0.01%", 4, 1),
            ("25%", 4, 1),
            ("25.01%", 4, 2),
            ("50%", 3, 2),
            ("100%", 4, 4),
            ("100%", u32::MAX, u32::MAX),
            ("100%", 1, 1),
        ] {
            assert_eq!(
                needed(share.parse().unwrap(), full),
                expected,
                "{share} {full}"
            );
        }
    }

    #[test]
    fn whoever_is_not_known_to_be_healthy_is_not() {
        let name = |text: &str| -> Name { text.parse().unwrap() };
        let shares = BTreeMap::from([
            (name("blue"), "75%".parse().unwrap()),
            (name("green"), "25%".parse().unwrap()),
        ]);
        let lack = |healthy: &[(&str, u32)]| {
            let healthy = healthy.iter().map(|(slot, count)| (name(slot), *count));
            lacking(&shares, &healthy.collect(), 4).map(|lack| lack.to_string())
        };
        assert_eq!(lack(&[("blue", 3), ("green", 1)]), None);
        assert_eq!(
            lack(&[("blue", 3)]).unwrap(),
            "slot `green` needs 1 healthy servers for 25% of the requests and has 0"
        );
        assert!(
            lack(&[("blue", 2), ("green", 4)])
                .unwrap()
                .contains("`blue` needs 3")
        );
    }
}
