//! How findings go on that have no end of their own.

use super::MAX_TAIL;
use super::rule::Tail;

/// What closes an armoured key, and what ends the line that does.
const CLOSINGS: &[(&[u8], &[u8])] = &[
    (b"-----END ", b"-----"),
    (b"---- END ", b"----"),
    (b"Private-MAC: ", b""),
];

/// What opens another key.
const OPENINGS: &[&[u8]] = &[b"-----BEGIN ", b"---- BEGIN ", b"PuTTY-User-Key-File-"];

/// So many short words in a row are prose, not a key.
const PROSE_WORDS: usize = 4;

/// The longest of the short words, in bytes: the lines of keys are longer.
const SHORT_WORD: usize = 15;

/// Signs that end a sentence are no part of a tail: so many of them at most.
const SIGNS: usize = 64;

/// How far the tails of a text were read, so that no byte is read again for each match before it,
/// nor for each piece of a stream. Places are bytes of the text.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tails {
    token: Run,
    address: Run,
    armour: Armour,
}

impl Tails {
    /// Where the tail of a match that ended at `end` ends; nothing if that depends on what follows.
    pub(super) fn end(&mut self, tail: Tail, text: &str, end: usize, last: bool) -> Option<usize> {
        let bytes = text.as_bytes();
        let run = match tail {
            Tail::None => return Some(end),
            Tail::Armour => return self.armour.end(bytes, end, last),
            Tail::Token => self.token.read(bytes, end, is_token),
            Tail::Address => self.address.read(bytes, end, is_address),
        };
        let most = end + MAX_TAIL;
        if !(run.ended || last || run.to >= most) {
            return None;
        }
        let run = bytes.get(end..run.to.min(most)).unwrap_or_default();
        let mut signs = run.iter().rev().take(SIGNS);
        let signs = signs.position(|byte| !b".,;:!?".contains(byte));
        Some(end + run.len() - signs.unwrap_or(run.len().min(SIGNS)))
    }

    /// The same in a text that begins this much later.
    pub(crate) fn shifted(self, by: usize) -> Self {
        Self {
            token: self.token.shifted(by),
            address: self.address.shifted(by),
            armour: self.armour.shifted(by),
        }
    }
}

/// A run of bytes of one kind.
#[derive(Clone, Copy, Debug, Default)]
struct Run {
    from: usize,
    to: usize,
    /// Whether something else stands after it.
    ended: bool,
}

impl Run {
    /// The run from `at` on.
    fn read(&mut self, bytes: &[u8], at: usize, holds: fn(u8) -> bool) -> Self {
        let before = bytes.get(at..self.from).unwrap_or_default();
        let reaches = before.iter().all(|byte| holds(*byte));
        if at > self.to || !reaches {
            *self = Self {
                from: at,
                to: at,
                ended: false,
            };
        }
        self.from = self.from.min(at);
        if !self.ended {
            let rest = bytes.get(self.to..).unwrap_or_default();
            let length = rest.iter().position(|byte| !holds(*byte));
            self.ended = length.is_some();
            self.to += length.unwrap_or(rest.len());
        }
        *self
    }

    fn shifted(self, by: usize) -> Self {
        match self.to >= by {
            true => Self {
                from: self.from.saturating_sub(by),
                to: self.to - by,
                ended: self.ended,
            },
            false => Self::default(),
        }
    }
}

/// An armoured key that was read in part.
#[derive(Clone, Copy, Debug, Default)]
struct Armour {
    /// Where the match ended.
    end: usize,
    /// How many bytes after it were read.
    read: usize,
    line: Line,
}

impl Armour {
    /// Where the tail of the match that ended at `end` ends.
    fn end(&mut self, bytes: &[u8], end: usize, last: bool) -> Option<usize> {
        if self.end != end {
            *self = Self {
                end,
                ..Self::default()
            };
        }
        let rest = bytes.get(end..).unwrap_or_default();
        let rest = rest.get(..MAX_TAIL).unwrap_or(rest);
        let over = last || rest.len() == MAX_TAIL;
        self.length(rest, over).map(|length| end + length)
    }

