//! The SQL of pools.

use iron_primitives::{AgentId, Money, PoolId, PoolPath, TenantId, Timestamp};
use iron_store::{Db, Page, Paged, Row, Select, Sort, Target, Tx, sql, sql_per_engine};

use super::model::{Caps, Member, Pool, PoolFilter, Priority};
use crate::Error;
use crate::store::period_from;

/// A pool beside the settings of its budget, whose scope is the pool's id.
const POOLS: &str = "budget_pools p JOIN budgets b ON b.tenant_id = p.tenant_id \
     AND b.scope = p.id AND b.unit = 'usd'";
const COLUMNS: &str = "p.id AS id, p.name AS name, p.low_id AS low_id, p.normal_id AS normal_id, \
     p.high_id AS high_id, p.low_percent AS low_percent, p.normal_percent AS normal_percent, \
     p.high_percent AS high_percent, p.created_at AS created_at, p.updated_at AS updated_at, \
     b.limit_amount AS limit_amount, b.period AS period";

fn percent(row: &Row, column: &str) -> Result<u8, Error> {
    u8::try_from(row.get::<i64>(column)?).map_err(|_| Error::Unreadable)
}

fn pool(row: &Row) -> Result<Pool, Error> {
    let (limit, period): (Option<i64>, String) = (row.get("limit_amount")?, row.get("period")?);
    Ok(Pool {
        id: row.get("id")?,
        name: row.get("name")?,
        budget: Money::from_nanos(limit.ok_or(Error::Unreadable)?),
        period: period_from(&period)?,
        caps: Caps {
            low: percent(row, "low_percent")?,
            normal: percent(row, "normal_percent")?,
            high: percent(row, "high_percent")?,
        },
        low: row.get("low_id")?,
        normal: row.get("normal_id")?,
        high: row.get("high_id")?,
        members: Vec::new(),
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}

fn one(tenant: TenantId, id: PoolId) -> Select {
    Select::new(COLUMNS, POOLS)
        .filter("p.tenant_id = ?", tenant)
        .filter("p.id = ?", id)
        .filter_fixed("p.deleted_at IS NULL")
}

pub(super) async fn find(db: &Db, tenant: TenantId, id: PoolId) -> Result<Option<Pool>, Error> {
    let Some(row) = one(tenant, id).statement().fetch_optional(db).await? else {
        return Ok(None);
    };
    let mut pool = pool(&row)?;
    pool.members = members(&of(tenant, id).fetch_all(db).await?)?;
    Ok(Some(pool))
}

pub(super) async fn find_held(
    tx: &mut Tx,
    tenant: TenantId,
    id: PoolId,
) -> Result<Option<Pool>, Error> {
    let row = one(tenant, id).statement().fetch_optional(&mut *tx).await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let mut pool = pool(&row)?;
    pool.members = members(&of(tenant, id).fetch_all(tx).await?)?;
    Ok(Some(pool))
}

fn of(tenant: TenantId, pool: PoolId) -> iron_store::Statement {
    sql(
        "SELECT agent_id, member_id, priority, share_percent FROM budget_pool_members
         WHERE tenant_id = $1 AND pool_id = $2 AND left_at IS NULL",
    )
    .bind(tenant)
    .bind(pool)
}

fn members(rows: &[Row]) -> Result<Vec<Member>, Error> {
    let mut members = rows.iter().map(member).collect::<Result<Vec<_>, _>>()?;
    members.sort_by_key(|member| (member.priority, member.agent));
    Ok(members)
}

fn member(row: &Row) -> Result<Member, Error> {
    let share: Option<i64> = row.get("share_percent")?;
    let share = share.map(u8::try_from).transpose();
    Ok(Member {
        agent: row.get("agent_id")?,
        id: row.get("member_id")?,
        priority: row.get::<Priority>("priority")?,
        share: share.map_err(|_| Error::Unreadable)?,
    })
}

pub(super) async fn lock(tx: &mut Tx, tenant: TenantId, id: PoolId) -> Result<(), Error> {
    sql_per_engine(
        "SELECT id FROM budget_pools WHERE tenant_id = $1 AND id = $2",
        "SELECT id FROM budget_pools WHERE tenant_id = $1 AND id = $2 FOR UPDATE",
    )
    .bind(tenant)
    .bind(id)
    .fetch_optional(tx)
    .await?;
    Ok(())
}

pub(super) async fn list(
    db: &Db,
    tenant: TenantId,
    filter: &PoolFilter,
    sort: Sort,
    page: Page,
) -> Result<Paged<Pool>, Error> {
    let found = Select::new(COLUMNS, POOLS)
        .filter("p.tenant_id = ?", tenant)
        .filter_fixed("p.deleted_at IS NULL")
        .filter_contains_some("p.name", filter.name.as_deref())
        .filter_some(
            "p.id IN (SELECT pool_id FROM budget_pool_members \
             WHERE agent_id = ? AND left_at IS NULL)",
            filter.agent,
        )
        .sort(sort, "id")
        .fetch_page(db, page)
        .await?;
    let mut paged = found.try_map(|row| pool(&row))?;
    if paged.items.is_empty() {
        return Ok(paged);
    }
    let ids: Vec<PoolId> = paged.items.iter().map(|pool| pool.id).collect();
    let rows = Select::new(
        "pool_id, agent_id, member_id, priority, share_percent",
        "budget_pool_members",
    )
    .filter("tenant_id = ?", tenant)
    .filter_in("pool_id", &ids)
    .filter_fixed("left_at IS NULL")
    .statement()
    .fetch_all(db)
    .await?;
    for row in &rows {
        let id: PoolId = row.get("pool_id")?;
        if let Some(pool) = paged.items.iter_mut().find(|pool| pool.id == id) {
            pool.members.push(member(row)?);
        }
    }
    for pool in &mut paged.items {
        pool.members.sort_by_key(|one| (one.priority, one.agent));
    }
    Ok(paged)
}

pub(super) async fn insert(
    tx: &mut Tx,
    tenant: TenantId,
    pool: &Pool,
) -> Result<(), iron_store::Error> {
    sql("INSERT INTO budget_pools
         (tenant_id, id, name, low_id, normal_id, high_id, low_percent, normal_percent,
          high_percent, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)")
    .bind(tenant)
    .bind(pool.id)
    .bind(&pool.name)
    .bind(pool.low)
    .bind(pool.normal)
    .bind(pool.high)
    .bind(i64::from(pool.caps.low))
    .bind(i64::from(pool.caps.normal))
    .bind(i64::from(pool.caps.high))
    .bind(pool.created_at)
    .execute(tx)
    .await
    .map(drop)
}

pub(super) async fn update(
    tx: &mut Tx,
    tenant: TenantId,
    pool: &Pool,
) -> Result<(), iron_store::Error> {
    sql(
        "UPDATE budget_pools SET name = $3, low_percent = $4, normal_percent = $5,
         high_percent = $6, updated_at = $7 WHERE tenant_id = $1 AND id = $2",
    )
    .bind(tenant)
    .bind(pool.id)
    .bind(&pool.name)
    .bind(i64::from(pool.caps.low))
    .bind(i64::from(pool.caps.normal))
    .bind(i64::from(pool.caps.high))
    .bind(pool.updated_at)
    .execute(tx)
    .await
    .map(drop)
}

pub(super) async fn delete(
    tx: &mut Tx,
    tenant: TenantId,
    id: PoolId,
    now: Timestamp,
) -> Result<(), Error> {
    sql("UPDATE budget_pools SET deleted_at = $3 WHERE tenant_id = $1 AND id = $2")
        .bind(tenant)
        .bind(id)
        .bind(now)
        .execute(tx)
        .await?;
    Ok(())
}

/// The pool that an agent shares.
pub(super) async fn pool_of<'a>(
    on: impl Into<Target<'a>>,
    tenant: TenantId,
    agent: AgentId,
) -> Result<Option<PoolId>, Error> {
    let row = sql("SELECT pool_id FROM budget_pool_members
         WHERE tenant_id = $1 AND agent_id = $2 AND left_at IS NULL")
    .bind(tenant)
    .bind(agent)
    .fetch_optional(on)
    .await?;
    row.map(|row| Ok(row.get("pool_id")?)).transpose()
}

/// The budget of an agent's share in a pool, if it is or was a member.
pub(super) async fn member_id<'a>(
    on: impl Into<Target<'a>>,
    tenant: TenantId,
    pool: PoolId,
    agent: AgentId,
) -> Result<Option<PoolId>, Error> {
    let row = sql("SELECT member_id FROM budget_pool_members
         WHERE tenant_id = $1 AND pool_id = $2 AND agent_id = $3")
    .bind(tenant)
    .bind(pool)
    .bind(agent)
    .fetch_optional(on)
    .await?;
    row.map(|row| Ok(row.get("member_id")?)).transpose()
}

pub(super) async fn put_member(
    tx: &mut Tx,
    tenant: TenantId,
    pool: PoolId,
    member: &Member,
    now: Timestamp,
) -> Result<(), iron_store::Error> {
    sql("INSERT INTO budget_pool_members
         (tenant_id, pool_id, agent_id, member_id, priority, share_percent, joined_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (tenant_id, pool_id, agent_id) DO UPDATE
         SET priority = $5, share_percent = $6, left_at = NULL")
    .bind(tenant)
    .bind(pool)
    .bind(member.agent)
    .bind(member.id)
    .bind(member.priority)
    .bind(member.share.map(i64::from))
    .bind(now)
    .execute(tx)
    .await
    .map(drop)
}

/// Ends a membership; says whether there was one.
pub(super) async fn leave(
    tx: &mut Tx,
    tenant: TenantId,
    pool: PoolId,
    agent: AgentId,
    now: Timestamp,
) -> Result<bool, Error> {
    let changed = sql("UPDATE budget_pool_members SET left_at = $4
         WHERE tenant_id = $1 AND pool_id = $2 AND agent_id = $3 AND left_at IS NULL")
    .bind(tenant)
    .bind(pool)
    .bind(agent)
    .bind(now)
    .execute(tx)
    .await?;
    Ok(changed > 0)
}

pub(super) async fn path_of(
    db: &Db,
    tenant: TenantId,
    agent: AgentId,
) -> Result<Option<PoolPath>, Error> {
    let row = sql(
        "SELECT p.id AS id, p.low_id AS low_id, p.normal_id AS normal_id,
         p.high_id AS high_id, m.member_id AS member_id, m.priority AS priority
         FROM budget_pool_members m
         JOIN budget_pools p ON p.tenant_id = m.tenant_id AND p.id = m.pool_id
         WHERE m.tenant_id = $1 AND m.agent_id = $2 AND m.left_at IS NULL",
    )
    .bind(tenant)
    .bind(agent)
    .fetch_optional(db)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let priority: Priority = row.get("priority")?;
    let cap = |column, lowest: Priority| -> Result<Option<PoolId>, Error> {
        // Priorities are ordered from critical to low.
        let stands_under = priority >= lowest;
        Ok(if stands_under {
            Some(row.get(column)?)
        } else {
            None
        })
    };
    Ok(Some(PoolPath {
        high: cap("high_id", Priority::High)?,
        low: cap("low_id", Priority::Low)?,
        member: row.get("member_id")?,
        normal: cap("normal_id", Priority::Normal)?,
        pool: row.get("id")?,
    }))
}

/// Deletes the pools of a tenant.
pub(crate) const OF_A_TENANT: &[&str] = &[
    "DELETE FROM budget_pool_members WHERE tenant_id = $1",
    "DELETE FROM budget_pools WHERE tenant_id = $1",
];
