//! Money in the hands of instances.

use crate::budget_events::BudgetUnit;
use crate::{Dollars, budget::PathLeaseStatus, words::words};
use iron_primitives::{AgentId, InstanceId, LeaseId, Scope, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

words! {
    /// The state of a lease.
    LeaseStatus {
        /// Its instance may spend from it.
        Active = "active",
        /// Nobody may spend from it; what it did not report is in suspense.
        Fenced = "fenced",
        /// Reported in full.
        Closed = "closed",
    }
}

/// A lease: money of one budget in the hands of one instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LeaseView {
    /// The lease.
    pub id: LeaseId,
    /// Whose budget it is.
    pub scope: Scope,
    /// Who holds it.
    pub instance_id: InstanceId,
    /// Which start of the instance.
    pub incarnation: i64,
    /// Its state.
    pub status: LeaseStatus,
    /// What it counts. Amounts in dollars are 0 where that is not money.
    pub unit: BudgetUnit,
    /// Granted ever, in the smallest part of the unit: nano-dollars, tokens, milliseconds.
    pub granted_amount: i64,
    /// Spent and reported, likewise.
    pub settled_amount: i64,
    /// Given back, likewise.
    pub returned_amount: i64,
    /// Held by calls under way, likewise.
    pub held_amount: i64,
    /// Granted ever.
    pub granted: Dollars,
    /// The same in millionths of a dollar.
    pub granted_micros: i64,
    /// Spent and reported.
    pub settled: Dollars,
    /// The same in millionths of a dollar.
    pub settled_micros: i64,
    /// Given back.
    pub returned: Dollars,
    /// The same in millionths of a dollar.
    pub returned_micros: i64,
    /// Held by calls under way, as last reported.
    pub held: Dollars,
    /// The same in millionths of a dollar.
    pub held_micros: i64,
    /// When it ends unless it is renewed.
    pub expires_at: Timestamp,
    /// When its instance last reported.
    pub reported_at: Timestamp,
    /// The lease of the budget protocol that it is a part of: what is done to it is done to the
    /// whole, on every budget.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_lease_id: Option<LeaseId>,
    /// Where that stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_lease_status: Option<PathLeaseStatus>,
    /// What the runtime calls itself that holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime_id: Option<String>,
}

/// Which leases to list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LeaseQuery {
    /// The page, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1)]
    pub page: Option<u32>,
    /// How many on a page; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 100)]
    pub per_page: Option<u32>,
    /// Leases on this agent's budget; on every budget of the tenant if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    /// One or several of `active`, `fenced` and `closed`, comma-separated; all that are not
    /// closed if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(pattern = "^(active|fenced|closed)(, ?(active|fenced|closed))*$")]
    pub status: Option<String>,
}

/// What is known about a lease whose owner cannot account for it himself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReconcileLease {
    /// The reason, kept in the audit log.
    #[schema(min_length = 1, max_length = 500)]
    pub reason: String,
    /// What was spent of it in all, in dollars; what was reported if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub final_spent: Option<Dollars>,
    /// The same in millionths of a dollar; instead of `final_spent`, where cents are too coarse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0)]
    pub final_spent_micros: Option<i64>,
}
