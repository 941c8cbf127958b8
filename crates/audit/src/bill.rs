//! What a tenant has to pay for, and for what.

use iron_primitives::{AgentId, Money, TenantId, Timestamp};
use iron_store::{Row, sql};

use crate::{Audit, Authorised, Error};

/// What one agent has used one model or one tool for, between two instants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BillLine {
    /// The agent.
    pub agent: AgentId,
    /// The model; none for calls that reached none, and for those of tools.
    pub model: Option<String>,
    /// The tool, by the name that the agent used; none for calls of models.
    pub tool: Option<String>,
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
    /// What the calls of a tenant that began between two instants have cost, by agent and
    /// model or tool; refused calls, and calls of tools that cost nothing, are in none. Nothing for whoever is neither of the tenant nor a platform admin.
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
        let mut lines = Vec::new();
        for statement in [OF_MODELS, OF_TOOLS] {
            let rows = sql(statement).bind(tenant).bind(from).bind(until);
            let rows = rows.fetch_all(&self.db).await?;
            for row in &rows {
                lines.push(BillLine::read(row)?);
            }
        }
        Ok(lines)
    }
}

const OF_MODELS: &str = "SELECT agent_id, model, CAST(NULL AS TEXT) AS tool, COUNT(*) AS requests, \
     CAST(SUM(input_tokens) AS BIGINT) AS input_tokens, \
     CAST(SUM(output_tokens) AS BIGINT) AS output_tokens, \
     CAST(SUM(cost_nanos) AS BIGINT) AS cost_nanos FROM call_records \
     WHERE tenant_id = $1 AND started_at >= $2 AND started_at < $3 \
     AND (cost_nanos > 0 OR input_tokens > 0 OR output_tokens > 0) \
     GROUP BY agent_id, model ORDER BY agent_id, model";

const OF_TOOLS: &str = "SELECT agent_id, CAST(NULL AS TEXT) AS model, tool, COUNT(*) AS requests, \
     CAST(0 AS BIGINT) AS input_tokens, CAST(0 AS BIGINT) AS output_tokens, \
     CAST(SUM(cost_nanos) AS BIGINT) AS cost_nanos FROM tool_calls \
     WHERE tenant_id = $1 AND started_at >= $2 AND started_at < $3 AND cost_nanos > 0 \
     GROUP BY agent_id, tool ORDER BY agent_id, tool";

impl BillLine {
    fn read(row: &Row) -> Result<Self, iron_store::Error> {
        Ok(BillLine {
            agent: row.get("agent_id")?,
            model: row.get("model")?,
            tool: row.get("tool")?,
            requests: row.get("requests")?,
            input_tokens: row.get("input_tokens")?,
            output_tokens: row.get("output_tokens")?,
            cost: row.get("cost_nanos")?,
        })
    }
}
