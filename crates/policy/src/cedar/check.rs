//! Policies in Cedar, checked before they are asked.

use cedar_policy::{
    Effect as CedarEffect, Policy as Cedar, PolicySet, ValidationMode, ValidationWarning,
};

use super::{Vocabulary, action_name};
use crate::error::Problem;
use crate::{Effect, Kind};

/// How deep brackets may nest in a text of a tenant.
const DEEPEST: usize = 12;
/// How many operators there may be in it.
const MOST_OPERATORS: usize = 200;

/// Reads one policy, and checks it against the schema. One that a tenant has written may be no more
/// than is read and evaluated with a little of the stack.
pub(crate) fn parse(
    text: &str,
    kind: Kind,
    effect: Effect,
    by_tenant: bool,
) -> Result<PolicySet, Problem> {
    if by_tenant && !is_simple(text) {
        return Err(Problem::TooComplex {
            depth: DEEPEST,
            operators: MOST_OPERATORS,
        });
    }
    let vocabulary = Vocabulary::get()?;
    let policy = Cedar::parse(None, text).map_err(|error| Problem::Unreadable(first(&error)))?;
    agrees(policy.effect(), effect)?;
    let mut set = PolicySet::new();
    set.add(policy.clone())
        .map_err(|error| Problem::Unreadable(error.to_string()))?;
    validate(&set, vocabulary)?;
    concerns(&policy, kind, vocabulary)?;
    Ok(set)
}

fn validate(set: &PolicySet, vocabulary: &Vocabulary) -> Result<(), Problem> {
    let result = vocabulary.validator.validate(set, ValidationMode::Strict);
    if let Some(error) = result.validation_errors().next() {
        return Err(Problem::Invalid(plain(&error.to_string())));
    }
    let impossible = |warning: &&ValidationWarning| {
        matches!(
            warning,
            ValidationWarning::ImpossiblePolicy(_) | ValidationWarning::InvalidActionApplication(_)
        )
    };
    match result.validation_warnings().find(impossible) {
        Some(warning) => Err(Problem::Impossible(plain(&warning.to_string()))),
        None => Ok(()),
    }
}

fn agrees(said: CedarEffect, effect: Effect) -> Result<(), Problem> {
    let needed = match effect {
        Effect::Allow | Effect::RequireApproval => CedarEffect::Permit,
        Effect::Deny => CedarEffect::Forbid,
    };
    if said == needed {
        return Ok(());
    }
    let word = |effect| match effect {
        CedarEffect::Permit => "permit",
        CedarEffect::Forbid => "forbid",
    };
    Err(Problem::WrongEffect {
        said: word(said),
        effect: effect.name(),
        needed: word(needed),
    })
}

fn concerns(policy: &Cedar, kind: Kind, vocabulary: &Vocabulary) -> Result<(), Problem> {
    let action = vocabulary.action(kind);
    let mut concerned = policy.get_valid_request_envs(vocabulary.validator.schema());
    if concerned.any(|environment| environment.action() == action) {
        return Ok(());
    }
    let action = action_name(kind);
    Err(Problem::Impossible(format!(
        "it is not about calls of `kind: {}`; write `action == Action::\"{action}\"` and fit the \
         rest to the schema",
        kind.name()
    )))
}

/// The first line of what is wrong, with where.
fn first(errors: &cedar_policy::ParseErrors) -> String {
    plain(&errors.to_string())
}

fn plain(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    let line = line.strip_prefix("for policy `policy0`, ").unwrap_or(line);
    line.trim_end_matches('.').chars().take(300).collect()
}

/// Whether what reads and evaluates it needs no more than a little of the stack.
fn is_simple(text: &str) -> bool {
    let (mut depth, mut deepest, mut operators) = (0_usize, 0_usize, 0_usize);
    for byte in code(text) {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b'&' | b'|' | b'+' | b'-' | b'*' | b'!' | b'.' | b'<' | b'>' | b'=' => operators += 1,
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    let branches = text.matches("if").count();
    deepest <= DEEPEST && operators <= MOST_OPERATORS && branches <= DEEPEST
}

/// What stands neither in quotes nor in comments.
fn code(text: &str) -> impl Iterator<Item = u8> {
    let mut bytes = text.bytes().peekable();
    let mut in_quotes = false;
    std::iter::from_fn(move || {
        loop {
            let byte = bytes.next()?;
            match byte {
                b'\\' if in_quotes => {
                    bytes.next();
                }
                b'"' => in_quotes = !in_quotes,
                b'/' if !in_quotes && bytes.peek() == Some(&b'/') => {
                    while bytes.next_if(|&byte| byte != b'\n').is_some() {}
                }
                _ if in_quotes => {}
                _ => return Some(byte),
            }
        }
    })
}
