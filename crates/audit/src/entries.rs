//! Records about changes become rows of `audit_entries`; what has come out of the outbox leaves it.

use async_trait::async_trait;
use iron_primitives::{InstanceId, Timestamp};
use iron_store::{Tx, sql};

use crate::body::{Body, EntryBody, Item};
use crate::projector::{Projection, ProjectionError};
use crate::store;

/// Projects entries, and takes them out of the outbox.
pub(crate) struct EntryProjection {
    instance: InstanceId,
}

impl EntryProjection {
    pub(crate) const fn new(instance: InstanceId) -> Self {
        EntryProjection { instance }
    }
}

#[async_trait]
impl Projection for EntryProjection {
    fn name(&self) -> &'static str {
        "entries"
    }

    async fn project(&self, tx: &mut Tx, items: &[Item]) -> Result<(), ProjectionError> {
        for item in items {
            let waited = match &item.body {
                Body::Entry(body) => {
                    insert(tx, item, body).await?;
                    Some(body.id)
                }
                Body::Call(call) => call.reported.map(|reported| reported.entry),
                Body::Tool(_) | Body::ToolResult(_) | Body::Other | Body::Malformed(_) => None,
            };
            if let Some(id) = waited {
                store::remove_from_outbox(tx, self.instance, id).await?;
            }
        }
        Ok(())
    }
}

async fn insert(tx: &mut Tx, item: &Item, body: &EntryBody) -> Result<(), iron_store::Error> {
    let record = &item.record;
    sql(
        "INSERT INTO audit_entries (tenant_id, id, created_at, user_id, user_role, agent_id, \
         credential_id, action, method, endpoint, resource_type, resource_id, status_code, \
         request_id, trace_id, origin_key, origin_sealed, details_key, details_sealed, \
         instance_id, incarnation, sequence, previous_hash, mac) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, \
         $18, $19, $20, $21, $22, $23, $24) ON CONFLICT (tenant_id, id) DO NOTHING",
    )
    .bind(record.stream.tenant)
    .bind(body.id)
    .bind(Timestamp::from_micros(body.at_us))
    .bind(body.user)
    .bind(&body.role)
    .bind(body.agent)
    .bind(&body.credential)
    .bind(&body.action)
    .bind(&body.method)
    .bind(&body.endpoint)
    .bind(&body.resource_type)
    .bind(&body.resource_id)
    .bind(body.status_code)
    .bind(body.request)
    .bind(&body.trace)
    .bind(body.origin.as_ref().map(|sealed| &sealed.key))
    .bind(body.origin.as_ref().map(|sealed| &sealed.value))
    .bind(body.details.as_ref().map(|sealed| &sealed.key))
    .bind(body.details.as_ref().map(|sealed| &sealed.value))
    .bind(record.stream.instance)
    .bind(i64::try_from(record.stream.incarnation).unwrap_or(i64::MAX))
    .bind(i64::try_from(record.sequence).unwrap_or(i64::MAX))
    .bind(record.previous.to_string())
    .bind(record.mac.to_string())
    .execute(tx)
    .await
    .map(drop)
}
