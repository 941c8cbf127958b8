//! The walk over a text.

use std::ops::Range;

use regex_automata::hybrid::LazyStateID;
use regex_automata::hybrid::dfa::Cache;
use regex_automata::{Anchored, Input};

use super::rule::{Seen, Tail};
use super::rules::{Compiled, Rules};
use super::{MAX_LENGTH, MAX_TAIL};
use crate::LOOK_BEHIND;
use crate::finding::{Finding, Severity};

/// What a walk from one start came to.
enum Walk {
    /// Whatever follows, nothing else begins here.
    Over,
    /// It depends on what follows.
    Open,
}

impl Rules {
    /// Tells the findings of `text` that begin at or after `from`, in the order of their starts,
    /// and returns up to where they are final: the first start that what follows could still make
    /// a finding, or the length of the text. Findings at or after that place are not told. With
    /// `last` nothing follows, and all are told.
    pub fn scan(&self, text: &str, from: usize, last: bool, found: &mut Vec<Finding>) -> usize {
        if self.rules.is_empty() {
            return text.len();
        }
        let mut cache = self.caches.get();
        let mut ends = Vec::new();
        for start in Starts::new(text, from, self.anywhere) {
            let told = found.len();
            ends.clear();
            let walk = self.walk(&mut cache, text, start.at, last, &mut ends);
            if matches!(walk, Walk::Open) || !self.tell(text, &start, last, &ends, found) {
                found.truncate(told);
                return start.at;
            }
        }
        text.len()
    }

    /// Walks from `start`, and notes the longest end of each rule that matches there.
    fn walk(
        &self,
        cache: &mut Cache,
        text: &str,
        start: usize,
        last: bool,
        ends: &mut Vec<(usize, usize)>,
    ) -> Walk {
        let bytes = text.as_bytes();
        let end = text.len().min(start + MAX_LENGTH);
        let Some(mut state) = self.begin(cache, text, start) else {
            return Walk::Over;
        };
        for (at, byte) in bytes.iter().enumerate().take(end).skip(start) {
            let Ok(next) = self.dfa.next_state(cache, state, *byte) else {
                return Walk::Over;
            };
            if next.is_dead() || next.is_quit() {
                return Walk::Over;
            }
            state = next;
            self.note(cache, state, at, ends);
        }
        if end == text.len() && !last {
            return Walk::Open;
        }
        // At the end of a walk the next byte, if there is one, tells whether a border is there.
        let after = match bytes.get(end) {
            Some(byte) => self.dfa.next_state(cache, state, *byte),
            None => self.dfa.next_eoi_state(cache, state),
        };
        if let Ok(state) = after {
            self.note(cache, state, end, ends);
        }
        Walk::Over
    }

    fn begin(&self, cache: &mut Cache, text: &str, start: usize) -> Option<LazyStateID> {
        let input = Input::new(text).range(start..).anchored(Anchored::Yes);
        self.dfa.start_state_forward(cache, &input).ok()
    }

    /// States tell of matches one byte late: `at` is their end.
    fn note(&self, cache: &Cache, state: LazyStateID, at: usize, ends: &mut Vec<(usize, usize)>) {
        if !state.is_match() {
            return;
        }
        for index in 0..self.dfa.match_len(cache, state) {
            let rule = self.dfa.match_pattern(cache, state, index).as_usize();
            match ends.iter_mut().find(|(known, _)| *known == rule) {
                Some((_, end)) => *end = at,
                None => ends.push((rule, at)),
            }
        }
    }

    /// Tells the findings of one start; false if a tail is open.
    fn tell(
        &self,
        text: &str,
        start: &Start,
        last: bool,
        ends: &[(usize, usize)],
        found: &mut Vec<Finding>,
    ) -> bool {
        for (rule, end) in ends {
            let Some(compiled) = self.rules.get(*rule) else {
                continue;
            };
            if *end <= start.at || !(start.border || compiled.rule.anywhere) {
                continue;
            }
            let Some(tail) = tail_end(compiled.rule.tail, text, *end, last) else {
                return false;
            };
            found.extend(compiled.finding(text, start.at..*end, tail));
        }
        true
    }
}

