//! Budgets that agents share.

use crate::schedules::Schedule;
use crate::{BudgetAmount, Dollars, limits::BudgetStatus, words::words};
use iron_primitives::{AgentId, PeriodKind, PoolId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

words! {
    /// Which members a pool keeps room for when it runs low.
    PoolPriority {
        /// May use all of the pool.
        Critical = "critical",
        /// Leaves the last part to critical ones.
        High = "high",
        /// Leaves room to high and critical ones.
        Normal = "normal",
        /// Stops first.
        Low = "low",
    }
}

/// The most of a pool, in percent, that its members may have together up to a priority. None may
/// be below that of a lower priority; critical members may use all of the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PoolPriorities {
    /// Members of priority low.
    #[schema(minimum = 1, maximum = 100)]
    pub low: u8,
    /// Members of priorities low and normal.
    #[schema(minimum = 1, maximum = 100)]
    pub normal: u8,
    /// Members of priorities low, normal and high.
    #[schema(minimum = 1, maximum = 100)]
    pub high: u8,
}

/// An agent that shares a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PoolMember {
    /// The agent; it can share one pool only.
    pub agent_id: AgentId,
    /// Its priority.
    pub priority: PoolPriority,
    /// The most of the pool that it may have, in percent; all that its priority may, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 100)]
    pub share: Option<u8>,
}

/// A new pool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreatePool {
    /// The name, unique in the tenant.
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
    /// What all members together may spend.
    pub budget: BudgetAmount,
    /// How often it begins anew; never, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<PeriodKind>,
    /// When, for a custom period and only for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
    /// The caps of priorities; 50, 75 and 90 percent if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priorities: Option<PoolPriorities>,
    /// Who shares it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 200)]
    pub members: Option<Vec<PoolMember>>,
}

/// A change of a pool; what is absent stays.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(min_properties = 1)]
pub struct UpdatePool {
    /// The name, unique in the tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_length = 1, max_length = 100)]
    pub name: Option<String>,
    /// What all members together may spend. What is lower acts at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<BudgetAmount>,
    /// How often it begins anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<PeriodKind>,
    /// When, for a custom period and only for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
    /// The caps of priorities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priorities: Option<PoolPriorities>,
    /// All members from now on; who is not listed leaves. What was spent stays spent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, max_items = 200)]
    pub members: Option<Vec<PoolMember>>,
}

/// A pool with what is used of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PoolView {
    /// The pool.
    pub id: PoolId,
    /// The name.
    pub name: String,
    /// What all members together may spend.
    pub budget: Dollars,
    /// The same in millionths of a dollar.
    pub budget_micros: i64,
    /// Spent in this period, also by members who have left.
    pub spent: Dollars,
    /// The same in millionths of a dollar.
    pub spent_micros: i64,
    /// Held by calls under way.
    pub reserved: Dollars,
    /// The same in millionths of a dollar.
    pub reserved_micros: i64,
    /// What a vanished instance may have spent; counts as spent until proven otherwise.
    pub suspense: Dollars,
    /// The same in millionths of a dollar.
    pub suspense_micros: i64,
    /// `budget` less `spent`, not below zero.
    pub remaining: Dollars,
    /// The same in millionths of a dollar.
    pub remaining_micros: i64,
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
    /// What each priority may have and has used, the most important first.
    pub priorities: Vec<PoolPriorityView>,
    /// What each member may have and has used, the most important first.
    pub members: Vec<PoolMemberView>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// One priority of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PoolPriorityView {
    /// The priority.
    pub priority: PoolPriority,
    /// What members of it and of lower ones may have together, in percent of the pool.
    pub percentage: u8,
    /// The same as an amount.
    pub budget: Dollars,
    /// The same in millionths of a dollar.
    pub budget_micros: i64,
    /// Spent in this period by members while they had this priority.
    pub spent: Dollars,
    /// The same in millionths of a dollar.
    pub spent_micros: i64,
    /// What is left for members of this priority.
    pub remaining: Dollars,
    /// The same in millionths of a dollar.
    pub remaining_micros: i64,
}

/// One member of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PoolMemberView {
    /// The agent.
    pub agent_id: AgentId,
    /// Its priority.
    pub priority: PoolPriority,
    /// The most of the pool that it may have, in percent, if it has a share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub share: Option<u8>,
    /// Spent from the pool in this period.
    pub spent: Dollars,
    /// The same in millionths of a dollar.
    pub spent_micros: i64,
    /// What the pool still has for it.
    pub remaining: Dollars,
    /// The same in millionths of a dollar.
    pub remaining_micros: i64,
}

/// A deleted pool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PoolDeleted {
    /// The pool.
    pub id: PoolId,
    /// Always true.
    pub deleted: bool,
    /// When it was deleted.
    pub deleted_at: Timestamp,
}

/// Which pools to list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PoolQuery {
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
    #[param(pattern = "^-?(name|created_at)$")]
    pub sort: Option<String>,
    /// A part of the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(min_length = 1, max_length = 100)]
    pub name: Option<String>,
    /// Only the pool that this agent shares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
}
