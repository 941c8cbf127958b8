//! `settings_versions` and `settings_head`.

use iron_primitives::TenantId;
use iron_store::{Db, Error, Json, Page, Paged, Row, Select, Sort, Target, Tx, sql};

use crate::{Document, Holder, Version};

const COLUMNS: &str =
    "v.version, v.id, v.level, v.document, v.changes, v.comment, v.created_by, v.created_at";
const TABLE: &str = "settings_versions v";
const NEWEST: &str =
    "v.version = (SELECT MAX(w.version) FROM settings_versions w WHERE w.holder = v.holder)";

fn version(row: &Row) -> Result<Version, Error> {
    Ok(Version {
        id: row.get("id")?,
        version: row.get("version")?,
        level: row.get("level")?,
        document: row.get::<Json<_>>("document")?.0,
        changes: row.get::<Json<_>>("changes")?.0,
        comment: row.get("comment")?,
        created_by: row.get("created_by")?,
        created_at: row.get("created_at")?,
    })
}

/// How many changes there were.
pub(crate) async fn head<'a>(on: impl Into<Target<'a>>) -> Result<i64, Error> {
    let row = sql("SELECT version FROM settings_head")
        .fetch_one(on)
        .await?;
    row.get("version")
}

/// Counts a change, and holds everybody else who wants to make one until this one is committed.
pub(crate) async fn advance(tx: &mut Tx) -> Result<(), Error> {
    sql("UPDATE settings_head SET version = version + 1")
        .execute(tx)
        .await
        .map(drop)
}

/// The newest version of one level.
pub(crate) async fn newest<'a>(
    on: impl Into<Target<'a>>,
    holder: Holder,
) -> Result<Option<Version>, Error> {
    let found = newest_of(on, &[holder]).await?;
    Ok(found.into_iter().next())
}

/// The newest version of each of these levels, the widest level first; what has none is left out.
pub(crate) async fn newest_of<'a>(
    on: impl Into<Target<'a>>,
    holders: &[Holder],
) -> Result<Vec<Version>, Error> {
    let holders: Vec<String> = holders.iter().map(Holder::to_string).collect();
    let rows = Select::new(COLUMNS, TABLE)
        .filter_in("v.holder", &holders)
        .filter_fixed(NEWEST)
        .statement()
        .fetch_all(on)
        .await?;
    let mut found = rows.iter().map(version).collect::<Result<Vec<_>, _>>()?;
    found.sort_by_key(|version| version.level);
    Ok(found)
}

/// One version of one level.
pub(crate) async fn get<'a>(
    on: impl Into<Target<'a>>,
    holder: Holder,
    number: i64,
) -> Result<Option<Version>, Error> {
    let row = Select::new(COLUMNS, TABLE)
        .filter("v.holder = ?", holder.to_string())
        .filter("v.version = ?", number)
        .statement()
        .fetch_optional(on)
        .await?;
    row.as_ref().map(version).transpose()
}

/// What is set for the system and for each tenant.
pub(crate) async fn widest(db: &Db) -> Result<Vec<(Option<TenantId>, Document)>, Error> {
    let rows = Select::new("v.tenant_id, v.document", TABLE)
        .filter_fixed("v.level IN ('system', 'tenant')")
        .filter_fixed(NEWEST)
        .statement()
        .fetch_all(db)
        .await?;
    let read = |row: &Row| Ok((row.get("tenant_id")?, row.get::<Json<_>>("document")?.0));
    rows.iter().map(read).collect()
}

/// A page of versions, the newest first.
pub(crate) async fn list(db: &Db, holder: Holder, page: Page) -> Result<Paged<Version>, Error> {
    Select::new(COLUMNS, TABLE)
        .filter("v.holder = ?", holder.to_string())
        .sort(Sort::descending("v.version"), "v.id")
        .fetch_page(db, page)
        .await?
        .try_map(|row| version(&row))
}

pub(crate) async fn insert(
    tx: &mut Tx,
    holder: Holder,
    tenant: Option<TenantId>,
    new: &Version,
) -> Result<(), Error> {
    sql(
        "INSERT INTO settings_versions (holder, version, id, level, tenant_id, document, changes, \
         comment, created_by, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(holder.to_string())
    .bind(new.version)
    .bind(new.id)
    .bind(new.level)
    .bind(tenant)
    .bind(Json(&new.document))
    .bind(Json(&new.changes))
    .bind(&new.comment)
    .bind(new.created_by)
    .bind(new.created_at)
    .execute(tx)
    .await
    .map(drop)
}
