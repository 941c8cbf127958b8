//! The SQL of budget requests.

use iron_audit::{Authorised, Reach};
use iron_primitives::{BudgetRequestId, Money, TenantId};
use iron_store::{Db, Page, Paged, Row, Select, Sort, Target, Tx, sql, sql_per_engine};

use super::model::{BudgetRequest, RequestFilter, RequestStatus, RequestsOf};
use crate::Error;

const COLUMNS: &str = "id, agent_id, agent_name, requester_id, current_budget, requested_budget, \
     justification, status, created_at, decided_at, decided_by, reason, notes, approved_budget";

fn request(row: &Row) -> Result<BudgetRequest, Error> {
    let status: String = row.get("status")?;
    let money = |column| Ok::<_, Error>(Money::from_nanos(row.get(column)?));
    Ok(BudgetRequest {
        id: row.get("id")?,
        agent: row.get("agent_id")?,
        agent_name: row.get("agent_name")?,
        requester: row.get("requester_id")?,
        current_budget: money("current_budget")?,
        requested_budget: money("requested_budget")?,
        justification: row.get("justification")?,
        status: RequestStatus::from_word(&status).ok_or(Error::Unreadable)?,
        created_at: row.get("created_at")?,
        decided_at: row.get("decided_at")?,
        decided_by: row.get("decided_by")?,
        reason: row.get("reason")?,
        notes: row.get("notes")?,
        approved_budget: row
            .get::<Option<i64>>("approved_budget")?
            .map(Money::from_nanos),
    })
}

pub(super) async fn insert(
    tx: &mut Tx,
    tenant: TenantId,
    request: &BudgetRequest,
) -> Result<(), Error> {
    sql("INSERT INTO budget_requests
         (tenant_id, id, agent_id, agent_name, requester_id, current_budget, requested_budget,
          justification, status, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)")
    .bind(tenant)
    .bind(request.id)
    .bind(request.agent)
    .bind(&request.agent_name)
    .bind(request.requester)
    .bind(request.current_budget.nanos())
    .bind(request.requested_budget.nanos())
    .bind(&request.justification)
    .bind(request.status.as_str())
    .bind(request.created_at)
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn find<'a>(
    on: impl Into<Target<'a>>,
    tenant: TenantId,
    id: BudgetRequestId,
) -> Result<Option<BudgetRequest>, Error> {
    let row = Select::new(COLUMNS, "budget_requests")
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
    id: BudgetRequestId,
) -> Result<Option<BudgetRequest>, Error> {
    sql_per_engine(
        "SELECT id FROM budget_requests WHERE tenant_id = $1 AND id = $2",
        "SELECT id FROM budget_requests WHERE tenant_id = $1 AND id = $2 FOR UPDATE",
    )
    .bind(tenant)
    .bind(id)
    .fetch_optional(&mut *tx)
    .await?;
    find(tx, tenant, id).await
}

/// Writes what was decided, if nobody else has decided; says whether it did.
pub(super) async fn decide(
    tx: &mut Tx,
    tenant: TenantId,
    request: &BudgetRequest,
) -> Result<bool, Error> {
    let changed = sql(
        "UPDATE budget_requests SET status = $3, decided_at = $4, decided_by = $5,
             reason = $6, notes = $7, approved_budget = $8
         WHERE tenant_id = $1 AND id = $2 AND status = 'pending'",
    )
    .bind(tenant)
    .bind(request.id)
    .bind(request.status.as_str())
    .bind(request.decided_at)
    .bind(request.decided_by)
    .bind(&request.reason)
    .bind(&request.notes)
    .bind(request.approved_budget.map(Money::nanos))
    .execute(tx)
    .await?;
    Ok(changed > 0)
}

pub(super) async fn list(
    db: &Db,
    authorised: &Authorised,
    filter: &RequestFilter,
    sort: Sort,
    page: Page,
) -> Result<Paged<BudgetRequest>, Error> {
    let own = (filter.mine || authorised.reach != Reach::Tenant).then_some(authorised.user);
    let mut select = Select::new(COLUMNS, "budget_requests")
        .filter("tenant_id = ?", authorised.tenant)
        .filter_some("agent_id = ?", filter.agent)
        .filter_some("requester_id = ?", filter.requester)
        .filter_some("requester_id = ?", own);
    if !filter.statuses.is_empty() {
        let words: Vec<&str> = filter.statuses.iter().map(|one| one.as_str()).collect();
        select = select.filter_in("status", &words);
    }
    select
        .sort(sort, "id")
        .fetch_page(db, page)
        .await?
        .try_map(|row| request(&row))
}

/// The pending requests of somebody or something, in the order of their locks.
pub(super) async fn pending_of(
    tx: &mut Tx,
    tenant: TenantId,
    of: RequestsOf,
) -> Result<Vec<BudgetRequestId>, Error> {
    let select = Select::new("id", "budget_requests")
        .filter("tenant_id = ?", tenant)
        .filter_fixed("status = 'pending'");
    let select = match of {
        RequestsOf::Agent(id) => select.filter("agent_id = ?", id),
        RequestsOf::Requester(id) => select.filter("requester_id = ?", id),
    };
    let rows = select
        .sort(Sort::ascending("created_at"), "id")
        .statement()
        .fetch_all(tx)
        .await?;
    let ids: Result<Vec<BudgetRequestId>, Error> =
        rows.iter().map(|row| Ok(row.get("id")?)).collect();
    let mut ids = ids?;
    ids.sort_unstable();
    Ok(ids)
}

/// Deletes the requests of a tenant.
pub(crate) const OF_A_TENANT: &[&str] = &["DELETE FROM budget_requests WHERE tenant_id = $1"];
