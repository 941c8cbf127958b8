//! Requests for access: a key of one's own, from the budget of a team.

use crate::{BudgetAmount, Dollars, SecretText, words::words};
use iron_primitives::{AccessRequestId, AgentId, TeamId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

words! {
    /// Where a request for access stands.
    AccessStatus {
        /// Nobody has decided yet.
        Pending = "pending",
        /// The requester can claim the key.
        Approved = "approved",
        /// There is none.
        Denied = "denied",
        /// The requester has the key.
        Claimed = "claimed",
        /// It works no more, or can be claimed no more.
        Revoked = "revoked",
    }
}

words! {
    /// What is decided about several requests.
    AccessDecision {
        /// All are approved as they were asked for.
        Approve = "approve",
        /// All are denied.
        Deny = "deny",
    }
}

/// A request for access.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateAccessRequest {
    /// From whose budget.
    pub team_id: TeamId,
    /// What for.
    #[schema(min_length = 1, max_length = 1000)]
    pub use_case: String,
    /// How much a month.
    pub monthly_budget: BudgetAmount,
}

/// A team that access can be asked for in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TeamName {
    /// The team.
    pub id: TeamId,
    /// The name.
    pub name: String,
    /// What it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub description: Option<String>,
}

/// Which teams to name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TeamNameQuery {
    /// The page, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1)]
    pub page: Option<u32>,
    /// How many on a page; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 100)]
    pub per_page: Option<u32>,
    /// A part of the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(min_length = 1, max_length = 100)]
    pub name: Option<String>,
}

/// An approval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApproveAccess {
    /// How much a month; what was asked for if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<BudgetAmount>,
    /// The models that may be used; all that the team may use if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_items = 1, max_items = 100)]
    pub allowed_models: Option<Vec<String>>,
}

/// A denial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DenyAccess {
    /// Why, for the requester.
    #[schema(min_length = 1, max_length = 1000)]
    pub reason: String,
}

/// The same decision about several requests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DecideAccess {
    /// The requests.
    #[schema(min_items = 1, max_items = 100)]
    pub ids: Vec<AccessRequestId>,
    /// What is decided.
    pub decision: AccessDecision,
    /// Why, for the requesters; required for a denial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_length = 1, max_length = 1000)]
    pub reason: Option<String>,
}

/// What became of several requests, in the order in which they were named.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AccessDecided {
    /// One for each.
    pub results: Vec<AccessResult>,
    /// How many were decided.
    pub decided: u32,
}

/// What became of one of several requests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AccessResult {
    /// The request.
    pub id: AccessRequestId,
    /// Whether it was decided.
    pub ok: bool,
    /// Where it stands, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<AccessStatus>,
    /// The code of what stood in the way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub code: Option<String>,
    /// The same in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub message: Option<String>,
}

/// A request for access.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AccessRequestView {
    /// The request.
    pub id: AccessRequestId,
    /// Who asks.
    pub requester_id: UserId,
    /// From whose budget.
    pub team_id: TeamId,
    /// What the team was called when the request was made.
    pub team_name: String,
    /// What for.
    pub use_case: String,
    /// How much a month.
    pub monthly_budget: Dollars,
    /// Where it stands.
    pub status: AccessStatus,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was approved or denied; null while it is pending.
    #[schema(required = true)]
    pub decided_at: Option<Timestamp>,
    /// Who did that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub decided_by: Option<UserId>,
    /// The monthly budget that was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Dollars>,
    /// The models that may be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub allowed_models: Option<Vec<String>>,
    /// Why it was denied or revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reason: Option<String>,
    /// The personal agent that the key belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub agent_id: Option<AgentId>,
    /// When the key was claimed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub claimed_at: Option<Timestamp>,
    /// Until when the key works.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub expires_at: Option<Timestamp>,
    /// When the key was last renewed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub renewed_at: Option<Timestamp>,
    /// From when on its owner can renew the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub renewable_from: Option<Timestamp>,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub revoked_at: Option<Timestamp>,
}

/// A key, shown to whoever has asked for it, this once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AccessClaimed {
    /// The request.
    pub id: AccessRequestId,
    /// The personal agent that the key belongs to.
    pub agent_id: AgentId,
    /// The key: an IC token.
    pub token: SecretText,
    /// What OpenAI-shaped clients take as their base URL; Anthropic-shaped ones take it without
    /// `/v1`.
    pub base_url: String,
    /// How to use it.
    pub instructions: String,
    /// Until when it works.
    pub expires_at: Timestamp,
}

/// A renewed key, shown to its owner, this once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AccessRenewed {
    /// The request.
    pub id: AccessRequestId,
    /// The personal agent that the key belongs to.
    pub agent_id: AgentId,
    /// The new key: an IC token.
    pub token: SecretText,
    /// Until when it works.
    pub expires_at: Timestamp,
    /// Until when the old key works beside it; absent if that has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub previous_valid_until: Option<Timestamp>,
}

/// Which requests to list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AccessQuery {
    /// The page, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1)]
    pub page: Option<u32>,
    /// How many on a page; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 100)]
    pub per_page: Option<u32>,
    /// `created_at` or `monthly_budget`, with `-` for descending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(pattern = "^-?(created_at|monthly_budget)$")]
    pub sort: Option<String>,
    /// One or several of `pending`, `approved`, `denied`, `claimed` and `revoked`,
    /// comma-separated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(
        pattern = "^(pending|approved|denied|claimed|revoked)(, ?(pending|approved|denied|claimed|revoked))*$"
    )]
    pub status: Option<String>,
    /// The team.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team_id: Option<TeamId>,
}
