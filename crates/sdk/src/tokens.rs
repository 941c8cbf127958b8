//! The tokens of agents and of users.

use crate::{Dollars, SecretText, words::words};
use iron_primitives::{AgentId, ApiTokenId, IcTokenId, ProjectId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

words! {
    /// The state of an agent's token.
    IcTokenStatus {
        /// It works.
        Active = "active",
        /// It works, and so does its former value for a while.
        Rotating = "rotating",
        /// It was revoked.
        Revoked = "revoked",
        /// Its time is over.
        Expired = "expired",
    }
}

words! {
    /// The state of a user's token.
    ApiTokenStatus {
        /// It works.
        Active = "active",
        /// It was revoked.
        Revoked = "revoked",
        /// Its time is over.
        Expired = "expired",
    }
}

/// A token for an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateToken {
    /// The agent.
    pub agent_id: AgentId,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 0, max_length = 500)]
    pub description: Option<String>,
    /// When it ends; never if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// A token of an agent, without its value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TokenView {
    /// The token's record.
    pub id: IcTokenId,
    /// The first 8 characters.
    pub token_prefix: String,
    /// The agent.
    pub agent_id: AgentId,
    /// The agent's project.
    pub project_id: ProjectId,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub description: Option<String>,
    /// Its state.
    pub status: IcTokenStatus,
    /// When it was issued.
    pub created_at: Timestamp,
    /// Who issued it.
    pub created_by: UserId,
    /// When it ends; null for never.
    #[schema(required = true)]
    pub expires_at: Option<Timestamp>,
    /// When it was last used.
    #[schema(required = true)]
    pub last_used_at: Option<Timestamp>,
    /// When its value was last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub rotated_at: Option<Timestamp>,
    /// Who changed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub rotated_by: Option<UserId>,
    /// Until when the former value works.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub previous_valid_until: Option<Timestamp>,
    /// When the former value was last used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub previous_last_used_at: Option<Timestamp>,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub revoked_at: Option<Timestamp>,
    /// What it was used for; only when one token is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub usage_summary: Option<TokenUsage>,
}

/// What a token was used for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TokenUsage {
    /// Calls ever.
    pub total_requests: u64,
    /// Cost ever.
    pub total_cost: Dollars,
    /// The same in millionths of a dollar.
    pub total_cost_micros: i64,
}

/// A new token of an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TokenCreated {
    /// The token's record.
    pub id: IcTokenId,
    /// The value, shown once.
    pub token: SecretText,
    /// The agent.
    pub agent_id: AgentId,
    /// The agent's project.
    pub project_id: ProjectId,
    /// Its state.
    pub status: IcTokenStatus,
    /// When it was issued.
    pub created_at: Timestamp,
    /// Who issued it.
    pub created_by: UserId,
    /// When it ends; null for never.
    #[schema(required = true)]
    pub expires_at: Option<Timestamp>,
}

/// A change of a token's value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateToken {
    /// How long the former value still works; 24 if absent, 0 after a leak.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 24)]
    pub grace_hours: Option<u32>,
}

/// A token with a new value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TokenRotated {
    /// The token's record.
    pub id: IcTokenId,
    /// The new value, shown once.
    pub token: SecretText,
    /// When it was changed.
    pub rotated_at: Timestamp,
    /// Who changed it.
    pub rotated_by: UserId,
    /// Until when the former value works.
    pub previous_valid_until: Timestamp,
}

/// A revoked token of an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TokenRevoked {
    /// The token's record.
    pub id: IcTokenId,
    /// Always `revoked`.
    pub status: IcTokenStatus,
    /// When it was revoked.
    pub revoked_at: Timestamp,
}

/// Which tokens to list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TokenQuery {
    /// The page, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1)]
    pub page: Option<u32>,
    /// How many on a page; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 100)]
    pub per_page: Option<u32>,
    /// `created_at`, with `-` for descending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(pattern = "^-?(created_at|expires_at|last_used_at)$")]
    pub sort: Option<String>,
    /// The project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_id: Option<ProjectId>,
    /// The agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    /// One or several states, comma-separated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(
        pattern = "^(active|rotating|revoked|expired)(, ?(active|rotating|revoked|expired))*$"
    )]
    pub status: Option<String>,
}

/// A token for the user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateApiToken {
    /// What to call it.
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 0, max_length = 500)]
    pub description: Option<String>,
    /// When it ends; never if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// A new token of a user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ApiTokenCreated {
    /// The token's record.
    pub id: ApiTokenId,
    /// The value, shown once.
    pub token: SecretText,
    /// The first 8 characters.
    pub token_prefix: String,
    /// What it is called.
    pub name: String,
    /// Whose it is.
    pub user_id: UserId,
    /// Its state.
    pub status: ApiTokenStatus,
    /// When it was issued.
    pub created_at: Timestamp,
    /// When it ends; null for never.
    #[schema(required = true)]
    pub expires_at: Option<Timestamp>,
    /// When it was last used.
    #[schema(required = true)]
    pub last_used_at: Option<Timestamp>,
}

/// A token of a user, without its value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ApiTokenView {
    /// The token's record.
    pub id: ApiTokenId,
    /// The first 8 characters.
    pub token_prefix: String,
    /// What it is called.
    pub name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub description: Option<String>,
    /// Whose it is.
    pub user_id: UserId,
    /// Its state.
    pub status: ApiTokenStatus,
    /// When it was issued.
    pub created_at: Timestamp,
    /// When it ends; null for never.
    #[schema(required = true)]
    pub expires_at: Option<Timestamp>,
    /// When it was last used.
    #[schema(required = true)]
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub revoked_at: Option<Timestamp>,
    /// What it was used for; only when one token is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub usage: Option<ApiTokenUsage>,
}

/// What a token of a user was used for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ApiTokenUsage {
    /// Requests ever.
    pub total_requests: u64,
    /// Requests since 00:00 UTC.
    pub requests_today: u64,
}

/// A revoked token of a user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ApiTokenRevoked {
    /// The token's record.
    pub id: ApiTokenId,
    /// Always `revoked`.
    pub status: ApiTokenStatus,
    /// When it was revoked.
    pub revoked_at: Timestamp,
}

/// Which tokens to list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ApiTokenQuery {
    /// The page, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1)]
    pub page: Option<u32>,
    /// How many on a page; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 100)]
    pub per_page: Option<u32>,
    /// `name`, `created_at`, `expires_at` or `last_used_at`, with `-` for descending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(pattern = "^-?(name|created_at|expires_at|last_used_at)$")]
    pub sort: Option<String>,
    /// The user, for an admin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// Whether revoked ones are listed too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include_revoked: Option<bool>,
    /// A part of the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(min_length = 1, max_length = 100)]
    pub name: Option<String>,
}
