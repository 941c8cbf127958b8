//! Agents and what they are allowed.

pub(crate) mod create;
pub(crate) mod lifecycle;
mod list;
pub(crate) mod providers;
mod routing;

use axum::extract::State;
use iron_audit::{Authorised, UsageOf};
use iron_budget::RequestsOf;
use iron_fleet::{Agent, AgentChange, AgentFilter, RuntimeState};
use iron_identity::Permission;
use iron_net::problem::Problem;
use iron_primitives::{AgentId, Scope};
use iron_runtime::authority::Change;
use iron_sdk::agents::{
    AgentCascade, AgentDeleted, AgentHealth, AgentQuery, AgentStatus, AgentStatusView, AgentView,
    UpdateAgent,
};
use iron_sdk::lists::List;
use iron_store::Sort;
use serde_json::{Map, Value};

use crate::answer::{Answer, Tagged, page};
use crate::caller::Caller;
use crate::failure::Failure;
use crate::handlers::guardrails::kept;
use crate::handlers::limits::{Limit, set_budget};
use crate::handlers::policies;
use crate::input::{IfMatch, Input, Params, PathId};
use crate::query::{sort, words};
use crate::state::Api;
use crate::view;

/// Where settings name a guardrail profile.
pub(crate) const PROFILE: &str = "settings.guardrail_profile_id";

/// Lists the agents that the caller may see.
#[utoipa::path(get, path = "/agents", tag = "agents", params(AgentQuery), responses(
    (status = 200, description = "The agents", body = List<AgentView>),
))]
pub(crate) async fn list_agents(
    State(api): State<Api>,
    caller: Caller,
    Params(query): Params<AgentQuery>,
) -> Result<Answer<List<AgentView>>, Failure> {
    let authorised = caller.may(Permission::AgentRead)?;
    let wanted = wanted(query)?;
    list::listed(&api, &authorised, wanted).await
}

fn wanted(query: AgentQuery) -> Result<list::Wanted, Problem> {
    let states = [
        RuntimeState::Running,
        RuntimeState::Paused,
        RuntimeState::Stopped,
    ];
    let states = states.map(|state| (state.as_str(), state));
    let statuses = AgentStatus::ALL
        .iter()
        .map(|status| (status.as_str(), *status));
    let sortable = [iron_fleet::SORTABLE, list::BY_MONEY].concat();
    let newest = Sort::descending("created_at");
    let tags = query
        .tags
        .map(|tags| tags.split(',').map(|tag| tag.trim().to_owned()).collect());
    Ok(list::Wanted {
        statuses: words(
            "status",
            query.status.as_deref(),
            &statuses.collect::<Vec<_>>(),
        )?,
        order: sort(query.sort.as_deref(), &sortable, newest)?,
        page: page(query.page, query.per_page),
        filter: AgentFilter {
            name: query.name,
            switched_off: None,
            runtime_states: words("runtime_state", query.runtime_state.as_deref(), &states)?,
            tags: tags.unwrap_or_default(),
            project: query.project_id,
            team: query.team_id,
            owner: query.owner_id,
            among: None,
        },
    })
}

/// One agent.
#[utoipa::path(get, path = "/agents/{agent_id}", tag = "agents",
    params(("agent_id" = AgentId, Path, description = "The agent")), responses(
    (status = 200, description = "The agent", body = AgentView),
))]
pub(crate) async fn get_agent(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<AgentId>,
) -> Result<Tagged<AgentView>, Failure> {
    let authorised = caller.may(Permission::AgentRead)?;
    let agent = api.agents.get(&authorised, id).await?;
    shown(&api, &authorised, agent).await
}

/// An agent with its budget, its token and its tag.
async fn shown(
    api: &Api,
    authorised: &Authorised,
    agent: Agent,
) -> Result<Tagged<AgentView>, Failure> {
    let budget = api.limits.get(authorised, Scope::Agent(agent.id)).await?;
    let token = api
        .identity
        .live_ic_token(&api.db, authorised, agent.id)
        .await?;
    let changed = agent.updated_at;
    let off = is_off(api, authorised, &agent).await?;
    Ok(Tagged::new(
        view::agent(agent, &budget, off, token),
        changed,
    ))
}

