//! All SQL of this feature.

use iron_llm::ProviderKind;
use iron_primitives::{ProviderId, TenantId, Timestamp, UserId};
use iron_store::{Db, Json, Page, Paged, Row, Select, Sort, Target, Tx, sql, sql_per_engine};

use crate::model::{Provider, ProviderFilter};
use crate::{Error, Prices};

const COLUMNS: &str = "id, tenant_id, name, kind, masked_key, key_version, key_rotated_at, \
     base_url, organization, models, timeout_seconds, active, shared, owner_id, version, \
     created_at, updated_at, config";

/// A key as it is stored.
pub(crate) struct SealedKey(pub(crate) Vec<u8>);

/// A tenant's own price as it is stored.
pub(crate) struct OverrideRow {
    pub(crate) kind: ProviderKind,
    pub(crate) model: String,
    pub(crate) effective_from: Timestamp,
    pub(crate) prices: Prices,
}

fn kind(row: &Row) -> Result<ProviderKind, Error> {
    let word: String = row.get("kind")?;
    ProviderKind::from_word(&word).ok_or_else(|| {
        let wanted = std::any::type_name::<ProviderKind>();
        Error::Store(iron_store::Error::Value {
            column: "kind".to_owned(),
            wanted,
        })
    })
}

fn provider(row: &Row) -> Result<Provider, Error> {
    Ok(Provider {
        id: row.get("id")?,
        tenant: row.get("tenant_id")?,
        name: row.get("name")?,
        kind: kind(row)?,
        masked_key: row.get("masked_key")?,
        key_version: row.get("key_version")?,
        key_rotated_at: row.get("key_rotated_at")?,
        base_url: row.get("base_url")?,
        organization: row.get("organization")?,
        config: row.get::<Json<_>>("config")?.0,
        models: row.get::<Json<Vec<String>>>("models")?.0,
        timeout_seconds: row.get("timeout_seconds")?,
        active: row.get("active")?,
        shared: row.get("shared")?,
        owner: row.get("owner_id")?,
        version: row.get("version")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}

pub(crate) async fn insert(
    tx: &mut Tx,
    provider: &Provider,
    key: Option<SealedKey>,
) -> Result<(), Error> {
    sql(
        "INSERT INTO providers (tenant_id, id, name, kind, sealed_key, masked_key, key_version, \
         base_url, organization, models, timeout_seconds, active, shared, owner_id, version, \
         created_at, updated_at, config) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $16, $17)",
    )
    .bind(provider.tenant)
    .bind(provider.id)
    .bind(&provider.name)
    .bind(provider.kind.as_str())
    .bind(key.map(|key| key.0))
    .bind(&provider.masked_key)
    .bind(provider.key_version)
    .bind(&provider.base_url)
    .bind(&provider.organization)
    .bind(Json(&provider.models))
    .bind(provider.timeout_seconds)
    .bind(provider.active)
    .bind(provider.shared)
    .bind(provider.owner)
    .bind(provider.version)
    .bind(provider.created_at)
    .bind(Json(&provider.config))
    .execute(tx)
    .await?;
    Ok(())
}

/// Writes what can change, if the version is still the one that was read; the key only if there
/// is a new one.
pub(crate) async fn replace(
    tx: &mut Tx,
    provider: &Provider,
    key: Option<SealedKey>,
    read_version: i64,
) -> Result<(), Error> {
    let changed = sql(
        "UPDATE providers SET name = $3, base_url = $4, organization = $5, models = $6, \
         timeout_seconds = $7, active = $8, shared = $9, version = $10, updated_at = $11, \
         sealed_key = COALESCE($12, sealed_key), masked_key = $13, key_version = $14, \
         key_rotated_at = $15, config = $17 \
         WHERE tenant_id = $1 AND id = $2 AND version = $16 AND deleted_at IS NULL",
    )
    .bind(provider.tenant)
    .bind(provider.id)
    .bind(&provider.name)
    .bind(&provider.base_url)
    .bind(&provider.organization)
    .bind(Json(&provider.models))
    .bind(provider.timeout_seconds)
    .bind(provider.active)
    .bind(provider.shared)
    .bind(provider.version)
    .bind(provider.updated_at)
    .bind(key.map(|key| key.0))
    .bind(&provider.masked_key)
    .bind(provider.key_version)
    .bind(provider.key_rotated_at)
    .bind(read_version)
    .bind(Json(&provider.config))
    .execute(tx)
    .await?;
    if changed == 0 {
        return Err(Error::Changed { id: provider.id });
    }
    Ok(())
}

/// Marks a provider as deleted and destroys its key.
pub(crate) async fn delete(tx: &mut Tx, provider: &Provider, at: Timestamp) -> Result<(), Error> {
    sql(
        "UPDATE providers SET deleted_at = $3, updated_at = $3, active = 0, sealed_key = NULL, \
         masked_key = NULL WHERE tenant_id = $1 AND id = $2",
    )
    .bind(provider.tenant)
    .bind(provider.id)
    .bind(at)
    .execute(tx)
    .await?;
    Ok(())
}

/// Lets one transaction at a time change a provider.
pub(crate) async fn lock(tx: &mut Tx, tenant: TenantId, id: ProviderId) -> Result<(), Error> {
    sql_per_engine(
        "SELECT id FROM providers WHERE tenant_id = $1 AND id = $2",
        "SELECT id FROM providers WHERE tenant_id = $1 AND id = $2 FOR UPDATE",
    )
    .bind(tenant)
    .bind(id)
    .fetch_optional(tx)
    .await?;
    Ok(())
}

/// Keeps a provider from being deleted until the end of the transaction.
pub(crate) async fn keep(tx: &mut Tx, tenant: TenantId, id: ProviderId) -> Result<(), Error> {
    sql_per_engine(
        "SELECT id FROM providers WHERE tenant_id = $1 AND id = $2",
        "SELECT id FROM providers WHERE tenant_id = $1 AND id = $2 FOR SHARE",
    )
    .bind(tenant)
    .bind(id)
    .fetch_optional(tx)
    .await?;
    Ok(())
}

pub(crate) async fn find<'a>(
    target: impl Into<Target<'a>>,
    tenant: TenantId,
    id: ProviderId,
) -> Result<Option<Provider>, Error> {
    let rows = Select::new(COLUMNS, "providers")
        .filter("tenant_id = ?", tenant)
        .filter("id = ?", id)
        .filter_fixed("deleted_at IS NULL")
        .statement()
        .fetch_all(target)
        .await?;
    rows.first().map(provider).transpose()
}

pub(crate) async fn among(
    db: &Db,
    tenant: TenantId,
    ids: &[ProviderId],
) -> Result<Vec<Provider>, Error> {
    let rows = Select::new(COLUMNS, "providers")
        .filter("tenant_id = ?", tenant)
        .filter_in("id", ids)
        .filter_fixed("deleted_at IS NULL")
        .statement()
        .fetch_all(db)
        .await?;
    rows.iter().map(provider).collect()
}

pub(crate) async fn list(
    db: &Db,
    tenant: TenantId,
    filter: &ProviderFilter,
    sort: Sort,
    page: Page,
) -> Result<Paged<Provider>, Error> {
    let mut select = Select::new(COLUMNS, "providers")
        .filter("tenant_id = ?", tenant)
        .filter_fixed("deleted_at IS NULL")
        .filter_contains_some("name", filter.name.as_deref())
        .filter_some("active = ?", filter.active);
    if !filter.kinds.is_empty() {
        let words: Vec<&str> = filter.kinds.iter().map(|kind| kind.as_str()).collect();
        select = select.filter_in("kind", &words);
    }
    select
        .sort(sort, "id")
        .fetch_page(db, page)
        .await?
        .try_map(|row| provider(&row))
}

/// The version of a provider's key and the sealed key, if it has one.
pub(crate) async fn key(
    db: &Db,
    tenant: TenantId,
    id: ProviderId,
) -> Result<Option<(i64, Option<Vec<u8>>)>, Error> {
    let row = sql("SELECT key_version, sealed_key FROM providers \
         WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL AND active = 1")
    .bind(tenant)
    .bind(id)
    .fetch_optional(db)
    .await?;
    row.map(|row| Ok((row.get("key_version")?, row.get("sealed_key")?)))
        .transpose()
}

pub(crate) async fn put_override(
    tx: &mut Tx,
    tenant: TenantId,
    row: &OverrideRow,
    user: UserId,
    at: Timestamp,
) -> Result<(), Error> {
    sql(
        "INSERT INTO price_overrides (tenant_id, kind, model, effective_from, price, set_by, set_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) \
         ON CONFLICT (tenant_id, kind, model, effective_from) \
         DO UPDATE SET price = excluded.price, set_by = excluded.set_by, set_at = excluded.set_at",
    )
    .bind(tenant)
    .bind(row.kind.as_str())
    .bind(&row.model)
    .bind(row.effective_from)
    .bind(Json(&row.prices))
    .bind(user)
    .bind(at)
    .execute(tx)
    .await?;
    Ok(())
}

/// Lets one transaction at a time change what a tenant's models cost. SQLite's write transaction
/// does that by itself; where there is no price yet, PostgreSQL has no row to lock.
pub(crate) async fn lock_prices(tx: &mut Tx, tenant: TenantId) -> Result<(), Error> {
    sql_per_engine(
        "SELECT CAST($1 AS TEXT) AS locked",
        "SELECT CAST(pg_advisory_xact_lock(hashtextextended('iron prices ' || CAST($1 AS TEXT), 0)) AS TEXT) \
         AS locked",
    )
    .bind(tenant)
    .fetch_one(tx)
    .await?;
    Ok(())
}

/// When the tenant last said what a model costs, in lists or by itself.
pub(crate) async fn priced_at<'a>(
    on: impl Into<Target<'a>>,
    tenant: TenantId,
    kind: ProviderKind,
    model: &str,
) -> Result<Option<Timestamp>, Error> {
    let row = sql("SELECT MAX(said_at) AS said_at FROM (\
         SELECT set_at AS said_at FROM price_overrides \
         WHERE tenant_id = $1 AND kind = $2 AND model = $3 \
         UNION ALL SELECT imported_at AS said_at FROM price_imports WHERE tenant_id = $1) AS said")
    .bind(tenant)
    .bind(kind.as_str())
    .bind(model)
    .fetch_one(on)
    .await?;
    Ok(row.get("said_at")?)
}

