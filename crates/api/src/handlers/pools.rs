//! Budgets that agents share.

use std::collections::BTreeSet;

use axum::extract::State;
use iron_audit::Authorised;
use iron_budget::{Caps, NewMember, NewPool, Pool, PoolChange, PoolFilter, Priority};
use iron_identity::Permission;
use iron_net::problem::Problem;
use iron_primitives::{AgentId, PoolId};
use iron_runtime::authority::Change;
use iron_sdk::lists::List;
use iron_sdk::pools::{
    CreatePool, PoolDeleted, PoolMember, PoolPriorities, PoolPriority, PoolQuery, PoolView,
    UpdatePool,
};
use iron_store::{Paged, Sort, Tx};

use crate::answer::{Answer, Created, Tagged, list, page};
use crate::caller::Caller;
use crate::failure::Failure;
use crate::input::{IfMatch, Input, Params, PathId};
use crate::query::sort;
use crate::state::Api;
use crate::view;

/// Creates a budget that agents share, with caps for their priorities.
#[utoipa::path(post, path = "/budget-pools", tag = "budget-pools", request_body = CreatePool,
    responses((status = 201, description = "The pool", body = PoolView)))]
pub(crate) async fn create_pool(
    State(api): State<Api>,
    caller: Caller,
    Input(body): Input<CreatePool>,
) -> Result<Created<PoolView>, Failure> {
    let authorised = caller.may(Permission::BudgetSet)?;
    let new = NewPool {
        name: body.name,
        budget: view::amount("budget", body.budget)?,
        period: view::period_of(body.period, body.schedule.as_ref())?.unwrap_or_default(),
        caps: body.priorities.map_or_else(Caps::default, caps),
        members: members(&body.members.unwrap_or_default()),
    };
    let mut tx = api.db.begin().await?;
    hold_agents(&api, &mut tx, &authorised, &new.members).await?;
    let pool = api.pools.create(&mut tx, &authorised, new).await?;
    tx.commit().await?;
    let agents = pool.members.iter().map(|member| member.agent);
    agents.for_each(|agent| (api.notify)(Change::Agent(agent)));
    Ok(Created {
        location: format!("/api/v1/budget-pools/{}", pool.id),
        view: shown(&api, &authorised, pool).await?,
    })
}

/// Lists the pools of the tenant.
#[utoipa::path(get, path = "/budget-pools", tag = "budget-pools", params(PoolQuery), responses(
    (status = 200, description = "The pools", body = List<PoolView>),
))]
pub(crate) async fn list_pools(
    State(api): State<Api>,
    caller: Caller,
    Params(query): Params<PoolQuery>,
) -> Result<Answer<List<PoolView>>, Failure> {
    let authorised = caller.may(Permission::BudgetSet)?;
    let newest = Sort::descending("created_at");
    let order = sort(query.sort.as_deref(), PoolFilter::SORTS, newest)?;
    let page = page(query.page, query.per_page);
    let filter = PoolFilter {
        name: query.name,
        agent: query.agent_id,
    };
    let found = api.pools.list(&authorised, &filter, order, page).await?;
    let funds = api.pools.funds(&authorised, &found.items).await?;
    let items = found.items.into_iter().zip(funds).collect();
    let total = found.total;
    Ok(list(Paged { items, total }, page, |(pool, funds)| {
        view::pool(pool, &funds)
    }))
}

/// One pool, with what its members have used.
#[utoipa::path(get, path = "/budget-pools/{pool_id}", tag = "budget-pools",
    params(("pool_id" = PoolId, Path, description = "The pool")), responses(
    (status = 200, description = "The pool", body = PoolView),
))]
pub(crate) async fn get_pool(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<PoolId>,
) -> Result<Tagged<PoolView>, Failure> {
    let authorised = caller.may(Permission::BudgetSet)?;
    let pool = api.pools.get(&authorised, id).await?;
    tagged(&api, &authorised, pool).await
}

