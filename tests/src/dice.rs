//! Random numbers with a fixed sequence (Knuth's MMIX).

/// A sequence of numbers that its seed determines.
#[derive(Clone, Debug)]
pub struct Dice(pub u64);

impl Dice {
    /// A number below that of the sides.
    pub fn throw(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides.max(1)
    }
}
