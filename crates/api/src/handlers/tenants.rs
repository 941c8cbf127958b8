//! The tenants of a platform.

use axum::extract::State;
use iron_audit::{Authorised, Entry};
use iron_budget::SetBudget;
use iron_identity::{
    NewTenant, Permission, Plan, Quota, Quotas, Tenant, TenantChanges, TenantFilter, TenantStatus,
};
use iron_primitives::{Period, Scope, TenantId};
use iron_runtime::authority::Change;
use iron_sdk::lists::List;
use iron_sdk::tenants::{
    CreateTenant, SetTenantQuotas, TenantCreated, TenantQuery, TenantView, UpdateTenant,
};
use iron_sdk::users::Reason;
use iron_store::{Paged, Sort, Tx};
use serde_json::json;

use super::invitations::deliver;
use crate::answer::{Answer, Created, Tagged, list, page};
use crate::caller::Caller;
use crate::failure::Failure;
use crate::input::{IfMatch, Input, Params, PathId};
use crate::query::{sort, words};
use crate::state::Api;
use crate::view;

/// Creates a tenant with its project `default` and invites its first admin.
#[utoipa::path(post, path = "/tenants", tag = "tenants", request_body = CreateTenant, responses(
    (status = 201, description = "The tenant and its first admin", body = TenantCreated),
))]
pub(crate) async fn create_tenant(
    State(api): State<Api>,
    caller: Caller,
    Input(body): Input<CreateTenant>,
) -> Result<Created<TenantCreated>, Failure> {
    let authorised = caller.may(Permission::TenantManage)?;
    let budget = budget_of(body.quotas.as_ref())?;
    let quotas = quotas_of(Quotas::default(), body.quotas.as_ref());
    let new = NewTenant {
        name: body.name,
        slug: body.slug,
        plan: body.plan.map_or(Plan::Free, view::plan_of),
        quotas,
        admin_email: body.admin_email,
        admin_password: None,
    };
    let mut tx = api.db.begin().await?;
    let made = api
        .identity
        .create_tenant(&mut tx, &authorised, new)
        .await?;
    let (tenant, project, admin) = (made.tenant.id, made.project.id, made.admin.id);
    for scope in [
        Scope::Tenant(tenant),
        Scope::Project(project),
        Scope::User(admin),
    ] {
        api.limits
            .create_row(&mut tx, tenant, scope, None, Period::None)
            .await?;
    }
    if let Some(set) = &budget {
        api.limits
            .put_tenant_in(&mut tx, &authorised, tenant, set)
            .await?;
    }
    let invite = api
        .identity
        .invite_first_admin(&mut tx, &authorised, tenant);
    let invited = invite.await?;
    let invitation = deliver(&api, &mut tx, &authorised, &invited).await?;
    tx.commit().await?;
    api.channels.wake();
    let location = format!("/api/v1/tenants/{}", made.tenant.id);
    let tenant = shown(&api, made.tenant).await?;
    let admin = view::user(made.admin);
    Ok(Created {
        location,
        view: TenantCreated {
            tenant,
            admin,
            invitation,
        },
    })
}

/// What the quotas of a tenant ask of its budget.
fn budget_of(quotas: Option<&SetTenantQuotas>) -> Result<Option<SetBudget>, Failure> {
    let Some(limit) = quotas.and_then(|quotas| quotas.monthly_budget) else {
        return Ok(None);
    };
    let limit = limit.map(|amount| view::amount("quotas.monthly_budget", amount));
    Ok(Some(SetBudget {
        limit: Some(limit.transpose()?),
        period: Some(Period::Monthly),
        ..SetBudget::default()
    }))
}

/// The quotas as they are to be; what is absent stays.
fn quotas_of(present: Quotas, wanted: Option<&SetTenantQuotas>) -> Quotas {
    let Some(wanted) = wanted else {
        return present;
    };
    Quotas {
        max_agents: wanted.max_agents.unwrap_or(present.max_agents),
        max_users: wanted.max_users.unwrap_or(present.max_users),
        max_projects: wanted.max_projects.unwrap_or(present.max_projects),
        cpu_cores: wanted.cpu_cores.unwrap_or(present.cpu_cores),
        memory_mb: wanted.memory_mb.unwrap_or(present.memory_mb),
    }
}

