//! A linear model over the pieces of a text: how much the text is like attacks.
//!
//! The score of a text is the logistic function of the sum of the weights of its pieces, divided
//! by the root of their number, so that long and short texts compare, with a bias; calibrated so
//! that it is the share of attacks among texts of that score in the data it was calibrated on.

use super::features::{BUCKETS, Step, walk};

const MAGIC: &[u8; 4] = b"IGM1";
const HEAD: usize = 4 + 4 * 6;

/// A model of attacks.
#[derive(Clone)]
pub struct Model {
    weights: Vec<i8>,
    head: Head,
}

/// The numbers of a model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Head {
    /// What one step of a weight is worth.
    pub scale: f32,
    /// Added to each sum.
    pub bias: f32,
    /// Calibration: what a sum is multiplied with.
    pub slope: f32,
    /// Calibration: what is added then.
    pub offset: f32,
    /// The score from which a text is suspected.
    pub text_threshold: f32,
    /// The score from which a window of a text is suspected.
    pub window_threshold: f32,
}

/// Why bytes are no model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the bytes are no model of injections; train one with `train-injection`")]
pub struct NoModel;

/// The scores of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Scores {
    /// Of all of it, 0 to 1.
    pub text: f32,
    /// The highest of its windows, 0 to 1.
    pub window: f32,
    /// Where that window begins and ends: bytes of the words read.
    pub window_start: usize,
    /// Where it ends.
    pub window_end: usize,
}

/// The longest sentence, in words: what writes no full stops is cut there.
const SENTENCE_WORDS: u32 = 40;

/// The fewest words of a window.
const WINDOW_WORDS: u32 = 4;

impl Model {
    /// Puts a model together.
    pub fn new(weights: Vec<i8>, head: Head) -> Self {
        Self { weights, head }
    }

    /// The model that is shipped.
    ///
    /// # Errors
    /// Never with the bytes that are shipped.
    pub fn shipped() -> Result<Self, NoModel> {
        Self::from_bytes(include_bytes!("../../data/injection/model.bin"))
    }

    /// Reads a model.
    ///
    /// # Errors
    /// If the bytes are none.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, NoModel> {
        let (head, weights) = bytes.split_at_checked(HEAD).ok_or(NoModel)?;
        let numbers = head.strip_prefix(MAGIC).ok_or(NoModel)?;
        if weights.len() != BUCKETS {
            return Err(NoModel);
        }
        let (numbers, _) = numbers.as_chunks::<4>();
        let numbers: Vec<f32> = numbers
            .iter()
            .map(|bytes| f32::from_le_bytes(*bytes))
            .collect();
        let [scale, bias, slope, offset, text_threshold, window_threshold] = *numbers else {
            return Err(NoModel);
        };
        Ok(Self {
            weights: weights.iter().map(|byte| byte.cast_signed()).collect(),
            head: Head {
                scale,
                bias,
                slope,
                offset,
                text_threshold,
                window_threshold,
            },
        })
    }

    /// The bytes of the model.
    pub fn to_bytes(&self) -> Vec<u8> {
        let head = &self.head;
        let numbers = [
            head.scale,
            head.bias,
            head.slope,
            head.offset,
            head.text_threshold,
            head.window_threshold,
        ];
        let mut bytes = MAGIC.to_vec();
        bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        bytes.extend(self.weights.iter().map(|weight| weight.cast_unsigned()));
        bytes
    }

    /// The numbers of the model.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The model with other numbers.
    #[must_use]
    pub fn with_head(mut self, head: Head) -> Self {
        self.head = head;
        self
    }

    /// Scores a text of words, and its windows of one and two sentences.
    pub fn scores(&self, text: &str) -> Scores {
        let sums = self.sums(text);
        Scores {
            text: self.calibrated(sums.text),
            window: self.calibrated(sums.window),
            ..sums
        }
    }

    /// The same before calibration: of any size, 0 between attacks and harmless texts.
    pub fn sums(&self, text: &str) -> Scores {
        let mut whole = Sum::default();
        let mut sentence = Sum::default();
        let mut last = Sum::default();
        let mut best = Window::default();
        walk(text, |step| match step {
            Step::Piece(bucket) => {
                let weight = self.weights.get(bucket as usize);
                sentence.sum += weight.map_or(0, |weight| i32::from(*weight));
                sentence.pieces += 1;
            }
            Step::Word {
                end,
                sentence: ends,
            } => {
                sentence.words += 1;
                sentence.end = end;
                if ends || sentence.words >= SENTENCE_WORDS {
                    whole = whole.and(sentence);
                    best.look(self, last, sentence);
                    last = sentence;
                    sentence = Sum {
                        start: end + 1,
                        ..Sum::default()
                    };
                }
            }
        });
        if sentence.words > 0 {
            whole = whole.and(sentence);
            best.look(self, last, sentence);
        }
        Scores {
            text: self.raw(whole),
            window: best.raw,
            window_start: best.start,
            window_end: best.end,
        }
    }

    /// Before calibration.
    fn raw(&self, sum: Sum) -> f32 {
        if sum.pieces == 0 {
            return f32::NEG_INFINITY;
        }
        self.head.bias + self.head.scale * sum.sum as f32 / (sum.pieces as f32).sqrt()
    }

    fn calibrated(&self, raw: f32) -> f32 {
        1.0 / (1.0 + (-(raw * self.head.slope + self.head.offset)).exp())
    }
}

impl std::fmt::Debug for Model {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Model({:?})", self.head)
    }
}

/// The weights of some words.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    sum: i32,
    pieces: u32,
    words: u32,
    start: usize,
    end: usize,
}

impl Sum {
    fn and(self, next: Self) -> Self {
        Self {
            sum: self.sum.saturating_add(next.sum),
            pieces: self.pieces.saturating_add(next.pieces),
            words: self.words.saturating_add(next.words),
            start: self.start,
            end: next.end,
        }
    }
}

/// The window with the highest score so far.
struct Window {
    raw: f32,
    start: usize,
    end: usize,
}

impl Default for Window {
    fn default() -> Self {
        Self {
            raw: f32::NEG_INFINITY,
            start: 0,
            end: 0,
        }
    }
}

impl Window {
    fn look(&mut self, model: &Model, before: Sum, sentence: Sum) {
        self.take(model, sentence);
        if before.words > 0 {
            self.take(model, before.and(sentence));
        }
    }

    fn take(&mut self, model: &Model, window: Sum) {
        let raw = model.raw(window);
        if window.words >= WINDOW_WORDS && raw > self.raw {
            *self = Self {
                raw,
                start: window.start,
                end: window.end,
            };
        }
    }
}
