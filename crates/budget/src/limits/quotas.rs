//! What an agent may use besides money: tokens and execution time.
//!
//! A quota is a budget of the agent in another unit, with the same ledger, leases and events. It
//! has no row until somebody sets one, and counts from then on; a lifted quota goes on counting.

use iron_audit::Authorised;
use iron_primitives::{AgentId, Money, Period, Scope, TenantId, Unit};
use iron_runtime::authority::Counted;
use iron_store::{Tx, sql};

use super::{Limits, status};
use crate::Error;
use crate::model::{BudgetKey, BudgetStatus, Changed, SetBudget};
use crate::store::{self, BudgetRow};

/// The most tokens that a quota can allow.
pub const MOST_TOKENS: i64 = 1_000_000_000_000_000;
/// The longest execution that a quota can allow: what a leap year has, in milliseconds.
pub const MOST_MILLIS: i64 = 366 * 86_400_000;
/// The shortest execution that a quota can allow, in milliseconds.
pub const LEAST_MILLIS: i64 = 1_000;

/// A limit in its unit, if it may be set.
pub(super) fn in_range(unit: Unit, limit: Money) -> Result<Money, Error> {
    let (least, most) = match unit {
        Unit::Usd => return super::in_range(limit),
        Unit::Tokens => (1, MOST_TOKENS),
        Unit::ExecutionTime => (LEAST_MILLIS, MOST_MILLIS),
    };
    if (least..=most).contains(&limit.nanos()) {
        Ok(limit)
    } else {
        Err(Error::QuotaOutOfRange { unit })
    }
}

/// A limit for people: whose unit is said beside it.
pub(crate) fn shown(unit: Unit, amount: i64) -> String {
    match unit {
        Unit::Usd => Money::from_nanos(amount).to_string(),
        Unit::Tokens | Unit::ExecutionTime => amount.to_string(),
    }
}

impl Limits {
    /// The quotas of an agent, those in tokens first. Amounts are in the unit of each: tokens, or
    /// milliseconds.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn quotas(
        &self,
        authorised: &Authorised,
        agent: AgentId,
    ) -> Result<Vec<BudgetStatus>, Error> {
        let mut quotas = Vec::new();
        for unit in [Unit::Tokens, Unit::ExecutionTime] {
            match self.status_in(&key(authorised.tenant, agent, unit)).await {
                Ok(status) => quotas.push(status),
                Err(Error::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(quotas)
    }

    /// A quota, if there is one, held until the end of the transaction. Its counters are left
    /// out.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn hold_quota(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        agent: AgentId,
        unit: Unit,
    ) -> Result<Option<BudgetStatus>, Error> {
        let key = key(authorised.tenant, agent, unit);
        let now = self.ledger.environment.now();
        let row = store::lock_budget(tx, &key).await?;
        let nothing = crate::moves::Counters::default();
        Ok(row.map(|row| status(&key, &row, nothing, row.period.span(now), 0)))
    }

    /// Sets a quota, and makes it if there is none: one by the day unless the change says
    /// otherwise. The limit is in the unit of the quota. What is out already beyond a lower one
    /// is an overdraft.
    ///
    /// Tell the runtimes by `Change::Agent` and `Change::Budget` afterwards.
    ///
    /// # Errors
    /// [`Error::QuotaOutOfRange`]; [`Error::Store`].
    pub async fn put_quota_in(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        agent: AgentId,
        unit: Unit,
        set: &SetBudget,
    ) -> Result<Changed, Error> {
        let key = key(authorised.tenant, agent, unit);
        let born = BudgetRow::new(None, set.period.clone().unwrap_or(Period::Daily));
        store::ensure_budget(tx, &key, &born, self.ledger.environment.now()).await?;
        self.put_at(tx, authorised, key, set).await
    }

    /// What the budgets of an agent count besides money.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn counted(&self, tenant: TenantId, agent: AgentId) -> Result<Counted, Error> {
        let rows = sql("SELECT unit FROM budgets WHERE tenant_id = $1 AND scope = $2")
            .bind(tenant)
            .bind(Scope::Agent(agent))
            .fetch_all(self.db())
            .await?;
        let mut counted = Counted::default();
        for row in rows {
            match store::unit_from(&row.get::<String>("unit")?)? {
                Unit::Tokens => counted.tokens = true,
                Unit::ExecutionTime => counted.execution_time = true,
                Unit::Usd => {}
            }
        }
        Ok(counted)
    }
}

const fn key(tenant: TenantId, agent: AgentId, unit: Unit) -> BudgetKey {
    BudgetKey {
        scope: Scope::Agent(agent),
        unit,
        tenant,
    }
}
