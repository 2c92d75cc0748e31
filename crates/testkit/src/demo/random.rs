//! Pseudo-random numbers that are the same on every machine for one seed.

use liftlock::percent::Percent;

/// A generator of the kind `SplitMix64` (Steele, Lea and Flood, 2014): a
/// counter, hashed. Good enough to draw requests, and for nothing else.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// A generator; the same seed gives the same numbers.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Whether something happens that happens in that share of all cases.
    pub fn happens(&mut self, share: Percent) -> bool {
        self.part_of(
            share.basis_points().into(),
            Percent::FULL.basis_points().into(),
        )
    }

    /// Whether one of `part` cases out of `whole` happens; never when there is none.
    pub const fn part_of(&mut self, part: u64, whole: u64) -> bool {
        whole > 0 && self.next() % whole < part
    }

    /// A number around `mean`: from a half to one and a half of it.
    pub const fn around(&mut self, mean: u64) -> u64 {
        mean / 2 + self.next() % (mean.saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decides_everything() {
        let numbers = |seed| {
            let mut random = Random::new(seed);
            [random.next(), random.next()]
        };
        // The reference implementation's first numbers for this seed.
        assert_eq!(
            numbers(1_234_567),
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]
        );
        assert_eq!(numbers(7), numbers(7));
        assert_ne!(numbers(7), numbers(8));
    }

    #[test]
    fn shares_are_kept() {
        let mut random = Random::new(1);
        let share = "5%".parse().unwrap();
        let happened = (0..100_000).filter(|_| random.happens(share)).count();
        assert!((4_700..5_300).contains(&happened), "{happened}");
        assert!(!random.happens(Percent::ZERO));
        assert!(random.happens(Percent::FULL));
        assert!(!random.part_of(1, 0));
    }
}
