//! Budgets that agents share.
//!
//! Words: a *pool* is a budget for several agents; a *member* is an agent that shares it. Every
//! member has a *priority*, and perhaps a *share*. Both are caps, and every cap is an ordinary
//! budget with an id of its own, nested in the pool:
//!
//! ```text
//! low  ⊂  low + normal  ⊂  low + normal + high  ⊂  pool        50 %, 75 %, 90 %, 100 %
//! one member's share  ⊂  pool                                   where it has one
//! ```
//!
//! A call of a member takes from every cap above it or from none, like from any other budget, so
//! that what is left for a higher priority is what lower ones can never take.
//!
//! Invariants:
//! - an agent is a member of at most one pool;
//! - the caps follow the pool: limit and period of all change in one transaction;
//! - what was spent stays where it was booked, whoever leaves, comes back, or changes its
//!   priority. A member that comes back finds its share as it was used.
//!
//! Locks: agents come before pools, pools before budget requests, those before budgets.

mod model;
mod store;

use std::collections::{BTreeSet, HashMap};

use iron_audit::{Authorised, Entry};
use iron_primitives::{AgentId, Money, Period, PoolId, PoolPath, Scope, TenantId, Timestamp, Unit};
use iron_store::{Db, Page, Paged, Sort, Tx};

pub use model::{
    Caps, Funds, Member, NewMember, NewPool, Pool, PoolChange, PoolFilter, PoolUpdated, Priority,
};
pub(crate) use store::OF_A_TENANT;

use crate::events::{Noticed, SoftLimits};
use crate::limits::{Limits, in_range};
use crate::model::BudgetKey;
use crate::store::BudgetRow;
use crate::{BudgetStatus, Error};
use model::Noted;

/// The pools of all tenants.
#[derive(Debug, Clone)]
pub struct Pools {
    limits: Limits,
}

impl Pools {
    /// The pools among the budgets of a ledger.
    pub const fn new(limits: Limits) -> Self {
        Pools { limits }
    }

    fn db(&self) -> &Db {
        self.limits.db()
    }

    fn now(&self) -> Timestamp {
        self.limits.ledger.environment.now()
    }

    /// Creates a pool with its budgets and its first members, whose agents the caller holds.
    ///
    /// # Errors
    /// [`Error::LimitOutOfRange`]; [`Error::PoolInvalid`]; [`Error::PoolNameTaken`];
    /// [`Error::AgentInPool`].
    pub async fn create(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        new: NewPool,
    ) -> Result<Pool, Error> {
        let environment = &self.limits.ledger.environment;
        let now = self.now();
        let mut pool = Pool {
            id: environment.new_id(),
            name: new.name,
            budget: in_range(new.budget)?,
            period: new.period,
            caps: new.caps.checked()?,
            low: environment.new_id(),
            normal: environment.new_id(),
            high: environment.new_id(),
            members: Vec::new(),
            created_at: now,
            updated_at: now,
        };
        store::insert(tx, authorised.tenant, &pool)
            .await
            .map_err(Error::of_pool)?;
        for (id, limit) in pool.limits() {
            // People are warned of a pool as a whole, by the name that they know.
            let soft_limits = if id == pool.id {
                SoftLimits::USUAL
            } else {
                SoftLimits::NONE
            };
            self.found(tx, authorised.tenant, id, limit, &pool.period, soft_limits)
                .await?;
        }
        self.take_members(tx, authorised.tenant, &mut pool, &new.members)
            .await?;
        let entry = Entry::new("pool.create", "pool")
            .resource(pool.id)
            .changes(None::<&Noted>, Some(&Noted::of(&pool)))
            .status(201);
        self.limits
            .ledger
            .audit
            .write(tx, authorised, entry)
            .await?;
        Ok(pool)
    }

    /// One pool.
    ///
    /// # Errors
    /// [`Error::NoPool`].
    pub async fn get(&self, authorised: &Authorised, id: PoolId) -> Result<Pool, Error> {
        let found = store::find(self.db(), authorised.tenant, id).await?;
        found.ok_or(Error::NoPool { id })
    }

    /// One pool, held until the end of the transaction. Whoever holds agents too holds those first.
    ///
    /// # Errors
    /// [`Error::NoPool`].
    pub async fn hold(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: PoolId,
    ) -> Result<Pool, Error> {
        store::lock(tx, authorised.tenant, id).await?;
        let found = store::find_held(tx, authorised.tenant, id).await?;
        found.ok_or(Error::NoPool { id })
    }

