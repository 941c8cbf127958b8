//! Agents and what they are allowed.

use axum::extract::State;
use iron_audit::{Authorised, UsageOf};
use iron_fleet::{Agent, AgentChange, AgentFilter, NewAgent, RuntimeState, Verb};
use iron_identity::{NewIcToken, Permission, Project, Role};
use iron_net::problem::Problem;
use iron_primitives::{AgentId, ProviderId, Scope};
use iron_runtime::authority::Change;
use iron_sdk::BudgetAmount;
use iron_sdk::agents::{
    AgentAction, AgentCascade, AgentCreated, AgentDeleted, AgentQuery, AgentStatusView, AgentView,
    AssignProviders, AssignedProviders, CreateAgent, ProviderRemoved, UpdateAgent,
};
use iron_sdk::lists::List;
use iron_store::{Paged, Sort, Tx};

use crate::answer::{Answer, Created, Tagged, list, page, tag_of};
use crate::caller::Caller;
use crate::failure::Failure;
use crate::handlers::projects::set_budget;
use crate::input::{IfMatch, Input, Params, PathId, PathIds};
use crate::query::{sort, words};
use crate::state::Api;
use crate::view;

/// Creates an agent; it runs from now on.
#[utoipa::path(post, path = "/agents", tag = "agents", request_body = CreateAgent, responses(
    (status = 201, description = "The agent, with its token if asked for", body = AgentCreated),
))]
pub(crate) async fn create_agent(
    State(api): State<Api>,
    caller: Caller,
    Input(body): Input<CreateAgent>,
) -> Result<Created<AgentCreated>, Failure> {
    let authorised = caller.may(Permission::AgentCreate)?;
    check_developer_budget(&api, &authorised, body.budget)?;
    let issuer = body
        .create_ic_token
        .unwrap_or(false)
        .then(|| caller.may(Permission::TokenIssue));
    let issuer = issuer.transpose()?;
    let (limit, period) = (
        view::money(Some(body.budget))?,
        body.period.unwrap_or_default(),
    );
    let mut tx = api.db.begin().await?;
    let new = new_agent(&api, &mut tx, &authorised, body).await?;
    let agent = api.agents.create(&mut tx, &authorised, new).await?;
    let scope = Scope::Agent(agent.id);
    api.limits
        .create_row(&mut tx, authorised.tenant, scope, limit, period)
        .await?;
    let token = match issuer {
        Some(issuer) => Some(
            api.identity
                .create_ic_token(&mut tx, &issuer, token_of(&agent))
                .await?,
        ),
        None => None,
    };
    tx.commit().await?;
    let budget = api.limits.get(&authorised, scope).await?;
    let location = format!("/api/v1/agents/{}", agent.id);
    let created = view::agent_created(view::agent(agent, &budget, None), token);
    Ok(Created {
        location,
        view: created,
    })
}

/// What a developer gives his own agents would otherwise walk round the request of a budget.
fn check_developer_budget(
    api: &Api,
    authorised: &Authorised,
    budget: BudgetAmount,
) -> Result<(), Problem> {
    let most = api.config.max_developer_agent_budget;
    if authorised.role != Role::Admin && budget > most {
        let problem = format!(
            "must be at most {} for a developer; ask an admin for more",
            most.0
        );
        return Err(Problem::field("budget", problem));
    }
    Ok(())
}

/// The agent as `fleet` takes it, once everything that it names has been found.
async fn new_agent(
    api: &Api,
    tx: &mut Tx,
    authorised: &Authorised,
    body: CreateAgent,
) -> Result<NewAgent, Failure> {
    let project: Project = match body.project_id {
        Some(id) => api.identity.project(&mut *tx, authorised, id).await?,
        None => api.identity.default_project(&mut *tx, authorised).await?,
    };
    let owner = body.owner_id.unwrap_or(authorised.user);
    if owner != authorised.user {
        if !authorised.reaches(owner, None) {
            return Err(Problem::field("owner_id", "only an admin gives agents to others").into());
        }
        api.identity.user(&mut *tx, authorised, owner).await?;
    }
    let providers = body.providers.unwrap_or_default();
    api.providers
        .check_assignable(tx, authorised, &providers)
        .await?;
    Ok(NewAgent {
        project: project.id,
        team: project.team_id,
        owner,
        name: body.name,
        description: body.description,
        tags: body
            .tags
            .unwrap_or_default()
            .into_iter()
            .map(|tag| tag.0)
            .collect(),
        settings: body.settings.unwrap_or_default(),
        providers,
        environment: body
            .environment
            .map(view::environment_of)
            .unwrap_or_default(),
    })
}

