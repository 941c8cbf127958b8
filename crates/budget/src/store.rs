//! All SQL of the ledger.

mod instances;
mod many;
mod recall;

use std::collections::BTreeSet;

use iron_primitives::{InstanceId, LeaseId, Period, PeriodSpan, Scope, TenantId, Timestamp, Unit};
use iron_store::{Db, Page, Paged, Row, Select, Sort, Statement, Tx, sql, sql_per_engine};

use crate::Error;
use crate::events::{HardAction, SoftLimits};
use crate::model::{BudgetKey, LeaseFilter, LeaseView, NEVER, PeriodRow};
use crate::moves::{Account, Counters, LeaseState};

pub(crate) use instances::{
    InstanceRow, all_have_declared, begin_generation, generation, generation_began_at,
    instance_row, live_instances, next_answer, put_instance, set_declared,
};
pub(crate) use many::{add_entries, execute, lock_all, periods, put_leases, put_periods};
pub(crate) use recall::{
    Shortage, drop_shortage, forget_shortages, idle_elsewhere, put_shortage, shortages,
    wanted_elsewhere,
};

/// The settings of a budget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BudgetRow {
    pub(crate) limit: Option<i64>,
    pub(crate) period: Period,
    pub(crate) soft_limits: SoftLimits,
    pub(crate) hard_action: HardAction,
    /// What an agent may spend within a minute, if somebody has said.
    pub(crate) most_per_minute: Option<i64>,
}

impl BudgetRow {
    /// A budget as it is born.
    pub(crate) fn new(limit: Option<i64>, period: Period) -> Self {
        BudgetRow {
            limit,
            period,
            soft_limits: SoftLimits::default(),
            hard_action: HardAction::default(),
            most_per_minute: None,
        }
    }
}

/// A lease with everything around its numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LeaseRow {
    pub(crate) id: LeaseId,
    pub(crate) key: BudgetKey,
    pub(crate) span: PeriodSpan,
    pub(crate) instance: InstanceId,
    pub(crate) incarnation: i64,
    pub(crate) account: Account,
    pub(crate) opened_at: Timestamp,
    pub(crate) reported_at: Timestamp,
    pub(crate) expires_at: Timestamp,
}

pub(crate) fn ends_at(span: &PeriodSpan) -> Timestamp {
    span.end.unwrap_or(NEVER)
}

pub(crate) fn span_of(starts_at: Timestamp, ends_at: Timestamp) -> PeriodSpan {
    PeriodSpan {
        start: starts_at,
        end: (ends_at != NEVER).then_some(ends_at),
    }
}

pub(crate) fn unit_from(word: &str) -> Result<Unit, Error> {
    [Unit::Usd, Unit::Tokens, Unit::ExecutionTime]
        .into_iter()
        .find(|unit| unit.as_str() == word)
        .ok_or(Error::Unreadable)
}

pub(crate) fn period_from(text: &str) -> Result<Period, Error> {
    text.parse().map_err(|_| Error::Unreadable)
}

/// Takes the lock of a budget and reads its settings.
pub(crate) async fn lock_budget(tx: &mut Tx, key: &BudgetKey) -> Result<Option<BudgetRow>, Error> {
    let row = sql_per_engine(
        "SELECT period, limit_amount, soft_limits, hard_action, most_per_minute FROM budgets
         WHERE tenant_id = $1 AND scope = $2 AND unit = $3",
        "SELECT period, limit_amount, soft_limits, hard_action, most_per_minute FROM budgets
         WHERE tenant_id = $1 AND scope = $2 AND unit = $3 FOR UPDATE",
    )
    .bind(key.tenant)
    .bind(key.scope)
    .bind(key.unit.as_str())
    .fetch_optional(tx)
    .await?;
    row.map(|row| budget_row(&row)).transpose()
}

pub(crate) async fn budget(db: &Db, key: &BudgetKey) -> Result<Option<BudgetRow>, Error> {
    let row = sql(
        "SELECT period, limit_amount, soft_limits, hard_action, most_per_minute FROM budgets
         WHERE tenant_id = $1 AND scope = $2 AND unit = $3",
    )
    .bind(key.tenant)
    .bind(key.scope)
    .bind(key.unit.as_str())
    .fetch_optional(db)
    .await?;
    row.map(|row| budget_row(&row)).transpose()
}

