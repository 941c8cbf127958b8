//! Where phrases stand, in words and sentences.

use super::grammar::is_unspaced;

/// A place in a text of words.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    pub(super) byte: u32,
    /// Half words before it: a character of a script without spaces is half a word.
    halves: u32,
    /// Sentences that ended before it.
    pub(super) sentence: u32,
}

impl Place {
    /// How many words stand between two places.
    pub(super) fn words_to(self, later: Self) -> u32 {
        later.halves.saturating_sub(self.halves).saturating_sub(1) / 2
    }
}

/// Walks over a text, once.
pub(super) struct Places<'a> {
    text: &'a str,
    /// Whether nothing is written between words: five letters are one.
    joined: bool,
    at: Place,
}

impl<'a> Places<'a> {
    pub(super) fn new(text: &'a str, joined: bool) -> Self {
        Self {
            text,
            joined,
            at: Place::default(),
        }
    }

    /// The place of a byte that is not before those asked for so far.
    pub(super) fn place(&mut self, byte: usize) -> Place {
        self.at = self.after(self.at, byte);
        self.at
    }

    /// The place of a byte after a known place.
    pub(super) fn after(&self, known: Place, byte: usize) -> Place {
        let number = u32::try_from(byte).unwrap_or(u32::MAX);
        if self.joined {
            return Place {
                byte: number,
                halves: number / 5 * 2,
                sentence: 0,
            };
        }
        let mut place = Place {
            byte: number,
            ..known
        };
        let between = self.text.get(known.byte as usize..byte);
        for char in between.unwrap_or_default().chars() {
            match char {
                ' ' => place.halves += 2,
                '.' | '\n' => {
                    place.halves += 2;
                    place.sentence += 1;
                }
                _ if !char.is_ascii() && is_unspaced(char) => place.halves += 1,
                _ => {}
            }
        }
        place
    }
}
