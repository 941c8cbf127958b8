//! The birth of an agent: with its budget, its providers and, if asked for, its token.

use axum::extract::State;
use iron_audit::Authorised;
use iron_budget::SoftLimits;
use iron_fleet::{Agent, NewAgent};
use iron_identity::{NewIcToken, Permission, Project, Role};
use iron_net::problem::Problem;
use iron_primitives::{Scope, TeamId};
use iron_sdk::BudgetAmount;
use iron_sdk::agents::{AgentView, CreateAgent};
use iron_settings::Chain;
use iron_store::Tx;

use crate::answer::Created;
use crate::caller::Caller;
use crate::failure::Failure;
use crate::handlers::agents::{PROFILE, check_given, routing};
use crate::handlers::guardrails::kept;
use crate::handlers::policies;
use crate::handlers::tenants::room_for_agent;
use crate::input::Input;
use crate::state::Api;
use crate::view;

/// Creates an agent; it runs from now on.
#[utoipa::path(post, path = "/agents", tag = "agents", request_body = CreateAgent, responses(
    (status = 201, description = "The agent, with its token if asked for", body = AgentView),
))]
pub(crate) async fn create_agent(
    State(api): State<Api>,
    caller: Caller,
    Input(body): Input<CreateAgent>,
) -> Result<Created<AgentView>, Failure> {
    let authorised = caller.may(Permission::AgentCreate)?;
    check_developer_budget(&api, &authorised, body.budget)?;
    check_given(&caller, body.settings.as_ref())?;
    let issuer = body
        .create_ic_token
        .unwrap_or(false)
        .then(|| caller.may(Permission::TokenIssue));
    let issuer = issuer.transpose()?;
    let (limit, period) = (
        view::money(Some(body.budget))?,
        view::period_of(body.period, body.schedule.as_ref())?.unwrap_or_default(),
    );
    let mut tx = api.db.begin().await?;
    room_for_agent(&api, &mut tx, &authorised).await?;
    let new = new_agent(&api, &mut tx, &caller, &authorised, body).await?;
    let agent = api.agents.create(&mut tx, &authorised, new).await?;
    let named = agent.settings.guardrail_profile();
    kept(&api, &mut tx, &authorised, (PROFILE, named)).await?;
    policies::kept(&api, &mut tx, &authorised, &agent.settings.policies()).await?;
    routing::check(&api, &authorised, &agent.settings).await?;
    let scope = Scope::Agent(agent.id);
    let soft_limits = warnings(&api, &mut tx, &agent).await?;
    let whose = (authorised.tenant, agent.id);
    api.limits
        .create_agent_row(&mut tx, whose, limit, period, soft_limits)
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
    let view = view::agent_created(agent, &budget, token);
    Ok(Created { location, view })
}

/// Where a new agent's budget warns: as it is set for its project, its team, its tenant.
async fn warnings(api: &Api, tx: &mut Tx, agent: &Agent) -> Result<SoftLimits, Failure> {
    let chain = Chain::project(agent.tenant, agent.team, agent.project);
    let levels = api.settings.alert_levels(tx, &chain).await?;
    Ok(levels.and_then(SoftLimits::new).unwrap_or_default())
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
    caller: &Caller,
    authorised: &Authorised,
    body: CreateAgent,
) -> Result<NewAgent, Failure> {
    let project: Project = match body.project_id {
        Some(id) => api.identity.keep_project(tx, authorised, id).await?,
        None => api.identity.default_project(&mut *tx, authorised).await?,
    };
    let team = team_of(api, tx, caller, authorised, (&project, body.team_id)).await?;
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
        team,
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

/// The team of a new agent: the one that is named, its project's, or its maker's only one. Who is in
/// teams and no admin makes no agents beside their budgets and policies.
async fn team_of(
    api: &Api,
    tx: &mut Tx,
    caller: &Caller,
    authorised: &Authorised,
    (project, named): (&Project, Option<TeamId>),
) -> Result<Option<TeamId>, Failure> {
    let own = &caller.known().user.team_ids;
    let admin = authorised.role == Role::Admin;
    let refused = |problem: &str| Err(Problem::field("team_id", problem).into());
    let team = match (named.or(project.team_id), own.as_slice()) {
        (Some(team), _) => team,
        (None, _) if admin => return Ok(None),
        (None, []) => return Ok(None),
        (None, [team]) => *team,
        (None, _) => return refused("you are in several teams; name the one that this is for"),
    };
    if named.is_some() && !admin && !own.contains(&team) {
        return refused("you are not in this team; ask an admin");
    }
    api.identity.keep_team(tx, authorised, team).await?;
    Ok(Some(team))
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
