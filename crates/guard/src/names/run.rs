//! Candidate runs: stretches of tokens that can stand inside a name or an address.
//!
//! A run begins with a token that may open one and goes on while a token that may stand inside
//! follows, with at most [`REACH`] tokens between them that only join. What a run is depends on
//! [`BEFORE`] bytes before it and [`AFTER`] bytes after each of its tokens. Runs do not overlap,
//! and each is labelled by itself: that makes names and addresses local.

use super::lexicon::{
    COMMON, FAMILY, Flags, GIVEN, LEADING, Lexicon, PARTICLE, STOP, STREET, TITLE, TRIGGER, UNIT,
};
use super::token::{self, Kind, Token};

/// Bytes before a run that are read.
pub const BEFORE: usize = 64;

/// Bytes after a token of a run that are read.
pub const AFTER: usize = 48;

/// Ends of the names of streets that are one word.
const STREET_ENDS: &[&str] = &[
    "straße",
    "strasse",
    "str",
    "gasse",
    "platz",
    "allee",
    "damm",
    "ufer",
    "weg",
    "chaussee",
    "promenade",
    "laan",
    "straat",
    "gracht",
    "plein",
    "kade",
    "dijk",
    "singel",
    "gatan",
    "vägen",
    "veien",
    "vegen",
    "gata",
    "gade",
    "vej",
    "stræde",
    "katu",
    "utca",
];

/// Bytes beside a token that are read to see whether it stands in code.
const BESIDE: usize = 2;

/// The most tokens of a run.
const MAX_TOKENS: usize = 32;

/// The most bytes of a run.
const MAX_BYTES: usize = 256;

/// The most tokens from one that may stand inside a run to the next.
const REACH: usize = 4;

/// A word longer than this opens no run.
const MAX_NAME: usize = 40;

/// A token with what is known of it.
#[derive(Clone, Copy, Debug)]
pub struct Word {
    /// Where and how it is written.
    pub token: Token,
    /// What its word is known to be.
    pub flags: Flags,
    /// The white space before it.
    pub gap: Gap,
}

/// White space between tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gap {
    /// None.
    None,
    /// One space.
    Space,
    /// Several spaces or tabs.
    Wide,
    /// The end of a line.
    Line,
    /// An empty line, or the border of the text.
    Break,
}

/// What follows for now.
enum Next {
    /// The run ends.
    Ends,
    /// So many more tokens belong to the run.
    Goes(usize),
    /// It depends on what follows.
    Open,
}

/// What the search for the next run came to.
#[derive(Debug)]
pub enum Search {
    /// A run, which ends before that byte.
    Run(usize),
    /// None until that byte, and what follows cannot change it.
    None(usize),
    /// One may begin at that byte: it depends on what follows.
    Open(usize),
    /// None until a word of a script without capitals.
    Caseless(Token),
}

/// Finds the runs of texts.
#[derive(Debug)]
pub struct Runs<'a> {
    lexicon: &'a Lexicon,
    text: &'a str,
    last: bool,
}

impl<'a> Runs<'a> {
    /// Of a text; with `last` nothing follows it.
    pub fn new(lexicon: &'a Lexicon, text: &'a str, last: bool) -> Self {
        Self {
            lexicon,
            text,
            last,
        }
    }

    /// Puts the words of the first run at or after `from` into `run`.
    pub fn next(&self, from: usize, run: &mut Vec<Word>) -> Search {
        let mut at = from;
        let mut last = None;
        loop {
            run.clear();
            let Some(token) = token::next(self.text, at) else {
                return Search::None(self.text.len());
            };
            if !self.is_whole(&token) {
                return Search::Open(token.start);
            }
            at = token.end;
            if token.kind == Kind::Caseless {
                return Search::Caseless(token);
            }
            let before = last.replace(token);
            if self.is_plain(&token, before) {
                continue;
            }
            let word = self.word(token);
            match self.opens(&word) {
                Some(true) => run.push(word),
                Some(false) => continue,
                None => return Search::Open(token.start),
            }
            let Some(end) = self.extend(run) else {
                return Search::Open(token.start);
            };
            (at, last) = (end, None);
            if may_hold(run) {
                return Search::Run(end);
            }
        }
    }

