//! Budget limits.

use axum::extract::State;
use iron_audit::Authorised;
use iron_budget::{Changed, HardAction, SetBudget, SoftLimits};
use iron_identity::Permission;
use iron_net::problem::Problem;
use iron_primitives::{AgentId, Money, PeriodKind, ProjectId, Scope, TeamId, UserId};
use iron_runtime::authority::Change;
use iron_sdk::limits::{
    BudgetHistory, BudgetHistorySummary, BudgetView, HardAction as HardActionWord, HistoryQuery,
    SetAgentBudget, SetBudget as SetBudgetBody,
};
use iron_sdk::lists::Pagination;
use iron_sdk::schedules::Schedule;
use iron_sdk::{BudgetAmount, Dollars};
use iron_store::Page;

use crate::answer::{Answer, Tagged, page};
use crate::caller::Caller;
use crate::failure::Failure;
use crate::input::{IfMatch, Input, Params, PathId};
use crate::state::Api;
use crate::view;

/// What a change makes of a limit.
pub(crate) enum Limit {
    /// It stays as it is.
    Stays,
    /// It is lifted.
    None,
    /// It is this.
    Is(BudgetAmount),
}

/// What a change of a budget asks of the ledger.
pub(crate) fn set_budget(
    limit: Limit,
    period: (Option<PeriodKind>, Option<Schedule>),
    reason: Option<String>,
) -> Result<SetBudget, Problem> {
    let limit = match limit {
        Limit::Stays => None,
        Limit::None => Some(None),
        Limit::Is(amount) => Some(view::money(Some(amount))?),
    };
    Ok(SetBudget {
        limit,
        period: view::period_of(period.0, period.1.as_ref())?,
        reason,
        ..SetBudget::default()
    })
}

/// The percentages that a change names.
pub(super) fn soft_limits(
    percents: Option<Option<Vec<u8>>>,
) -> Result<Option<Option<SoftLimits>>, Problem> {
    let Some(percents) = percents else {
        return Ok(None);
    };
    let Some(percents) = percents else {
        return Ok(Some(None));
    };
    let wrong = || Problem::field("soft_limits", "expected percentages from 1 to 99");
    SoftLimits::new(percents)
        .map(|soft| Some(Some(soft)))
        .ok_or_else(wrong)
}

fn dollars(field: &'static str, amount: Option<BudgetAmount>) -> Result<Option<Money>, Problem> {
    let money = amount.map(|amount| amount.0.money()).transpose();
    money.map_err(|error| Problem::field(field, error.to_string()))
}

/// An agent's budget and what is left of it.
#[utoipa::path(get, path = "/limits/agents/{agent_id}/budget", tag = "limits",
    params(("agent_id" = AgentId, Path, description = "The agent")), responses(
    (status = 200, description = "The budget", body = BudgetView),
))]
pub(crate) async fn get_agent_budget(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<AgentId>,
) -> Result<Tagged<BudgetView>, Failure> {
    let authorised = caller.may(Permission::AgentRead)?;
    api.agents.get(&authorised, id).await?;
    shown(&api, &authorised, Scope::Agent(id)).await
}

async fn shown(
    api: &Api,
    authorised: &Authorised,
    scope: Scope,
) -> Result<Tagged<BudgetView>, Failure> {
    let status = api.limits.get(authorised, scope).await?;
    Ok(Tagged::with_tag(
        view::budget(&status),
        view::budget_tag(status.limit, &status.period),
    ))
}

