//! Files, and all their SQL.

use iron_audit::Removal;
use iron_primitives::{Environment, Timestamp};
use iron_runtime::custody::{AskFiles, FilePlace, KeptFile, Owner};
use iron_store::{Db, Error, Row, Select, Tx, sql};

use crate::order::{behind, sorted};

const COLUMNS: &str = "provider_id, original, purpose, size_bytes, told, created_at, ends_at";
const TABLE: &str = "provider_files";

const OF_A_TENANT: &[&str] = &["DELETE FROM provider_files WHERE tenant_id = $1"];

/// The files of all agents.
#[derive(Debug, Clone)]
pub struct Files {
    db: Db,
    environment: Environment,
}

impl Files {
    /// The files in a database.
    pub const fn new(db: Db, environment: Environment) -> Self {
        Files { db, environment }
    }

    /// Remembers a file. One that is remembered already stays as it is.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn keep(&self, owner: Owner, file: &KeptFile) -> Result<(), Error> {
        let size = file
            .size_bytes
            .map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX));
        sql(
            "INSERT INTO provider_files (tenant_id, agent_id, provider_id, original, purpose,
             size_bytes, told, created_at, ends_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             ON CONFLICT (tenant_id, provider_id, original) DO NOTHING",
        )
        .bind(owner.tenant)
        .bind(owner.agent)
        .bind(file.place.provider)
        .bind(file.place.original.as_str())
        .bind(file.purpose.as_deref())
        .bind(size)
        .bind(file.told.as_str())
        .bind(file.created_at)
        .bind(file.ends_at)
        .execute(&self.db)
        .await
        .map(drop)
    }

    /// Forgets a file; one that is not known is forgotten already.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn forget(&self, owner: Owner, place: &FilePlace) -> Result<(), Error> {
        sql("DELETE FROM provider_files
             WHERE tenant_id = $1 AND agent_id = $2 AND provider_id = $3 AND original = $4")
        .bind(owner.tenant)
        .bind(owner.agent)
        .bind(place.provider)
        .bind(place.original.as_str())
        .execute(&self.db)
        .await
        .map(drop)
    }

    /// The files of an owner, in the order that is asked for; none behind a file that is not known.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn list(&self, owner: Owner, ask: &AskFiles) -> Result<Vec<KeptFile>, Error> {
        let mut select = Select::new(COLUMNS, TABLE)
            .filter("tenant_id = ?", owner.tenant)
            .filter("agent_id = ?", owner.agent)
            .filter_in("provider_id", &ask.providers)
            .filter("(ends_at IS NULL OR ends_at > ?)", self.environment.now())
            .filter_some("purpose = ?", ask.purpose.as_deref());
        if let Some(place) = &ask.after {
            let Some(at) = self.kept_at(owner, place).await? else {
                return Ok(Vec::new());
            };
            select = behind(select, ask, place, at);
        }
        let rows = sorted(select, ask).fetch_first(&self.db, ask.limit).await?;
        rows.iter().map(file).collect()
    }

    /// Deletes all that is remembered of a tenant whose time is over. The files themselves lie at
    /// its providers.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn remove_tenant(&self, tx: &mut Tx, removal: &mut Removal) -> Result<(), Error> {
        removal.delete(tx, crate::batches::OF_A_TENANT).await?;
        removal.delete(tx, OF_A_TENANT).await
    }

    async fn kept_at(&self, owner: Owner, place: &FilePlace) -> Result<Option<Timestamp>, Error> {
        let row = sql("SELECT created_at FROM provider_files
             WHERE tenant_id = $1 AND agent_id = $2 AND provider_id = $3 AND original = $4")
        .bind(owner.tenant)
        .bind(owner.agent)
        .bind(place.provider)
        .bind(place.original.as_str())
        .fetch_optional(&self.db)
        .await?;
        row.map(|row| row.get("created_at")).transpose()
    }
}

fn file(row: &Row) -> Result<KeptFile, Error> {
    let size: Option<i64> = row.get("size_bytes")?;
    Ok(KeptFile {
        place: FilePlace {
            provider: row.get("provider_id")?,
            original: row.get("original")?,
        },
        purpose: row.get("purpose")?,
        size_bytes: size.and_then(|bytes| u64::try_from(bytes).ok()),
        told: row.get("told")?,
        created_at: row.get("created_at")?,
        ends_at: row.get("ends_at")?,
    })
}
