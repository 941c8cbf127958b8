//! Signing in and out, sessions, the own password.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, header};
use iron_audit::Credential;
use iron_identity::{Inspection, InvalidReason, Permission, SignedIn};
use iron_net::problem::Problem;
use iron_primitives::{ErrorKind, Secret, SessionId, TokenKind};
use iron_sdk::auth::{
    self, ChangePassword, LoggedOut, Login, Logout, PasswordChanged, Refresh, SessionEnded,
    SessionTokens, SessionView, TokenKindWord, TokenValidity,
};
use iron_sdk::lists::{List, PageQuery};

use crate::answer::{Answer, page, slice};
use crate::caller::{ACCESS_COOKIE, Caller, Facts, REFRESH_COOKIE, bearer, cookie};
use crate::failure::Failure;
use crate::input::{Input, Params, PathId};
use crate::state::Api;
use crate::view;

/// Signs in with e-mail address and password.
#[utoipa::path(post, path = "/auth/login", tag = "auth", request_body = Login, responses(
    (status = 200, description = "Signed in", body = SessionTokens),
))]
pub(crate) async fn login(
    State(api): State<Api>,
    Facts(request): Facts,
    Input(body): Input<Login>,
) -> Result<Response, Failure> {
    let signed_in = api
        .identity
        .login(iron_identity::Login {
            email: body.email,
            password: body.password.into_secret(),
            tenant: body.tenant,
            cookie: body.cookie.unwrap_or(false),
            request,
        })
        .await
        .inspect_err(|_| {
            api.metrics.http.failed_logins.inc();
        })?;
    Ok(signed_in_answer(&api, signed_in))
}

/// Exchanges a refresh token for new tokens of the same session.
#[utoipa::path(post, path = "/auth/refresh", tag = "auth", request_body = Refresh, responses(
    (status = 200, description = "New tokens; the old ones are dead", body = SessionTokens),
))]
pub(crate) async fn refresh(
    State(api): State<Api>,
    Facts(request): Facts,
    headers: HeaderMap,
    Input(body): Input<Refresh>,
) -> Result<Response, Failure> {
    let given = body.refresh_token.map(iron_sdk::SecretText::into_secret);
    let token = given
        .or_else(|| cookie(&headers, REFRESH_COOKIE).map(|text| Secret::new(text.to_owned())))
        .ok_or_else(|| {
            Problem::new(
                ErrorKind::Unauthorized,
                "no refresh token; send `refresh_token`",
            )
        })?;
    let signed_in = api.identity.refresh(&token, &request).await?;
    Ok(signed_in_answer(&api, signed_in))
}

/// The tokens in the body, or as cookies.
pub(super) fn signed_in_answer(api: &Api, signed_in: SignedIn) -> Response {
    let now = api.environment.now();
    let secure = if api.config.secure_cookies {
        "; Secure"
    } else {
        ""
    };
    let as_cookie = |name, value: &Secret, path, lives: std::time::Duration| {
        let (value, seconds) = (value.expose(), lives.as_secs());
        let text = format!(
            "{name}={value}; Path={path}; Max-Age={seconds}; HttpOnly{secure}; SameSite=Strict"
        );
        HeaderValue::try_from(text).ok()
    };
    let cookies = signed_in.cookie.then(|| {
        let access_lives = signed_in.expires_at.since(now);
        let refresh_lives = signed_in.refresh_expires_at.since(now);
        [
            as_cookie(ACCESS_COOKIE, &signed_in.access_token, "/", access_lives),
            as_cookie(
                REFRESH_COOKIE,
                &signed_in.refresh_token,
                "/api/v1/auth",
                refresh_lives,
            ),
        ]
    });
    let mut response = Answer(view::tokens(signed_in, now)).into_response();
    for value in cookies.into_iter().flatten().flatten() {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    response
}

/// Ends this session, or all sessions of the user.
#[utoipa::path(post, path = "/auth/logout", tag = "auth", request_body = Logout, responses(
    (status = 200, description = "Signed out", body = LoggedOut),
))]
pub(crate) async fn logout(
    State(api): State<Api>,
    caller: Caller,
    Input(body): Input<Logout>,
) -> Result<Answer<LoggedOut>, Failure> {
    let authorised = caller.may(Permission::SessionManage)?;
    let mut tx = api.db.begin().await?;
    let all = body.all_sessions.unwrap_or(false);
    let sessions_ended = api.identity.logout(&mut tx, &authorised, all).await?;
    tx.commit().await?;
    Ok(Answer(LoggedOut {
        logged_out: true,
        sessions_ended,
    }))
}

