//! All SQL of the audit log.

use iron_journal::{Cursor, Hash, Position, Stream};
use iron_primitives::{AgentId, AuditId, InstanceId, RequestId, TenantId, Timestamp, UserId};
use iron_store::{Db, Tx, sql};
use serde_json::Value;

use crate::body::Item;
use crate::entry::Changes;
use crate::projector::ProjectionError;
use crate::{Audit, Error};

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

/// The record of a call that has not reached the journal yet.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct OutboxCall {
    pub(crate) call: Value,
    pub(crate) tenant: TenantId,
}

/// Whatever waits in the outbox.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
#[serde(untagged)]
pub(crate) enum Outgoing {
    Call(OutboxCall),
    Entry(Box<OutboxRow>),
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
    sql("INSERT INTO audit_outbox (instance_id, id, created_at, entry) VALUES ($1, $2, $3, $4)")
        .bind(instance)
        .bind(row.id)
        .bind(row.at)
        .bind(serde_json::to_string(row)?)
        .execute(tx)
        .await?;
    Ok(())
}

pub(crate) async fn put_call(
    tx: &mut Tx,
    instance: InstanceId,
    (id, at): (AuditId, Timestamp),
    call: &OutboxCall,
) -> Result<(), Error> {
    sql("INSERT INTO audit_outbox (instance_id, id, created_at, entry) VALUES ($1, $2, $3, $4)")
        .bind(instance)
        .bind(id)
        .bind(at)
        .bind(serde_json::to_string(call)?)
        .execute(tx)
        .await?;
    Ok(())
}

/// A row of the outbox.
pub(crate) struct Waiting {
    pub(crate) id: AuditId,
    pub(crate) entry: String,
}

/// The oldest entries of this instance that have not been projected yet.
pub(crate) async fn outbox(
    db: &Db,
    instance: InstanceId,
    limit: u32,
) -> Result<Vec<Waiting>, iron_store::Error> {
    sql("SELECT id, entry FROM audit_outbox WHERE instance_id = $1 ORDER BY created_at, id LIMIT $2")
        .bind(instance)
        .bind(limit)
        .fetch_all(db)
        .await?
        .into_iter()
        .map(|row| {
            Ok(Waiting {
                id: row.get("id")?,
                entry: row.get("entry")?,
            })
        })
        .collect()
}

/// An entry has come out of the journal: it waits no more.
pub(crate) async fn remove_from_outbox(
    tx: &mut Tx,
    instance: InstanceId,
    id: AuditId,
) -> Result<(), iron_store::Error> {
    sql("DELETE FROM audit_outbox WHERE instance_id = $1 AND id = $2")
        .bind(instance)
        .bind(id)
        .execute(tx)
        .await
        .map(drop)
}

/// Takes over the projection of this instance's journal and says how far it has come.
pub(crate) async fn claim_offset(audit: &Audit, incarnation: u64) -> Result<Cursor, Error> {
    let ours = i64::try_from(incarnation).unwrap_or(i64::MAX);
    let mut tx = audit.db.begin().await?;
    sql(
        "INSERT INTO journal_offsets (instance_id, incarnation, position, updated_at) \
         VALUES ($1, $2, 0, $3) ON CONFLICT (instance_id) \
         DO UPDATE SET incarnation = excluded.incarnation, updated_at = excluded.updated_at \
         WHERE journal_offsets.incarnation <= excluded.incarnation",
    )
    .bind(audit.instance)
    .bind(ours)
    .bind(audit.environment.now())
    .execute(&mut tx)
    .await?;
    let row = sql("SELECT incarnation, position FROM journal_offsets WHERE instance_id = $1")
        .bind(audit.instance)
        .fetch_one(&mut tx)
        .await?;
    tx.commit().await?;
    if row.get::<i64>("incarnation")? != ours {
        return Err(Error::Superseded);
    }
    let position: i64 = row.get("position")?;
    Ok(Position::from_u64(u64::try_from(position).unwrap_or(0)))
}

/// Moves the place of the projection on; `false` if another process has taken over.
pub(crate) async fn move_offset(
    tx: &mut Tx,
    audit: &Audit,
    incarnation: u64,
    (from, to): (Cursor, Cursor),
) -> Result<bool, Error> {
    let moved = sql("UPDATE journal_offsets SET position = $4, updated_at = $5 \
         WHERE instance_id = $1 AND incarnation = $2 AND position = $3")
    .bind(audit.instance)
    .bind(i64::try_from(incarnation).unwrap_or(i64::MAX))
    .bind(column(from))
    .bind(column(to))
    .bind(audit.environment.now())
    .execute(tx)
    .await?;
    Ok(moved == 1)
}

fn column(position: Position) -> i64 {
    i64::try_from(position.to_u64()).unwrap_or(i64::MAX)
}

