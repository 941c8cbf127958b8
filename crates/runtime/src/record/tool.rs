//! What calls of tools leave: one record of what was decided, and one of what came of it.

use iron_journal::canonical::InOrder;
use iron_primitives::{
    AgentId, ApprovalId, IcTokenId, PoolPath, ProjectId, RequestId, TeamId, TenantId, ToolId,
    UserId,
};
use serde::{Deserialize, Serialize};

use super::{GuardRecord, HoldRecord, Sealed};

/// A call of a tool, decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolRecord {
    /// The agent.
    pub agent: AgentId,
    /// Whom it was approved by, or is to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<ApprovalId>,
    /// What the tool was given, masked, at most [`ToolRecord::SHOWN_BYTES`] of it, sealed under the
    /// key of the end user, or else of the agent's owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arguments: Option<Sealed>,
    /// How many bytes it was.
    pub arguments_bytes: u64,
    /// Keyed hash (HMAC-SHA256, hexadecimal) of it.
    pub arguments_hash: String,
    /// What was held and settled, in the form in which calls of models say it; empty if the call
    /// got no further than a refusal.
    pub attempts: Vec<ToolAttempt>,
    /// The call.
    pub call: RequestId,
    /// The thread the client says it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<String>,
    /// What it cost, in nano-dollars.
    pub cost_nanos: i64,
    /// The classes of data that the tool gives access to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data_class: Vec<String>,
    /// What was decided.
    pub decision: ToolDecision,
    /// The end user behind the call, sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_user: Option<Sealed>,
    /// When the record was closed, in microseconds since 1970.
    pub ended_at_us: i64,
    /// `prod`, `staging` or `dev`, if the agent says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// What the client calls the run that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution: Option<String>,
    /// The format of the record.
    pub format: u32,
    /// What guardrails found in arguments and output, if they found something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard: Option<GuardRecord>,
    /// What this is: `tool`.
    pub kind: ToolKind,
    /// Who runs the tool.
    pub mode: ToolMode,
    /// The address that asked, sealed under the key of the agent's owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Sealed>,
    /// Whether guardrails found something personal.
    pub personal: bool,
    /// The pool that the agent shared, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<PoolPath>,
    /// The project.
    pub project: ProjectId,
    /// How its nearest rate limit stands after it, if it has any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<RateRecord>,
    /// The number under which the client knows the request, if it gave one itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestId>,
    /// How bad the worst is that the tool can do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk_level: Option<String>,
    /// Whether guardrails found secrets.
    pub secrets: bool,
    /// When the request arrived, in microseconds since 1970.
    pub started_at_us: i64,
    /// The client's own labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Whether what led to it has read what strangers may have written.
    pub tainted: bool,
    /// The agent's team, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<TeamId>,
    /// The tenant.
    pub tenant: TenantId,
    /// The token that was presented.
    pub token: IcTokenId,
    /// What the agent calls the tool.
    pub tool: String,
    /// The tool that is registered for that name, if one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_id: Option<ToolId>,
    /// The W3C trace id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
    /// Whether the tool gives back what strangers may have written.
    pub untrusted: bool,
    /// The user who owns the agent.
    pub user: UserId,
}

impl InOrder for ToolRecord {}

impl ToolRecord {
    /// The most bytes of arguments that a record shows.
    pub const SHOWN_BYTES: usize = 4_096;
}

/// What came of a call of a tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolResultRecord {
    /// The agent.
    pub agent: AgentId,
    /// The call that it is the result of.
    pub call: RequestId,
    /// The format of the record.
    pub format: u32,
    /// What guardrails found in the output, if they found something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard: Option<GuardRecord>,
    /// What this is: `tool_result`.
    pub kind: ToolResultKind,
    /// Whether guardrails found something personal.
    pub personal: bool,
    /// The project.
    pub project: ProjectId,
    /// The request that brought it.
    pub request: RequestId,
    /// What came of the call.
    pub result: ToolOutcome,
    /// Whether guardrails found secrets.
    pub secrets: bool,
    /// When the result arrived, in microseconds since 1970.
    pub started_at_us: i64,
    /// The agent's team, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<TeamId>,
    /// The tenant.
    pub tenant: TenantId,
    /// The token that was presented.
    pub token: IcTokenId,
    /// What the agent calls the tool.
    pub tool: String,
    /// The user who owns the agent.
    pub user: UserId,
}

impl InOrder for ToolResultRecord {}

/// Says that a record is about a call of a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolKind {
    /// A call of a tool.
    Tool,
}

/// Says that a record is about the result of a call of a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolResultKind {
    /// The result of a call of a tool.
    ToolResult,
}

/// Who runs a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolMode {
    /// The agent, where it runs itself.
    Client,
    /// The runtime that decided on the call.
    Server,
}

/// What was held for a call of a tool, and what it was settled at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolAttempt {
    /// What was held.
    pub hold: HoldRecord,
    /// What it cost, in nano-dollars.
    pub settled_nanos: i64,
}

/// What was decided of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolDecision {
    /// Why it was denied: `POLICY_DENIED`, `PARAMETER_INVALID`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// `allow`, `deny` or `approval_required`; `unknown` if the process ended with it under way.
    pub effect: String,
    /// The rules that made the decision, or the checks that the arguments failed.
    pub rules: Vec<String>,
}

/// How a rate limit stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateRecord {
    /// How many calls it admits.
    pub limit: u32,
    /// How many more it admits now.
    pub remaining: u32,
}

/// What came of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolOutcome {
    /// How long the tool took, in microseconds, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_us: Option<u64>,
    /// How many bytes it gave back.
    pub output_bytes: u64,
    /// Keyed hash (HMAC-SHA256, hexadecimal) of what it gave back, if it gave something back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_hash: Option<String>,
    /// `success`, `error`, `timeout` or `cancelled`; `abandoned` if nobody has told in time.
    pub status: String,
}
