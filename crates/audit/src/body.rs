//! The bodies of records, as far as this crate must understand them.

use iron_journal::Record;
use iron_primitives::{
    AgentId, ApprovalId, AuditId, IcTokenId, LeaseId, Money, ProjectId, ProviderId, RequestId,
    TeamId, TenantId, ToolId, UserId,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::entry::Changes;
use crate::subject::Sealed;
use crate::violations::GuardFacts;

/// The body of a record about a change in the control plane.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct EntryBody {
    pub(crate) action: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) agent: Option<AgentId>,
    pub(crate) at_us: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) credential: Option<String>,
    /// Parameters and changes, sealed under the key of whom they are about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) details: Option<Sealed>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) endpoint: Option<String>,
    pub(crate) format: u32,
    pub(crate) id: AuditId,
    pub(crate) kind: EntryKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) method: Option<String>,
    /// Address and program, sealed under the key of whoever acts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) origin: Option<Sealed>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) request: Option<RequestId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) resource_id: Option<String>,
    pub(crate) resource_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) role: Option<String>,
    pub(crate) status_code: u16,
    pub(crate) tenant: TenantId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) trace: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<UserId>,
}

/// Says that a record is about a change in the control plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EntryKind {
    Audit,
}

/// What is sealed of where an action came from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OriginFacts {
    pub(crate) ip: Option<String>,
    pub(crate) user_agent: Option<String>,
}

/// What is sealed of what was done.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Details {
    pub(crate) parameters: Value,
    pub(crate) changes: Option<Changes>,
}

/// What is read of the record of a governed call; the rest of it stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct CallFacts {
    pub(crate) agent: AgentId,
    #[serde(default)]
    pub(crate) attempts: Vec<AttemptFacts>,
    pub(crate) call: RequestId,
    #[serde(default)]
    pub(crate) cost_nanos: i64,
    pub(crate) ended_at_us: i64,
    /// In which language the caller spoke.
    #[serde(default)]
    pub(crate) dialect: String,
    #[serde(default)]
    pub(crate) environment: Option<String>,
    /// What guardrails found in its texts.
    #[serde(default)]
    pub(crate) guard: Option<GuardFacts>,
    kind: CallKind,
    #[serde(default)]
    pub(crate) model: Option<String>,
    pub(crate) outcome: String,
    /// The caller's name of the conversation.
    #[serde(default)]
    pub(crate) conversation: Option<String>,
    /// For whom the agent called.
    #[serde(default)]
    pub(crate) end_user: Option<EndUserFacts>,
    /// The lease of the budget protocol that paid for it.
    #[serde(default)]
    path_lease: Option<LeaseId>,
    #[serde(default)]
    pub(crate) refusal: Option<RefusalFacts>,
    /// It was told of.
    #[serde(default)]
    pub(crate) reported: Option<ReportedFacts>,
    /// The project of the agent.
    #[serde(default)]
    pub(crate) project: Option<ProjectId>,
    pub(crate) started_at_us: i64,
    #[serde(default)]
    pub(crate) status: u16,
    #[serde(default)]
    pub(crate) team: Option<TeamId>,
    pub(crate) token: IcTokenId,
    #[serde(default)]
    pub(crate) tokens: TokenFacts,
    /// The owner of the agent.
    #[serde(default)]
    pub(crate) user: Option<UserId>,
}

/// What is read of why a call was refused.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct RefusalFacts {
    #[serde(default)]
    pub(crate) reason: String,
}

/// What is read of an end user.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct EndUserFacts {
    /// Tells end users of a tenant apart.
    pub(crate) digest: String,
}

/// What is read of how a call was told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) struct ReportedFacts {
    /// What it was called in the outbox.
    pub(crate) entry: AuditId,
}

/// Says that a record is about a governed call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum CallKind {
    Call,
}

/// What is read of the record of a call of a tool.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct ToolFacts {
    pub(crate) agent: AgentId,
    #[serde(default)]
    pub(crate) approval: Option<ApprovalId>,
    #[serde(default)]
    pub(crate) arguments_bytes: u64,
    pub(crate) call: RequestId,
    #[serde(default)]
    pub(crate) conversation: Option<String>,
    #[serde(default)]
    pub(crate) cost_nanos: i64,
    pub(crate) decision: DecisionFacts,
    pub(crate) ended_at_us: i64,
    #[serde(default)]
    pub(crate) end_user: Option<EndUserFacts>,
    #[serde(default)]
    pub(crate) environment: Option<String>,
    #[serde(default)]
    pub(crate) execution: Option<String>,
    #[serde(default)]
    pub(crate) guard: Option<GuardFacts>,
    kind: ToolKind,
    pub(crate) mode: String,
    #[serde(default)]
    pub(crate) project: Option<ProjectId>,
    #[serde(default)]
    pub(crate) rate: Option<RateFacts>,
    #[serde(default)]
    pub(crate) risk_level: Option<String>,
    pub(crate) started_at_us: i64,
    #[serde(default)]
    pub(crate) tainted: bool,
    #[serde(default)]
    pub(crate) team: Option<TeamId>,
    pub(crate) token: IcTokenId,
    pub(crate) tool: String,
    #[serde(default)]
    pub(crate) tool_id: Option<ToolId>,
    #[serde(default)]
    pub(crate) untrusted: bool,
    #[serde(default)]
    pub(crate) user: Option<UserId>,
}

/// What is read of what was decided.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct DecisionFacts {
    #[serde(default)]
    pub(crate) code: Option<String>,
    pub(crate) effect: String,
    #[serde(default)]
    pub(crate) rules: Vec<String>,
}

