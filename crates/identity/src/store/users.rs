//! `users` and `team_members`.

use std::collections::HashSet;

use iron_audit::Role;
use iron_primitives::{TeamId, TenantId, Timestamp, UserId};
use iron_store::{Db, Error, Page, Paged, Row, Select, Sort, Target, Tx, Value, sql};

use crate::users::{Sought, UserFilter};
use crate::{User, UserStatus};

const COLUMNS: &str = "u.id, u.tenant_id, u.email, u.name, u.role, u.status, u.platform_admin, \
    u.auth_source, u.must_change_password, u.last_login_at, u.suspended_at, u.deleted_at, \
    u.created_at, u.updated_at, \
    (SELECT string_agg(m.team_id, ',') FROM team_members m \
      WHERE m.tenant_id = u.tenant_id AND m.user_id = u.id) AS team_ids";

/// The same columns with what authentication needs to know about the tenant.
const WITH_TENANT: &str = "u.id, u.tenant_id, u.email, u.name, u.role, u.status, \
    u.platform_admin, u.auth_source, u.must_change_password, u.last_login_at, u.suspended_at, \
    u.deleted_at, u.created_at, u.updated_at, \
    (SELECT string_agg(m.team_id, ',') FROM team_members m \
      WHERE m.tenant_id = u.tenant_id AND m.user_id = u.id) AS team_ids, \
    u.password_hash, t.status AS tenant_status";

/// A stored word that is no role, or a list of teams that is none.
fn unreadable(column: &str, wanted: &'static str) -> Error {
    Error::Value {
        column: column.to_owned(),
        wanted,
    }
}

pub(crate) fn user(row: &Row) -> Result<User, Error> {
    let role: String = row.get("role")?;
    let teams: Option<String> = row.get("team_ids")?;
    let team_ids: Result<Vec<TeamId>, _> = teams
        .iter()
        .flat_map(|list| list.split(','))
        .map(str::parse)
        .collect();
    Ok(User {
        id: row.get("id")?,
        tenant_id: row.get("tenant_id")?,
        email: row.get("email")?,
        name: row.get("name")?,
        role: role.parse().map_err(|_| unreadable("role", "role"))?,
        status: row.get("status")?,
        platform_admin: row.get("platform_admin")?,
        auth_source: row.get("auth_source")?,
        must_change_password: row.get("must_change_password")?,
        team_ids: team_ids.map_err(|_| unreadable("team_ids", "team ids"))?,
        last_login_at: row.get("last_login_at")?,
        suspended_at: row.get("suspended_at")?,
        deleted_at: row.get("deleted_at")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}

pub(crate) async fn insert(
    tx: &mut Tx,
    new: &User,
    password_hash: Option<&str>,
) -> Result<(), Error> {
    sql(
        "INSERT INTO users (tenant_id, id, email, name, role, status, platform_admin, \
         auth_source, password_hash, must_change_password, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)",
    )
    .bind(new.tenant_id)
    .bind(new.id)
    .bind(&new.email)
    .bind(&new.name)
    .bind(new.role.as_str())
    .bind(new.status)
    .bind(new.platform_admin)
    .bind(&new.auth_source)
    .bind(password_hash)
    .bind(new.must_change_password)
    .bind(new.created_at)
    .execute(tx)
    .await
    .map(drop)
}

pub(crate) async fn get<'a>(
    on: impl Into<Target<'a>>,
    tenant: TenantId,
    id: UserId,
) -> Result<Option<User>, Error> {
    Select::new(COLUMNS, "users u")
        .filter("u.tenant_id = ?", tenant)
        .filter("u.id = ?", id)
        .statement()
        .fetch_optional(on)
        .await?
        .map(|row| user(&row))
        .transpose()
}

/// Who might sign in with this address: the live users that have it, two at most.
pub(crate) async fn candidates(
    db: &Db,
    email: &str,
    slug: Option<&str>,
) -> Result<Vec<(User, Option<String>, crate::TenantStatus)>, Error> {
    let rows = Select::new(WITH_TENANT, "users u JOIN tenants t ON t.id = u.tenant_id")
        .filter("u.email = ?", email)
        .filter_fixed("u.deleted_at IS NULL")
        .filter_some("t.slug = ?", slug)
        .statement()
        .fetch_all(db)
        .await?;
    rows.iter()
        .take(2)
        .map(|row| {
            Ok((
                user(row)?,
                row.get("password_hash")?,
                row.get("tenant_status")?,
            ))
        })
        .collect()
}

pub(crate) async fn password_hash<'a>(
    on: impl Into<Target<'a>>,
    tenant: TenantId,
    id: UserId,
) -> Result<Option<String>, Error> {
    sql("SELECT password_hash FROM users WHERE tenant_id = $1 AND id = $2")
        .bind(tenant)
        .bind(id)
        .fetch_one(on)
        .await?
        .get("password_hash")
}

