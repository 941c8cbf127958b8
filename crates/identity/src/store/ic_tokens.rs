//! `ic_tokens`.

use std::collections::HashMap;

use iron_primitives::{AgentId, IcTokenId, TenantId, Timestamp, TokenDigest, UserId};
use iron_store::{Db, Error, Page, Paged, Row, Select, Sort, Target, Tx, sql, sql_per_engine};

use crate::ic_tokens::{IcTokenFilter, StaleTokens, TokenStanding};
use crate::{IcToken, IcTokenStatus, TenantStatus, UserStatus};

const COLUMNS: &str = "id, tenant_id, agent_id, project_id, owner_id, description, token_prefix, \
    previous_valid_until, previous_last_used_at, created_at, created_by, expires_at, \
    last_used_at, rotated_at, rotated_by, revoked_at";

fn token(row: &Row, now: Timestamp) -> Result<IcToken, Error> {
    let expires_at: Option<Timestamp> = row.get("expires_at")?;
    let revoked_at: Option<Timestamp> = row.get("revoked_at")?;
    let previous_valid_until: Option<Timestamp> = row.get("previous_valid_until")?;
    let status = if revoked_at.is_some() {
        IcTokenStatus::Revoked
    } else if expires_at.is_some_and(|end| end <= now) {
        IcTokenStatus::Expired
    } else if previous_valid_until.is_some_and(|end| end > now) {
        IcTokenStatus::Rotating
    } else {
        IcTokenStatus::Active
    };
    Ok(IcToken {
        id: row.get("id")?,
        tenant_id: row.get("tenant_id")?,
        agent_id: row.get("agent_id")?,
        project_id: row.get("project_id")?,
        owner_id: row.get("owner_id")?,
        description: row.get("description")?,
        token_prefix: row.get("token_prefix")?,
        status,
        created_at: row.get("created_at")?,
        created_by: row.get("created_by")?,
        expires_at,
        last_used_at: row.get("last_used_at")?,
        rotated_at: row.get("rotated_at")?,
        rotated_by: row.get("rotated_by")?,
        previous_valid_until,
        previous_last_used_at: row.get("previous_last_used_at")?,
        revoked_at,
    })
}

pub(crate) async fn insert(tx: &mut Tx, new: &IcToken, digest: TokenDigest) -> Result<(), Error> {
    sql(
        "INSERT INTO ic_tokens (tenant_id, id, agent_id, project_id, owner_id, description, \
         digest, token_prefix, live, created_at, created_by, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, $9, $10, $11)",
    )
    .bind(new.tenant_id)
    .bind(new.id)
    .bind(new.agent_id)
    .bind(new.project_id)
    .bind(new.owner_id)
    .bind(&new.description)
    .bind(digest)
    .bind(&new.token_prefix)
    .bind(new.created_at)
    .bind(new.created_by)
    .bind(new.expires_at)
    .execute(tx)
    .await
    .map(drop)
}

/// Makes room for a new token where the old one's time is over.
pub(crate) async fn retire_expired(
    tx: &mut Tx,
    tenant: TenantId,
    agent: AgentId,
    now: Timestamp,
) -> Result<(), Error> {
    sql("UPDATE ic_tokens SET live = 0 \
         WHERE tenant_id = $1 AND agent_id = $2 AND live = 1 AND expires_at <= $3")
    .bind(tenant)
    .bind(agent)
    .bind(now)
    .execute(tx)
    .await
    .map(drop)
}

/// Lets one transaction at a time change a token.
pub(crate) async fn lock(tx: &mut Tx, tenant: TenantId, id: IcTokenId) -> Result<(), Error> {
    sql_per_engine(
        "SELECT id FROM ic_tokens WHERE tenant_id = $1 AND id = $2",
        "SELECT id FROM ic_tokens WHERE tenant_id = $1 AND id = $2 FOR UPDATE",
    )
    .bind(tenant)
    .bind(id)
    .fetch_optional(tx)
    .await
    .map(drop)
}

pub(crate) async fn get<'a>(
    on: impl Into<Target<'a>>,
    tenant: TenantId,
    id: IcTokenId,
    now: Timestamp,
) -> Result<Option<IcToken>, Error> {
    Select::new(COLUMNS, "ic_tokens")
        .filter("tenant_id = ?", tenant)
        .filter("id = ?", id)
        .statement()
        .fetch_optional(on)
        .await?
        .map(|row| token(&row, now))
        .transpose()
}