/// What is read of a rate limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) struct RateFacts {
    pub(crate) limit: u32,
    pub(crate) remaining: u32,
}

/// What is read of what came of a call of a tool.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct ResultFacts {
    #[serde(default)]
    pub(crate) duration_us: Option<u64>,
    #[serde(default)]
    pub(crate) output_bytes: u64,
    pub(crate) status: String,
}

/// What is read of the record of the result of a call of a tool.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct ToolResultFacts {
    pub(crate) agent: AgentId,
    pub(crate) call: RequestId,
    #[serde(default)]
    pub(crate) guard: Option<GuardFacts>,
    kind: ToolResultKind,
    #[serde(default)]
    pub(crate) personal: bool,
    #[serde(default)]
    pub(crate) project: Option<ProjectId>,
    pub(crate) result: ResultFacts,
    #[serde(default)]
    pub(crate) secrets: bool,
    pub(crate) started_at_us: i64,
    #[serde(default)]
    pub(crate) team: Option<TeamId>,
    #[serde(default)]
    pub(crate) user: Option<UserId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ToolKind {
    Tool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ToolResultKind {
    ToolResult,
}

/// What is read of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct AttemptFacts {
    pub(crate) provider: ProviderId,
    #[serde(default)]
    pub(crate) dispatched_at_us: Option<i64>,
    /// How it ended.
    #[serde(default)]
    pub(crate) ended: String,
    #[serde(default)]
    number: u32,
    #[serde(default)]
    pub(crate) settled_nanos: i64,
}

/// What is read of the token counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct TokenFacts {
    cache_read: u64,
    cache_write_1h: u64,
    cache_write_5m: u64,
    input: u64,
    input_audio: u64,
    output: u64,
    output_audio: u64,
    input_image: u64,
    output_image: u64,
    /// The part of `output` that was reasoning.
    reasoning: u64,
}

impl TokenFacts {
    pub(crate) fn input_total(&self) -> i64 {
        let all = [
            self.input,
            self.cache_read,
            self.cache_write_5m,
            self.cache_write_1h,
            self.input_audio,
            self.input_image,
        ];
        sum(&all)
    }

    pub(crate) fn cached(&self) -> i64 {
        sum(&[self.cache_read])
    }

    pub(crate) fn reasoning(&self) -> i64 {
        sum(&[self.reasoning])
    }

    pub(crate) fn output_total(&self) -> i64 {
        sum(&[self.output, self.output_audio, self.output_image])
    }
}

fn sum(counts: &[u64]) -> i64 {
    let total = counts
        .iter()
        .fold(0_u64, |total, count| total.saturating_add(*count));
    i64::try_from(total).unwrap_or(i64::MAX)
}

/// A record on its way into the database.
#[derive(Debug)]
pub struct Item {
    /// The record.
    pub record: Record,
    pub(crate) body: Body,
}

/// What a record is about.
#[derive(Debug)]
pub(crate) enum Body {
    Call(Box<CallFacts>),
    Entry(Box<EntryBody>),
    Tool(Box<ToolFacts>),
    ToolResult(Box<ToolResultFacts>),
    /// Another kind; kept in the journal, not projected here.
    Other,
    /// The body does not have the shape of its kind.
    Malformed(String),
}

#[derive(Deserialize)]
struct KindOf<'a> {
    #[serde(borrow, default)]
    kind: Option<std::borrow::Cow<'a, str>>,
}

impl Item {
    /// Reads the body of a record, leniently: unknown fields are passed over.
    pub(crate) fn read(record: Record) -> Item {
        let bytes = record.body();
        // Nearly every record is one of a call, and reading it twice would cost as much again.
        if let Ok(call) = serde_json::from_slice(bytes) {
            let body = Body::Call(call);
            return Item { record, body };
        }
        let kind = serde_json::from_slice::<KindOf<'_>>(bytes)
            .ok()
            .and_then(|body| body.kind);
        let body = match kind.as_deref() {
            Some("call") => serde_json::from_slice(bytes).map(Body::Call),
            Some("audit") => serde_json::from_slice(bytes).map(Body::Entry),
            Some("tool") => serde_json::from_slice(bytes).map(Body::Tool),
            Some("tool_result") => serde_json::from_slice(bytes).map(Body::ToolResult),
            _ => Ok(Body::Other),
        };
        let body = body.unwrap_or_else(|error| Body::Malformed(error.to_string()));
        Item { record, body }
    }

    /// The agent whose governed call it is, if it is one.
    pub fn agent_called(&self) -> Option<AgentId> {
        match &self.body {
            Body::Call(call) => Some(call.agent),
            _ => None,
        }
    }

    /// The call and what each of its attempts has cost, if a lease of the budget protocol paid for
    /// it and a gateway of ours has measured it.
    pub fn paid_by_pass(&self) -> Option<(RequestId, Vec<(u32, Money)>)> {
        let Body::Call(call) = &self.body else {
            return None;
        };
        if call.path_lease.is_none() || call.reported.is_some() {
            return None;
        }
        let costs = call.attempts.iter();
        let costs = costs.map(|one| (one.number, Money::from_nanos(one.settled_nanos)));
        Some((call.call, costs.collect()))
    }

    /// The token that was presented and when the call was closed (microseconds since 1970), if
    /// the record is one of a governed call.
    pub fn token_used(&self) -> Option<(IcTokenId, i64)> {
        match &self.body {
            Body::Call(call) => Some((call.token, call.ended_at_us)),
            Body::Tool(call) => Some((call.token, call.ended_at_us)),
            _ => None,
        }
    }
}
