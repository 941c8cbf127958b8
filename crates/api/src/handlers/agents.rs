//! Agents and what they are allowed.

pub(crate) mod create;
pub(crate) mod providers;

use axum::extract::State;
use iron_audit::{Authorised, UsageOf};
use iron_fleet::{Agent, AgentChange, AgentFilter, RuntimeState, Verb};
use iron_identity::Permission;
use iron_net::problem::Problem;
use iron_primitives::{AgentId, Scope};
use iron_runtime::authority::Change;
use iron_sdk::agents::{
    AgentAction, AgentCascade, AgentDeleted, AgentQuery, AgentStatusView, AgentView, UpdateAgent,
};
use iron_sdk::lists::List;
use iron_store::{Paged, Sort};

use crate::answer::{Answer, Tagged, list, page, tag_of};
use crate::caller::Caller;
use crate::failure::Failure;
use crate::handlers::projects::set_budget;
use crate::input::{IfMatch, Input, Params, PathId};
use crate::query::{sort, words};
use crate::state::Api;
use crate::view;

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
    let newest = Sort::descending("created_at");
    let order = sort(query.sort.as_deref(), iron_fleet::SORTABLE, newest)?;
    let page = page(query.page, query.per_page);
    let found = api
        .agents
        .list(&authorised, &filter(query)?, order, page)
        .await?;
    let mut views = Vec::with_capacity(found.items.len());
    for agent in found.items {
        let budget = api.limits.get(&authorised, Scope::Agent(agent.id)).await?;
        views.push(view::agent(agent, &budget, None));
    }
    Ok(list(
        Paged {
            items: views,
            total: found.total,
        },
        page,
        |view| view,
    ))
}

fn filter(query: AgentQuery) -> Result<AgentFilter, Problem> {
    let states = [
        RuntimeState::Running,
        RuntimeState::Paused,
        RuntimeState::Stopped,
    ];
    let states = states.map(|state| (state.as_str(), state));
    let off = words(
        "status",
        query.status.as_deref(),
        &[("active", false), ("inactive", true)],
    )?;
    let tags = query
        .tags
        .map(|tags| tags.split(',').map(|tag| tag.trim().to_owned()).collect());
    Ok(AgentFilter {
        name: query.name,
        switched_off: off
            .first()
            .copied()
            .filter(|first| off.iter().all(|other| other == first)),
        runtime_states: words("runtime_state", query.runtime_state.as_deref(), &states)?,
        tags: tags.unwrap_or_default(),
        project: query.project_id,
        team: None,
        owner: query.owner_id,
        among: None,
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
    Ok(Tagged::new(view::agent(agent, &budget, token), changed))
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
    let mut tx = api.db.begin().await?;
    let mut agent = api.agents.read(&mut tx, &authorised, id).await?;
    if_match.allows(&tag_of(agent.updated_at))?;
    let change = change_of_agent(body);
    if change != AgentChange::default() {
        agent = api.agents.update(&mut tx, &authorised, id, change).await?;
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

fn change_of_agent(body: UpdateAgent) -> AgentChange {
    AgentChange {
        name: body.name,
        description: body.description,
        tags: body
            .tags
            .map(|tags| tags.into_iter().map(|tag| tag.0).collect()),
        settings: body.settings,
    }
}

/// The part of a change that is about money, with the evidence that it may be made.
fn change_of_budget(
    caller: &Caller,
    body: &UpdateAgent,
) -> Result<Option<(Authorised, iron_budget::SetBudget)>, Failure> {
    if body.budget.is_none() && body.period.is_none() {
        return Ok(None);
    }
    let setter = caller.may(Permission::BudgetSet)?;
    Ok(Some((setter, set_budget(body.budget, body.period, None)?)))
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
    if_match.allows(&tag_of(
        api.agents.read(&mut tx, &authorised, id).await?.updated_at,
    ))?;
    let (ic_tokens, stale) = api
        .identity
        .revoke_ic_tokens_of(&mut tx, &authorised, id)
        .await?;
    let gone = api.agents.delete(&mut tx, &authorised, id).await?;
    tx.commit().await?;
    stale
        .into_iter()
        .for_each(|token| (api.notify)(Change::Token(token)));
    (api.notify)(Change::Agent(id));
    let leases = api
        .ledger
        .leases(&authorised, Scope::Agent(id))
        .await?
        .len();
    let cascade = AgentCascade {
        ic_tokens,
        provider_assignments: gone.assignments,
        leases: u64::try_from(leases).unwrap_or(u64::MAX),
        // There are no such things yet that could hang on an agent.
        budget_requests: 0,
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
    Ok(Answer(view::agent_status_view(
        &agent,
        &budget,
        usage,
        api.environment.now(),
    )))
}

macro_rules! actions {
    ($($(#[doc = $doc:literal])* $name:ident, $path:literal, $verb:ident, $permission:ident;)*) => {$(
        $(#[doc = $doc])*
        #[utoipa::path(post, path = $path, tag = "agents", request_body = AgentAction,
            params(("agent_id" = AgentId, Path, description = "The agent")), responses(
            (status = 200, description = "The agent", body = AgentView),
        ))]
        pub(crate) async fn $name(
            State(api): State<Api>,
            caller: Caller,
            PathId(id): PathId<AgentId>,
            Input(body): Input<AgentAction>,
        ) -> Result<Tagged<AgentView>, Failure> {
            act(&api, &caller.may(Permission::$permission)?, id, Verb::$verb, body.reason).await
        }
    )*};
}

actions! {
    /// Lets a stopped agent's calls through again.
    start_agent, "/agents/{agent_id}/start", Start, AgentExecute;
    /// Refuses an agent's calls until it is resumed.
    pause_agent, "/agents/{agent_id}/pause", Pause, AgentExecute;
    /// Lets a paused agent's calls through again.
    resume_agent, "/agents/{agent_id}/resume", Resume, AgentExecute;
    /// Refuses an agent's calls until it is started; calls under way come to their end.
    stop_agent, "/agents/{agent_id}/stop", Stop, AgentExecute;
    /// Stops an agent at once, whatever it is doing.
    kill_agent, "/agents/{agent_id}/kill", Kill, AgentKill;
}

async fn act(
    api: &Api,
    authorised: &Authorised,
    id: AgentId,
    verb: Verb,
    reason: Option<String>,
) -> Result<Tagged<AgentView>, Failure> {
    let mut tx = api.db.begin().await?;
    let agent = api
        .agents
        .act(&mut tx, authorised, id, verb, reason)
        .await?;
    tx.commit().await?;
    (api.notify)(Change::Agent(id));
    shown(api, authorised, agent).await
}
