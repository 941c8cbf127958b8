//! Fits the weights: gradient descent on the likelihood, with a step for each weight (AdaGrad).

use iron_guard::names::chain::{LABELS, Lattice, Passes, Row, Weights, exponents};
use iron_guard::names::feature::BUCKETS;
use iron_guard::names::lexicon::Flags;
use iron_guard::names::model::Trained;

use super::examples::Labelled;
use crate::random::Random;

const STEP: f32 = 0.03;
const DECAY: f32 = 2e-6;

/// Weights while they are learned.
struct Learner {
    weights: Vec<Row>,
    squares: Vec<Row>,
    passes: Passes,
    pass_squares: Passes,
}

impl Weights for Learner {
    fn score(&self, buckets: &[u32]) -> Row {
        let mut row = [0.0; LABELS];
        for bucket in buckets {
            if let Some(weights) = self.weights.get(*bucket as usize) {
                for (sum, weight) in row.iter_mut().zip(weights) {
                    *sum += weight;
                }
            }
        }
        row
    }

    fn passes(&self) -> Passes {
        exponents(&self.passes)
    }
}

/// Learns from examples, in so many passes over them.
pub fn learn(
    examples: &mut [Labelled],
    words: Vec<(u32, Flags)>,
    epochs: usize,
    random: &mut Random,
) -> Trained {
    let mut learner = Learner {
        weights: vec![[0.0; LABELS]; BUCKETS],
        squares: vec![[1e-4; LABELS]; BUCKETS],
        passes: [[0.0; LABELS]; LABELS],
        pass_squares: [[1e-2; LABELS]; LABELS],
    };
    let mut lattice = Lattice::default();
    for _ in 0..epochs {
        random.shuffle(examples);
        for example in examples.iter() {
            lattice.label(&example.features, &learner);
            learner.step(example, &lattice);
        }
    }
    learner.quantised(words)
}

impl Learner {
    fn step(&mut self, example: &Labelled, lattice: &Lattice) {
        let mut last = 0;
        for (token, (label, marginals)) in example.labels.iter().zip(&lattice.marginals).enumerate()
        {
            let mut gradient = *marginals;
            if let Some(value) = gradient.get_mut(*label) {
                *value -= 1.0;
            }
            if gradient.iter().any(|value| value.abs() > 1e-3) {
                for bucket in example.features.of(token) {
                    self.move_row(*bucket as usize, &gradient);
                }
            }
            if token > 0 {
                self.move_passes(lattice.pair(token - 1), last, *label);
            }
            last = *label;
        }
    }

    fn move_row(&mut self, bucket: usize, gradient: &Row) {
        let (Some(weights), Some(squares)) =
            (self.weights.get_mut(bucket), self.squares.get_mut(bucket))
        else {
            return;
        };
        for ((weight, square), value) in weights.iter_mut().zip(squares).zip(gradient) {
            let value = value + DECAY * *weight;
            *square += value * value;
            *weight -= STEP * value / square.sqrt();
        }
    }

    fn move_passes(&mut self, mut gradient: Passes, from: usize, to: usize) {
        if let Some(value) = gradient.get_mut(from).and_then(|row| row.get_mut(to)) {
            *value -= 1.0;
        }
        let weights = self.passes.iter_mut().flatten();
        let squares = self.pass_squares.iter_mut().flatten();
        for ((weight, square), value) in weights.zip(squares).zip(gradient.iter().flatten()) {
            *square += value * value;
            *weight -= STEP * value / square.sqrt();
        }
    }

    fn quantised(&self, words: Vec<(u32, Flags)>) -> Trained {
        let mut sizes: Vec<f32> = self
            .weights
            .iter()
            .flatten()
            .map(|weight| weight.abs())
            .collect();
        sizes.sort_unstable_by(f32::total_cmp);
        // The few greatest weights are cut off: what is left is told apart finer.
        let most = sizes.get(sizes.len() - sizes.len() / 5000 - 1).copied();
        let unit = most.unwrap_or(1.0).max(1e-3) / 127.0;
        let weights = self.weights.iter().flatten();
        Trained {
            words,
            unit,
            passes: self.passes,
            weights: weights
                .map(|weight| (weight / unit).round().clamp(-127.0, 127.0) as i8)
                .collect(),
            slope: 1.0,
        }
    }
}
