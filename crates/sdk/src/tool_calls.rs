//! Governed calls of tools: an agent asks, runs its tool, and brings the result; or the server runs it.

mod invoked;

use std::collections::BTreeMap;

use iron_primitives::{AgentId, ApprovalId, ProjectId, RequestId, Timestamp, ToolId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::decimal::Decimal;
use crate::json_text::JsonText;
use crate::tools::{RiskLevel, ToolAccess, ToolKind};
use crate::{Dollars, words::words};

words! {
    /// What was decided of a call.
    ToolDecisionWord {
        /// It may be made.
        Allow = "allow",
        /// It may not be made.
        Deny = "deny",
        /// It may be made once somebody has agreed.
        ApprovalRequired = "approval_required",
        /// The process ended before anybody heard of it.
        Unknown = "unknown",
    }
}

words! {
    /// What came of a call that the agent ran itself.
    ToolStatus {
        /// The tool did what it was asked for.
        Success = "success",
        /// It did not.
        Error = "error",
        /// It was not run, or not to its end.
        Cancelled = "cancelled",
    }
}

words! {
    /// What came of a call that the server ran.
    ToolRunStatus {
        /// The tool did what it was asked for.
        Success = "success",
        /// It did not.
        Error = "error",
        /// It took longer than it may; whether it has done anything is not known.
        Timeout = "timeout",
    }
}

/// A call that an agent wants to make and runs itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AuthorizeToolCall {
    /// What the agent calls the tool.
    #[schema(min_length = 1, max_length = 256)]
    pub tool: String,
    /// What the tool is given; nothing, if absent. No name stands twice in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<Object>)]
    pub arguments: Option<Value>,
    /// The thread that the call belongs to; `X-IronCage-Conversation` says the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub conversation_id: Option<String>,
    /// What the client calls the run that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub execution_id: Option<String>,
    /// For whom it is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub end_user: Option<String>,
    /// What the call says of itself, for policies that ask.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
    /// The approval that an earlier answer has named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub approval_id: Option<ApprovalId>,
    /// How long to wait for people before the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 0, maximum = 300)]
    pub wait_seconds: Option<u16>,
}

/// A call that an agent wants to make and the server runs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InvokeTool {
    /// What the tool is given; nothing, if absent. No name stands twice in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<Object>)]
    pub arguments: Option<Value>,
    /// The thread that the call belongs to; `X-IronCage-Conversation` says the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub conversation_id: Option<String>,
    /// What the client calls the run that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub execution_id: Option<String>,
    /// For whom it is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub end_user: Option<String>,
    /// What the call says of itself, for policies that ask.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
    /// The approval that an earlier answer has named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub approval_id: Option<ApprovalId>,
    /// How long to wait for people before the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 0, maximum = 300)]
    pub wait_seconds: Option<u16>,
}

/// What came of a call that the agent ran itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BringToolResult {
    /// The `decision_id` that allowed it.
    #[schema(min_length = 1)]
    pub decision_id: String,
    /// What came of it.
    pub status: ToolStatus,
    /// How long the tool took, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 0, maximum = 86_400_000)]
    pub duration_ms: Option<f64>,
    /// What it gave back: a text, or any JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    pub output: Option<Value>,
}

/// What became of a call that the server runs: what was decided, and what the tool did if the call was
/// allowed.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ToolInvoked {
    /// What was decided.
    #[serde(flatten)]
    pub decided: ToolDecided,
    /// What the tool did, if the call was allowed.
    #[serde(flatten)]
    pub run: Option<ToolRunView>,
}

/// What a tool did.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ToolRunView {
    /// What came of it.
    pub status: ToolRunStatus,
    /// What went wrong; what the tool itself says of it is its output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub error: Option<String>,
    /// The status of its answer, for a tool over HTTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub http_status: Option<u16>,
    /// How long it took, in milliseconds.
    pub duration_ms: f64,
    /// What the call cost, in dollars.
    pub cost: Dollars,
    /// The same in millionths of a dollar.
    pub cost_micros: i64,
    /// What the tool gave back, as it may go on.
    #[serde(flatten)]
    pub inspected: ToolInspected,
}

/// What was decided of a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ToolDecided {
    /// What was decided.
    pub decision: ToolDecisionWord,
    /// By which the result is brought, if the call may be made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub decision_id: Option<String>,
    /// Why it was denied: `POLICY_DENIED`, `TOOL_UNKNOWN`, `PARAMETER_INVALID`, `APPROVAL_DENIED`,
    /// `APPROVAL_EXPIRED`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub code: Option<String>,
    /// Why, in words.
    pub reason: String,
    /// The rules that made it.
    pub rules: Vec<String>,
    /// What is wrong with the arguments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub violations: Vec<ToolViolation>,
    /// The approval that is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub approval_id: Option<ApprovalId>,
    /// Until when the result is taken, or until when people can agree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub expires_at: Option<Timestamp>,
    /// How many more calls the nearest rate limit admits now, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub rate_limit_remaining: Option<u32>,
    /// What the tool is to be given instead, if guardrails have changed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<Object>)]
    pub arguments: Option<Value>,
}