pub(crate) fn budget_row(row: &Row) -> Result<BudgetRow, Error> {
    let (period, action): (String, String) = (row.get("period")?, row.get("hard_action")?);
    let soft_limits = match row.get::<Option<String>>("soft_limits")? {
        None => SoftLimits::default(),
        Some(text) => SoftLimits::from_text(&text).ok_or(Error::Unreadable)?,
    };
    Ok(BudgetRow {
        limit: row.get("limit_amount")?,
        period: period_from(&period)?,
        soft_limits,
        hard_action: HardAction::from_word(&action).ok_or(Error::Unreadable)?,
        most_per_minute: row.get("most_per_minute")?,
    })
}

pub(crate) async fn insert_budget(
    tx: &mut Tx,
    key: &BudgetKey,
    row: &BudgetRow,
    now: Timestamp,
) -> Result<(), Error> {
    let insert = sql(
        "INSERT INTO budgets (tenant_id, scope, unit, period, limit_amount, created_at, updated_at,
          soft_limits, hard_action, most_per_minute)
         VALUES ($1, $2, $3, $4, $5, $6, $6, $7, $8, $9)",
    );
    with_budget(insert, key, row, now).execute(tx).await?;
    Ok(())
}

/// Makes a budget unless there is one.
pub(crate) async fn ensure_budget(
    tx: &mut Tx,
    key: &BudgetKey,
    row: &BudgetRow,
    now: Timestamp,
) -> Result<(), Error> {
    let insert = sql(
        "INSERT INTO budgets (tenant_id, scope, unit, period, limit_amount, created_at, updated_at,
          soft_limits, hard_action, most_per_minute)
         VALUES ($1, $2, $3, $4, $5, $6, $6, $7, $8, $9)
         ON CONFLICT (tenant_id, scope, unit) DO NOTHING",
    );
    with_budget(insert, key, row, now).execute(tx).await?;
    Ok(())
}

fn with_budget(
    statement: Statement,
    key: &BudgetKey,
    row: &BudgetRow,
    now: Timestamp,
) -> Statement {
    statement
        .bind(key.tenant)
        .bind(key.scope)
        .bind(key.unit.as_str())
        .bind(row.period.to_string())
        .bind(row.limit)
        .bind(now)
        .bind(row.soft_limits.to_stored())
        .bind(row.hard_action.as_str())
        .bind(row.most_per_minute)
}

pub(crate) async fn update_budget(
    tx: &mut Tx,
    key: &BudgetKey,
    row: &BudgetRow,
    now: Timestamp,
) -> Result<(), Error> {
    sql(
        "UPDATE budgets SET period = $4, limit_amount = $5, updated_at = $6, soft_limits = $7,
          hard_action = $8, most_per_minute = $9
         WHERE tenant_id = $1 AND scope = $2 AND unit = $3",
    )
    .bind(key.tenant)
    .bind(key.scope)
    .bind(key.unit.as_str())
    .bind(row.period.to_string())
    .bind(row.limit)
    .bind(now)
    .bind(row.soft_limits.to_stored())
    .bind(row.hard_action.as_str())
    .bind(row.most_per_minute)
    .execute(tx)
    .await?;
    Ok(())
}

