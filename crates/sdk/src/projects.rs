//! The projects of a tenant.

use crate::{BudgetAmount, Dollars, Map, Value};
use iron_primitives::{ProjectId, TeamId, TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A new project.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateProject {
    /// The name, unique in the tenant.
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 0, max_length = 500)]
    pub description: Option<String>,
    /// The team it belongs to, as new agents in it do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team_id: Option<TeamId>,
    /// Who pays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 100)]
    pub cost_center: Option<String>,
    /// The project's budget.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<BudgetAmount>,
    /// Settings of the project's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub settings: Option<Map<String, Value>>,
}

/// A change of a project.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(min_properties = 1)]
pub struct UpdateProject {
    /// The name, unique in the tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_length = 1, max_length = 100)]
    pub name: Option<String>,
    /// What it is for.
    #[serde(default, with = "crate::null", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, min_length = 0, max_length = 500)]
    pub description: Option<Option<String>>,
    /// The team it belongs to, as new agents in it do; null for none. Agents that are there stay
    /// where they are.
    #[serde(default, with = "crate::null", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<TeamId>)]
    pub team_id: Option<Option<TeamId>>,
    /// Who pays.
    #[serde(default, with = "crate::null", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 100)]
    pub cost_center: Option<Option<String>>,
    /// What all its agents together may spend; null for no limit. By who may set budgets only.
    #[serde(default, with = "crate::null", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<BudgetAmount>)]
    pub budget: Option<Option<BudgetAmount>>,
    /// Settings, merged by top-level key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Object)]
    pub settings: Option<Map<String, Value>>,
}

/// A project.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProjectView {
    /// The project.
    pub id: ProjectId,
    /// The tenant.
    pub tenant_id: TenantId,
    /// The name.
    pub name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub description: Option<String>,
    /// The team it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub team_id: Option<TeamId>,
    /// Who pays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub cost_center: Option<String>,
    /// How many agents it has.
    pub agent_count: u64,
    /// The budget, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub budget: Option<Dollars>,
    /// Spent in this period.
    pub spent: Dollars,
    /// The same in millionths of a dollar.
    pub spent_micros: i64,
    /// Settings of the project's own.
    #[schema(value_type = Object)]
    pub settings: Map<String, Value>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A deleted project.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProjectDeleted {
    /// The project.
    pub id: ProjectId,
    /// Always true.
    pub deleted: bool,
    /// When it was deleted.
    pub deleted_at: Timestamp,
}

/// Which projects to list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ProjectQuery {
    /// The page, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1)]
    pub page: Option<u32>,
    /// How many on a page; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 100)]
    pub per_page: Option<u32>,
    /// `name` or `created_at`, with `-` for descending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(pattern = "^-?(name|created_at|updated_at)$")]
    pub sort: Option<String>,
    /// A part of the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(min_length = 1, max_length = 100)]
    pub name: Option<String>,
}