/// Whether an admin has switched the agent off, or its owner is suspended.
async fn is_off(api: &Api, authorised: &Authorised, agent: &Agent) -> Result<bool, Failure> {
    let identity = &api.identity;
    Ok(agent.switched_off
        || identity
            .user_suspended(authorised.tenant, agent.owner)
            .await?)
}

/// Changes an agent; its budget only by an admin.
#[utoipa::path(patch, path = "/agents/{agent_id}", tag = "agents", request_body = UpdateAgent,
    params(("agent_id" = AgentId, Path, description = "The agent")), responses(
    (status = 200, description = "The agent", body = AgentView),
))]
pub(crate) async fn update_agent(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<AgentId>,
    if_match: IfMatch,
    Input(body): Input<UpdateAgent>,
) -> Result<Tagged<AgentView>, Failure> {
    let authorised = caller.may(Permission::AgentUpdate)?;
    let budget = change_of_budget(&caller, &body)?;
    check_given(&caller, body.settings.as_ref())?;
    // Who leaves a team leaves its budget and its policy.
    let team_manager = body.team_id.map(|_| caller.may(Permission::TeamManage));
    let team_manager = team_manager.transpose()?;
    let mut tx = api.db.begin().await?;
    let mut agent = api.agents.hold(&mut tx, &authorised, id).await?;
    if_match.allows_since(agent.updated_at)?;
    if let (Some(manager), Some(Some(team))) = (&team_manager, body.team_id) {
        api.identity.keep_team(&mut tx, manager, team).await?;
    }
    let routes = routing::is_said(body.settings.as_ref());
    let (before, change) = (agent.settings.guardrail_profile(), change_of_agent(body));
    // Its budget is part of what is shown of it, so a change of that alone makes a new version too.
    if change != AgentChange::default() || budget.is_some() {
        agent = api.agents.update(&mut tx, &authorised, id, change).await?;
    }
    let named = agent
        .settings
        .guardrail_profile()
        .filter(|id| Some(*id) != before);
    kept(&api, &mut tx, &authorised, (PROFILE, named)).await?;
    policies::kept(&api, &mut tx, &authorised, &agent.settings.policies()).await?;
    if routes {
        routing::check(&api, &authorised, &agent.settings).await?;
    }
    if let Some((setter, set)) = &budget {
        api.limits
            .put_in(&mut tx, setter, Scope::Agent(id), set)
            .await?;
    }
    tx.commit().await?;
    (api.notify)(Change::Agent(id));
    if budget.is_some() {
        (api.notify)(Change::Budget(Scope::Agent(id)));
    }
    shown(&api, &authorised, agent).await
}

/// What an agent is given to be, and policies of its own, are for those to say who write policies:
/// else an owner could allow his agents what is denied to them.
pub(crate) fn check_given(
    caller: &Caller,
    settings: Option<&Map<String, Value>>,
) -> Result<(), Failure> {
    let given = |name: &&str| settings.is_some_and(|settings| settings.contains_key(*name));
    if ["role", "policy_ids"].iter().any(given) {
        caller.may(Permission::ConfigWrite)?;
    }
    Ok(())
}

fn change_of_agent(body: UpdateAgent) -> AgentChange {
    AgentChange {
        name: body.name,
        description: body.description,
        tags: body
            .tags
            .map(|tags| tags.into_iter().map(|tag| tag.0).collect()),
        settings: body.settings,
        team: body.team_id,
    }
}

/// The part of a change that is about money, with the evidence that it may be made.
fn change_of_budget(
    caller: &Caller,
    body: &UpdateAgent,
) -> Result<Option<(Authorised, iron_budget::SetBudget)>, Failure> {
    if body.budget.is_none() && body.period.is_none() && body.schedule.is_none() {
        return Ok(None);
    }
    let setter = caller.may(Permission::BudgetSet)?;
    let limit = body.budget.map_or(Limit::Stays, Limit::Is);
    Ok(Some((
        setter,
        set_budget(limit, (body.period, body.schedule.clone()), None)?,
    )))
}

