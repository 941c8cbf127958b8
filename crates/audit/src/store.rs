//! All SQL of the audit log.

use iron_primitives::{AgentId, AuditId, InstanceId, RequestId, TenantId, Timestamp, UserId};
use iron_store::{Tx, sql};
use serde_json::Value;

use crate::Error;
use crate::entry::Changes;

/// An entry that has not reached the journal yet.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct OutboxRow {
    pub(crate) id: AuditId,
    pub(crate) tenant: TenantId,
    #[serde(with = "micros")]
    pub(crate) at: Timestamp,
    pub(crate) user: Option<UserId>,
    pub(crate) role: Option<String>,
    pub(crate) credential: Option<String>,
    pub(crate) agent: Option<AgentId>,
    pub(crate) action: String,
    pub(crate) resource_type: String,
    pub(crate) resource_id: Option<String>,
    /// Whom parameters and changes are about.
    pub(crate) subject: Option<UserId>,
    pub(crate) parameters: Value,
    pub(crate) changes: Option<Changes>,
    pub(crate) status_code: u16,
    pub(crate) request: Option<RequestId>,
    pub(crate) method: Option<String>,
    pub(crate) endpoint: Option<String>,
    pub(crate) ip: Option<String>,
    pub(crate) user_agent: Option<String>,
    pub(crate) trace: Option<String>,
}

mod micros {
    use iron_primitives::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        at: &Timestamp,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(at.micros())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Timestamp, D::Error> {
        i64::deserialize(deserializer).map(Timestamp::from_micros)
    }
}

pub(crate) async fn put_outbox(
    tx: &mut Tx,
    instance: InstanceId,
    row: &OutboxRow,
) -> Result<(), Error> {
    sql("INSERT INTO audit_outbox (instance_id, id, entry) VALUES ($1, $2, $3)")
        .bind(instance)
        .bind(row.id)
        .bind(serde_json::to_string(row)?)
        .execute(tx)
        .await?;
    Ok(())
}
