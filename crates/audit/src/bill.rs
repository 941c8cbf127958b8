//! What a tenant has to pay for, and for what.

use iron_primitives::{AgentId, Money, TenantId, Timestamp};
use iron_store::sql;

use crate::{Audit, Authorised, Error};

/// What one agent has used one model for, between two instants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BillLine {
    /// The agent.
    pub agent: AgentId,
    /// The model; none for calls that reached none.
    pub model: Option<String>,
    /// Calls.
    pub requests: i64,
    /// Tokens in, cached or not.
    pub input_tokens: i64,
    /// Tokens out.
    pub output_tokens: i64,
    /// Their cost.
    pub cost: Money,
}

impl Audit {
    /// What the calls of a tenant that began between two instants have cost, by agent and model;
    /// refused calls are in none. Nothing for whoever is neither of the tenant nor a platform admin.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn bill(
        &self,
        authorised: &Authorised,
        tenant: TenantId,
        (from, until): (Timestamp, Timestamp),
    ) -> Result<Vec<BillLine>, Error> {
        if tenant != authorised.tenant && !authorised.platform_admin {
            return Ok(Vec::new());
        }
        let rows = sql("SELECT agent_id, model, COUNT(*) AS requests, \
             CAST(SUM(input_tokens) AS BIGINT) AS input_tokens, \
             CAST(SUM(output_tokens) AS BIGINT) AS output_tokens, \
             CAST(SUM(cost_nanos) AS BIGINT) AS cost_nanos FROM call_records \
             WHERE tenant_id = $1 AND started_at >= $2 AND started_at < $3 \
             AND (cost_nanos > 0 OR input_tokens > 0 OR output_tokens > 0) \
             GROUP BY agent_id, model ORDER BY agent_id, model")
        .bind(tenant)
        .bind(from)
        .bind(until)
        .fetch_all(&self.db)
        .await?;
        let lines = rows.iter().map(|row| {
            Ok(BillLine {
                agent: row.get("agent_id")?,
                model: row.get("model")?,
                requests: row.get("requests")?,
                input_tokens: row.get("input_tokens")?,
                output_tokens: row.get("output_tokens")?,
                cost: row.get("cost_nanos")?,
            })
        });
        Ok(lines.collect::<Result<_, iron_store::Error>>()?)
    }
}
