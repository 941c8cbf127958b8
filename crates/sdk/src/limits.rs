//! Budget limits and what is left of them.

use crate::schedules::Schedule;
use crate::{BudgetAmount, Dollars, lists::Pagination, words::words};
use iron_primitives::{AgentId, BudgetRequestId, PeriodKind, ProjectId, TeamId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

words! {
    /// How much of a budget is used.
    BudgetStatus {
        /// Less than 90 %.
        Ok = "ok",
        /// 90 % or more.
        Warning = "warning",
        /// All of it.
        Exhausted = "exhausted",
    }
}

words! {
    /// What becomes of an agent whose own budget is spent.
    HardAction {
        /// It is paused until there is money again.
        Pause = "pause",
        /// It is killed.
        Kill = "kill",
    }
}

/// A budget.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BudgetView {
    /// The agent, if it is an agent's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub agent_id: Option<AgentId>,
    /// The user, if it is a user's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub user_id: Option<UserId>,
    /// The project, if it is a project's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub project_id: Option<ProjectId>,
    /// The team, if it is a team's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub team_id: Option<TeamId>,
    /// The limit; null if there is none.
    #[schema(required = true)]
    pub budget: Option<Dollars>,
    /// The same in millionths of a dollar.
    #[schema(required = true)]
    pub budget_micros: Option<i64>,
    /// Spent in this period.
    pub spent: Dollars,
    /// The same in millionths of a dollar.
    pub spent_micros: i64,
    /// Held by calls under way or leased out.
    pub reserved: Dollars,
    /// The same in millionths of a dollar.
    pub reserved_micros: i64,
    /// What a vanished instance may have spent; counts as spent until proven otherwise.
    pub suspense: Dollars,
    /// The same in millionths of a dollar.
    pub suspense_micros: i64,
    /// `budget` less `spent`, not below zero.
    #[schema(required = true)]
    pub remaining: Option<Dollars>,
    /// The same in millionths of a dollar.
    #[schema(required = true)]
    pub remaining_micros: Option<i64>,
    /// `spent` as a part of `budget`, 0 to 100.
    pub percentage_used: f64,
    /// How much is used.
    pub status: BudgetStatus,
    /// How often it begins anew.
    pub period: PeriodKind,
    /// When, if the period is a custom one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub schedule: Option<Schedule>,
    /// When it begins anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next_reset_at: Option<Timestamp>,
    /// The percentages of the limit at which a warning is told.
    pub soft_limits: Vec<u8>,
    /// What becomes of the agent at its limit, if it is an agent's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub hard_action: Option<HardAction>,
    /// An agent that spends more within a minute is killed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub max_spend_per_minute: Option<Dollars>,
    /// The limit before, in the answer to a change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub previous_budget: Option<Dollars>,
    /// Who changed it, in the answer to a change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub modified_by: Option<UserId>,
    /// When it was changed, in the answer to a change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub modified_at: Option<Timestamp>,
}

/// A new limit for an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetAgentBudget {
    /// The limit.
    pub budget: BudgetAmount,
    /// How often it begins anew; unchanged if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<PeriodKind>,
    /// When, for a custom period and only for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
    /// The reason, kept in the history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 500)]
    pub reason: Option<String>,
    /// The percentages of the limit at which a warning is told, each from 1 to 99; unchanged if
    /// absent, 50, 80, 90 and 95 if null.
    #[serde(default, with = "crate::null", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<u8>>, max_items = 99)]
    pub soft_limits: Option<Option<Vec<u8>>>,
    /// What becomes of the agent at its limit; unchanged if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hard_action: Option<HardAction>,
    /// The agent is killed if it spends more within a minute; unchanged if absent, and if null
    /// as the server says.
    #[serde(default, with = "crate::null", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<BudgetAmount>)]
    pub max_spend_per_minute: Option<Option<BudgetAmount>>,
    /// Accepted and recorded, not needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub force: Option<bool>,
}

/// A new limit for a user, a project or a team.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetBudget {
    /// The limit; null for none.
    #[schema(required = true)]
    pub budget: Option<BudgetAmount>,
    /// How often it begins anew; unchanged if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<PeriodKind>,
    /// When, for a custom period and only for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
    /// The percentages of the limit at which a warning is told, each from 1 to 99; unchanged if
    /// absent, 50, 80, 90 and 95 if null.
    #[serde(default, with = "crate::null", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<u8>>, max_items = 99)]
    pub soft_limits: Option<Option<Vec<u8>>>,
    /// The reason, kept in the history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 500)]
    pub reason: Option<String>,
}

/// A change of a limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BudgetChange {
    /// The limit before; absent if there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub previous_budget: Option<Dollars>,
    /// The limit after; absent if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub new_budget: Option<Dollars>,
    /// The difference.
    pub change: Dollars,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reason: Option<String>,
    /// Who changed it.
    pub modified_by: UserId,
    /// When it was changed.
    pub modified_at: Timestamp,
    /// The budget request that led to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub budget_request_id: Option<BudgetRequestId>,
}

/// The changes of a limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BudgetHistory {
    /// The changes, newest first.
    pub data: Vec<BudgetChange>,
    /// Where in the list this is.
    pub pagination: Pagination,
    /// All changes together.
    pub summary: BudgetHistorySummary,
}

/// All changes of a limit together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BudgetHistorySummary {
    /// The first limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub initial_budget: Option<Dollars>,
    /// The limit now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub current_budget: Option<Dollars>,
    /// How many changes there were.
    pub modification_count: u64,
}

/// Which changes to list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HistoryQuery {
    /// The page, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1)]
    pub page: Option<u32>,
    /// How many on a page; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 100)]
    pub per_page: Option<u32>,
}
