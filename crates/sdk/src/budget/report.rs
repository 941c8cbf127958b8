//! What a runtime tells of its calls.

use iron_primitives::{LeaseId, RequestId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{PathLeaseStatus, ToldCost};
use crate::{Dollars, SecretText, words::words};

words! {
    /// How a call ended.
    UsageStatus {
        /// With an answer.
        Completed = "completed",
        /// Without one.
        Failed = "failed",
    }
}

/// What a call has used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UsageItem {
    /// The lease that paid for it.
    pub lease_id: LeaseId,
    /// The call, by a number that the agent uses once; of a call by IP token the `X-Request-Id` of
    /// its answer.
    pub request_id: RequestId,
    /// The model.
    #[schema(min_length = 1, max_length = 200)]
    pub model: String,
    /// The provider: its id, or its kind.
    #[schema(min_length = 1, max_length = 100)]
    pub provider: String,
    /// Tokens in, cached ones included.
    #[schema(minimum = 0, maximum = 100_000_000)]
    pub input_tokens: u64,
    /// Tokens out.
    #[schema(minimum = 0, maximum = 100_000_000)]
    pub output_tokens: u64,
    /// How many of the tokens in were read from a cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 100_000_000)]
    pub cached_tokens: Option<u64>,
    /// What it has cost by the runtime's own count; counts only where the model has no price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<ToldCost>,
    /// The same in millionths of a dollar, instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1_000_000_000)]
    pub cost_micros: Option<i64>,
    /// How it ended.
    pub status: UsageStatus,
    /// The error that it ended with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 100)]
    pub error_code: Option<String>,
    /// When it began; now, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// How long it took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 86_400_000)]
    pub latency_ms: Option<u64>,
    /// To which thread it belongs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 200)]
    pub conversation_id: Option<String>,
    /// For whom it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 200)]
    pub end_user: Option<String>,
    /// What was being done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 200)]
    pub operation: Option<String>,
}

/// One call, or up to 100 of them in `usage`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema, Default)]
#[serde(deny_unknown_fields)]
pub struct BudgetReport {
    /// The agent's token, where it is not in the `Authorization` header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ic_token: Option<SecretText>,
    /// Several calls; then nothing else stands beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_items = 1, max_items = 100)]
    pub usage: Option<Vec<UsageItem>>,
    /// The lease that paid for the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_id: Option<LeaseId>,
    /// The call; as in `usage`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<RequestId>,
    /// The model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 200)]
    pub model: Option<String>,
    /// The provider: its id, or its kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 100)]
    pub provider: Option<String>,
    /// Tokens in, cached ones included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 100_000_000)]
    pub input_tokens: Option<u64>,
    /// Tokens out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 100_000_000)]
    pub output_tokens: Option<u64>,
    /// How many of the tokens in were read from a cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 100_000_000)]
    pub cached_tokens: Option<u64>,
    /// What it has cost by the runtime's own count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<ToldCost>,
    /// The same in millionths of a dollar, instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1_000_000_000)]
    pub cost_micros: Option<i64>,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<UsageStatus>,
    /// The error that it ended with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 100)]
    pub error_code: Option<String>,
    /// When it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// How long it took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 86_400_000)]
    pub latency_ms: Option<u64>,
    /// To which thread it belongs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 200)]
    pub conversation_id: Option<String>,
    /// For whom it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 200)]
    pub end_user: Option<String>,
    /// What was being done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 200)]
    pub operation: Option<String>,
}

/// What came of a report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BudgetReported {
    /// Calls that were not known before.
    pub accepted: u32,
    /// Calls that were told of before; they moved nothing.
    pub duplicates: u32,
    /// The limit of the agent, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Dollars>,
    /// The same in millionths of a dollar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_micros: Option<i64>,
    /// Left to be lent of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_remaining: Option<Dollars>,
    /// The same in millionths of a dollar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_remaining_micros: Option<i64>,
    /// Spent of the lease.
    pub lease_spent: Dollars,
    /// The same in millionths of a dollar.
    pub lease_spent_micros: i64,
    /// Left of the lease.
    pub lease_remaining: Dollars,
    /// The same in millionths of a dollar.
    pub lease_remaining_micros: i64,
    /// Where the lease stands now.
    pub lease_status: PathLeaseStatus,
    /// Opens the gateway for the next call, while the lease is active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_token: Option<String>,
    /// When that ends if nobody uses it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_token_expires_at: Option<Timestamp>,
}
