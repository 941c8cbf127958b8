//! What calls came to: by time, and by what tells them apart.

use iron_primitives::{AgentId, ProjectId, ProviderId, TeamId, TenantId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::audit::ExportFormat;
use crate::lists::Pagination;
use crate::words::words;

words! {
    /// How far back to look.
    AnalyticsRange {
        /// The last 24 hours, the present one included.
        Day = "24h",
        /// The last seven days, today included.
        Week = "7d",
        /// The last thirty days.
        Month = "30d",
        /// The last ninety days.
        Quarter = "90d",
        /// From `start_date` until `end_date`.
        Custom = "custom",
    }
}

words! {
    /// How a call ended.
    CallStatus {
        /// The whole answer was handed over, or the tool was allowed.
        Completed = "completed",
        /// We refused it.
        Refused = "refused",
        /// The provider answered with an error, or could not be reached.
        ProviderError = "provider_error",
        /// The caller left before the end.
        ClientGone = "client_gone",
        /// The answer broke off.
        Cut = "cut",
        /// The process ended while the call was under way.
        Unknown = "unknown",
        /// In any way but `completed`.
        Failed = "failed",
    }
}

words! {
    /// What spans of time are divided into.
    Granularity {
        /// Hours.
        Hour = "hour",
        /// Days of the time zone.
        Day = "day",
        /// Weeks from Monday on.
        Week = "week",
        /// Months of the calendar.
        Month = "month",
    }
}

words! {
    /// What is measured.
    Measure {
        /// What calls have cost, in millionths of a dollar.
        Cost = "cost",
        /// Tokens in and out.
        Tokens = "tokens",
        /// Calls.
        Requests = "requests",
        /// Calls that did not end well.
        Errors = "errors",
    }
}

/// Which calls, and when.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CallsQuery {
    /// How far back; `30d` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub range: Option<AnalyticsRange>,
    /// With `range=custom`: from this date or timestamp on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_date: Option<String>,
    /// With `range=custom`: up to, but not including, this date or timestamp, at most 366 days later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_date: Option<String>,
    /// In which time zone days begin, such as `Europe/Berlin`; `UTC` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(min_length = 1, max_length = 64)]
    pub timezone: Option<String>,
    /// Only those of this agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    /// Only what this provider has billed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_id: Option<ProviderId>,
    /// Only those of this project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_id: Option<ProjectId>,
    /// Only those of agents that this user owned then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// Only those of this team.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team_id: Option<TeamId>,
    /// Only those of this model, as it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(min_length = 1, max_length = 256)]
    pub model: Option<String>,
    /// Only those that ended so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub status: Option<CallStatus>,
    /// Only this kind of work: `chat`, `embedding`, `image`, `audio`, `rerank`, `batch`, `tool`,
    /// `reported`, `other`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(min_length = 1, max_length = 64)]
    pub operation: Option<String>,
    /// Only those of agents in this environment, such as `prod`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(min_length = 1, max_length = 64)]
    pub environment: Option<String>,
}

/// By what rows are told apart, and which page of them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct GroupQuery {
    /// Up to two of `agent`, `provider`, `project`, `user`, `team`, `model`, `environment`,
    /// `operation`, `tenant`, comma-separated, and one of `hour`, `day`, `week`, `month`. The time
    /// alone, if absent: hours of `24h`, weeks of `90d`, else days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(min_length = 1, max_length = 100)]
    pub group_by: Option<String>,
    /// The page, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1)]
    pub page: Option<u32>,
    /// How many on a page; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 100)]
    pub per_page: Option<u32>,
}

/// Which values of spending are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct MetricQuery {
    /// Some of `sum`, `avg`, `min`, `max`, `count`, comma-separated; all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(min_length = 1, max_length = 40)]
    pub metric: Option<String>,
}

/// A page of rows, what all of them come to, and of what they are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Report<T: ToSchema, S: ToSchema> {
    /// The rows of this page.
    pub data: Vec<T>,
    /// Where in all rows this is.
    pub pagination: Pagination,
    /// What all rows come to, not only those of this page.
    pub summary: S,
    /// Of what they are.
    pub meta: ReportMeta,
}

/// Of what a report is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReportMeta {
    /// From when on calls count, to the hour.
    pub start: Timestamp,
    /// Until when.
    pub end: Timestamp,
    /// Into what the time is divided, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, inline)]
    pub granularity: Option<Granularity>,
    /// By what rows are told apart.
    pub group_by: Vec<String>,
    /// In which time zone days begin.
    pub timezone: String,
    /// When it was counted; calls whose records were in the database then are in it.
    pub calculated_at: Timestamp,
}

/// Of which calls a row is. What rows are not told apart by is absent, and what its calls have none
/// of.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct CallGroup {
    /// When its span of time begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub start: Option<Timestamp>,
    /// When the next one begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub end: Option<Timestamp>,
    /// The agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub agent_id: Option<AgentId>,
    /// The provider that billed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub provider_id: Option<ProviderId>,
    /// The project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub project_id: Option<ProjectId>,
    /// The owner of the agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub user_id: Option<UserId>,
    /// The team.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub team_id: Option<TeamId>,
    /// The model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub model: Option<String>,
    /// The environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub environment: Option<String>,
    /// The kind of work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub operation: Option<String>,
    /// The tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub tenant_id: Option<TenantId>,
}

/// How a report is written to a file, and by what its rows are told apart.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ReportFile {
    /// One JSON object on each line, or a table; `json` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub format: Option<ExportFormat>,
    /// As for other reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(min_length = 1, max_length = 100)]
    pub group_by: Option<String>,
}
