//! What spending will come to.

mod reports;
mod rows;
mod tops;

use std::collections::BTreeMap;

use crate::{Dollars, words::words};
use iron_primitives::{AgentId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

pub use reports::{
    AnalyticsRange, CallGroup, CallStatus, CallsQuery, Granularity, GroupQuery, Measure,
    MetricQuery, Report, ReportFile, ReportMeta,
};
pub use rows::{
    ErrorsRow, ErrorsSummary, ExportRow, RequestCounts, RequestsRow, SpendingRow, SpendingSummary,
    TokenUsage, UsageRow,
};

pub use tops::{
    BreakdownRow, BreakdownSummary, BudgetRisk, ReportPage, RiskCounts, TopAgent, TopQuery,
    TopSummary, TopUser, TrendPoint, TrendQuery, TrendView, TrendWindow, Utilization,
    UtilizationQuery, UtilizationRow,
};

words! {
    /// How a projection was found.
    ProjectionMethod {
        /// The mean of the last days; under ten days of history.
        MovingAverage = "moving_average",
        /// Exponential smoothing in its ARIMA forms, with a trend where there is one.
        Arima = "arima",
        /// By the days of the week; from three weeks of history.
        Seasonal = "seasonal",
    }
}

/// Whose spending.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ProjectionQuery {
    /// Only this agent's; the whole tenant's, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
}

/// Which anomalies.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AnomalyQuery {
    /// The page, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1)]
    pub page: Option<u32>,
    /// How many on a page; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 100)]
    pub per_page: Option<u32>,
    /// Only this agent's; the whole tenant's, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
}

/// What the month will come to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProjectionView {
    /// The agent, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub agent_id: Option<AgentId>,
    /// Spent in this month until `updated_at`.
    pub spent: Dollars,
    /// The same in millionths of a dollar.
    pub spent_micros: i64,
    /// What the month will come to at the present rate.
    pub month_total: Dollars,
    /// The same in millionths of a dollar.
    pub month_total_micros: i64,
    /// Nine times of ten the month comes to at least this, and to no more than `high`.
    pub low: Dollars,
    /// The same in millionths of a dollar.
    pub low_micros: i64,
    /// The upper end.
    pub high: Dollars,
    /// The same in millionths of a dollar.
    pub high_micros: i64,
    /// How it was found.
    pub method: ProjectionMethod,
    /// From how many whole days of use.
    pub days_of_history: u32,
    /// When the month ends.
    pub month_ends_at: Timestamp,
    /// When the budget will be used up, if that is foreseen within three months and before it
    /// begins anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub exhausted_on: Option<Timestamp>,
    /// When it was made; at most 15 minutes ago.
    pub updated_at: Timestamp,
}

/// A change to think through.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WhatIf {
    /// Only for this agent; for the whole tenant, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    /// How many times as many calls, 0 to 1000; 1 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1000)]
    pub traffic_factor: Option<f64>,
    /// Models in use, each with the one that would take its place.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub model_swap: BTreeMap<String, String>,
}

/// What thirty days would cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WhatIfView {
    /// What the next thirty days would cost.
    pub cost: Dollars,
    /// The same in millionths of a dollar.
    pub cost_micros: i64,
    /// What they cost as things are.
    pub cost_now: Dollars,
    /// The same in millionths of a dollar.
    pub cost_now_micros: i64,
    /// `cost` less `cost_now`: negative where it saves.
    pub difference: Dollars,
    /// The same in millionths of a dollar.
    pub difference_micros: i64,
    /// When the forecast was made.
    pub updated_at: Timestamp,
}

/// An hour that cost at least ten times what such hours cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AnomalyView {
    /// When the hour began.
    pub at: Timestamp,
    /// What it cost.
    pub cost: Dollars,
    /// The same in millionths of a dollar.
    pub cost_micros: i64,
    /// The median of the hours of use in the week before.
    pub usual: Dollars,
    /// The same in millionths of a dollar.
    pub usual_micros: i64,
    /// How many times the usual it cost.
    pub factor: f64,
}

words! {
    /// By what tokens are counted.
    TokensBy {
        /// The agent that called.
        Agent = "agent",
        /// The user who owned the agent when it called.
        User = "user",
        /// For whom the agent called (`X-IronCage-End-User`), for each agent apart.
        EndUser = "end_user",
        /// The conversation of the call (`X-IronCage-Conversation`), for each agent apart.
        Conversation = "conversation",
    }
}

words! {
    /// In which order totals are listed, the largest first.
    TokensSort {
        /// By the last call.
        LastRequestAt = "last_request_at",
        /// By what they cost.
        Cost = "cost",
        /// By tokens in and out.
        TotalTokens = "total_tokens",
    }
}

/// Which totals.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TokenQuery {
    /// By what tokens are counted; `agent` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub by: Option<TokensBy>,
    /// The page, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1)]
    pub page: Option<u32>,
    /// How many on a page; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 100)]
    pub per_page: Option<u32>,
    /// Only this agent's; not for `by=user`, which counts all agents of a user together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    /// Only this one: the id of a user, the name of a conversation, or the name of an end user as the
    /// agent tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(min_length = 1, max_length = 256)]
    pub name: Option<String>,
    /// The order; `last_request_at` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub sort: Option<TokensSort>,
}

/// What one agent, user, end user or conversation has used, of all time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TokenTotalView {
    /// The id of an agent or user, the caller's name of a conversation, or the pseudonym of an end
    /// user, which is the one in the records.
    pub name: String,
    /// By which agent; absent for users.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub agent_id: Option<AgentId>,
    /// Calls that used tokens or cost something.
    pub request_count: i64,
    /// Tokens in, cached or not.
    pub input_tokens: i64,
    /// How many of them the provider read from its cache.
    pub cached_tokens: i64,
    /// Tokens out, those of reasoning included.
    pub output_tokens: i64,
    /// Tokens in and out.
    pub total_tokens: i64,
    /// What they cost.
    pub cost: Dollars,
    /// The same in millionths of a dollar.
    pub cost_micros: i64,
    /// When the first call began.
    pub first_request_at: Timestamp,
    /// When the last call began.
    pub last_request_at: Timestamp,
}
