//! Sums of calls for each hour and each day, by everything that people ask for.
//!
//! A row of `rollup_dimensions` is one combination of agent, owner, team, project, environment,
//! provider, model, operation and how it ended; a row of `rollups` sums up what was called so in an
//! hour or a day (UTC), with spreads of costs and durations ([`Sketch`]). They are written in the
//! transaction that projects the records, so they hold each record exactly once, and the sum over
//! any dimension is that of the records to the nano-dollar.
//!
//! A call counts when it began. Its cost counts at the provider that billed it, everything else
//! where it ended. A call of a tool is a request, too.

mod lines;
mod queries;
mod rest;
mod sketch;
mod statements;

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use iron_primitives::{TenantId, Timestamp};
use iron_store::{Statement, Tx, sql};

use crate::body::{CallFacts, ToolFacts};
use crate::projector::ProjectionError;
use crate::usage::{DAY_SECONDS, HOUR_SECONDS, floor};
pub(crate) use lines::error_type;
use lines::{Counts, Dimensions};

pub use queries::{Dimension, RollupFilter, RollupQuery, RollupRow, Spread, Sums};
pub use sketch::Sketch;

/// What a batch of calls adds, summed up before it is written. In the order of the keys, so that two
/// projectors never wait for each other in a ring.
#[derive(Default)]
pub(crate) struct RollupTally {
    sums: BTreeMap<Dimensions, BTreeMap<(i64, i64), Counts>>,
}

impl RollupTally {
    pub(crate) fn count(&mut self, tenant: TenantId, call: &CallFacts) {
        for (dimensions, counts) in lines::of_call(tenant, call) {
            self.add(dimensions, &counts);
        }
    }

    pub(crate) fn count_tool(&mut self, tenant: TenantId, call: &ToolFacts) {
        let (dimensions, counts) = lines::of_tool(tenant, call);
        self.add(dimensions, &counts);
    }

    fn add(&mut self, dimensions: Dimensions, counts: &Counts) {
        let sums = self.sums.entry(dimensions).or_default();
        for bucket_seconds in [HOUR_SECONDS, DAY_SECONDS] {
            let key = (bucket_seconds, floor(counts.first_at, bucket_seconds));
            sums.entry(key)
                .and_modify(|sum| sum.add(counts))
                .or_insert_with(|| counts.clone());
        }
    }

    /// Adds everything to the tables.
    pub(crate) async fn write(self, tx: &mut Tx) -> Result<(), ProjectionError> {
        for (dimensions, sums) in self.sums {
            let tenant = dimensions.tenant;
            let id = id_of(tx, &dimensions).await?;
            for (bucket, counts) in sums {
                write(tx, (tenant, id), bucket, counts).await?;
            }
        }
        Ok(())
    }
}

/// The number of a combination, which is made if it is new.
async fn id_of(tx: &mut Tx, dimensions: &Dimensions) -> Result<i64, ProjectionError> {
    if let Some(id) = find(tx, dimensions).await? {
        return Ok(id);
    }
    let named = format!("{dimensions:?}");
    let number = digest(&SHA256, named.as_bytes());
    let number = number.as_ref().first_chunk().copied().unwrap_or_default();
    let id = i64::from_be_bytes(number) & i64::MAX;
    let insert = sql(
        "INSERT INTO rollup_dimensions (tenant_id, agent_id, user_id, team_id, project_id, \
         environment, provider_id, model, operation, outcome, error_type, id) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING",
    );
    bind(insert, dimensions).bind(id).execute(&mut *tx).await?;
    let found = find(tx, dimensions).await?;
    found.ok_or_else(|| ProjectionError::Malformed {
        detail: format!("another combination of dimensions has the number {id}"),
    })
}

async fn find(tx: &mut Tx, dimensions: &Dimensions) -> Result<Option<i64>, iron_store::Error> {
    let select = sql(
        "SELECT id FROM rollup_dimensions WHERE tenant_id = $1 AND agent_id = $2 \
         AND user_id = $3 AND team_id = $4 AND project_id = $5 AND environment = $6 \
         AND provider_id = $7 AND model = $8 AND operation = $9 AND outcome = $10 \
         AND error_type = $11",
    );
    let row = bind(select, dimensions).fetch_optional(tx).await?;
    row.map(|row| row.get("id")).transpose()
}

