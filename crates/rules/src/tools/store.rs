//! The SQL of tools.

use iron_primitives::{TenantId, ToolId};
use iron_runtime::authority::{RateLimit, Run};
use iron_store::{Db, Json, Page, Paged, Row, Select, Sort, Target, Tx, sql, sql_per_engine};

use super::model::{StoredTool, ToolFilter};
use crate::Error;

const COLUMNS: &str = "tenant_id, id, owner_id, tool, cost_nanos, rate, run, masked_secret, \
     secret_version, enabled, created_at, updated_at";

/// What a newer version of the program has written is not half followed.
fn stored(row: &Row) -> Result<StoredTool, Error> {
    let tool: String = row.get("tool")?;
    let Json(rate): Json<RateLimit> = row.get("rate")?;
    let run: Option<Json<Run>> = row.get("run")?;
    Ok(StoredTool {
        id: row.get("id")?,
        tenant: row.get("tenant_id")?,
        owner: row.get("owner_id")?,
        tool: serde_json::from_str(&tool).map_err(Error::Unreadable)?,
        cost: row.get("cost_nanos")?,
        rate,
        run: run.map(|Json(run)| run),
        masked_secret: row.get("masked_secret")?,
        secret_version: row.get("secret_version")?,
        enabled: row.get("enabled")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}

pub(super) async fn insert(
    tx: &mut Tx,
    new: &StoredTool,
    sealed: Option<Vec<u8>>,
) -> Result<(), Error> {
    sql("INSERT INTO tools
         (tenant_id, id, owner_id, name, kind, risk_level, tool, cost_nanos, rate, run,
          masked_secret, secret, secret_version, enabled, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)")
    .bind(new.tenant)
    .bind(new.id)
    .bind(new.owner)
    .bind(&new.tool.name)
    .bind(new.tool.kind.name())
    .bind(new.tool.risk_level.name())
    .bind(Json(&new.tool))
    .bind(new.cost)
    .bind(Json(new.rate))
    .bind(new.run.as_ref().map(Json))
    .bind(&new.masked_secret)
    .bind(sealed)
    .bind(new.secret_version)
    .bind(new.enabled)
    .bind(new.created_at)
    .bind(new.updated_at)
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn replace(tx: &mut Tx, after: &StoredTool) -> Result<(), Error> {
    sql(
        "UPDATE tools SET name = $3, kind = $4, risk_level = $5, tool = $6, cost_nanos = $7,
         rate = $8, run = $9, enabled = $10, updated_at = $11
         WHERE tenant_id = $1 AND id = $2",
    )
    .bind(after.tenant)
    .bind(after.id)
    .bind(&after.tool.name)
    .bind(after.tool.kind.name())
    .bind(after.tool.risk_level.name())
    .bind(Json(&after.tool))
    .bind(after.cost)
    .bind(Json(after.rate))
    .bind(after.run.as_ref().map(Json))
    .bind(after.enabled)
    .bind(after.updated_at)
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn replace_secret(
    tx: &mut Tx,
    after: &StoredTool,
    sealed: Option<Vec<u8>>,
) -> Result<(), Error> {
    sql(
        "UPDATE tools SET masked_secret = $3, secret = $4, secret_version = $5
         WHERE tenant_id = $1 AND id = $2",
    )
    .bind(after.tenant)
    .bind(after.id)
    .bind(&after.masked_secret)
    .bind(sealed)
    .bind(after.secret_version)
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn delete(tx: &mut Tx, tenant: TenantId, id: ToolId) -> Result<(), Error> {
    sql("DELETE FROM tools WHERE tenant_id = $1 AND id = $2")
        .bind(tenant)
        .bind(id)
        .execute(tx)
        .await?;
    Ok(())
}

pub(super) async fn count(tx: &mut Tx, tenant: TenantId) -> Result<u64, Error> {
    let select = Select::new("id", "tools").filter("tenant_id = ?", tenant);
    Ok(select.count(tx).await?)
}

pub(super) async fn list(
    db: &Db,
    tenant: TenantId,
    filter: &ToolFilter,
    sort: Sort,
    page: Page,
) -> Result<Paged<StoredTool>, Error> {
    let kinds: Vec<&str> = filter.kinds.iter().map(|kind| kind.name()).collect();
    let risks: Vec<&str> = filter.risk_levels.iter().map(|risk| risk.name()).collect();
    let mut select = Select::new(COLUMNS, "tools")
        .filter("tenant_id = ?", tenant)
        .filter_contains_some("name", filter.name.as_deref())
        .filter_some("enabled = ?", filter.enabled);
    if !kinds.is_empty() {
        select = select.filter_in("kind", &kinds);
    }
    if !risks.is_empty() {
        select = select.filter_in("risk_level", &risks);
    }
    select
        .sort(sort, "id")
        .fetch_page(db, page)
        .await?
        .try_map(|row| stored(&row))
}

/// The tools that are offered, by name.
pub(crate) async fn offered(db: &Db, tenant: TenantId) -> Result<Vec<StoredTool>, Error> {
    let rows = sql("SELECT * FROM tools WHERE tenant_id = $1 AND enabled = 1 ORDER BY name")
        .bind(tenant)
        .fetch_all(db)
        .await?;
    rows.iter().map(stored).collect()
}

pub(super) async fn find<'a>(
    on: impl Into<Target<'a>>,
    tenant: TenantId,
    id: ToolId,
) -> Result<Option<StoredTool>, Error> {
    let row = Select::new(COLUMNS, "tools")
        .filter("tenant_id = ?", tenant)
        .filter("id = ?", id)
        .statement()
        .fetch_optional(on)
        .await?;
    row.map(|row| stored(&row)).transpose()
}

/// Takes the lock of a tool and reads it.
pub(super) async fn lock(
    tx: &mut Tx,
    tenant: TenantId,
    id: ToolId,
) -> Result<Option<StoredTool>, Error> {
    sql_per_engine(
        "SELECT id FROM tools WHERE tenant_id = $1 AND id = $2",
        "SELECT id FROM tools WHERE tenant_id = $1 AND id = $2 FOR UPDATE",
    )
    .bind(tenant)
    .bind(id)
    .fetch_optional(&mut *tx)
    .await?;
    find(tx, tenant, id).await
}

/// The sealed secret of a tool with its version.
pub(super) async fn secret(
    db: &Db,
    tenant: TenantId,
    id: ToolId,
) -> Result<Option<(i64, Vec<u8>)>, Error> {
    let row = sql("SELECT secret, secret_version FROM tools
         WHERE tenant_id = $1 AND id = $2 AND secret IS NOT NULL")
    .bind(tenant)
    .bind(id)
    .fetch_optional(db)
    .await?;
    let read = |row: iron_store::Row| Ok((row.get("secret_version")?, row.get("secret")?));
    row.map(read).transpose()
}
