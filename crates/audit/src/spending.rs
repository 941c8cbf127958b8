//! What was spent, and on what: the past that forecasts are made from.

use iron_primitives::{AgentId, Money, ProviderId, Timestamp};
use iron_store::sql;

use crate::usage::{HOUR_SECONDS, floor};
use crate::{Audit, Authorised, Error, UsageOf};

/// What one model has cost, and for how much work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelUse {
    /// The model.
    pub model: String,
    /// Calls.
    pub requests: i64,
    /// Tokens in, cached or not.
    pub input_tokens: i64,
    /// Tokens out.
    pub output_tokens: i64,
    /// Their cost.
    pub cost: Money,
}

/// How many calls were made, and what they have cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spent {
    /// Calls.
    pub requests: i64,
    /// Their cost.
    pub cost: Money,
}

impl Audit {
    /// What calls that began in an hour have cost, for each hour from `since` on in which there
    /// were any, the oldest first.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn hourly_costs(
        &self,
        authorised: &Authorised,
        of: UsageOf,
        since: Timestamp,
    ) -> Result<Vec<(Timestamp, Money)>, Error> {
        let rows = sql(
            "SELECT starts_at, cost_nanos FROM usage_buckets WHERE tenant_id = $1 \
             AND subject_id = $2 AND bucket_seconds = $3 AND starts_at >= $4 ORDER BY starts_at",
        )
        .bind(authorised.tenant)
        .bind(of.to_string())
        .bind(HOUR_SECONDS)
        .bind(floor(since.micros(), HOUR_SECONDS))
        .fetch_all(&self.db)
        .await?;
        let hours = rows
            .iter()
            .map(|row| Ok((row.get("starts_at")?, row.get("cost_nanos")?)));
        Ok(hours.collect::<Result<_, iron_store::Error>>()?)
    }

    /// How many calls each agent of the tenant has made since an instant, to the hour, and what they
    /// have cost; the dearest first.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn agents_since(
        &self,
        authorised: &Authorised,
        since: Timestamp,
    ) -> Result<Vec<(AgentId, Spent)>, Error> {
        let rows = sql(
            "SELECT subject_id, CAST(SUM(requests) AS BIGINT) AS requests, \
             CAST(SUM(cost_nanos) AS BIGINT) AS cost_nanos FROM usage_buckets \
             WHERE tenant_id = $1 AND bucket_seconds = $2 AND starts_at >= $3 \
             AND subject_id LIKE 'agent%' GROUP BY subject_id ORDER BY cost_nanos DESC, subject_id",
        )
        .bind(authorised.tenant)
        .bind(HOUR_SECONDS)
        .bind(floor(since.micros(), HOUR_SECONDS))
        .fetch_all(&self.db)
        .await?;
        let agents = rows.iter().map(|row| {
            let spent = Spent {
                requests: row.get("requests")?,
                cost: row.get("cost_nanos")?,
            };
            Ok((row.get("subject_id")?, spent))
        });
        Ok(agents.collect::<Result<_, iron_store::Error>>()?)
    }

    /// How many calls were made in the hours from one instant until another, and what they have
    /// cost.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn spent_between(
        &self,
        authorised: &Authorised,
        of: UsageOf,
        (from, until): (Timestamp, Timestamp),
    ) -> Result<Spent, Error> {
        let row = sql(
            "SELECT CAST(COALESCE(SUM(requests), 0) AS BIGINT) AS requests, \
             CAST(COALESCE(SUM(cost_nanos), 0) AS BIGINT) AS cost_nanos FROM usage_buckets \
             WHERE tenant_id = $1 AND subject_id = $2 AND bucket_seconds = $3 \
             AND starts_at >= $4 AND starts_at < $5",
        )
        .bind(authorised.tenant)
        .bind(of.to_string())
        .bind(HOUR_SECONDS)
        .bind(floor(from.micros(), HOUR_SECONDS))
        .bind(until)
        .fetch_one(&self.db)
        .await?;
        Ok(Spent {
            requests: row.get("requests")?,
            cost: row.get("cost_nanos")?,
        })
    }

    /// What the calls that ended at a provider have cost between two instants, by model.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn models_of(
        &self,
        authorised: &Authorised,
        provider: ProviderId,
        (from, until): (Timestamp, Timestamp),
    ) -> Result<Vec<(String, Money)>, Error> {
        let rows = sql(
            "SELECT model, CAST(SUM(cost_nanos) AS BIGINT) AS cost_nanos \
             FROM call_records WHERE tenant_id = $1 AND provider_id = $2 AND started_at >= $3 \
             AND started_at < $4 AND model IS NOT NULL AND cost_nanos > 0 \
             GROUP BY model ORDER BY model",
        )
        .bind(authorised.tenant)
        .bind(provider)
        .bind(from)
        .bind(until)
        .fetch_all(&self.db)
        .await?;
        let models = rows
            .iter()
            .map(|row| Ok((row.get("model")?, row.get("cost_nanos")?)));
        Ok(models.collect::<Result<_, iron_store::Error>>()?)
    }

    /// What each model was used for since an instant, by one agent or by all.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn model_use(
        &self,
        authorised: &Authorised,
        agent: Option<AgentId>,
        since: Timestamp,
    ) -> Result<Vec<ModelUse>, Error> {
        let rows = sql("SELECT model, COUNT(*) AS requests, \
             CAST(SUM(input_tokens) AS BIGINT) AS input_tokens, \
             CAST(SUM(output_tokens) AS BIGINT) AS output_tokens, \
             CAST(SUM(cost_nanos) AS BIGINT) AS cost_nanos FROM call_records \
             WHERE tenant_id = $1 AND started_at >= $2 AND ($3 IS NULL OR agent_id = $3) \
             AND model IS NOT NULL AND cost_nanos > 0 GROUP BY model ORDER BY model")
        .bind(authorised.tenant)
        .bind(since)
        .bind(agent)
        .fetch_all(&self.db)
        .await?;
        let models = rows.iter().map(|row| {
            Ok(ModelUse {
                model: row.get("model")?,
                requests: row.get("requests")?,
                input_tokens: row.get("input_tokens")?,
                output_tokens: row.get("output_tokens")?,
                cost: row.get("cost_nanos")?,
            })
        });
        Ok(models.collect::<Result<_, iron_store::Error>>()?)
    }
}
