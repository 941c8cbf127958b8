//! `sessions` and `spent_refresh_tokens`.

use iron_primitives::{SessionId, TenantId, Timestamp, TokenDigest, UserId};
use iron_store::{Error, Row, Select, Target, Tx, Value, sql};

use crate::Session;

const COLUMNS: &str = "id, tenant_id, user_id, csrf_digest, ip, user_agent, created_at, \
                       last_seen_at, refresh_expires_at, ended_at";

/// A session with the digest of its CSRF token.
pub(crate) struct Stored {
    pub(crate) session: Session,
    pub(crate) csrf: Option<TokenDigest>,
}

fn stored(row: &Row) -> Result<Stored, Error> {
    let csrf: Option<TokenDigest> = row.get("csrf_digest")?;
    Ok(Stored {
        session: Session {
            id: row.get("id")?,
            tenant_id: row.get("tenant_id")?,
            user_id: row.get("user_id")?,
            cookie: csrf.is_some(),
            ip: row.get("ip")?,
            user_agent: row.get("user_agent")?,
            created_at: row.get("created_at")?,
            last_seen_at: row.get("last_seen_at")?,
            expires_at: row.get("refresh_expires_at")?,
            ended_at: row.get("ended_at")?,
        },
        csrf,
    })
}

/// The secrets of a session as they are stored, and when they end.
pub(crate) struct Secrets {
    pub(crate) refresh: TokenDigest,
    pub(crate) refresh_expires_at: Timestamp,
    pub(crate) csrf: Option<TokenDigest>,
}

pub(crate) async fn insert(tx: &mut Tx, session: &Session, secrets: &Secrets) -> Result<(), Error> {
    sql(
        "INSERT INTO sessions (tenant_id, id, user_id, refresh_digest, refresh_expires_at, \
         csrf_digest, ip, user_agent, created_at, last_seen_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)",
    )
    .bind(session.tenant_id)
    .bind(session.id)
    .bind(session.user_id)
    .bind(secrets.refresh)
    .bind(secrets.refresh_expires_at)
    .bind(secrets.csrf)
    .bind(&session.ip)
    .bind(&session.user_agent)
    .bind(session.created_at)
    .execute(tx)
    .await
    .map(drop)
}

pub(crate) async fn get<'a>(
    on: impl Into<Target<'a>>,
    tenant: TenantId,
    id: SessionId,
) -> Result<Option<Stored>, Error> {
    Select::new(COLUMNS, "sessions")
        .filter("tenant_id = ?", tenant)
        .filter("id = ?", id)
        .statement()
        .fetch_optional(on)
        .await?
        .map(|row| stored(&row))
        .transpose()
}

pub(crate) async fn by_refresh_token(
    tx: &mut Tx,
    refresh: TokenDigest,
) -> Result<Option<Stored>, Error> {
    Select::new(COLUMNS, "sessions")
        .filter("refresh_digest = ?", refresh)
        .statement()
        .fetch_optional(tx)
        .await?
        .map(|row| stored(&row))
        .transpose()
}

/// Removes the sessions of a user that ended, or could no longer be revived, before `then`.
pub(crate) async fn forget_of_user(
    tx: &mut Tx,
    tenant: TenantId,
    user: UserId,
    then: Timestamp,
) -> Result<(), Error> {
    sql(
        "DELETE FROM sessions WHERE tenant_id = $1 AND user_id = $2 \
         AND (ended_at <= $3 OR refresh_expires_at <= $3)",
    )
    .bind(tenant)
    .bind(user)
    .bind(then)
    .execute(tx)
    .await
    .map(drop)
}

/// The session whose refresh token this was, if it has been used before.
pub(crate) async fn by_spent_token(
    tx: &mut Tx,
    refresh: TokenDigest,
) -> Result<Option<(TenantId, SessionId)>, Error> {
    sql("SELECT tenant_id, session_id FROM spent_refresh_tokens WHERE digest = $1")
        .bind(refresh)
        .fetch_optional(tx)
        .await?
        .map(|row| Ok((row.get("tenant_id")?, row.get("session_id")?)))
        .transpose()
}

