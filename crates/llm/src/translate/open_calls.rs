//! Calls of tools and their results, for providers that want each call answered in the very next turn.

use std::collections::BTreeSet;

use super::Error;
use crate::canonical::{Part, Turn};

/// The ids of the calls in a turn.
///
/// # Errors
/// Two calls with one id.
pub(super) fn calls(turn: &Turn) -> Result<BTreeSet<String>, Error> {
    let mut ids = BTreeSet::new();
    for part in &turn.parts {
        if let Part::ToolCall { id, .. } = part
            && !ids.insert(id.clone())
        {
            return Err(Error::Invalid {
                field: turn.field.clone(),
                problem: format!("two tool calls have the id `{id}`"),
            });
        }
    }
    Ok(ids)
}

/// Demands that no call is left without a result where this turn begins, or behind its results.
///
/// # Errors
/// The first call that is.
pub(super) fn check_answered(first_open: Option<&str>, turn: &Turn) -> Result<(), Error> {
    match first_open {
        None => Ok(()),
        Some(id) => Err(Error::Invalid {
            field: turn.field.clone(),
            problem: format!("the tool call `{id}` before it has no result"),
        }),
    }
}
