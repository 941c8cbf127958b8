//! Documents as they were written.

use iron_primitives::{ConfigId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Document, Level};

/// What is set at one level since one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Its id.
    pub id: ConfigId,
    /// Its number at this level, from 1.
    pub version: i64,
    /// The level.
    pub level: Level,
    /// What is set.
    pub document: Document,
    /// What is different from the version before.
    pub changes: Vec<Change>,
    /// Why, in the author's words.
    pub comment: Option<String>,
    /// Who wrote it.
    pub created_by: UserId,
    /// When.
    pub created_at: Timestamp,
}

/// One difference between two documents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The name of the setting.
    pub path: String,
    /// Its value before; none if it was not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// Its value now; none if it is not set any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}
