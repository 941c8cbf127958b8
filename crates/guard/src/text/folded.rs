//! A text without what a reader does not see, with compatible forms made one, and the way back to
//! the offsets of the original.

use std::borrow::Cow;
use std::ops::Range;

/// What a character becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Becomes {
    Itself,
    Nothing,
    Another(char),
}

/// A folded text with its offsets in the original. Folding looks at each character by itself, so
/// that pieces folded one by one are the whole folded at once.
#[derive(Clone, Debug, Default)]
pub struct Folded<'a> {
    text: Cow<'a, str>,
    /// Characters that became others, in order.
    breaks: Vec<Break>,
    /// Length of the original, in bytes.
    length: usize,
}

#[derive(Clone, Copy, Debug)]
struct Break {
    folded: usize,
    folded_length: usize,
    original: usize,
    original_length: usize,
}

impl<'a> Folded<'a> {
    /// Folds a text: without zero-width, direction and tag characters, variation selectors and
    /// soft hyphens; full-width forms, digits of other scripts, mathematical letters, dashes,
    /// quotation marks and spaces as their ASCII forms.
    pub fn new(text: &'a str) -> Self {
        if text.is_ascii() {
            return Self {
                text: Cow::Borrowed(text),
                breaks: Vec::new(),
                length: text.len(),
            };
        }
        let mut folded = Self {
            text: Cow::Owned(String::with_capacity(text.len())),
            breaks: Vec::new(),
            length: 0,
        };
        folded.push(text);
        folded
    }

    /// Adds the next piece of the text.
    pub fn push(&mut self, piece: &str) {
        let text = self.text.to_mut();
        if piece.is_ascii() {
            text.push_str(piece);
            self.length += piece.len();
            return;
        }
        for char in piece.chars() {
            self.push_written(char, char.len_utf8());
        }
    }

    /// Adds the next character, which is written in so many bytes of the original: more than its
    /// own where it is escaped.
    pub(crate) fn push_written(&mut self, char: char, written: usize) {
        let text = self.text.to_mut();
        let folded = text.len();
        let becomes = becomes(char);
        match becomes {
            Becomes::Itself => text.push(char),
            Becomes::Nothing => {}
            Becomes::Another(other) => text.push(other),
        }
        if becomes != Becomes::Itself || written != char.len_utf8() {
            self.breaks.push(Break {
                folded,
                folded_length: text.len() - folded,
                original: self.length,
                original_length: written,
            });
        }
        self.length += written;
    }

    /// The folded text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether anything was folded.
    pub fn is_changed(&self) -> bool {
        !self.breaks.is_empty()
    }

    /// The span of the original that a span of the folded text stands for: without characters
    /// that became nothing at its ends, with those inside it.
    pub fn original(&self, span: Range<usize>) -> Range<usize> {
        let start = self.original_start(span.start);
        let end = match span.end.checked_sub(1) {
            Some(last) if span.end > span.start => self.original_end(last),
            _ => start,
        };
        start..end.max(start)
    }

    /// Where in the original the character begins whose folded form holds byte `at`; for the end
    /// of the folded text, the end of the original but for what became nothing there.
    pub fn original_start(&self, at: usize) -> usize {
        match self.break_before(at) {
            Some(known) if at < known.folded + known.folded_length => known.original,
            Some(known) => {
                known.original + known.original_length + (at - known.folded - known.folded_length)
            }
            None => at,
        }
    }

    fn original_end(&self, at: usize) -> usize {
        match self.break_before(at) {
            Some(known) if at < known.folded + known.folded_length => {
                known.original + known.original_length
            }
            _ => self.original_start(at) + 1,
        }
    }

    fn break_before(&self, at: usize) -> Option<&Break> {
        let index = self.breaks.partition_point(|known| known.folded <= at);
        self.breaks.get(index.checked_sub(1)?)
    }
}

fn becomes(char: char) -> Becomes {
    if char.is_ascii() {
        return Becomes::Itself;
    }
    if is_hidden(char) {
        return Becomes::Nothing;
    }
    plain(char).map_or(Becomes::Itself, Becomes::Another)
}

/// Whether a reader does not see the character: Unicode's default ignorable code points but for
/// Hangul's fillers, which take up room.
pub fn is_hidden(char: char) -> bool {
    matches!(char,
        '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{17B4}'..='\u{17B5}' | '\u{180B}'..='\u{180F}'
        | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
        | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFF0}'..='\u{FFFB}'
        | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

/// The ASCII form of a character that only looks otherwise.
fn plain(char: char) -> Option<char> {
    let other = match char {
        '\u{FF01}'..='\u{FF5E}' => u32::from(char) - 0xFEE0,
        '\u{00A0}' | '\u{2000}'..='\u{200A}' | '\u{202F}' | '\u{205F}' | '\u{3000}' => 0x20,
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{FE58}' | '\u{FE63}' => 0x2D,
        '\u{2018}'..='\u{201B}' | '\u{2032}' => 0x27,
        '\u{201C}'..='\u{201F}' | '\u{2033}' => 0x22,
        '\u{2024}' => 0x2E,
        '\u{2044}' | '\u{2215}' => 0x2F,
        _ => return digit(char).or_else(|| mathematical(char)),
    };
    char::from_u32(other)
}

/// Decimal digits of other scripts, by the zero of each (Unicode, general category Nd).
fn digit(char: char) -> Option<char> {
    const ZEROS: &[u32] = &[
        0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6,
        0x0D66, 0x0DE6, 0x0E50, 0x0ED0, 0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1D7CE, 0x1D7D8,
        0x1D7E2, 0x1D7EC, 0x1D7F6,
    ];
    let code = u32::from(char);
    let zero = ZEROS
        .iter()
        .find(|zero| (**zero..**zero + 10).contains(&code))?;
    char::from_u32(0x30 + code - zero)
}

/// Mathematical letters: thirteen alphabets of 52 letters from U+1D400.
fn mathematical(char: char) -> Option<char> {
    let code = u32::from(char);
    if !(0x1D400..=0x1D6A3).contains(&code) {
        return None;
    }
    let letter = (code - 0x1D400) % 52;
    char::from_u32(if letter < 26 {
        0x41 + letter
    } else {
        0x61 + letter - 26
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folded_text_knows_where_it_came_from() {
        let text = "a\u{200B}\u{FF14}\u{FF11}-é\u{2014}z\u{FEFF}";
        let folded = Folded::new(text);
        assert_eq!(folded.text(), "a41-é-z");
        let at = folded.text().find("41-").unwrap();
        assert_eq!(
            text.get(folded.original(at..at + 3)),
            Some("\u{FF14}\u{FF11}-")
        );
        assert_eq!(text.get(folded.original(0..2)), Some("a\u{200B}\u{FF14}"));
        let length = folded.text().len();
        assert_eq!(
            text.get(folded.original(length - 2..length)),
            Some("\u{2014}z")
        );
    }

    #[test]
    fn pieces_fold_as_the_whole_does() {
        let text = "x\u{202E}\u{1D400}\u{0661}y—z";
        let mut pieces = Folded::default();
        for char in text.chars() {
            pieces.push(char.encode_utf8(&mut [0; 4]));
        }
        assert_eq!(pieces.text(), Folded::new(text).text());
    }
}