/// Tells whether the credential in the header works.
#[utoipa::path(post, path = "/auth/validate", tag = "auth", responses(
    (status = 200, description = "Whether it works", body = TokenValidity),
))]
pub(crate) async fn validate(
    State(api): State<Api>,
    Facts(request): Facts,
    headers: HeaderMap,
) -> Result<Answer<TokenValidity>, Failure> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let token = headers
        .get(header::AUTHORIZATION)
        .and_then(bearer)
        .or_else(|| text("x-api-key"))
        .or_else(|| text("api-key"))
        .or_else(|| cookie(&headers, ACCESS_COOKIE))
        .ok_or_else(|| {
            let message = "no credential; send the token as `Authorization: Bearer …`";
            Problem::new(ErrorKind::Unauthorized, message)
        })?;
    Ok(Answer(validity(
        api.identity.inspect(token, &request).await?,
    )))
}

fn validity(inspection: Inspection) -> TokenValidity {
    let token_kind = match inspection.kind {
        Some(TokenKind::Ic) => TokenKindWord::Ic,
        Some(TokenKind::Api) => TokenKindWord::Api,
        Some(TokenKind::Runtime | TokenKind::Pass) => TokenKindWord::Unknown,
        None if inspection.reason == Some(InvalidReason::InvalidToken) => TokenKindWord::Unknown,
        None => TokenKindWord::Access,
    };
    TokenValidity {
        valid: inspection.reason.is_none(),
        token_kind,
        user: inspection.user.map(view::session_user),
        expires_at: inspection.expires_at,
        reason: inspection.reason.map(|reason| match reason {
            InvalidReason::TokenExpired => auth::InvalidReason::TokenExpired,
            InvalidReason::TokenRevoked => auth::InvalidReason::TokenRevoked,
            InvalidReason::InvalidToken => auth::InvalidReason::InvalidToken,
        }),
    }
}

/// The session of this request.
#[utoipa::path(get, path = "/auth/session", tag = "auth", responses(
    (status = 200, description = "The session", body = SessionView),
))]
pub(crate) async fn get_session(
    State(api): State<Api>,
    caller: Caller,
) -> Result<Answer<SessionView>, Failure> {
    let authorised = caller.may(Permission::SessionManage)?;
    let Credential::Session(id) = authorised.credential else {
        let message = "an API token has no session; sign in to get one";
        return Err(Problem::new(ErrorKind::ResourceNotFound, message).into());
    };
    let session = api.identity.session(&authorised, id).await?;
    let idle = api.settings.security(Some(authorised.tenant)).session_idle;
    Ok(Answer(view::session(
        session,
        &caller.known().user,
        idle,
        true,
    )))
}

/// The user's sessions that have not ended.
#[utoipa::path(get, path = "/auth/sessions", tag = "auth", params(PageQuery), responses(
    (status = 200, description = "The sessions", body = List<SessionView>),
))]
pub(crate) async fn list_sessions(
    State(api): State<Api>,
    caller: Caller,
    Params(query): Params<PageQuery>,
) -> Result<Answer<List<SessionView>>, Failure> {
    let authorised = caller.may(Permission::SessionManage)?;
    let sessions = api.identity.sessions(&authorised).await?;
    let user = &caller.known().user;
    let idle = api.settings.security(Some(authorised.tenant)).session_idle;
    Ok(slice(
        sessions,
        page(query.page, query.per_page),
        |session| {
            let current = authorised.credential == Credential::Session(session.id);
            view::session(session, user, idle, current)
        },
    ))
}

/// Ends one session: an own one, or any for an admin.
#[utoipa::path(delete, path = "/auth/sessions/{session_id}", tag = "auth",
    params(("session_id" = SessionId, Path, description = "The session")), responses(
    (status = 200, description = "It has ended", body = SessionEnded),
))]
pub(crate) async fn end_session(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<SessionId>,
) -> Result<Answer<SessionEnded>, Failure> {
    let authorised = caller.may(Permission::SessionManage)?;
    let mut tx = api.db.begin().await?;
    let revoked_at = api.identity.end_session(&mut tx, &authorised, id).await?;
    tx.commit().await?;
    Ok(Answer(SessionEnded { id, revoked_at }))
}

/// Changes the own password and ends the other sessions.
#[utoipa::path(post, path = "/auth/password", tag = "auth", request_body = ChangePassword,
    responses((status = 200, description = "It is changed", body = PasswordChanged)))]
pub(crate) async fn change_password(
    State(api): State<Api>,
    caller: Caller,
    Input(body): Input<ChangePassword>,
) -> Result<Answer<PasswordChanged>, Failure> {
    let authorised = caller.may(Permission::PasswordChange)?;
    let current = body.current_password.into_secret();
    api.identity
        .check_own_password(&authorised, current)
        .await?;
    let new = body.new_password.into_secret();
    let hash = api
        .identity
        .hash_password(Some(authorised.tenant), "new_password", new)
        .await?;
    let mut tx = api.db.begin().await?;
    let (changed_at, sessions_ended) = api
        .identity
        .change_password(&mut tx, &authorised, &hash)
        .await?;
    tx.commit().await?;
    Ok(Answer(PasswordChanged {
        changed_at,
        sessions_ended,
    }))
}
