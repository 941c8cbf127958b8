//! The tokens of agents and of users.

use axum::extract::State;
use iron_audit::{Authorised, UsageOf};
use iron_identity::{
    ApiToken, ApiTokenFilter, IcToken, IcTokenFilter, IcTokenStatus, NewApiToken, NewIcToken,
    Permission,
};
use iron_net::problem::Problem;
use iron_primitives::{ApiTokenId, IcTokenId, Scope, UserId};
use iron_runtime::authority::Change;
use iron_sdk::lists::List;
use iron_sdk::tokens::{
    ApiTokenCreated, ApiTokenQuery, ApiTokenRevoked, ApiTokenStatus, ApiTokenView, CreateApiToken,
    CreateToken, RotateToken, TokenCreated, TokenQuery, TokenRevoked, TokenRotated, TokenView,
};
use iron_store::Sort;

use crate::answer::{Answer, Created, Tagged, list, page};
use crate::caller::Caller;
use crate::failure::Failure;
use crate::input::{IfMatch, Input, Params, PathId};
use crate::query::{sort, words};
use crate::state::Api;
use crate::view;

/// How long a former value works where nothing else is said.
const USUAL_GRACE_HOURS: u32 = 24;

/// Issues an agent's token; its value is shown this once.
#[utoipa::path(post, path = "/tokens", tag = "tokens", request_body = CreateToken, responses(
    (status = 201, description = "The token with its value", body = TokenCreated),
))]
pub(crate) async fn create_token(
    State(api): State<Api>,
    caller: Caller,
    Input(body): Input<CreateToken>,
) -> Result<Created<TokenCreated>, Failure> {
    let authorised = caller.may(Permission::TokenIssue)?;
    let mut tx = api.db.begin().await?;
    let agent = api.agents.hold(&mut tx, &authorised, body.agent_id).await?;
    let new = NewIcToken {
        agent: agent.id,
        project: agent.project,
        owner: agent.owner,
        description: body.description,
        expires_at: body.expires_at,
    };
    let (token, value) = api
        .identity
        .create_ic_token(&mut tx, &authorised, new)
        .await?;
    tx.commit().await?;
    let view = TokenCreated {
        id: token.id,
        token: value.into(),
        agent_id: token.agent_id,
        project_id: token.project_id,
        status: view::ic_status(token.status),
        created_at: token.created_at,
        created_by: token.created_by,
        expires_at: token.expires_at,
    };
    Ok(Created {
        location: format!("/api/v1/tokens/{}", token.id),
        view,
    })
}

/// Lists the tokens of agents.
#[utoipa::path(get, path = "/tokens", tag = "tokens", params(TokenQuery), responses(
    (status = 200, description = "The tokens, without values", body = List<TokenView>),
))]
pub(crate) async fn list_tokens(
    State(api): State<Api>,
    caller: Caller,
    Params(query): Params<TokenQuery>,
) -> Result<Answer<List<TokenView>>, Failure> {
    let authorised = caller.may(Permission::TokenRead)?;
    let statuses = IcTokenStatus::ALL
        .iter()
        .map(|status| (status.as_str(), *status));
    let filter = IcTokenFilter {
        agent: query.agent_id,
        project: query.project_id,
        owner: None,
        statuses: words(
            "status",
            query.status.as_deref(),
            &statuses.collect::<Vec<_>>(),
        )?,
    };
    let order = sort(
        query.sort.as_deref(),
        IcTokenFilter::SORTS,
        Sort::descending("created_at"),
    )?;
    let page = page(query.page, query.per_page);
    let found = api
        .identity
        .ic_tokens(&authorised, filter, order, page)
        .await?;
    Ok(list(found, page, |token| view::ic_token(token, None)))
}

/// One token of an agent and its use.
#[utoipa::path(get, path = "/tokens/{token_id}", tag = "tokens",
    params(("token_id" = IcTokenId, Path, description = "The token's record")), responses(
    (status = 200, description = "The token, without its value", body = TokenView),
))]
pub(crate) async fn get_token(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<IcTokenId>,
) -> Result<Tagged<TokenView>, Failure> {
    let authorised = caller.may(Permission::TokenRead)?;
    let token = api.identity.ic_token(&api.db, &authorised, id).await?;
    let usage = api.audit.usage(&authorised, UsageOf::Token(id)).await?;
    let tag = tag_of_token(&token);
    Ok(Tagged::with_tag(view::ic_token(token, Some(usage)), tag))
}

