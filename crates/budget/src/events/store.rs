//! The SQL of events.

use std::collections::{BTreeSet, HashMap};

use iron_primitives::{Money, PeriodSpan, Scope, TenantId, Timestamp};
use iron_store::{Db, Page, Paged, Row, Select, Sort, Tx, sql};

use super::model::{BudgetEvent, EventFilter, EventKind, HardAction};
use crate::Error;
use crate::model::{BudgetKey, PeriodRow};
use crate::store::{ends_at, span_of, unit_from};

const COLUMNS: &str = "tenant_id, sequence, kind, scope, unit, starts_at, ends_at, percent, \
     limit_amount, used, hard_action, at, cleared_at";

fn event(row: &Row) -> Result<BudgetEvent, Error> {
    let (kind, action): (String, String) = (row.get("kind")?, row.get("hard_action")?);
    let percent: i64 = row.get("percent")?;
    Ok(BudgetEvent {
        tenant: row.get("tenant_id")?,
        sequence: row.get("sequence")?,
        kind: EventKind::from_word(&kind).ok_or(Error::Unreadable)?,
        scope: row.get("scope")?,
        unit: unit_from(&row.get::<String>("unit")?)?,
        span: span_of(row.get("starts_at")?, row.get("ends_at")?),
        percent: u8::try_from(percent).map_err(|_| Error::Unreadable)?,
        limit: Money::from_nanos(row.get("limit_amount")?),
        used: Money::from_nanos(row.get("used")?),
        hard_action: HardAction::from_word(&action).ok_or(Error::Unreadable)?,
        at: row.get("at")?,
        cleared_at: row.get("cleared_at")?,
    })
}

