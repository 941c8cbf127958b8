//! Batches, and all their SQL.
//!
//! ```text
//! opened ──the provider has named it──► under way ──its results are counted──► settled
//!    └────────── nobody knows whether the provider has it, or it refused it ─────────▲
//! ```
//!
//! One server at a time looks after a batch: who takes it moves its next look into the future, by a
//! conditional update. If that server vanishes, another one takes it then. Whoever settles it does so
//! by another conditional update, in the transaction that books the cost: so it is booked once.

use std::time::Duration;

use iron_primitives::{Environment, LeaseId, Money, RequestId, TenantId, Timestamp};
use iron_runtime::custody::{AskFiles, DueBatch, FilePlace, KeptBatch, NewBatch, Owner};
use iron_store::{Db, Error, Row, Select, Sort, Tx, sql};

use crate::order::{behind, sorted};

const COLUMNS: &str = "provider_id, original, told, created_at";
const TABLE: &str = "provider_batches";
pub(crate) const OF_A_TENANT: &[&str] = &["DELETE FROM provider_batches WHERE tenant_id = $1"];

/// The next look after the first one, and the longest pause between two.
const FIRST_PAUSE: Duration = Duration::from_secs(15);
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);

/// The batches of all agents.
#[derive(Debug, Clone)]
pub struct Batches {
    db: Db,
    environment: Environment,
}

impl Batches {
    /// The batches in a database.
    pub const fn new(db: Db, environment: Environment) -> Self {
        Batches { db, environment }
    }

    /// Writes down a batch that is about to be sent, in the transaction that sets its money aside.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn open(&self, tx: &mut Tx, new: &NewBatch, lease: LeaseId) -> Result<(), Error> {
        let now = self.environment.now();
        sql(
            "INSERT INTO provider_batches (id, tenant_id, agent_id, provider_id, kind, lease_id,
             amount, plan, template, told, created_at, due_at, looks)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        )
        .bind(new.id)
        .bind(new.path.tenant)
        .bind(new.path.agent)
        .bind(new.provider)
        .bind(new.kind.as_str())
        .bind(lease)
        .bind(new.amount.nanos())
        .bind(new.plan.as_str())
        .bind(new.template.as_str())
        .bind("")
        .bind(now)
        .bind(now.plus(UNNAMED_FOR))
        .bind(0_i64)
        .execute(tx)
        .await
        .map(drop)
    }

    /// Notes how the provider calls a batch that was sent; from now on it is looked after. False
    /// if there is no such batch.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn begun(&self, id: RequestId, original: &str, told: &str) -> Result<bool, Error> {
        let update =
            sql("UPDATE provider_batches SET original = $2, told = $3, due_at = $4 WHERE id = $1")
                .bind(id)
                .bind(original)
                .bind(told)
                .bind(self.environment.now().plus(FIRST_PAUSE));
        Ok(update.execute(&self.db).await? > 0)
    }

    /// Notes what the provider tells of a batch now.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn told(&self, owner: Owner, place: &FilePlace, told: &str) -> Result<(), Error> {
        sql("UPDATE provider_batches SET told = $5
             WHERE tenant_id = $1 AND agent_id = $2 AND provider_id = $3 AND original = $4")
        .bind(owner.tenant)
        .bind(owner.agent)
        .bind(place.provider)
        .bind(place.original.as_str())
        .bind(told)
        .execute(&self.db)
        .await
        .map(drop)
    }

    /// The batches of an owner, in the order that is asked for.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn list(&self, owner: Owner, ask: &AskFiles) -> Result<Vec<KeptBatch>, Error> {
        let mut select = Select::new(COLUMNS, TABLE)
            .filter("tenant_id = ?", owner.tenant)
            .filter("agent_id = ?", owner.agent)
            .filter_in("provider_id", &ask.providers)
            .filter_fixed("original IS NOT NULL");
        if let Some(place) = &ask.after {
            let Some(at) = self.begun_at(owner, place).await? else {
                return Ok(Vec::new());
            };
            select = behind(select, ask, place, at);
        }
        let rows = sorted(select, ask).fetch_first(&self.db, ask.limit).await?;
        rows.iter().map(kept).collect()
    }

    async fn begun_at(&self, owner: Owner, place: &FilePlace) -> Result<Option<Timestamp>, Error> {
        let row = sql("SELECT created_at FROM provider_batches
             WHERE tenant_id = $1 AND agent_id = $2 AND provider_id = $3 AND original = $4")
        .bind(owner.tenant)
        .bind(owner.agent)
        .bind(place.provider)
        .bind(place.original.as_str())
        .fetch_optional(&self.db)
        .await?;
        row.map(|row| row.get("created_at")).transpose()
    }

    /// Takes batches that are due, at most so many, for this server alone: no other one takes them
    /// until their next look.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn due(&self, most: u32) -> Result<Vec<DueBatch>, Error> {
        let now = self.environment.now();
        let rows = Select::new("id, due_at, looks", TABLE)
            .filter_fixed("settled_at IS NULL")
            .filter("due_at <= ?", now)
            .sort(Sort::ascending("due_at"), "id")
            .fetch_first(&self.db, most)
            .await?;
        let mut taken = Vec::new();
        for row in &rows {
            let (id, due_at): (RequestId, Timestamp) = (row.get("id")?, row.get("due_at")?);
            let looks: i64 = row.get("looks")?;
            let won = sql("UPDATE provider_batches SET due_at = $3, looks = $4
                 WHERE id = $1 AND due_at = $2 AND settled_at IS NULL")
            .bind(id)
            .bind(due_at)
            .bind(now.plus(pause_after(looks)))
            .bind(looks.saturating_add(1))
            .execute(&self.db)
            .await?;
            if won > 0
                && let Some(batch) = self.find(id).await?
            {
                taken.push(batch);
            }
        }
        Ok(taken)
    }

    async fn find(&self, id: RequestId) -> Result<Option<DueBatch>, Error> {
        let row = sql(
            "SELECT id, tenant_id, agent_id, provider_id, original, lease_id, amount, plan, template,
             created_at FROM provider_batches WHERE id = $1",
        )
        .bind(id)
        .fetch_optional(&self.db)
        .await?;
        row.map(|row| due(&row)).transpose()
    }

    /// Marks a batch as settled, within the transaction that books its cost. Gives the lease that
    /// holds its money; nothing if it was settled before.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn settle(
        &self,
        tx: &mut Tx,
        tenant: TenantId,
        id: RequestId,
        cost: Money,
    ) -> Result<Option<LeaseId>, Error> {
        let row = sql("UPDATE provider_batches
             SET cost = $3, settled_at = $4, plan = '', template = ''
             WHERE id = $1 AND tenant_id = $2 AND settled_at IS NULL RETURNING lease_id")
        .bind(id)
        .bind(tenant)
        .bind(cost.nanos())
        .bind(self.environment.now())
        .fetch_optional(tx)
        .await?;
        row.map(|row| row.get("lease_id")).transpose()
    }
}

