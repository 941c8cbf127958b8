//! Agents and what they are allowed.

use crate::schedules::Schedule;
use crate::{
    BudgetAmount, Dollars, Map, SecretText, Value,
    providers::{ProviderStatus, ProviderType},
    words::words,
};
use iron_primitives::{
    AgentId, IcTokenId, PeriodKind, ProjectId, ProviderId, TeamId, TenantId, Timestamp, UserId,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

words! {
    /// Whether an agent may spend.
    AgentStatus {
        /// It may.
        Active = "active",
        /// Nothing is left of its budget.
        Exhausted = "exhausted",
        /// It is switched off.
        Inactive = "inactive",
    }
}

words! {
    /// What an agent is doing.
    RuntimeState {
        /// Not started yet.
        Created = "created",
        /// On its way to running.
        Starting = "starting",
        /// Its calls are accepted.
        Running = "running",
        /// Its calls are refused until it is resumed.
        Paused = "paused",
        /// On its way to a stop.
        Stopping = "stopping",
        /// Its calls are refused until it is started.
        Stopped = "stopped",
        /// It broke and will be started again.
        Failed = "failed",
    }
}

words! {
    /// Where an agent is used.
    AgentEnvironment {
        /// In earnest.
        Prod = "prod",
        /// For a last look.
        Staging = "staging",
        /// For work on it.
        Dev = "dev",
    }
}

/// A new agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateAgent {
    /// The name, unique in the project.
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
    /// What it may spend in a period.
    pub budget: BudgetAmount,
    /// What it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 0, max_length = 500)]
    pub description: Option<String>,
    /// Its providers, the preferred one first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_items = 0, max_items = 100)]
    pub providers: Option<Vec<ProviderId>>,
    /// Labels, at most 20.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_items = 0, max_items = 20)]
    pub tags: Option<Vec<Tag>>,
    /// Settings, at most 64 KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub settings: Option<Map<String, Value>>,
    /// The project; the default one if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_id: Option<ProjectId>,
    /// The team, whose budget and policy hold for it; one of the caller's own, or any by an admin.
    /// If absent, the project's, or else the only one of a caller who is no admin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team_id: Option<TeamId>,
    /// The owner, by an admin only; the caller if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<UserId>,
    /// Where it is used; `dev` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<AgentEnvironment>,
    /// How often the budget begins anew; never if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<PeriodKind>,
    /// When, for a custom period and only for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
    /// Whether to issue the agent's token at once, by an admin only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create_ic_token: Option<bool>,
}

/// A change of an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(min_properties = 1)]
pub struct UpdateAgent {
    /// The name, unique in the project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_length = 1, max_length = 100)]
    pub name: Option<String>,
    /// What it does.
    #[serde(default, with = "crate::null", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, min_length = 0, max_length = 500)]
    pub description: Option<Option<String>>,
    /// Labels, at most 20; replaces all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_items = 0, max_items = 20)]
    pub tags: Option<Vec<Tag>>,
    /// Settings, merged by top-level key; a null removes its key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Object)]
    pub settings: Option<Map<String, Value>>,
    /// What it may spend in a period; by an admin only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub budget: Option<BudgetAmount>,
    /// How often the budget begins anew; by an admin only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub period: Option<PeriodKind>,
    /// When, for a custom period and only for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
    /// The team, whose budget and policy hold for it; null for none. By an admin only.
    #[serde(default, with = "crate::null", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<TeamId>)]
    pub team_id: Option<Option<TeamId>>,
}

/// An agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AgentView {
    /// The agent.
    pub id: AgentId,
    /// The name.
    pub name: String,
    /// What it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub description: Option<String>,
    /// The tenant.
    pub tenant_id: TenantId,
    /// The project.
    pub project_id: ProjectId,
    /// The team.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub team_id: Option<TeamId>,
    /// The owner.
    pub owner_id: UserId,
    /// What it may spend in a period.
    pub budget: Dollars,
    /// Spent in this period.
    pub spent: Dollars,
    /// The same in millionths of a dollar.
    pub spent_micros: i64,
    /// Held by calls under way or leased out.
    pub reserved: Dollars,
    /// The same in millionths of a dollar.
    pub reserved_micros: i64,
    /// `budget` less `spent`, not below zero.
    pub remaining: Dollars,
    /// The same in millionths of a dollar.
    pub remaining_micros: i64,
    /// `spent` as a part of `budget`, 0 to 100.
    pub percentage_used: f64,
    /// How often the budget begins anew.
    pub period: PeriodKind,
    /// When, if the period is a custom one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub schedule: Option<Schedule>,
    /// Its providers, the preferred one first.
    pub providers: Vec<ProviderId>,
    /// Labels.
    pub tags: Vec<String>,
    /// Settings.
    #[schema(value_type = Object)]
    pub settings: Map<String, Value>,
    /// Whether it may spend.
    pub status: AgentStatus,
    /// What it is doing.
    pub runtime_state: RuntimeState,
    /// Why it is paused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub pause_reason: Option<String>,
    /// Where it is used.
    pub environment: AgentEnvironment,
    /// Counts its changes.
    pub version: i64,
    /// Its token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub ic_token: Option<AgentToken>,
    /// What is still missing for it to work.
    pub warnings: Vec<String>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// The token of an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AgentToken {
    /// The token's record.
    pub id: IcTokenId,
    /// Its value, shown once, where it was just issued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub token: Option<SecretText>,
    /// The first 8 characters.
    pub token_prefix: String,
    /// When it was issued.
    pub created_at: Timestamp,
    /// When it was last used.
    #[schema(required = true)]
    pub last_used_at: Option<Timestamp>,
}

