//! `api_tokens`.

use iron_primitives::{ApiTokenId, TenantId, Timestamp, TokenDigest, UserId};
use iron_store::{Db, Error, Page, Paged, Row, Select, Sort, Target, Tx, sql, sql_per_engine};

use crate::api_tokens::ApiTokenFilter;
use crate::{ApiToken, ApiTokenStatus};

const COLUMNS: &str = "id, tenant_id, user_id, name, description, token_prefix, created_at, \
                       expires_at, last_used_at, revoked_at, total_requests, requests_today";
const DAY_MICROS: i64 = 24 * 60 * 60 * 1_000_000;

const fn day(at: Timestamp) -> i64 {
    at.micros().div_euclid(DAY_MICROS)
}

fn token(row: &Row, now: Timestamp) -> Result<ApiToken, Error> {
    let expires_at: Option<Timestamp> = row.get("expires_at")?;
    let revoked_at: Option<Timestamp> = row.get("revoked_at")?;
    let last_used_at: Option<Timestamp> = row.get("last_used_at")?;
    let status = if revoked_at.is_some() {
        ApiTokenStatus::Revoked
    } else if expires_at.is_some_and(|end| end <= now) {
        ApiTokenStatus::Expired
    } else {
        ApiTokenStatus::Active
    };
    let used_today = last_used_at.is_some_and(|at| day(at) == day(now));
    let requests_today = if used_today {
        row.get("requests_today")?
    } else {
        0
    };
    Ok(ApiToken {
        id: row.get("id")?,
        tenant_id: row.get("tenant_id")?,
        user_id: row.get("user_id")?,
        name: row.get("name")?,
        description: row.get("description")?,
        token_prefix: row.get("token_prefix")?,
        status,
        created_at: row.get("created_at")?,
        expires_at,
        last_used_at,
        revoked_at,
        total_requests: row.get("total_requests")?,
        requests_today,
    })
}

pub(crate) async fn insert(tx: &mut Tx, new: &ApiToken, digest: TokenDigest) -> Result<(), Error> {
    sql(
        "INSERT INTO api_tokens (tenant_id, id, user_id, name, description, digest, \
         token_prefix, created_at, expires_at, total_requests, requests_today) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, 0)",
    )
    .bind(new.tenant_id)
    .bind(new.id)
    .bind(new.user_id)
    .bind(&new.name)
    .bind(&new.description)
    .bind(digest)
    .bind(&new.token_prefix)
    .bind(new.created_at)
    .bind(new.expires_at)
    .execute(tx)
    .await
    .map(drop)
}

/// Lets one transaction at a time change a token.
pub(crate) async fn lock(tx: &mut Tx, tenant: TenantId, id: ApiTokenId) -> Result<(), Error> {
    sql_per_engine(
        "SELECT id FROM api_tokens WHERE tenant_id = $1 AND id = $2",
        "SELECT id FROM api_tokens WHERE tenant_id = $1 AND id = $2 FOR UPDATE",
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
    id: ApiTokenId,
    now: Timestamp,
) -> Result<Option<ApiToken>, Error> {
    Select::new(COLUMNS, "api_tokens")
        .filter("tenant_id = ?", tenant)
        .filter("id = ?", id)
        .statement()
        .fetch_optional(on)
        .await?
        .map(|row| token(&row, now))
        .transpose()
}

pub(crate) async fn find(
    db: &Db,
    digest: TokenDigest,
    now: Timestamp,
) -> Result<Option<ApiToken>, Error> {
    Select::new(COLUMNS, "api_tokens")
        .filter("digest = ?", digest)
        .statement()
        .fetch_optional(db)
        .await?
        .map(|row| token(&row, now))
        .transpose()
}

pub(crate) async fn list(
    db: &Db,
    tenant: TenantId,
    filter: &ApiTokenFilter,
    sort: Sort,
    page: Page,
    now: Timestamp,
) -> Result<Paged<ApiToken>, Error> {
    let mut select = Select::new(COLUMNS, "api_tokens")
        .filter("tenant_id = ?", tenant)
        .filter_some("user_id = ?", filter.user)
        .filter_contains_some("name", filter.name.as_deref());
    if !filter.include_revoked {
        select = select.filter_fixed("revoked_at IS NULL");
    }
    select
        .sort(sort, "id")
        .fetch_page(db, page)
        .await?
        .try_map(|row| token(&row, now))
}

/// Counts one use of the token.
pub(crate) async fn used(db: &Db, token: &ApiToken, now: Timestamp) -> Result<(), Error> {
    let today = Timestamp::from_micros(day(now).saturating_mul(DAY_MICROS));
    sql(
        "UPDATE api_tokens SET total_requests = total_requests + 1, \
         requests_today = CASE WHEN last_used_at >= $3 THEN requests_today + 1 ELSE 1 END, \
         last_used_at = $4 WHERE tenant_id = $1 AND id = $2",
    )
    .bind(token.tenant_id)
    .bind(token.id)
    .bind(today)
    .bind(now)
    .execute(db)
    .await
    .map(drop)
}

pub(crate) async fn revoke(
    tx: &mut Tx,
    tenant: TenantId,
    id: ApiTokenId,
    now: Timestamp,
) -> Result<bool, Error> {
    sql("UPDATE api_tokens SET revoked_at = $3 \
         WHERE tenant_id = $1 AND id = $2 AND revoked_at IS NULL")
    .bind(tenant)
    .bind(id)
    .bind(now)
    .execute(tx)
    .await
    .map(|rows| rows == 1)
}

pub(crate) async fn revoke_of_user(
    tx: &mut Tx,
    tenant: TenantId,
    user: UserId,
    now: Timestamp,
) -> Result<u64, Error> {
    sql("UPDATE api_tokens SET revoked_at = $3 \
         WHERE tenant_id = $1 AND user_id = $2 AND revoked_at IS NULL")
    .bind(tenant)
    .bind(user)
    .bind(now)
    .execute(tx)
    .await
}