/// Makes sure that the caller's tenant may have one more agent. Before other locks.
pub(super) async fn room_for_agent(
    api: &Api,
    tx: &mut Tx,
    authorised: &Authorised,
) -> Result<(), Failure> {
    let quota = Quota::Agents;
    let held = api.identity.hold_quota(tx, authorised, quota).await?;
    let Some(limit) = held else {
        return Ok(());
    };
    let used = api.agents.count_all(tx, authorised.tenant).await?;
    if used < limit {
        return Ok(());
    }
    Err(iron_identity::Error::QuotaExceeded { quota, limit, used }.into())
}

/// Notes that a platform admin has looked at what belongs to another tenant.
pub(super) async fn looked_across(
    api: &Api,
    authorised: &Authorised,
    tenant: TenantId,
    action: &'static str,
) -> Result<(), Failure> {
    if tenant == authorised.tenant {
        return Ok(());
    }
    let mut tx = api.db.begin().await?;
    let entry = Entry::new(action, "tenant").resource(tenant);
    api.audit.write(&mut tx, authorised, entry).await?;
    tx.commit().await?;
    Ok(())
}

/// Notes whose tenants a platform admin has seen in a list: one entry, with all of them.
async fn listed_across(api: &Api, authorised: &Authorised, seen: &[Tenant]) -> Result<(), Failure> {
    let others = seen.iter().map(|tenant| tenant.id);
    let others: Vec<TenantId> = others.filter(|id| *id != authorised.tenant).collect();
    if others.is_empty() {
        return Ok(());
    }
    let mut tx = api.db.begin().await?;
    let entry = Entry::new("tenant.list", "tenant").parameters(&json!({ "tenants": others }));
    api.audit.write(&mut tx, authorised, entry).await?;
    tx.commit().await?;
    Ok(())
}

/// A tenant with its budget and what it has.
async fn shown(api: &Api, tenant: Tenant) -> Result<TenantView, Failure> {
    let population = api.identity.population(tenant.id).await?;
    let agents = api.agents.count_all(&api.db, tenant.id).await?;
    let budget = api
        .limits
        .status(tenant.id, Scope::Tenant(tenant.id))
        .await?;
    Ok(view::tenant(tenant, &budget, (population, agents)))
}

/// Lists the tenants of the platform.
#[utoipa::path(get, path = "/tenants", tag = "tenants", params(TenantQuery), responses(
    (status = 200, description = "The tenants", body = List<TenantView>),
))]
pub(crate) async fn list_tenants(
    State(api): State<Api>,
    caller: Caller,
    Params(query): Params<TenantQuery>,
) -> Result<Answer<List<TenantView>>, Failure> {
    let authorised = caller.may(Permission::TenantRead)?;
    let statuses = TenantStatus::ALL
        .iter()
        .map(|status| (status.as_str(), *status));
    let filter = TenantFilter {
        name: query.name,
        status: words(
            "status",
            query.status.as_deref(),
            &statuses.collect::<Vec<_>>(),
        )?,
        only: None,
    };
    let order = sort(
        query.sort.as_deref(),
        TenantFilter::SORTS,
        Sort::descending("created_at"),
    )?;
    let page = page(query.page, query.per_page);
    let found = api
        .identity
        .tenants(&authorised, filter, order, page)
        .await?;
    let total = found.total;
    listed_across(&api, &authorised, &found.items).await?;
    let mut items = Vec::with_capacity(found.items.len());
    for tenant in found.items {
        items.push(shown(&api, tenant).await?);
    }
    Ok(list(Paged { items, total }, page, |view| view))
}

/// One tenant.
#[utoipa::path(get, path = "/tenants/{tenant_id}", tag = "tenants",
    params(("tenant_id" = TenantId, Path, description = "The tenant")), responses(
    (status = 200, description = "The tenant", body = TenantView),
))]
pub(crate) async fn get_tenant(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<TenantId>,
) -> Result<Tagged<TenantView>, Failure> {
    let authorised = caller.may(Permission::TenantRead)?;
    let tenant = api.identity.tenant(&api.db, &authorised, id).await?;
    looked_across(&api, &authorised, id, "tenant.view").await?;
    tagged(&api, tenant).await
}

async fn tagged(api: &Api, tenant: Tenant) -> Result<Tagged<TenantView>, Failure> {
    let changed = tenant.updated_at;
    Ok(Tagged::new(shown(api, tenant).await?, changed))
}