    /// Whether a token can be told at once to open no run: most words without a capital.
    fn is_plain(&self, token: &Token, before: Option<Token>) -> bool {
        match token.kind {
            Kind::Mark => true,
            // The parts of a word with a hyphen are looked up one by one.
            Kind::Lower if token.shape != token::SMALL_LETTERS => false,
            Kind::Lower if !self.lexicon.may_matter(token.hash) => before.is_some_and(|before| {
                before.kind == Kind::Lower
                    && before.start + BEFORE >= token.end
                    && !self.lexicon.may_matter(before.hash)
            }),
            _ => false,
        }
    }

    /// Whether nothing that follows can be part of the token.
    fn is_whole(&self, token: &Token) -> bool {
        self.last || ends_within(self.text, token)
    }

    fn word(&self, token: Token) -> Word {
        let flags = match token.kind {
            Kind::Mark | Kind::Number | Kind::Other => 0,
            _ => self.flags(&token),
        };
        Word {
            token,
            flags,
            gap: gap(self.text, token.start),
        }
    }

    /// What is known of a word, or of the parts that hyphens join to it.
    fn flags(&self, token: &Token) -> Flags {
        let mut flags = self.lexicon.flags(token.hash);
        if matches!(token.kind, Kind::Lower) && token.shape == token::SMALL_LETTERS {
            return flags;
        }
        let spelled = self.text.get(token.span()).unwrap_or_default();
        if flags == 0 && spelled.contains('-') {
            let parts = spelled.split('-');
            flags = parts.fold(0, |flags, part| {
                flags | self.lexicon.flags(token::hash_of(part)) & !STOP
            });
        }
        if STREET_ENDS.iter().any(|end| ends_with(spelled, end)) {
            flags |= STREET;
        }
        flags
    }

    /// Whether a word opens a run; nothing if that depends on what follows.
    fn opens(&self, word: &Word) -> Option<bool> {
        if word.token.kind != Kind::Lower {
            return Some(self.may_open(word));
        }
        let token = &word.token;
        if token.length() < 2 || self.is_glued(token) || word.flags & (STOP | LEADING) == STOP {
            return Some(false);
        }
        if word.flags & LEADING != 0 || self.opens_small(word) {
            return Some(true);
        }
        if !is_small_name(word, GIVEN) {
            return Some(false);
        }
        let mut ahead = Vec::with_capacity(REACH);
        let whole = self.ahead(token.end, &mut ahead);
        let next = ahead.first();
        (whole || next.is_some()).then(|| {
            next.is_some_and(|next| next.gap == Gap::Space && is_small_name(next, GIVEN | FAMILY))
        })
    }

    fn may_open(&self, word: &Word) -> bool {
        let token = &word.token;
        match token.kind {
            Kind::Capital | Kind::Upper | Kind::Mixed => {
                word.flags & STOP == 0 && token.length() <= MAX_NAME
            }
            Kind::Initial => word.flags & STOP == 0 || self.byte(token.end) == Some(b'.'),
            Kind::Number | Kind::Alphanumeric => token.length() <= 12 && !self.is_glued(token),
            Kind::Lower | Kind::Caseless | Kind::Other | Kind::Mark => false,
        }
    }

    /// Whether a word without a capital opens a run by the word before it.
    fn opens_small(&self, word: &Word) -> bool {
        let flags = word.flags;
        let unknown = flags & (COMMON | STREET | UNIT | TITLE | TRIGGER) == 0;
        (unknown || flags & (GIVEN | FAMILY) != 0) && self.is_triggered(word.token.start)
    }

    /// Whether a name may come at a byte, by the word before it.
    fn is_triggered(&self, start: usize) -> bool {
        let mut last = None;
        let mut at = floor(self.text, start.saturating_sub(BEFORE));
        while let Some(token) = token::next(self.text, at).filter(|token| token.end <= start) {
            at = token.end;
            if token.kind != Kind::Mark {
                last = Some(token);
            }
        }
        last.is_some_and(|token| self.lexicon.flags(token.hash) & TRIGGER != 0)
    }