/// A record that a projection could not take.
#[derive(Debug)]
pub(crate) struct Poison {
    projection: &'static str,
    reason: String,
    tenant: TenantId,
    /// Which record it is, if it could be read.
    name: Option<(Stream, u64)>,
    position: Position,
    record: String,
}

impl Poison {
    pub(crate) fn of(
        item: &Item,
        position: Position,
        projection: &'static str,
        error: &ProjectionError,
    ) -> Self {
        Poison {
            projection,
            reason: error.to_string(),
            tenant: item.record.stream.tenant,
            name: Some((item.record.stream, item.record.sequence)),
            position,
            record: String::from_utf8_lossy(item.record.envelope()).into_owned(),
        }
    }

    /// What a runtime elsewhere has sent and is not to be believed.
    pub(crate) const fn sent(
        tenant: TenantId,
        position: Position,
        reason: String,
        record: String,
    ) -> Self {
        Poison {
            projection: "sent records",
            reason,
            tenant,
            name: None,
            position,
            record,
        }
    }

    /// Raises the alarm.
    pub(crate) fn tell(&self) {
        let Poison {
            projection,
            reason,
            tenant,
            name,
            position,
            ..
        } = self;
        match name {
            Some((stream, sequence)) => tracing::error!(
                projection, reason, %stream, sequence,
                "alarm: a record could not be projected and was set aside"
            ),
            None => tracing::error!(
                %tenant, reason, %position,
                "alarm: a record that a runtime has sent was set aside"
            ),
        }
    }
}

pub(crate) async fn set_aside(
    tx: &mut Tx,
    audit: &Audit,
    poison: &Poison,
) -> Result<(), iron_store::Error> {
    sql("INSERT INTO journal_poison \
         (instance_id, position, projection, reason, tenant_id, record, set_aside_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) \
         ON CONFLICT (instance_id, position, projection) DO NOTHING")
    .bind(audit.instance)
    .bind(column(poison.position))
    .bind(poison.projection)
    .bind(&poison.reason)
    .bind(poison.tenant)
    // A NUL is valid JSON when escaped, but the text itself must not hold one.
    .bind(poison.record.replace('\0', "\u{fffd}"))
    .bind(audit.environment.now())
    .execute(tx)
    .await
    .map(drop)
}

/// The last record of a chain that was sent from elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SentHead {
    pub(crate) incarnation: u64,
    pub(crate) sequence: u64,
    pub(crate) hash: Hash,
}

pub(crate) async fn sent_head(
    audit: &Audit,
    tenant: TenantId,
) -> Result<Option<SentHead>, iron_store::Error> {
    let row = sql("SELECT incarnation, sequence, hash FROM journal_heads \
         WHERE instance_id = $1 AND tenant_id = $2")
    .bind(audit.instance)
    .bind(tenant)
    .fetch_optional(&audit.db)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let hash: String = row.get("hash")?;
    Ok(Some(SentHead {
        incarnation: row.get::<i64>("incarnation")?.unsigned_abs(),
        sequence: row.get::<i64>("sequence")?.unsigned_abs(),
        // A text that does not read links to nothing: the next record raises the alarm.
        hash: hash.parse().unwrap_or(Hash::ZERO),
    }))
}

pub(crate) async fn put_sent_head(
    tx: &mut Tx,
    stream: &Stream,
    sequence: u64,
    hash: &Hash,
) -> Result<(), iron_store::Error> {
    sql(
        "INSERT INTO journal_heads (instance_id, tenant_id, incarnation, sequence, hash) \
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (instance_id, tenant_id) \
         DO UPDATE SET incarnation = excluded.incarnation, sequence = excluded.sequence, \
         hash = excluded.hash",
    )
    .bind(stream.instance)
    .bind(stream.tenant)
    .bind(i64::try_from(stream.incarnation).unwrap_or(i64::MAX))
    .bind(i64::try_from(sequence).unwrap_or(i64::MAX))
    .bind(hash.to_string())
    .execute(tx)
    .await
    .map(drop)
}

/// Deletes everything of a tenant.
pub(crate) const OF_A_TENANT: &[&str] = &[
    "DELETE FROM audit_entries WHERE tenant_id = $1",
    "DELETE FROM call_records WHERE tenant_id = $1",
    "DELETE FROM usage_totals WHERE tenant_id = $1",
    "DELETE FROM usage_buckets WHERE tenant_id = $1",
    "DELETE FROM token_totals WHERE tenant_id = $1",
    "DELETE FROM rollups WHERE tenant_id = $1",
    "DELETE FROM rollup_dimensions WHERE tenant_id = $1",
    "DELETE FROM violations WHERE tenant_id = $1",
    "DELETE FROM tool_calls WHERE tenant_id = $1",
    "DELETE FROM tool_results WHERE tenant_id = $1",
    "DELETE FROM violation_alarms WHERE tenant_id = $1",
    "DELETE FROM journal_poison WHERE tenant_id = $1",
    "DELETE FROM journal_heads WHERE tenant_id = $1",
];
