//! The outbox as admins see it.

use std::collections::HashMap;

use iron_audit::{Authorised, Entry};
use iron_primitives::{ChannelId, DeliveryId, TenantId};
use iron_store::{Json, Page, Paged, Row, Select, Sort, Target, Tx, sql, sql_per_engine};

use super::Channels;
use super::model::{Delivery, DeliveryFilter, DeliveryStatus};
use crate::Error;
use crate::notice::Said;

const COLUMNS: &str = "id, channel_id, event_id, topic, notice, recipient, status, attempts, \
     due_at, error, created_at, ended_at";

fn delivery(row: &Row) -> Result<Delivery, Error> {
    let Json(said): Json<Said> = row.get("notice")?;
    Ok(Delivery {
        id: row.get("id")?,
        channel: row.get("channel_id")?,
        event: row.get("event_id")?,
        topic: row.get("topic")?,
        title: said.title,
        recipient: row.get("recipient")?,
        status: row.get("status")?,
        attempts: row.get("attempts")?,
        due_at: row.get("due_at")?,
        error: row.get("error")?,
        created_at: row.get("created_at")?,
        ended_at: row.get("ended_at")?,
    })
}

impl Channels {
    /// What was told through a channel, the newest first.
    ///
    /// # Errors
    /// [`Error::NoChannel`].
    pub async fn deliveries(
        &self,
        authorised: &Authorised,
        id: ChannelId,
        filter: &DeliveryFilter,
        page: Page,
    ) -> Result<Paged<Delivery>, Error> {
        self.get(authorised, id).await?;
        let mut select = Select::new(COLUMNS, "notification_deliveries")
            .filter("tenant_id = ?", authorised.tenant)
            .filter("channel_id = ?", id);
        if !filter.statuses.is_empty() {
            select = select.filter_in("status", &filter.statuses);
        }
        select
            .sort(Sort::descending("created_at"), "id")
            .fetch_page(&self.db, page)
            .await?
            .try_map(|row| delivery(&row))
    }

    /// How many deliveries of each channel are on their way, and how many are dead.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn backlogs(
        &self,
        authorised: &Authorised,
    ) -> Result<HashMap<ChannelId, (u64, u64)>, Error> {
        let rows = sql("SELECT channel_id, status, COUNT(*) AS number
             FROM notification_deliveries
             WHERE tenant_id = $1 AND status <> 'delivered' GROUP BY channel_id, status")
        .bind(authorised.tenant)
        .fetch_all(&self.db)
        .await?;
        let mut backlogs: HashMap<ChannelId, (u64, u64)> = HashMap::new();
        for row in rows {
            let number = u64::try_from(row.get::<i64>("number")?).unwrap_or(0);
            let (pending, dead) = backlogs.entry(row.get("channel_id")?).or_default();
            match row.get::<DeliveryStatus>("status")? {
                DeliveryStatus::Pending => *pending = number,
                DeliveryStatus::Dead => *dead = number,
                DeliveryStatus::Delivered => {}
            }
        }
        Ok(backlogs)
    }

    /// Sends a dead delivery again, with as much patience as the first time. Call
    /// [`Channels::wake`] after the commit.
    ///
    /// # Errors
    /// [`Error::NoDelivery`], [`Error::NotDead`].
    pub async fn retry(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: DeliveryId,
    ) -> Result<Delivery, Error> {
        let tenant = authorised.tenant;
        sql_per_engine(
            "SELECT id FROM notification_deliveries WHERE tenant_id = $1 AND id = $2",
            "SELECT id FROM notification_deliveries WHERE tenant_id = $1 AND id = $2 FOR UPDATE",
        )
        .bind(tenant)
        .bind(id)
        .fetch_optional(&mut *tx)
        .await?;
        let before = find(&mut *tx, tenant, id).await?;
        let status = before.ok_or(Error::NoDelivery { id })?.status;
        if status != DeliveryStatus::Dead {
            return Err(Error::NotDead { status });
        }
        sql("UPDATE notification_deliveries
             SET status = 'pending', refusals = 0, due_at = $3, ended_at = NULL
             WHERE tenant_id = $1 AND id = $2")
        .bind(tenant)
        .bind(id)
        .bind(self.environment.now())
        .execute(&mut *tx)
        .await?;
        let entry = Entry::new("notification.retry", "notification").resource(id);
        self.audit.write(tx, authorised, entry).await?;
        find(tx, tenant, id).await?.ok_or(Error::NoDelivery { id })
    }
}

async fn find<'a>(
    on: impl Into<Target<'a>>,
    tenant: TenantId,
    id: DeliveryId,
) -> Result<Option<Delivery>, Error> {
    let row = Select::new(COLUMNS, "notification_deliveries")
        .filter("tenant_id = ?", tenant)
        .filter("id = ?", id)
        .statement()
        .fetch_optional(on)
        .await?;
    row.map(|row| delivery(&row)).transpose()
}