/// What is wrong with an argument.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ToolViolation {
    /// Where it stands: a JSON Pointer into the arguments, empty for all of them.
    pub pointer: String,
    /// The rule that it breaks: `path_traversal`, `url_private`, `sql_kind`, …
    pub rule: String,
    /// What is wrong, and what to do.
    pub message: String,
}

/// What a tool gave back, as it may go on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ToolInspected {
    /// What may go on; `null` if it was blocked, or if there was nothing.
    #[schema(value_type = Option<Value>)]
    pub output: Option<JsonText>,
    /// What became of it: `allow`, `warn`, `flag`, `redact`, `block`.
    pub verdict: String,
    /// What was found in it.
    pub findings: Vec<ToolFinding>,
}

/// One finding in what a tool gave back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ToolFinding {
    /// What it is taken for.
    #[serde(rename = "type")]
    pub entity: String,
    /// The rule that says so.
    pub rule: String,
    /// Where it begins in the UTF-8 of the output, in bytes.
    pub start_byte: u64,
    /// Where it ends, likewise.
    pub end_byte: u64,
    /// How sure it is, from 0 to 1.
    pub confidence: f64,
    /// What was done about it.
    pub action: String,
}

/// The tools that an agent may call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AvailableTools {
    /// The tools, by name.
    pub data: Vec<AvailableTool>,
}

/// A tool that an agent may call, with or without the leave of people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AvailableTool {
    /// The tool.
    pub id: ToolId,
    /// What agents call it; a `*` at the end stands for all names that begin alike.
    pub name: String,
    /// What it does.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    pub description: String,
    /// What it works on.
    pub kind: ToolKind,
    /// The JSON Schema of its arguments, if one is declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Object)]
    pub schema: Option<Value>,
    /// How bad the worst is that it can do.
    pub risk_level: RiskLevel,
    /// What it needs an agent to be.
    pub access: ToolAccess,
    /// Whether it acts, or sends something, outside the organisation.
    pub external: bool,
    /// Whether what it gives back may have been written by strangers.
    pub untrusted_output: bool,
    /// What one call costs, in US dollars.
    pub cost: Decimal,
}

/// Which calls of tools are wanted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ToolCallQuery {
    /// Page number, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1)]
    pub page: Option<u32>,
    /// Entries per page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 100)]
    pub per_page: Option<u32>,
    /// By this agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    /// Of this tool, by the name that agents use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// With this decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<ToolDecisionWord>,
    /// In this conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<String>,
    /// That began at or after this instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_date: Option<String>,
    /// That began before this instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_date: Option<String>,
}

/// A call of a tool, as its records tell of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ToolCallView {
    /// The call: `X-Request-Id` of its answer.
    pub id: RequestId,
    /// The agent.
    pub agent_id: AgentId,
    /// Its project then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub project_id: Option<ProjectId>,
    /// What the agent called the tool.
    pub tool: String,
    /// The tool that was registered for the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub tool_id: Option<ToolId>,
    /// Who ran it: `client` for the agent, `server`.
    pub mode: String,
    /// What was decided.
    pub decision: ToolDecisionWord,
    /// Why it was denied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub code: Option<String>,
    /// The rules that made the decision.
    pub rules: Vec<String>,
    /// The approval that it had, or has to wait for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub approval_id: Option<ApprovalId>,
    /// The conversation it belonged to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub conversation_id: Option<String>,
    /// What the client called the run it belonged to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub execution_id: Option<String>,
    /// How bad the worst is that the tool can do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub risk_level: Option<String>,
    /// Whether what led to it had read what strangers may have written.
    pub tainted: bool,
    /// What the nearest rate limit admits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub rate_limit: Option<u32>,
    /// How much of that was left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub rate_limit_remaining: Option<u32>,
    /// How long the arguments were, in bytes.
    pub arguments_bytes: i64,
    /// What it cost, in dollars.
    pub cost: Dollars,
    /// The same in millionths of a dollar.
    pub cost_micros: i64,
    /// When it was asked for.
    pub started_at: Timestamp,
    /// What came of it; absent until that is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub result: Option<ToolCallOutcome>,
}

/// What came of a call of a tool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ToolCallOutcome {
    /// `success`, `error`, `timeout`, `cancelled`, or `abandoned` if nobody has told in time.
    pub status: String,
    /// How long the tool took, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub duration_ms: Option<f64>,
    /// How long its output was, in bytes.
    pub output_bytes: i64,
    /// Whether something personal was found in it.
    pub personal_data: bool,
    /// Whether secrets were found in it.
    pub secrets: bool,
    /// When it was told.
    pub told_at: Timestamp,
}