/// Which agents to list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AgentQuery {
    /// The page, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1)]
    pub page: Option<u32>,
    /// How many on a page; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 100)]
    pub per_page: Option<u32>,
    /// `name`, `budget`, `spent`, `created_at` or `updated_at`, with `-` for descending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(pattern = "^-?(name|budget|spent|created_at|updated_at)$")]
    pub sort: Option<String>,
    /// A part of the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(min_length = 1, max_length = 100)]
    pub name: Option<String>,
    /// One or several of `active`, `exhausted` and `inactive`, comma-separated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(pattern = "^(active|exhausted|inactive)(, ?(active|exhausted|inactive))*$")]
    pub status: Option<String>,
    /// One or several states, comma-separated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(pattern = "^(running|paused|stopped)(, ?(running|paused|stopped))*$")]
    pub runtime_state: Option<String>,
    /// Labels that it must all have, comma-separated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<String>,
    /// The project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_id: Option<ProjectId>,
    /// The team.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team_id: Option<TeamId>,
    /// The owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<UserId>,
}

/// A deleted agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AgentDeleted {
    /// The agent.
    pub id: AgentId,
    /// Always true.
    pub deleted: bool,
    /// When it was deleted.
    pub deleted_at: Timestamp,
    /// What went with it.
    pub cascade: AgentCascade,
}

/// What went with a deleted agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AgentCascade {
    /// Open budget requests that were cancelled.
    pub budget_requests: u64,
    /// Leases that were revoked.
    pub leases: u64,
    /// Tokens that were revoked.
    pub ic_tokens: u64,
    /// Providers that were taken from it.
    pub provider_assignments: u64,
    /// Checkpoints that were removed.
    pub checkpoints: u64,
    /// Schedules that were removed.
    pub schedules: u64,
}

/// How an agent is doing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AgentStatusView {
    /// The agent.
    pub agent_id: AgentId,
    /// Whether it may spend.
    pub status: AgentStatus,
    /// What it is doing.
    pub runtime_state: RuntimeState,
    /// Its budget.
    pub budget: StatusBudget,
    /// Its calls.
    pub requests: RequestCounts,
    /// When it last called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub last_request_at: Option<Timestamp>,
    /// When this was read.
    pub checked_at: Timestamp,
}

/// The budget in an agent's status.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StatusBudget {
    /// What it may spend in a period.
    pub total: Dollars,
    /// The same in millionths of a dollar.
    pub total_micros: i64,
    /// Spent in this period.
    pub spent: Dollars,
    /// The same in millionths of a dollar.
    pub spent_micros: i64,
    /// Held by calls under way or leased out.
    pub reserved: Dollars,
    /// The same in millionths of a dollar.
    pub reserved_micros: i64,
    /// `total` less `spent`, not below zero.
    pub remaining: Dollars,
    /// The same in millionths of a dollar.
    pub remaining_micros: i64,
    /// `spent` as a part of `total`, 0 to 100.
    pub percentage_used: f64,
}

/// How many calls there were.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RequestCounts {
    /// Ever.
    pub total: u64,
    /// Since 00:00 UTC.
    pub today: u64,
    /// In the last sixty minutes.
    pub last_hour: u64,
}

/// Whether an agent can work, and what it lacks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AgentHealth {
    /// The agent.
    pub agent_id: AgentId,
    /// Whether its calls are let in.
    pub live: bool,
    /// Whether a call of it could be served now.
    pub ready: bool,
    /// When this was found out.
    pub last_probe_at: Timestamp,
    /// How often it was restarted.
    pub restarts: u64,
    /// What was looked at.
    pub checks: Vec<AgentCheck>,
}

/// One thing that an agent needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AgentCheck {
    /// `state`, `status`, `budget`, `token` or `provider`.
    pub name: String,
    /// Whether it is there.
    pub ok: bool,
    /// What is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub message: Option<String>,
}

/// Why an agent is stopped, and how soon its calls end.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StopAgent {
    /// The reason, kept in the audit log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 500)]
    pub reason: Option<String>,
    /// How long calls under way may go on before they are cut; 30 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 3600)]
    pub grace_seconds: Option<u32>,
}

/// Why an agent is started, paused, resumed, restarted or killed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentAction {
    /// The reason, kept in the audit log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 500)]
    pub reason: Option<String>,
}

/// The providers of an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AssignProviders {
    /// The providers, the preferred one first; replaces all.
    #[schema(min_items = 0, max_items = 100)]
    pub providers: Vec<ProviderId>,
}

/// The providers of an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AssignedProviders {
    /// The agent.
    pub agent_id: AgentId,
    /// The providers, the preferred one first.
    pub providers: Vec<AssignedProvider>,
    /// How many there are.
    pub count: u64,
    /// What is still missing for the agent to work.
    pub warnings: Vec<String>,
}

/// One provider of an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AssignedProvider {
    /// The provider.
    pub id: ProviderId,
    /// The name.
    pub name: String,
    /// What kind of provider it is.
    pub r#type: ProviderType,
    /// The models it is limited to; empty if it is not.
    pub models: Vec<String>,
    /// Whether it is used.
    pub status: ProviderStatus,
}

/// A provider taken from an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProviderRemoved {
    /// Always true.
    pub removed: bool,
    /// The providers that are left.
    pub remaining_providers: Vec<ProviderId>,
    /// How many there are.
    pub count: u64,
}

/// One label of an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(min_length = 1, max_length = 50)]
pub struct Tag(pub String);
