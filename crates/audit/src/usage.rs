//! Counts of calls: how many, what they cost, when the last one was.
//!
//! Kept for each agent, each token, each provider, each team and the tenant: for all time, for each hour, and for each
//! minute of the last two hours. A call counts when it began, also if it was refused; at a
//! provider each attempt that was sent counts, with its own cost.

use std::collections::HashMap;

use iron_primitives::{AgentId, IcTokenId, Money, ProviderId, TeamId, TenantId, Timestamp};
use iron_store::{Tx, sql};

use crate::body::{CallFacts, ToolFacts};
use crate::{Audit, Authorised, Error};

pub(crate) const MICROS: i64 = 1_000_000;
const MINUTE_SECONDS: i64 = 60;
pub(crate) const HOUR_SECONDS: i64 = 3_600;
pub(crate) const DAY_SECONDS: i64 = 86_400;
/// Minutes older than this are dropped.
const MINUTES_KEPT_SECONDS: i64 = 2 * HOUR_SECONDS;

/// Whose calls are counted. A tenant's are those of all its agents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UsageOf {
    /// An agent's.
    Agent(AgentId),
    /// A token's.
    Token(IcTokenId),
    /// Attempts at a provider.
    Provider(ProviderId),
    /// A tenant's.
    Tenant(TenantId),
    /// Those of agents while they belonged to a team.
    Team(TeamId),
}

impl std::fmt::Display for UsageOf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            UsageOf::Agent(id) => id.fmt(f),
            UsageOf::Token(id) => id.fmt(f),
            UsageOf::Provider(id) => id.fmt(f),
            UsageOf::Tenant(id) => id.fmt(f),
            UsageOf::Team(id) => id.fmt(f),
        }
    }
}

/// What was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Requests of all time.
    pub total_requests: i64,
    /// Their cost.
    pub total_cost: Money,
    /// Requests since midnight UTC.
    pub requests_today: i64,
    /// Their cost.
    pub cost_today: Money,
    /// Requests of the last sixty minutes, the present one included.
    pub requests_last_hour: i64,
    /// When the last one began.
    pub last_request_at: Option<Timestamp>,
}

impl Audit {
    /// What was counted for one agent, token or provider, or for the tenant.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn usage(&self, authorised: &Authorised, of: UsageOf) -> Result<Usage, Error> {
        let tenant = authorised.tenant;
        let subject = of.to_string();
        let now = self.environment.now();
        let today = floor(now.micros(), DAY_SECONDS);
        let hour_ago =
            floor(now.micros(), MINUTE_SECONDS) - (HOUR_SECONDS - MINUTE_SECONDS) * MICROS;
        let mut tx = self.db.snapshot().await?;
        let totals = sql(
            "SELECT requests, cost_nanos, last_request_at FROM usage_totals \
             WHERE tenant_id = $1 AND subject_id = $2",
        )
        .bind(tenant)
        .bind(&subject)
        .fetch_optional(&mut tx)
        .await?;
        let day = since(&mut tx, tenant, &subject, HOUR_SECONDS, today).await?;
        let hour = since(&mut tx, tenant, &subject, MINUTE_SECONDS, hour_ago).await?;
        tx.commit().await?;
        let mut usage = Usage {
            requests_today: day.requests,
            cost_today: Money::from_nanos(day.cost_nanos),
            requests_last_hour: hour.requests,
            ..Usage::default()
        };
        if let Some(totals) = totals {
            usage.total_requests = totals.get("requests")?;
            usage.total_cost = totals.get("cost_nanos")?;
            usage.last_request_at = Some(totals.get("last_request_at")?);
        }
        Ok(usage)
    }
}

async fn since(
    tx: &mut Tx,
    tenant: TenantId,
    subject: &str,
    bucket_seconds: i64,
    from_micros: i64,
) -> Result<Count, iron_store::Error> {
    let row = sql(
        "SELECT CAST(COALESCE(SUM(requests), 0) AS BIGINT) AS requests, \
         CAST(COALESCE(SUM(cost_nanos), 0) AS BIGINT) AS cost_nanos FROM usage_buckets \
         WHERE tenant_id = $1 AND subject_id = $2 AND bucket_seconds = $3 AND starts_at >= $4",
    )
    .bind(tenant)
    .bind(subject)
    .bind(bucket_seconds)
    .bind(from_micros)
    .fetch_one(tx)
    .await?;
    Ok(Count {
        requests: row.get("requests")?,
        cost_nanos: row.get("cost_nanos")?,
        last_at: 0,
    })
}

/// The begin of the bucket that an instant lies in.
pub(crate) fn floor(micros: i64, bucket_seconds: i64) -> i64 {
    let bucket = bucket_seconds * MICROS;
    micros.div_euclid(bucket) * bucket
}

#[derive(Debug, Clone, Copy, Default)]
struct Count {
    requests: i64,
    cost_nanos: i64,
    last_at: i64,
}

impl Count {
    fn add(&mut self, other: Count) {
        self.requests = self.requests.saturating_add(other.requests);
        self.cost_nanos = self.cost_nanos.saturating_add(other.cost_nanos);
        self.last_at = self.last_at.max(other.last_at);
    }
}

/// What a batch of calls adds, summed up before it is written.
#[derive(Default)]
pub(crate) struct Tally {
    totals: HashMap<(TenantId, UsageOf), Count>,
    buckets: HashMap<(TenantId, UsageOf, i64, i64), Count>,
}

