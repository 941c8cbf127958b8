//! The places of a text where a finding could begin.

use super::rule::Begin;

/// A place where a finding could begin.
#[derive(Clone, Copy)]
pub(super) struct Start {
    pub(super) at: usize,
    pub(super) byte: u8,
    /// What begins here: a word, a part of one, or neither.
    pub(super) begins: Begin,
}

/// The starts of a text, in order.
pub(super) struct Starts<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The byte before `at`, as a kind.
    previous: Kind,
    widest: Begin,
}

/// What bytes are to the borders of words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Signs, and what begins a character beyond ASCII.
    Sign,
    Space,
    /// What goes on within a character.
    Continuation,
    Lower,
    /// Those that are escapes after a backslash: `n`, `r`, `t`.
    Escape,
    Upper,
    Digit,
    Underscore,
}

const KINDS: [Kind; 256] = kinds();

const fn kinds() -> [Kind; 256] {
    let mut kinds = [Kind::Sign; 256];
    let mut byte = 0;
    #[expect(clippy::indexing_slicing, reason = "the index is below the length")]
    while byte < kinds.len() {
        kinds[byte] = match byte as u8 {
            b' ' | b'\t' | b'\n' | b'\r' | 0x0C => Kind::Space,
            0x80..=0xBF => Kind::Continuation,
            b'n' | b'r' | b't' => Kind::Escape,
            b'a'..=b'z' => Kind::Lower,
            b'A'..=b'Z' => Kind::Upper,
            b'0'..=b'9' => Kind::Digit,
            b'_' => Kind::Underscore,
            _ => Kind::Sign,
        };
        byte += 1;
    }
    kinds
}

fn kind(byte: u8) -> Kind {
    KINDS.get(usize::from(byte)).copied().unwrap_or(Kind::Sign)
}

impl<'a> Starts<'a> {
    /// The starts from `from` on that are no wider than `widest`.
    pub(super) fn new(text: &'a str, from: usize, widest: Begin) -> Self {
        let bytes = text.as_bytes();
        let previous = from.checked_sub(1).and_then(|at| bytes.get(at));
        Self {
            bytes,
            at: from,
            previous: previous.map_or(Kind::Sign, |byte| kind(*byte)),
            widest,
        }
    }

    fn begins(&self, at: usize, previous: Kind, current: Kind) -> Begin {
        use Kind::{Digit, Escape, Lower, Underscore, Upper};
        let inner = |kind| matches!(kind, Lower | Escape | Upper | Digit | Underscore);
        match (previous, current) {
            (_, Kind::Space | Kind::Continuation) => Begin::Anywhere,
            (_, current) if !inner(current) => Begin::Word,
            (previous, _) if !inner(previous) => Begin::Word,
            (Underscore, Underscore) => Begin::Anywhere,
            (Underscore, _) | (Lower | Escape, Upper) => Begin::Part,
            (Escape, _) if self.is_escaped(at) => Begin::Part,
            _ => Begin::Anywhere,
        }
    }

    /// Whether a backslash stands before the byte before `at`.
    fn is_escaped(&self, at: usize) -> bool {
        let before = at.checked_sub(2).and_then(|at| self.bytes.get(at));
        before == Some(&b'\\')
    }
}

impl Iterator for Starts<'_> {
    type Item = Start;

    fn next(&mut self) -> Option<Start> {
        while let Some(byte) = self.bytes.get(self.at) {
            let at = self.at;
            let current = kind(*byte);
            let begins = self.begins(at, self.previous, current);
            self.previous = current;
            self.at += 1;
            if begins <= self.widest && current != Kind::Continuation {
                return Some(Start {
                    at,
                    byte: *byte,
                    begins,
                });
            }
        }
        None
    }
}
