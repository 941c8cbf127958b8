//! Teams: people who share a budget and a policy.

pub(crate) mod members;
pub(crate) mod report;

use axum::extract::State;
use iron_audit::Authorised;
use iron_budget::{SetBudget, SoftLimits, Transfer};
use iron_identity::{NewTeam, Permission, Team, TeamChanges};
use iron_net::problem::Problem;
use iron_primitives::{ErrorKind, Scope, TeamId};
use iron_runtime::authority::Change;
use iron_sdk::lists::List;
use iron_sdk::teams::{
    BudgetTransferred, CreateTeam, TeamDeleted, TeamQuery, TeamView, TransferBudget, UpdateTeam,
};
use iron_store::{Paged, Sort};

use crate::answer::{Answer, Created, Tagged, list, page};
use crate::caller::Caller;
use crate::failure::Failure;
use crate::handlers::guardrails::kept;
use crate::handlers::limits::{Limit, set_budget};
use crate::input::{IfMatch, Input, Params, PathId};
use crate::query::sort;
use crate::state::Api;
use crate::view;

/// Where people are warned unless they say otherwise.
const USUAL_THRESHOLD: u8 = 80;
/// Where a policy names a guardrail profile.
const PROFILE: &str = "policy.guardrail_profile_id";

/// Creates a team, with its budget for each month.
#[utoipa::path(post, path = "/teams", tag = "teams", request_body = CreateTeam,
    responses((status = 201, description = "The team", body = TeamView)))]
pub(crate) async fn create_team(
    State(api): State<Api>,
    caller: Caller,
    Input(body): Input<CreateTeam>,
) -> Result<Created<TeamView>, Failure> {
    let authorised = caller.may(Permission::TeamManage)?;
    let limit = view::amount("budget", body.budget)?;
    let default_user_budget = body
        .default_user_budget
        .map(|budget| view::amount("default_user_budget", budget))
        .transpose()?;
    let soft_limits = threshold(body.alert_threshold.unwrap_or(USUAL_THRESHOLD))?;
    let policy = body.policy.map(view::policy_of);
    let profile = policy
        .as_ref()
        .and_then(|policy| policy.guardrail_profile_id);
    let new = NewTeam {
        name: body.name,
        description: body.description,
        policy: policy.unwrap_or_default(),
        default_user_budget,
    };
    let mut tx = api.db.begin().await?;
    kept(&api, &mut tx, &authorised, (PROFILE, profile)).await?;
    let team = api.identity.create_team(&mut tx, &authorised, new).await?;
    api.limits
        .create_team_row(&mut tx, authorised.tenant, team.id, limit, soft_limits)
        .await?;
    tx.commit().await?;
    Ok(Created {
        location: format!("/api/v1/teams/{}", team.id),
        view: shown(&api, &authorised, team).await?,
    })
}

/// Lists the teams: all for an admin, for others those that they are in.
#[utoipa::path(get, path = "/teams", tag = "teams", params(TeamQuery), responses(
    (status = 200, description = "The teams", body = List<TeamView>),
))]
pub(crate) async fn list_teams(
    State(api): State<Api>,
    caller: Caller,
    Params(query): Params<TeamQuery>,
) -> Result<Answer<List<TeamView>>, Failure> {
    let authorised = caller.may(Permission::TeamRead)?;
    let newest = Sort::descending("t.created_at");
    let order = sort(query.sort.as_deref(), TeamChanges::SORTS, newest)?;
    let page = page(query.page, query.per_page);
    let found = api
        .identity
        .teams(&authorised, query.name.as_deref(), order, page)
        .await?;
    let total = found.total;
    let items = views(&api, &authorised, found.items).await?;
    Ok(list(Paged { items, total }, page, |view| view))
}

/// One team, for its members and admins.
#[utoipa::path(get, path = "/teams/{team_id}", tag = "teams",
    params(("team_id" = TeamId, Path, description = "The team")), responses(
    (status = 200, description = "The team", body = TeamView),
))]
pub(crate) async fn get_team(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<TeamId>,
) -> Result<Tagged<TeamView>, Failure> {
    let authorised = caller.may(Permission::TeamRead)?;
    let team = api.identity.team(&api.db, &authorised, id).await?;
    tagged(&api, &authorised, team).await
}

/// Changes a team. What is lower acts at once, and so does a narrower policy.
#[utoipa::path(patch, path = "/teams/{team_id}", tag = "teams", request_body = UpdateTeam,
    params(("team_id" = TeamId, Path, description = "The team")), responses(
    (status = 200, description = "The team", body = TeamView),
))]
pub(crate) async fn update_team(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<TeamId>,
    if_match: IfMatch,
    Input(body): Input<UpdateTeam>,
) -> Result<Tagged<TeamView>, Failure> {
    let authorised = caller.may(Permission::TeamManage)?;
    let budget = change_of_budget(&caller, &body)?;
    let default_user_budget = match body.default_user_budget {
        None => None,
        Some(None) => Some(None),
        Some(Some(budget)) => Some(Some(view::amount("default_user_budget", budget)?)),
    };
    let policy_changes = body.policy.is_some();
    let policy = body.policy.map(view::policy_of);
    let profile = policy
        .as_ref()
        .and_then(|policy| policy.guardrail_profile_id);
    let changes = TeamChanges {
        name: body.name,
        description: body.description,
        policy,
        default_user_budget,
    };
    let mut tx = api.db.begin().await?;
    let present = api.identity.hold_team(&mut tx, &authorised, id).await?;
    if_match.allows_since(present.updated_at)?;
    kept(&api, &mut tx, &authorised, (PROFILE, profile)).await?;
    let team = api
        .identity
        .update_team(&mut tx, &authorised, id, changes)
        .await?;
    let scope = Scope::Team(id);
    if let Some((setter, set)) = &budget {
        api.limits.put_in(&mut tx, setter, scope, set).await?;
    }
    tx.commit().await?;
    if budget.is_some() {
        (api.notify)(Change::Budget(scope));
    }
    if policy_changes {
        for agent in api.agents.of_team(&authorised, id).await? {
            (api.notify)(Change::Agent(agent.id));
        }
    }
    tagged(&api, &authorised, team).await
}