pub(crate) async fn live_of_agent<'a>(
    on: impl Into<Target<'a>>,
    tenant: TenantId,
    agent: AgentId,
    now: Timestamp,
) -> Result<Option<IcToken>, Error> {
    Select::new(COLUMNS, "ic_tokens")
        .filter("tenant_id = ?", tenant)
        .filter("agent_id = ?", agent)
        .filter_fixed("live = 1")
        .statement()
        .fetch_optional(on)
        .await?
        .map(|row| token(&row, now))
        .transpose()
}

pub(crate) async fn list(
    db: &Db,
    tenant: TenantId,
    filter: &IcTokenFilter,
    sort: Sort,
    page: Page,
    now: Timestamp,
) -> Result<Paged<IcToken>, Error> {
    let mut select = Select::new(COLUMNS, "ic_tokens")
        .filter("tenant_id = ?", tenant)
        .filter_some("owner_id = ?", filter.owner)
        .filter_some("agent_id = ?", filter.agent)
        .filter_some("project_id = ?", filter.project);
    if !filter.statuses.is_empty() {
        let has = |status| i64::from(filter.statuses.contains(&status));
        select = select.filter_with(
            "((revoked_at IS NOT NULL AND ? = 1) \
                 OR (revoked_at IS NULL AND expires_at <= ? AND ? = 1) \
                 OR (revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?) \
                     AND previous_valid_until > ? AND ? = 1) \
                 OR (revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?) \
                     AND (previous_valid_until IS NULL OR previous_valid_until <= ?) AND ? = 1))",
            [
                has(IcTokenStatus::Revoked),
                now.micros(),
                has(IcTokenStatus::Expired),
                now.micros(),
                now.micros(),
                has(IcTokenStatus::Rotating),
                now.micros(),
                now.micros(),
                has(IcTokenStatus::Active),
            ]
            .map(iron_store::Value::Integer)
            .to_vec(),
        );
    }
    select
        .sort(sort, "id")
        .fetch_page(db, page)
        .await?
        .try_map(|row| token(&row, now))
}

/// The token with this value or with this old value, and whether it is the old one.
pub(crate) async fn find(
    db: &Db,
    digest: TokenDigest,
    now: Timestamp,
) -> Result<Option<(IcToken, bool)>, Error> {
    let found = sql(
        "SELECT id, tenant_id, agent_id, project_id, owner_id, description, \
         token_prefix, previous_valid_until, previous_last_used_at, created_at, created_by, \
         expires_at, last_used_at, rotated_at, rotated_by, revoked_at, \
         CASE WHEN digest = $1 THEN 0 ELSE 1 END AS is_previous \
         FROM ic_tokens WHERE digest = $1 OR previous_digest = $1",
    )
    .bind(digest)
    .fetch_optional(db)
    .await?;
    found
        .map(|row| Ok((token(&row, now)?, row.get::<i64>("is_previous")? == 1)))
        .transpose()
}

/// Whether tokens of any tenant are revoked, and their owners and tenants suspended.
pub(crate) async fn standing(
    db: &Db,
    ids: &[IcTokenId],
) -> Result<HashMap<IcTokenId, TokenStanding>, Error> {
    let rows = Select::new(
        "t.id AS id, t.revoked_at AS revoked_at, o.status AS owner, n.status AS tenant",
        "ic_tokens t JOIN tenants n ON n.id = t.tenant_id \
         LEFT JOIN users o ON o.tenant_id = t.tenant_id AND o.id = t.owner_id",
    )
    .filter_in("t.id", ids)
    .statement()
    .fetch_all(db)
    .await?;
    rows.iter()
        .map(|row| {
            let owner: Option<String> = row.get("owner")?;
            let tenant: String = row.get("tenant")?;
            let standing = TokenStanding {
                revoked: row.get::<Option<Timestamp>>("revoked_at")?.is_some(),
                owner_suspended: owner.is_some_and(|it| it == UserStatus::Suspended.as_str()),
                tenant_suspended: tenant == TenantStatus::Suspended.as_str(),
            };
            Ok((row.get("id")?, standing))
        })
        .collect()
}

