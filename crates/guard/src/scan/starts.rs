//! The places of a text where a finding could begin.

use super::rule::Begin;

/// A place where a finding could begin.
pub(super) struct Start {
    pub(super) at: usize,
    /// What begins here: a word, a part of one, or neither.
    pub(super) begins: Begin,
}

/// The starts of a text, in order.
pub(super) struct Starts<'a> {
    bytes: &'a [u8],
    at: usize,
    widest: Begin,
}

impl<'a> Starts<'a> {
    /// The starts from `from` on that are no wider than `widest`.
    pub(super) fn new(text: &'a str, from: usize, widest: Begin) -> Self {
        Self {
            bytes: text.as_bytes(),
            at: from,
            widest,
        }
    }
}

impl Iterator for Starts<'_> {
    type Item = Start;

    fn next(&mut self) -> Option<Start> {
        while let Some(byte) = self.bytes.get(self.at) {
            let at = self.at;
            self.at += 1;
            if is_continuation(*byte) {
                continue;
            }
            let begins = begins(self.back(at, 2), self.back(at, 1), *byte);
            if begins <= self.widest {
                return Some(Start { at, begins });
            }
        }
        None
    }
}

impl Starts<'_> {
    fn back(&self, at: usize, bytes: usize) -> Option<u8> {
        self.bytes.get(at.checked_sub(bytes)?).copied()
    }
}

fn begins(before: Option<u8>, previous: Option<u8>, byte: u8) -> Begin {
    let after_word = previous.is_some_and(is_word);
    if byte.is_ascii_whitespace() {
        return Begin::Anywhere;
    }
    if !(after_word && is_word(byte)) {
        return Begin::Word;
    }
    let after_lower = previous.is_some_and(|byte| byte.is_ascii_lowercase());
    let hump = after_lower && byte.is_ascii_uppercase();
    let escape = before == Some(b'\\') && matches!(previous, Some(b'n' | b'r' | b't'));
    if previous == Some(b'_') && byte != b'_' || hump || escape {
        return Begin::Part;
    }
    Begin::Anywhere
}

fn is_continuation(byte: u8) -> bool {
    byte & 0b1100_0000 == 0b1000_0000
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}
