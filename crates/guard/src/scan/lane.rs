//! The rules that are walked together, as one lazy automaton.

use regex_automata::hybrid::LazyStateID;
use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::nfa::thompson::{self, NFA, WhichCaptures};
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input, MatchKind};

use super::MAX_LENGTH;
use super::gate::Gate;
use super::rule::{Begin, Lane};

/// The most memory that the states of one lane may take in one walker, in bytes.
const CACHE_BYTES: usize = 2 << 20;

/// The most memory that the expressions of a lane may compile to, in bytes. Those of a profile are
/// one lane: a tenant's take at most so much, and well below a second.
const COMPILED_BYTES: usize = 16 << 20;

/// Rules that are walked together.
pub(super) struct Walked {
    dfa: DFA,
    /// The rule of each expression of the automaton.
    rules: Vec<usize>,
    /// The widest of the rules' beginnings.
    begins: Begin,
    /// The bytes that a match could begin with.
    pub(super) first: [bool; 256],
    pub(super) gate: Option<Gate>,
}

/// What a walk from one start came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Walk {
    /// Whatever follows, nothing else begins here.
    Over,
    /// It depends on what follows.
    Open,
}

/// The longest end of each rule that matched from one start.
pub(super) struct Ends {
    pub(super) met: Vec<(usize, usize)>,
    /// The place of each rule in `met`, which holds only if the rule stands there.
    places: Vec<usize>,
}

impl Ends {
    pub(super) fn new(rules: usize) -> Self {
        Self {
            met: Vec::new(),
            places: vec![0; rules],
        }
    }

    pub(super) fn clear(&mut self) {
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

impl Walked {
    /// Compiles the expressions of some rules, each with its number.
    pub(super) fn new(lane: Lane, rules: &[(usize, &str)], begins: Begin) -> Result<Self, String> {
        let patterns: Vec<&str> = rules.iter().map(|(_, pattern)| *pattern).collect();
        let dfa = automaton(&patterns)?;
        let first = first_bytes(&dfa);
        let gate = Gate::new(lane).map_err(|error| error.to_string())?;
        Ok(Self {
            dfa,
            rules: rules.iter().map(|(rule, _)| *rule).collect(),
            begins,
            first,
            gate,
        })
    }

    pub(super) fn create_cache(&self) -> Cache {
        self.dfa.create_cache()
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let automaton = self.dfa.memory_usage() + self.dfa.get_nfa().memory_usage();
        automaton + self.gate.as_ref().map_or(0, Gate::memory_bytes)
    }

    /// Walks from `start`, and notes the longest end of each rule that matches there.
    pub(super) fn walk(
        &self,
        cache: &mut Cache,
        text: &str,
        (start, begins): (usize, Begin),
        last: bool,
        ends: &mut Ends,
    ) -> Walk {
        let bytes = text.as_bytes();
        if begins > self.begins {
            return Walk::Over;
        }
        let end = text.len().min(start + MAX_LENGTH);
        let Some(mut state) = begin(&self.dfa, cache, bytes, start) else {
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

    /// States tell of matches one byte late: `at` is their end.
    fn note(&self, cache: &Cache, state: LazyStateID, at: usize, ends: &mut Ends) {
        if !state.is_match() {
            return;
        }
        for index in 0..self.dfa.match_len(cache, state) {
            let pattern = self.dfa.match_pattern(cache, state, index).as_usize();
            if let Some(rule) = self.rules.get(pattern) {
                ends.note(*rule, at);
            }
        }
    }
}

fn begin(dfa: &DFA, cache: &mut Cache, bytes: &[u8], start: usize) -> Option<LazyStateID> {
    let input = Input::new(bytes).range(start..).anchored(Anchored::Yes);
    dfa.start_state_forward(cache, &input).ok()
}

/// The bytes that do not end a walk at once, after whatever byte it begins.
fn first_bytes(dfa: &DFA) -> [bool; 256] {
    let mut cache = dfa.create_cache();
    let mut first = [false; 256];
    for before in ["", "a", " ", "\n", "\r"] {
        let Some(state) = begin(dfa, &mut cache, before.as_bytes(), before.len()) else {
            return [true; 256];
        };
        for (byte, first) in (0..=u8::MAX).zip(&mut first) {
            let next = dfa.next_state(&mut cache, state, byte);
            *first |= !next.is_ok_and(|next| next.is_dead());
        }
    }
    first
}

fn automaton(patterns: &[&str]) -> Result<DFA, String> {
    let nfa = nfa(patterns)?;
    DFA::builder()
        .configure(
            DFA::config()
                .match_kind(MatchKind::All)
                .cache_capacity(CACHE_BYTES)
                .skip_cache_capacity_check(true),
        )
        .build_from_nfa(nfa)
        .map_err(|error| error.to_string())
}

fn nfa(patterns: &[&str]) -> Result<NFA, String> {
    thompson::Compiler::new()
        .configure(
            thompson::Config::new()
                .which_captures(WhichCaptures::None)
                .nfa_size_limit(Some(COMPILED_BYTES)),
        )
        .syntax(syntax::Config::new())
        .build_many(patterns)
        .map_err(|error| match std::error::Error::source(&error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        })
}
