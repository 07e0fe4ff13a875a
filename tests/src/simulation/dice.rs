//! Random numbers with a fixed sequence for each seed (splitmix64).

/// A generator.
pub struct Dice(u64);

impl Dice {
    /// The generator of a seed.
    pub fn new(seed: u64) -> Dice {
        // Consecutive seeds must not give parts of one sequence.
        Dice(Dice(seed).next() ^ seed.rotate_left(32))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// A number below `sides`.
    pub fn roll(&mut self, sides: usize) -> usize {
        ((u128::from(self.next()) * sides as u128) >> 64) as usize
    }

    /// Whether something happens that does so in so many of a hundred cases.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.roll(100) < percent
    }

    /// One of several things.
    pub fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.roll(all.len())]
    }

    /// One of several things, each as often as its weight says.
    pub fn weigh<T: Copy>(&mut self, all: &[(usize, T)]) -> T {
        let mut at = self.roll(all.iter().map(|(weight, _)| weight).sum());
        let found = all.iter().find(|(weight, _)| {
            let is_it = at < *weight;
            at = at.wrapping_sub(*weight);
            is_it
        });
        found.expect("the weights add up").1
    }
}