/// The percentages that were told of in a period and still hold.
pub(super) async fn told(tx: &mut Tx, row: &PeriodRow) -> Result<BTreeSet<u8>, Error> {
    let rows = sql("SELECT percent FROM budget_events
         WHERE tenant_id = $1 AND scope = $2 AND unit = $3 AND starts_at = $4 AND ends_at = $5
           AND cleared_at IS NULL AND kind <> 'runaway'")
    .bind(row.key.tenant)
    .bind(row.key.scope)
    .bind(row.key.unit.as_str())
    .bind(row.span.start)
    .bind(ends_at(&row.span))
    .fetch_all(tx)
    .await?;
    rows.iter()
        .map(|row| {
            let percent: i64 = row.get("percent")?;
            u8::try_from(percent).map_err(|_| Error::Unreadable)
        })
        .collect()
}

/// Takes back what is told of one percentage.
pub(super) async fn clear(
    tx: &mut Tx,
    row: &PeriodRow,
    percent: u8,
    now: Timestamp,
) -> Result<(), Error> {
    sql("UPDATE budget_events SET cleared_at = $7
         WHERE tenant_id = $1 AND scope = $2 AND unit = $3 AND starts_at = $4 AND ends_at = $5
           AND percent = $6 AND cleared_at IS NULL AND kind <> 'runaway'")
    .bind(row.key.tenant)
    .bind(row.key.scope)
    .bind(row.key.unit.as_str())
    .bind(row.span.start)
    .bind(ends_at(&row.span))
    .bind(i64::from(percent))
    .bind(now)
    .execute(tx)
    .await?;
    Ok(())
}

/// Takes back what is told of a budget under other periods than this one.
pub(super) async fn clear_others(
    tx: &mut Tx,
    key: &BudgetKey,
    span: &PeriodSpan,
    now: Timestamp,
) -> Result<(), Error> {
    sql("UPDATE budget_events SET cleared_at = $6
         WHERE tenant_id = $1 AND scope = $2 AND unit = $3 AND cleared_at IS NULL
           AND kind <> 'runaway' AND (starts_at <> $4 OR ends_at <> $5)")
    .bind(key.tenant)
    .bind(key.scope)
    .bind(key.unit.as_str())
    .bind(span.start)
    .bind(ends_at(span))
    .bind(now)
    .execute(tx)
    .await?;
    Ok(())
}

/// Takes the lock of a tenant's numbers, the last of all locks, and draws the next one.
pub(super) async fn next_sequence(tx: &mut Tx, tenant: TenantId) -> Result<i64, Error> {
    sql(
        "INSERT INTO budget_event_numbers (tenant_id, last_sequence) VALUES ($1, 1)
         ON CONFLICT (tenant_id)
         DO UPDATE SET last_sequence = budget_event_numbers.last_sequence + 1",
    )
    .bind(tenant)
    .execute(&mut *tx)
    .await?;
    let row = sql("SELECT last_sequence FROM budget_event_numbers WHERE tenant_id = $1")
        .bind(tenant)
        .fetch_one(tx)
        .await?;
    Ok(row.get("last_sequence")?)
}

pub(super) async fn insert(tx: &mut Tx, event: &BudgetEvent) -> Result<(), Error> {
    sql("INSERT INTO budget_events
         (tenant_id, sequence, kind, scope, unit, starts_at, ends_at, percent, limit_amount, used,
          hard_action, at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)")
    .bind(event.tenant)
    .bind(event.sequence)
    .bind(event.kind.as_str())
    .bind(event.scope)
    .bind(event.unit.as_str())
    .bind(event.span.start)
    .bind(ends_at(&event.span))
    .bind(i64::from(event.percent))
    .bind(event.limit.nanos())
    .bind(event.used.nanos())
    .bind(event.hard_action.as_str())
    .bind(event.at)
    .execute(tx)
    .await?;
    Ok(())
}

/// A page of a tenant's events: the newest first, or the oldest first for whoever follows them.
pub(super) async fn list(
    db: &Db,
    tenant: TenantId,
    filter: &EventFilter,
    page: Page,
) -> Result<Paged<BudgetEvent>, Error> {
    let mut select = Select::new(COLUMNS, "budget_events")
        .filter("tenant_id = ?", tenant)
        .filter_some("scope = ?", filter.scope)
        .filter_some("at >= ?", filter.since)
        .filter_some("sequence > ?", filter.after);
    if let Some(among) = &filter.among {
        select = select.filter_in("scope", among);
    }
    if !filter.kinds.is_empty() {
        let words: Vec<&str> = filter.kinds.iter().map(|kind| kind.as_str()).collect();
        select = select.filter_in("kind", &words);
    }
    let order = match filter.after {
        Some(_) => Sort::ascending("sequence"),
        None => Sort::descending("sequence"),
    };
    select
        .sort(order, "percent")
        .fetch_page(db, page)
        .await?
        .try_map(|row| event(&row))
}

/// Events that no server has acted on, the oldest first.
pub(super) async fn unhandled(db: &Db, most: u32) -> Result<Vec<BudgetEvent>, Error> {
    let rows = Select::new(COLUMNS, "budget_events")
        .filter_fixed("handled_at IS NULL")
        .sort(Sort::ascending("at"), "sequence")
        .fetch_first(db, most)
        .await?;
    rows.iter().map(event).collect()
}

/// Marks an event as handled, if nobody was faster; whether it still holds.
pub(super) async fn take(
    tx: &mut Tx,
    event: &BudgetEvent,
    now: Timestamp,
) -> Result<Option<bool>, Error> {
    let taken = sql("UPDATE budget_events SET handled_at = $3
         WHERE tenant_id = $1 AND sequence = $2 AND handled_at IS NULL")
    .bind(event.tenant)
    .bind(event.sequence)
    .bind(now)
    .execute(&mut *tx)
    .await?;
    if taken == 0 {
        return Ok(None);
    }
    let row =
        sql("SELECT cleared_at, ends_at FROM budget_events WHERE tenant_id = $1 AND sequence = $2")
            .bind(event.tenant)
            .bind(event.sequence)
            .fetch_one(tx)
            .await?;
    let cleared: Option<Timestamp> = row.get("cleared_at")?;
    let ends_at: Timestamp = row.get("ends_at")?;
    Ok(Some(cleared.is_none() && ends_at > now))
}

/// The limits of these scopes that are reached at this instant, by scope.
pub(super) async fn reached(
    db: &Db,
    scopes: &[Scope],
    now: Timestamp,
) -> Result<HashMap<Scope, BudgetEvent>, Error> {
    let rows = Select::new(COLUMNS, "budget_events")
        .filter_in("scope", scopes)
        .filter_fixed("kind = 'limit' AND cleared_at IS NULL")
        .filter("starts_at <= ?", now)
        .filter("ends_at > ?", now)
        .statement()
        .fetch_all(db)
        .await?;
    rows.iter()
        .map(|row| event(row).map(|event| (event.scope, event)))
        .collect()
}

/// What was left in suspense by leases that were last reported on before an instant, where that is
/// more than what is known of it, in the order of locks.
pub(super) async fn lasting_suspense(
    tx: &mut Tx,
    before: Timestamp,
) -> Result<Vec<(BudgetKey, PeriodSpan, i64)>, Error> {
    let rows = sql(
        "SELECT l.tenant_id AS tenant_id, l.scope AS scope, l.unit AS unit,
         l.starts_at AS starts_at, l.ends_at AS ends_at,
         CAST(SUM(l.granted - l.returned - l.settled) AS BIGINT) AS lasting
         FROM leases l JOIN budget_periods p ON p.tenant_id = l.tenant_id AND p.scope = l.scope
          AND p.unit = l.unit AND p.starts_at = l.starts_at AND p.ends_at = l.ends_at
         WHERE l.state = 'fenced' AND l.reported_at < $1
          AND l.granted > l.returned + l.settled
         GROUP BY l.tenant_id, l.scope, l.unit, l.starts_at, l.ends_at
         HAVING SUM(l.granted - l.returned - l.settled) > MAX(p.lasting_suspense)",
    )
    .bind(before)
    .fetch_all(tx)
    .await?;
    let place = |row: &Row| {
        let key = BudgetKey {
            tenant: row.get("tenant_id")?,
            scope: row.get("scope")?,
            unit: unit_from(&row.get::<String>("unit")?)?,
        };
        let span = span_of(row.get("starts_at")?, row.get("ends_at")?);
        Ok((key, span, row.get("lasting")?))
    };
    let mut places = rows.iter().map(place).collect::<Result<Vec<_>, Error>>()?;
    places.sort_unstable_by_key(|(key, span, _)| (*key, span.start));
    Ok(places)
}

/// Adds to what a budget has spent in a second, forgets what is older than `since`, and gives the
/// sum of the rest.
pub(super) async fn spent_since(
    tx: &mut Tx,
    key: &BudgetKey,
    (at, amount): (Timestamp, i64),
    since: Timestamp,
) -> Result<i64, Error> {
    forget_spends(tx, key, since).await?;
    if amount > 0 {
        sql(
            "INSERT INTO budget_spends (tenant_id, scope, unit, at, amount)
             VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (tenant_id, scope, unit, at)
             DO UPDATE SET amount = budget_spends.amount + $5",
        )
        .bind(key.tenant)
        .bind(key.scope)
        .bind(key.unit.as_str())
        .bind(at)
        .bind(amount)
        .execute(&mut *tx)
        .await?;
    }
    let row = sql(
        "SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) AS spent FROM budget_spends
         WHERE tenant_id = $1 AND scope = $2 AND unit = $3",
    )
    .bind(key.tenant)
    .bind(key.scope)
    .bind(key.unit.as_str())
    .fetch_one(tx)
    .await?;
    Ok(row.get("spent")?)
}

/// Forgets what a budget has spent before an instant.
pub(super) async fn forget_spends(
    tx: &mut Tx,
    key: &BudgetKey,
    before: Timestamp,
) -> Result<(), Error> {
    sql("DELETE FROM budget_spends WHERE tenant_id = $1 AND scope = $2 AND unit = $3 AND at < $4")
        .bind(key.tenant)
        .bind(key.scope)
        .bind(key.unit.as_str())
        .bind(before)
        .execute(tx)
        .await?;
    Ok(())
}

/// Whether the agent has run away after an instant, or a server is about to act on it.
pub(super) async fn ran_away(
    tx: &mut Tx,
    key: &BudgetKey,
    since: Timestamp,
) -> Result<bool, Error> {
    let row = sql("SELECT 1 AS found FROM budget_events
         WHERE tenant_id = $1 AND scope = $2 AND unit = $3 AND kind = 'runaway'
           AND (at > $4 OR handled_at IS NULL)")
    .bind(key.tenant)
    .bind(key.scope)
    .bind(key.unit.as_str())
    .bind(since)
    .fetch_optional(tx)
    .await?;
    Ok(row.is_some())
}

/// Deletes the events of a tenant.
pub(crate) const OF_A_TENANT: &[&str] = &[
    "DELETE FROM budget_events WHERE tenant_id = $1",
    "DELETE FROM budget_event_numbers WHERE tenant_id = $1",
    "DELETE FROM budget_spends WHERE tenant_id = $1",
];