impl Tally {
    pub(crate) fn count(&mut self, tenant: TenantId, call: &CallFacts) {
        let at = call.started_at_us;
        self.add(tenant, UsageOf::Agent(call.agent), call.cost_nanos, at);
        self.add(tenant, UsageOf::Token(call.token), call.cost_nanos, at);
        self.add(tenant, UsageOf::Tenant(tenant), call.cost_nanos, at);
        if let Some(team) = call.team {
            self.add(tenant, UsageOf::Team(team), call.cost_nanos, at);
        }
        for attempt in &call.attempts {
            if let Some(sent_at) = attempt.dispatched_at_us {
                let provider = UsageOf::Provider(attempt.provider);
                self.add(tenant, provider, attempt.settled_nanos, sent_at);
            }
        }
    }

    /// Counts what a call of a tool has cost; it is no request to a model.
    pub(crate) fn count_tool(&mut self, tenant: TenantId, call: &ToolFacts) {
        if call.cost_nanos == 0 {
            return;
        }
        let team = call.team.map(UsageOf::Team);
        let of = [
            UsageOf::Agent(call.agent),
            UsageOf::Token(call.token),
            UsageOf::Tenant(tenant),
        ];
        for of in of.into_iter().chain(team) {
            let spent = Count {
                requests: 0,
                cost_nanos: call.cost_nanos,
                last_at: call.started_at_us,
            };
            self.add_count(tenant, of, spent);
        }
    }

    fn add(&mut self, tenant: TenantId, of: UsageOf, cost_nanos: i64, at: i64) {
        let once = Count {
            requests: 1,
            cost_nanos,
            last_at: at,
        };
        self.add_count(tenant, of, once);
    }

    fn add_count(&mut self, tenant: TenantId, of: UsageOf, count: Count) {
        self.totals.entry((tenant, of)).or_default().add(count);
        for bucket_seconds in [MINUTE_SECONDS, HOUR_SECONDS] {
            let key = (
                tenant,
                of,
                bucket_seconds,
                floor(count.last_at, bucket_seconds),
            );
            self.buckets.entry(key).or_default().add(count);
        }
    }

    /// Adds everything to the tables and drops minutes that nobody asks for any more.
    pub(crate) async fn write(self, tx: &mut Tx, now: Timestamp) -> Result<(), iron_store::Error> {
        if self.totals.is_empty() {
            return Ok(());
        }
        // In the order of the keys, so that two projectors never wait for each other in a ring.
        let mut totals: Vec<_> = self.totals.into_iter().collect();
        totals.sort_unstable_by_key(|(key, _)| *key);
        for ((tenant, of), count) in totals {
            write_total(tx, tenant, of, count).await?;
        }
        let oldest_minute = floor(now.micros(), MINUTE_SECONDS) - MINUTES_KEPT_SECONDS * MICROS;
        let mut buckets: Vec<_> = self.buckets.into_iter().collect();
        buckets.sort_unstable_by_key(|(key, _)| *key);
        for ((tenant, of, bucket_seconds, starts_at), count) in buckets {
            if bucket_seconds != MINUTE_SECONDS || starts_at >= oldest_minute {
                write_bucket(tx, tenant, of, (bucket_seconds, starts_at), count).await?;
            }
        }
        sql("DELETE FROM usage_buckets WHERE bucket_seconds = $1 AND starts_at < $2")
            .bind(MINUTE_SECONDS)
            .bind(oldest_minute)
            .execute(tx)
            .await
            .map(drop)
    }
}

async fn write_total(
    tx: &mut Tx,
    tenant: TenantId,
    of: UsageOf,
    count: Count,
) -> Result<(), iron_store::Error> {
    sql(
        "INSERT INTO usage_totals (tenant_id, subject_id, requests, cost_nanos, last_request_at) \
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (tenant_id, subject_id) DO UPDATE SET \
         requests = usage_totals.requests + excluded.requests, \
         cost_nanos = usage_totals.cost_nanos + excluded.cost_nanos, \
         last_request_at = CASE WHEN excluded.last_request_at > usage_totals.last_request_at \
         THEN excluded.last_request_at ELSE usage_totals.last_request_at END",
    )
    .bind(tenant)
    .bind(of.to_string())
    .bind(count.requests)
    .bind(count.cost_nanos)
    .bind(count.last_at)
    .execute(tx)
    .await
    .map(drop)
}

async fn write_bucket(
    tx: &mut Tx,
    tenant: TenantId,
    of: UsageOf,
    (bucket_seconds, starts_at): (i64, i64),
    count: Count,
) -> Result<(), iron_store::Error> {
    sql("INSERT INTO usage_buckets \
         (tenant_id, subject_id, bucket_seconds, starts_at, requests, cost_nanos) \
         VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (tenant_id, subject_id, bucket_seconds, starts_at) DO UPDATE SET \
         requests = usage_buckets.requests + excluded.requests, \
         cost_nanos = usage_buckets.cost_nanos + excluded.cost_nanos")
    .bind(tenant)
    .bind(of.to_string())
    .bind(bucket_seconds)
    .bind(starts_at)
    .bind(count.requests)
    .bind(count.cost_nanos)
    .execute(tx)
    .await
    .map(drop)
}