/// Changes a tenant.
#[utoipa::path(patch, path = "/tenants/{tenant_id}", tag = "tenants", request_body = UpdateTenant,
    params(("tenant_id" = TenantId, Path, description = "The tenant")), responses(
    (status = 200, description = "The tenant", body = TenantView),
))]
pub(crate) async fn update_tenant(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<TenantId>,
    if_match: IfMatch,
    Input(body): Input<UpdateTenant>,
) -> Result<Tagged<TenantView>, Failure> {
    let authorised = caller.may(Permission::TenantManage)?;
    let budget = budget_of(body.quotas.as_ref())?;
    let mut tx = api.db.begin().await?;
    let present = api.identity.hold_tenant(&mut tx, &authorised, id).await?;
    if_match.allows_since(present.updated_at)?;
    let changes = TenantChanges {
        name: body.name,
        plan: body.plan.map(view::plan_of),
        quotas: Some(quotas_of(present.quotas, body.quotas.as_ref())),
    };
    let tenant = api
        .identity
        .update_tenant(&mut tx, &authorised, id, changes)
        .await?;
    if let Some(set) = &budget {
        api.limits
            .put_tenant_in(&mut tx, &authorised, id, set)
            .await?;
    }
    tx.commit().await?;
    (api.notify)(Change::Tenant(id));
    if budget.is_some() {
        (api.notify)(Change::Budget(Scope::Tenant(id)));
    }
    tagged(&api, tenant).await
}

/// Marks a suspended tenant for deletion in thirty days; activating it takes the mark away.
#[utoipa::path(delete, path = "/tenants/{tenant_id}", tag = "tenants",
    params(("tenant_id" = TenantId, Path, description = "The tenant")), responses(
    (status = 200, description = "The tenant with its `deletion_at`", body = TenantView),
))]
pub(crate) async fn delete_tenant(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<TenantId>,
    if_match: IfMatch,
) -> Result<Tagged<TenantView>, Failure> {
    let authorised = caller.may(Permission::TenantManage)?;
    let mut tx = api.db.begin().await?;
    let present = api.identity.hold_tenant(&mut tx, &authorised, id).await?;
    if_match.allows_since(present.updated_at)?;
    let tenant = api.identity.delete_tenant(&mut tx, &authorised, id).await?;
    tx.commit().await?;
    tagged(&api, tenant).await
}

/// Suspends a tenant: its users are refused and the calls of its agents end.
#[utoipa::path(put, path = "/tenants/{tenant_id}/suspend", tag = "tenants", request_body = Reason,
    params(("tenant_id" = TenantId, Path, description = "The tenant")), responses(
    (status = 200, description = "The tenant", body = TenantView),
))]
pub(crate) async fn suspend_tenant(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<TenantId>,
    if_match: IfMatch,
    Input(body): Input<Reason>,
) -> Result<Tagged<TenantView>, Failure> {
    let authorised = caller.may(Permission::TenantManage)?;
    let mut tx = api.db.begin().await?;
    let present = api.identity.hold_tenant(&mut tx, &authorised, id).await?;
    if_match.allows_since(present.updated_at)?;
    let tenant = api
        .identity
        .suspend_tenant(&mut tx, &authorised, id, &body.reason)
        .await?;
    tx.commit().await?;
    (api.notify)(Change::Tenant(id));
    tagged(&api, tenant).await
}

/// Lets a suspended tenant work again.
#[utoipa::path(put, path = "/tenants/{tenant_id}/activate", tag = "tenants",
    params(("tenant_id" = TenantId, Path, description = "The tenant")), responses(
    (status = 200, description = "The tenant", body = TenantView),
))]
pub(crate) async fn activate_tenant(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<TenantId>,
    if_match: IfMatch,
) -> Result<Tagged<TenantView>, Failure> {
    let authorised = caller.may(Permission::TenantManage)?;
    let mut tx = api.db.begin().await?;
    let present = api.identity.hold_tenant(&mut tx, &authorised, id).await?;
    if_match.allows_since(present.updated_at)?;
    let tenant = api
        .identity
        .activate_tenant(&mut tx, &authorised, id)
        .await?;
    tx.commit().await?;
    (api.notify)(Change::Tenant(id));
    tagged(&api, tenant).await
}
