//! One rule: what it matches, and what it makes of a match.

use std::borrow::Cow;
use std::sync::Arc;

use super::words::{Near, Words};
use crate::finding::{Entity, RuleId};

/// A rule of a set.
#[derive(Clone)]
pub struct Rule {
    /// Its name, `family.name`.
    pub id: RuleId,
    /// What its matches are taken for.
    pub entity: Entity,
    /// The expression, in the syntax of the `regex` crate, matched from a start of the text.
    /// A group named `value` narrows the finding; without one all of the match is the finding.
    /// Borders are ASCII's: `(?-u:\b)`.
    pub pattern: Cow<'static, str>,
    /// How the finding goes on after the expression has matched.
    pub tail: Tail,
    /// Which characters of the text may be its first.
    pub begins: Begin,
    /// Which rules it is walked with.
    pub lane: Lane,
    /// Lists of words that the rule asks for when it weighs a match.
    pub words: Vec<Words>,
    /// How sure a match is, 0 to 1; 0 is no finding.
    pub weigh: Weigh,
}

/// Rules that are walked together, as one automaton. Rules that run through the same texts in
/// different ways multiply each other's states, and are better apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lane {
    /// Tells lanes from each other.
    pub number: u8,
    /// Texts of which each match of each rule holds one: where none is near, nothing is walked.
    /// Without any, everything is.
    pub needs: &'static [&'static str],
    /// How many bytes after the beginning of a match the first of them begins at the latest.
    pub within: usize,
}

/// A match with its surroundings, as a rule weighs it.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// The bytes of the finding; of a long one with a tail [`super::WEIGHED`] of them.
    pub value: &'a str,
    /// All of the match, of which `value` may be a part.
    pub matched: &'a str,
    /// At most [`crate::LOOK_BEHIND`] bytes before the match.
    pub before: &'a str,
    /// At most [`super::LOOK_AHEAD`] bytes after the match and its tail.
    pub after: &'a str,
    /// The words of the rule around the match.
    pub near: Near<'a>,
}

impl Seen<'_> {
    /// Whether a word of the rule's list of this number stands near before the match or right
    /// after it.
    pub fn is_near(&self, list: usize) -> bool {
        self.near.nearest(list).is_some() || self.near.is_in(list, self.after)
    }

    /// How many bytes before the match the nearest word of the rule's list of this number ends,
    /// if one is within reach.
    pub fn nearest(&self, list: usize) -> Option<usize> {
        self.near.nearest(list)
    }
}

/// Which characters of a text may be the first of a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Begin {
    /// Those after a border of words, which are of ASCII letters, digits and `_`.
    Word,
    /// Also those that begin a part of a word: after `_`, an upper-case letter after a lower-case
    /// one (`DB_PASSWORD`, `dbPassword`), and after the escape of a line break or a tabulator.
    Part,
    /// Each.
    Anywhere,
}

/// How a rule weighs its matches.
#[derive(Clone)]
pub enum Weigh {
    /// Each the same.
    Fixed(f32),
    /// By the match and what stands around it.
    By(Arc<Score>),
    /// By the match and what stands around it, which also tell under which name it is found: for
    /// one expression that serves many rules.
    Naming(Arc<Name>),
}

/// How sure a match is.
pub type Score = dyn Fn(Seen<'_>) -> f32 + Send + Sync;

/// Under which name a match is found and how sure it is, if it is a finding.
pub type Name = dyn Fn(Seen<'_>) -> Option<(RuleId, f32)> + Send + Sync;

/// How a finding goes on after its expression: for values without an end of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// It ends with the match.
    None,
    /// Through letters, digits and `+/=_.-`: tokens longer than a walk.
    Token,
    /// Through what stands in web addresses.
    Address,
    /// Through what stands in armoured keys, to the end of the line that closes them
    /// (`-----END …-----`), or to the first byte that no such key holds.
    Armour,
}

impl Rule {
    /// A rule with a fixed score, without a tail, that begins at borders of words.
    pub fn fixed(
        id: &str,
        entity: Entity,
        pattern: impl Into<Cow<'static, str>>,
        score: f32,
    ) -> Self {
        Self {
            id: Arc::from(id),
            entity,
            pattern: pattern.into(),
            tail: Tail::None,
            begins: Begin::Word,
            lane: Lane::default(),
            words: Vec::new(),
            weigh: Weigh::Fixed(score),
        }
    }

    /// A rule that weighs its matches, without a tail, that begins at borders of words.
    pub fn weighed(
        id: &str,
        entity: Entity,
        pattern: impl Into<Cow<'static, str>>,
        weigh: impl Fn(Seen<'_>) -> f32 + Send + Sync + 'static,
    ) -> Self {
        Self {
            weigh: Weigh::By(Arc::new(weigh)),
            ..Self::fixed(id, entity, pattern, 0.0)
        }
    }

    /// The rule with a tail.
    #[must_use]
    pub fn with_tail(mut self, tail: Tail) -> Self {
        self.tail = tail;
        self
    }

    /// The rule, beginning at any character.
    #[must_use]
    pub fn anywhere(mut self) -> Self {
        self.begins = Begin::Anywhere;
        self
    }

    /// The rule, beginning also at parts of words.
    #[must_use]
    pub fn at_parts(mut self) -> Self {
        self.begins = Begin::Part;
        self
    }

    /// The rule, walked with those of this lane.
    #[must_use]
    pub fn in_lane(mut self, lane: Lane) -> Self {
        self.lane = lane;
        self
    }

    /// The rule with one more list of words to ask for.
    #[must_use]
    pub fn with_words(mut self, words: Words) -> Self {
        self.words.push(words);
        self
    }

    pub(super) fn judge(&self, seen: Seen<'_>) -> Option<(RuleId, f32)> {
        match &self.weigh {
            Weigh::Fixed(score) => Some((self.id.clone(), *score)),
            Weigh::By(weigh) => Some((self.id.clone(), weigh(seen))),
            Weigh::Naming(weigh) => weigh(seen),
        }
    }
}
