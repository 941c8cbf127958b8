//! The SQL of the outbox as the courier sees it.

use std::time::Duration;

use iron_audit::Origin;
use iron_primitives::{ChannelId, TenantId, Timestamp};
use iron_store::{Json, sql};

use super::Parcel;
use super::outcome::Fate;
use crate::channels::{about, store};
use crate::notice::Said;
use crate::{Channel, ChannelKind, Channels, Error};

/// How long it can be seen what was delivered.
const KEEP_DELIVERED: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How long it can be seen what was given up.
const KEEP_DEAD: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// How long it is remembered what was told once in a while; longer than any such while.
const KEEP_TOLD: Duration = Duration::from_secs(2 * 24 * 60 * 60);

/// After so many deliveries in a row that were given up, a webhook is switched off.
const MOST_DEAD_IN_ROW: u32 = 20;

/// A delivery that this server has taken.
pub(super) struct Due {
    pub(super) parcel: Parcel,
    /// Which attempt this is; whoever takes it again counts on.
    attempt: i64,
    /// How often it was refused before.
    pub(super) refusals: u32,
}

/// The channels that have something due and want it.
pub(super) async fn channels_due(channels: &Channels) -> Result<Vec<(TenantId, ChannelId)>, Error> {
    let rows = sql(
        "SELECT DISTINCT d.tenant_id AS tenant_id, d.channel_id AS channel_id
         FROM notification_deliveries d
         JOIN notification_channels c ON c.tenant_id = d.tenant_id AND c.id = d.channel_id
         WHERE d.status = 'pending' AND d.due_at <= $1 AND c.resting_until <= $1 AND c.enabled = 1",
    )
    .bind(channels.environment.now())
    .fetch_all(&channels.db)
    .await?;
    let places = rows
        .iter()
        .map(|row| Ok((row.get("tenant_id")?, row.get("channel_id")?)));
    places.collect()
}

/// Takes the oldest delivery that is due through a channel.
pub(super) async fn take(
    channels: &Channels,
    tenant: TenantId,
    channel: ChannelId,
    for_so_long: Duration,
) -> Result<Option<Due>, Error> {
    let now = channels.environment.now();
    loop {
        let row = sql(
            "SELECT d.id AS id, d.event_id AS event_id, d.topic AS topic,
                 d.notice AS notice, d.recipient AS recipient, d.enclosed AS enclosed, d.attempts AS attempts,
                 d.refusals AS refusals, d.created_at AS created_at
             FROM notification_deliveries d
             JOIN notification_channels c ON c.tenant_id = d.tenant_id AND c.id = d.channel_id
             WHERE d.tenant_id = $1 AND d.channel_id = $2 AND d.status = 'pending'
                 AND d.due_at <= $3 AND c.resting_until <= $3 AND c.enabled = 1
             ORDER BY d.due_at, d.id LIMIT 1",
        )
        .bind(tenant)
        .bind(channel)
        .bind(now)
        .fetch_optional(&channels.db)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let Json(said): Json<Said> = row.get("notice")?;
        let attempts: i64 = row.get("attempts")?;
        let due = Due {
            parcel: Parcel {
                id: row.get("id")?,
                event: row.get("event_id")?,
                tenant,
                topic: row.get("topic")?,
                said,
                recipient: row.get("recipient")?,
                enclosed: row.get("enclosed")?,
                created_at: row.get("created_at")?,
            },
            attempt: attempts.saturating_add(1),
            refusals: row.get("refusals")?,
        };
        let taken = sql(
            "UPDATE notification_deliveries SET attempts = $4, due_at = $5
             WHERE tenant_id = $1 AND id = $2 AND status = 'pending' AND attempts = $3",
        )
        .bind(tenant)
        .bind(due.parcel.id)
        .bind(attempts)
        .bind(due.attempt)
        .bind(now.plus(for_so_long))
        .execute(&channels.db)
        .await?;
        if taken > 0 {
            return Ok(Some(due));
        }
    }
}