    /// Whether a token stands in a path, an address of the web or code.
    fn is_glued(&self, token: &Token) -> bool {
        let before = token.start.checked_sub(1).and_then(|at| self.byte(at));
        let after = self.byte(token.end);
        let glue =
            |byte: Option<u8>| byte.is_some_and(|byte| b"@\\=_$[]{}|~^&%+*`".contains(&byte));
        let dot = after == Some(b'.')
            && self
                .byte(token.end + 1)
                .is_some_and(|byte| byte.is_ascii_lowercase());
        glue(before)
            || before == Some(b'.') && token.kind == Kind::Lower
            || before == Some(b'/') && token.kind == Kind::Lower
            || glue(after)
            || after == Some(b'(')
            || dot && token.kind == Kind::Lower
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    /// Takes the tokens that belong to the run; its end, unless that depends on what follows.
    fn extend(&self, run: &mut Vec<Word>) -> Option<usize> {
        let start = run.first()?.token.start;
        let mut ahead = Vec::with_capacity(REACH);
        loop {
            let end = run.last()?.token.end;
            let whole = self.ahead(end, &mut ahead);
            match self.step(run, &ahead, whole) {
                Next::Open => return None,
                Next::Ends => return Some(end),
                Next::Goes(count) => {
                    let fits = run.len() + count <= MAX_TOKENS
                        && ahead
                            .get(count - 1)
                            .is_some_and(|word| word.token.end - start <= MAX_BYTES);
                    if !fits {
                        return Some(end);
                    }
                    run.extend(ahead.iter().take(count));
                }
            }
        }
    }

    /// The tokens after a byte, at most [`REACH`] within [`AFTER`] bytes. False if there may be
    /// more of them.
    fn ahead(&self, end: usize, ahead: &mut Vec<Word>) -> bool {
        ahead.clear();
        let (window, whole) = self.window(end);
        let mut at = end;
        while ahead.len() < REACH {
            let Some(token) = token::next(window, at) else {
                return whole;
            };
            if !whole && !ends_within(window, &token) {
                return false;
            }
            ahead.push(self.word(token));
            at = token.end;
        }
        true
    }

    /// The text to [`AFTER`] bytes behind `end`, and whether it is all that counts.
    fn window(&self, end: usize) -> (&'a str, bool) {
        let limit = floor(self.text, end + AFTER);
        let whole = self.last || end + AFTER + BESIDE <= self.text.len();
        (self.text.get(..limit).unwrap_or_default(), whole)
    }

    /// How the run goes on.
    fn step(&self, run: &[Word], ahead: &[Word], whole: bool) -> Next {
        for (index, word) in ahead.iter().enumerate() {
            if word.gap == Gap::Break {
                return Next::Ends;
            }
            let between = ahead.get(..index).unwrap_or_default();
            if self.stands_inside(run, between, word) {
                return Next::Goes(index + 1);
            }
            if !joins(run, word) {
                return Next::Ends;
            }
        }
        if whole { Next::Ends } else { Next::Open }
    }

    /// Whether a token after those `between` belongs to the run.
    fn stands_inside(&self, run: &[Word], between: &[Word], word: &Word) -> bool {
        let Some(last) = run.last() else {
            return false;
        };
        match word.token.kind {
            Kind::Lower => self.small_inside(run, last, between, word),
            // Codes of states: `IL`, `OR`, `DE`.
            Kind::Upper if word.token.length() == 2 => true,
            // `An` and `So` are names after other names.
            Kind::Capital if word.flags & (GIVEN | FAMILY) != 0 && between.is_empty() => {
                word.gap == Gap::Space || self.may_open(word)
            }
            _ => self.may_open(word),
        }
    }

    fn small_inside(&self, run: &[Word], last: &Word, between: &[Word], word: &Word) -> bool {
        if self.is_glued(&word.token) {
            return false;
        }
        if word.flags & (STREET | UNIT) != 0 && word.token.length() > 1 {
            return true;
        }
        let after_street = last.flags & STREET != 0 && word.flags & STOP == 0;
        let small_name = run.iter().all(|word| word.token.kind == Kind::Lower)
            && word.flags & (STOP | COMMON) == 0
            && between.is_empty()
            && word.gap == Gap::Space
            && word.token.length() > 1;
        let joined_name = word.flags & FAMILY != 0 && word.flags & COMMON == 0;
        after_street || small_name || joined_name
    }

    /// The last tokens before a byte, the nearest first.
    pub fn before(&self, start: usize, count: usize) -> Vec<Word> {
        let mut tokens = Vec::with_capacity(16);
        let window = self.text.get(..start).unwrap_or_default();
        let mut at = floor(self.text, start.saturating_sub(BEFORE));
        while let Some(token) = token::next(window, at) {
            tokens.push(token);
            at = token.end;
        }
        let nearest = tokens.into_iter().rev().take(count);
        nearest.map(|token| self.word(token)).collect()
    }

    /// The first tokens after a byte, and whether what follows cannot change them.
    pub fn after(&self, end: usize, count: usize) -> (Vec<Word>, bool) {
        let mut words = Vec::with_capacity(REACH);
        let whole = self.ahead(end, &mut words);
        let enough = whole || words.len() >= count;
        words.truncate(count);
        (words, enough)
    }

    /// The character that stands at a byte without white space before it.
    pub fn glue_after(&self, end: usize) -> u8 {
        self.byte(end).unwrap_or(b'\n')
    }

    /// The byte before another.
    pub fn glue_before(&self, start: usize) -> u8 {
        start
            .checked_sub(1)
            .and_then(|at| self.byte(at))
            .unwrap_or(b'\n')
    }
}

/// Whether a token may stand between two of a run.
fn joins(run: &[Word], word: &Word) -> bool {
    match word.token.kind {
        Kind::Mark => ['.', ',', '#', '/', '-', '\'', '\u{b0}', '\u{ba}', '\u{aa}']
            .iter()
            .any(|mark| word.token.is_mark(*mark)),
        Kind::Lower => {
            word.flags & PARTICLE != 0
                || word.flags & STOP == 0
                    && run
                        .iter()
                        .rev()
                        .take(REACH)
                        .any(|word| is_number(word.token.kind))
        }
        Kind::Capital | Kind::Initial | Kind::Upper => word.flags & PARTICLE != 0,
        _ => false,
    }
}

/// Whether a token has a digit in it.
pub(super) fn is_number(kind: Kind) -> bool {
    matches!(kind, Kind::Number | Kind::Alphanumeric)
}

/// Whether a run may hold a name or an address: it has a word, and not only an ordinary one.
fn may_hold(run: &[Word]) -> bool {
    match run {
        [word] => word.flags & (COMMON | GIVEN | FAMILY) != COMMON && is_letters(word.token.kind),
        _ => run.iter().any(|word| is_letters(word.token.kind)),
    }
}

/// Whether a word without a capital is a name and nothing else.
fn is_small_name(word: &Word, names: Flags) -> bool {
    word.token.kind == Kind::Lower
        && word.flags & names != 0
        && word.flags & (COMMON | STOP | TITLE) == 0
}

/// Whether a word of two letters or more stands before an end, whatever its capitals.
fn ends_with(word: &str, end: &str) -> bool {
    let Some(at) = word.len().checked_sub(end.len()).filter(|at| *at > 2) else {
        return false;
    };
    word.get(at..).is_some_and(|last| {
        last.eq_ignore_ascii_case(end) || !last.is_ascii() && last.to_lowercase() == end
    })
}

/// Whether a token is a word of letters.
pub(super) fn is_letters(kind: Kind) -> bool {
    !matches!(kind, Kind::Number | Kind::Alphanumeric | Kind::Mark)
}

/// Whether enough of a text is known after a token to know that it ends there.
fn ends_within(text: &str, token: &Token) -> bool {
    let rest = text.get(token.end..).unwrap_or_default();
    rest.chars().nth(token::LOOK_AHEAD - 1).is_some()
}

/// The white space before a byte.
fn gap(text: &str, start: usize) -> Gap {
    let before = text.as_bytes().get(..start).unwrap_or_default();
    let mut lines = 0;
    let mut spaces = 0;
    for byte in before.iter().rev().take(16) {
        match byte {
            b'\n' => lines += 1,
            b' ' | b'\t' | b'\r' => spaces += 1,
            _ => {
                return match (lines, spaces) {
                    (0, 0) => Gap::None,
                    (0, 1) => Gap::Space,
                    (0, _) => Gap::Wide,
                    (1, _) => Gap::Line,
                    _ => Gap::Break,
                };
            }
        }
    }
    Gap::Break
}

/// The character border at or before a byte.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