/// Deletes an agent with its tokens and assignments; its records and its ledger stay.
#[utoipa::path(delete, path = "/agents/{agent_id}", tag = "agents",
    params(("agent_id" = AgentId, Path, description = "The agent")), responses(
    (status = 200, description = "What went with it", body = AgentDeleted),
))]
pub(crate) async fn delete_agent(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<AgentId>,
    if_match: IfMatch,
) -> Result<Answer<AgentDeleted>, Failure> {
    let authorised = caller.may(Permission::AgentDelete)?;
    let mut tx = api.db.begin().await?;
    let present = api.agents.hold(&mut tx, &authorised, id).await?;
    if_match.allows_since(present.updated_at)?;
    let (ic_tokens, stale) = api
        .identity
        .revoke_ic_tokens_of(&mut tx, &authorised, id)
        .await?;
    let gone = api.agents.delete(&mut tx, &authorised, id).await?;
    api.pools.release(&mut tx, &authorised, id).await?;
    let budget_requests = api
        .requests
        .cancel_of(&mut tx, &authorised, RequestsOf::Agent(id))
        .await?;
    let leases = api
        .ledger
        .revoke_leases_of(&mut tx, &authorised, Scope::Agent(id))
        .await?;
    tx.commit().await?;
    stale
        .into_iter()
        .for_each(|token| (api.notify)(Change::Revoked(token)));
    (api.notify)(Change::Agent(id));
    (api.notify)(Change::Budget(Scope::Agent(id)));
    (api.notify)(Change::Ended(id));
    let cascade = AgentCascade {
        ic_tokens,
        provider_assignments: gone.assignments,
        leases,
        budget_requests,
        // There are no such things yet that could hang on an agent.
        checkpoints: 0,
        schedules: 0,
    };
    Ok(Answer(AgentDeleted {
        id,
        deleted: true,
        deleted_at: gone.deleted_at,
        cascade,
    }))
}

/// How an agent is doing.
#[utoipa::path(get, path = "/agents/{agent_id}/status", tag = "agents",
    params(("agent_id" = AgentId, Path, description = "The agent")), responses(
    (status = 200, description = "Its state, its budget and its calls", body = AgentStatusView),
))]
pub(crate) async fn get_agent_status(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<AgentId>,
) -> Result<Answer<AgentStatusView>, Failure> {
    let authorised = caller.may(Permission::AgentRead)?;
    let agent = api.agents.get(&authorised, id).await?;
    let budget = api.limits.get(&authorised, Scope::Agent(id)).await?;
    let usage = api.audit.usage(&authorised, UsageOf::Agent(id)).await?;
    let off = is_off(&api, &authorised, &agent).await?;
    Ok(Answer(view::agent_status_view(
        &agent,
        &budget,
        off,
        usage,
        api.environment.now(),
    )))
}

/// Whether an agent can work, and what it lacks.
#[utoipa::path(get, path = "/agents/{agent_id}/health", tag = "agents",
    params(("agent_id" = AgentId, Path, description = "The agent")), responses(
    (status = 200, description = "What it has and what it lacks", body = AgentHealth),
))]
pub(crate) async fn get_agent_health(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<AgentId>,
) -> Result<Answer<AgentHealth>, Failure> {
    let authorised = caller.may(Permission::AgentRead)?;
    let agent = api.agents.get(&authorised, id).await?;
    let budget = api.limits.get(&authorised, Scope::Agent(id)).await?;
    let token = api.identity.live_ic_token(&api.db, &authorised, id).await?;
    let providers = api
        .providers
        .for_call(authorised.tenant, &agent.providers)
        .await?;
    let facts = view::HealthFacts {
        off: is_off(&api, &authorised, &agent).await?,
        has_token: token.is_some(),
        has_provider: !providers.is_empty(),
        probed_at: api.environment.now(),
    };
    Ok(Answer(view::agent_health(&agent, &budget, &facts)))
}
