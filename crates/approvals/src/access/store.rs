//! The SQL of access requests.

use iron_audit::{Authorised, Reach};
use iron_primitives::{AccessRequestId, TenantId, Timestamp, UserId};
use iron_store::{Db, Json, Page, Paged, Row, Select, Sort, Target, Tx, sql, sql_per_engine};

use super::model::{AccessFilter, AccessRequest, AccessStatus, IssuedKey};
use crate::Error;

const COLUMNS: &str = "tenant_id, reminded, id, requester_id, team_id, team_name, use_case, monthly_budget, status, \
     created_at, updated_at, decided_at, decided_by, budget, allowed_models, reason, agent_id, \
     token_id, expires_at, claimed_at, renewed_at, revoked_at";

fn request(row: &Row) -> Result<AccessRequest, Error> {
    let (agent, record) = (row.get("agent_id")?, row.get("token_id")?);
    let key = match (agent, record, row.get("expires_at")?) {
        (Some(agent), Some(record), Some(expires_at)) => Some(IssuedKey {
            agent,
            record,
            expires_at,
        }),
        _ => None,
    };
    let models: Option<Json<Vec<String>>> = row.get("allowed_models")?;
    Ok(AccessRequest {
        id: row.get("id")?,
        requester: row.get("requester_id")?,
        team: row.get("team_id")?,
        team_name: row.get("team_name")?,
        use_case: row.get("use_case")?,
        monthly_budget: row.get("monthly_budget")?,
        status: row.get("status")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
        decided_at: row.get("decided_at")?,
        decided_by: row.get("decided_by")?,
        budget: row.get("budget")?,
        allowed_models: models.map(|Json(models)| models),
        reason: row.get("reason")?,
        key,
        claimed_at: row.get("claimed_at")?,
        renewed_at: row.get("renewed_at")?,
        revoked_at: row.get("revoked_at")?,
    })
}