    /// A page of the tenant's pools.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn list(
        &self,
        authorised: &Authorised,
        filter: &PoolFilter,
        sort: Sort,
        page: Page,
    ) -> Result<Paged<Pool>, Error> {
        store::list(self.db(), authorised.tenant, filter, sort, page).await
    }

    /// What is spent and left of pools: of all of each, of its caps, and of its members' shares.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn funds(
        &self,
        authorised: &Authorised,
        pools: &[Pool],
    ) -> Result<Vec<Funds>, Error> {
        let scopes: Vec<Scope> = pools.iter().flat_map(Pool::scopes).collect();
        let found = self.limits.get_all(authorised, &scopes).await?;
        let found: HashMap<Scope, BudgetStatus> = found
            .into_iter()
            .map(|status| (status.scope, status))
            .collect();
        let of = |id: PoolId| found.get(&Scope::Pool(id)).cloned().ok_or(Error::NotFound);
        let funds = |pool: &Pool| {
            let members = pool.members.iter().map(|member| of(member.id));
            Ok(Funds {
                whole: of(pool.id)?,
                low: of(pool.low)?,
                normal: of(pool.normal)?,
                high: of(pool.high)?,
                members: members.collect::<Result<_, Error>>()?,
            })
        };
        pools.iter().map(funds).collect()
    }

    /// Changes a pool; a list of members takes the place of the one before, and the caller holds
    /// their agents. Tell the runtimes by `Change::Agent` and `Change::Budget` after the commit.
    ///
    /// # Errors
    /// As [`Pools::create`] and [`Pools::hold`].
    pub async fn update(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: PoolId,
        change: PoolChange,
    ) -> Result<PoolUpdated, Error> {
        let before = self.hold(tx, authorised, id).await?;
        let mut pool = before.clone();
        if let Some(name) = change.name {
            pool.name = name;
        }
        if let Some(budget) = change.budget {
            pool.budget = in_range(budget)?;
        }
        if let Some(period) = change.period {
            pool.period = period;
        }
        pool.caps = change.caps.unwrap_or(pool.caps).checked()?;
        let mut agents = Vec::new();
        if let Some(members) = &change.members {
            agents = self
                .take_members(tx, authorised.tenant, &mut pool, members)
                .await?;
        }
        let budgets = self.limit_all(tx, authorised.tenant, &pool).await?;
        if pool != before {
            pool.updated_at = self.now().max(before.updated_at.plus(STEP));
            store::update(tx, authorised.tenant, &pool)
                .await
                .map_err(Error::of_pool)?;
            let entry = Entry::new("pool.update", "pool")
                .resource(id)
                .changes(Some(&Noted::of(&before)), Some(&Noted::of(&pool)));
            self.limits
                .ledger
                .audit
                .write(tx, authorised, entry)
                .await?;
        }
        Ok(PoolUpdated {
            pool,
            agents,
            budgets,
        })
    }

    /// Deletes a pool that nobody shares any more. What was spent from it stays in the ledger.
    ///
    /// # Errors
    /// [`Error::PoolInUse`] while it has members; [`Error::NoPool`].
    pub async fn delete(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: PoolId,
    ) -> Result<Timestamp, Error> {
        let pool = self.hold(tx, authorised, id).await?;
        if !pool.members.is_empty() {
            return Err(Error::PoolInUse {
                members: pool.members.len(),
            });
        }
        let now = self.now();
        store::delete(tx, authorised.tenant, id, now).await?;
        let entry = Entry::new("pool.delete", "pool")
            .resource(id)
            .changes(Some(&Noted::of(&pool)), None::<&Noted>);
        self.limits
            .ledger
            .audit
            .write(tx, authorised, entry)
            .await?;
        Ok(now)
    }

    /// Takes an agent that is being deleted out of its pool, in a transaction that tells of it in
    /// its own entry. The caller holds the agent.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn release(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        agent: AgentId,
    ) -> Result<Option<PoolId>, Error> {
        let tenant = authorised.tenant;
        let Some(pool) = store::pool_of(&mut *tx, tenant, agent).await? else {
            return Ok(None);
        };
        store::lock(tx, tenant, pool).await?;
        let gone = store::leave(tx, tenant, pool, agent, self.now()).await?;
        Ok(gone.then_some(pool))
    }

    /// The caps that an agent stands under by its pool, if it shares one.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn path_of(
        &self,
        tenant: TenantId,
        agent: AgentId,
    ) -> Result<Option<PoolPath>, Error> {
        store::path_of(self.db(), tenant, agent).await
    }

    /// Makes the members of a held pool those of a list; says whose path has changed.
    async fn take_members(
        &self,
        tx: &mut Tx,
        tenant: TenantId,
        pool: &mut Pool,
        wanted: &[NewMember],
    ) -> Result<Vec<AgentId>, Error> {
        let mut named = BTreeSet::new();
        for member in wanted {
            member.checked()?;
            if !named.insert(member.agent) {
                return Err(Error::PoolInvalid {
                    field: "members",
                    problem: "an agent can be a member once only",
                });
            }
        }
        let mut changed = Vec::new();
        let mut members = Vec::with_capacity(wanted.len());
        for gone in pool
            .members
            .iter()
            .filter(|one| !named.contains(&one.agent))
        {
            store::leave(tx, tenant, pool.id, gone.agent, self.now()).await?;
            changed.push(gone.agent);
        }
        for want in wanted {
            let known = pool.members.iter().find(|one| one.agent == want.agent);
            let member = match known {
                Some(member) => Member {
                    priority: want.priority,
                    share: want.share,
                    ..*member
                },
                None => self.join(tx, tenant, pool, want).await?,
            };
            if known.is_none_or(|before| before.priority != member.priority) {
                changed.push(member.agent);
            }
            if known != Some(&member) {
                store::put_member(tx, tenant, pool.id, &member, self.now())
                    .await
                    .map_err(|error| Error::of_member(error, member.agent))?;
            }
            members.push(member);
        }
        members.sort_by_key(|member| (member.priority, member.agent));
        pool.members = members;
        Ok(changed)
    }

    /// A new member, with its budget; that of one who comes back is there already.
    async fn join(
        &self,
        tx: &mut Tx,
        tenant: TenantId,
        pool: &Pool,
        want: &NewMember,
    ) -> Result<Member, Error> {
        let agent = want.agent;
        if store::pool_of(&mut *tx, tenant, agent).await?.is_some() {
            return Err(Error::AgentInPool { agent });
        }
        let before = store::member_id(&mut *tx, tenant, pool.id, agent).await?;
        let id = match before {
            Some(id) => id,
            None => {
                let id = self.limits.ledger.environment.new_id();
                let limit = pool.limit_of_share(want.share);
                self.found(tx, tenant, id, limit, &pool.period, SoftLimits::NONE)
                    .await?;
                id
            }
        };
        Ok(Member {
            agent,
            id,
            priority: want.priority,
            share: want.share,
        })
    }

    /// The birth of a budget.
    async fn found(
        &self,
        tx: &mut Tx,
        tenant: TenantId,
        id: PoolId,
        limit: Option<Money>,
        period: &Period,
        soft_limits: SoftLimits,
    ) -> Result<(), Error> {
        let row = BudgetRow {
            soft_limits,
            ..BudgetRow::new(limit.map(Money::nanos), period.clone())
        };
        crate::store::insert_budget(tx, &key(tenant, id), &row, self.now()).await
    }

    /// Brings every budget of a held pool to what the pool says; gives those that have changed.
    async fn limit_all(
        &self,
        tx: &mut Tx,
        tenant: TenantId,
        pool: &Pool,
    ) -> Result<Vec<Scope>, Error> {
        let now = self.now();
        let shares = pool
            .members
            .iter()
            .map(|member| (member.id, pool.limit_of_share(member.share)));
        let mut all: Vec<(PoolId, Option<Money>)> =
            pool.limits().into_iter().chain(shares).collect();
        // The order of locks.
        all.sort_unstable();
        let (mut changed, mut noticed) = (Vec::new(), Noticed::default());
        for (id, limit) in all {
            let key = key(tenant, id);
            let before = crate::store::lock_budget(tx, &key)
                .await?
                .ok_or(Error::NotFound)?;
            let after = BudgetRow {
                limit: limit.map(Money::nanos),
                period: pool.period.clone(),
                ..before.clone()
            };
            if after != before {
                self.limits
                    .apply(tx, &key, (&before, &after), &mut noticed, now)
                    .await?;
                changed.push(key.scope);
            }
        }
        self.limits.ledger.write_noticed(tx, noticed).await?;
        Ok(changed)
    }
}

/// Two changes never leave the same tag.
const STEP: std::time::Duration = std::time::Duration::from_micros(1);

const fn key(tenant: TenantId, id: PoolId) -> BudgetKey {
    BudgetKey {
        scope: Scope::Pool(id),
        unit: Unit::Usd,
        tenant,
    }
}
