//! The walk over a text.

use std::ops::Range;

use regex_automata::hybrid::LazyStateID;
use regex_automata::hybrid::dfa::Cache;
use regex_automata::{Anchored, Input};

use super::rule::Seen;
use super::rules::{Compiled, Rules};
use super::starts::{Start, Starts};
use super::tail::tail_end;
use super::words::{Around, Near};
use super::{LOOK_AHEAD, MAX_LENGTH};
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
        let mut ends = Ends::new(self.rules.len());
        for start in Starts::new(text, from, self.begins) {
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
        ends: &mut Ends,
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
            state = next;
            if !state.is_tagged() {
                continue;
            }
            if state.is_dead() || state.is_quit() {
                return Walk::Over;
            }
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
    fn note(&self, cache: &Cache, state: LazyStateID, at: usize, ends: &mut Ends) {
        if !state.is_match() {
            return;
        }
        for index in 0..self.dfa.match_len(cache, state) {
            let rule = self.dfa.match_pattern(cache, state, index).as_usize();
            ends.note(rule, at);
        }
    }

    /// Tells the findings of one start; false if a tail is open.
    fn tell(
        &self,
        text: &str,
        start: &Start,
        last: bool,
        ends: &Ends,
        found: &mut Vec<Finding>,
    ) -> bool {
        if ends.met.is_empty() {
            return true;
        }
        let around = Around::new(&self.vocabulary, before(text, start.at));
        for (rule, end) in &ends.met {
            let Some(compiled) = self.rules.get(*rule) else {
                continue;
            };
            if *end <= start.at || start.begins > compiled.rule.begins {
                continue;
            }
            let Some(tail) = tail_end(compiled.rule.tail, text, *end, last) else {
                return false;
            };
            if tail + LOOK_AHEAD > text.len() && !last {
                return false;
            }
            found.extend(compiled.finding(text, start.at..*end, tail, &around));
        }
        true
    }
}

/// The longest end of each rule that matched from one start.
struct Ends {
    met: Vec<(usize, usize)>,
    /// The place of each rule in `met`, which holds only if the rule stands there.
    places: Vec<usize>,
}

impl Ends {
    fn new(rules: usize) -> Self {
        Self {
            met: Vec::new(),
            places: vec![0; rules],
        }
    }

    fn clear(&mut self) {
        self.met.clear();
    }

    fn note(&mut self, rule: usize, end: usize) {
        let Some(place) = self.places.get_mut(rule) else {
            return;
        };
        match self.met.get_mut(*place) {
            Some((known, known_end)) if *known == rule => *known_end = end,
            _ => {
                *place = self.met.len();
                self.met.push((rule, end));
            }
        }
    }
}

impl Compiled {
    /// What the rule makes of a match whose tail ends at `tail`.
    fn finding(
        &self,
        text: &str,
        matched: Range<usize>,
        tail: usize,
        around: &Around<'_>,
    ) -> Option<Finding> {
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
            before: around.before(),
            after: after(text, tail.max(matched.end)),
            near: Near::new(&self.lists, around),
        };
        let (rule, score) = self.rule.judge(seen)?;
        (score > 0.0).then(|| Finding {
            entity: self.rule.entity,
            rule,
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

/// At most [`LOOK_AHEAD`] bytes from `at`, of whole characters.
fn after(text: &str, at: usize) -> &str {
    let mut to = text.len().min(at + LOOK_AHEAD);
    while !text.is_char_boundary(to) {
        to -= 1;
    }
    text.get(at..to).unwrap_or_default()
}
