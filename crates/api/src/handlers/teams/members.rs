//! Who belongs to a team.

use axum::extract::State;
use iron_audit::Authorised;
use iron_budget::SetBudget;
use iron_identity::{Permission, TeamRole};
use iron_primitives::{Money, Period, Scope, TeamId, UserId};
use iron_runtime::authority::Change;
use iron_sdk::teams::{PutTeamMember, TeamMemberRemoved, TeamMembership, TeamRole as RoleWord};
use iron_store::Tx;

use crate::answer::Answer;
use crate::caller::Caller;
use crate::failure::Failure;
use crate::input::{Input, PathIds};
use crate::state::Api;
use crate::view;

/// Makes a user a member of a team, or changes what he is in it. A new member without a limit of his
/// own is given the team's default for members.
#[utoipa::path(put, path = "/teams/{team_id}/members/{user_id}", tag = "teams",
    request_body = PutTeamMember,
    params(("team_id" = TeamId, Path, description = "The team"),
        ("user_id" = UserId, Path, description = "The user")), responses(
    (status = 200, description = "The membership", body = TeamMembership),
))]
pub(crate) async fn put_team_member(
    State(api): State<Api>,
    caller: Caller,
    PathIds(team_id, user_id): PathIds<TeamId, UserId>,
    Input(body): Input<PutTeamMember>,
) -> Result<Answer<TeamMembership>, Failure> {
    let authorised = caller.may(Permission::TeamManage)?;
    let role = match body.team_role.unwrap_or(RoleWord::Member) {
        RoleWord::Member => TeamRole::Member,
        RoleWord::Lead => TeamRole::Lead,
    };
    let mut tx = api.db.begin().await?;
    // The tenant before its teams, as whoever makes something under a quota holds them.
    let tenant = authorised.tenant;
    api.identity
        .hold_tenant(&mut tx, &authorised, tenant)
        .await?;
    let team = api
        .identity
        .hold_team(&mut tx, &authorised, team_id)
        .await?;
    let (member, new) = api
        .identity
        .put_team_member(&mut tx, &authorised, (team_id, user_id), role)
        .await?;
    let mut limited = false;
    if let Some(budget) = team.default_user_budget.filter(|_| new) {
        let setter = caller.may(Permission::BudgetSet)?;
        limited = give_default(&api, &mut tx, &setter, user_id, budget).await?;
    }
    tx.commit().await?;
    if limited {
        (api.notify)(Change::Budget(Scope::User(user_id)));
    }
    Ok(Answer(TeamMembership {
        team_id,
        user_id,
        team_role: view::team_role(member.team_role),
        joined_at: member.joined_at,
    }))
}

/// Limits a user who has no limit; says whether he had none.
async fn give_default(
    api: &Api,
    tx: &mut Tx,
    setter: &Authorised,
    user: UserId,
    budget: Money,
) -> Result<bool, Failure> {
    let scope = Scope::User(user);
    let (limit, _) = api.limits.hold(tx, setter, scope).await?;
    if limit.is_some() {
        return Ok(false);
    }
    let set = SetBudget {
        limit: Some(Some(budget)),
        period: Some(Period::Monthly),
        reason: Some("the default for members of a team".to_owned()),
        ..SetBudget::default()
    };
    api.limits.put_in(tx, setter, scope, &set).await?;
    Ok(true)
}

/// Takes a user out of a team. His agents stay in it, and his budget stays as it is.
#[utoipa::path(delete, path = "/teams/{team_id}/members/{user_id}", tag = "teams",
    params(("team_id" = TeamId, Path, description = "The team"),
        ("user_id" = UserId, Path, description = "The user")), responses(
    (status = 200, description = "He is out", body = TeamMemberRemoved),
))]
pub(crate) async fn remove_team_member(
    State(api): State<Api>,
    caller: Caller,
    PathIds(team_id, user_id): PathIds<TeamId, UserId>,
) -> Result<Answer<TeamMemberRemoved>, Failure> {
    let authorised = caller.may(Permission::TeamManage)?;
    let mut tx = api.db.begin().await?;
    // The tenant before its teams, as whoever makes something under a quota holds them.
    let tenant = authorised.tenant;
    api.identity
        .hold_tenant(&mut tx, &authorised, tenant)
        .await?;
    api.identity
        .hold_team(&mut tx, &authorised, team_id)
        .await?;
    api.identity
        .remove_team_member(&mut tx, &authorised, team_id, user_id)
        .await?;
    tx.commit().await?;
    Ok(Answer(TeamMemberRemoved {
        team_id,
        user_id,
        removed: true,
    }))
}
