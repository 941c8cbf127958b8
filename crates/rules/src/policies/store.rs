//! The SQL of policies.

use iron_policy::Policy;
use iron_primitives::{PolicyId, TenantId, Timestamp, UserId};
use iron_store::{Db, Json, Page, Paged, Row, Select, Sort, Target, Tx, sql, sql_per_engine};

use super::model::{PolicyFilter, PolicyVersion, StoredPolicy};
use crate::Error;

const COLUMNS: &str = "tenant_id, id, policy, scope, version, created_at, updated_at";
const VERSION_COLUMNS: &str = "version, policy, scope, changed_by, created_at";

fn stored(row: &Row) -> Result<StoredPolicy, Error> {
    Ok(StoredPolicy {
        id: row.get("id")?,
        tenant: row.get("tenant_id")?,
        policy: policy(row)?,
        scope: row.get("scope")?,
        version: row.get("version")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}

fn of_version(row: &Row) -> Result<PolicyVersion, Error> {
    Ok(PolicyVersion {
        version: row.get("version")?,
        policy: policy(row)?,
        scope: row.get("scope")?,
        changed_by: row.get("changed_by")?,
        created_at: row.get("created_at")?,
    })
}

/// What a newer version of the program has written is not half followed.
fn policy(row: &Row) -> Result<Policy, Error> {
    let text: String = row.get("policy")?;
    serde_json::from_str(&text).map_err(Error::Unreadable)
}

pub(super) async fn insert(tx: &mut Tx, new: &StoredPolicy) -> Result<(), Error> {
    sql("INSERT INTO policies
         (tenant_id, id, name, kind, effect, scope, policy, enabled, version, created_at,
          updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)")
    .bind(new.tenant)
    .bind(new.id)
    .bind(&new.policy.name)
    .bind(new.policy.kind.name())
    .bind(new.policy.effect.name())
    .bind(new.scope)
    .bind(Json(&new.policy))
    .bind(new.policy.enabled)
    .bind(new.version)
    .bind(new.created_at)
    .bind(new.updated_at)
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn insert_version(
    tx: &mut Tx,
    policy: &StoredPolicy,
    changed_by: UserId,
) -> Result<(), Error> {
    sql("INSERT INTO policy_versions
         (tenant_id, policy_id, version, scope, policy, changed_by, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)")
    .bind(policy.tenant)
    .bind(policy.id)
    .bind(policy.version)
    .bind(policy.scope)
    .bind(Json(&policy.policy))
    .bind(changed_by)
    .bind(policy.updated_at)
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn replace(tx: &mut Tx, after: &StoredPolicy) -> Result<(), Error> {
    sql(
        "UPDATE policies SET name = $3, kind = $4, effect = $5, scope = $6, policy = $7,
         enabled = $8, version = $9, updated_at = $10 WHERE tenant_id = $1 AND id = $2",
    )
    .bind(after.tenant)
    .bind(after.id)
    .bind(&after.policy.name)
    .bind(after.policy.kind.name())
    .bind(after.policy.effect.name())
    .bind(after.scope)
    .bind(Json(&after.policy))
    .bind(after.policy.enabled)
    .bind(after.version)
    .bind(after.updated_at)
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn delete(tx: &mut Tx, tenant: TenantId, id: PolicyId) -> Result<(), Error> {
    for text in [
        "DELETE FROM policy_versions WHERE tenant_id = $1 AND policy_id = $2",
        "DELETE FROM policies WHERE tenant_id = $1 AND id = $2",
    ] {
        sql(text).bind(tenant).bind(id).execute(&mut *tx).await?;
    }
    Ok(())
}

pub(super) async fn count(tx: &mut Tx, tenant: TenantId) -> Result<u64, Error> {
    let select = Select::new("id", "policies").filter("tenant_id = ?", tenant);
    Ok(select.count(tx).await?)
}

pub(super) async fn list(
    db: &Db,
    tenant: TenantId,
    filter: &PolicyFilter,
    sort: Sort,
    page: Page,
) -> Result<Paged<StoredPolicy>, Error> {
    let kinds: Vec<&str> = filter.kinds.iter().map(|kind| kind.name()).collect();
    let effects: Vec<&str> = filter.effects.iter().map(|effect| effect.name()).collect();
    let mut select = Select::new(COLUMNS, "policies")
        .filter("tenant_id = ?", tenant)
        .filter_contains_some("name", filter.name.as_deref())
        .filter_some("scope = ?", filter.scope)
        .filter_some("enabled = ?", filter.enabled);
    if !kinds.is_empty() {
        select = select.filter_in("kind", &kinds);
    }
    if !effects.is_empty() {
        select = select.filter_in("effect", &effects);
    }
    select
        .sort(sort, "id")
        .fetch_page(db, page)
        .await?
        .try_map(|row| stored(&row))
}

/// The policies that hold, by name.
pub(crate) async fn enabled(db: &Db, tenant: TenantId) -> Result<Vec<StoredPolicy>, Error> {
    let rows = sql("SELECT * FROM policies WHERE tenant_id = $1 AND enabled = 1 ORDER BY name")
        .bind(tenant)
        .fetch_all(db)
        .await?;
    rows.iter().map(stored).collect()
}

pub(super) async fn find<'a>(
    on: impl Into<Target<'a>>,
    tenant: TenantId,
    id: PolicyId,
) -> Result<Option<StoredPolicy>, Error> {
    let row = Select::new(COLUMNS, "policies")
        .filter("tenant_id = ?", tenant)
        .filter("id = ?", id)
        .statement()
        .fetch_optional(on)
        .await?;
    row.map(|row| stored(&row)).transpose()
}

/// Takes the lock of a policy and reads it.
pub(super) async fn lock(
    tx: &mut Tx,
    tenant: TenantId,
    id: PolicyId,
) -> Result<Option<StoredPolicy>, Error> {
    sql_per_engine(
        "SELECT id FROM policies WHERE tenant_id = $1 AND id = $2",
        "SELECT id FROM policies WHERE tenant_id = $1 AND id = $2 FOR UPDATE",
    )
    .bind(tenant)
    .bind(id)
    .fetch_optional(&mut *tx)
    .await?;
    find(tx, tenant, id).await
}

/// Keeps a policy from being deleted, if it is there.
pub(super) async fn keep(tx: &mut Tx, tenant: TenantId, id: PolicyId) -> Result<bool, Error> {
    let row = sql_per_engine(
        "SELECT id FROM policies WHERE tenant_id = $1 AND id = $2",
        "SELECT id FROM policies WHERE tenant_id = $1 AND id = $2 FOR KEY SHARE",
    )
    .bind(tenant)
    .bind(id)
    .fetch_optional(tx)
    .await?;
    Ok(row.is_some())
}

pub(super) async fn versions(
    db: &Db,
    tenant: TenantId,
    id: PolicyId,
    page: Page,
) -> Result<Paged<PolicyVersion>, Error> {
    Select::new(VERSION_COLUMNS, "policy_versions")
        .filter("tenant_id = ?", tenant)
        .filter("policy_id = ?", id)
        .sort(Sort::descending("version"), "version")
        .fetch_page(db, page)
        .await?
        .try_map(|row| of_version(&row))
}

pub(super) async fn version(
    db: &Db,
    tenant: TenantId,
    id: PolicyId,
    version: i64,
) -> Result<Option<PolicyVersion>, Error> {
    let row = Select::new(VERSION_COLUMNS, "policy_versions")
        .filter("tenant_id = ?", tenant)
        .filter("policy_id = ?", id)
        .filter("version = ?", version)
        .statement()
        .fetch_optional(db)
        .await?;
    row.map(|row| of_version(&row)).transpose()
}

/// The names of the built-in policies that a tenant has switched off.
pub(crate) async fn switched_off<'a>(
    on: impl Into<Target<'a>>,
    tenant: TenantId,
) -> Result<Vec<String>, Error> {
    let rows = sql("SELECT name FROM built_in_policies_off WHERE tenant_id = $1")
        .bind(tenant)
        .fetch_all(on)
        .await?;
    let names: Result<Vec<String>, _> = rows.iter().map(|row| row.get("name")).collect();
    Ok(names?)
}

/// The names of the built-in policies that do not hold for a tenant: those that it has switched
/// off, and those for which it has one of its own.
pub(crate) async fn off_or_replaced(db: &Db, tenant: TenantId) -> Result<Vec<String>, Error> {
    let rows = sql("SELECT name FROM built_in_policies_off WHERE tenant_id = $1
         UNION SELECT name FROM policies WHERE tenant_id = $1")
    .bind(tenant)
    .fetch_all(db)
    .await?;
    let names: Result<Vec<String>, _> = rows.iter().map(|row| row.get("name")).collect();
    Ok(names?)
}

/// Switches a built-in policy off, or on again.
pub(super) async fn switch(
    tx: &mut Tx,
    tenant: TenantId,
    name: &str,
    enabled: bool,
    now: Timestamp,
) -> Result<(), Error> {
    let statement = match enabled {
        true => sql("DELETE FROM built_in_policies_off WHERE tenant_id = $1 AND name = $2")
            .bind(tenant)
            .bind(name),
        false => sql(
            "INSERT INTO built_in_policies_off (tenant_id, name, changed_at)
             VALUES ($1, $2, $3) ON CONFLICT (tenant_id, name) DO NOTHING",
        )
        .bind(tenant)
        .bind(name)
        .bind(now),
    };
    statement.execute(tx).await?;
    Ok(())
}

/// Deletes what a tenant says about tools.
pub(crate) const OF_A_TENANT: &[&str] = &[
    "DELETE FROM policy_versions WHERE tenant_id = $1",
    "DELETE FROM policies WHERE tenant_id = $1",
    "DELETE FROM built_in_policies_off WHERE tenant_id = $1",
    "DELETE FROM tools WHERE tenant_id = $1",
    "DELETE FROM tool_rule_generations WHERE tenant_id = $1",
];