/// Changes a pool. What is lower acts at once; a list of members takes the place of the one before.
#[utoipa::path(patch, path = "/budget-pools/{pool_id}", tag = "budget-pools",
    request_body = UpdatePool,
    params(("pool_id" = PoolId, Path, description = "The pool")), responses(
    (status = 200, description = "The pool", body = PoolView),
))]
pub(crate) async fn update_pool(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<PoolId>,
    if_match: IfMatch,
    Input(body): Input<UpdatePool>,
) -> Result<Tagged<PoolView>, Failure> {
    let authorised = caller.may(Permission::BudgetSet)?;
    let budget = body.budget.map(|amount| view::amount("budget", amount));
    let change = PoolChange {
        name: body.name,
        budget: budget.transpose()?,
        period: view::period_of(body.period, body.schedule.as_ref())?,
        caps: body.priorities.map(caps),
        members: body.members.as_deref().map(members),
    };
    let mut tx = api.db.begin().await?;
    let named = change.members.as_deref().unwrap_or_default();
    hold_agents(&api, &mut tx, &authorised, named).await?;
    let present = api.pools.hold(&mut tx, &authorised, id).await?;
    if_match.allows_since(present.updated_at)?;
    let updated = api.pools.update(&mut tx, &authorised, id, change).await?;
    tx.commit().await?;
    for agent in updated.agents {
        (api.notify)(Change::Agent(agent));
    }
    for scope in updated.budgets {
        (api.notify)(Change::Budget(scope));
    }
    tagged(&api, &authorised, updated.pool).await
}

/// Deletes a pool that has no members. Members would spend without it, so they are taken out first.
#[utoipa::path(delete, path = "/budget-pools/{pool_id}", tag = "budget-pools",
    params(("pool_id" = PoolId, Path, description = "The pool")), responses(
    (status = 200, description = "It is deleted", body = PoolDeleted),
))]
pub(crate) async fn delete_pool(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<PoolId>,
    if_match: IfMatch,
) -> Result<Answer<PoolDeleted>, Failure> {
    let authorised = caller.may(Permission::BudgetSet)?;
    let mut tx = api.db.begin().await?;
    let present = api.pools.hold(&mut tx, &authorised, id).await?;
    if_match.allows_since(present.updated_at)?;
    let deleted_at = api.pools.delete(&mut tx, &authorised, id).await?;
    tx.commit().await?;
    Ok(Answer(PoolDeleted {
        id,
        deleted: true,
        deleted_at,
    }))
}

async fn tagged(
    api: &Api,
    authorised: &Authorised,
    pool: Pool,
) -> Result<Tagged<PoolView>, Failure> {
    let changed = pool.updated_at;
    Ok(Tagged::new(shown(api, authorised, pool).await?, changed))
}

async fn shown(api: &Api, authorised: &Authorised, pool: Pool) -> Result<PoolView, Failure> {
    let pools = [pool];
    let funds = api.pools.funds(authorised, &pools).await?;
    let [pool] = pools;
    let whole = funds.into_iter().next();
    let whole = whole.ok_or(Problem::not_found("pool", pool.id))?;
    Ok(view::pool(pool, &whole))
}

/// None of them is deleted before the end of the transaction. Always in the same order.
async fn hold_agents(
    api: &Api,
    tx: &mut Tx,
    authorised: &Authorised,
    members: &[NewMember],
) -> Result<(), Failure> {
    let agents: BTreeSet<AgentId> = members.iter().map(|member| member.agent).collect();
    for agent in agents {
        api.agents.hold(tx, authorised, agent).await?;
    }
    Ok(())
}

fn members(members: &[PoolMember]) -> Vec<NewMember> {
    let new = |member: &PoolMember| NewMember {
        agent: member.agent_id,
        priority: match member.priority {
            PoolPriority::Critical => Priority::Critical,
            PoolPriority::High => Priority::High,
            PoolPriority::Normal => Priority::Normal,
            PoolPriority::Low => Priority::Low,
        },
        share: member.share,
    };
    members.iter().map(new).collect()
}

const fn caps(given: PoolPriorities) -> Caps {
    Caps {
        low: given.low,
        normal: given.normal,
        high: given.high,
    }
}
