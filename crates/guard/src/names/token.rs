//! Texts as words, numbers and marks.

use std::ops::Range;

/// Longer words are no names: they are cut here.
const MAX_WORD: usize = 64;

/// How many characters after a token must be known before it is known to end there.
pub const LOOK_AHEAD: usize = 3;

/// How a token is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A capital, then small letters.
    Capital,
    /// One capital letter.
    Initial,
    /// Capitals only.
    Upper,
    /// Small letters only.
    Lower,
    /// Capitals after small letters, as in `McDonald` and `JavaScript`.
    Mixed,
    /// Digits only.
    Number,
    /// Digits with letters or hyphens.
    Alphanumeric,
    /// Letters of a script without capitals.
    Caseless,
    /// An identifier with an underscore, or what is too long for a name.
    Other,
    /// One character that is neither letter nor digit.
    Mark,
}

/// A word, a number or a mark.
#[derive(Clone, Copy, Debug)]
pub struct Token {
    /// Its first byte.
    pub start: usize,
    /// Past its last byte.
    pub end: usize,
    /// How it is written.
    pub kind: Kind,
    /// Of its letters, small.
    pub hash: u32,
    /// Of its pattern of capitals, small letters, digits and marks, repetitions once.
    pub shape: u32,
}

impl Token {
    /// Its bytes.
    pub fn span(&self) -> Range<usize> {
        self.start..self.end
    }

    /// Its length in bytes.
    pub fn length(&self) -> usize {
        self.end - self.start
    }

    /// Whether it is a mark and this one.
    pub fn is_mark(&self, mark: char) -> bool {
        self.kind == Kind::Mark && self.hash == hash_of(mark.encode_utf8(&mut [0; 4]))
    }
}

/// The hash of a word, whatever its capitals (FNV-1a, 32 bits).
pub fn hash_of(word: &str) -> u32 {
    let mut hash = FNV_BASIS;
    for char in word.chars() {
        hash = mix_char(hash, char);
    }
    hash
}

const FNV_BASIS: u32 = 0x811C_9DC5;

/// The shape of words of small letters without any mark.
pub const SMALL_LETTERS: u32 = mix(FNV_BASIS, b'x');

/// Adds a byte to a hash.
const fn mix(hash: u32, byte: u8) -> u32 {
    (hash ^ byte as u32).wrapping_mul(0x0100_0193)
}

/// Adds a character to a hash, small.
fn mix_char(hash: u32, char: char) -> u32 {
    if char.is_ascii() {
        return mix(hash, char.to_ascii_lowercase() as u8);
    }
    let mut hash = hash;
    for small in char.to_lowercase() {
        for byte in small.encode_utf8(&mut [0; 4]).bytes() {
            hash = mix(hash, byte);
        }
    }
    hash
}

/// The first token at or after a byte, without the white space before it.
pub fn next(text: &str, at: usize) -> Option<Token> {
    let start = skip_space(text, at);
    if let Some(plain) = plain(text.as_bytes(), start) {
        return Some(plain);
    }
    let first = char_at(text, start)?;
    let mut end = start + first.len_utf8();
    let mut seen = Seen::default();
    if !is_word(first) {
        return Some(Token {
            start,
            end,
            kind: Kind::Mark,
            hash: mix_char(FNV_BASIS, first),
            shape: mix(FNV_BASIS, b'.'),
        });
    }
    seen.add(first);
    while let Some(char) = char_at(text, end) {
        if end - start >= MAX_WORD {
            seen.other = true;
            break;
        }
        let joins = is_joint(char) && joins(text, end + char.len_utf8());
        if !(is_word(char) || joins) {
            break;
        }
        seen.add(char);
        end += char.len_utf8();
    }
    Some(Token {
        start,
        end,
        kind: seen.kind(),
        hash: seen.hash,
        shape: seen.shape,
    })
}

/// A word of ASCII letters, small but for the first: most words are.
fn plain(bytes: &[u8], start: usize) -> Option<Token> {
    let first = *bytes.get(start)?;
    if !first.is_ascii_alphabetic() {
        return None;
    }
    let mut hash = mix(FNV_BASIS, first.to_ascii_lowercase());
    let mut end = start + 1;
    let after = loop {
        let Some(byte) = bytes.get(end) else {
            break b' ';
        };
        if !byte.is_ascii_lowercase() {
            break *byte;
        }
        hash = mix(hash, *byte);
        end += 1;
    };
    let is_end = after.is_ascii() && !after.is_ascii_alphanumeric() && !b"_'-".contains(&after);
    if !is_end || end - start > MAX_WORD {
        return None;
    }
    let capital = first.is_ascii_uppercase();
    let kind = match (capital, end - start) {
        (true, 1) => Kind::Initial,
        (true, _) => Kind::Capital,
        (false, _) => Kind::Lower,
    };
    const LARGE: u32 = mix(FNV_BASIS, b'X');
    Some(Token {
        start,
        end,
        kind,
        hash,
        shape: match kind {
            Kind::Initial => LARGE,
            Kind::Capital => mix(LARGE, b'x'),
            _ => SMALL_LETTERS,
        },
    })
}

