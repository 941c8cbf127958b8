//! The people of a tenant.

use axum::extract::State;
use iron_budget::RequestsOf;
use iron_identity::{NewUser, Permission, Role, User, UserChanges, UserFilter, UserStatus};
use iron_primitives::{Period, Scope, UserId};
use iron_runtime::authority::Change;
use iron_sdk::invitations::UserCreated;
use iron_sdk::lists::List;
use iron_sdk::users::{
    CreateUser, DeleteUser, Reason, ResetPassword, SetRole, UpdateMe, UpdateUser, UserDeleted,
    UserPermissions, UserProfile, UserQuery, UserView,
};
use iron_store::Sort;

use super::access::keys::{forget, withdraw};
use super::invitations::deliver;
use crate::answer::{Answer, Created, Tagged, list, page};
use crate::caller::Caller;
use crate::failure::Failure;
use crate::input::{IfMatch, Input, Params, PathId};
use crate::query::{sort, words};
use crate::state::Api;
use crate::view;

/// Creates a user; without a password he is invited.
#[utoipa::path(post, path = "/users", tag = "users", request_body = CreateUser, responses(
    (status = 201, description = "The user", body = UserCreated),
))]
pub(crate) async fn create_user(
    State(api): State<Api>,
    caller: Caller,
    Input(body): Input<CreateUser>,
) -> Result<Created<UserCreated>, Failure> {
    let authorised = caller.may(Permission::UserManage)?;
    let password = match body.password {
        Some(text) => Some(
            api.identity
                .hash_password(Some(authorised.tenant), "password", text.into_secret())
                .await?,
        ),
        None => None,
    };
    let role = body.role.map_or(Role::Developer, view::role_of);
    let new = NewUser {
        email: body.email,
        name: body.name,
        role,
        password,
    };
    let mut tx = api.db.begin().await?;
    let user = api.identity.create_user(&mut tx, &authorised, new).await?;
    let scope = Scope::User(user.id);
    api.limits
        .create_row(&mut tx, authorised.tenant, scope, None, Period::None)
        .await?;
    let invitation = match user.status {
        UserStatus::Invited => {
            let made = api.identity.invite(&mut tx, &authorised, user.id).await?;
            Some(deliver(&api, &mut tx, &authorised, &made).await?)
        }
        _ => None,
    };
    tx.commit().await?;
    api.channels.wake();
    let location = format!("/api/v1/users/{}", user.id);
    let user = view::user(user);
    Ok(Created {
        location,
        view: UserCreated { user, invitation },
    })
}

/// Lists the users of the tenant.
#[utoipa::path(get, path = "/users", tag = "users", params(UserQuery), responses(
    (status = 200, description = "The users", body = List<UserView>),
))]
pub(crate) async fn list_users(
    State(api): State<Api>,
    caller: Caller,
    Params(query): Params<UserQuery>,
) -> Result<Answer<List<UserView>>, Failure> {
    let authorised = caller.may(Permission::UserManage)?;
    let roles = Role::ALL.map(|role| (role.as_str(), role));
    let statuses = UserStatus::ALL
        .iter()
        .map(|status| (status.as_str(), *status));
    let filter = UserFilter {
        roles: words("role", query.role.as_deref(), &roles)?,
        statuses: words(
            "status",
            query.status.as_deref(),
            &statuses.collect::<Vec<_>>(),
        )?,
        search: query.search,
        team: None,
    };
    let order = sort(
        query.sort.as_deref(),
        UserFilter::SORTS,
        Sort::descending("created_at"),
    )?;
    let page = page(query.page, query.per_page);
    Ok(list(
        api.identity
            .users(&authorised, &filter, order, page)
            .await?,
        page,
        view::user,
    ))
}

/// The signed-in user and what he may do.
#[utoipa::path(get, path = "/users/me", tag = "users", responses(
    (status = 200, description = "The user", body = UserProfile),
))]
pub(crate) async fn get_me(
    State(api): State<Api>,
    caller: Caller,
) -> Result<Tagged<UserProfile>, Failure> {
    let authorised = caller.may(Permission::UserRead)?;
    let user = api
        .identity
        .user(&api.db, &authorised, authorised.user)
        .await?;
    let changed = user.updated_at;
    Ok(Tagged::new(view::profile(user), changed))
}