/// The values of a token that may be known to runtimes.
pub(crate) async fn values(
    tx: &mut Tx,
    tenant: TenantId,
    id: IcTokenId,
) -> Result<StaleTokens, Error> {
    let row = sql("SELECT digest, previous_digest FROM ic_tokens WHERE tenant_id = $1 AND id = $2")
        .bind(tenant)
        .bind(id)
        .fetch_one(tx)
        .await?;
    let mut stale = vec![row.get("digest")?];
    stale.extend(row.get::<Option<TokenDigest>>("previous_digest")?);
    Ok(stale)
}

/// What a rotation writes.
pub(crate) struct Rotation<'a> {
    pub(crate) digest: TokenDigest,
    pub(crate) prefix: &'a str,
    pub(crate) previous_valid_until: Option<Timestamp>,
    /// When the new value ends, if not when the old one would have.
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) by: UserId,
    pub(crate) now: Timestamp,
}

/// Replaces the value of a token that has not been revoked.
pub(crate) async fn rotate(
    tx: &mut Tx,
    tenant: TenantId,
    id: IcTokenId,
    rotation: &Rotation<'_>,
) -> Result<bool, Error> {
    sql("UPDATE ic_tokens SET \
           previous_digest = CASE WHEN $5 IS NULL THEN NULL ELSE digest END, \
           previous_valid_until = $5, previous_last_used_at = NULL, \
           digest = $3, token_prefix = $4, rotated_at = $6, rotated_by = $7, \
           expires_at = COALESCE($8, expires_at), live = 1 \
         WHERE tenant_id = $1 AND id = $2 AND revoked_at IS NULL")
    .bind(tenant)
    .bind(id)
    .bind(rotation.digest)
    .bind(rotation.prefix)
    .bind(rotation.previous_valid_until)
    .bind(rotation.now)
    .bind(rotation.by)
    .bind(rotation.expires_at)
    .execute(tx)
    .await
    .map(|rows| rows == 1)
}

pub(crate) async fn revoke(
    tx: &mut Tx,
    tenant: TenantId,
    id: IcTokenId,
    now: Timestamp,
) -> Result<bool, Error> {
    sql("UPDATE ic_tokens SET revoked_at = $3, live = 0 \
         WHERE tenant_id = $1 AND id = $2 AND revoked_at IS NULL")
    .bind(tenant)
    .bind(id)
    .bind(now)
    .execute(tx)
    .await
    .map(|rows| rows == 1)
}

/// The tokens of an agent that have not been revoked.
pub(crate) async fn unrevoked_of_agent(
    tx: &mut Tx,
    tenant: TenantId,
    agent: AgentId,
) -> Result<Vec<IcTokenId>, Error> {
    let rows = sql("SELECT id FROM ic_tokens \
         WHERE tenant_id = $1 AND agent_id = $2 AND revoked_at IS NULL ORDER BY id")
    .bind(tenant)
    .bind(agent)
    .fetch_all(tx)
    .await?;
    rows.iter().map(|row| row.get("id")).collect()
}

pub(crate) async fn change_owner(
    tx: &mut Tx,
    tenant: TenantId,
    from: UserId,
    to: UserId,
) -> Result<u64, Error> {
    sql("UPDATE ic_tokens SET owner_id = $3 WHERE tenant_id = $1 AND owner_id = $2")
        .bind(tenant)
        .bind(from)
        .bind(to)
        .execute(tx)
        .await
}

/// Notes a use; an older one never replaces a newer one.
pub(crate) async fn used<'a>(
    on: impl Into<Target<'a>>,
    tenant: TenantId,
    id: IcTokenId,
    at: Timestamp,
) -> Result<(), Error> {
    sql("UPDATE ic_tokens SET last_used_at = $3 \
         WHERE tenant_id = $1 AND id = $2 AND (last_used_at IS NULL OR last_used_at < $3)")
    .bind(tenant)
    .bind(id)
    .bind(at)
    .execute(on)
    .await
    .map(drop)
}

pub(crate) async fn previous_used(db: &Db, id: IcTokenId, at: Timestamp) -> Result<(), Error> {
    sql("UPDATE ic_tokens SET previous_last_used_at = $2 WHERE id = $1")
        .bind(id)
        .bind(at)
        .execute(db)
        .await
        .map(drop)
}
