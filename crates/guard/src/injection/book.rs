//! All rules of all languages, ready to be matched: phrases are numbered, and each knows the slots
//! that wait for it.
//!
//! Matching reads the phrases of a text in order. For each slot of each pattern it remembers the
//! last place where the pattern was filled up to there: the latest is the one with the shortest
//! gap to whatever follows. So a text costs one step for each phrase in it and each slot that
//! waits for that phrase, however the phrases are arranged.

use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use regex_automata::util::pool::Pool;

use super::grammar::{self, GrammarError, Phrase, Scope, Sheet};
use super::places::{Place, Places};
use super::spot::{Hit, Phrases, Spotter};
use crate::finding::{Channel, Entity, RuleId, Severity};
use crate::text::Cipher;

/// The rules of a detector.
pub(super) struct Book {
    pub(super) rules: Vec<Rule>,
    patterns: Vec<Pattern>,
    /// For each phrase, the slots that wait for it.
    waiting: Vec<Vec<(usize, usize)>>,
    /// How many slots all patterns have together.
    slots: usize,
    pool: SlotPool,
    /// For each phrase, what else it tells.
    signs: Vec<Option<Sign>>,
    plain: Spotter,
    joined: Spotter,
}

/// A rule, without what it is made of.
pub(super) struct Rule {
    pub(super) id: RuleId,
    pub(super) entity: Entity,
    pub(super) severity: Severity,
    scope: Scope,
    unless: Vec<u32>,
}

struct Pattern {
    rule: usize,
    opens: bool,
    /// Where its slots begin among all.
    base: usize,
    gaps: Vec<Gap>,
}

#[derive(Clone, Copy)]
struct Gap {
    words: u32,
    across: bool,
}

/// What a phrase tells by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    /// That the text speaks about attacks.
    Cue,
    /// That it speaks about what it quotes.
    Hint,
    /// That it holds words in a cipher.
    Cipher(Cipher),
}

/// What a text matches.
#[derive(Debug, Default)]
pub(super) struct Reads {
    pub(super) matches: Vec<Match>,
    /// Where words stand that speak about attacks: bytes of the words read.
    pub(super) cues: Vec<usize>,
    /// The same of words that speak about what is quoted.
    pub(super) hints: Vec<usize>,
    /// Ciphers that it holds words of.
    pub(super) ciphers: Vec<Cipher>,
}

/// A rule that a text matches: bytes of the words read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Match {
    pub(super) rule: usize,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// A pattern filled up to some slot.
#[derive(Clone, Copy, Default)]
struct Filled {
    start: u32,
    end: Place,
    /// In which text: 0 in none.
    round: u32,
}

/// What is filled in, kept from text to text: what is of another round is empty.
#[derive(Default)]
struct Slots {
    filled: Vec<Filled>,
    round: u32,
}

impl Slots {
    /// All empty, so many of them.
    fn clear(&mut self, count: usize) {
        self.round = self.round.wrapping_add(1);
        if self.round == 0 || self.filled.len() != count {
            self.filled = vec![Filled::default(); count];
            self.round = 1;
        }
    }

    fn get(&self, slot: usize) -> Option<&Filled> {
        self.filled
            .get(slot)
            .filter(|filled| filled.round == self.round)
    }

    fn set(&mut self, slot: usize, start: u32, end: Place) {
        if let Some(filled) = self.filled.get_mut(slot) {
            *filled = Filled {
                start,
                end,
                round: self.round,
            };
        }
    }
}

type SlotPool = Pool<Slots, Box<dyn Fn() -> Slots + Send + Sync + UnwindSafe + RefUnwindSafe>>;

/// How many bytes before a match words that void it begin at most: two words or three.
const UNLESS_BYTES: usize = 20;

/// How often one rule is told of one text.
const MOST_OF_A_RULE: usize = 4;