pub(crate) async fn put_import(
    tx: &mut Tx,
    tenant: TenantId,
    name: &str,
    listing: &str,
    at: Timestamp,
) -> Result<(), Error> {
    sql(
        "INSERT INTO price_imports (tenant_id, name, listing, imported_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (tenant_id, name) \
         DO UPDATE SET listing = excluded.listing, imported_at = excluded.imported_at",
    )
    .bind(tenant)
    .bind(name)
    .bind(listing)
    .bind(at)
    .execute(tx)
    .await?;
    Ok(())
}

pub(crate) async fn tenants_with_prices(db: &Db) -> Result<Vec<TenantId>, Error> {
    let rows =
        sql("SELECT tenant_id FROM price_overrides UNION SELECT tenant_id FROM price_imports")
            .fetch_all(db)
            .await?;
    rows.iter()
        .map(|row| row.get("tenant_id").map_err(Error::from))
        .collect()
}

pub(crate) async fn imports(db: &Db, tenant: TenantId) -> Result<Vec<(String, Timestamp)>, Error> {
    let rows =
        sql("SELECT listing, imported_at FROM price_imports WHERE tenant_id = $1 ORDER BY name")
            .bind(tenant)
            .fetch_all(db)
            .await?;
    rows.iter()
        .map(|row| Ok((row.get("listing")?, row.get("imported_at")?)))
        .collect()
}

/// The newest price of each model that is in force.
pub(crate) async fn overrides_in_force(
    db: &Db,
    tenant: TenantId,
    now: Timestamp,
) -> Result<Vec<OverrideRow>, Error> {
    let rows = sql(
        "SELECT kind, model, effective_from, price FROM price_overrides p WHERE tenant_id = $1 \
         AND effective_from = (SELECT MAX(effective_from) FROM price_overrides q \
         WHERE q.tenant_id = p.tenant_id AND q.kind = p.kind AND q.model = p.model \
         AND q.effective_from <= $2) ORDER BY kind, model",
    )
    .bind(tenant)
    .bind(now)
    .fetch_all(db)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(OverrideRow {
                kind: kind(row)?,
                model: row.get("model")?,
                effective_from: row.get("effective_from")?,
                prices: row.get::<Json<Prices>>("price")?.0,
            })
        })
        .collect()
}

/// Deletes everything of a tenant.
pub(crate) const OF_A_TENANT: &[&str] = &[
    "DELETE FROM providers WHERE tenant_id = $1",
    "DELETE FROM price_overrides WHERE tenant_id = $1",
    "DELETE FROM price_imports WHERE tenant_id = $1",
];
