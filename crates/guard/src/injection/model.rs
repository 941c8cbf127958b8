//! A linear model over the pieces of a text: how much the text is like attacks.
//!
//! The score of a text is the logistic function of the sum of the weights of its pieces, divided
//! by the root of their number, so that long and short texts compare, with a bias; calibrated so
//! that it is the share of attacks among texts of that score in the data it was calibrated on.
//!
//! Two things keep what is only long or monotonous from looking sure: words that were met before,
//! after the same word, do not count again, and beyond [`MOST_PIECES`] it is the mean that counts.

use super::features::{BUCKETS, Seen, Step, walk};

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

/// The fewest distinct words of a window.
const WINDOW_WORDS: u32 = 4;

/// The fewest distinct words of a text.
const TEXT_WORDS: u32 = 2;

/// From so many pieces on a text is no surer for being longer: some three hundred words.
const MOST_PIECES: f32 = 4_000.0;

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
        let (mut words, mut pairs) = (Seen::of(text.len()), Seen::of(text.len()));
        let mut whole = Sum::default();
        let mut word = Word::default();
        let mut windows = Windows::new(self);
        walk(text, |step| match step {
            Step::Piece(bucket) => word.own.piece(self.weight(bucket)),
            Step::Joint(bucket) => word.joints.piece(self.weight(bucket)),
            Step::Word {
                end,
                sentence,
                word: hash,
                pair,
            } => {
                let mut word = std::mem::take(&mut word);
                (word.hash, word.pair) = (hash, pair);
                let is_new = words.is_new(hash);
                whole.add(&word, is_new, pairs.is_new(pair));
                windows.word(&word, end, sentence);
            }
        });
        let best = windows.best();
        let is_text = whole.words >= TEXT_WORDS;
        Scores {
            text: if is_text {
                self.raw(whole)
            } else {
                f32::NEG_INFINITY
            },
            window: best.raw,
            window_start: best.start,
            window_end: best.end,
        }
    }

    fn weight(&self, bucket: u32) -> i32 {
        let weight = self.weights.get(bucket as usize);
        weight.map_or(0, |weight| i32::from(*weight))
    }

    /// Before calibration.
    fn raw(&self, sum: Sum) -> f32 {
        if sum.pieces == 0 {
            return f32::NEG_INFINITY;
        }
        let pieces = sum.pieces as f32;
        let root = pieces.sqrt().max(pieces / MOST_PIECES.sqrt());
        self.head.bias + self.head.scale * sum.sum as f32 / root
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

/// A word that is being read.
#[derive(Clone, Copy, Debug, Default)]
struct Word {
    own: Sum,
    joints: Sum,
    hash: u32,
    pair: u32,
}

/// The weights of some words.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    sum: i32,
    pieces: u32,
    /// Distinct words.
    words: u32,
}

impl Sum {
    fn piece(&mut self, weight: i32) {
        self.sum += weight;
        self.pieces += 1;
    }

    /// Adds what is new of a word.
    fn add(&mut self, word: &Word, is_new: bool, is_new_pair: bool) {
        if is_new {
            *self = self.and(word.own);
            self.words += 1;
        }
        if is_new_pair {
            *self = self.and(word.joints);
        }
    }

    fn and(self, next: Self) -> Self {
        Self {
            sum: self.sum.saturating_add(next.sum),
            pieces: self.pieces.saturating_add(next.pieces),
            words: self.words + next.words,
        }
    }
}

/// A sentence, as far as it was read.
#[derive(Clone, Debug, Default)]
struct Sentence {
    /// Of its distinct words.
    own: Sum,
    /// Of those that the sentence before does not have.
    fresh: Sum,
    hashes: Vec<(u32, u32)>,
    /// A bit for each of its words: what has none there is not among them.
    bits: u64,
    words: u32,
    start: usize,
    end: usize,
}

impl Sentence {
    /// Whether it has a word, and whether it has it after the same word.
    fn has(&self, word: &Word) -> (bool, bool) {
        if self.bits & bit(word.hash) == 0 {
            return (false, false);
        }
        let mut hashes = self.hashes.iter();
        let known = hashes.any(|(hash, _)| *hash == word.hash);
        let pair = |(_, pair): &(u32, u32)| *pair == word.pair;
        (known, known && self.hashes.iter().any(pair))
    }
}

fn bit(hash: u32) -> u64 {
    1 << (hash >> 26)
}

/// Windows of one and two sentences, and the one with the highest score so far.
struct Windows<'a> {
    model: &'a Model,
    last: Sentence,
    current: Sentence,
    best: Window,
}

#[derive(Clone, Copy, Debug)]
struct Window {
    raw: f32,
    start: usize,
    end: usize,
}

impl<'a> Windows<'a> {
    fn new(model: &'a Model) -> Self {
        Self {
            model,
            last: Sentence::default(),
            current: Sentence::default(),
            best: Window {
                raw: f32::NEG_INFINITY,
                start: 0,
                end: 0,
            },
        }
    }

    fn word(&mut self, word: &Word, end: usize, ends: bool) {
        let current = &mut self.current;
        current.words += 1;
        current.end = end;
        let (known, known_pair) = current.has(word);
        if !known_pair {
            let (before, before_pair) = self.last.has(word);
            current.own.add(word, !known, true);
            current.fresh.add(word, !known && !before, !before_pair);
            current.hashes.push((word.hash, word.pair));
            current.bits |= bit(word.hash);
        }
        if ends || current.words >= SENTENCE_WORDS {
            self.sentence(end + 1);
        }
    }

    /// Ends the sentence; the next one begins at `next`.
    fn sentence(&mut self, next: usize) {
        self.look(self.current.own, self.current.start);
        if self.last.words > 0 {
            self.look(self.last.own.and(self.current.fresh), self.last.start);
        }
        std::mem::swap(&mut self.last, &mut self.current);
        let mut hashes = std::mem::take(&mut self.current.hashes);
        hashes.clear();
        self.current = Sentence {
            hashes,
            start: next,
            ..Sentence::default()
        };
    }

    /// Looks at the window from `start` to the end of the sentence.
    fn look(&mut self, window: Sum, start: usize) {
        let raw = self.model.raw(window);
        if window.words >= WINDOW_WORDS && raw > self.best.raw {
            self.best = Window {
                raw,
                start,
                end: self.current.end,
            };
        }
    }

    fn best(mut self) -> Window {
        if self.current.words > 0 {
            self.sentence(0);
        }
        self.best
    }
}
