//! Rules as people write and keep them: YAML of the words of [`Policy`].

use crate::Policy;

/// The most bytes that a text may have.
const LONGEST: usize = 1 << 20;

/// A text that is no list of rules.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct YamlError {
    /// The line, from 1.
    pub line: u64,
    /// The column, from 1.
    pub column: u64,
    /// What is wrong there, and what to do.
    pub message: String,
}

/// Reads one rule or a list of rules, strictly: no unknown words, and none twice.
///
/// What the rules say is checked by [`crate::PolicySet::compile`] and [`crate::check_examples`].
///
/// # Errors
/// Where the text is not what it should be, and which word may have been meant.
pub fn from_yaml(text: &str) -> Result<Vec<Policy>, YamlError> {
    if text.len() > LONGEST {
        return Err(YamlError {
            line: 1,
            column: 1,
            message: format!("a text of policies has at most {LONGEST} bytes; split it"),
        });
    }
    let first = text
        .lines()
        .map(str::trim_start)
        .find(|line| says_something(line));
    let read = match first {
        None => Ok(Vec::new()),
        Some(line) if line.starts_with(['-', '[']) => serde_saphyr::from_str(text),
        Some(_) => serde_saphyr::from_str(text).map(|policy| vec![policy]),
    };
    read.map_err(|error| wrong(&error))
}

/// Writes rules as [`from_yaml`] reads them.
#[must_use]
pub fn to_yaml(policies: &[Policy]) -> String {
    if policies.is_empty() {
        return "[]\n".to_owned();
    }
    serde_saphyr::to_string(&policies).unwrap_or_default()
}

/// Whether it is more than a comment, a mark of a document or nothing.
fn says_something(line: &str) -> bool {
    !(line.is_empty() || line.starts_with(['#', '%']) || line.starts_with("---"))
}

fn wrong(error: &serde_saphyr::Error) -> YamlError {
    let (line, column) = error
        .location()
        .map_or((1, 1), |at| (at.line(), at.column()));
    let message = error.without_snippet().to_string();
    let message = message.lines().next().unwrap_or_default();
    let place = format!(" at line {line}, column {column}");
    let message = message.strip_suffix(&place).unwrap_or(message);
    YamlError {
        line,
        column,
        message: with_suggestion(message),
    }
}

/// The message of a word that is not known, with the one that it is closest to.
fn with_suggestion(message: &str) -> String {
    let closest = || {
        let rest = message.strip_prefix("unknown ")?;
        let (_, rest) = rest.split_once('`')?;
        let (said, rest) = rest.split_once('`')?;
        let (_, known) = rest.split_once("expected one of ")?;
        let known = known.split(", ").map(|word| word.trim_matches('`'));
        let scored = known.map(|word| (strsim::damerau_levenshtein(said, word), word));
        let (distance, word) = scored.min()?;
        (distance <= 2).then(|| format!("unknown word `{said}`; did you mean `{word}`?"))
    };
    closest().unwrap_or_else(|| message.to_owned())
}
