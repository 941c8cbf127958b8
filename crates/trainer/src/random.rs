//! Randomness that is the same in each run: SplitMix64.

/// A stream of numbers of a seed.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The stream of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// One of `count` numbers from 0; 0 if there are none.
    pub fn below(&mut self, count: usize) -> usize {
        match count {
            0 => 0,
            _ => (self.number() % count as u64) as usize,
        }
    }

    /// One of the numbers of a range.
    pub fn between(&mut self, least: usize, most: usize) -> usize {
        least + self.below(most - least + 1)
    }

    /// True in so many of a hundred cases.
    pub fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of some; nothing if there are none.
    pub fn pick<'a, T>(&mut self, some: &'a [T]) -> Option<&'a T> {
        some.get(self.below(some.len()))
    }

    /// Puts some in another order.
    pub fn shuffle<T>(&mut self, some: &mut [T]) {
        for index in (1..some.len()).rev() {
            some.swap(index, self.below(index + 1));
        }
    }
}
