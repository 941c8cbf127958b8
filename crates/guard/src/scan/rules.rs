//! A set of rules, compiled.

use std::fmt;

use regex_automata::MatchKind;
use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::meta::{self, Regex};
use regex_automata::nfa::thompson::{self, NFA, WhichCaptures};
use regex_automata::util::pool::Pool;
use regex_automata::util::syntax;

use super::rule::{Begin, Rule};
use super::words::{List, Vocabulary};

/// The most memory that the states of one walker may take, in bytes.
const CACHE_BYTES: usize = 4 << 20;

/// The most memory that the expressions of a set may compile to, in bytes.
const COMPILED_BYTES: usize = 64 << 20;

/// A set of rules as one automaton.
pub struct Rules {
    pub(super) rules: Vec<Compiled>,
    /// Begins after borders of words.
    pub(super) dfa: DFA,
    pub(super) vocabulary: Vocabulary,
    /// The widest of the rules' beginnings.
    pub(super) begins: Begin,
    pub(super) caches: Pool<
        Cache,
        Box<dyn Fn() -> Cache + Send + Sync + std::panic::UnwindSafe + std::panic::RefUnwindSafe>,
    >,
}

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
        let patterns: Vec<&str> = rules.iter().map(|rule| &*rule.pattern).collect();
        let dfa = automaton(&patterns).map_err(|reason| blame(&rules, reason))?;
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
        let caches = pool(dfa.clone());
        Ok(Self {
            rules,
            dfa,
            vocabulary,
            begins,
            caches,
        })
    }

    /// How many rules there are.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// The memory that the automaton and the expressions of groups take, in bytes, without what
    /// walkers remember (at most 4 MiB each).
    pub fn memory_bytes(&self) -> usize {
        let groups = self.rules.iter().filter_map(|rule| rule.group.as_ref());
        let groups: usize = groups.map(Regex::memory_usage).sum();
        self.dfa.memory_usage() + self.vocabulary.memory_bytes() + groups
    }

    /// The memory of one walker with what it has met so far, in bytes.
    pub fn walker_bytes(&self) -> usize {
        self.caches.get().memory_usage()
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

fn pool(
    dfa: DFA,
) -> Pool<
    Cache,
    Box<dyn Fn() -> Cache + Send + Sync + std::panic::UnwindSafe + std::panic::RefUnwindSafe>,
> {
    Pool::new(Box::new(move || dfa.create_cache()))
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

/// Finds the rule that cannot be compiled by itself.
fn blame(rules: &[Rule], reason: String) -> RulesError {
    for rule in rules {
        if let Err(reason) = automaton(&[&rule.pattern]) {
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