impl Compiled {
    /// What the rule makes of a match whose tail ends at `tail`.
    fn finding(&self, text: &str, matched: Range<usize>, tail: usize) -> Option<Finding> {
        let mut value = match &self.group {
            Some(regex) => group(regex, text, matched.clone())?,
            None => matched.clone(),
        };
        if tail > matched.end {
            value.end = tail;
        }
        let seen = Seen {
            value: text.get(value.clone())?,
            matched: text.get(matched.start..matched.end.max(value.end))?,
            before: before(text, matched.start),
        };
        let score = self.rule.weigh.score(seen);
        (score > 0.0).then(|| Finding {
            entity: self.rule.entity,
            rule: self.rule.id.clone(),
            span: value,
            score: score.min(1.0),
            severity: Severity::Low,
        })
    }
}

/// The group `value` of the match that is known to stand in `matched`.
fn group(
    regex: &regex_automata::meta::Regex,
    text: &str,
    matched: Range<usize>,
) -> Option<Range<usize>> {
    let mut captures = regex.create_captures();
    let input = Input::new(text).range(matched).anchored(Anchored::Yes);
    regex.search_captures(&input, &mut captures);
    captures.get_group_by_name("value").map(|span| span.range())
}

/// At most [`LOOK_BEHIND`] bytes before `at`, of whole characters.
fn before(text: &str, at: usize) -> &str {
    let mut from = at.saturating_sub(LOOK_BEHIND);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    text.get(from..at).unwrap_or_default()
}

/// Where the tail of a match that ended at `end` ends; nothing if that depends on what follows.
fn tail_end(tail: Tail, text: &str, end: usize, last: bool) -> Option<usize> {
    let rest = text.as_bytes().get(end..).unwrap_or_default();
    let rest = rest.get(..MAX_TAIL).unwrap_or(rest);
    let length = match tail {
        Tail::None => return Some(end),
        Tail::Token => rest.iter().position(|byte| !is_token(*byte)),
        Tail::Armour => armour(rest),
    };
    match length {
        Some(length) => Some(end + length),
        None if last || rest.len() == MAX_TAIL => Some(end + rest.len()),
        None => None,
    }
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/=_.-".contains(&byte)
}

/// The length of what is left of an armoured key: to the end of the line `-----END …-----`, or to
/// the first byte that stands in none.
fn armour(rest: &[u8]) -> Option<usize> {
    let held = rest.iter().position(|byte| {
        !(byte.is_ascii_alphanumeric() || b"+/=-:,.\\ \t\r\n\"'_()<>@".contains(byte))
    });
    let inside = rest.get(..held.unwrap_or(rest.len())).unwrap_or(rest);
    let Some(mark) = find(inside, b"-----END ", 0) else {
        return held;
    };
    match find(inside, b"-----", mark + b"-----END ".len()) {
        Some(close) => Some(close + 5),
        None => held,
    }
}

fn find(bytes: &[u8], needle: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    rest.windows(needle.len())
        .position(|window| window == needle)
        .map(|at| from + at)
}

/// A place where a finding could begin.
struct Start {
    at: usize,
    /// Whether a border of words stands before it.
    border: bool,
}

/// The starts of a text, in order.
struct Starts<'a> {
    text: &'a str,
    at: usize,
    anywhere: bool,
}

impl<'a> Starts<'a> {
    fn new(text: &'a str, from: usize, anywhere: bool) -> Self {
        Self {
            text,
            at: from,
            anywhere,
        }
    }
}

impl Iterator for Starts<'_> {
    type Item = Start;

    fn next(&mut self) -> Option<Start> {
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(self.at) {
            let at = self.at;
            self.at += 1;
            if is_continuation(*byte) {
                continue;
            }
            let after_word = at
                .checked_sub(1)
                .and_then(|at| bytes.get(at))
                .is_some_and(|byte| is_word(*byte));
            let border = !(byte.is_ascii_whitespace() || after_word && is_word(*byte));
            if border || self.anywhere {
                return Some(Start { at, border });
            }
        }
        None
    }
}

fn is_continuation(byte: u8) -> bool {
    byte & 0b1100_0000 == 0b1000_0000
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}