/// The tag of an agent's token: its value and its state, not its use.
fn tag_of_token(token: &IcToken) -> String {
    format!("\"{}-{}\"", token.status, token.token_prefix)
}

/// Gives an agent's token a new value; the former one works for a while.
#[utoipa::path(method(put, post), path = "/tokens/{token_id}/rotate", tag = "tokens",
    request_body = RotateToken,
    params(("token_id" = IcTokenId, Path, description = "The token's record")), responses(
    (status = 200, description = "The new value, shown this once", body = TokenRotated),
))]
pub(crate) async fn rotate_token(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<IcTokenId>,
    if_match: IfMatch,
    Input(body): Input<RotateToken>,
) -> Result<Answer<TokenRotated>, Failure> {
    let authorised = caller.may(Permission::TokenRotate)?;
    let grace = body.grace_hours.unwrap_or(USUAL_GRACE_HOURS);
    let mut tx = api.db.begin().await?;
    let before = api.identity.hold_ic_token(&mut tx, &authorised, id).await?;
    if_match.allows(&tag_of_token(&before))?;
    let rotated = api
        .identity
        .rotate_ic_token(&mut tx, &authorised, id, grace)
        .await?;
    tx.commit().await?;
    rotated
        .stale
        .into_iter()
        .for_each(|token| (api.notify)(Change::Token(token)));
    let rotated_at = rotated.token.rotated_at.unwrap_or(api.environment.now());
    Ok(Answer(TokenRotated {
        id,
        token: rotated.value.into(),
        rotated_at,
        rotated_by: rotated.token.rotated_by.unwrap_or(authorised.user),
        // Without grace the old value ended with the rotation.
        previous_valid_until: rotated.token.previous_valid_until.unwrap_or(rotated_at),
    }))
}

/// Revokes an agent's token at once.
#[utoipa::path(delete, path = "/tokens/{token_id}", tag = "tokens",
    params(("token_id" = IcTokenId, Path, description = "The token's record")), responses(
    (status = 200, description = "It is revoked", body = TokenRevoked),
))]
pub(crate) async fn delete_token(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<IcTokenId>,
    if_match: IfMatch,
) -> Result<Answer<TokenRevoked>, Failure> {
    let authorised = caller.may(Permission::TokenDelete)?;
    let mut tx = api.db.begin().await?;
    let before = api.identity.hold_ic_token(&mut tx, &authorised, id).await?;
    if_match.allows(&tag_of_token(&before))?;
    let (token, stale) = api
        .identity
        .revoke_ic_token(&mut tx, &authorised, id)
        .await?;
    let scope = Scope::Agent(token.agent_id);
    api.ledger
        .revoke_leases_of(&mut tx, &authorised, scope)
        .await?;
    tx.commit().await?;
    stale
        .into_iter()
        .for_each(|token| (api.notify)(Change::Revoked(token)));
    (api.notify)(Change::Budget(scope));
    let revoked_at = token.revoked_at.unwrap_or_else(|| api.environment.now());
    Ok(Answer(TokenRevoked {
        id,
        status: view::ic_status(token.status),
        revoked_at,
    }))
}

/// Issues a token for the user himself; its value is shown this once.
#[utoipa::path(post, path = "/api-tokens", tag = "api-tokens", request_body = CreateApiToken,
    responses((status = 201, description = "The token with its value", body = ApiTokenCreated)))]
pub(crate) async fn create_api_token(
    State(api): State<Api>,
    caller: Caller,
    Input(body): Input<CreateApiToken>,
) -> Result<Created<ApiTokenCreated>, Failure> {
    let authorised = caller.may(Permission::ApiTokenCreate)?;
    let new = NewApiToken {
        name: body.name,
        description: body.description,
        expires_at: body.expires_at,
    };
    let mut tx = api.db.begin().await?;
    let (token, value) = api
        .identity
        .create_api_token(&mut tx, &authorised, new)
        .await?;
    tx.commit().await?;
    let location = format!("/api/v1/api-tokens/{}", token.id);
    Ok(Created {
        location,
        view: view::api_token_created(token, value),
    })
}

