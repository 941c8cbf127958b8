//! Whether a profile may be stored: its size, its sense, and that it works.

use iron_guard::scan::RulesError;
use iron_guard::{Category, Entity, Guard, Pattern, Profile, ProfileError};
use serde_json::{Map, Value};

use crate::Error;

const MAX_BYTES: usize = 256 * 1024;
const MAX_LIST: usize = 100;
const MAX_EXPRESSION: usize = 2_000;
const MAX_EXAMPLES: usize = 50;
const MAX_PATTERN_NAME: usize = 64;
/// A shorter canary would stand in texts by chance.
const MIN_CANARY: usize = 8;
/// A finding of a stream is no longer than this, in bytes.
const MAX_CANARY: usize = 200;
/// Who waits longer for a word has left, in milliseconds.
const MAX_HOLD_MS: u32 = 600_000;

/// A name that people give.
pub(crate) fn name(name: String) -> Result<String, Error> {
    let fits = (1..=100).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    match fits && name.trim() == name {
        true => Ok(name),
        false => Err(field(
            "name",
            "expected 1 to 100 characters, none of them a control character, no space around them",
        )),
    }
}

/// The profile that has these fields and is new for the rest, if it works.
///
/// # Errors
/// [`Error::Field`] with the path of what does not do.
pub fn profile_of(fields: Map<String, Value>) -> Result<Profile, Error> {
    merged(&Profile::default(), fields)
}

/// The profile with these fields in the place of its own, if it works.
pub(crate) fn merged(before: &Profile, fields: Map<String, Value>) -> Result<Profile, Error> {
    let Ok(Value::Object(mut object)) = serde_json::to_value(before) else {
        return Err(field("profile", "it cannot be written as JSON"));
    };
    object.extend(fields);
    check_names(&object)?;
    let read = serde_json::from_value(Value::Object(object));
    let profile = read.map_err(|error| field("profile", error.to_string()))?;
    check(&profile)?;
    Ok(profile)
}

/// Entities that nobody knows, by their place: what reads the whole cannot tell it.
fn check_names(object: &Map<String, Value>) -> Result<(), Error> {
    let known = |name: &Value| {
        let name = name.as_str();
        name.is_none_or(|name| Entity::named(name).is_some())
    };
    let stated = object.get("entities").and_then(Value::as_array);
    for (index, stated) in stated.into_iter().flatten().enumerate() {
        if stated.get("type").is_some_and(|name| !known(name)) {
            return Err(unknown(format!("entities[{index}].type")));
        }
    }
    let types = object
        .get("pii")
        .and_then(|pii| pii.get("types")?.as_array());
    for (index, name) in types.into_iter().flatten().enumerate() {
        if !known(name) {
            return Err(unknown(format!("pii.types[{index}]")));
        }
    }
    Ok(())
}

fn unknown(path: String) -> Error {
    let names: Vec<&str> = Entity::ALL.iter().map(|entity| entity.name()).collect();
    field(path, format!("expected one of {}", names.join(", ")))
}

fn check(profile: &Profile) -> Result<(), Error> {
    let bytes = serde_json::to_vec(profile).map_or(usize::MAX, |text| text.len());
    if bytes > MAX_BYTES {
        return Err(field("profile", "expected at most 256 KiB"));
    }
    if profile.max_hold_ms > MAX_HOLD_MS {
        let problem = format!("expected at most {MAX_HOLD_MS} ms, or 0 for no limit");
        return Err(field("max_hold_ms", problem));
    }
    check_entities(profile)?;
    list("custom_patterns", &profile.patterns)?;
    for (index, pattern) in profile.patterns.iter().enumerate() {
        check_pattern(index, pattern)?;
    }
    expressions("allow", &profile.allow)?;
    expressions("block", &profile.block)?;
    list("canaries", &profile.canaries)?;
    for (index, canary) in profile.canaries.iter().enumerate() {
        if !(MIN_CANARY..=MAX_CANARY).contains(&canary.len()) {
            let problem = format!("expected {MIN_CANARY} to {MAX_CANARY} bytes");
            return Err(field(format!("canaries[{index}]"), problem));
        }
    }
    match Guard::new(profile.clone()) {
        Ok(_) => Ok(()),
        Err(error) => Err(blame(profile, error)),
    }
}

