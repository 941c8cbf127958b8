//! What was found about calls of tools that a model has proposed.

use serde::{Deserialize, Serialize};

/// A call of a tool that a model proposes, and that may not be made, or not before somebody agrees.
/// Its arguments are not told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProposalRecord {
    /// What became of it: `annotate`, `strip`, `refuse`.
    pub action: String,
    /// Why: `POLICY_DENIED`, `PARAMETER_INVALID`, `TOOL_UNKNOWN`, `APPROVAL_REQUIRED`.
    pub code: String,
    /// The rules that made it so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
    /// What the model calls the tool, as far as that is a name.
    pub tool: String,
}

impl ProposalRecord {
    /// The most that a record lists.
    pub const LISTED: usize = 100;
}
