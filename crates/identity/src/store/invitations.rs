//! `invitations`.

use iron_primitives::{TenantId, Timestamp, TokenDigest, UserId};
use iron_store::{Error, Target, Tx, sql};

/// Writes an invitation; the one before is good for nothing from now on.
pub(crate) async fn put(
    tx: &mut Tx,
    (tenant, user): (TenantId, UserId),
    digest: TokenDigest,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<(), Error> {
    forget(tx, tenant, user).await?;
    sql(
        "INSERT INTO invitations (tenant_id, user_id, digest, created_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(tenant)
    .bind(user)
    .bind(digest)
    .bind(now)
    .bind(expires_at)
    .execute(tx)
    .await
    .map(drop)
}

/// Whom an invitation that is good now is for.
pub(crate) async fn find<'a>(
    on: impl Into<Target<'a>>,
    digest: TokenDigest,
    now: Timestamp,
) -> Result<Option<(TenantId, UserId)>, Error> {
    sql("SELECT tenant_id, user_id FROM invitations WHERE digest = $1 AND expires_at > $2")
        .bind(digest)
        .bind(now)
        .fetch_optional(on)
        .await?
        .map(|row| Ok((row.get("tenant_id")?, row.get("user_id")?)))
        .transpose()
}

/// Takes the invitation of a user away; says whether there was one.
pub(crate) async fn forget(tx: &mut Tx, tenant: TenantId, user: UserId) -> Result<bool, Error> {
    sql("DELETE FROM invitations WHERE tenant_id = $1 AND user_id = $2")
        .bind(tenant)
        .bind(user)
        .execute(tx)
        .await
        .map(|rows| rows > 0)
}