/// Sets an agent's budget. What is lower acts at once.
#[utoipa::path(put, path = "/limits/agents/{agent_id}/budget", tag = "limits",
    request_body = SetAgentBudget,
    params(("agent_id" = AgentId, Path, description = "The agent")), responses(
    (status = 200, description = "The budget and the one before", body = BudgetView),
))]
pub(crate) async fn set_agent_budget(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<AgentId>,
    if_match: IfMatch,
    Input(body): Input<SetAgentBudget>,
) -> Result<Tagged<BudgetView>, Failure> {
    let authorised = caller.may(Permission::BudgetSet)?;
    api.agents.get(&authorised, id).await?;
    let most = match body.max_spend_per_minute {
        None => None,
        Some(most) => Some(dollars("max_spend_per_minute", most)?),
    };
    let set = SetBudget {
        soft_limits: soft_limits(body.soft_limits)?,
        hard_action: body.hard_action.map(|action| match action {
            HardActionWord::Pause => HardAction::Pause,
            HardActionWord::Kill => HardAction::Kill,
        }),
        most_per_minute: most,
        ..set_budget(
            Limit::Is(body.budget),
            (body.period, body.schedule),
            body.reason,
        )?
    };
    put(&api, &authorised, Scope::Agent(id), &if_match, &set).await
}

async fn put(
    api: &Api,
    authorised: &Authorised,
    scope: Scope,
    if_match: &IfMatch,
    set: &SetBudget,
) -> Result<Tagged<BudgetView>, Failure> {
    let mut tx = api.db.begin().await?;
    let (limit, period) = api.limits.hold(&mut tx, authorised, scope).await?;
    if_match.allows(&view::budget_tag(limit, &period))?;
    let changed = api.limits.put_in(&mut tx, authorised, scope, set).await?;
    tx.commit().await?;
    if changed.changed {
        (api.notify)(Change::Budget(scope));
    }
    // Once more, because the transaction knows nothing of what calls hold.
    let now = api.limits.get(authorised, scope).await?;
    let tag = view::budget_tag(changed.now.limit, &changed.now.period);
    let changed = Changed { now, ..changed };
    Ok(Tagged::with_tag(view::changed_budget(&changed), tag))
}

/// How an agent's budget has changed, the newest change first.
#[utoipa::path(get, path = "/limits/agents/{agent_id}/budget/history", tag = "limits",
    params(("agent_id" = AgentId, Path, description = "The agent"), HistoryQuery), responses(
    (status = 200, description = "The changes", body = BudgetHistory),
))]
pub(crate) async fn get_agent_budget_history(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<AgentId>,
    Params(query): Params<HistoryQuery>,
) -> Result<Answer<BudgetHistory>, Failure> {
    let authorised = caller.may(Permission::TokenRead)?;
    api.agents.get(&authorised, id).await?;
    let (scope, page) = (Scope::Agent(id), page(query.page, query.per_page));
    let found = api.limits.history(&authorised, scope, page).await?;
    let now = api.limits.get(&authorised, scope).await?;
    let oldest = Page {
        page: u32::try_from(found.total).unwrap_or(u32::MAX).max(1),
        per_page: 1,
    };
    let first = api
        .limits
        .history(&authorised, scope, oldest)
        .await?
        .items
        .into_iter()
        .next();
    let summary = BudgetHistorySummary {
        initial_budget: first
            .map_or(now.limit, |first| first.previous_limit)
            .map(Dollars::from),
        current_budget: now.limit.map(Dollars::from),
        modification_count: found.total,
    };
    let pagination = Pagination::new(page.page, page.per_page, found.total);
    let data = found.items.into_iter().map(view::budget_change).collect();
    Ok(Answer(BudgetHistory {
        data,
        pagination,
        summary,
    }))
}

/// A user's budget; anyone may ask for his own.
#[utoipa::path(get, path = "/limits/users/{user_id}/budget", tag = "limits",
    params(("user_id" = UserId, Path, description = "The user")), responses(
    (status = 200, description = "The budget", body = BudgetView),
))]
pub(crate) async fn get_user_budget(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<UserId>,
) -> Result<Tagged<BudgetView>, Failure> {
    let authorised = caller.may(Permission::UserRead)?;
    api.identity.user(&api.db, &authorised, id).await?;
    shown(&api, &authorised, Scope::User(id)).await
}

