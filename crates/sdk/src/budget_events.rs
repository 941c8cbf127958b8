//! What happened to budgets: warnings, limits, agents that ran away.

use crate::{Dollars, words::words};
use iron_primitives::{Scope, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

words! {
    /// What a budget event tells.
    BudgetEventKind {
        /// A soft limit was crossed.
        Warning = "warning",
        /// The limit is reached.
        Limit = "limit",
        /// An agent spent more within a minute than it may, and was killed.
        Runaway = "runaway",
    }
}

words! {
    /// What a budget counts.
    BudgetUnit {
        /// Nano-dollars.
        Usd = "usd",
        /// Tokens.
        Tokens = "tokens",
        /// Milliseconds of execution.
        ExecutionTime = "execution_time",
    }
}

/// Something that happened to a budget. It is told once for each budget, period and percentage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BudgetEventView {
    /// Counts the events of the tenant from 1 without a gap.
    pub sequence: i64,
    /// What it tells.
    pub kind: BudgetEventKind,
    /// Whose budget.
    pub scope: Scope,
    /// What it counts.
    pub unit: BudgetUnit,
    /// The percentage of the limit that was crossed; 0 for a runaway.
    pub percentage: u8,
    /// The limit in force, or what may be spent within a minute; in dollars, for a budget of money.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub limit: Option<Dollars>,
    /// The same in the smallest part of the unit: nano-dollars, tokens, milliseconds.
    pub limit_amount: i64,
    /// What was used, or spent within the minute; in dollars, for a budget of money.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub used: Option<Dollars>,
    /// The same in the smallest part of the unit.
    pub used_amount: i64,
    /// The beginning of the period in which it happened.
    pub period_start: Timestamp,
    /// The end of that period, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub period_end: Option<Timestamp>,
    /// When it was booked.
    pub at: Timestamp,
    /// When a higher limit or another period has made it untrue, if one has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub cleared_at: Option<Timestamp>,
}

/// Which events to list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct BudgetEventQuery {
    /// The page, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1)]
    pub page: Option<u32>,
    /// How many on a page; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 100)]
    pub per_page: Option<u32>,
    /// Events of the budgets of this agent, pool, user, team, project or tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
    /// One or several of `warning`, `limit` and `runaway`, comma-separated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(pattern = "^(warning|limit|runaway)(, ?(warning|limit|runaway))*$")]
    pub kind: Option<String>,
    /// Events at this instant or later: a date, or a date and time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Events with a larger sequence, the oldest first: for whoever follows them. Without it the
    /// newest come first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 0)]
    pub after: Option<i64>,
}