impl Book {
    /// Reads files of rules: their names and texts, and what they share.
    pub(super) fn new(files: &[(&str, &str)], common: &str) -> Result<Self, GrammarError> {
        let mut phrases = Phrases::new();
        let mut book = Unbound::default();
        for (file, text) in files {
            let sheet = grammar::parse(file, text, common)?;
            for rule in &sheet.rules {
                book.add(rule, &mut phrases);
            }
            book.add_signs(&sheet, &mut phrases);
        }
        Ok(Self {
            rules: book.rules,
            patterns: book.patterns,
            waiting: book.waiting,
            slots: book.slots,
            pool: Pool::new(Box::new(Slots::default)),
            signs: book.signs,
            plain: Spotter::new(&phrases, false),
            joined: Spotter::new(&phrases, true),
        })
    }

    /// The rules that `text`, the words of a [`crate::text::Reading`], matches on `channel`.
    /// `opens` says whether a line, a sentence or a clause begins at a byte of it.
    pub(super) fn matches(
        &self,
        text: &str,
        channel: Channel,
        opens: &dyn Fn(usize) -> bool,
    ) -> Reads {
        let hits = self.plain.spot(text);
        self.run(&hits, Places::new(text, false), channel, opens)
    }

    /// The same of a text whose words are written without anything between them.
    pub(super) fn matches_joined(&self, text: &str, channel: Channel) -> Reads {
        let hits = self.joined.spot(text);
        self.run(&hits, Places::new(text, true), channel, &|_| true)
    }

    fn run(
        &self,
        hits: &[Hit],
        mut places: Places<'_>,
        channel: Channel,
        opens: &dyn Fn(usize) -> bool,
    ) -> Reads {
        let mut reads = Reads::default();
        if hits.is_empty() {
            return reads;
        }
        let mut slots = self.pool.get();
        slots.clear(self.slots);
        for hit in hits {
            let start = places.place(hit.start);
            let end = places.after(start, hit.end);
            self.note(hit, &mut reads);
            let waiting = self.waiting.get(hit.phrase as usize);
            for (pattern, slot) in waiting.into_iter().flatten() {
                let Some(pattern) = self.patterns.get(*pattern) else {
                    continue;
                };
                let Some(from) = pattern.fill(*slot, start, &slots, opens) else {
                    continue;
                };
                if slot + 1 == pattern.gaps.len() {
                    self.tell(
                        pattern.rule,
                        from as usize,
                        hit.end,
                        hits,
                        channel,
                        &mut reads.matches,
                    );
                } else {
                    slots.set(pattern.base + slot, from, end);
                }
            }
        }
        reads
    }

    fn note(&self, hit: &Hit, reads: &mut Reads) {
        match self.signs.get(hit.phrase as usize) {
            Some(Some(Sign::Cue)) => reads.cues.push(hit.start),
            Some(Some(Sign::Hint)) => reads.hints.push(hit.start),
            Some(Some(Sign::Cipher(cipher))) if !reads.ciphers.contains(cipher) => {
                reads.ciphers.push(*cipher);
            }
            _ => {}
        }
    }

    fn tell(
        &self,
        rule: usize,
        start: usize,
        end: usize,
        hits: &[Hit],
        channel: Channel,
        matches: &mut Vec<Match>,
    ) {
        let Some(known) = self.rules.get(rule) else {
            return;
        };
        if !known.scope.holds(channel) || known.is_void(start, hits) {
            return;
        }
        let mut same = matches.iter_mut().filter(|found| found.rule == rule);
        if let Some(last) = same.next_back()
            && last.end >= start
        {
            last.end = last.end.max(end);
            return;
        }
        if matches.iter().filter(|found| found.rule == rule).count() < MOST_OF_A_RULE {
            matches.push(Match { rule, start, end });
        }
    }
}

