//! The rows of what gateways have set aside.

use iron_primitives::{LeaseId, Money, RequestId, TenantId, Timestamp};
use iron_store::{Row, Tx, sql};

use super::PassHold;
use crate::Error;
use crate::paths::store::PathRow;

/// An attempt for which money is set aside.
pub(super) struct OpenHold {
    pub(super) path: LeaseId,
    pub(super) attempt: u32,
    pub(super) amount: i64,
}

pub(super) fn open_hold(row: &Row) -> Result<OpenHold, Error> {
    Ok(OpenHold {
        path: row.get("path_id")?,
        attempt: u32::try_from(row.get::<i64>("attempt")?).unwrap_or(0),
        amount: row.get("amount")?,
    })
}

/// Notes what is set aside for an attempt.
pub(super) async fn add_hold(
    tx: &mut Tx,
    tenant: TenantId,
    path: LeaseId,
    ask: &PassHold,
    amount: i64,
    now: Timestamp,
) -> Result<(), Error> {
    let (instance, incarnation) = ask.sender;
    sql("INSERT INTO path_holds
         (tenant_id, call_id, attempt, path_id, instance_id, incarnation, amount, held_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)")
    .bind(tenant)
    .bind(ask.call)
    .bind(i64::from(ask.attempt))
    .bind(path)
    .bind(instance)
    .bind(i64::try_from(incarnation).unwrap_or(i64::MAX))
    .bind(amount)
    .bind(now)
    .execute(tx)
    .await?;
    Ok(())
}

/// A report of this call will move no money.
pub(super) async fn expect_report(
    tx: &mut Tx,
    path: &PathRow,
    request: RequestId,
) -> Result<(), Error> {
    sql(
        "INSERT INTO path_requests (tenant_id, agent_id, request_id, path_id)
         VALUES ($1, $2, $3, $4) ON CONFLICT (tenant_id, agent_id, request_id) DO NOTHING",
    )
    .bind(path.tenant)
    .bind(path.agent)
    .bind(request)
    .bind(path.id)
    .execute(tx)
    .await?;
    Ok(())
}

/// Whether this is the first time that an attempt is settled.
pub(super) async fn mark_settled(
    tx: &mut Tx,
    tenant: TenantId,
    call: RequestId,
    hold: &OpenHold,
    cost: Money,
) -> Result<bool, Error> {
    let marked = sql("UPDATE path_holds SET settled = $4
         WHERE tenant_id = $1 AND call_id = $2 AND attempt = $3 AND settled IS NULL")
    .bind(tenant)
    .bind(call)
    .bind(i64::from(hold.attempt))
    .bind(cost.nanos())
    .execute(tx)
    .await?;
    Ok(marked > 0)
}
