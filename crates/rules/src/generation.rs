//! Counts the changes of what a tenant says about tools.

use iron_primitives::TenantId;
use iron_store::{Db, Tx, sql};

use crate::Error;

/// Something is different now.
pub(crate) async fn bump(tx: &mut Tx, tenant: TenantId) -> Result<(), Error> {
    sql(
        "INSERT INTO tool_rule_generations (tenant_id, generation) VALUES ($1, 1)
         ON CONFLICT (tenant_id) DO UPDATE
         SET generation = tool_rule_generations.generation + 1",
    )
    .bind(tenant)
    .execute(tx)
    .await?;
    Ok(())
}

/// How many changes there have been.
pub(crate) async fn current(db: &Db, tenant: TenantId) -> Result<i64, Error> {
    let row = sql("SELECT generation FROM tool_rule_generations WHERE tenant_id = $1")
        .bind(tenant)
        .fetch_optional(db)
        .await?;
    match row {
        Some(row) => Ok(row.get("generation")?),
        None => Ok(0),
    }
}
