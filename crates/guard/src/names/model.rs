//! Weights and words as they are trained, and the file that holds them.
//!
//! The file: `ICN1`; the number of words (32 bits, little-endian like all that follows); for each
//! word its hash (32 bits), in ascending order, then for each its flags (8 bits); what a unit of a
//! weight is worth (`f32`); the weights of labels after each other (`f32`); the weights of
//! features (8 bits each, [`LABELS`] for each of [`BUCKETS`]); the scale of calibration (`f32`).

use super::chain::{LABELS, Passes, Row, Weights, exponents};
use super::feature::BUCKETS;
use super::lexicon::{Flags, Lexicon};
use crate::finding::Entity;

/// Weights of a bucket in memory: one word of the machine.
const WIDTH: usize = 8;

const MAGIC: &[u8] = b"ICN1";

/// From these odds on a name has the score of 0.5 that a moderate profile asks for: of texts without
/// names, but full of companies, places and works, few are hit then.
const NAME_ODDS: f32 = 5.5;

/// What was trained.
#[derive(Clone, Debug)]
pub struct Trained {
    /// Known words by hash, in ascending order; only the low eight flags.
    pub words: Vec<(u32, Flags)>,
    /// What a unit of a weight is worth.
    pub unit: f32,
    /// Weights of labels after each other.
    pub passes: Passes,
    /// Weights of features, [`LABELS`] for each bucket.
    pub weights: Vec<i8>,
    /// What marginals are scaled by, in the domain of odds, to be probabilities.
    pub slope: f32,
}

impl Trained {
    /// Reads a file; nothing if it is none.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes.strip_prefix(MAGIC)?);
        let count = reader.word()? as usize;
        let hashes = (0..count)
            .map(|_| reader.word())
            .collect::<Option<Vec<_>>>()?;
        let flags = reader.take(count)?;
        let words = hashes
            .into_iter()
            .zip(flags.iter().map(|flags| Flags::from(*flags)));
        let unit = reader.float()?;
        let mut passes = [[0.0; LABELS]; LABELS];
        for pass in passes.iter_mut().flatten() {
            *pass = reader.float()?;
        }
        let weights = reader.take(BUCKETS * LABELS)?;
        Some(Self {
            words: words.collect(),
            unit,
            passes,
            weights: weights.iter().map(|weight| weight.cast_signed()).collect(),
            slope: reader.float()?,
        })
    }

    /// The file.
    pub fn write(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend((self.words.len() as u32).to_le_bytes());
        for (hash, _) in &self.words {
            bytes.extend(hash.to_le_bytes());
        }
        bytes.extend(self.words.iter().map(|(_, flags)| *flags as u8));
        bytes.extend(self.unit.to_le_bytes());
        for pass in self.passes.iter().flatten() {
            bytes.extend(pass.to_le_bytes());
        }
        bytes.extend(self.weights.iter().map(|weight| weight.cast_unsigned()));
        bytes.extend(self.slope.to_le_bytes());
        bytes
    }
}

/// What labels texts: a [`Trained`] made ready.
#[derive(Debug)]
pub struct Model {
    /// Known words.
    pub lexicon: Lexicon,
    rows: Vec<[i8; WIDTH]>,
    unit: f32,
    passes: Passes,
    slope: f32,
}

impl Model {
    /// Makes weights ready.
    pub fn new(trained: &Trained) -> Self {
        Self {
            lexicon: Lexicon::new(&trained.words),
            rows: trained.weights.as_chunks().0.iter().map(widened).collect(),
            unit: trained.unit,
            passes: exponents(&trained.passes),
            slope: trained.slope,
        }
    }

    /// The score that a marginal stands for: its probability; for a name one whose odds are so much
    /// less, as [`NAME_ODDS`] says.
    pub fn calibrated(&self, entity: Entity, marginal: f32) -> f32 {
        let marginal = marginal.clamp(1e-6, 1.0 - 1e-6);
        let doubt = match entity {
            Entity::Person => NAME_ODDS.ln(),
            _ => 0.0,
        };
        let odds = (marginal / (1.0 - marginal)).ln() * self.slope - doubt;
        1.0 / (1.0 + (-odds).exp())
    }
}

fn widened(row: &[i8; LABELS]) -> [i8; WIDTH] {
    let mut wide = [0; WIDTH];
    for (to, from) in wide.iter_mut().zip(row) {
        *to = *from;
    }
    wide
}

impl Weights for Model {
    fn score(&self, buckets: &[u32]) -> Row {
        let mut sums = [0_i32; WIDTH];
        for bucket in buckets {
            if let Some(weights) = self.rows.get(*bucket as usize) {
                for (sum, weight) in sums.iter_mut().zip(weights) {
                    *sum = sum.wrapping_add(i32::from(*weight));
                }
            }
        }
        let mut row = [0.0; LABELS];
        for (to, sum) in row.iter_mut().zip(sums) {
            *to = sum as f32 * self.unit;
        }
        row
    }

    fn passes(&self) -> Passes {
        self.passes
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn word(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn float(&mut self) -> Option<f32> {
        Some(f32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }
}
