//! Agents whose calls fail.

use std::time::Duration;

use iron_primitives::{AgentId, TenantId, Timestamp};
use iron_store::sql;

use crate::{Audit, Error};

/// So many agents are told of at once; those with the most failures come first.
const MOST_AGENTS: u32 = 100;

/// Calls are looked for by when they began.
const LONGEST_CALL: Duration = Duration::from_secs(60 * 60);

/// Failed calls of one agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FailingAgent {
    /// The agent.
    pub agent: AgentId,
    /// How many of its calls failed.
    pub failed: u64,
    /// How many it made.
    pub calls: u64,
}

impl Audit {
    /// The agents of a tenant with at least so many failed calls since then, at most 100, the worst
    /// first. A call that ended then has failed if its provider answered with an error, broke off,
    /// fell silent or could not be reached, or if its server ended; what we refuse or end, and what
    /// callers give up, is no failure. Calls that took longer than an hour are not looked for.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn failing_agents(
        &self,
        tenant: TenantId,
        since: Timestamp,
        least: u32,
    ) -> Result<Vec<FailingAgent>, Error> {
        let rows = sql("SELECT agent_id, failed, calls FROM (
                 SELECT agent_id, COUNT(*) AS calls,
                     SUM(CASE WHEN outcome IN ('provider_error', 'unknown') OR (outcome = 'cut'
                         AND error_type IN ('upstream_cut', 'stalled', 'timed_out', 'malformed'))
                         THEN 1 ELSE 0 END) AS failed
                 FROM call_records WHERE tenant_id = $1 AND started_at >= $5 AND ended_at >= $2
                 GROUP BY agent_id) AS agents
             WHERE failed >= $3 ORDER BY failed DESC, agent_id LIMIT $4")
        .bind(tenant)
        .bind(since)
        .bind(least)
        .bind(MOST_AGENTS)
        .bind(since.minus(LONGEST_CALL))
        .fetch_all(&self.db)
        .await?;
        let agents = rows.iter().map(|row| {
            let count = |name| {
                let count = row.get::<i64>(name)?;
                Ok::<_, iron_store::Error>(u64::try_from(count).unwrap_or_default())
            };
            Ok(FailingAgent {
                agent: row.get("agent_id")?,
                failed: count("failed")?,
                calls: count("calls")?,
            })
        });
        agents.collect()
    }
}