fn bind(statement: Statement, dimensions: &Dimensions) -> Statement {
    fn text(id: Option<impl ToString>) -> String {
        id.map(|id| id.to_string()).unwrap_or_default()
    }
    statement
        .bind(dimensions.tenant)
        .bind(dimensions.agent)
        .bind(text(dimensions.user))
        .bind(text(dimensions.team))
        .bind(text(dimensions.project))
        .bind(&dimensions.environment)
        .bind(text(dimensions.provider))
        .bind(&dimensions.model)
        .bind(dimensions.operation)
        .bind(&dimensions.outcome)
        .bind(&dimensions.error_type)
}

/// Adds to a row. Its spreads are merged here, while the row is locked.
async fn write(
    tx: &mut Tx,
    (tenant, id): (TenantId, i64),
    (bucket_seconds, starts_at): (i64, i64),
    counts: Counts,
) -> Result<(), iron_store::Error> {
    let row = sql(
        "INSERT INTO rollups (tenant_id, bucket_seconds, starts_at, dimensions_id, requests, \
         cost_nanos, least_nanos, most_nanos, input_tokens, cached_tokens, output_tokens, \
         reasoning_tokens, duration_us, first_at, last_at, durations, costs) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, '', '') \
         ON CONFLICT (tenant_id, bucket_seconds, starts_at, dimensions_id) DO UPDATE SET \
         requests = rollups.requests + excluded.requests, \
         cost_nanos = rollups.cost_nanos + excluded.cost_nanos, \
         least_nanos = CASE WHEN excluded.least_nanos < rollups.least_nanos \
         THEN excluded.least_nanos ELSE rollups.least_nanos END, \
         most_nanos = CASE WHEN excluded.most_nanos > rollups.most_nanos \
         THEN excluded.most_nanos ELSE rollups.most_nanos END, \
         input_tokens = rollups.input_tokens + excluded.input_tokens, \
         cached_tokens = rollups.cached_tokens + excluded.cached_tokens, \
         output_tokens = rollups.output_tokens + excluded.output_tokens, \
         reasoning_tokens = rollups.reasoning_tokens + excluded.reasoning_tokens, \
         duration_us = rollups.duration_us + excluded.duration_us, \
         first_at = CASE WHEN excluded.first_at < rollups.first_at \
         THEN excluded.first_at ELSE rollups.first_at END, \
         last_at = CASE WHEN excluded.last_at > rollups.last_at \
         THEN excluded.last_at ELSE rollups.last_at END \
         RETURNING durations, costs",
    )
    .bind(tenant)
    .bind(bucket_seconds)
    .bind(starts_at)
    .bind(id)
    .bind(counts.requests)
    .bind(counts.cost_nanos)
    .bind(counts.least_nanos)
    .bind(counts.most_nanos)
    .bind(counts.input)
    .bind(counts.cached)
    .bind(counts.output)
    .bind(counts.reasoning)
    .bind(counts.duration_us)
    .bind(counts.first_at)
    .bind(counts.last_at)
    .fetch_one(&mut *tx)
    .await?;
    let (mut durations, mut costs) = (counts.durations, counts.costs);
    if durations.is_empty() && costs.is_empty() {
        return Ok(());
    }
    durations.merge_text(&row.get::<String>("durations")?);
    costs.merge_text(&row.get::<String>("costs")?);
    sql(
        "UPDATE rollups SET durations = $5, costs = $6 WHERE tenant_id = $1 \
         AND bucket_seconds = $2 AND starts_at = $3 AND dimensions_id = $4",
    )
    .bind(tenant)
    .bind(bucket_seconds)
    .bind(starts_at)
    .bind(id)
    .bind(durations.to_string())
    .bind(costs.to_string())
    .execute(tx)
    .await
    .map(drop)
}

/// Forgets how the calls of hours before then were spread. That of their days stays, and all sums do:
/// a report of any span adds up, however long ago it was.
pub(crate) async fn forget(
    tx: &mut Tx,
    tenant: TenantId,
    before: Timestamp,
) -> Result<(), iron_store::Error> {
    sql(
        "UPDATE rollups SET durations = '', costs = '' WHERE tenant_id = $1 \
         AND bucket_seconds = $2 AND starts_at < $3 AND (durations <> '' OR costs <> '')",
    )
    .bind(tenant)
    .bind(HOUR_SECONDS)
    .bind(before)
    .execute(tx)
    .await
    .map(drop)
}