impl Pattern {
    /// Where the pattern begins, if a phrase at `at` fills the slot.
    fn fill(
        &self,
        slot: usize,
        at: Place,
        filled: &Slots,
        opens: &dyn Fn(usize) -> bool,
    ) -> Option<u32> {
        let Some(before) = slot.checked_sub(1) else {
            return (!self.opens || opens(at.byte as usize)).then_some(at.byte);
        };
        let before = filled.get(self.base + before)?;
        let gap = self.gaps.get(slot)?;
        let near = before.end.byte <= at.byte
            && before.end.words_to(at) <= gap.words
            && (gap.across || before.end.sentence == at.sentence);
        near.then_some(before.start)
    }
}

impl Rule {
    /// Whether words stand before the match that void it.
    fn is_void(&self, start: usize, hits: &[Hit]) -> bool {
        if self.unless.is_empty() {
            return false;
        }
        let first = hits.partition_point(|hit| hit.start < start);
        let before = hits.get(..first).unwrap_or_default();
        let far = start.saturating_sub(UNLESS_BYTES);
        before
            .iter()
            .rev()
            .take_while(|hit| hit.start >= far)
            .any(|hit| self.unless.contains(&hit.phrase))
    }
}

/// A book whose phrases have no automaton yet.
#[derive(Default)]
struct Unbound {
    rules: Vec<Rule>,
    patterns: Vec<Pattern>,
    waiting: Vec<Vec<(usize, usize)>>,
    slots: usize,
    signs: Vec<Option<Sign>>,
}

impl Unbound {
    fn add_signs(&mut self, sheet: &Sheet, phrases: &mut Phrases) {
        let hints = sheet.hints.iter().map(|hint| (hint, Sign::Hint));
        let cues = sheet.cues.iter().map(|cue| (cue, Sign::Cue));
        for (phrase, sign) in hints.chain(cues) {
            let number = self.number(phrase, phrases);
            self.sign(number, sign);
        }
        for key in &sheet.keys {
            for cipher in Cipher::all() {
                let phrase = Phrase::anywhere(&cipher.write(key));
                let number = self.number(&phrase, phrases);
                self.sign(number, Sign::Cipher(cipher));
            }
        }
    }

    fn sign(&mut self, phrase: u32, sign: Sign) {
        if let Some(cell) = self.signs.get_mut(phrase as usize) {
            *cell = Some(sign);
        }
    }

    fn add(&mut self, rule: &grammar::Rule, phrases: &mut Phrases) {
        let number = self.rules.len();
        let unless = rule.unless.iter();
        let unless = unless.map(|phrase| self.number(phrase, phrases)).collect();
        self.rules.push(Rule {
            id: Arc::from(rule.id.as_str()),
            entity: rule.entity,
            severity: rule.severity,
            scope: rule.scope,
            unless,
        });
        for pattern in &rule.patterns {
            self.pattern(number, pattern, phrases);
        }
    }

    fn pattern(&mut self, rule: usize, pattern: &grammar::Pattern, phrases: &mut Phrases) {
        let number = self.patterns.len();
        for (slot, known) in pattern.slots.iter().enumerate() {
            for phrase in &known.phrases {
                let phrase = self.number(phrase, phrases) as usize;
                if let Some(waiting) = self.waiting.get_mut(phrase) {
                    waiting.push((number, slot));
                }
            }
        }
        let gaps = pattern.slots.iter().map(|slot| Gap {
            words: u32::try_from(slot.gap).unwrap_or(u32::MAX),
            across: slot.across,
        });
        self.patterns.push(Pattern {
            rule,
            opens: pattern.opens,
            base: self.slots,
            gaps: gaps.collect(),
        });
        self.slots += pattern.slots.len();
    }

    fn number(&mut self, phrase: &Phrase, phrases: &mut Phrases) -> u32 {
        let next = u32::try_from(phrases.len()).unwrap_or(u32::MAX);
        let number = *phrases.entry(phrase.clone()).or_insert(next);
        if number == next {
            self.waiting.push(Vec::new());
            self.signs.push(None);
        }
        number
    }
}