/// The first byte at or after `at` that is no white space.
pub fn skip_space(text: &str, at: usize) -> usize {
    let mut at = at;
    while let Some(char) = char_at(text, at) {
        if char.is_ascii_alphanumeric() || !char.is_whitespace() {
            break;
        }
        at += char.len_utf8();
    }
    at
}

fn char_at(text: &str, at: usize) -> Option<char> {
    match text.as_bytes().get(at) {
        Some(byte) if byte.is_ascii() => Some(char::from(*byte)),
        _ => text.get(at..)?.chars().next(),
    }
}

fn is_word(char: char) -> bool {
    char.is_ascii_alphanumeric()
        || char == '_'
        || !char.is_ascii() && (char.is_alphanumeric() || is_combining(char))
}

/// Marks within a word: they stand on the letter before them.
fn is_combining(char: char) -> bool {
    matches!(char,
        '\u{0300}'..='\u{036F}' | '\u{0483}'..='\u{0487}' | '\u{0591}'..='\u{05C7}'
        | '\u{064B}'..='\u{065F}' | '\u{0900}'..='\u{0903}' | '\u{093A}'..='\u{094F}'
        | '\u{0981}'..='\u{0983}' | '\u{09BC}'..='\u{09CD}' | '\u{0E31}'..='\u{0E4E}')
}

/// Whether what comes after a joint belongs to the word: a letter or a digit, but not the `s` of
/// a possessive.
fn joins(text: &str, at: usize) -> bool {
    match char_at(text, at) {
        Some('s') => char_at(text, at + 1).is_some_and(is_word),
        Some(char) => char.is_alphanumeric(),
        None => false,
    }
}

/// Marks that join the parts of a word.
fn is_joint(char: char) -> bool {
    matches!(char, '\'' | '-' | '\u{2019}' | '\u{2010}' | '\u{00B7}')
}

/// What the characters of a word were.
struct Seen {
    hash: u32,
    shape: u32,
    last: u8,
    letters: u32,
    capitals: u32,
    /// Small letters before the last capital.
    humps: bool,
    starts_capital: bool,
    small: u32,
    digits: u32,
    caseless: u32,
    other: bool,
}

impl Default for Seen {
    fn default() -> Self {
        Self {
            hash: FNV_BASIS,
            shape: FNV_BASIS,
            last: 0,
            letters: 0,
            capitals: 0,
            humps: false,
            starts_capital: false,
            small: 0,
            digits: 0,
            caseless: 0,
            other: false,
        }
    }
}

impl Seen {
    fn add(&mut self, char: char) {
        self.hash = mix_char(self.hash, char);
        let class = self.class(char);
        if class != self.last {
            self.shape = mix(self.shape, class);
            self.last = class;
        }
    }

    fn class(&mut self, char: char) -> u8 {
        if char.is_uppercase() {
            self.starts_capital |= self.letters == 0 && self.digits == 0;
            self.humps |= self.small > 0 && self.last == b'x';
            self.capitals += 1;
            self.letters += 1;
            b'X'
        } else if char.is_lowercase() {
            self.small += 1;
            self.letters += 1;
            b'x'
        } else if char.is_numeric() {
            self.digits += 1;
            b'9'
        } else if char.is_alphabetic() {
            self.caseless += 1;
            self.letters += 1;
            b'c'
        } else if is_combining(char) {
            self.last
        } else {
            self.other |= char == '_';
            b'-'
        }
    }

    fn kind(&self) -> Kind {
        if self.other || self.letters + self.digits == 0 {
            return Kind::Other;
        }
        if self.digits > 0 {
            let plain =
                self.letters == 0 && self.last == b'9' && self.shape == mix(FNV_BASIS, b'9');
            return if plain {
                Kind::Number
            } else {
                Kind::Alphanumeric
            };
        }
        match (self.capitals, self.small) {
            _ if self.caseless > 0 => Kind::Caseless,
            (0, _) => Kind::Lower,
            (1, 0) => Kind::Initial,
            (_, 0) => Kind::Upper,
            _ if self.starts_capital && !self.humps => Kind::Capital,
            _ => Kind::Mixed,
        }
    }
}