pub(crate) async fn list(
    db: &Db,
    tenant: TenantId,
    filter: &UserFilter,
    sort: Sort,
    page: Page,
) -> Result<Paged<User>, Error> {
    let mut select = Select::new(COLUMNS, "users u").filter("u.tenant_id = ?", tenant);
    if !filter.roles.is_empty() {
        let words: Vec<&str> = filter.roles.iter().map(|role| role.as_str()).collect();
        select = select.filter_in("u.role", &words);
    }
    if !filter.statuses.is_empty() {
        select = select.filter_in("u.status", &filter.statuses);
    }
    if let Some(text) = &filter.search {
        select = select.filter_contains("u.name || ' ' || u.email", text);
    }
    select
        .filter_some(
            "EXISTS (SELECT 1 FROM team_members m WHERE m.tenant_id = u.tenant_id \
             AND m.user_id = u.id AND m.team_id = ?)",
            filter.team,
        )
        .sort(sort, "u.id")
        .fetch_page(db, page)
        .await?
        .try_map(|row| user(&row))
}

/// Writes everything that may change about a user but the password.
pub(crate) async fn update(
    tx: &mut Tx,
    user: &User,
    suspend_reason: Option<&str>,
) -> Result<(), Error> {
    sql(
        "UPDATE users SET email = $3, name = $4, role = $5, status = $6, \
         must_change_password = $7, suspended_at = $8, suspend_reason = $9, deleted_at = $10, \
         updated_at = $11 WHERE tenant_id = $1 AND id = $2",
    )
    .bind(user.tenant_id)
    .bind(user.id)
    .bind(&user.email)
    .bind(&user.name)
    .bind(user.role.as_str())
    .bind(user.status)
    .bind(user.must_change_password)
    .bind(user.suspended_at)
    .bind(suspend_reason)
    .bind(user.deleted_at)
    .bind(user.updated_at)
    .execute(tx)
    .await
    .map(drop)
}

pub(crate) async fn suspended(db: &Db, tenant: TenantId) -> Result<HashSet<UserId>, Error> {
    let rows = sql("SELECT id FROM users WHERE tenant_id = $1 AND status = $2")
        .bind(tenant)
        .bind(UserStatus::Suspended)
        .fetch_all(db)
        .await?;
    rows.iter().map(|row| row.get("id")).collect()
}

pub(crate) async fn set_password(
    tx: &mut Tx,
    tenant: TenantId,
    id: UserId,
    hash: Option<&str>,
) -> Result<(), Error> {
    sql("UPDATE users SET password_hash = $3 WHERE tenant_id = $1 AND id = $2")
        .bind(tenant)
        .bind(id)
        .bind(hash)
        .execute(tx)
        .await
        .map(drop)
}

pub(crate) async fn signed_in(
    tx: &mut Tx,
    tenant: TenantId,
    id: UserId,
    now: Timestamp,
) -> Result<(), Error> {
    sql("UPDATE users SET last_login_at = $3 WHERE tenant_id = $1 AND id = $2")
        .bind(tenant)
        .bind(id)
        .bind(now)
        .execute(tx)
        .await
        .map(drop)
}