/// Changes the own profile.
#[utoipa::path(patch, path = "/users/me", tag = "users", request_body = UpdateMe, responses(
    (status = 200, description = "The user", body = UserProfile),
))]
pub(crate) async fn update_me(
    State(api): State<Api>,
    caller: Caller,
    if_match: IfMatch,
    Input(body): Input<UpdateMe>,
) -> Result<Tagged<UserProfile>, Failure> {
    let authorised = caller.may(Permission::ProfileWrite)?;
    let id = authorised.user;
    let mut tx = api.db.begin().await?;
    let present = api.identity.hold_user(&mut tx, &authorised, id).await?;
    if_match.allows_since(present.updated_at)?;
    let changes = UserChanges {
        email: None,
        name: body.name,
    };
    let user = api
        .identity
        .update_user(&mut tx, &authorised, id, changes)
        .await?;
    tx.commit().await?;
    let changed = user.updated_at;
    Ok(Tagged::new(view::profile(user), changed))
}

/// One user; anyone may ask about himself.
#[utoipa::path(get, path = "/users/{user_id}", tag = "users",
    params(("user_id" = UserId, Path, description = "The user")), responses(
    (status = 200, description = "The user", body = UserView),
))]
pub(crate) async fn get_user(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<UserId>,
) -> Result<Tagged<UserView>, Failure> {
    let authorised = caller.may(Permission::UserRead)?;
    Ok(tagged(api.identity.user(&api.db, &authorised, id).await?))
}

fn tagged(user: User) -> Tagged<UserView> {
    let changed = user.updated_at;
    Tagged::new(view::user(user), changed)
}

/// Changes a user.
#[utoipa::path(patch, path = "/users/{user_id}", tag = "users", request_body = UpdateUser,
    params(("user_id" = UserId, Path, description = "The user")), responses(
    (status = 200, description = "The user", body = UserView),
))]
pub(crate) async fn update_user(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<UserId>,
    if_match: IfMatch,
    Input(body): Input<UpdateUser>,
) -> Result<Tagged<UserView>, Failure> {
    let authorised = caller.may(Permission::UserManage)?;
    let mut tx = api.db.begin().await?;
    let present = api.identity.hold_user(&mut tx, &authorised, id).await?;
    if_match.allows_since(present.updated_at)?;
    let changes = UserChanges {
        email: body.email,
        name: body.name,
    };
    let user = api
        .identity
        .update_user(&mut tx, &authorised, id, changes)
        .await?;
    tx.commit().await?;
    Ok(tagged(user))
}

/// What a user may do; anyone may ask about himself.
#[utoipa::path(get, path = "/users/{user_id}/permissions", tag = "users",
    params(("user_id" = UserId, Path, description = "The user")), responses(
    (status = 200, description = "The permissions", body = UserPermissions),
))]
pub(crate) async fn get_user_permissions(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<UserId>,
) -> Result<Answer<UserPermissions>, Failure> {
    let authorised = caller.may(Permission::UserRead)?;
    let user = api.identity.user(&api.db, &authorised, id).await?;
    Ok(Answer(view::permissions(&user)))
}

/// Gives a user another role; nobody changes his own.
#[utoipa::path(put, path = "/users/{user_id}/role", tag = "users", request_body = SetRole,
    params(("user_id" = UserId, Path, description = "The user")), responses(
    (status = 200, description = "The user", body = UserView),
))]
pub(crate) async fn set_user_role(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<UserId>,
    if_match: IfMatch,
    Input(body): Input<SetRole>,
) -> Result<Tagged<UserView>, Failure> {
    let authorised = caller.may(Permission::UserManage)?;
    let mut tx = api.db.begin().await?;
    let present = api.identity.hold_user(&mut tx, &authorised, id).await?;
    if_match.allows_since(present.updated_at)?;
    let role = view::role_of(body.role);
    let user = api
        .identity
        .set_role(&mut tx, &authorised, id, role)
        .await?;
    tx.commit().await?;
    Ok(tagged(user))
}

