//! `call_days`.

use iron_primitives::TenantId;
use iron_store::{Error, Tx, sql};

/// How long a day is remembered after its end.
const REMEMBERED_DAYS: i64 = 40;

/// Adds calls to a day, which nobody else changes before the end of the transaction; gives what is
/// booked then.
pub(crate) async fn add(tx: &mut Tx, tenant: TenantId, day: i64, calls: i64) -> Result<i64, Error> {
    let row = sql("INSERT INTO call_days (tenant_id, day, booked)
         VALUES ($1, $2, CASE WHEN $3 > 0 THEN $3 ELSE 0 END)
         ON CONFLICT (tenant_id, day) DO UPDATE SET booked =
             CASE WHEN call_days.booked + $3 > 0 THEN call_days.booked + $3 ELSE 0 END
         RETURNING booked")
    .bind(tenant)
    .bind(day)
    .bind(calls)
    .fetch_one(tx)
    .await?;
    row.get("booked")
}

pub(crate) async fn forget_before(tx: &mut Tx, tenant: TenantId, day: i64) -> Result<(), Error> {
    sql("DELETE FROM call_days WHERE tenant_id = $1 AND day < $2")
        .bind(tenant)
        .bind(day.saturating_sub(REMEMBERED_DAYS))
        .execute(tx)
        .await
        .map(drop)
}