/// How many active admins the tenant has besides this user.
pub(crate) async fn other_admins(
    tx: &mut Tx,
    tenant: TenantId,
    id: UserId,
    platform: bool,
) -> Result<u64, Error> {
    let mut select = Select::new("id", "users").filter_with(
        "tenant_id = ? AND id <> ? AND role = ? AND status = ?",
        vec![
            Value::Text(tenant.to_string()),
            Value::Text(id.to_string()),
            Value::Text(Role::Admin.as_str().to_owned()),
            Value::Text(UserStatus::Active.to_string()),
        ],
    );
    if platform {
        select = select.filter_fixed("platform_admin = 1");
    }
    select.count(tx).await
}

/// The admin of a tenant who can sign in, else the one who was there first.
pub(crate) async fn first_admin(tx: &mut Tx, tenant: TenantId) -> Result<Option<User>, Error> {
    let rows = Select::new(COLUMNS, "users u")
        .filter("u.tenant_id = ?", tenant)
        .filter("u.role = ?", Role::Admin.as_str())
        .filter_fixed("u.deleted_at IS NULL")
        .statement()
        .fetch_all(tx)
        .await?;
    let admins: Result<Vec<User>, Error> = rows.iter().map(user).collect();
    let first = |user: &User| (user.status == UserStatus::Invited, user.created_at, user.id);
    Ok(admins?.into_iter().min_by_key(first))
}

/// The active users who are sought, each once, the longest known first.
pub(crate) async fn active_among(
    tx: &mut Tx,
    tenant: TenantId,
    sought: &Sought,
) -> Result<Vec<User>, Error> {
    let roles: Vec<_> = sought.roles.iter().map(|role| role.as_str()).collect();
    let all = || {
        Select::new(COLUMNS, "users u")
            .filter("u.tenant_id = ?", tenant)
            .filter("u.status = ?", UserStatus::Active)
    };
    let mut found = Vec::new();
    for select in [
        all().filter_in("u.id", &sought.users),
        all().filter_in("lower(u.email)", &sought.emails),
        all().filter_in("u.role", &roles),
    ] {
        let rows = select.statement().fetch_all(&mut *tx).await?;
        let users: Result<Vec<User>, Error> = rows.iter().map(user).collect();
        found.extend(users?);
    }
    found.sort_by_key(|user| (user.created_at, user.id));
    found.dedup_by_key(|user| user.id);
    Ok(found)
}

pub(crate) async fn leave_teams(tx: &mut Tx, tenant: TenantId, id: UserId) -> Result<(), Error> {
    sql("DELETE FROM team_members WHERE tenant_id = $1 AND user_id = $2")
        .bind(tenant)
        .bind(id)
        .execute(tx)
        .await
        .map(drop)
}

pub(crate) async fn count<'a>(on: impl Into<Target<'a>>, tenant: TenantId) -> Result<u64, Error> {
    let row =
        sql("SELECT COUNT(*) AS total FROM users WHERE tenant_id = $1 AND deleted_at IS NULL")
            .bind(tenant)
            .fetch_one(on)
            .await?;
    Ok(u64::try_from(row.get::<i64>("total")?).unwrap_or(0))
}

/// The user with the standing of the tenant, for whoever shows a token of his.
pub(crate) async fn with_tenant<'a>(
    on: impl Into<Target<'a>>,
    tenant: TenantId,
    id: UserId,
) -> Result<Option<(User, crate::TenantStatus)>, Error> {
    Select::new(WITH_TENANT, "users u JOIN tenants t ON t.id = u.tenant_id")
        .filter("u.tenant_id = ?", tenant)
        .filter("u.id = ?", id)
        .statement()
        .fetch_optional(on)
        .await?
        .map(|row| Ok((user(&row)?, row.get("tenant_status")?)))
        .transpose()
}
