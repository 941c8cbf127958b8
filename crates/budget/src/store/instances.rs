//! The SQL of who speaks with the ledger, and of the generation that a restored one begins.

use iron_primitives::{InstanceId, Timestamp};
use iron_store::{Tx, sql, sql_per_engine};

use crate::Error;

/// The row of an instance.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InstanceRow {
    pub(crate) incarnation: i64,
    pub(crate) generation: i64,
    pub(crate) sequence: i64,
}

/// Takes the lock of an instance and counts the answer that it is about to be given.
pub(crate) async fn next_answer(
    tx: &mut Tx,
    instance: InstanceId,
    now: Timestamp,
) -> Result<InstanceRow, Error> {
    sql("UPDATE instances SET sequence = sequence + 1, seen_at = $2 WHERE id = $1")
        .bind(instance)
        .bind(now)
        .execute(&mut *tx)
        .await?;
    instance_row(tx, instance).await?.ok_or(Error::NotEnrolled)
}

/// Takes the lock of an instance, if it has a row, and reads it.
pub(crate) async fn instance_row(
    tx: &mut Tx,
    instance: InstanceId,
) -> Result<Option<InstanceRow>, Error> {
    let row = sql_per_engine(
        "SELECT incarnation, generation, sequence FROM instances WHERE id = $1",
        "SELECT incarnation, generation, sequence FROM instances WHERE id = $1 FOR UPDATE",
    )
    .bind(instance)
    .fetch_optional(tx)
    .await?;
    row.map(|row| {
        Ok(InstanceRow {
            incarnation: row.get("incarnation")?,
            generation: row.get("generation")?,
            sequence: row.get("sequence")?,
        })
    })
    .transpose()
}

pub(crate) async fn put_instance(
    tx: &mut Tx,
    instance: InstanceId,
    row: InstanceRow,
    boot_id: &str,
    now: Timestamp,
) -> Result<(), Error> {
    sql("INSERT INTO instances (id, incarnation, boot_id, generation, sequence, enrolled_at, seen_at)
         VALUES ($1, $2, $3, $4, $5, $6, $6)
         ON CONFLICT (id) DO UPDATE SET incarnation = $2, boot_id = $3, generation = $4,
          sequence = $5, enrolled_at = $6, seen_at = $6")
    .bind(instance)
    .bind(row.incarnation)
    .bind(boot_id)
    .bind(row.generation)
    .bind(row.sequence)
    .bind(now)
    .execute(tx)
    .await?;
    Ok(())
}

pub(crate) async fn set_declared(
    tx: &mut Tx,
    instance: InstanceId,
    generation: i64,
    sequence: i64,
) -> Result<(), Error> {
    sql("UPDATE instances SET generation = $2, sequence = $3 WHERE id = $1")
        .bind(instance)
        .bind(generation)
        .bind(sequence)
        .execute(tx)
        .await?;
    Ok(())
}

/// How many instances live, and how many of them have declared their leases in this generation.
pub(crate) async fn live_instances(
    tx: &mut Tx,
    since: Timestamp,
    generation: i64,
) -> Result<(i64, i64), Error> {
    let row = sql("SELECT CAST(COUNT(*) AS BIGINT) AS live,
         CAST(COALESCE(SUM(CASE WHEN generation = $2 THEN 1 ELSE 0 END), 0) AS BIGINT) AS declared
         FROM instances WHERE seen_at >= $1")
    .bind(since)
    .bind(generation)
    .fetch_one(tx)
    .await?;
    Ok((row.get("live")?, row.get("declared")?))
}

/// Whether every live instance has declared its leases in the present generation.
pub(crate) async fn all_have_declared(tx: &mut Tx, since: Timestamp) -> Result<bool, Error> {
    let row = sql("SELECT CAST(COUNT(*) AS BIGINT) AS silent FROM instances
         WHERE seen_at >= $1
           AND generation <> (SELECT generation FROM ledger_generation WHERE id = 1)")
    .bind(since)
    .fetch_one(tx)
    .await?;
    Ok(row.get::<i64>("silent")? == 0)
}

pub(crate) async fn generation(tx: &mut Tx) -> Result<i64, Error> {
    let row = sql("SELECT generation FROM ledger_generation WHERE id = 1")
        .fetch_one(tx)
        .await?;
    Ok(row.get("generation")?)
}

pub(crate) async fn begin_generation(tx: &mut Tx, now: Timestamp) -> Result<i64, Error> {
    sql("UPDATE ledger_generation SET generation = generation + 1, began_at = $1 WHERE id = 1")
        .bind(now)
        .execute(&mut *tx)
        .await?;
    generation(tx).await
}

/// When the present generation began; what was opened before may have ended since.
pub(crate) async fn generation_began_at(tx: &mut Tx) -> Result<Timestamp, Error> {
    let row = sql("SELECT began_at FROM ledger_generation WHERE id = 1")
        .fetch_one(tx)
        .await?;
    Ok(row.get("began_at")?)
}