/// It has arrived, whoever else may be trying.
pub(super) async fn delivered(
    channels: &Channels,
    channel: &Channel,
    due: &Due,
) -> Result<(), Error> {
    sql(
        "UPDATE notification_deliveries SET status = 'delivered', ended_at = $3, error = NULL,
             enclosed = NULL
         WHERE tenant_id = $1 AND id = $2 AND status = 'pending'",
    )
    .bind(due.parcel.tenant)
    .bind(due.parcel.id)
    .bind(channels.environment.now())
    .execute(&channels.db)
    .await?;
    if channel.dead_in_row > 0 {
        sql("UPDATE notification_channels SET dead_in_row = 0 WHERE tenant_id = $1 AND id = $2")
            .bind(channel.tenant)
            .bind(channel.id)
            .execute(&channels.db)
            .await?;
    }
    Ok(())
}

/// A delivery through a webhook was given up: one too many in a row, and the webhook is off. Whether
/// this was it.
pub(super) async fn given_up(channels: &Channels, channel: &Channel) -> Result<bool, Error> {
    if channel.kind != ChannelKind::Webhook {
        return Ok(false);
    }
    let (tenant, id) = (channel.tenant, channel.id);
    let mut tx = channels.db.begin().await?;
    let Some(before) = store::lock(&mut tx, tenant, id).await? else {
        return Ok(false);
    };
    let mut after = before.clone();
    after.dead_in_row = before.dead_in_row.saturating_add(1);
    let ends = before.enabled && after.dead_in_row >= MOST_DEAD_IN_ROW;
    if ends {
        after.enabled = false;
        let later = before.updated_at.plus(Duration::from_micros(1));
        after.updated_at = channels.environment.now().max(later);
    }
    sql(
        "UPDATE notification_channels SET dead_in_row = $3, enabled = $4, updated_at = $5
         WHERE tenant_id = $1 AND id = $2",
    )
    .bind(tenant)
    .bind(id)
    .bind(after.dead_in_row)
    .bind(after.enabled)
    .bind(after.updated_at)
    .execute(&mut tx)
    .await?;
    if ends {
        let origin = Origin {
            tenant,
            user: None,
            request: None,
        };
        let entry = about(&after, "channel.switch_off").changes(Some(&before), Some(&after));
        channels.audit.write_event(&mut tx, &origin, entry).await?;
    }
    tx.commit().await?;
    Ok(ends)
}

/// It has not. False if somebody else is trying by now, or it has arrived after all.
pub(super) async fn failed(
    channels: &Channels,
    due: &Due,
    fate: &Fate,
    problem: &str,
) -> Result<bool, Error> {
    let now = channels.environment.now();
    let (status, due_at, refusals, ended_at) = match fate {
        Fate::Again { wait, refusals } => ("pending", now.plus(*wait), *refusals, None),
        Fate::Dead => ("dead", now, due.refusals, Some(now)),
    };
    let noted = sql(
        "UPDATE notification_deliveries SET status = $4, due_at = $5, refusals = $6, error = $7,
             ended_at = $8
         WHERE tenant_id = $1 AND id = $2 AND attempts = $3 AND status = 'pending'",
    )
    .bind(due.parcel.tenant)
    .bind(due.parcel.id)
    .bind(due.attempt)
    .bind(status)
    .bind(due_at)
    .bind(refusals)
    .bind(problem)
    .bind(ended_at)
    .execute(&channels.db)
    .await?;
    Ok(noted > 0)
}

/// No server serves a channel before then, unless somebody changes it.
pub(super) async fn rest(
    channels: &Channels,
    channel: &Channel,
    until: Timestamp,
) -> Result<(), Error> {
    sql("UPDATE notification_channels SET resting_until = $3
         WHERE tenant_id = $1 AND id = $2 AND resting_until < $3 AND updated_at = $4")
    .bind(channel.tenant)
    .bind(channel.id)
    .bind(until)
    .bind(channel.updated_at)
    .execute(&channels.db)
    .await?;
    Ok(())
}

/// Throws away what nobody looks at any more.
pub(super) async fn tidy(channels: &Channels) -> Result<(), Error> {
    let now = channels.environment.now();
    sql("DELETE FROM notification_deliveries
         WHERE (status = 'delivered' AND ended_at < $1) OR (status = 'dead' AND ended_at < $2)")
    .bind(now.minus(KEEP_DELIVERED))
    .bind(now.minus(KEEP_DEAD))
    .execute(&channels.db)
    .await?;
    sql("DELETE FROM notification_told WHERE told_at < $1")
        .bind(now.minus(KEEP_TOLD))
        .execute(&channels.db)
        .await?;
    Ok(())
}
