//! `login_locks` and `login_failures`.

use iron_primitives::{EventId, Timestamp, TokenDigest};
use iron_store::{Error, Tx, sql};

use crate::Config;

/// Where a login stands before its password is looked at.
pub(crate) enum Attempt {
    /// It counts as failed until it has succeeded.
    Counted,
    /// The address is locked.
    Locked(Timestamp),
}

/// Counts an attempt on an e-mail address before its password is checked, so that attempts
/// made at the same time cannot outrun the lock.
pub(crate) async fn count_attempt(
    tx: &mut Tx,
    subject: TokenDigest,
    config: &Config,
    now: Timestamp,
) -> Result<Attempt, Error> {
    let limit = i64::from(config.lock_after_failures);
    let until = now.plus(config.lock_for);
    let counted = sql(
        "INSERT INTO login_locks (subject, failures, locked_until, last_failure_at) \
         VALUES ($1, 1, CASE WHEN $2 <= 1 THEN $3 ELSE NULL END, $4) \
         ON CONFLICT (subject) DO UPDATE SET \
           failures = CASE WHEN login_locks.locked_until IS NULL \
             THEN login_locks.failures + 1 ELSE 1 END, \
           locked_until = CASE WHEN (CASE WHEN login_locks.locked_until IS NULL \
             THEN login_locks.failures + 1 ELSE 1 END) >= $2 THEN $3 ELSE NULL END, \
           last_failure_at = $4 \
         WHERE login_locks.locked_until IS NULL OR login_locks.locked_until <= $4",
    )
    .bind(subject)
    .bind(limit)
    .bind(until)
    .bind(now)
    .execute(&mut *tx)
    .await?;
    if counted == 1 {
        return Ok(Attempt::Counted);
    }
    let row = sql("SELECT locked_until FROM login_locks WHERE subject = $1")
        .bind(subject)
        .fetch_one(tx)
        .await?;
    Ok(Attempt::Locked(
        row.get::<Option<Timestamp>>("locked_until")?.unwrap_or(now),
    ))
}

pub(crate) async fn forgive(tx: &mut Tx, subject: TokenDigest) -> Result<(), Error> {
    sql("DELETE FROM login_locks WHERE subject = $1")
        .bind(subject)
        .execute(tx)
        .await
        .map(drop)
}

/// When the oldest of the failures that count happened, if they are too many.
pub(crate) async fn address_full(
    tx: &mut Tx,
    address: &str,
    config: &Config,
    now: Timestamp,
) -> Result<Option<Timestamp>, Error> {
    let rows = sql(
        "SELECT failed_at FROM login_failures WHERE address = $1 AND failed_at > $2 \
                    ORDER BY failed_at DESC LIMIT $3",
    )
    .bind(address)
    .bind(now.minus(config.address_window))
    .bind(config.address_failures)
    .fetch_all(tx)
    .await?;
    let full = rows.len() >= usize::try_from(config.address_failures).unwrap_or(usize::MAX);
    match rows.last() {
        Some(oldest) if full => Ok(Some(oldest.get("failed_at")?)),
        _ => Ok(None),
    }
}

pub(crate) async fn count_address(
    tx: &mut Tx,
    id: EventId,
    address: &str,
    now: Timestamp,
) -> Result<(), Error> {
    sql("INSERT INTO login_failures (id, address, failed_at) VALUES ($1, $2, $3)")
        .bind(id)
        .bind(address)
        .bind(now)
        .execute(tx)
        .await
        .map(drop)
}

pub(crate) async fn forgive_address(tx: &mut Tx, id: EventId) -> Result<(), Error> {
    sql("DELETE FROM login_failures WHERE id = $1")
        .bind(id)
        .execute(tx)
        .await
        .map(drop)
}

/// Forgets what no longer counts, so that strangers cannot fill the tables.
pub(crate) async fn forget(tx: &mut Tx, config: &Config, now: Timestamp) -> Result<(), Error> {
    sql("DELETE FROM login_failures WHERE failed_at <= $1")
        .bind(now.minus(config.address_window))
        .execute(&mut *tx)
        .await?;
    sql("DELETE FROM login_locks WHERE last_failure_at <= $1 \
         AND (locked_until IS NULL OR locked_until <= $2)")
    .bind(now.minus(std::time::Duration::from_secs(24 * 60 * 60)))
    .bind(now)
    .execute(tx)
    .await
    .map(drop)
}
