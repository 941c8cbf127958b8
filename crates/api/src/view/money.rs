//! Budgets, leases and what is left.

use iron_budget::{
    BudgetStatus, Changed, HardAction, LeaseState, LeaseView, Modification, Standing,
};
use iron_net::problem::Problem;
use iron_primitives::{Money, Period, Scope, Unit};
use iron_sdk::limits::{BudgetChange, BudgetView};
use iron_sdk::{BudgetAmount, Dollars, leases, limits};

use super::budget_events::unit;
use crate::handlers::budget::status;

/// A limit as the ledger counts it.
pub(crate) fn money(budget: Option<BudgetAmount>) -> Result<Option<Money>, Problem> {
    budget.map(|budget| amount("budget", budget)).transpose()
}

/// An amount in a field as the ledger counts it.
pub(crate) fn amount(field: &'static str, amount: BudgetAmount) -> Result<Money, Problem> {
    let money = amount.0.money();
    money.map_err(|error| Problem::field(field, error.to_string()))
}

/// The percentage of a limit that is spent, with two decimals.
pub(crate) fn percentage(budget: &BudgetStatus) -> f64 {
    let hundredths = i32::try_from(budget.percentage_used_hundredths()).unwrap_or(10_000);
    f64::from(hundredths) / 100.0
}

/// How much is used, in one word.
pub(crate) fn standing(budget: &BudgetStatus) -> limits::BudgetStatus {
    match budget.standing() {
        Standing::Ok => limits::BudgetStatus::Ok,
        Standing::Warning => limits::BudgetStatus::Warning,
        Standing::Exhausted => limits::BudgetStatus::Exhausted,
    }
}

/// A budget.
pub(crate) fn budget(status: &BudgetStatus) -> BudgetView {
    let (spent, reserved, remaining) = (status.spent(), status.reserved(), status.remaining());
    BudgetView {
        agent_id: if let Scope::Agent(id) = status.scope {
            Some(id)
        } else {
            None
        },
        user_id: if let Scope::User(id) = status.scope {
            Some(id)
        } else {
            None
        },
        project_id: if let Scope::Project(id) = status.scope {
            Some(id)
        } else {
            None
        },
        team_id: if let Scope::Team(id) = status.scope {
            Some(id)
        } else {
            None
        },
        budget: status.limit.map(Dollars::from),
        budget_micros: status.limit.map(Money::micros),
        spent: spent.into(),
        spent_micros: spent.micros(),
        reserved: reserved.into(),
        reserved_micros: reserved.micros(),
        suspense: status.suspense.into(),
        suspense_micros: status.suspense.micros(),
        remaining: remaining.map(Dollars::from),
        remaining_micros: remaining.map(Money::micros),
        percentage_used: percentage(status),
        status: standing(status),
        period: status.period.kind(),
        schedule: super::schedule(&status.period),
        next_reset_at: status.span.end,
        soft_limits: status.soft_limits.percents().collect(),
        hard_action: matches!(status.scope, Scope::Agent(_)).then(|| match status.hard_action {
            HardAction::Pause => limits::HardAction::Pause,
            HardAction::Kill => limits::HardAction::Kill,
        }),
        max_spend_per_minute: status.most_per_minute.map(Dollars::from),
        previous_budget: None,
        modified_by: None,
        modified_at: None,
    }
}

/// A budget that has just been set.
pub(crate) fn changed_budget(changed: &Changed) -> BudgetView {
    BudgetView {
        previous_budget: changed.previous_limit.map(Dollars::from),
        modified_by: Some(changed.modified_by),
        modified_at: Some(changed.modified_at),
        ..budget(&changed.now)
    }
}

/// The tag of a budget: its limit and period, not what is spent of it.
pub(crate) fn budget_tag(limit: Option<Money>, period: &Period) -> String {
    let limit = limit.map_or(-1, Money::nanos);
    format!("\"{limit:x}-{}\"", super::period_tag(period))
}

/// One change of a limit.
pub(crate) fn budget_change(change: Modification) -> BudgetChange {
    let before = change.previous_limit.unwrap_or(Money::ZERO);
    let after = change.new_limit.unwrap_or(Money::ZERO);
    BudgetChange {
        previous_budget: change.previous_limit.map(Dollars::from),
        new_budget: change.new_limit.map(Dollars::from),
        change: after.minus(before).unwrap_or(Money::ZERO).into(),
        reason: change.reason,
        modified_by: change.modified_by,
        modified_at: change.modified_at,
        budget_request_id: change.budget_request,
    }
}

/// One lease.
pub(crate) fn lease(lease: LeaseView) -> leases::LeaseView {
    let money = |amount: i64| match lease.unit {
        Unit::Usd => Money::from_nanos(amount),
        Unit::Tokens | Unit::ExecutionTime => Money::from_nanos(0),
    };
    let [granted, settled, returned, held] =
        [lease.granted, lease.settled, lease.returned, lease.held].map(money);
    leases::LeaseView {
        id: lease.id,
        scope: lease.scope,
        instance_id: lease.instance,
        incarnation: i64::try_from(lease.incarnation).unwrap_or(i64::MAX),
        status: match lease.state {
            LeaseState::Open => leases::LeaseStatus::Active,
            LeaseState::Fenced => leases::LeaseStatus::Fenced,
            LeaseState::Closed => leases::LeaseStatus::Closed,
        },
        unit: unit(lease.unit),
        granted_amount: lease.granted,
        settled_amount: lease.settled,
        returned_amount: lease.returned,
        held_amount: lease.held,
        granted: granted.into(),
        granted_micros: granted.micros(),
        settled: settled.into(),
        settled_micros: settled.micros(),
        returned: returned.into(),
        returned_micros: returned.micros(),
        held: held.into(),
        held_micros: held.micros(),
        expires_at: lease.expires_at,
        reported_at: lease.reported_at,
        path_lease_id: lease.path.as_ref().map(|path| path.id),
        path_lease_status: lease.path.as_ref().map(|path| status(path.state)),
        runtime_id: lease.path.map(|path| path.runtime),
    }
}