/// Suspends a user: his sessions and the calls of his agents end, his API tokens are refused.
#[utoipa::path(put, path = "/users/{user_id}/suspend", tag = "users", request_body = Reason,
    params(("user_id" = UserId, Path, description = "The user")), responses(
    (status = 200, description = "The user", body = UserView),
))]
pub(crate) async fn suspend_user(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<UserId>,
    if_match: IfMatch,
    Input(body): Input<Reason>,
) -> Result<Tagged<UserView>, Failure> {
    let authorised = caller.may(Permission::UserManage)?;
    let mut tx = api.db.begin().await?;
    let present = api.identity.hold_user(&mut tx, &authorised, id).await?;
    if_match.allows_since(present.updated_at)?;
    let user = api
        .identity
        .suspend_user(&mut tx, &authorised, id, &body.reason)
        .await?;
    tx.commit().await?;
    (api.notify)(Change::User(id));
    Ok(tagged(user))
}

/// Lets a suspended user in again, and lifts the lock of failed logins.
#[utoipa::path(put, path = "/users/{user_id}/activate", tag = "users",
    params(("user_id" = UserId, Path, description = "The user")), responses(
    (status = 200, description = "The user", body = UserView),
))]
pub(crate) async fn activate_user(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<UserId>,
    if_match: IfMatch,
) -> Result<Tagged<UserView>, Failure> {
    let authorised = caller.may(Permission::UserManage)?;
    let mut tx = api.db.begin().await?;
    let present = api.identity.hold_user(&mut tx, &authorised, id).await?;
    if_match.allows_since(present.updated_at)?;
    let user = api.identity.activate_user(&mut tx, &authorised, id).await?;
    tx.commit().await?;
    (api.notify)(Change::User(id));
    Ok(tagged(user))
}

/// Sets a user's password and ends all his sessions.
#[utoipa::path(post, path = "/users/{user_id}/reset-password", tag = "users",
    request_body = ResetPassword,
    params(("user_id" = UserId, Path, description = "The user")), responses(
    (status = 200, description = "The user", body = UserView),
))]
pub(crate) async fn reset_user_password(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<UserId>,
    Input(body): Input<ResetPassword>,
) -> Result<Tagged<UserView>, Failure> {
    let authorised = caller.may(Permission::UserManage)?;
    let new = body.new_password.into_secret();
    let hash = api
        .identity
        .hash_password(Some(authorised.tenant), "new_password", new)
        .await?;
    let force = body.force_change.unwrap_or(true);
    let mut tx = api.db.begin().await?;
    let user = api
        .identity
        .reset_password(&mut tx, &authorised, id, &hash, force)
        .await?;
    tx.commit().await?;
    Ok(tagged(user))
}

/// Deletes a user; his agents go to somebody else and keep running.
#[utoipa::path(delete, path = "/users/{user_id}", tag = "users",
    params(("user_id" = UserId, Path, description = "The user"), DeleteUser), responses(
    (status = 200, description = "What went with him", body = UserDeleted),
))]
pub(crate) async fn delete_user(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<UserId>,
    if_match: IfMatch,
    Params(query): Params<DeleteUser>,
) -> Result<Answer<UserDeleted>, Failure> {
    let authorised = caller.may(Permission::UserManage)?;
    let mut tx = api.db.begin().await?;
    let present = api.identity.hold_user(&mut tx, &authorised, id).await?;
    if_match.allows_since(present.updated_at)?;
    api.agents.hold_of_owner(&mut tx, &authorised, id).await?;
    let gone = api
        .identity
        .delete_user(&mut tx, &authorised, id, query.reassign_to)
        .await?;
    let agents = api
        .agents
        .reassign(&mut tx, &authorised, id, gone.reassigned_to)
        .await?;
    let budget_requests_cancelled = api
        .requests
        .cancel_of(&mut tx, &authorised, RequestsOf::Requester(id))
        .await?;
    // What he has asked for himself goes with him; agents that he owned go on.
    let mut withdrawn = Vec::new();
    for closed in api.access.close_of(&mut tx, &authorised, id).await? {
        withdrawn.push(withdraw(&api, &mut tx, &authorised, &closed).await?);
    }
    tx.commit().await?;
    withdrawn.into_iter().for_each(|key| forget(&api, key));
    agents
        .iter()
        .for_each(|agent| (api.notify)(Change::Agent(*agent)));
    Ok(Answer(UserDeleted {
        id,
        deleted_at: gone.deleted_at,
        agents_count: u64::try_from(agents.len()).unwrap_or(u64::MAX),
        agents_reassigned: agents,
        budget_requests_cancelled,
        api_tokens_revoked: gone.api_tokens_revoked,
        sessions_ended: gone.sessions_ended,
    }))
}
