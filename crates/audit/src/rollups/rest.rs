//! Calls that are not in the rollups yet: those from before there were any, and those that a server of
//! an older version has projected, next to which this one runs.

use iron_primitives::{RequestId, TenantId};
use iron_store::{Row, Tx, sql, sql_per_engine};
use serde::de::{DeserializeOwned, Error as _};

use super::RollupTally;
use super::lines::error_type;
use crate::body::{CallFacts, ToolFacts};
use crate::projector::ProjectionError;
use crate::{Audit, Error};

/// How many calls are added in one transaction.
const AT_ONCE: i64 = 500;

impl Audit {
    /// Adds calls to the rollups that are not there, at most 500 of models and 500 of tools, each of
    /// which one server takes. Says how many there were.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn roll_up_rest(&self) -> Result<u64, Error> {
        let mut tx = self.db.begin().await?;
        let mut tally = RollupTally::default();
        let calls = sql_per_engine(
            "SELECT tenant_id, call_id, body FROM call_records WHERE rolled_up = 0 \
             ORDER BY tenant_id, call_id LIMIT $1",
            "SELECT tenant_id, call_id, body FROM call_records WHERE rolled_up = 0 \
             ORDER BY tenant_id, call_id LIMIT $1 FOR UPDATE SKIP LOCKED",
        );
        let calls = calls.bind(AT_ONCE).fetch_all(&mut tx).await?;
        for row in &calls {
            let (tenant, id): (TenantId, RequestId) = (row.get("tenant_id")?, row.get("call_id")?);
            let facts = read::<CallFacts>(row, id)?;
            if let Some(facts) = &facts {
                tally.count(tenant, facts);
            }
            note_call(&mut tx, (tenant, id), facts.as_ref().map(error_type)).await?;
        }
        let tools = sql_per_engine(
            "SELECT tenant_id, call_id, body FROM tool_calls WHERE rolled_up = 0 \
             ORDER BY tenant_id, call_id LIMIT $1",
            "SELECT tenant_id, call_id, body FROM tool_calls WHERE rolled_up = 0 \
             ORDER BY tenant_id, call_id LIMIT $1 FOR UPDATE SKIP LOCKED",
        );
        let tools = tools.bind(AT_ONCE).fetch_all(&mut tx).await?;
        for row in &tools {
            let (tenant, id): (TenantId, RequestId) = (row.get("tenant_id")?, row.get("call_id")?);
            if let Some(facts) = read::<ToolFacts>(row, id)? {
                tally.count_tool(tenant, &facts);
            }
            sql("UPDATE tool_calls SET rolled_up = 1 WHERE tenant_id = $1 AND call_id = $2")
                .bind(tenant)
                .bind(id)
                .execute(&mut tx)
                .await?;
        }
        tally.write(&mut tx).await.map_err(of_the_store)?;
        tx.commit().await?;
        Ok((calls.len() + tools.len()) as u64)
    }
}

async fn note_call(
    tx: &mut Tx,
    (tenant, id): (TenantId, RequestId),
    error_type: Option<String>,
) -> Result<(), Error> {
    sql("UPDATE call_records SET rolled_up = 1, error_type = $3 \
         WHERE tenant_id = $1 AND call_id = $2")
    .bind(tenant)
    .bind(id)
    .bind(error_type)
    .execute(tx)
    .await?;
    Ok(())
}

/// What was recorded. What nobody can read blocks nothing, and has been projected with no cost.
fn read<T: DeserializeOwned>(row: &Row, id: RequestId) -> Result<Option<T>, Error> {
    let body: String = row.get("body")?;
    match serde_json::from_str(&body) {
        Ok(facts) => Ok(Some(facts)),
        Err(error) => {
            tracing::error!(call = %id, %error, "alarm: a recorded call is missing in reports");
            Ok(None)
        }
    }
}

fn of_the_store(error: ProjectionError) -> Error {
    match error {
        ProjectionError::Store(error) => Error::Store(error),
        ProjectionError::Malformed { .. } | ProjectionError::Repeated => {
            Error::Malformed(serde_json::Error::custom(error))
        }
    }
}