pub(super) async fn insert(
    tx: &mut Tx,
    tenant: TenantId,
    new: &AccessRequest,
) -> Result<(), Error> {
    sql("INSERT INTO access_requests
         (tenant_id, id, requester_id, team_id, team_name, use_case, monthly_budget, status,
          created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)")
    .bind(tenant)
    .bind(new.id)
    .bind(new.requester)
    .bind(new.team)
    .bind(&new.team_name)
    .bind(&new.use_case)
    .bind(new.monthly_budget)
    .bind(new.status)
    .bind(new.created_at)
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn find<'a>(
    on: impl Into<Target<'a>>,
    tenant: TenantId,
    id: AccessRequestId,
) -> Result<Option<AccessRequest>, Error> {
    let row = Select::new(COLUMNS, "access_requests")
        .filter("tenant_id = ?", tenant)
        .filter("id = ?", id)
        .statement()
        .fetch_optional(on)
        .await?;
    row.map(|row| request(&row)).transpose()
}

/// Takes the lock of a request and reads it.
pub(super) async fn lock(
    tx: &mut Tx,
    tenant: TenantId,
    id: AccessRequestId,
) -> Result<Option<AccessRequest>, Error> {
    sql_per_engine(
        "SELECT id FROM access_requests WHERE tenant_id = $1 AND id = $2",
        "SELECT id FROM access_requests WHERE tenant_id = $1 AND id = $2 FOR UPDATE",
    )
    .bind(tenant)
    .bind(id)
    .fetch_optional(&mut *tx)
    .await?;
    find(tx, tenant, id).await
}

/// Writes a step, if the request still stands where it was; says whether it did.
pub(super) async fn step(
    tx: &mut Tx,
    tenant: TenantId,
    from: AccessStatus,
    after: &AccessRequest,
) -> Result<bool, Error> {
    let changed = sql(
        "UPDATE access_requests SET status = $4, updated_at = $5, decided_at = $6,
             decided_by = $7, budget = $8, allowed_models = $9, reason = $10, agent_id = $11,
             token_id = $12, expires_at = $13, claimed_at = $14, revoked_at = $15
         WHERE tenant_id = $1 AND id = $2 AND status = $3",
    )
    .bind(tenant)
    .bind(after.id)
    .bind(from)
    .bind(after.status)
    .bind(after.updated_at)
    .bind(after.decided_at)
    .bind(after.decided_by)
    .bind(after.budget)
    .bind(after.allowed_models.as_ref().map(Json))
    .bind(&after.reason)
    .bind(after.key.map(|key| key.agent))
    .bind(after.key.map(|key| key.record))
    .bind(after.key.map(|key| key.expires_at))
    .bind(after.claimed_at)
    .bind(after.revoked_at)
    .execute(tx)
    .await?;
    Ok(changed > 0)
}

pub(super) async fn list(
    db: &Db,
    authorised: &Authorised,
    filter: &AccessFilter,
    sort: Sort,
    page: Page,
) -> Result<Paged<AccessRequest>, Error> {
    let own = (filter.mine || authorised.reach != Reach::Tenant).then_some(authorised.user);
    let mut select = Select::new(COLUMNS, "access_requests")
        .filter("tenant_id = ?", authorised.tenant)
        .filter_some("team_id = ?", filter.team)
        .filter_some("requester_id = ?", own);
    if !filter.statuses.is_empty() {
        select = select.filter_in("status", &filter.statuses);
    }
    select
        .sort(sort, "id")
        .fetch_page(db, page)
        .await?
        .try_map(|row| request(&row))
}

/// What somebody has asked for that has not ended, in the order of the locks.
pub(super) async fn open_of(
    tx: &mut Tx,
    tenant: TenantId,
    requester: UserId,
) -> Result<Vec<AccessRequestId>, Error> {
    let rows = sql(
        "SELECT id FROM access_requests WHERE tenant_id = $1 AND requester_id = $2
             AND status IN ('pending', 'approved', 'claimed') ORDER BY id",
    )
    .bind(tenant)
    .bind(requester)
    .fetch_all(tx)
    .await?;
    rows.iter().map(|row| Ok(row.get("id")?)).collect()
}

/// Notes that a key was renewed, if the request still stands as it was; nobody has been reminded of
/// the new one.
pub(super) async fn renew(
    tx: &mut Tx,
    tenant: TenantId,
    before: IssuedKey,
    after: &AccessRequest,
) -> Result<bool, Error> {
    let changed = sql(
        "UPDATE access_requests SET expires_at = $4, renewed_at = $5, updated_at = $5, reminded = 0
         WHERE tenant_id = $1 AND id = $2 AND status = 'claimed' AND expires_at = $3",
    )
    .bind(tenant)
    .bind(after.id)
    .bind(before.expires_at)
    .bind(after.key.map(|key| key.expires_at))
    .bind(after.renewed_at)
    .execute(tx)
    .await?;
    Ok(changed > 0)
}

/// Keys of all tenants that end after the first instant and no later than the second, and how far
/// their owners were reminded.
pub(super) async fn ending(
    db: &Db,
    (after, until): (Timestamp, Timestamp),
    stage: i64,
) -> Result<Vec<(TenantId, i64, AccessRequest)>, Error> {
    let rows = Select::new(COLUMNS, "access_requests")
        // As it stands in the index.
        .filter_fixed("status = 'claimed'")
        .filter("expires_at > ?", after)
        .filter("expires_at <= ?", until)
        .filter("reminded < ?", stage)
        .statement()
        .fetch_all(db)
        .await?;
    let each = rows.iter();
    each.map(|row| Ok((row.get("tenant_id")?, row.get("reminded")?, request(row)?)))
        .collect()
}

/// Takes a reminder over; says whether nobody else has.
pub(super) async fn remind(
    tx: &mut Tx,
    tenant: TenantId,
    (id, ends): (AccessRequestId, Timestamp),
    stage: i64,
) -> Result<bool, Error> {
    let changed = sql("UPDATE access_requests SET reminded = $4
         WHERE tenant_id = $1 AND id = $2 AND status = 'claimed' AND expires_at = $3
           AND reminded < $4")
    .bind(tenant)
    .bind(id)
    .bind(ends)
    .bind(stage)
    .execute(tx)
    .await?;
    Ok(changed > 0)
}

/// Deletes the requests of a tenant.
pub(super) const OF_A_TENANT: &[&str] = &["DELETE FROM access_requests WHERE tenant_id = $1"];
