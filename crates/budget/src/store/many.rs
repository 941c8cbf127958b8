//! What is read and written of several budgets at once, with one statement for all of them: a
//! path has many levels, and others wait while its locks are held.

use std::collections::{BTreeMap, HashMap};

use iron_primitives::{LeaseId, PeriodSpan, Scope, Timestamp};
use iron_store::{Rows, Select, ToColumn as _, Tx};

use super::{BudgetRow, LeaseRow, budget_row, counters, ends_at};
use crate::Error;
use crate::model::{BudgetKey, PeriodRow};
use crate::moves::{Counters, Move};

/// Takes the locks of budgets, in the order in which they are given, and reads their settings.
pub(crate) async fn lock_all(
    tx: &mut Tx,
    keys: &[BudgetKey],
) -> Result<BTreeMap<BudgetKey, BudgetRow>, Error> {
    let mut wanted = Rows::new(
        "SELECT wanted.column4 AS place, period, limit_amount, soft_limits, hard_action,
         most_per_minute FROM budgets JOIN (VALUES ",
    );
    for (place, key) in (0_i64..).zip(keys) {
        wanted = wanted.row([
            key.tenant.to_column(),
            key.scope.to_column(),
            key.unit.as_str().to_column(),
            place.to_column(),
        ]);
    }
    if wanted.is_empty() {
        return Ok(BTreeMap::new());
    }
    // Rows are locked as they come, behind the sort.
    let rows = wanted
        .then_per_engine(
            ") AS wanted ON tenant_id = wanted.column1 AND scope = wanted.column2
             AND unit = wanted.column3 ORDER BY wanted.column4",
            ") AS wanted ON tenant_id = wanted.column1 AND scope = wanted.column2
             AND unit = wanted.column3 ORDER BY wanted.column4 FOR UPDATE OF budgets",
        )
        .statement()
        .fetch_all(tx)
        .await?;
    let mut found = BTreeMap::new();
    for row in rows {
        let place = usize::try_from(row.get::<i64>("place")?).unwrap_or(usize::MAX);
        let key = keys.get(place).ok_or(Error::Unreadable)?;
        found.insert(*key, budget_row(&row)?);
    }
    Ok(found)
}

/// The counters of periods whose budgets are locked, in the order asked for. Where nothing has
/// happened yet they are those of a new period under this limit, which has no row before
/// [`put_periods`].
pub(crate) async fn periods(
    tx: &mut Tx,
    wanted: &[(BudgetKey, PeriodSpan, Option<i64>)],
) -> Result<Vec<PeriodRow>, Error> {
    let Some((first, ..)) = wanted.first() else {
        return Ok(Vec::new());
    };
    let scopes: Vec<Scope> = wanted.iter().map(|(key, ..)| key.scope).collect();
    let starts: Vec<Timestamp> = wanted.iter().map(|(_, span, _)| span.start).collect();
    let rows = Select::new(
        "scope, unit, starts_at, ends_at, limit_amount, settled, escrow, suspense, overdraft,
         next_notice, lasting_suspense",
        "budget_periods",
    )
    .filter("tenant_id = ?", first.tenant)
    .filter_in("scope", &scopes)
    .filter_in("starts_at", &starts)
    .statement()
    .fetch_all(tx)
    .await?;
    let mut found: HashMap<(Scope, String, Timestamp, Timestamp), Counters> = HashMap::new();
    for row in rows {
        let place = (
            row.get("scope")?,
            row.get("unit")?,
            row.get("starts_at")?,
            row.get("ends_at")?,
        );
        found.insert(place, counters(&row)?);
    }
    let row = |(key, span, limit): &(BudgetKey, PeriodSpan, Option<i64>)| {
        let unit = key.unit.as_str().to_owned();
        let place = (key.scope, unit, span.start, ends_at(span));
        let new = Counters {
            limit: *limit,
            ..Counters::default()
        };
        PeriodRow {
            key: *key,
            span: *span,
            counters: found.get(&place).copied().unwrap_or(new),
        }
    };
    Ok(wanted.iter().map(row).collect())
}

/// Writes the counters of periods, also of those that have no row yet.
pub(crate) async fn put_periods(
    tx: &mut Tx,
    periods: impl IntoIterator<Item = &PeriodRow>,
) -> Result<(), Error> {
    let mut rows = Rows::new(
        "INSERT INTO budget_periods
         (tenant_id, scope, unit, starts_at, ends_at, limit_amount, settled, escrow, suspense,
          overdraft, next_notice, lasting_suspense) VALUES ",
    );
    for PeriodRow {
        key,
        span,
        counters,
    } in periods
    {
        rows = rows.row([
            key.tenant.to_column(),
            key.scope.to_column(),
            key.unit.as_str().to_column(),
            span.start.to_column(),
            ends_at(span).to_column(),
            counters.limit.to_column(),
            counters.settled.to_column(),
            counters.escrow.to_column(),
            counters.suspense.to_column(),
            counters.overdraft.to_column(),
            counters.next_notice.to_column(),
            counters.lasting_suspense.to_column(),
        ]);
    }
    let rows = rows.then(
        " ON CONFLICT (tenant_id, scope, unit, starts_at, ends_at) DO UPDATE SET
         limit_amount = excluded.limit_amount, settled = excluded.settled,
         escrow = excluded.escrow, suspense = excluded.suspense, overdraft = excluded.overdraft,
         next_notice = excluded.next_notice, lasting_suspense = excluded.lasting_suspense",
    );
    execute(tx, rows).await
}

/// Writes leases, whose periods have rows.
pub(crate) async fn put_leases(
    tx: &mut Tx,
    leases: impl IntoIterator<Item = &LeaseRow>,
) -> Result<(), Error> {
    let mut rows = Rows::new(
        "INSERT INTO leases
         (id, tenant_id, scope, unit, starts_at, ends_at, instance_id, incarnation, state, granted,
          settled, returned, held, opened_at, reported_at, expires_at) VALUES ",
    );
    for lease in leases {
        rows = rows.row([
            lease.id.to_column(),
            lease.key.tenant.to_column(),
            lease.key.scope.to_column(),
            lease.key.unit.as_str().to_column(),
            lease.span.start.to_column(),
            ends_at(&lease.span).to_column(),
            lease.instance.to_column(),
            lease.incarnation.to_column(),
            lease.account.state.as_str().to_column(),
            lease.account.granted.to_column(),
            lease.account.settled.to_column(),
            lease.account.returned.to_column(),
            lease.account.held.to_column(),
            lease.opened_at.to_column(),
            lease.reported_at.to_column(),
            lease.expires_at.to_column(),
        ]);
    }
    let rows = rows.then(
        " ON CONFLICT (id) DO UPDATE SET state = excluded.state, granted = excluded.granted,
         settled = excluded.settled, returned = excluded.returned, held = excluded.held,
         reported_at = excluded.reported_at, expires_at = excluded.expires_at",
    );
    execute(tx, rows).await
}

/// Adds moves to the double entry of their leases.
pub(crate) async fn add_entries(
    tx: &mut Tx,
    moves: &[(LeaseId, Move)],
    now: Timestamp,
) -> Result<(), Error> {
    // A statement may touch each entry once.
    let mut sums: Vec<(LeaseId, Move)> = Vec::with_capacity(moves.len());
    for (lease, change) in moves {
        let known = sums
            .iter_mut()
            .find(|(known, sum)| (known, sum.from, sum.to) == (lease, change.from, change.to));
        match known {
            Some((_, sum)) => {
                let amount = sum.amount.checked_add(change.amount);
                sum.amount = amount.ok_or(Error::OutOfRange)?;
            }
            None => sums.push((*lease, *change)),
        }
    }
    let mut rows = Rows::new(
        "INSERT INTO ledger_entries (lease_id, from_account, to_account, amount, updated_at) VALUES ",
    );
    for (lease, change) in sums {
        rows = rows.row([
            lease.to_column(),
            change.from.as_str().to_column(),
            change.to.as_str().to_column(),
            change.amount.to_column(),
            now.to_column(),
        ]);
    }
    let rows = rows.then(
        " ON CONFLICT (lease_id, from_account, to_account) DO UPDATE SET
         amount = ledger_entries.amount + excluded.amount, updated_at = excluded.updated_at",
    );
    execute(tx, rows).await
}

pub(crate) async fn execute(tx: &mut Tx, rows: Rows) -> Result<(), Error> {
    if !rows.is_empty() {
        rows.statement().execute(tx).await?;
    }
    Ok(())
}