/// For how long it is waited for a batch's name: longer than any request to a provider takes.
const UNNAMED_FOR: Duration = Duration::from_secs(60 * 60);

/// How long until the next look.
fn pause_after(looks: i64) -> Duration {
    let doublings = u32::try_from(looks.clamp(0, 10)).unwrap_or(0);
    FIRST_PAUSE
        .saturating_mul(1 << doublings)
        .min(LONGEST_PAUSE)
}

fn kept(row: &Row) -> Result<KeptBatch, Error> {
    Ok(KeptBatch {
        place: FilePlace {
            provider: row.get("provider_id")?,
            original: row.get("original")?,
        },
        told: row.get("told")?,
    })
}

fn due(row: &Row) -> Result<DueBatch, Error> {
    Ok(DueBatch {
        id: row.get("id")?,
        owner: Owner {
            tenant: row.get("tenant_id")?,
            agent: row.get("agent_id")?,
        },
        provider: row.get("provider_id")?,
        original: row.get("original")?,
        lease: row.get("lease_id")?,
        amount: Money::from_nanos(row.get("amount")?),
        plan: row.get("plan")?,
        template: row.get("template")?,
        created_at: row.get("created_at")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_become_rarer_up_to_a_quarter_of_an_hour() {
        let seconds: Vec<u64> = (0..9).map(|looks| pause_after(looks).as_secs()).collect();
        assert_eq!(seconds, [15, 30, 60, 120, 240, 480, 900, 900, 900]);
        assert_eq!(pause_after(i64::MAX), LONGEST_PAUSE);
    }
}
