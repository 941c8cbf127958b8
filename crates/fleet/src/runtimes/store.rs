//! `runtimes` and what is within their reach.

use std::collections::{BTreeSet, HashMap};

use iron_primitives::{RuntimeId, TenantId, Timestamp, TokenDigest, TokenValue};
use iron_store::{Db, Page, Paged, Row, Select, Sort, Target, Tx, sql, sql_per_engine};

use super::{Binding, Runtime};
use crate::Error;

const COLUMNS: &str = "id, tenant_id, name, key_prefix, instance_id, public_key, sealing_key, \
                       program, enrolled_at, created_at, revoked_at";

fn runtime(row: &Row) -> Result<Runtime, iron_store::Error> {
    Ok(Runtime {
        id: row.get("id")?,
        tenant: row.get("tenant_id")?,
        name: row.get("name")?,
        key_prefix: row.get("key_prefix")?,
        instance: row.get("instance_id")?,
        public_key: row.get("public_key")?,
        certificates: BTreeSet::new(),
        sealing_key: row.get("sealing_key")?,
        program: row.get("program")?,
        enrolled_at: row.get("enrolled_at")?,
        created_at: row.get("created_at")?,
        revoked_at: row.get("revoked_at")?,
    })
}

pub(super) async fn insert(tx: &mut Tx, new: &Runtime, key: TokenDigest) -> Result<(), Error> {
    sql(
        "INSERT INTO runtimes (tenant_id, id, name, digest, key_prefix, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(new.tenant)
    .bind(new.id)
    .bind(&new.name)
    .bind(key)
    .bind(&new.key_prefix)
    .bind(new.created_at)
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn list(db: &Db, tenant: TenantId, page: Page) -> Result<Paged<Runtime>, Error> {
    let found = Select::new(COLUMNS, "runtimes")
        .filter("tenant_id = ?", tenant)
        .sort(Sort::descending("created_at"), "id")
        .fetch_page(db, page)
        .await?;
    let mut found = found.try_map(|row| runtime(&row))?;
    let rows = sql("SELECT runtime_id, fingerprint FROM runtime_certificates WHERE tenant_id = $1")
        .bind(tenant)
        .fetch_all(db)
        .await?;
    let mut certificates = HashMap::<RuntimeId, BTreeSet<String>>::new();
    for row in rows {
        let of_one = certificates.entry(row.get("runtime_id")?).or_default();
        of_one.insert(row.get("fingerprint")?);
    }
    for runtime in &mut found.items {
        runtime.certificates = certificates.remove(&runtime.id).unwrap_or_default();
    }
    Ok(found)
}

/// Lets one transaction at a time change a runtime.
pub(super) async fn lock(tx: &mut Tx, id: RuntimeId) -> Result<(), Error> {
    sql_per_engine(
        "SELECT id FROM runtimes WHERE id = $1",
        "SELECT id FROM runtimes WHERE id = $1 FOR UPDATE",
    )
    .bind(id)
    .fetch_optional(tx)
    .await?;
    Ok(())
}

pub(super) async fn find<'a>(
    on: impl Into<Target<'a>>,
    id: RuntimeId,
) -> Result<Option<Runtime>, Error> {
    let mut on = on.into();
    let row = Select::new(COLUMNS, "runtimes")
        .filter("id = ?", id)
        .statement()
        .fetch_optional(on.again())
        .await?;
    with_certificates(on, row).await
}

/// The runtime of a row, with its certificates.
async fn with_certificates(on: Target<'_>, row: Option<Row>) -> Result<Option<Runtime>, Error> {
    let Some(row) = row else {
        return Ok(None);
    };
    let mut runtime = runtime(&row)?;
    let rows = sql("SELECT fingerprint FROM runtime_certificates WHERE runtime_id = $1")
        .bind(runtime.id)
        .fetch_all(on)
        .await?;
    for row in rows {
        runtime.certificates.insert(row.get("fingerprint")?);
    }
    Ok(Some(runtime))
}

pub(super) async fn by_certificate(db: &Db, fingerprint: &str) -> Result<Option<Runtime>, Error> {
    let row = sql("SELECT runtime_id FROM runtime_certificates WHERE fingerprint = $1")
        .bind(fingerprint)
        .fetch_optional(db)
        .await?;
    match row {
        Some(row) => find(db, row.get("runtime_id")?).await,
        None => Ok(None),
    }
}

/// Replaces the certificates of a runtime; `false` if one of them belongs to another.
pub(super) async fn certify(tx: &mut Tx, runtime: &Runtime, now: Timestamp) -> Result<bool, Error> {
    sql("DELETE FROM runtime_certificates WHERE runtime_id = $1")
        .bind(runtime.id)
        .execute(&mut *tx)
        .await?;
    for fingerprint in &runtime.certificates {
        let added = sql(
            "INSERT INTO runtime_certificates (tenant_id, runtime_id, fingerprint, added_at) \
             VALUES ($1, $2, $3, $4) ON CONFLICT (fingerprint) DO NOTHING",
        )
        .bind(runtime.tenant)
        .bind(runtime.id)
        .bind(fingerprint)
        .bind(now)
        .execute(&mut *tx)
        .await?;
        if added == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

pub(super) async fn by_key(
    db: &Db,
    key: TokenDigest,
    now: Timestamp,
) -> Result<Option<Runtime>, Error> {
    let row = sql(
        "SELECT id, tenant_id, name, key_prefix, instance_id, public_key, sealing_key, program, \
         enrolled_at, created_at, revoked_at FROM runtimes \
         WHERE digest = $1 OR (previous_digest = $1 AND previous_valid_until > $2)",
    )
    .bind(key)
    .bind(now)
    .fetch_optional(db)
    .await?;
    with_certificates(db.into(), row).await
}

pub(super) async fn replace_key(
    tx: &mut Tx,
    id: RuntimeId,
    key: &TokenValue,
    until: Timestamp,
) -> Result<(), Error> {
    sql(
        "UPDATE runtimes SET previous_digest = digest, previous_valid_until = $4, \
         digest = $2, key_prefix = $3 WHERE id = $1",
    )
    .bind(id)
    .bind(key.digest())
    .bind(key.display_prefix().to_owned())
    .bind(until)
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn revoke(tx: &mut Tx, runtime: &Runtime) -> Result<(), Error> {
    sql("UPDATE runtimes SET revoked_at = $2 WHERE id = $1")
        .bind(runtime.id)
        .bind(runtime.revoked_at)
        .execute(tx)
        .await?;
    Ok(())
}

/// `false` if the key belongs to another folder, or signs with another key.
pub(super) async fn bind(
    tx: &mut Tx,
    id: RuntimeId,
    binding: &Binding,
    now: Timestamp,
) -> Result<bool, Error> {
    let bound = sql(
        "UPDATE runtimes SET instance_id = $2, public_key = $3, program = $4, \
         enrolled_at = $5, sealing_key = $6 WHERE id = $1 AND revoked_at IS NULL \
         AND (instance_id IS NULL OR (instance_id = $2 AND public_key = $3))",
    )
    .bind(id)
    .bind(binding.instance)
    .bind(&binding.public_key)
    .bind(&binding.program)
    .bind(now)
    .bind(&binding.sealing_key)
    .execute(tx)
    .await?;
    Ok(bound == 1)
}

pub(super) async fn note(
    tx: &mut Tx,
    runtime: &Runtime,
    subject: &str,
    now: Timestamp,
) -> Result<(), Error> {
    sql(
        "INSERT INTO runtime_reach (tenant_id, runtime_id, subject, presented_at) \
         VALUES ($1, $2, $3, $4) ON CONFLICT (runtime_id, subject) \
         DO UPDATE SET presented_at = excluded.presented_at",
    )
    .bind(runtime.tenant)
    .bind(runtime.id)
    .bind(subject)
    .bind(now)
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn reaches(
    db: &Db,
    id: RuntimeId,
    subject: &str,
    since: Timestamp,
) -> Result<bool, Error> {
    let row = sql("SELECT presented_at FROM runtime_reach \
         WHERE runtime_id = $1 AND subject = $2 AND presented_at >= $3")
    .bind(id)
    .bind(subject)
    .bind(since)
    .fetch_optional(db)
    .await?;
    Ok(row.is_some())
}
