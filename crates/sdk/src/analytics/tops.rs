//! Who and what comes first, how budgets stand, where things go.

use iron_primitives::{AgentId, ProviderId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Measure;
use crate::lists::Pagination;
use crate::{Dollars, words::words};

/// The first of whom.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TopQuery {
    /// By what; `cost` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub by: Option<Measure>,
    /// How many; 10 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<u32>,
}

/// Which page.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ReportPage {
    /// The page, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1)]
    pub page: Option<u32>,
    /// How many on a page; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 100)]
    pub per_page: Option<u32>,
}

/// What all of them come to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TopSummary {
    /// By what they are ordered.
    #[schema(inline)]
    pub by: Measure,
    /// What all come to, also those that are not told.
    pub total: i64,
}

/// One of the first agents.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TopAgent {
    /// Its place, from 1.
    pub rank: u32,
    /// The agent.
    pub agent_id: AgentId,
    /// Its name; absent if it is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub agent_name: Option<String>,
    /// What it comes to: millionths of a dollar, tokens, or calls.
    pub value: i64,
    /// Its percentage of what all come to.
    pub share_percentage: f64,
}

/// One of the first users: what agents came to while he owned them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TopUser {
    /// The place, from 1.
    pub rank: u32,
    /// The user.
    pub user_id: UserId,
    /// What they come to: millionths of a dollar, tokens, or calls.
    pub value: i64,
    /// The percentage of what all come to.
    pub share_percentage: f64,
}

/// What one model at one provider came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BreakdownRow {
    /// The provider; absent for calls that reached none, and for tools.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub provider_id: Option<ProviderId>,
    /// The model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub model: Option<String>,
    /// What was billed.
    pub cost: Dollars,
    /// The same in millionths of a dollar.
    pub cost_micros: i64,
    /// Calls that ended there.
    pub request_count: i64,
    /// Tokens in and out.
    pub tokens: i64,
    /// Its percentage of all costs.
    pub share_percentage: f64,
    /// How many agents have used it.
    pub agent_count: u32,
}

/// What all came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BreakdownSummary {
    /// What was billed.
    pub total_cost: Dollars,
    /// The same in millionths of a dollar.
    pub total_cost_micros: i64,
    /// Calls.
    pub total_requests: i64,
}

words! {
    /// How near an agent is to the end of its budget.
    BudgetRisk {
        /// Under 50 % are used.
        Low = "low",
        /// Under 80 %.
        Medium = "medium",
        /// Under 95 %.
        High = "high",
        /// Under 100 %.
        Critical = "critical",
        /// Nothing is left.
        Exhausted = "exhausted",
    }
}

/// Whose budgets.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct UtilizationQuery {
    /// Only agents that have used at least so many percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 0, maximum = 100)]
    pub threshold: Option<u8>,
    /// Only this agent's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    /// Only those of agents of this project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_id: Option<iron_primitives::ProjectId>,
    /// Only those of agents of this team.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team_id: Option<iron_primitives::TeamId>,
    /// Only those of agents of this user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
}

/// How the budgets of agents stand in their present periods, the most used first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Utilization {
    /// The budgets of this page.
    pub data: Vec<UtilizationRow>,
    /// Where in all of them this is.
    pub pagination: Pagination,
    /// How many there are of each risk.
    pub summary: RiskCounts,
    /// When it was looked.
    pub calculated_at: Timestamp,
}

/// How the budget of an agent stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UtilizationRow {
    /// The agent.
    pub agent_id: AgentId,
    /// Its name.
    pub agent_name: String,
    /// Its budget; absent if it has no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub budget: Option<Dollars>,
    /// What is spent.
    pub spent: Dollars,
    /// The same in millionths of a dollar.
    pub spent_micros: i64,
    /// What is left; absent if there is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub remaining: Option<Dollars>,
    /// The percentage that is spent.
    pub percentage_used: f64,
    /// How much is used, in one word.
    pub status: crate::limits::BudgetStatus,
    /// How near the end is.
    #[schema(inline)]
    pub risk: BudgetRisk,
}

/// How many budgets there are of each risk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct RiskCounts {
    /// Under 50 % are used.
    pub low: u64,
    /// Under 80 %.
    pub medium: u64,
    /// Under 95 %.
    pub high: u64,
    /// Under 100 %.
    pub critical: u64,
    /// Nothing is left.
    pub exhausted: u64,
}

words! {
    /// How long the windows are that are compared.
    TrendWindow {
        /// Seven days, today included.
        Week = "7d",
        /// Thirty days.
        Month = "30d",
        /// Ninety days.
        Quarter = "90d",
    }
}

/// Which trend.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TrendQuery {
    /// Of what; `cost` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub metric: Option<Measure>,
    /// Over which time; `30d` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub window: Option<TrendWindow>,
    /// In which time zone days begin; `UTC` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(min_length = 1, max_length = 64)]
    pub timezone: Option<String>,
    /// Only that of this agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    /// Only that of this provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_id: Option<ProviderId>,
    /// Only that of this project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_id: Option<iron_primitives::ProjectId>,
    /// Only that of agents of this user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// Only that of this team.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team_id: Option<iron_primitives::TeamId>,
}

/// How something goes from day to day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TrendView {
    /// Of what.
    #[schema(inline)]
    pub metric: Measure,
    /// Over which time.
    #[schema(inline)]
    pub window: TrendWindow,
    /// The days, the earliest first.
    pub points: Vec<TrendPoint>,
    /// What they come to.
    pub total: i64,
    /// What as many days before them came to.
    pub previous_total: i64,
    /// By how many percent there is more of it now, less than 0 if there is less; absent if there was
    /// none before. Today counts as far as it has come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub change_percentage: Option<f64>,
    /// Of what it is.
    pub meta: super::ReportMeta,
}

/// One day of a trend.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TrendPoint {
    /// When the day begins.
    pub start: Timestamp,
    /// What it came to: millionths of a dollar, tokens, or calls.
    pub value: i64,
    /// The mean of it and the six days before.
    pub moving_average: f64,
}
