//! Training: logistic regression by FTRL-Proximal, which keeps the weights of rare pieces at zero.

use iron_guard::injection::{BUCKETS, Head, Model, Seen, Step, walk};
use iron_guard::text::Reading;

use crate::random::Random;

/// A text to train on.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Its words.
    pub words: String,
    /// Whether it is an attack.
    pub attack: bool,
    /// How much it counts.
    pub weight: f32,
}

impl Sample {
    /// Reads a text.
    pub fn new(text: &str, attack: bool, weight: f32) -> Self {
        Self {
            words: Reading::new(text).text().to_owned(),
            attack,
            weight,
        }
    }
}

/// How to train.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How fast weights move.
    pub rate: f32,
    /// What keeps weights at zero (L1).
    pub sparsity: f32,
    /// What keeps weights small (L2).
    pub decay: f32,
    /// How often each text is seen.
    pub epochs: usize,
    /// Of the order of the texts.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            rate: 1.0,
            sparsity: 0.005,
            decay: 0.02,
            epochs: 6,
            seed: 1,
        }
    }
}

/// Trains a model; its calibration and thresholds are those of [`calibrate`] yet to come.
pub fn train(samples: &[Sample], settings: Settings) -> Model {
    let mut learner = Learner::new(settings);
    let mut random = Random::new(settings.seed);
    let mut order: Vec<usize> = (0..samples.len()).collect();
    for _ in 0..settings.epochs {
        random.shuffle(&mut order);
        for sample in order.iter().filter_map(|index| samples.get(*index)) {
            learner.learn(sample);
        }
    }
    learner.model()
}

struct Learner {
    settings: Settings,
    /// Last is the bias.
    sums: Vec<f32>,
    squares: Vec<f32>,
    buckets: Vec<u32>,
}

impl Learner {
    fn new(settings: Settings) -> Self {
        Self {
            settings,
            sums: vec![0.0; BUCKETS + 1],
            squares: vec![0.0; BUCKETS + 1],
            buckets: Vec::new(),
        }
    }

    fn learn(&mut self, sample: &Sample) {
        self.read(&sample.words);
        let value = 1.0 / (self.buckets.len().max(1) as f32).sqrt();
        let sum: f32 = self
            .buckets
            .iter()
            .map(|bucket| self.weight(*bucket as usize))
            .sum();
        let raw = sum * value + self.weight(BUCKETS);
        let wanted = if sample.attack { 1.0 } else { 0.0 };
        let error = (1.0 / (1.0 + (-raw).exp()) - wanted) * sample.weight;
        let buckets = std::mem::take(&mut self.buckets);
        for bucket in &buckets {
            self.step(*bucket as usize, error * value);
        }
        self.buckets = buckets;
        self.step(BUCKETS, error);
    }

    /// Takes the pieces of the distinct words of a text.
    fn read(&mut self, words: &str) {
        self.buckets.clear();
        let (mut own, mut joints) = (Vec::new(), Vec::new());
        let (mut seen, mut seen_pairs) = (Seen::of(words.len()), Seen::of(words.len()));
        walk(words, |step| match step {
            Step::Piece(bucket) => own.push(bucket),
            Step::Joint(bucket) => joints.push(bucket),
            Step::Word { word, pair, .. } => {
                if seen.is_new(word) {
                    self.buckets.append(&mut own);
                }
                if seen_pairs.is_new(pair) {
                    self.buckets.append(&mut joints);
                }
                own.clear();
                joints.clear();
            }
        });
    }

    fn weight(&self, index: usize) -> f32 {
        let (Some(sum), Some(square)) = (self.sums.get(index), self.squares.get(index)) else {
            return 0.0;
        };
        let sparsity = if index == BUCKETS {
            0.0
        } else {
            self.settings.sparsity
        };
        if sum.abs() <= sparsity {
            return 0.0;
        }
        let slow = (1.0 + square.sqrt()) / self.settings.rate + self.settings.decay;
        -(sum - sparsity * sum.signum()) / slow
    }

    fn step(&mut self, index: usize, gradient: f32) {
        let weight = self.weight(index);
        let (Some(sum), Some(square)) = (self.sums.get_mut(index), self.squares.get_mut(index))
        else {
            return;
        };
        let next = *square + gradient * gradient;
        let sigma = (next.sqrt() - square.sqrt()) / self.settings.rate;
        *sum += gradient - sigma * weight;
        *square = next;
    }

    /// Rounds the weights to a byte each.
    fn model(&self) -> Model {
        let weights: Vec<f32> = (0..BUCKETS).map(|index| self.weight(index)).collect();
        let mut sizes: Vec<f32> = weights.iter().map(|weight| weight.abs()).collect();
        sizes.sort_unstable_by(f32::total_cmp);
        let most = sizes
            .get(BUCKETS - BUCKETS / 10_000)
            .copied()
            .unwrap_or(1.0);
        let scale = (most / 127.0).max(f32::MIN_POSITIVE);
        let rounded = weights
            .iter()
            .map(|weight| (weight / scale).round().clamp(-127.0, 127.0) as i8);
        Model::new(
            rounded.collect(),
            Head {
                scale,
                bias: self.weight(BUCKETS),
                slope: 1.0,
                offset: 0.0,
                text_threshold: 0.5,
                window_threshold: 0.5,
            },
        )
    }
}
