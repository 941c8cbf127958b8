//! Many budgets at once, with three questions to the database for any number of them.

use std::collections::{BTreeSet, HashMap};

use iron_primitives::{Scope, TenantId, Timestamp, Unit};
use iron_store::Select;

use super::{Limits, status};
use crate::Error;
use crate::model::{BudgetKey, BudgetStatus};
use crate::moves::Counters;
use crate::store::{self, BudgetRow};

/// How many scopes are named in one question.
const AT_ONCE: usize = 500;

/// One period of one budget.
type Place = (Scope, Timestamp, Timestamp);

pub(super) async fn statuses(
    limits: &Limits,
    tenant: TenantId,
    scopes: &[Scope],
) -> Result<Vec<BudgetStatus>, Error> {
    let mut found = Vec::with_capacity(scopes.len());
    for some in scopes.chunks(AT_ONCE) {
        some_statuses(limits, tenant, some, &mut found).await?;
    }
    Ok(found)
}

async fn some_statuses(
    limits: &Limits,
    tenant: TenantId,
    scopes: &[Scope],
    found: &mut Vec<BudgetStatus>,
) -> Result<(), Error> {
    let now = limits.ledger.environment.now();
    let budgets = budgets(limits, tenant, scopes).await?;
    let starts: BTreeSet<Timestamp> = budgets
        .values()
        .map(|budget| budget.period.span(now).start)
        .collect();
    let starts: Vec<Timestamp> = starts.into_iter().collect();
    let counters = counters(limits, tenant, scopes, &starts).await?;
    let held = held(limits, tenant, scopes, &starts).await?;
    for scope in scopes {
        let Some(budget) = budgets.get(scope) else {
            continue;
        };
        let key = BudgetKey {
            scope: *scope,
            unit: Unit::Usd,
            tenant,
        };
        let span = budget.period.span(now);
        let place = (*scope, span.start, store::ends_at(&span));
        let counted = counters.get(&place).copied().unwrap_or_default();
        let held = held.get(&place).copied().unwrap_or(0);
        found.push(status(&key, budget, counted, span, held));
    }
    Ok(())
}

async fn budgets(
    limits: &Limits,
    tenant: TenantId,
    scopes: &[Scope],
) -> Result<HashMap<Scope, BudgetRow>, Error> {
    let columns = "scope, period, limit_amount, soft_limits, hard_action, most_per_minute";
    let rows = of_scopes(columns, "budgets", tenant, scopes)
        .statement()
        .fetch_all(limits.db())
        .await?;
    rows.iter()
        .map(|row| Ok((row.get("scope")?, store::budget_row(row)?)))
        .collect()
}

async fn counters(
    limits: &Limits,
    tenant: TenantId,
    scopes: &[Scope],
    starts: &[Timestamp],
) -> Result<HashMap<Place, Counters>, Error> {
    let columns = "scope, starts_at, ends_at, limit_amount, settled, escrow, suspense, overdraft, \
         next_notice, lasting_suspense";
    let rows = of_scopes(columns, "budget_periods", tenant, scopes)
        .filter_in("starts_at", starts)
        .statement()
        .fetch_all(limits.db())
        .await?;
    rows.iter()
        .map(|row| {
            let place = (
                row.get("scope")?,
                row.get("starts_at")?,
                row.get("ends_at")?,
            );
            Ok((place, store::counters(row)?))
        })
        .collect()
}

async fn held(
    limits: &Limits,
    tenant: TenantId,
    scopes: &[Scope],
    starts: &[Timestamp],
) -> Result<HashMap<Place, i64>, Error> {
    let rows = of_scopes("scope, starts_at, ends_at, held", "leases", tenant, scopes)
        .filter_in("starts_at", starts)
        .filter_fixed("state = 'open'")
        .statement()
        .fetch_all(limits.db())
        .await?;
    let mut sums: HashMap<Place, i64> = HashMap::new();
    for row in rows {
        let place = (
            row.get("scope")?,
            row.get("starts_at")?,
            row.get("ends_at")?,
        );
        let sum = sums.entry(place).or_default();
        *sum = sum.saturating_add(row.get("held")?);
    }
    Ok(sums)
}

fn of_scopes(
    columns: &'static str,
    table: &'static str,
    tenant: TenantId,
    scopes: &[Scope],
) -> Select {
    Select::new(columns, table)
        .filter("tenant_id = ?", tenant)
        .filter("unit = ?", Unit::Usd.as_str())
        .filter_in("scope", scopes)
}
