//! Invitations: by which people set their first password.

use axum::extract::State;
use axum::response::Response;
use iron_audit::Authorised;
use iron_identity::{Acceptance, Invitation, Permission};
use iron_primitives::{TenantId, UserId};
use iron_sdk::auth::SessionTokens;
use iron_sdk::invitations::{AcceptInvitation, InvitationView, UserInvited};
use iron_sdk::users::UserView;
use iron_store::Tx;

use super::auth::signed_in_answer;
use crate::answer::{Answer, Tagged};
use crate::caller::{Caller, Facts};
use crate::failure::Failure;
use crate::input::{IfMatch, Input, PathId};
use crate::notices;
use crate::state::Api;
use crate::view;

/// Invites a user who has no password yet; what invited him before is good for nothing.
#[utoipa::path(post, path = "/users/{user_id}/invite", tag = "users",
    params(("user_id" = UserId, Path, description = "The user")), responses(
    (status = 200, description = "The user and the invitation", body = UserInvited),
))]
pub(crate) async fn invite_user(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<UserId>,
) -> Result<Answer<UserInvited>, Failure> {
    let authorised = caller.may(Permission::UserManage)?;
    let mut tx = api.db.begin().await?;
    let made = api.identity.invite(&mut tx, &authorised, id).await?;
    invited(&api, tx, &authorised, made).await
}

/// Invites the first admin of a tenant anew, for as long as nobody there could.
#[utoipa::path(post, path = "/tenants/{tenant_id}/invite-admin", tag = "tenants",
    params(("tenant_id" = TenantId, Path, description = "The tenant")), responses(
    (status = 200, description = "The admin and the invitation", body = UserInvited),
))]
pub(crate) async fn invite_tenant_admin(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<TenantId>,
) -> Result<Answer<UserInvited>, Failure> {
    let authorised = caller.may(Permission::TenantManage)?;
    let mut tx = api.db.begin().await?;
    let invite = api.identity.invite_first_admin(&mut tx, &authorised, id);
    let made = invite.await?;
    invited(&api, tx, &authorised, made).await
}

async fn invited(
    api: &Api,
    mut tx: Tx,
    authorised: &Authorised,
    made: Invitation,
) -> Result<Answer<UserInvited>, Failure> {
    let invitation = deliver(api, &mut tx, authorised, &made).await?;
    tx.commit().await?;
    api.channels.wake();
    Ok(Answer(UserInvited {
        user: view::user(made.user),
        invitation,
    }))
}

/// Takes the invitation of a user back; he can be invited anew.
#[utoipa::path(delete, path = "/users/{user_id}/invitation", tag = "users",
    params(("user_id" = UserId, Path, description = "The user")), responses(
    (status = 200, description = "The user", body = UserView),
))]
pub(crate) async fn cancel_invitation(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<UserId>,
    if_match: IfMatch,
) -> Result<Tagged<UserView>, Failure> {
    let authorised = caller.may(Permission::UserManage)?;
    let mut tx = api.db.begin().await?;
    let present = api.identity.hold_user(&mut tx, &authorised, id).await?;
    if_match.allows_since(present.updated_at)?;
    let cancel = api.identity.cancel_invitation(&mut tx, &authorised, id);
    let user = cancel.await?;
    tx.commit().await?;
    let changed = user.updated_at;
    Ok(Tagged::new(view::user(user), changed))
}

/// Sets the first password of whoever was invited, and signs him in.
#[utoipa::path(post, path = "/auth/accept-invitation", tag = "auth",
    request_body = AcceptInvitation, responses(
    (status = 200, description = "Signed in", body = SessionTokens),
))]
pub(crate) async fn accept_invitation(
    State(api): State<Api>,
    Facts(request): Facts,
    Input(body): Input<AcceptInvitation>,
) -> Result<Response, Failure> {
    let wish = Acceptance {
        token: body.token.into_secret(),
        password: body.password.into_secret(),
        cookie: body.cookie.unwrap_or(false),
        request,
    };
    let signed_in = api.identity.accept_invitation(wish).await?;
    Ok(signed_in_answer(&api, signed_in))
}

/// Mails an invitation through a channel of the inviter's tenant; where there is none, the inviter
/// is shown the token, this once. Wake the channels after the commit.
pub(super) async fn deliver(
    api: &Api,
    tx: &mut Tx,
    authorised: &Authorised,
    made: &Invitation,
) -> Result<InvitationView, Failure> {
    let address = &api.config.public_url;
    let notice = notices::invited(made, address);
    let (tenant, to) = (authorised.tenant, made.user.email.as_str());
    let confided = api
        .channels
        .confide(tx, tenant, to, &notice, &made.token)
        .await?;
    Ok(InvitationView {
        expires_at: made.expires_at,
        sent_to: confided.then(|| to.to_owned()),
        token: (!confided).then(|| made.token.clone().into()),
    })
}
