//! What the model sees of a text: hashed pieces of its words.
//!
//! A word gives itself, itself after the word before it, and itself after the two before it; and
//! each run of three to five of its bytes, with its borders (of two to four characters outside
//! ASCII). Each piece is hashed to one of [`BUCKETS`] weights.

/// How many weights there are.
pub const BUCKETS: usize = 1 << 19;

/// The longest part of a word that is cut into pieces, in bytes: longer ones are no words.
const LONGEST: usize = 28;

/// A step of a walk over a text of words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A piece: the number of its weight.
    Piece(u32),
    /// A word ends at a byte; whether a sentence does, too.
    Word {
        /// The byte behind it.
        end: usize,
        /// Whether the sentence ends.
        sentence: bool,
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
        if !word.is_empty() {
            if word.is_ascii() {
                pieces(word, &mut each);
            } else {
                pieces_of_characters(
                    text.get(start..start + length).unwrap_or_default(),
                    &mut each,
                );
            }
            before.word(word, &mut each);
        }
        let sentence = rest.get(length).is_some_and(|byte| *byte != b' ');
        each(Step::Word {
            end: start + length,
            sentence,
        });
        start += length + 1;
    }
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'.' | b'\n')
}

/// The hashes of the words before.
#[derive(Default)]
struct Before {
    last: u32,
    last_but_one: u32,
}

impl Before {
    fn word(&mut self, word: &[u8], each: &mut impl FnMut(Step)) {
        let hash = word.iter().fold(0x51ED_270B, |hash, byte| mix(hash, *byte));
        let pair = self.last.rotate_left(7) ^ hash;
        each(piece(hash));
        each(piece(pair.wrapping_mul(0x85EB_CA6B)));
        each(piece(
            (self.last_but_one.rotate_left(15) ^ pair).wrapping_mul(0xC2B2_AE35),
        ));
        self.last_but_one = self.last;
        self.last = hash;
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
    let hash = (hash ^ (hash >> 15)).wrapping_mul(0x2C1B_3C6D);
    Step::Piece((hash ^ (hash >> 13)) & (BUCKETS as u32 - 1))
}
