//! A set of rules, compiled.

use std::fmt;

use std::collections::BTreeMap;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use regex_automata::MatchKind;
use regex_automata::hybrid::dfa::Cache;
use regex_automata::meta::{self, Regex};
use regex_automata::util::pool::Pool;

use super::lane::Walked;
use super::rule::{Begin, Lane, Rule};
use super::words::{List, Vocabulary};

/// The most lanes of a set.
const MAX_LANES: usize = 32;

/// A set of rules, as one automaton for each of their lanes.
pub struct Rules {
    pub(super) rules: Vec<Compiled>,
    pub(super) lanes: Arc<[Walked]>,
    /// For each byte the lanes whose matches could begin with it, as bits.
    pub(super) first: Box<[u32; 256]>,
    pub(super) vocabulary: Vocabulary,
    /// The widest of the rules' beginnings.
    pub(super) begins: Begin,
    pub(super) walkers: Walkers,
}

/// What walks remember of each lane, for as many at a time as there are.
pub(super) type Walkers =
    Pool<Vec<Cache>, Box<dyn Fn() -> Vec<Cache> + Send + Sync + UnwindSafe + RefUnwindSafe>>;

/// A rule with the expression that finds its group, where it has one.
pub(super) struct Compiled {
    pub(super) rule: Rule,
    pub(super) group: Option<Regex>,
    pub(super) lists: Vec<List>,
}

/// Why a set could not be compiled.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    /// An expression of a rule is not one, or compiles to too much.
    #[error("the pattern of rule `{rule}` cannot be used: {reason}")]
    Pattern {
        /// The rule.
        rule: String,
        /// What the compiler says.
        reason: String,
    },
    /// All expressions together compile to too much.
    #[error("the patterns are too large together: {0}; use fewer or shorter repetitions")]
    TooLarge(String),
}

impl Rules {
    /// Compiles a set. An expression that matches the empty text never finds anything.
    ///
    /// # Errors
    /// If an expression is none, or is too large.
    pub fn new(rules: Vec<Rule>) -> Result<Self, RulesError> {
        let lanes: Arc<[Walked]> = lanes(&rules)?.into();
        let begins = rules
            .iter()
            .map(|rule| rule.begins)
            .max()
            .unwrap_or(Begin::Word);
        let (vocabulary, lists) = Vocabulary::new(rules.iter().map(|rule| rule.words.as_slice()))
            .map_err(|error| RulesError::TooLarge(error.to_string()))?;
        let rules = rules
            .into_iter()
            .zip(lists)
            .map(|(rule, lists)| compile(rule, lists))
            .collect::<Result<_, _>>()?;
        let first = first(&lanes);
        let walked = Arc::clone(&lanes);
        Ok(Self {
            rules,
            lanes,
            first,
            vocabulary,
            begins,
            walkers: Pool::new(Box::new(move || {
                walked.iter().map(Walked::create_cache).collect()
            })),
        })
    }

    /// How many rules there are.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// The memory that the automata and the expressions of groups take, in bytes, without what
    /// walkers remember (at most 2 MiB for each lane).
    pub fn memory_bytes(&self) -> usize {
        let groups = self.rules.iter().filter_map(|rule| rule.group.as_ref());
        let lanes: usize = self.lanes.iter().map(Walked::memory_bytes).sum();
        let groups: usize = groups.map(Regex::memory_usage).sum();
        lanes + self.vocabulary.memory_bytes() + groups
    }

    /// The memory of one walker with what it has met so far, in bytes.
    pub fn walker_bytes(&self) -> usize {
        self.walkers.get().iter().map(Cache::memory_usage).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Rules({})", self.rules.len())
    }
}

fn first(lanes: &[Walked]) -> Box<[u32; 256]> {
    let mut first = Box::new([0; 256]);
    for (number, lane) in lanes.iter().enumerate() {
        for (bits, possible) in first.iter_mut().zip(&lane.first) {
            *bits |= u32::from(*possible) << number;
        }
    }
    first
}

fn lanes(rules: &[Rule]) -> Result<Vec<Walked>, RulesError> {
    let mut lanes: BTreeMap<Lane, Vec<(usize, &str)>> = BTreeMap::new();
    for (number, rule) in rules.iter().enumerate() {
        let lane = lanes.entry(rule.lane).or_default();
        lane.push((number, &rule.pattern));
    }
    if lanes.len() > MAX_LANES {
        return Err(RulesError::TooLarge(format!("{} lanes", lanes.len())));
    }
    lanes
        .into_iter()
        .map(|(lane, patterns)| {
            let begins = rules.iter().filter(|rule| rule.lane == lane);
            let begins = begins.map(|rule| rule.begins).max().unwrap_or(Begin::Word);
            Walked::new(lane, &patterns, begins).map_err(|reason| blame(rules, reason))
        })
        .collect()
}

/// Finds the rule that cannot be compiled by itself.
fn blame(rules: &[Rule], reason: String) -> RulesError {
    for rule in rules {
        if let Err(reason) = Walked::new(rule.lane, &[(0, &rule.pattern)], rule.begins) {
            return RulesError::Pattern {
                rule: rule.id.to_string(),
                reason,
            };
        }
    }
    RulesError::TooLarge(reason)
}

fn compile(rule: Rule, lists: Vec<List>) -> Result<Compiled, RulesError> {
    let group = if rule.pattern.contains("(?<value>") || rule.pattern.contains("(?P<value>") {
        let regex = group(&rule.pattern).map_err(|error| RulesError::Pattern {
            rule: rule.id.to_string(),
            reason: error.to_string(),
        })?;
        Some(regex)
    } else {
        None
    };
    Ok(Compiled { rule, group, lists })
}

/// The expression that finds a group where a match is known to stand. It is run rarely and over
/// little, hence without the engines that take room for speed.
fn group(pattern: &str) -> Result<Regex, Box<meta::BuildError>> {
    let config = Regex::config()
        .hybrid(false)
        .dfa(false)
        .auto_prefilter(false)
        .match_kind(MatchKind::LeftmostFirst);
    Regex::builder()
        .configure(config)
        .build(pattern)
        .map_err(Box::new)
}
