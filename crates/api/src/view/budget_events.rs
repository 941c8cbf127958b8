//! What happened to budgets.

use iron_budget::{BudgetEvent, EventKind};
use iron_primitives::Unit;
use iron_sdk::Dollars;
use iron_sdk::budget_events::{BudgetEventKind, BudgetEventView, BudgetUnit};

/// What a budget counts.
pub(crate) const fn unit(unit: Unit) -> BudgetUnit {
    match unit {
        Unit::Usd => BudgetUnit::Usd,
        Unit::Tokens => BudgetUnit::Tokens,
        Unit::ExecutionTime => BudgetUnit::ExecutionTime,
    }
}

/// One event.
pub(crate) fn budget_event(event: BudgetEvent) -> BudgetEventView {
    let money = event.unit == Unit::Usd;
    BudgetEventView {
        sequence: event.sequence,
        kind: match event.kind {
            EventKind::Warning => BudgetEventKind::Warning,
            EventKind::Limit => BudgetEventKind::Limit,
            EventKind::Runaway => BudgetEventKind::Runaway,
        },
        scope: event.scope,
        unit: unit(event.unit),
        percentage: event.percent,
        limit: money.then(|| Dollars::from(event.limit)),
        limit_amount: event.limit.nanos(),
        used: money.then(|| Dollars::from(event.used)),
        used_amount: event.used.nanos(),
        period_start: event.span.start,
        period_end: event.span.end,
        at: event.at,
        cleared_at: event.cleared_at,
    }
}
