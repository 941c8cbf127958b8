//! The walk over a text.

use std::ops::Range;

use regex_automata::{Anchored, Input};

use super::gate::Next;
use super::lane::{Ends, Walk};
use super::rule::{Seen, Tail};
use super::rules::{Compiled, Rules};
use super::starts::{Start, Starts};
use super::tail::Tails;
use super::words::{Around, Near};
use super::{LOOK_AHEAD, WEIGHED};
use crate::LOOK_BEHIND;
use crate::finding::{Finding, Severity};

impl Rules {
    /// Tells the findings of `text` that begin at or after `from`, in the order of their starts,
    /// and returns up to where they are final: the first start that what follows could still make
    /// a finding, or the length of the text. Findings at or after that place are not told. With
    /// `last` nothing follows, and all are told.
    pub fn scan(&self, text: &str, from: usize, last: bool, found: &mut Vec<Finding>) -> usize {
        self.scan_on(text, from, last, &mut Tails::default(), found)
    }

    /// The same, with how far tails were read when the text was shorter.
    pub fn scan_on(
        &self,
        text: &str,
        from: usize,
        last: bool,
        tails: &mut Tails,
        found: &mut Vec<Finding>,
    ) -> usize {
        if self.rules.is_empty() {
            return text.len();
        }
        let mut walker = self.walkers.get();
        let mut ends = Ends::new(self.rules.len());
        let mut gates = vec![Next::default(); self.lanes.len()];
        for start in Starts::new(text, from, self.begins) {
            let possible = self.first.get(usize::from(start.byte)).copied();
            let Some(possible) = possible.filter(|lanes| *lanes != 0) else {
                continue;
            };
            let told = found.len();
            ends.clear();
            let place = (start.at, start.begins);
            let walkers = self.lanes.iter().zip(walker.iter_mut()).zip(&mut gates);
            let open = walkers.enumerate().any(|(number, ((lane, cache), next))| {
                let gate = lane.gate.as_ref();
                possible >> number & 1 == 1
                    && gate.is_none_or(|gate| gate.is_open(next, text, start.at, last))
                    && lane.walk(cache, text, place, last, &mut ends) == Walk::Open
            });
            if open || !self.tell((text, last), &start, &ends, tails, found) {
                found.truncate(told);
                return start.at;
            }
        }
        text.len()
    }

    /// Tells the findings of one start; false if a tail is open.
    fn tell(
        &self,
        (text, last): (&str, bool),
        start: &Start,
        ends: &Ends,
        tails: &mut Tails,
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
            let Some(tail) = tails.end(compiled.rule.tail, text, *end, last) else {
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
        let weighed = match self.rule.tail {
            Tail::Armour => value.end,
            _ => text.floor_char_boundary(value.end.min(value.start + WEIGHED)),
        };
        let matched_end = matched.end.max(value.end).min(weighed.max(matched.end));
        let seen = Seen {
            value: text.get(value.start..weighed)?,
            matched: text.get(matched.start..matched_end)?,
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