/// Replaces the secrets if `spent` is still the refresh token of a session that has not ended.
pub(crate) async fn rotate(
    tx: &mut Tx,
    session: &Session,
    spent: TokenDigest,
    secrets: &Secrets,
    now: Timestamp,
) -> Result<bool, Error> {
    let rotated = sql(
        "UPDATE sessions SET refresh_digest = $4, refresh_expires_at = $5, \
         csrf_digest = $6, last_seen_at = $7 \
         WHERE tenant_id = $1 AND id = $2 AND refresh_digest = $3 AND ended_at IS NULL",
    )
    .bind(session.tenant_id)
    .bind(session.id)
    .bind(spent)
    .bind(secrets.refresh)
    .bind(secrets.refresh_expires_at)
    .bind(secrets.csrf)
    .bind(now)
    .execute(&mut *tx)
    .await?;
    if rotated == 0 {
        return Ok(false);
    }
    sql(
        "INSERT INTO spent_refresh_tokens (digest, tenant_id, session_id, expires_at) \
         VALUES ($1, $2, $3, $4)",
    )
    .bind(spent)
    .bind(session.tenant_id)
    .bind(session.id)
    .bind(secrets.refresh_expires_at)
    .execute(&mut *tx)
    .await?;
    sql("DELETE FROM spent_refresh_tokens WHERE expires_at <= $1")
        .bind(now)
        .execute(tx)
        .await?;
    Ok(true)
}

/// Notes that the session is in use, at most once a minute.
pub(crate) async fn touch<'a>(
    on: impl Into<Target<'a>>,
    tenant: TenantId,
    id: SessionId,
    now: Timestamp,
) -> Result<(), Error> {
    sql("UPDATE sessions SET last_seen_at = $3 \
         WHERE tenant_id = $1 AND id = $2 AND last_seen_at < $3 AND ended_at IS NULL")
    .bind(tenant)
    .bind(id)
    .bind(now)
    .execute(on)
    .await
    .map(drop)
}

/// The sessions of a user that have not ended, the newest first.
pub(crate) async fn of_user<'a>(
    on: impl Into<Target<'a>>,
    tenant: TenantId,
    user: UserId,
    now: Timestamp,
) -> Result<Vec<Session>, Error> {
    let rows = Select::new(COLUMNS, "sessions")
        .filter_with(
            "tenant_id = ? AND user_id = ? AND ended_at IS NULL AND refresh_expires_at > ?",
            vec![
                Value::Text(tenant.to_string()),
                Value::Text(user.to_string()),
                Value::Integer(now.micros()),
            ],
        )
        .sort(iron_store::Sort::descending("created_at"), "id")
        .statement()
        .fetch_all(on)
        .await?;
    rows.iter()
        .map(|row| stored(row).map(|stored| stored.session))
        .collect()
}

pub(crate) async fn end(
    tx: &mut Tx,
    tenant: TenantId,
    id: SessionId,
    now: Timestamp,
) -> Result<u64, Error> {
    sql("UPDATE sessions SET ended_at = $3 WHERE tenant_id = $1 AND id = $2 AND ended_at IS NULL")
        .bind(tenant)
        .bind(id)
        .bind(now)
        .execute(tx)
        .await
}

/// Ends the sessions of a user, but for one of them if it is named.
pub(crate) async fn end_of_user(
    tx: &mut Tx,
    tenant: TenantId,
    user: UserId,
    but: Option<SessionId>,
    now: Timestamp,
) -> Result<u64, Error> {
    sql(
        "UPDATE sessions SET ended_at = $4 WHERE tenant_id = $1 AND user_id = $2 \
         AND ended_at IS NULL AND ($3 IS NULL OR id <> $3)",
    )
    .bind(tenant)
    .bind(user)
    .bind(but)
    .bind(now)
    .execute(tx)
    .await
}
