//! How findings go on that have no end of their own.

use super::MAX_TAIL;
use super::rule::Tail;

/// What closes an armoured key, and what ends the line that does.
const CLOSINGS: &[(&[u8], &[u8])] = &[
    (b"-----END ", b"-----"),
    (b"---- END ", b"----"),
    (b"Private-MAC: ", b""),
];

/// So many short words in a row are prose, not a key.
const PROSE_WORDS: usize = 4;

/// The longest of the short words, in bytes: the lines of keys are longer.
const SHORT_WORD: usize = 15;

/// Where the tail of a match that ended at `end` ends; nothing if that depends on what follows.
pub(super) fn tail_end(tail: Tail, text: &str, end: usize, last: bool) -> Option<usize> {
    let rest = text.as_bytes().get(end..).unwrap_or_default();
    let rest = rest.get(..MAX_TAIL).unwrap_or(rest);
    let over = last || rest.len() == MAX_TAIL;
    let length = match tail {
        Tail::None => return Some(end),
        Tail::Token => run(rest, over, is_token),
        Tail::Address => run(rest, over, is_address),
        Tail::Armour => armour(rest, over),
    };
    length.map(|length| end + length)
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/=_.-".contains(&byte)
}

fn is_address(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:/?#@!$&*+,;=%".contains(&byte)
}

/// The length of what is left of a run of bytes; the signs that end a sentence are not part of it.
fn run(rest: &[u8], over: bool, holds: fn(u8) -> bool) -> Option<usize> {
    let length = match rest.iter().position(|byte| !holds(*byte)) {
        None if over => rest.len(),
        length => length?,
    };
    let run = rest.get(..length).unwrap_or(rest);
    let last = run.iter().rposition(|byte| !b".,;:!?".contains(byte));
    Some(last.map_or(0, |last| last + 1))
}

fn is_armour(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/=-:,.\\ \t\r\n\"'_()<>@".contains(&byte)
}

/// The length of what is left of an armoured key: to the end of the line that closes it, to the
/// first byte that stands in none, or to the prose that follows a key without an end.
fn armour(rest: &[u8], over: bool) -> Option<usize> {
    let mut at = 0;
    let mut line = Line::default();
    while let Some(byte) = rest.get(at) {
        if !is_armour(*byte) {
            return Some(at);
        }
        match closing(rest, at, over) {
            Closing::Here(end) => return Some(end),
            Closing::Open => return None,
            Closing::None => {}
        }
        if let Some(prose) = line.take(*byte, at) {
            return Some(prose);
        }
        at += 1;
    }
    over.then_some(rest.len())
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
#[derive(Default)]
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