/// The counters of one period of a budget whose lock is held; made if there are none.
pub(crate) async fn period(
    tx: &mut Tx,
    key: &BudgetKey,
    span: PeriodSpan,
    limit: Option<i64>,
) -> Result<PeriodRow, Error> {
    if let Some(counters) = find_period(&mut *tx, key, &span).await? {
        return Ok(PeriodRow {
            key: *key,
            span,
            counters,
        });
    }
    sql("INSERT INTO budget_periods
         (tenant_id, scope, unit, starts_at, ends_at, limit_amount, settled, escrow, suspense, overdraft)
         VALUES ($1, $2, $3, $4, $5, $6, 0, 0, 0, 0)")
    .bind(key.tenant)
    .bind(key.scope)
    .bind(key.unit.as_str())
    .bind(span.start)
    .bind(ends_at(&span))
    .bind(limit)
    .execute(tx)
    .await?;
    Ok(PeriodRow {
        key: *key,
        span,
        counters: Counters {
            limit,
            ..Counters::default()
        },
    })
}

/// The counters of one period, if anything has happened in it.
pub(crate) async fn find_period(
    on: impl Into<iron_store::Target<'_>>,
    key: &BudgetKey,
    span: &PeriodSpan,
) -> Result<Option<Counters>, Error> {
    let row = sql(
        "SELECT limit_amount, settled, escrow, suspense, overdraft, next_notice,
         lasting_suspense FROM budget_periods
         WHERE tenant_id = $1 AND scope = $2 AND unit = $3 AND starts_at = $4 AND ends_at = $5",
    )
    .bind(key.tenant)
    .bind(key.scope)
    .bind(key.unit.as_str())
    .bind(span.start)
    .bind(ends_at(span))
    .fetch_optional(on)
    .await?;
    row.map(|row| counters(&row)).transpose()
}

pub(crate) fn counters(row: &Row) -> Result<Counters, Error> {
    Ok(Counters {
        limit: row.get("limit_amount")?,
        settled: row.get("settled")?,
        escrow: row.get("escrow")?,
        suspense: row.get("suspense")?,
        overdraft: row.get("overdraft")?,
        next_notice: row.get("next_notice")?,
        lasting_suspense: row.get("lasting_suspense")?,
    })
}

pub(crate) async fn update_period(tx: &mut Tx, row: &PeriodRow) -> Result<(), Error> {
    sql("UPDATE budget_periods
         SET limit_amount = $6, settled = $7, escrow = $8, suspense = $9, overdraft = $10,
          next_notice = $11, lasting_suspense = $12
         WHERE tenant_id = $1 AND scope = $2 AND unit = $3 AND starts_at = $4 AND ends_at = $5")
    .bind(row.key.tenant)
    .bind(row.key.scope)
    .bind(row.key.unit.as_str())
    .bind(row.span.start)
    .bind(ends_at(&row.span))
    .bind(row.counters.limit)
    .bind(row.counters.settled)
    .bind(row.counters.escrow)
    .bind(row.counters.suspense)
    .bind(row.counters.overdraft)
    .bind(row.counters.next_notice)
    .bind(row.counters.lasting_suspense)
    .execute(tx)
    .await?;
    Ok(())
}

/// What open leases hold of one period of a budget.
pub(crate) async fn held_of(db: &Db, key: &BudgetKey, span: &PeriodSpan) -> Result<i64, Error> {
    let row = sql(
        "SELECT CAST(COALESCE(SUM(held), 0) AS BIGINT) AS held FROM leases
         WHERE tenant_id = $1 AND scope = $2 AND unit = $3 AND starts_at = $4 AND ends_at = $5
           AND state = 'open'",
    )
    .bind(key.tenant)
    .bind(key.scope)
    .bind(key.unit.as_str())
    .bind(span.start)
    .bind(ends_at(span))
    .fetch_one(db)
    .await?;
    Ok(row.get("held")?)
}

pub(crate) fn lease_row(row: &Row) -> Result<LeaseRow, Error> {
    let state: String = row.get("state")?;
    let unit: String = row.get("unit")?;
    let key = BudgetKey {
        scope: row.get("scope")?,
        unit: unit_from(&unit)?,
        tenant: row.get("tenant_id")?,
    };
    Ok(LeaseRow {
        id: row.get("id")?,
        key,
        span: span_of(row.get("starts_at")?, row.get("ends_at")?),
        instance: row.get("instance_id")?,
        incarnation: row.get("incarnation")?,
        account: Account {
            state: LeaseState::from_word(&state).ok_or(Error::Unreadable)?,
            granted: row.get("granted")?,
            settled: row.get("settled")?,
            returned: row.get("returned")?,
            held: row.get("held")?,
        },
        opened_at: row.get("opened_at")?,
        reported_at: row.get("reported_at")?,
        expires_at: row.get("expires_at")?,
    })
}

impl LeaseRow {
    pub(crate) fn view(&self) -> LeaseView {
        LeaseView {
            id: self.id,
            scope: self.key.scope,
            unit: self.key.unit,
            span: self.span,
            instance: self.instance,
            incarnation: u64::try_from(self.incarnation).unwrap_or(0),
            state: self.account.state,
            granted: self.account.granted,
            settled: self.account.settled,
            returned: self.account.returned,
            held: self.account.held,
            reported_at: self.reported_at,
            expires_at: self.expires_at,
            path: None,
        }
    }
}

pub(crate) async fn lease(tx: &mut Tx, id: LeaseId) -> Result<Option<LeaseRow>, Error> {
    let row = sql(
        "SELECT id, tenant_id, scope, unit, starts_at, ends_at, instance_id, incarnation, state,
         granted, settled, returned, held, opened_at, reported_at, expires_at
         FROM leases WHERE id = $1",
    )
    .bind(id)
    .fetch_optional(tx)
    .await?;
    row.map(|row| lease_row(&row)).transpose()
}

pub(crate) async fn open_lease(
    tx: &mut Tx,
    key: &BudgetKey,
    span: &PeriodSpan,
    instance: InstanceId,
    incarnation: i64,
) -> Result<Option<LeaseRow>, Error> {
    let row = sql(
        "SELECT id, tenant_id, scope, unit, starts_at, ends_at, instance_id, incarnation, state,
         granted, settled, returned, held, opened_at, reported_at, expires_at
         FROM leases
         WHERE tenant_id = $1 AND scope = $2 AND unit = $3 AND starts_at = $4 AND ends_at = $5
           AND instance_id = $6 AND incarnation = $7 AND state = 'open'",
    )
    .bind(key.tenant)
    .bind(key.scope)
    .bind(key.unit.as_str())
    .bind(span.start)
    .bind(ends_at(span))
    .bind(instance)
    .bind(incarnation)
    .fetch_optional(tx)
    .await?;
    row.map(|row| lease_row(&row)).transpose()
}

pub(crate) async fn put_lease(tx: &mut Tx, lease: &LeaseRow) -> Result<(), Error> {
    put_leases(tx, [lease]).await
}

/// Something that went beyond what was foreseen.
pub(crate) struct Overdraft {
    pub(crate) id: String,
    pub(crate) lease: Option<LeaseId>,
    pub(crate) reason: &'static str,
    pub(crate) amount: i64,
    pub(crate) beyond_limit: i64,
}

pub(crate) async fn add_overdraft(
    tx: &mut Tx,
    row: &PeriodRow,
    overdraft: &Overdraft,
    now: Timestamp,
) -> Result<(), Error> {
    sql("INSERT INTO budget_overdrafts
         (id, tenant_id, scope, unit, starts_at, ends_at, lease_id, reason, amount, beyond_limit, at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)")
    .bind(overdraft.id.as_str())
    .bind(row.key.tenant)
    .bind(row.key.scope)
    .bind(row.key.unit.as_str())
    .bind(row.span.start)
    .bind(ends_at(&row.span))
    .bind(overdraft.lease)
    .bind(overdraft.reason)
    .bind(overdraft.amount)
    .bind(overdraft.beyond_limit)
    .bind(now)
    .execute(tx)
    .await?;
    Ok(())
}

/// Which leases to look for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Which {
    /// Those of one process.
    Of {
        instance: InstanceId,
        incarnation: i64,
        state: LeaseState,
    },
    /// Those of the processes before one.
    Before {
        instance: InstanceId,
        incarnation: i64,
    },
    /// Open ones without a sign of life since.
    Expired { before: Timestamp },
}

/// Leases in the order of locks.
pub(crate) async fn leases(tx: &mut Tx, which: Which) -> Result<Vec<LeaseRow>, Error> {
    let rows = match which {
        Which::Of { instance, incarnation, state } => {
            sql("SELECT id, tenant_id, scope, unit, starts_at, ends_at, instance_id, incarnation, state,
                 granted, settled, returned, held, opened_at, reported_at, expires_at
                 FROM leases WHERE instance_id = $1 AND incarnation = $2 AND state = $3")
            .bind(instance)
            .bind(incarnation)
            .bind(state.as_str())
            .fetch_all(tx)
            .await?
        }
        Which::Before { instance, incarnation } => {
            sql("SELECT id, tenant_id, scope, unit, starts_at, ends_at, instance_id, incarnation, state,
                 granted, settled, returned, held, opened_at, reported_at, expires_at
                 FROM leases WHERE instance_id = $1 AND incarnation < $2 AND state = 'open'")
            .bind(instance)
            .bind(incarnation)
            .fetch_all(tx)
            .await?
        }
        Which::Expired { before } => {
            sql("SELECT id, tenant_id, scope, unit, starts_at, ends_at, instance_id, incarnation, state,
                 granted, settled, returned, held, opened_at, reported_at, expires_at
                 FROM leases WHERE state = 'open' AND expires_at < $1
                   AND NOT EXISTS (SELECT 1 FROM path_legs WHERE path_legs.lease_id = leases.id)")
            .bind(before)
            .fetch_all(tx)
            .await?
        }
    };
    let mut leases = rows.iter().map(lease_row).collect::<Result<Vec<_>, _>>()?;
    leases.sort_by_key(|lease| (lease.key, lease.span.start, lease.id));
    Ok(leases)
}

pub(crate) const LEASE_COLUMNS: &str = "id, tenant_id, scope, unit, starts_at, ends_at, instance_id, \
     incarnation, state, granted, settled, returned, held, opened_at, reported_at, expires_at";

/// A page of leases, the newest first.
pub(crate) async fn list_leases(
    db: &Db,
    tenant: TenantId,
    filter: &LeaseFilter,
    page: Page,
) -> Result<Paged<LeaseView>, Error> {
    let select = Select::new(LEASE_COLUMNS, "leases")
        .filter("tenant_id = ?", tenant)
        .filter_some("scope = ?", filter.scope);
    let select = if filter.states.is_empty() {
        select.filter_fixed("state <> 'closed'")
    } else {
        let words: Vec<&str> = filter.states.iter().map(|state| state.as_str()).collect();
        select.filter_in("state", &words)
    };
    select
        .sort(Sort::descending("opened_at"), "id")
        .fetch_page(db, page)
        .await?
        .try_map(|row| lease_row(&row).map(|lease| lease.view()))
}

/// The open leases on the budget of a scope.
pub(crate) async fn open_leases(
    tx: &mut Tx,
    tenant: TenantId,
    scope: Scope,
) -> Result<Vec<LeaseId>, Error> {
    let rows = sql(
        "SELECT id FROM leases WHERE tenant_id = $1 AND scope = $2 AND state = 'open' ORDER BY id",
    )
    .bind(tenant)
    .bind(scope)
    .fetch_all(tx)
    .await?;
    rows.iter().map(|row| Ok(row.get("id")?)).collect()
}

/// Every budget of a tenant, in the order of locks.
pub(crate) async fn budgets_of(
    tx: &mut Tx,
    tenant: TenantId,
) -> Result<BTreeSet<BudgetKey>, Error> {
    let rows = sql("SELECT scope, unit FROM budgets WHERE tenant_id = $1")
        .bind(tenant)
        .fetch_all(tx)
        .await?;
    rows.iter()
        .map(|row| {
            Ok(BudgetKey {
                tenant,
                scope: row.get("scope")?,
                unit: unit_from(&row.get::<String>("unit")?)?,
            })
        })
        .collect()
}

/// Deletes the ledger of a tenant.
pub(crate) const OF_A_TENANT: &[&str] = &[
    "DELETE FROM path_holds WHERE tenant_id = $1",
    "DELETE FROM path_passes WHERE tenant_id = $1",
    "DELETE FROM path_requests WHERE tenant_id = $1",
    "DELETE FROM path_legs WHERE path_id IN (SELECT id FROM path_leases WHERE tenant_id = $1)",
    "DELETE FROM path_leases WHERE tenant_id = $1",
    "DELETE FROM ledger_entries WHERE lease_id IN (SELECT id FROM leases WHERE tenant_id = $1)",
    "DELETE FROM leases WHERE tenant_id = $1",
    "DELETE FROM budget_overdrafts WHERE tenant_id = $1",
    "DELETE FROM budget_shortages WHERE tenant_id = $1",
    "DELETE FROM budget_changes WHERE tenant_id = $1",
    "DELETE FROM budget_periods WHERE tenant_id = $1",
    "DELETE FROM budgets WHERE tenant_id = $1",
];
