//! All SQL of this feature.

use iron_guard::Profile;
use iron_primitives::{ProfileId, TenantId, Timestamp, UserId};
use iron_store::{Db, Page, Paged, Row, Select, Sort, Target, Tx, sql, sql_per_engine};

use crate::Error;
use crate::choice::Named;
use crate::model::{GuardrailProfile, ProfileVersion};

const COLUMNS: &str = "tenant_id, id, name, profile, is_default, version, created_at, updated_at";
const VERSION_COLUMNS: &str = "version, name, profile, changed_by, created_at";

fn stored(row: &Row) -> Result<GuardrailProfile, Error> {
    Ok(GuardrailProfile {
        id: row.get("id")?,
        tenant: row.get("tenant_id")?,
        name: row.get("name")?,
        profile: profile(row)?,
        is_default: row.get("is_default")?,
        version: row.get("version")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}

fn of_version(row: &Row) -> Result<ProfileVersion, Error> {
    Ok(ProfileVersion {
        version: row.get("version")?,
        name: row.get("name")?,
        profile: profile(row)?,
        changed_by: row.get("changed_by")?,
        created_at: row.get("created_at")?,
    })
}

/// What a newer version of the program has written is not half followed.
fn profile(row: &Row) -> Result<Profile, Error> {
    let text: String = row.get("profile")?;
    serde_json::from_str(&text).map_err(Error::Unreadable)
}

fn text(profile: &Profile) -> Result<String, Error> {
    serde_json::to_string(profile).map_err(Error::Unreadable)
}

pub(crate) async fn insert(tx: &mut Tx, new: &GuardrailProfile) -> Result<(), Error> {
    sql("INSERT INTO guardrail_profiles
         (tenant_id, id, name, profile, is_default, version, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)")
    .bind(new.tenant)
    .bind(new.id)
    .bind(&new.name)
    .bind(text(&new.profile)?)
    .bind(new.is_default)
    .bind(new.version)
    .bind(new.created_at)
    .bind(new.updated_at)
    .execute(tx)
    .await?;
    Ok(())
}

pub(crate) async fn insert_version(
    tx: &mut Tx,
    profile: &GuardrailProfile,
    changed_by: UserId,
) -> Result<(), Error> {
    sql("INSERT INTO guardrail_profile_versions
         (tenant_id, profile_id, version, name, profile, changed_by, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)")
    .bind(profile.tenant)
    .bind(profile.id)
    .bind(profile.version)
    .bind(&profile.name)
    .bind(text(&profile.profile)?)
    .bind(changed_by)
    .bind(profile.updated_at)
    .execute(tx)
    .await?;
    Ok(())
}

pub(crate) async fn replace(tx: &mut Tx, after: &GuardrailProfile) -> Result<(), Error> {
    sql(
        "UPDATE guardrail_profiles SET name = $3, profile = $4, is_default = $5, version = $6,
         updated_at = $7 WHERE tenant_id = $1 AND id = $2",
    )
    .bind(after.tenant)
    .bind(after.id)
    .bind(&after.name)
    .bind(text(&after.profile)?)
    .bind(after.is_default)
    .bind(after.version)
    .bind(after.updated_at)
    .execute(tx)
    .await?;
    Ok(())
}

/// Takes the place of the default from whichever profile has it.
pub(crate) async fn clear_default(
    tx: &mut Tx,
    tenant: TenantId,
    now: Timestamp,
) -> Result<(), Error> {
    sql_per_engine(
        "UPDATE guardrail_profiles SET is_default = 0, updated_at = MAX(updated_at + 1, $2)
         WHERE tenant_id = $1 AND is_default = 1",
        "UPDATE guardrail_profiles SET is_default = 0, updated_at = GREATEST(updated_at + 1, $2)
         WHERE tenant_id = $1 AND is_default = 1",
    )
    .bind(tenant)
    .bind(now)
    .execute(tx)
    .await?;
    Ok(())
}

pub(crate) async fn delete(tx: &mut Tx, tenant: TenantId, id: ProfileId) -> Result<(), Error> {
    for text in [
        "DELETE FROM guardrail_profile_versions WHERE tenant_id = $1 AND profile_id = $2",
        "DELETE FROM guardrail_profiles WHERE tenant_id = $1 AND id = $2",
    ] {
        sql(text).bind(tenant).bind(id).execute(&mut *tx).await?;
    }
    Ok(())
}

pub(crate) async fn count(tx: &mut Tx, tenant: TenantId) -> Result<u64, Error> {
    let select = Select::new("id", "guardrail_profiles").filter("tenant_id = ?", tenant);
    Ok(select.count(tx).await?)
}

pub(crate) async fn list(
    db: &Db,
    tenant: TenantId,
    sort: Sort,
    page: Page,
) -> Result<Paged<GuardrailProfile>, Error> {
    Select::new(COLUMNS, "guardrail_profiles")
        .filter("tenant_id = ?", tenant)
        .sort(sort, "id")
        .fetch_page(db, page)
        .await?
        .try_map(|row| stored(&row))
}

pub(crate) async fn find<'a>(
    on: impl Into<Target<'a>>,
    tenant: TenantId,
    id: ProfileId,
) -> Result<Option<GuardrailProfile>, Error> {
    let row = Select::new(COLUMNS, "guardrail_profiles")
        .filter("tenant_id = ?", tenant)
        .filter("id = ?", id)
        .statement()
        .fetch_optional(on)
        .await?;
    row.map(|row| stored(&row)).transpose()
}

/// Takes the lock of a profile and reads it.
pub(crate) async fn lock(
    tx: &mut Tx,
    tenant: TenantId,
    id: ProfileId,
) -> Result<Option<GuardrailProfile>, Error> {
    sql_per_engine(
        "SELECT id FROM guardrail_profiles WHERE tenant_id = $1 AND id = $2",
        "SELECT id FROM guardrail_profiles WHERE tenant_id = $1 AND id = $2 FOR UPDATE",
    )
    .bind(tenant)
    .bind(id)
    .fetch_optional(&mut *tx)
    .await?;
    find(tx, tenant, id).await
}

/// Keeps a profile from being deleted, if it is there.
pub(crate) async fn keep(tx: &mut Tx, tenant: TenantId, id: ProfileId) -> Result<bool, Error> {
    let row = sql_per_engine(
        "SELECT id FROM guardrail_profiles WHERE tenant_id = $1 AND id = $2",
        "SELECT id FROM guardrail_profiles WHERE tenant_id = $1 AND id = $2 FOR KEY SHARE",
    )
    .bind(tenant)
    .bind(id)
    .fetch_optional(tx)
    .await?;
    Ok(row.is_some())
}

/// The profiles among which one is chosen for an agent.
pub(crate) async fn candidates(
    db: &Db,
    tenant: TenantId,
    named: Named,
) -> Result<Vec<GuardrailProfile>, Error> {
    let rows = sql("SELECT * FROM guardrail_profiles
         WHERE tenant_id = $1 AND (id = $2 OR id = $3 OR is_default = 1)")
    .bind(tenant)
    .bind(named.by_agent)
    .bind(named.by_team)
    .fetch_all(db)
    .await?;
    rows.iter().map(stored).collect()
}

pub(crate) async fn versions(
    db: &Db,
    tenant: TenantId,
    id: ProfileId,
    page: Page,
) -> Result<Paged<ProfileVersion>, Error> {
    Select::new(VERSION_COLUMNS, "guardrail_profile_versions")
        .filter("tenant_id = ?", tenant)
        .filter("profile_id = ?", id)
        .sort(Sort::descending("version"), "version")
        .fetch_page(db, page)
        .await?
        .try_map(|row| of_version(&row))
}

pub(crate) async fn version(
    db: &Db,
    tenant: TenantId,
    id: ProfileId,
    version: i64,
) -> Result<Option<ProfileVersion>, Error> {
    let row = Select::new(VERSION_COLUMNS, "guardrail_profile_versions")
        .filter("tenant_id = ?", tenant)
        .filter("profile_id = ?", id)
        .filter("version = ?", version)
        .statement()
        .fetch_optional(db)
        .await?;
    row.map(|row| of_version(&row)).transpose()
}

/// Deletes the profiles of a tenant.
pub(crate) const OF_A_TENANT: &[&str] = &[
    "DELETE FROM guardrail_profile_versions WHERE tenant_id = $1",
    "DELETE FROM guardrail_profiles WHERE tenant_id = $1",
];
