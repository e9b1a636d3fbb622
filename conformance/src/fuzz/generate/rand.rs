//! Chance: the same for the same seed and case number, on every machine and in every version.

use rand::rngs::ChaCha8Rng;
use rand::{RngExt as _, SeedableRng as _};

/// The dice of one case.
pub(crate) struct Dice(ChaCha8Rng);

impl Dice {
    /// The dice of case `number`. Each case has a stream of its own, so that any one can be made
    /// without those before it.
    pub(crate) fn new(seed: u64, number: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(number);
        Self(rng)
    }

    /// A number from 0 to `count` - 1; 0 when there is nothing to choose from.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        let count = u32::try_from(count).unwrap_or(u32::MAX).max(1);
        self.0.random_range(0..count) as usize
    }

    /// True in so many of a hundred cases.
    pub(crate) fn percent(&mut self, chance: u32) -> bool {
        self.0.random_range(0..100_u32) < chance
    }

    /// One of these.
    pub(crate) fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    /// One of these texts.
    pub(crate) fn text(&mut self, of: &[&'static str]) -> &'static str {
        of[self.below(of.len())]
    }

    /// One of these, by weight.
    pub(crate) fn weighted<T: Copy>(&mut self, of: &[(u32, T)]) -> T {
        let sum: u32 = of.iter().map(|(weight, _)| weight).sum();
        let mut at = self.0.random_range(0..sum.max(1));
        for (weight, item) in of {
            match at.checked_sub(*weight) {
                Some(rest) => at = rest,
                None => return *item,
            }
        }
        of[of.len() - 1].1
    }

    /// Any byte.
    pub(crate) fn byte(&mut self) -> u8 {
        self.0.random()
    }

    /// Any number.
    pub(crate) fn number(&mut self) -> u64 {
        self.0.random()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dice_are_those_of_seed_and_number() {
        let roll = |seed, number| {
            let mut dice = Dice::new(seed, number);
            (dice.number(), dice.below(1000), dice.byte())
        };
        assert_eq!(roll(7, 3), roll(7, 3));
        assert_ne!(roll(7, 3), roll(7, 4));
        assert_ne!(roll(7, 3), roll(8, 3));
        // Pinned: a printed seed has to mean the same after an update of the generator's crate.
        assert_eq!(roll(1, 0), PINNED);
    }

    const PINNED: (u64, usize, u8) = (7_424_550_030_962_593_201, 984, 216);

    #[test]
    fn weights_are_kept_to() {
        let mut dice = Dice::new(0, 0);
        let heads = (0..1000).filter(|_| dice.weighted(&[(3, true), (1, false)])).count();
        assert!((650..850).contains(&heads), "{heads}");
    }
}
