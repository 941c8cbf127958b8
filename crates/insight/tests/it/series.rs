//! Daily spending as it looks in the field, in dollars: made from a seed, the same each time.

use std::f64::consts::TAU;

/// A small generator of random numbers (SplitMix64, Steele et al. 2014).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Dice(seed)
    }

    /// Between zero and one.
    fn part(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Normal, by Box and Muller.
    fn normal(&mut self) -> f64 {
        (-2.0 * (1.0 - self.part()).ln()).sqrt() * (TAU * self.part()).cos()
    }

    /// A factor around one whose logarithm has this deviation.
    fn about(&mut self, deviation: f64) -> f64 {
        (self.normal() * deviation - deviation * deviation / 2.0).exp()
    }
}

/// One kind of series.
pub(crate) struct Shape {
    pub(crate) name: &'static str,
    /// Its expected spending on a day, and how that varies.
    day: fn(usize, &mut Dice) -> f64,
}

impl Shape {
    pub(crate) fn days(&self, count: usize, dice: &mut Dice) -> Vec<f64> {
        (0..count).map(|day| (self.day)(day, dice)).collect()
    }
}

fn weekend(day: usize) -> bool {
    day % 7 >= 5
}

/// From an agent that does the same each day to one whose use grows by a tenth a week.
pub(crate) const SHAPES: &[Shape] = &[
    Shape {
        name: "steady batch job",
        day: |_, dice| 40.0 * dice.about(0.05),
    },
    Shape {
        name: "noisy assistant",
        day: |_, dice| 25.0 * dice.about(0.35),
    },
    Shape {
        name: "office hours",
        day: |day, dice| if weekend(day) { 6.0 } else { 60.0 } * dice.about(0.15),
    },
    Shape {
        name: "consumers at weekends",
        day: |day, dice| if weekend(day) { 90.0 } else { 45.0 } * dice.about(0.15),
    },
    Shape {
        name: "report on Mondays",
        day: |day, dice| if day % 7 == 0 { 120.0 } else { 12.0 } * dice.about(0.1),
    },
    Shape {
        name: "roll-out, +10 % a week",
        day: |day, dice| {
            let week = if weekend(day) { 0.4 } else { 1.0 };
            30.0 * 1.10_f64.powf(day as f64 / 7.0) * week * dice.about(0.12)
        },
    },
    Shape {
        name: "doubled on day 20",
        day: |day, dice| if day < 20 { 20.0 } else { 40.0 } * dice.about(0.12),
    },
    Shape {
        name: "one runaway on day 24",
        day: |day, dice| if day == 24 { 900.0 } else { 30.0 } * dice.about(0.12),
    },
    Shape {
        name: "sleeps at weekends",
        day: |day, dice| {
            if weekend(day) {
                0.0
            } else {
                15.0 * dice.about(0.25)
            }
        },
    },
];
