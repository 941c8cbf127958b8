//! The SQL of who waits for money that others have.

use iron_primitives::{InstanceId, PeriodSpan, Timestamp};
use iron_store::{Row, Tx, sql};

use super::{LeaseRow, ends_at, lease_row, span_of, unit_from};
use crate::Error;
use crate::model::BudgetKey;

/// Calls of one instance that wait for more of a budget than it can grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shortage {
    pub(crate) key: BudgetKey,
    pub(crate) span: PeriodSpan,
    pub(crate) instance: InstanceId,
    pub(crate) missing: i64,
    /// Since when they wait.
    pub(crate) since: Timestamp,
    /// When the instance has asked last.
    pub(crate) asked_at: Timestamp,
}

/// What was told since then, and whatever is known of one instance.
pub(crate) async fn shortages(
    tx: &mut Tx,
    instance: InstanceId,
    asked_since: Timestamp,
) -> Result<Vec<Shortage>, Error> {
    let rows = sql(
        "SELECT tenant_id, scope, unit, starts_at, ends_at, instance_id, missing, since, asked_at
         FROM budget_shortages WHERE asked_at >= $1 OR instance_id = $2",
    )
    .bind(asked_since)
    .bind(instance)
    .fetch_all(tx)
    .await?;
    rows.iter().map(shortage).collect()
}

fn shortage(row: &Row) -> Result<Shortage, Error> {
    Ok(Shortage {
        key: BudgetKey {
            scope: row.get("scope")?,
            unit: unit_from(&row.get::<String>("unit")?)?,
            tenant: row.get("tenant_id")?,
        },
        span: span_of(row.get("starts_at")?, row.get("ends_at")?),
        instance: row.get("instance_id")?,
        missing: row.get("missing")?,
        since: row.get("since")?,
        asked_at: row.get("asked_at")?,
    })
}

pub(crate) async fn put_shortage(tx: &mut Tx, shortage: &Shortage) -> Result<(), Error> {
    sql("INSERT INTO budget_shortages
         (tenant_id, scope, unit, starts_at, ends_at, instance_id, missing, since, asked_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (tenant_id, scope, unit, starts_at, ends_at, instance_id)
         DO UPDATE SET missing = $7, since = $8, asked_at = $9")
    .bind(shortage.key.tenant)
    .bind(shortage.key.scope)
    .bind(shortage.key.unit.as_str())
    .bind(shortage.span.start)
    .bind(ends_at(&shortage.span))
    .bind(shortage.instance)
    .bind(shortage.missing)
    .bind(shortage.since)
    .bind(shortage.asked_at)
    .execute(tx)
    .await?;
    Ok(())
}

pub(crate) async fn drop_shortage(tx: &mut Tx, shortage: &Shortage) -> Result<(), Error> {
    sql("DELETE FROM budget_shortages
         WHERE tenant_id = $1 AND scope = $2 AND unit = $3 AND starts_at = $4 AND ends_at = $5
           AND instance_id = $6")
    .bind(shortage.key.tenant)
    .bind(shortage.key.scope)
    .bind(shortage.key.unit.as_str())
    .bind(shortage.span.start)
    .bind(ends_at(&shortage.span))
    .bind(shortage.instance)
    .execute(tx)
    .await?;
    Ok(())
}

/// Deletes what was told last before this.
pub(crate) async fn forget_shortages(tx: &mut Tx, before: Timestamp) -> Result<(), Error> {
    sql("DELETE FROM budget_shortages WHERE asked_at < $1")
        .bind(before)
        .execute(tx)
        .await?;
    Ok(())
}

/// What the living processes of other instances, heard of since then, have of a budget and hold
/// for no call, as they last reported.
pub(crate) async fn idle_elsewhere(
    tx: &mut Tx,
    key: &BudgetKey,
    span: &PeriodSpan,
    instance: InstanceId,
    heard_since: Timestamp,
) -> Result<i64, Error> {
    let row = sql(
        "SELECT CAST(COALESCE(SUM(l.granted - l.returned - l.settled - l.held), 0) AS BIGINT)
          AS idle
         FROM leases l JOIN instances i ON i.id = l.instance_id AND i.incarnation = l.incarnation
         WHERE l.tenant_id = $1 AND l.scope = $2 AND l.unit = $3 AND l.starts_at = $4
           AND l.ends_at = $5 AND l.state = 'open' AND l.instance_id <> $6 AND i.seen_at >= $7
           AND l.granted - l.returned - l.settled > l.held",
    )
    .bind(key.tenant)
    .bind(key.scope)
    .bind(key.unit.as_str())
    .bind(span.start)
    .bind(ends_at(span))
    .bind(instance)
    .bind(heard_since)
    .fetch_one(tx)
    .await?;
    Ok(row.get("idle")?)
}

/// The leases of a process with something that no call holds, of budgets that calls of others wait
/// for, as was told since then.
pub(crate) async fn wanted_elsewhere(
    tx: &mut Tx,
    instance: InstanceId,
    incarnation: i64,
    asked_since: Timestamp,
) -> Result<Vec<LeaseRow>, Error> {
    let rows = sql(
        "SELECT l.id, l.tenant_id, l.scope, l.unit, l.starts_at, l.ends_at, l.instance_id,
          l.incarnation, l.state, l.granted, l.settled, l.returned, l.held, l.opened_at,
          l.reported_at, l.expires_at
         FROM leases l WHERE l.instance_id = $1 AND l.incarnation = $2 AND l.state = 'open'
           AND l.granted - l.returned - l.settled > l.held
           AND EXISTS (SELECT 1 FROM budget_shortages s
            WHERE s.tenant_id = l.tenant_id AND s.scope = l.scope AND s.unit = l.unit
              AND s.starts_at = l.starts_at AND s.ends_at = l.ends_at AND s.instance_id <> $1
              AND s.asked_at >= $3)
         ORDER BY l.id",
    )
    .bind(instance)
    .bind(incarnation)
    .bind(asked_since)
    .fetch_all(tx)
    .await?;
    rows.iter().map(lease_row).collect()
}