    /// The length of what is left of an armoured key: to the end of the line that closes it, to the
    /// line that opens another one, to the first byte that stands in none, or to the prose that
    /// follows a key without an end.
    fn length(&mut self, rest: &[u8], over: bool) -> Option<usize> {
        while let Some(byte) = rest.get(self.read) {
            if !is_armour(*byte) {
                return Some(self.read);
            }
            match closing(rest, self.read, over) {
                Closing::Here(end) => return Some(end),
                Closing::Open => return None,
                Closing::None => {}
            }
            if let Some(prose) = self.line.take(*byte, self.read) {
                return Some(prose);
            }
            self.read += 1;
        }
        over.then_some(rest.len())
    }

    fn shifted(self, by: usize) -> Self {
        match self.end.checked_sub(by) {
            Some(end) => Self { end, ..self },
            None => Self::default(),
        }
    }
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/=_.-".contains(&byte)
}

fn is_address(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:/?#@!$&*+,;=%".contains(&byte)
}

fn is_armour(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/=-:,.\\ \t\r\n\"'_()<>@".contains(&byte)
}

enum Closing {
    None,
    Here(usize),
    /// It depends on what follows.
    Open,
}

fn closing(rest: &[u8], at: usize, over: bool) -> Closing {
    if !matches!(rest.get(at), Some(b'-' | b'P')) {
        return Closing::None;
    }
    let ahead = rest.get(at..).unwrap_or_default();
    if OPENINGS.iter().any(|opening| ahead.starts_with(opening)) {
        return Closing::Here(at);
    }
    if !over && OPENINGS.iter().any(|opening| opening.starts_with(ahead)) {
        return Closing::Open;
    }
    for (opening, end) in CLOSINGS {
        if ahead.len() < opening.len() && opening.starts_with(ahead) && !over {
            return Closing::Open;
        }
        let Some(label) = ahead.strip_prefix(*opening) else {
            continue;
        };
        return match label_end(label, end, over) {
            Some(length) => Closing::Here(at + opening.len() + length),
            None => Closing::Open,
        };
    }
    Closing::None
}

/// The length of the rest of a closing line: through `end`, or, where that is empty, through the
/// digits of a checksum.
fn label_end(label: &[u8], end: &[u8], over: bool) -> Option<usize> {
    let stop = label
        .iter()
        .position(|byte| !(byte.is_ascii_alphanumeric() || !end.is_empty() && *byte == b' '));
    let Some(stop) = stop else {
        return over.then_some(label.len());
    };
    let dashes = label.get(stop..).unwrap_or_default();
    if dashes.len() < end.len() && end.starts_with(dashes) && !over {
        return None;
    }
    let closed = dashes.starts_with(end);
    Some(stop + if closed { end.len() } else { 0 })
}

/// The words of a line, as far as it was read.
#[derive(Clone, Copy, Debug, Default)]
struct Line {
    /// Where its run of short words begins.
    prose: usize,
    words: usize,
    /// The length of the word that is being read.
    word: usize,
    header: bool,
}

impl Line {
    /// Reads a byte; tells where prose began, if this byte makes it prose.
    fn take(&mut self, byte: u8, at: usize) -> Option<usize> {
        match byte {
            b' ' | b'\t' => {
                if self.word > SHORT_WORD {
                    self.words = 0;
                } else if self.word > 0 {
                    self.words += 1;
                }
                self.word = 0;
            }
            b'\n' | b'\\' => *self = Self::default(),
            // A header of the key: what it says is free.
            b':' => self.header = true,
            _ => {
                if self.word == 0 && self.words == 0 {
                    self.prose = at;
                }
                self.word += 1;
            }
        }
        (self.words >= PROSE_WORDS && !self.header).then_some(self.prose)
    }
}
