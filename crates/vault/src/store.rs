//! All SQL of the vault.

use iron_primitives::{TenantId, Timestamp};
use iron_store::{Db, Error, Target, Tx, sql};

pub(crate) async fn fingerprint(tx: &mut Tx, candidate: &[u8; 32]) -> Result<[u8; 32], Error> {
    sql("INSERT INTO vault_master (id, fingerprint) VALUES (1, $1) ON CONFLICT (id) DO NOTHING")
        .bind(candidate)
        .execute(&mut *tx)
        .await?;
    sql("SELECT fingerprint FROM vault_master WHERE id = 1")
        .fetch_one(tx)
        .await?
        .get("fingerprint")
}

/// The newest data key of a tenant: its version and the key, wrapped.
pub(crate) async fn newest_data_key(
    tx: &mut Tx,
    tenant: TenantId,
) -> Result<Option<(i64, Vec<u8>)>, Error> {
    sql(
        "SELECT version, wrapped FROM vault_data_keys WHERE tenant_id = $1 \
         ORDER BY version DESC LIMIT 1",
    )
    .bind(tenant)
    .fetch_optional(tx)
    .await?
    .map(|row| Ok((row.get("version")?, row.get("wrapped")?)))
    .transpose()
}

pub(crate) async fn insert_data_key(
    tx: &mut Tx,
    tenant: TenantId,
    version: i64,
    wrapped: &[u8],
    now: Timestamp,
) -> Result<bool, Error> {
    sql(
        "INSERT INTO vault_data_keys (tenant_id, version, wrapped, created_at) \
         VALUES ($1, $2, $3, $4) ON CONFLICT (tenant_id, version) DO NOTHING",
    )
    .bind(tenant)
    .bind(version)
    .bind(wrapped)
    .bind(now)
    .execute(tx)
    .await
    .map(|rows| rows == 1)
}

pub(crate) async fn data_key(
    db: &Db,
    tenant: TenantId,
    version: i64,
) -> Result<Option<Vec<u8>>, Error> {
    sql("SELECT wrapped FROM vault_data_keys WHERE tenant_id = $1 AND version = $2")
        .bind(tenant)
        .bind(version)
        .fetch_optional(db)
        .await?
        .map(|row| row.get("wrapped"))
        .transpose()
}

/// The live key of a subject: its id and the key, wrapped.
pub(crate) async fn live_subject_key<'a>(
    on: impl Into<Target<'a>>,
    tenant: TenantId,
    subject: &[u8; 32],
) -> Result<Option<(String, Vec<u8>)>, Error> {
    sql("SELECT id, wrapped FROM vault_subject_keys \
         WHERE tenant_id = $1 AND subject = $2 AND erased_at IS NULL")
    .bind(tenant)
    .bind(subject)
    .fetch_optional(on)
    .await?
    .map(|row| Ok((row.get("id")?, row.get("wrapped")?)))
    .transpose()
}

pub(crate) async fn insert_subject_key(
    tx: &mut Tx,
    tenant: TenantId,
    id: &str,
    subject: &[u8; 32],
    wrapped: &[u8],
    now: Timestamp,
) -> Result<bool, Error> {
    sql(
        "INSERT INTO vault_subject_keys (tenant_id, id, subject, wrapped, created_at) \
         VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (tenant_id, subject) WHERE erased_at IS NULL DO NOTHING",
    )
    .bind(tenant)
    .bind(id)
    .bind(subject)
    .bind(wrapped)
    .bind(now)
    .execute(tx)
    .await
    .map(|rows| rows == 1)
}

/// The key with this id, wrapped; nothing inside if its subject was erased.
pub(crate) async fn subject_key(
    db: &Db,
    tenant: TenantId,
    id: &str,
) -> Result<Option<Option<Vec<u8>>>, Error> {
    sql("SELECT wrapped FROM vault_subject_keys WHERE tenant_id = $1 AND id = $2")
        .bind(tenant)
        .bind(id)
        .fetch_optional(db)
        .await?
        .map(|row| row.get("wrapped"))
        .transpose()
}

pub(crate) async fn erase_subject(
    tx: &mut Tx,
    tenant: TenantId,
    subject: &[u8; 32],
    now: Timestamp,
) -> Result<bool, Error> {
    sql(
        "UPDATE vault_subject_keys SET wrapped = NULL, erased_at = $3 \
         WHERE tenant_id = $1 AND subject = $2 AND erased_at IS NULL",
    )
    .bind(tenant)
    .bind(subject)
    .bind(now)
    .execute(tx)
    .await
    .map(|rows| rows > 0)
}

/// Destroys every key of a tenant. The keys of its data subjects leave their rows as the proof.
pub(crate) async fn remove_tenant(
    tx: &mut Tx,
    tenant: TenantId,
    at: Timestamp,
) -> Result<u64, Error> {
    let removed = sql("DELETE FROM vault_data_keys WHERE tenant_id = $1")
        .bind(tenant)
        .execute(&mut *tx)
        .await?;
    let erased = sql(
        "UPDATE vault_subject_keys SET wrapped = NULL, erased_at = $2 \
         WHERE tenant_id = $1 AND wrapped IS NOT NULL",
    )
    .bind(tenant)
    .bind(at)
    .execute(tx)
    .await?;
    Ok(removed.saturating_add(erased))
}
