//! The rows of reports.

use iron_primitives::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::CallGroup;
use crate::Dollars;

/// What calls have cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SpendingRow {
    /// Of which calls.
    #[serde(flatten)]
    pub group: CallGroup,
    /// What they cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub cost: Option<Dollars>,
    /// The same in millionths of a dollar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub cost_micros: Option<i64>,
    /// Calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub request_count: Option<i64>,
    /// What one call costs, in millionths of a dollar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub avg_cost_micros: Option<i64>,
    /// What the cheapest has cost; absent if there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub min_cost_micros: Option<i64>,
    /// What the dearest has cost; absent if there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub max_cost_micros: Option<i64>,
}

/// What all calls have cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SpendingSummary {
    /// What they cost.
    pub total_cost: Dollars,
    /// The same in millionths of a dollar.
    pub total_cost_micros: i64,
    /// Calls.
    pub total_requests: i64,
    /// What one call costs, in millionths of a dollar.
    pub avg_cost_micros: i64,
    /// What the cheapest has cost; 0 if there was none.
    pub min_cost_micros: i64,
    /// What the dearest has cost; 0 if there was none.
    pub max_cost_micros: i64,
    /// Half of the calls cost no more, to 2 %.
    pub median_cost_micros: i64,
}

/// What calls have used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UsageRow {
    /// Of which calls.
    #[serde(flatten)]
    pub group: CallGroup,
    /// How much.
    #[serde(flatten)]
    pub usage: TokenUsage,
}

/// Tokens of calls.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TokenUsage {
    /// Tokens in, cached or not.
    pub input_tokens: i64,
    /// Tokens out, those of reasoning included.
    pub output_tokens: i64,
    /// How many of those in the provider read from its cache.
    pub cached_tokens: i64,
    /// How many of those out were reasoning.
    pub reasoning_tokens: i64,
    /// Tokens in and out.
    pub total_tokens: i64,
    /// Calls.
    pub request_count: i64,
}

/// How calls went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RequestsRow {
    /// Of which calls.
    #[serde(flatten)]
    pub group: CallGroup,
    /// How they went.
    #[serde(flatten)]
    pub requests: RequestCounts,
}

/// How many calls there were, how many ended well, and how long they took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RequestCounts {
    /// Calls.
    pub total: i64,
    /// Those that were `completed`.
    pub successful: i64,
    /// All others.
    pub failed: i64,
    /// `successful` as a part of `total`, 0 to 1; absent if there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub success_rate: Option<f64>,
    /// Half of the calls of models took no longer, in milliseconds, to 2 %; absent if there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub p50_ms: Option<f64>,
    /// 95 % of them took no longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub p95_ms: Option<f64>,
    /// 99 % of them took no longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub p99_ms: Option<f64>,
}

/// Calls that failed for one reason.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ErrorsRow {
    /// Of which calls.
    #[serde(flatten)]
    pub group: CallGroup,
    /// Why: what refused the call, or how its last attempt ended, in the words of its record.
    pub error_type: String,
    /// How many.
    pub count: i64,
    /// `count` as a part of all calls of the group, 0 to 1.
    pub rate: f64,
    /// When the first of them began; absent if there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub first_seen_at: Option<Timestamp>,
    /// When the last of them began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub last_seen_at: Option<Timestamp>,
}

/// How many calls failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ErrorsSummary {
    /// How many.
    pub count: i64,
    /// Of how many calls.
    pub request_count: i64,
    /// `count` as a part of them, 0 to 1.
    pub rate: f64,
}

/// A row of a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ExportRow {
    /// Of which calls.
    #[serde(flatten)]
    pub group: CallGroup,
    /// What they cost, exactly, in dollars.
    pub cost: String,
    /// The same in billionths of a dollar.
    pub cost_nanos: i64,
    /// Calls.
    pub request_count: i64,
    /// Those that did not end well.
    pub failed_count: i64,
    /// Tokens in, cached or not.
    pub input_tokens: i64,
    /// How many of them the provider read from its cache.
    pub cached_tokens: i64,
    /// Tokens out, those of reasoning included.
    pub output_tokens: i64,
    /// How many of them were reasoning.
    pub reasoning_tokens: i64,
}
