//! The SQL of channels, and of what announces write into the outbox.

use iron_primitives::{ChannelId, DeliveryId, EventId, TenantId, Timestamp};
use iron_store::{Db, Json, Page, Paged, Row, Select, Sort, Target, Tx, sql, sql_per_engine};

use super::ChannelFilter;
use super::model::{Channel, ChannelKind, Settings};
use crate::{Error, Notice, Topic};

const COLUMNS: &str = "tenant_id, id, name, kind, settings, topics, filter, enabled, \
     dead_in_row, sealed_version, resting_until, created_at, updated_at";

fn channel(row: &Row) -> Result<Channel, Error> {
    let Json(settings): Json<Settings> = row.get("settings")?;
    let Json(words): Json<Vec<String>> = row.get("topics")?;
    // A topic of a newer version is not told by this one.
    let topics = words.iter().filter_map(|word| word.parse().ok()).collect();
    Ok(Channel {
        id: row.get("id")?,
        tenant: row.get("tenant_id")?,
        name: row.get("name")?,
        kind: row.get("kind")?,
        settings,
        topics,
        filter: row
            .get::<Option<Json<ChannelFilter>>>("filter")?
            .map(|Json(filter)| filter),
        enabled: row.get("enabled")?,
        dead_in_row: row.get("dead_in_row")?,
        sealed_version: row.get("sealed_version")?,
        resting_until: row.get("resting_until")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}

fn words(topics: &[Topic]) -> Json<Vec<&'static str>> {
    Json(topics.iter().map(|topic| topic.as_str()).collect())
}

pub(super) async fn insert(tx: &mut Tx, new: &Channel, sealed: &[u8]) -> Result<(), Error> {
    sql("INSERT INTO notification_channels
         (tenant_id, id, name, kind, settings, topics, enabled, sealed, sealed_version,
          resting_until, created_at, updated_at, filter)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)")
    .bind(new.tenant)
    .bind(new.id)
    .bind(&new.name)
    .bind(new.kind)
    .bind(Json(&new.settings))
    .bind(words(&new.topics))
    .bind(new.enabled)
    .bind(sealed)
    .bind(new.sealed_version)
    .bind(new.resting_until)
    .bind(new.created_at)
    .bind(new.updated_at)
    .bind(new.filter.as_ref().map(Json))
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn replace(tx: &mut Tx, after: &Channel, sealed: &[u8]) -> Result<(), Error> {
    sql(
        "UPDATE notification_channels SET name = $3, settings = $4, topics = $5, enabled = $6,
         sealed = $7, sealed_version = $8, resting_until = $9, updated_at = $10, filter = $11,
         dead_in_row = $12
         WHERE tenant_id = $1 AND id = $2",
    )
    .bind(after.tenant)
    .bind(after.id)
    .bind(&after.name)
    .bind(Json(&after.settings))
    .bind(words(&after.topics))
    .bind(after.enabled)
    .bind(sealed)
    .bind(after.sealed_version)
    .bind(after.resting_until)
    .bind(after.updated_at)
    .bind(after.filter.as_ref().map(Json))
    .bind(after.dead_in_row)
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn delete(tx: &mut Tx, tenant: TenantId, id: ChannelId) -> Result<(), Error> {
    for text in [
        "DELETE FROM notification_deliveries WHERE tenant_id = $1 AND channel_id = $2",
        "DELETE FROM notification_channels WHERE tenant_id = $1 AND id = $2",
    ] {
        sql(text).bind(tenant).bind(id).execute(&mut *tx).await?;
    }
    Ok(())
}

pub(super) async fn list(
    db: &Db,
    tenant: TenantId,
    sort: Sort,
    page: Page,
) -> Result<Paged<Channel>, Error> {
    Select::new(COLUMNS, "notification_channels")
        .filter("tenant_id = ?", tenant)
        .sort(sort, "id")
        .fetch_page(db, page)
        .await?
        .try_map(|row| channel(&row))
}

pub(crate) async fn find<'a>(
    on: impl Into<Target<'a>>,
    tenant: TenantId,
    id: ChannelId,
) -> Result<Option<Channel>, Error> {
    let row = Select::new(COLUMNS, "notification_channels")
        .filter("tenant_id = ?", tenant)
        .filter("id = ?", id)
        .statement()
        .fetch_optional(on)
        .await?;
    row.map(|row| channel(&row)).transpose()
}

/// A channel, whosever it is: for those who show something that only it could have signed.
pub(crate) async fn anywhere(db: &Db, id: ChannelId) -> Result<Option<Channel>, Error> {
    let row = Select::new(COLUMNS, "notification_channels")
        .filter("id = ?", id)
        .statement()
        .fetch_optional(db)
        .await?;
    row.map(|row| channel(&row)).transpose()
}

/// Takes the lock of a channel and reads it.
pub(crate) async fn lock(
    tx: &mut Tx,
    tenant: TenantId,
    id: ChannelId,
) -> Result<Option<Channel>, Error> {
    sql_per_engine(
        "SELECT id FROM notification_channels WHERE tenant_id = $1 AND id = $2",
        "SELECT id FROM notification_channels WHERE tenant_id = $1 AND id = $2 FOR UPDATE",
    )
    .bind(tenant)
    .bind(id)
    .fetch_optional(&mut *tx)
    .await?;
    find(tx, tenant, id).await
}

pub(crate) async fn sealed<'a>(
    on: impl Into<Target<'a>>,
    tenant: TenantId,
    id: ChannelId,
) -> Result<Vec<u8>, Error> {
    let row = sql("SELECT sealed FROM notification_channels WHERE tenant_id = $1 AND id = $2")
        .bind(tenant)
        .bind(id)
        .fetch_optional(on)
        .await?;
    row.ok_or(Error::NoChannel { id })?
        .get::<Option<Vec<u8>>>("sealed")?
        .ok_or(Error::Unreadable)
}

/// The channels of a tenant that are on for a notice. They stay until the end of the transaction.
pub(super) async fn on_for(
    tx: &mut Tx,
    tenant: TenantId,
    notice: &Notice,
) -> Result<Vec<Channel>, Error> {
    let mut channels = on(tx, tenant).await?;
    channels.retain(|channel| {
        let filter = channel.filter.as_ref();
        channel.topics.contains(&notice.topic) && filter.is_none_or(|it| it.wants(notice))
    });
    Ok(channels)
}

/// The oldest channel for mail that is on, and on for a topic if one is given. It stays until the
/// end of the transaction.
pub(super) async fn first_for_mail(
    tx: &mut Tx,
    tenant: TenantId,
    topic: Option<Topic>,
) -> Result<Option<Channel>, Error> {
    let channels = on(tx, tenant).await?.into_iter();
    let tells = |channel: &Channel| topic.is_none_or(|topic| channel.topics.contains(&topic));
    let mut for_mail =
        channels.filter(|channel| channel.kind == ChannelKind::Email && tells(channel));
    Ok(for_mail.next())
}

async fn on(tx: &mut Tx, tenant: TenantId) -> Result<Vec<Channel>, Error> {
    let rows = sql_per_engine(
        "SELECT * FROM notification_channels WHERE tenant_id = $1 AND enabled = 1 ORDER BY id",
        "SELECT * FROM notification_channels WHERE tenant_id = $1 AND enabled = 1 ORDER BY id
         FOR KEY SHARE",
    )
    .bind(tenant)
    .fetch_all(tx)
    .await?;
    rows.iter().map(channel).collect()
}

/// The tenants with a channel that is on for a topic.
pub(super) async fn tenants_told_of(db: &Db, topic: Topic) -> Result<Vec<TenantId>, Error> {
    let rows = sql(
        "SELECT tenant_id, topics FROM notification_channels WHERE enabled = $1
         ORDER BY tenant_id",
    )
    .bind(true)
    .fetch_all(db)
    .await?;
    let mut tenants = Vec::new();
    for row in rows {
        let Json(words): Json<Vec<String>> = row.get("topics")?;
        if words.iter().any(|word| word == topic.as_str()) {
            tenants.push(row.get("tenant_id")?);
        }
    }
    tenants.dedup();
    Ok(tenants)
}

/// What a delivery belongs to.
pub(super) struct Place {
    pub(super) tenant: TenantId,
    pub(super) channel: ChannelId,
    pub(super) event: EventId,
}

pub(super) async fn put(
    tx: &mut Tx,
    id: DeliveryId,
    place: Place,
    notice: &Notice,
    recipient: Option<&str>,
    now: Timestamp,
) -> Result<(), Error> {
    sql("INSERT INTO notification_deliveries
         (tenant_id, id, channel_id, event_id, topic, notice, recipient, status, attempts,
          refusals, due_at, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 'pending', 0, 0, $8, $8)")
    .bind(place.tenant)
    .bind(id)
    .bind(place.channel)
    .bind(place.event)
    .bind(notice.topic)
    .bind(Json(&notice.said))
    .bind(recipient)
    .bind(now)
    .execute(tx)
    .await?;
    Ok(())
}

/// Notes that a subject is told now, unless it was told after `since`; whether it was not.
pub(super) async fn note_told(
    tx: &mut Tx,
    (tenant, subject): (TenantId, &str),
    now: Timestamp,
    since: Timestamp,
) -> Result<bool, Error> {
    let noted = sql(
        "INSERT INTO notification_told (tenant_id, subject, told_at) VALUES ($1, $2, $3)
         ON CONFLICT (tenant_id, subject) DO UPDATE SET told_at = excluded.told_at
         WHERE notification_told.told_at <= $4",
    )
    .bind(tenant)
    .bind(subject)
    .bind(now)
    .bind(since)
    .execute(tx)
    .await?;
    Ok(noted > 0)
}

/// Whether a subject was told after `since`.
pub(super) async fn was_told(
    db: &Db,
    (tenant, subject): (TenantId, &str),
    since: Timestamp,
) -> Result<bool, Error> {
    let told = sql(
        "SELECT told_at FROM notification_told WHERE tenant_id = $1 AND subject = $2
         AND told_at > $3",
    )
    .bind(tenant)
    .bind(subject)
    .bind(since)
    .fetch_optional(db)
    .await?;
    Ok(told.is_some())
}

/// Puts something sealed into a delivery.
pub(super) async fn enclose(
    tx: &mut Tx,
    tenant: TenantId,
    id: DeliveryId,
    sealed: &[u8],
) -> Result<(), Error> {
    sql("UPDATE notification_deliveries SET enclosed = $3 WHERE tenant_id = $1 AND id = $2")
        .bind(tenant)
        .bind(id)
        .bind(sealed)
        .execute(tx)
        .await?;
    Ok(())
}

/// Deletes the channels of a tenant.
pub(super) const OF_A_TENANT: &[&str] = &[
    "DELETE FROM notification_deliveries WHERE tenant_id = $1",
    "DELETE FROM notification_channels WHERE tenant_id = $1",
    "DELETE FROM notification_told WHERE tenant_id = $1",
];