fn token_of(agent: &Agent) -> NewIcToken {
    NewIcToken {
        agent: agent.id,
        project: agent.project,
        owner: agent.owner,
        description: None,
        expires_at: None,
    }
}

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

/// The providers of an agent, the preferred one first.
#[utoipa::path(get, path = "/agents/{agent_id}/providers", tag = "agents",
    params(("agent_id" = AgentId, Path, description = "The agent")), responses(
    (status = 200, description = "The providers", body = AssignedProviders),
))]
pub(crate) async fn get_agent_providers(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<AgentId>,
) -> Result<Tagged<AssignedProviders>, Failure> {
    let authorised = caller.may(Permission::AgentRead)?;
    let agent = api.agents.get(&authorised, id).await?;
    with_providers(&api, &authorised, agent).await
}

async fn with_providers(
    api: &Api,
    authorised: &Authorised,
    agent: Agent,
) -> Result<Tagged<AssignedProviders>, Failure> {
    let mut providers = Vec::with_capacity(agent.providers.len());
    for id in &agent.providers {
        providers.push(api.providers.get(authorised, *id).await?);
    }
    Ok(Tagged::new(
        view::assigned(&agent, providers),
        agent.updated_at,
    ))
}

/// Replaces the providers of an agent.
#[utoipa::path(put, path = "/agents/{agent_id}/providers", tag = "agents",
    request_body = AssignProviders,
    params(("agent_id" = AgentId, Path, description = "The agent")), responses(
    (status = 200, description = "The providers", body = AssignedProviders),
))]
pub(crate) async fn assign_agent_providers(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<AgentId>,
    if_match: IfMatch,
    Input(body): Input<AssignProviders>,
) -> Result<Tagged<AssignedProviders>, Failure> {
    let authorised = caller.may(Permission::AgentUpdate)?;
    let mut tx = api.db.begin().await?;
    if_match.allows(&tag_of(
        api.agents.read(&mut tx, &authorised, id).await?.updated_at,
    ))?;
    api.providers
        .check_assignable(&mut tx, &authorised, &body.providers)
        .await?;
    let agent = api
        .agents
        .assign_providers(&mut tx, &authorised, id, body.providers)
        .await?;
    tx.commit().await?;
    (api.notify)(Change::Agent(id));
    with_providers(&api, &authorised, agent).await
}

/// Takes one provider from an agent.
#[utoipa::path(delete, path = "/agents/{agent_id}/providers/{provider_id}", tag = "agents",
    params(
        ("agent_id" = AgentId, Path, description = "The agent"),
        ("provider_id" = ProviderId, Path, description = "The provider"),
    ), responses((status = 200, description = "What is left", body = ProviderRemoved)))]
pub(crate) async fn remove_agent_provider(
    State(api): State<Api>,
    caller: Caller,
    PathIds(id, provider): PathIds<AgentId, ProviderId>,
) -> Result<Answer<ProviderRemoved>, Failure> {
    let authorised = caller.may(Permission::AgentUpdate)?;
    let mut tx = api.db.begin().await?;
    let agent = api
        .agents
        .remove_provider(&mut tx, &authorised, id, provider)
        .await?;
    tx.commit().await?;
    (api.notify)(Change::Agent(id));
    let count = u64::try_from(agent.providers.len()).unwrap_or(u64::MAX);
    Ok(Answer(ProviderRemoved {
        removed: true,
        remaining_providers: agent.providers,
        count,
    }))
}
