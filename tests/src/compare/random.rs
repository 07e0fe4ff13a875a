//! Random choices of a case.

use crate::dice::Dice;

/// A sequence of numbers that its seed determines.
#[derive(Clone, Debug)]
pub struct Random(Dice);

impl Random {
    /// The sequence of a case, by its seed and its number.
    pub fn of(seed: u64, number: u64) -> Random {
        let start = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ number.wrapping_mul(0xD1B5_4A32_D192_ED03);
        let mut random = Random(Dice(start));
        // The first numbers of similar seeds are similar.
        for _ in 0..4 {
            random.below(2);
        }
        random
    }

    /// A number below the limit.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0.throw(limit)
    }

    /// A number of a range, both ends included.
    pub fn within(&mut self, least: usize, most: usize) -> usize {
        least + self.below(most - least + 1)
    }

    /// Whether a chance of so many in a hundred comes true.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of several.
    pub fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    /// Some of several with a blank between them.
    pub fn some(&mut self, least: usize, most: usize, of: &[&str]) -> String {
        let count = self.within(least, most);
        (0..count).map(|_| self.one(of)).collect::<Vec<_>>().join(" ")
    }
}