/// A statement about an entity that would change nothing is refused: whoever makes it believes
/// that it acts.
fn check_entities(profile: &Profile) -> Result<(), Error> {
    list("entities", &profile.entities)?;
    for (index, stated) in profile.entities.iter().enumerate() {
        let problem = match stated.entity {
            Entity::CustomPattern => "each of `custom_patterns` has an action of its own",
            entity if entity.category() == Category::Injection => {
                "injections are set by severity, in `injection`"
            }
            _ => continue,
        };
        return Err(field(format!("entities[{index}].type"), problem));
    }
    let types = profile.pii.types.iter().flatten();
    for (index, entity) in types.enumerate() {
        if entity.category() != Category::Pii {
            let problem = "expected data about a person; secrets are set in `secrets`";
            return Err(field(format!("pii.types[{index}]"), problem));
        }
    }
    Ok(())
}

fn check_pattern(index: usize, pattern: &Pattern) -> Result<(), Error> {
    let at = |part: &str| format!("custom_patterns[{index}].{part}");
    let word = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit();
    let named = pattern.name.starts_with(word)
        && pattern
            .name
            .chars()
            .all(|char| word(char) || matches!(char, '_' | '-'));
    if !named || pattern.name.len() > MAX_PATTERN_NAME {
        let problem = "expected 1 to 64 of `a-z`, `0-9`, `_` and `-`, a letter or digit first";
        return Err(field(at("name"), problem));
    }
    expression(at("pattern"), &pattern.pattern)?;
    if !(0.0..=1.0).contains(&pattern.score) {
        return Err(field(at("score"), "expected a number from 0 to 1"));
    }
    for (part, examples) in [("matches", &pattern.matches), ("misses", &pattern.misses)] {
        let long = |text: &String| text.len() > MAX_EXPRESSION;
        if examples.len() > MAX_EXAMPLES || examples.iter().any(long) {
            let problem =
                format!("expected at most {MAX_EXAMPLES} texts of at most {MAX_EXPRESSION} bytes");
            return Err(field(at(part), problem));
        }
    }
    Ok(())
}

fn expressions(name: &str, all: &[String]) -> Result<(), Error> {
    list(name, all)?;
    for (index, text) in all.iter().enumerate() {
        expression(format!("{name}[{index}]"), text)?;
    }
    Ok(())
}

fn expression(path: String, text: &str) -> Result<(), Error> {
    match (1..=MAX_EXPRESSION).contains(&text.len()) {
        true => Ok(()),
        false => Err(field(path, "expected an expression of 1 to 2000 bytes")),
    }
}

fn list<T>(name: &str, all: &[T]) -> Result<(), Error> {
    match all.len() <= MAX_LIST {
        true => Ok(()),
        false => Err(field(name, format!("expected at most {MAX_LIST}"))),
    }
}

/// Which field of a profile keeps it from working.
fn blame(profile: &Profile, error: ProfileError) -> Error {
    let problem = error.to_string();
    let pattern_at = |name: &str, part: &str| {
        let mut patterns = profile.patterns.iter();
        let index = patterns.rposition(|pattern| pattern.name == name);
        index.map(|index| format!("custom_patterns[{index}].{part}"))
    };
    let path = match &error {
        ProfileError::Rules(RulesError::Pattern { rule, .. }) => {
            match rule.strip_prefix("custom.") {
                Some(name) => pattern_at(name, "pattern"),
                None => place_of(rule),
            }
        }
        ProfileError::Rules(RulesError::TooLarge(_)) => None,
        ProfileError::Allow { pattern, .. } => {
            let index = profile.allow.iter().position(|one| one == pattern);
            index.map(|index| format!("allow[{index}]"))
        }
        ProfileError::Example { name, must, .. } => pattern_at(
            name,
            match *must {
                "match" => "matches",
                _ => "misses",
            },
        ),
        ProfileError::Twice(name) => pattern_at(name, "name"),
        // Nothing that a tenant could set right.
        _ => return Error::Broken(error),
    };
    field(
        path.unwrap_or_else(|| "custom_patterns".to_owned()),
        problem,
    )
}