/// Sets a user's budget, for all his agents together.
#[utoipa::path(put, path = "/limits/users/{user_id}/budget", tag = "limits",
    request_body = SetBudgetBody,
    params(("user_id" = UserId, Path, description = "The user")), responses(
    (status = 200, description = "The budget and the one before", body = BudgetView),
))]
pub(crate) async fn set_user_budget(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<UserId>,
    if_match: IfMatch,
    Input(body): Input<SetBudgetBody>,
) -> Result<Tagged<BudgetView>, Failure> {
    let authorised = caller.may(Permission::BudgetSet)?;
    api.identity.user(&api.db, &authorised, id).await?;
    let limit = body.budget.map_or(Limit::None, Limit::Is);
    let set = SetBudget {
        soft_limits: soft_limits(body.soft_limits)?,
        ..set_budget(limit, (body.period, body.schedule), body.reason)?
    };
    put(&api, &authorised, Scope::User(id), &if_match, &set).await
}

/// A project's budget.
#[utoipa::path(get, path = "/limits/projects/{project_id}/budget", tag = "limits",
    params(("project_id" = ProjectId, Path, description = "The project")), responses(
    (status = 200, description = "The budget", body = BudgetView),
))]
pub(crate) async fn get_project_budget(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<ProjectId>,
) -> Result<Tagged<BudgetView>, Failure> {
    let authorised = caller.may(Permission::ProjectRead)?;
    api.identity.project(&api.db, &authorised, id).await?;
    shown(&api, &authorised, Scope::Project(id)).await
}

/// Sets a project's budget, for all its agents together.
#[utoipa::path(put, path = "/limits/projects/{project_id}/budget", tag = "limits",
    request_body = SetBudgetBody,
    params(("project_id" = ProjectId, Path, description = "The project")), responses(
    (status = 200, description = "The budget and the one before", body = BudgetView),
))]
pub(crate) async fn set_project_budget(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<ProjectId>,
    if_match: IfMatch,
    Input(body): Input<SetBudgetBody>,
) -> Result<Tagged<BudgetView>, Failure> {
    let authorised = caller.may(Permission::BudgetSet)?;
    api.identity.project(&api.db, &authorised, id).await?;
    let limit = body.budget.map_or(Limit::None, Limit::Is);
    let set = SetBudget {
        soft_limits: soft_limits(body.soft_limits)?,
        ..set_budget(limit, (body.period, body.schedule), body.reason)?
    };
    put(&api, &authorised, Scope::Project(id), &if_match, &set).await
}

/// A team's budget, for its members and admins.
#[utoipa::path(get, path = "/limits/teams/{team_id}/budget", tag = "limits",
    params(("team_id" = TeamId, Path, description = "The team")), responses(
    (status = 200, description = "The budget", body = BudgetView),
))]
pub(crate) async fn get_team_budget(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<TeamId>,
) -> Result<Tagged<BudgetView>, Failure> {
    let authorised = caller.may(Permission::TeamRead)?;
    api.identity.team(&api.db, &authorised, id).await?;
    shown(&api, &authorised, Scope::Team(id)).await
}

/// Sets a team's budget, for all its agents together.
#[utoipa::path(put, path = "/limits/teams/{team_id}/budget", tag = "limits",
    request_body = SetBudgetBody,
    params(("team_id" = TeamId, Path, description = "The team")), responses(
    (status = 200, description = "The budget and the one before", body = BudgetView),
))]
pub(crate) async fn set_team_budget(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<TeamId>,
    if_match: IfMatch,
    Input(body): Input<SetBudgetBody>,
) -> Result<Tagged<BudgetView>, Failure> {
    let authorised = caller.may(Permission::BudgetSet)?;
    api.identity.team(&api.db, &authorised, id).await?;
    let limit = body.budget.map_or(Limit::None, Limit::Is);
    let set = SetBudget {
        soft_limits: soft_limits(body.soft_limits)?,
        ..set_budget(limit, (body.period, body.schedule), body.reason)?
    };
    put(&api, &authorised, Scope::Team(id), &if_match, &set).await
}