/// Lists the tokens of all users; for an admin.
#[utoipa::path(get, path = "/api-tokens", tag = "api-tokens", params(ApiTokenQuery), responses(
    (status = 200, description = "The tokens, without values", body = List<ApiTokenView>),
))]
pub(crate) async fn list_api_tokens(
    State(api): State<Api>,
    caller: Caller,
    Params(query): Params<ApiTokenQuery>,
) -> Result<Answer<List<ApiTokenView>>, Failure> {
    caller.may(Permission::UserManage)?;
    let authorised = caller.may(Permission::ApiTokenRead)?;
    let user = query.user_id;
    listed(&api, &authorised, query, user).await
}

/// Lists the user's own tokens.
#[utoipa::path(get, path = "/api-tokens/me", tag = "api-tokens", params(ApiTokenQuery), responses(
    (status = 200, description = "The tokens, without values", body = List<ApiTokenView>),
))]
pub(crate) async fn list_my_api_tokens(
    State(api): State<Api>,
    caller: Caller,
    Params(query): Params<ApiTokenQuery>,
) -> Result<Answer<List<ApiTokenView>>, Failure> {
    let authorised = caller.may(Permission::ApiTokenRead)?;
    if query.user_id.is_some_and(|user| user != authorised.user) {
        return Err(Problem::field("user_id", "only the own tokens are listed here").into());
    }
    listed(&api, &authorised, query, Some(authorised.user)).await
}

async fn listed(
    api: &Api,
    authorised: &Authorised,
    query: ApiTokenQuery,
    user: Option<UserId>,
) -> Result<Answer<List<ApiTokenView>>, Failure> {
    let order = sort(
        query.sort.as_deref(),
        ApiTokenFilter::SORTS,
        Sort::descending("created_at"),
    )?;
    let filter = ApiTokenFilter {
        user,
        name: query.name,
        include_revoked: query.include_revoked.unwrap_or(false),
    };
    let page = page(query.page, query.per_page);
    let found = api
        .identity
        .api_tokens(authorised, filter, order, page)
        .await?;
    Ok(list(found, page, |token| view::api_token(token, false)))
}

/// One token of a user and its use.
#[utoipa::path(get, path = "/api-tokens/{api_token_id}", tag = "api-tokens",
    params(("api_token_id" = ApiTokenId, Path, description = "The token's record")), responses(
    (status = 200, description = "The token, without its value", body = ApiTokenView),
))]
pub(crate) async fn get_api_token(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<ApiTokenId>,
) -> Result<Tagged<ApiTokenView>, Failure> {
    let authorised = caller.may(Permission::ApiTokenRead)?;
    let token = api.identity.api_token(&api.db, &authorised, id).await?;
    let tag = tag_of_api_token(&token);
    Ok(Tagged::with_tag(view::api_token(token, true), tag))
}

/// The tag of a user's token: its state, not its use.
fn tag_of_api_token(token: &ApiToken) -> String {
    format!("\"{}\"", token.status)
}

/// Revokes a token of a user; doing it again gives the same answer.
#[utoipa::path(delete, path = "/api-tokens/{api_token_id}", tag = "api-tokens",
    params(("api_token_id" = ApiTokenId, Path, description = "The token's record")), responses(
    (status = 200, description = "It is revoked", body = ApiTokenRevoked),
))]
pub(crate) async fn revoke_api_token(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<ApiTokenId>,
    if_match: IfMatch,
) -> Result<Answer<ApiTokenRevoked>, Failure> {
    let authorised = caller.may(Permission::ApiTokenRevoke)?;
    let mut tx = api.db.begin().await?;
    let before = api
        .identity
        .hold_api_token(&mut tx, &authorised, id)
        .await?;
    if_match.allows(&tag_of_api_token(&before))?;
    let token = api
        .identity
        .revoke_api_token(&mut tx, &authorised, id)
        .await?;
    tx.commit().await?;
    let revoked_at = token.revoked_at.unwrap_or_else(|| api.environment.now());
    Ok(Answer(ApiTokenRevoked {
        id,
        status: ApiTokenStatus::Revoked,
        revoked_at,
    }))
}