/// The field of a rule that is numbered from 1, as `block.3` is.
fn place_of(rule: &str) -> Option<String> {
    let (family, number) = rule.split_once('.')?;
    let index = number.parse::<usize>().ok()?.checked_sub(1)?;
    let list = match family {
        "canary" => "canaries",
        other => other,
    };
    Some(format!("{list}[{index}]"))
}

pub(crate) fn field(field: impl Into<String>, problem: impl Into<String>) -> Error {
    Error::Field {
        field: field.into(),
        problem: problem.into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(fields: Value) -> String {
        let fields = fields.as_object().cloned().unwrap();
        match merged(&Profile::default(), fields) {
            Err(Error::Field { field, .. }) => field,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_does_not_do_is_named_by_its_path() {
        let pattern = |name: &str, pattern: &str| json!({"name": name, "pattern": pattern});
        for (fields, path) in [
            (json!({"allow": ["a", "("]}), "allow[1]"),
            (json!({"block": ["a", "b", "["]}), "block[2]"),
            (json!({"block": [""]}), "block[0]"),
            (json!({"canaries": ["short"]}), "canaries[0]"),
            (
                json!({"custom_patterns": [pattern("a", "x+"), pattern("b", "(")]}),
                "custom_patterns[1].pattern",
            ),
            (
                json!({"custom_patterns": [pattern("a", "x"), pattern("a", "y")]}),
                "custom_patterns[1].name",
            ),
            (
                json!({"custom_patterns": [pattern("A b", "x")]}),
                "custom_patterns[0].name",
            ),
            (
                json!({"custom_patterns": [{"name": "a", "pattern": "E[0-9]{5}", "score": 2.0}]}),
                "custom_patterns[0].score",
            ),
            (
                json!({"custom_patterns": [
                {"name": "a", "pattern": "E[0-9]{5}", "matches": ["E12"]}]}),
                "custom_patterns[0].matches",
            ),
            (
                json!({"custom_patterns": [
                {"name": "a", "pattern": "E[0-9]{5}", "misses": ["E12345"]}]}),
                "custom_patterns[0].misses",
            ),
            (
                json!({"entities": [{"type": "jailbreak", "action": "block"}]}),
                "entities[0].type",
            ),
            (
                json!({"pii": {"types": ["email", "api_key"]}}),
                "pii.types[1]",
            ),
            (json!({"pii": {"types": ["mail"]}}), "pii.types[0]"),
            (
                json!({"entities": [{"type": "mail", "action": "block"}]}),
                "entities[0].type",
            ),
            (json!({"sensitivity": "none"}), "profile"),
            (json!({"unheard_of": 1}), "profile"),
        ] {
            assert_eq!(refused(fields.clone()), path, "{fields}");
        }
    }

    #[test]
    fn a_field_takes_the_place_of_the_one_before_and_the_others_stay() {
        let fields = json!({"allow": ["a"], "pii": {"action": "redact"}});
        let before = merged(&Profile::default(), fields.as_object().cloned().unwrap()).unwrap();
        let fields = json!({"allow": ["b"]});
        let after = merged(&before, fields.as_object().cloned().unwrap()).unwrap();
        assert_eq!(after.allow, ["b"]);
        assert_eq!(after.pii, before.pii);
    }
}
