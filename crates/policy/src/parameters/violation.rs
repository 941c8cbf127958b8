use std::fmt;

use serde::Serialize;

/// What is wrong with one argument.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// Where it stands in the arguments: a JSON Pointer (RFC 6901), empty for all of them.
    pub pointer: String,
    /// The rule that it breaks. Stable: `path_traversal`, `url_private`, `sql_kind`.
    pub rule: &'static str,
    /// What is wrong and what to do, with at most a short piece of the argument in it.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pointer.as_str() {
            "" => f.write_str(&self.message),
            pointer => write!(f, "`{pointer}`: {}", self.message),
        }
    }
}

/// A rule that a value breaks, before it is known where the value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Broken {
    pub(super) rule: &'static str,
    pub(super) message: String,
}

impl Broken {
    pub(super) fn new(rule: &'static str, message: impl Into<String>) -> Self {
        Broken {
            rule,
            message: message.into(),
        }
    }

    pub(super) fn at(self, pointer: String) -> Violation {
        Violation {
            pointer,
            rule: self.rule,
            message: self.message,
        }
    }
}

const MOST_QUOTED: usize = 60;

/// The beginning of a text, in backticks, with what cannot be seen made visible.
pub(super) fn quoted(text: &str) -> String {
    let mut shown = String::from("`");
    for (count, symbol) in text.chars().enumerate() {
        if count == MOST_QUOTED {
            shown.push('…');
            break;
        }
        if symbol.is_control() || super::characters::is_invisible(symbol) || symbol == '`' {
            shown.extend(symbol.escape_unicode());
        } else {
            shown.push(symbol);
        }
    }
    shown.push('`');
    shown
}
