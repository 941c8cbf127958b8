//! Approvals: tool calls that people decide about.

use crate::{Dollars, words::words};
use iron_primitives::{AgentId, ApprovalId, ChannelId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

words! {
    /// Where an approval stands.
    ApprovalStatus {
        /// Nobody, or not enough people, have decided yet.
        Pending = "pending",
        /// The call may be made, once.
        Approved = "approved",
        /// It may not.
        Denied = "denied",
        /// Nobody decided in time: it may not.
        Expired = "expired",
    }
}

words! {
    /// How much harm a call can do.
    RiskLevel {
        /// Hardly any.
        Low = "low",
        /// Some.
        Medium = "medium",
        /// Much.
        High = "high",
        /// More than can be undone.
        Critical = "critical",
    }
}

words! {
    /// What somebody says to an approval.
    ApprovalVerdict {
        /// Yes.
        Approve = "approve",
        /// No.
        Deny = "deny",
    }
}

/// Leave for the call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApproveApproval {
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_length = 1, max_length = 1000)]
    pub comment: Option<String>,
}

/// No leave for the call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DenyApproval {
    /// Why.
    #[schema(min_length = 1, max_length = 1000)]
    pub reason: String,
}

/// What a webhook sends back, signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AnswerApproval {
    /// The approval, as in the path.
    pub approval_id: ApprovalId,
    /// The notification channel with whose secret it is signed.
    pub channel_id: ChannelId,
    /// What was decided.
    pub decision: ApprovalVerdict,
    /// Who has decided: the e-mail address of a user who may.
    #[schema(min_length = 3, max_length = 254)]
    pub actor: String,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_length = 1, max_length = 1000)]
    pub comment: Option<String>,
}

/// The token in the link of a letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ApprovalLinkQuery {
    /// The token.
    #[param(min_length = 1, max_length = 100)]
    pub token: String,
}

/// What the page behind the link of a letter sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApprovalLinkForm {
    /// The token.
    pub token: String,
    /// What was decided.
    pub decision: ApprovalVerdict,
    /// Why.
    #[serde(default)]
    pub comment: Option<String>,
}

/// What Slack sends when somebody presses a button.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SlackAction {
    /// JSON, as Slack documents it.
    pub payload: String,
}

/// Which approvals are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ApprovalQuery {
    /// The page, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1)]
    pub page: Option<u32>,
    /// How many on a page; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 100)]
    pub per_page: Option<u32>,
    /// `created_at` or `expires_at`, with `-` before it for descending; the newest first if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sort: Option<String>,
    /// One or several of `pending`, `approved`, `denied` and `expired`, comma-separated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Of this agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
}

/// What one person has said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApprovalDecision {
    /// Who.
    pub user_id: UserId,
    /// What.
    pub decision: ApprovalVerdict,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub comment: Option<String>,
    /// By which way: `api`, `link` or the id of a notification channel.
    pub via: String,
    /// When.
    pub decided_at: Timestamp,
}

/// A tool call that people decide about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ApprovalView {
    /// The approval.
    pub id: ApprovalId,
    /// Who wants to call.
    pub agent_id: AgentId,
    /// What it was called when it asked.
    pub agent_name: String,
    /// Whose agent it is.
    pub requester: UserId,
    /// The execution it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub execution_id: Option<String>,
    /// The conversation it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub conversation_id: Option<String>,
    /// The tool.
    pub tool: String,
    /// What it is called with, secrets masked.
    pub arguments: serde_json::Value,
    /// By which the very same call is known again.
    pub arguments_hash: String,
    /// How much harm it can do.
    pub risk_level: RiskLevel,
    /// The rules that ask for the approval.
    pub rules: Vec<String>,
    /// What the call costs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Dollars>,
    /// The same in micro-dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub cost_micros: Option<i64>,
    /// Where it stands.
    pub status: ApprovalStatus,
    /// Who may decide beside the admins: users, addresses, roles.
    pub approvers: Vec<String>,
    /// How many different people have to approve.
    pub quorum: u32,
    /// Whether the requester may not decide.
    pub forbid_own: bool,
    /// What people have said, the first one first.
    pub decisions: Vec<ApprovalDecision>,
    /// The notification channels by which people were told.
    pub channels: Vec<ChannelId>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// Until when it can be decided.
    pub expires_at: Timestamp,
    /// When it was decided, or ran out; null while it is pending.
    #[schema(required = true)]
    pub decided_at: Option<Timestamp>,
    /// Who denied, or approved last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub decided_by: Option<UserId>,
    /// What the one who decided has said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub comment: Option<String>,
    /// Until when the approved call can be made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub grant_expires_at: Option<Timestamp>,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub redeemed_at: Option<Timestamp>,
}
