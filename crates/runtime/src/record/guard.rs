//! What guardrails found in the texts of a call, as its record tells it.

use iron_primitives::ProfileId;
use serde::{Deserialize, Serialize};

/// What guardrails found in the texts of a call: what and where, never the texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardRecord {
    /// The findings, at most [`GuardRecord::LISTED`]; what did not pass stands among them.
    pub findings: Vec<FindingRecord>,
    /// How many there were.
    pub found: u32,
    /// The profile; none for that of a new tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<ProfileId>,
    /// What became of the call: `warn`, `flag`, `redact`, `block`.
    pub verdict: String,
    /// The version of the profile.
    pub version: i64,
}

impl GuardRecord {
    /// The most findings that a record lists.
    pub const LISTED: usize = 100;
}

/// One finding of a guardrail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingRecord {
    /// Where the text came from: `user`, `tool_result`, `output`, …
    pub channel: String,
    /// Where the finding ends, in bytes of its text.
    pub end: u64,
    /// What it is taken for.
    pub entity: String,
    /// Which text of its direction it stands in, counted from 0.
    pub part: u32,
    /// The rule that found it.
    pub rule: String,
    /// How sure it is, in thousandths.
    pub score_permille: u16,
    /// `low`, `medium` or `high`, for injections.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
    /// Where it begins, in bytes of its text.
    pub start: u64,
    /// What was done: `warn`, `flag`, `redact`, `block`.
    pub verdict: String,
}
