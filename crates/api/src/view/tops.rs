//! Who and what comes first, and how budgets stand.

use iron_audit::Sums;
use iron_budget::BudgetStatus;
use iron_primitives::{AgentId, Money};
use iron_sdk::Dollars;
use iron_sdk::analytics::{
    BreakdownRow, BreakdownSummary, BudgetRisk, CallGroup, Measure, UtilizationRow,
};

use super::{percentage, standing, tokens_of};

/// How something is measured: millionths of a dollar, tokens, or calls.
pub(crate) fn measure(by: Measure) -> fn(&Sums) -> i64 {
    match by {
        Measure::Cost => |sums| sums.cost.micros(),
        Measure::Tokens => tokens_of,
        Measure::Requests => |sums| sums.requests,
        Measure::Errors => |sums| sums.failures,
    }
}

/// How many percent of a whole something is, with two decimals; 0 of nothing.
pub(crate) fn percent(some: i64, all: i64) -> f64 {
    if all == 0 {
        return 0.0;
    }
    (some as f64 / all as f64 * 10_000.0).round() / 100.0
}

/// The mean of some values, with two decimals; 0 of none.
pub(crate) fn mean(values: &[i64]) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let sum: f64 = values.iter().map(|value| *value as f64).sum();
    (sum / values.len() as f64 * 100.0).round() / 100.0
}

pub(crate) fn breakdown_row(
    group: CallGroup,
    sums: &Sums,
    all: Money,
    agents: usize,
) -> BreakdownRow {
    BreakdownRow {
        provider_id: group.provider_id,
        model: group.model,
        cost: Dollars::from(sums.cost),
        cost_micros: sums.cost.micros(),
        request_count: sums.requests,
        tokens: tokens_of(sums),
        share_percentage: percent(sums.cost.nanos(), all.nanos()),
        agent_count: u32::try_from(agents).unwrap_or(u32::MAX),
    }
}

pub(crate) fn breakdown_summary(sums: &Sums) -> BreakdownSummary {
    BreakdownSummary {
        total_cost: Dollars::from(sums.cost),
        total_cost_micros: sums.cost.micros(),
        total_requests: sums.requests,
    }
}

/// How near a budget is to its end.
pub(crate) fn risk(budget: &BudgetStatus) -> BudgetRisk {
    match budget.percentage_used_hundredths() {
        ..5_000 => BudgetRisk::Low,
        5_000..8_000 => BudgetRisk::Medium,
        8_000..9_500 => BudgetRisk::High,
        9_500..10_000 => BudgetRisk::Critical,
        10_000.. => BudgetRisk::Exhausted,
    }
}

pub(crate) fn utilization_row(
    agent_id: AgentId,
    agent_name: String,
    budget: &BudgetStatus,
) -> UtilizationRow {
    let spent = budget.spent();
    UtilizationRow {
        agent_id,
        agent_name,
        budget: budget.limit.map(Dollars::from),
        spent: spent.into(),
        spent_micros: spent.micros(),
        remaining: budget.remaining().map(Dollars::from),
        percentage_used: percentage(budget),
        status: standing(budget),
        risk: risk(budget),
    }
}