/// The part of a change that is about money, with the evidence that it may be made.
fn change_of_budget(
    caller: &Caller,
    body: &UpdateTeam,
) -> Result<Option<(Authorised, SetBudget)>, Failure> {
    if body.budget.is_none() && body.alert_threshold.is_none() {
        return Ok(None);
    }
    let setter = caller.may(Permission::BudgetSet)?;
    let limit = body.budget.map_or(Limit::Stays, Limit::Is);
    let soft_limits = body.alert_threshold.map(threshold).transpose()?;
    let set = SetBudget {
        soft_limits: soft_limits.map(Some),
        ..set_budget(limit, (None, None), None)?
    };
    Ok(Some((setter, set)))
}

fn threshold(percent: u8) -> Result<SoftLimits, Problem> {
    SoftLimits::new(vec![percent])
        .ok_or_else(|| Problem::field("alert_threshold", "expected a percentage from 1 to 99"))
}

/// Deletes a team that has neither agents nor projects; its members stay in the tenant. What it has
/// spent stays in the ledger.
#[utoipa::path(delete, path = "/teams/{team_id}", tag = "teams",
    params(("team_id" = TeamId, Path, description = "The team")), responses(
    (status = 200, description = "It is deleted", body = TeamDeleted),
))]
pub(crate) async fn delete_team(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<TeamId>,
    if_match: IfMatch,
) -> Result<Answer<TeamDeleted>, Failure> {
    let authorised = caller.may(Permission::TeamManage)?;
    let mut tx = api.db.begin().await?;
    let present = api.identity.hold_team(&mut tx, &authorised, id).await?;
    if_match.allows_since(present.updated_at)?;
    let deleted_at = api.identity.delete_team(&mut tx, &authorised, id).await?;
    let agents = api.agents.count_in_team(&mut tx, &authorised, id).await?;
    if agents > 0 {
        let message = format!("the team has {agents} agents; give them to another team first");
        return Err(Problem::new(ErrorKind::ResourceInUse, message).into());
    }
    tx.commit().await?;
    Ok(Answer(TeamDeleted {
        id,
        deleted: true,
        deleted_at,
    }))
}

/// Moves a part of a team's limit to another team, for good. What the giver has spent and what
/// instances hold of its budget stays with it.
#[utoipa::path(post, path = "/teams/{team_id}/transfer", tag = "teams",
    request_body = TransferBudget,
    params(("team_id" = TeamId, Path, description = "The team that gives")), responses(
    (status = 200, description = "Both budgets", body = BudgetTransferred),
))]
pub(crate) async fn transfer_team_budget(
    State(api): State<Api>,
    caller: Caller,
    PathId(from): PathId<TeamId>,
    Input(body): Input<TransferBudget>,
) -> Result<Answer<BudgetTransferred>, Failure> {
    caller.may(Permission::TeamManage)?;
    let authorised = caller.may(Permission::BudgetSet)?;
    let transfer = Transfer {
        from,
        to: body.to_team_id,
        amount: view::amount("amount", body.amount)?,
        reason: body.reason,
    };
    let mut tx = api.db.begin().await?;
    // Always in the same order.
    for team in [from.min(transfer.to), from.max(transfer.to)] {
        api.identity.keep_team(&mut tx, &authorised, team).await?;
    }
    let done = api.limits.transfer(&mut tx, &authorised, &transfer).await?;
    tx.commit().await?;
    for team in [from, transfer.to] {
        (api.notify)(Change::Budget(Scope::Team(team)));
    }
    Ok(Answer(BudgetTransferred {
        from: view::team_balance(from, &done.from),
        to: view::team_balance(transfer.to, &done.to),
        amount: transfer.amount.into(),
    }))
}

async fn tagged(
    api: &Api,
    authorised: &Authorised,
    team: Team,
) -> Result<Tagged<TeamView>, Failure> {
    let changed = team.updated_at;
    Ok(Tagged::new(shown(api, authorised, team).await?, changed))
}

async fn shown(api: &Api, authorised: &Authorised, team: Team) -> Result<TeamView, Failure> {
    let id = team.id;
    let views = views(api, authorised, vec![team]).await?;
    let view = views.into_iter().next();
    Ok(view.ok_or(Problem::not_found("team", id))?)
}

/// Teams with their budgets, members and agents, by three questions for any number of them.
async fn views(
    api: &Api,
    authorised: &Authorised,
    teams: Vec<Team>,
) -> Result<Vec<TeamView>, Failure> {
    let ids: Vec<TeamId> = teams.iter().map(|team| team.id).collect();
    let scopes: Vec<Scope> = ids.iter().copied().map(Scope::Team).collect();
    let budgets = api.limits.get_all(authorised, &scopes).await?;
    let mut members = api.identity.team_members(authorised, &ids).await?;
    let agents = api.agents.count_by_team(authorised).await?;
    let mut views = Vec::with_capacity(teams.len());
    for team in teams {
        let scope = Scope::Team(team.id);
        let budget = budgets.iter().find(|budget| budget.scope == scope);
        let budget = budget.ok_or(iron_budget::Error::NotFound)?;
        let of_it = members.remove(&team.id).unwrap_or_default();
        let count = agents.get(&team.id).copied().unwrap_or(0);
        views.push(view::team(team, budget, of_it, count));
    }
    Ok(views)
}
