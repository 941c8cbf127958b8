//! What of a guard its profile says, compiled and tried, and what all guards share.

use std::sync::LazyLock;

use regex_automata::meta::Regex;

use crate::action::{Action, Style};
use crate::finding::{Direction, Entity};
use crate::injection::{Detector, DetectorError};
use crate::names::{DamagedError, Names};
use crate::profile::{InjectionActions, Pattern, Profile};
use crate::pseudonyms::Pseudonyms;
use crate::scan::{Rule, Rules, RulesError};
use crate::text::Folded;

/// The rules that every profile shares.
static BUILT_IN: LazyLock<Result<Rules, RulesError>> = LazyLock::new(|| {
    let mut rules = crate::secrets::rules();
    rules.extend(crate::pii::rules());
    Rules::new(rules)
});

/// The weights of names, which every profile shares.
static NAMES: LazyLock<Result<Names, DamagedError>> = LazyLock::new(Names::new);

/// The detector of injections, which every profile shares.
static INJECTION: LazyLock<Result<Detector, DetectorError>> = LazyLock::new(Detector::new);

/// Why a profile cannot work.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// An expression is none, or is too large.
    #[error(transparent)]
    Rules(#[from] RulesError),
    /// The rules that every profile shares cannot be used on this machine.
    #[error("the built-in rules cannot be used: {0}")]
    BuiltIn(String),
    /// The weights of names are damaged.
    #[error(transparent)]
    Names(#[from] DamagedError),
    /// An expression of the allow list is none, or the list is too large.
    #[error("`{pattern}` in the allow list cannot be used: {reason}")]
    Allow {
        /// The expression.
        pattern: String,
        /// What the compiler says.
        reason: String,
    },
    /// A pattern does not do what its examples say.
    #[error("the pattern `{name}` must {must} `{example}`")]
    Example {
        /// The pattern.
        name: String,
        /// What it must do.
        must: &'static str,
        /// The example.
        example: String,
    },
    /// Two patterns have one name.
    #[error("two patterns are named `{0}`")]
    Twice(String),
}

/// The rules that every profile shares.
pub(super) fn built_in() -> Result<&'static Rules, ProfileError> {
    let rules = BUILT_IN.as_ref();
    rules.map_err(|error| ProfileError::BuiltIn(error.to_string()))
}

/// The detector of injections, where a profile does something about them.
pub(super) fn injection(profile: &Profile) -> Result<Option<&'static Detector>, ProfileError> {
    if profile.injection == InjectionActions::NONE {
        return Ok(None);
    }
    let detector = INJECTION.as_ref();
    Ok(Some(detector.map_err(|error| {
        ProfileError::BuiltIn(error.to_string())
    })?))
}

/// The detector of names, where a profile does something about them.
pub(super) fn names(profile: &Profile) -> Result<Option<&'static Names>, ProfileError> {
    let acts = |entity| {
        [Direction::Input, Direction::Output]
            .into_iter()
            .any(|direction| profile.action(entity, direction) != Action::Ignore)
    };
    if !acts(Entity::Person) && !acts(Entity::Address) {
        return Ok(None);
    }
    Ok(Some(NAMES.as_ref().map_err(|error| error.clone())?))
}

/// The rules that a profile declares itself.
pub(super) fn own_rules(profile: &Profile) -> Result<Vec<Rule>, ProfileError> {
    let mut rules = Vec::new();
    for (index, pattern) in profile.patterns.iter().enumerate() {
        let before = profile.patterns.iter().take(index);
        if before.into_iter().any(|known| known.name == pattern.name) {
            return Err(ProfileError::Twice(pattern.name.clone()));
        }
        let id = format!("custom.{}", pattern.name);
        let rule = Rule::fixed(
            &id,
            Entity::CustomPattern,
            pattern.pattern.clone(),
            pattern.score,
        );
        rules.push(rule.anywhere());
    }
    if profile.style == Style::Pseudonym {
        let rule = Rule::fixed(
            "guard.pseudonym",
            Entity::Pseudonym,
            Pseudonyms::PATTERN,
            1.0,
        );
        rules.push(rule.anywhere());
    }
    for (index, pattern) in profile.block.iter().enumerate() {
        let id = format!("block.{}", index + 1);
        rules.push(Rule::fixed(&id, Entity::Blocked, pattern.clone(), 1.0).anywhere());
    }
    for (index, canary) in profile.canaries.iter().enumerate() {
        let id = format!("canary.{}", index + 1);
        let pattern = regex::escape(canary);
        rules.push(Rule::fixed(&id, Entity::Canary, pattern, 1.0).anywhere());
    }
    Ok(rules)
}

/// The most memory that an allow list may compile to, in bytes.
const ALLOW_BYTES: usize = 16 << 20;

pub(super) fn allow_list(patterns: &[String]) -> Result<Vec<Regex>, ProfileError> {
    let mut left = ALLOW_BYTES;
    let mut compiled = Vec::with_capacity(patterns.len());
    for pattern in patterns {
        let refused = |reason: String| ProfileError::Allow {
            pattern: pattern.clone(),
            reason,
        };
        let config = Regex::config().nfa_size_limit(Some(left)).hybrid(false);
        let regex = Regex::builder().configure(config).build(pattern);
        let regex = regex.map_err(|error| refused(error.to_string()))?;
        let Some(rest) = left.checked_sub(regex.memory_usage()) else {
            let all = ALLOW_BYTES >> 20;
            return Err(refused(format!(
                "the list compiles to more than {all} MiB; use fewer or shorter repetitions"
            )));
        };
        left = rest;
        compiled.push(regex);
    }
    Ok(compiled)
}

/// Tries each pattern at its examples.
pub(super) fn try_examples(own: &Rules, patterns: &[Pattern]) -> Result<(), ProfileError> {
    for pattern in patterns {
        let rule = format!("custom.{}", pattern.name);
        let finds = |example: &str| {
            let mut found = Vec::new();
            own.scan(Folded::new(example).text(), 0, true, &mut found);
            found.iter().any(|finding| *finding.rule == *rule)
        };
        let wrong = |example: &String, must| ProfileError::Example {
            name: pattern.name.clone(),
            must,
            example: example.clone(),
        };
        if let Some(example) = pattern.matches.iter().find(|example| !finds(example)) {
            return Err(wrong(example, "match"));
        }
        if let Some(example) = pattern.misses.iter().find(|example| finds(example)) {
            return Err(wrong(example, "not match"));
        }
    }
    Ok(())
}
