//! What the model sees of a text: hashed pieces of its words.
//!
//! A word gives itself, itself after the word before it, and itself after the two before it; and
//! each run of three to five of its bytes, with its borders (of two to four characters outside
//! ASCII). Each piece is hashed to one of [`BUCKETS`] weights.
//!
//! A text says nothing more by saying it again: the pieces of a word count where it is met first,
//! and those of words after each other where these are ([`Seen`]). All numbers are one word there.

/// How many weights there are.
pub const BUCKETS: usize = 1 << 19;

/// The longest part of a word that is cut into pieces, in bytes: longer ones are no words.
const LONGEST: usize = 28;

/// A step of a walk over a text of words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A piece of a word: the number of its weight.
    Piece(u32),
    /// A word after other words: the number of its weight.
    Joint(u32),
    /// A word ends at a byte; whether a sentence does, too.
    Word {
        /// The byte behind it.
        end: usize,
        /// Whether the sentence ends.
        sentence: bool,
        /// The word, hashed; all numbers are one.
        word: u32,
        /// The same with the word before it.
        pair: u32,
    },
}

/// Walks over a text of a [`crate::text::Reading`].
pub fn walk(text: &str, mut each: impl FnMut(Step)) {
    let bytes = text.as_bytes();
    let mut before = Before::default();
    let mut start = 0;
    while start < bytes.len() {
        let rest = bytes.get(start..).unwrap_or_default();
        let length = rest.iter().position(|byte| is_separator(*byte));
        let length = length.unwrap_or(rest.len());
        let word = rest.get(..length.min(LONGEST)).unwrap_or(rest);
        let mut hashes = (0, 0);
        if !word.is_empty() {
            if word.is_ascii() {
                pieces(word, &mut each);
            } else {
                pieces_of_characters(
                    text.get(start..start + length).unwrap_or_default(),
                    &mut each,
                );
            }
            hashes = before.word(word, &mut each);
        }
        let sentence = rest.get(length).is_some_and(|byte| *byte != b' ');
        each(Step::Word {
            end: start + length,
            sentence,
            word: hashes.0,
            pair: hashes.1,
        });
        start += length + 1;
    }
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'.' | b'\n')
}

/// How many words are remembered: of longer texts the latest.
const REMEMBERED: usize = 1 << 14;

/// The words, or pairs of them, that were met in a text, in bounded memory.
#[derive(Clone, Debug)]
pub struct Seen(Vec<u32>);

impl Seen {
    /// Of a text of so many bytes.
    pub fn of(bytes: usize) -> Self {
        Self(vec![0; (bytes / 2).next_power_of_two().min(REMEMBERED)])
    }

    /// Whether a word, or a pair, is met for the first time.
    pub fn is_new(&mut self, hash: u32) -> bool {
        let place = hash as usize & (self.0.len() - 1);
        let known = self.0.get_mut(place);
        known.is_some_and(|known| std::mem::replace(known, hash) != hash)
    }
}

/// The hashes of the words before.
#[derive(Default)]
struct Before {
    last: u32,
    last_but_one: u32,
    /// Of the last word, the same for all numbers.
    kind: u32,
}

impl Before {
    /// Tells the pieces of a word; gives it and it with the word before it, hashed.
    fn word(&mut self, word: &[u8], each: &mut impl FnMut(Step)) -> (u32, u32) {
        let hash = word.iter().fold(0x51ED_270B, |hash, byte| mix(hash, *byte));
        let pair = self.last.rotate_left(7) ^ hash;
        each(piece(hash));
        let triple = self.last_but_one.rotate_left(15) ^ pair;
        each(joint(pair.wrapping_mul(0x85EB_CA6B)));
        each(joint(triple.wrapping_mul(0xC2B2_AE35)));
        self.last_but_one = self.last;
        self.last = hash;
        let kind = match word.iter().all(u8::is_ascii_digit) {
            true => 1,
            false => hash,
        };
        let pair = spread(self.kind.rotate_left(7) ^ kind);
        self.kind = kind;
        (kind, pair)
    }
}

/// Runs of three to five bytes of a word with a border on each side.
fn pieces(word: &[u8], each: &mut impl FnMut(Step)) {
    let at = |index: usize| word.get(index.wrapping_sub(1)).copied().unwrap_or(b' ');
    for start in 0..word.len() {
        let mut hash = 0x9747_B28C;
        for offset in 0..5.min(word.len() + 2 - start) {
            hash = mix(hash, at(start + offset));
            if offset >= 2 {
                each(piece(hash));
            }
        }
    }
}

/// Runs of two to four characters.
fn pieces_of_characters(word: &str, each: &mut impl FnMut(Step)) {
    for (start, _) in word.char_indices().take_while(|(at, _)| *at < 20 * LONGEST) {
        let rest = word.get(start..).unwrap_or_default();
        let mut hash = 0x2545_F491;
        for (index, char) in rest.chars().take(4).enumerate() {
            let mut buffer = [0; 4];
            for byte in char.encode_utf8(&mut buffer).bytes() {
                hash = mix(hash, byte);
            }
            if index >= 1 {
                each(piece(hash));
            }
        }
    }
}

fn mix(hash: u32, byte: u8) -> u32 {
    (hash ^ u32::from(byte))
        .wrapping_mul(0x0100_0193)
        .rotate_left(5)
}

fn piece(hash: u32) -> Step {
    Step::Piece(spread(hash) & (BUCKETS as u32 - 1))
}

fn joint(hash: u32) -> Step {
    Step::Joint(spread(hash) & (BUCKETS as u32 - 1))
}

fn spread(hash: u32) -> u32 {
    let hash = (hash ^ (hash >> 15)).wrapping_mul(0x2C1B_3C6D);
    hash ^ (hash >> 13)
}
