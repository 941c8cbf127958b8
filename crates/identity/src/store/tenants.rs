//! `tenants`.

use iron_primitives::{TenantId, Timestamp};
use iron_store::{Db, Error, Page, Paged, Row, Select, Sort, Target, Tx, sql, sql_per_engine};

use crate::tenants::TenantFilter;
use crate::{Plan, Quotas, Tenant, TenantStatus};

const COLUMNS: &str = "id, slug, name, plan, status, suspended_at, suspend_reason, deletion_at, \
                       created_at, updated_at, max_agents, max_users, max_projects, cpu_cores, memory_mb";

fn tenant(row: &Row) -> Result<Tenant, Error> {
    Ok(Tenant {
        id: row.get("id")?,
        slug: row.get("slug")?,
        name: row.get("name")?,
        plan: row.get("plan")?,
        quotas: Quotas {
            max_agents: row.get("max_agents")?,
            max_users: row.get("max_users")?,
            max_projects: row.get("max_projects")?,
            cpu_cores: row.get("cpu_cores")?,
            memory_mb: row.get("memory_mb")?,
        },
        status: row.get("status")?,
        suspended_at: row.get("suspended_at")?,
        suspend_reason: row.get("suspend_reason")?,
        deletion_at: row.get("deletion_at")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}

pub(crate) async fn insert(tx: &mut Tx, new: &Tenant) -> Result<(), Error> {
    sql(
        "INSERT INTO tenants (id, slug, name, plan, status, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $6)",
    )
    .bind(new.id)
    .bind(&new.slug)
    .bind(&new.name)
    .bind(new.plan)
    .bind(new.status)
    .bind(new.created_at)
    .execute(tx)
    .await
    .map(drop)
}

pub(crate) async fn get<'a>(
    on: impl Into<Target<'a>>,
    id: TenantId,
) -> Result<Option<Tenant>, Error> {
    Select::new(COLUMNS, "tenants")
        .filter("id = ?", id)
        .statement()
        .fetch_optional(on)
        .await?
        .map(|row| tenant(&row))
        .transpose()
}

/// The tenant that was there first: the platform's own.
pub(crate) async fn first<'a>(on: impl Into<Target<'a>>) -> Result<Option<TenantId>, Error> {
    sql("SELECT id FROM tenants ORDER BY created_at, id LIMIT 1")
        .fetch_optional(on)
        .await?
        .map(|row| row.get("id"))
        .transpose()
}

pub(crate) async fn list(
    db: &Db,
    filter: &TenantFilter,
    sort: Sort,
    page: Page,
) -> Result<Paged<Tenant>, Error> {
    let mut select = Select::new(COLUMNS, "tenants")
        .filter_contains_some("name", filter.name.as_deref())
        .filter_some("id = ?", filter.only);
    if !filter.status.is_empty() {
        select = select.filter_in("status", &filter.status);
    }
    select
        .sort(sort, "id")
        .fetch_page(db, page)
        .await?
        .try_map(|row| tenant(&row))
}

pub(crate) async fn update(
    tx: &mut Tx,
    id: TenantId,
    name: &str,
    plan: Plan,
    now: Timestamp,
) -> Result<(), Error> {
    sql("UPDATE tenants SET name = $2, plan = $3, updated_at = $4 WHERE id = $1")
        .bind(id)
        .bind(name)
        .bind(plan)
        .bind(now)
        .execute(tx)
        .await
        .map(drop)
}

pub(crate) async fn set_quotas(tx: &mut Tx, id: TenantId, quotas: Quotas) -> Result<(), Error> {
    sql(
        "UPDATE tenants SET max_agents = $2, max_users = $3, max_projects = $4, cpu_cores = $5, \
         memory_mb = $6 WHERE id = $1",
    )
    .bind(id)
    .bind(quotas.max_agents)
    .bind(quotas.max_users)
    .bind(quotas.max_projects)
    .bind(quotas.cpu_cores)
    .bind(quotas.memory_mb)
    .execute(tx)
    .await
    .map(drop)
}

pub(crate) async fn set_status(
    tx: &mut Tx,
    id: TenantId,
    status: TenantStatus,
    reason: Option<&str>,
    now: Timestamp,
) -> Result<(), Error> {
    let suspended_at = (status == TenantStatus::Suspended).then_some(now);
    sql(
        "UPDATE tenants SET status = $2, suspend_reason = $3, suspended_at = $4, updated_at = $5, \
         deletion_at = CASE WHEN $2 = 'active' THEN NULL ELSE deletion_at END WHERE id = $1",
    )
    .bind(id)
    .bind(status)
    .bind(reason)
    .bind(suspended_at)
    .bind(now)
    .execute(tx)
    .await
    .map(drop)
}

pub(crate) async fn mark_for_deletion(
    tx: &mut Tx,
    id: TenantId,
    at: Timestamp,
    now: Timestamp,
) -> Result<(), Error> {
    sql("UPDATE tenants SET deletion_at = $2, updated_at = $3 WHERE id = $1")
        .bind(id)
        .bind(at)
        .bind(now)
        .execute(tx)
        .await
        .map(drop)
}

/// Lets one transaction at a time change who the tenant's admins are.
pub(crate) async fn lock(tx: &mut Tx, id: TenantId) -> Result<(), Error> {
    sql_per_engine(
        "SELECT id FROM tenants WHERE id = $1",
        "SELECT id FROM tenants WHERE id = $1 FOR UPDATE",
    )
    .bind(id)
    .fetch_optional(tx)
    .await
    .map(drop)
}

/// The tenants whose day of deletion has come.
pub(crate) async fn due(db: &Db, now: Timestamp) -> Result<Vec<TenantId>, Error> {
    let rows = sql("SELECT id FROM tenants WHERE deletion_at <= $1 ORDER BY deletion_at, id")
        .bind(now)
        .fetch_all(db)
        .await?;
    rows.iter().map(|row| row.get("id")).collect()
}

/// Deletes a tenant with its people and their tokens.
pub(crate) const OF_A_TENANT: &[&str] = &[
    "DELETE FROM team_members WHERE tenant_id = $1",
    "DELETE FROM teams WHERE tenant_id = $1",
    "DELETE FROM sessions WHERE tenant_id = $1",
    "DELETE FROM spent_refresh_tokens WHERE tenant_id = $1",
    "DELETE FROM api_tokens WHERE tenant_id = $1",
    "DELETE FROM ic_tokens WHERE tenant_id = $1",
    "DELETE FROM call_days WHERE tenant_id = $1",
    "DELETE FROM invitations WHERE tenant_id = $1",
    "DELETE FROM users WHERE tenant_id = $1",
    "DELETE FROM projects WHERE tenant_id = $1",
    "DELETE FROM tenants WHERE id = $1",
];
