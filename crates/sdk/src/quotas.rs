//! Quotas: what an agent may use besides money.

use iron_primitives::{AgentId, PeriodKind, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::budget_events::BudgetUnit;
use crate::limits::HardAction;
use crate::schedules::Schedule;

/// The quotas of an agent, and what it has used of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QuotasView {
    /// The agent.
    pub agent_id: AgentId,
    /// How many tokens it may use in a period, which is a day unless it was set otherwise; absent
    /// if there is no limit. Input counts, whether cached or not, and output with reasoning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub tokens_per_day: Option<u64>,
    /// How many seconds it may work in a period; absent if there is no limit. It works while at
    /// least one call of it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub execution_seconds_per_day: Option<u64>,
    /// How often quotas begin anew.
    pub period: PeriodKind,
    /// When, if the period is a custom one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub schedule: Option<Schedule>,
    /// The percentages of a quota at which a warning is told.
    pub soft_limits: Vec<u8>,
    /// What becomes of the agent at the end of a quota.
    pub hard_action: HardAction,
    /// What is used of each quota that was ever set.
    pub usage: Vec<QuotaUse>,
    /// Who changed them, in the answer to a change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub modified_by: Option<UserId>,
    /// When they were changed, in the answer to a change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub modified_at: Option<Timestamp>,
}

/// What is used of one quota in its present period, since it was first set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QuotaUse {
    /// What it counts: tokens, or milliseconds of execution time.
    pub unit: BudgetUnit,
    /// The limit; absent if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub limit: Option<i64>,
    /// Used for certain, or perhaps by a server that has vanished.
    pub used: i64,
    /// What calls under way may use at the most.
    pub reserved: i64,
    /// The part of `used` that a vanished server may have used.
    pub suspense: i64,
    /// What is left; absent without a limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub remaining: Option<i64>,
    /// The part of the limit that is used.
    pub percentage_used: f64,
    /// When the present period began.
    pub period_start: Timestamp,
    /// When it begins anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next_reset_at: Option<Timestamp>,
}

/// New quotas for an agent. What is absent stays as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetQuotas {
    /// How many tokens it may use in a period; null for no limit.
    #[serde(default, with = "crate::null", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>, minimum = 1)]
    pub tokens_per_day: Option<Option<u64>>,
    /// How many seconds it may work in a period, at least one call of it being open; null for no
    /// limit.
    #[serde(default, with = "crate::null", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>, minimum = 1)]
    pub execution_seconds_per_day: Option<Option<u64>>,
    /// How often quotas begin anew: every day unless something else is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<PeriodKind>,
    /// When, for a custom period and only for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
    /// The percentages of a quota at which a warning is told, each from 1 to 99; 50, 80, 90 and
    /// 95 if null.
    #[serde(default, with = "crate::null", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<u8>>, max_items = 99)]
    pub soft_limits: Option<Option<Vec<u8>>>,
    /// What becomes of the agent at the end of a quota.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hard_action: Option<HardAction>,
    /// The reason, kept in the history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 500)]
    pub reason: Option<String>,
}
