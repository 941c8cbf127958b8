//! The order of lists: by the moment of making. Things of one moment are ordered by their ids, which
//! say nothing else.

use iron_primitives::Timestamp;
use iron_runtime::custody::{AskFiles, FilePlace};
use iron_store::{Select, Sort, ToColumn as _};

const BEFORE: &str = "(created_at < ? OR (created_at = ? AND original < ?))";
const AFTER: &str = "(created_at > ? OR (created_at = ? AND original > ?))";

/// What comes behind a thing that was made at an instant, in the order that is asked for.
pub(crate) fn behind(select: Select, ask: &AskFiles, place: &FilePlace, at: Timestamp) -> Select {
    let further = if ask.newest_first { BEFORE } else { AFTER };
    let original = place.original.as_str();
    let values = vec![at.to_column(), at.to_column(), original.to_column()];
    select.filter_with(further, values)
}

/// The order that is asked for.
pub(crate) fn sorted(select: Select, ask: &AskFiles) -> Select {
    let sort = match ask.newest_first {
        true => Sort::descending("created_at"),
        false => Sort::ascending("created_at"),
    };
    select.sort(sort, "original")
}
