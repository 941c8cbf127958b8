//! Who asks, and the evidence of what he may do.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request};
use http::HeaderMap;
use http::header::{AUTHORIZATION, COOKIE, USER_AGENT};
use http::request::Parts;
use iron_audit::{Authorised, RequestFacts};
use iron_identity::{Identity, Permission, Presented};
use iron_net::RequestContext;
use iron_net::problem::Problem;
use iron_primitives::{ErrorKind, TenantId, UserId};

use crate::failure::Failure;
use crate::input::is_write;
use crate::state::Api;

/// The cookie with the access token.
pub(crate) const ACCESS_COOKIE: &str = "iron_access";
/// The cookie with the refresh token.
pub(crate) const REFRESH_COOKIE: &str = "iron_refresh";

/// A caller with a good credential.
#[derive(Clone)]
pub(crate) struct Caller(Arc<Known>);

struct Known {
    caller: iron_identity::Caller,
    identity: Identity,
    facts: RequestFacts,
}

/// What is known about the caller of a request; an extension of each one.
#[derive(Clone)]
pub(crate) enum Who {
    /// No credential came.
    Nobody,
    /// A good one.
    Known(Caller),
    /// One that is not good.
    Refused(Problem),
}

impl Caller {
    /// The evidence that he may do this, as far as it reaches.
    pub(crate) fn may(&self, permission: Permission) -> Result<Authorised, Failure> {
        let Known {
            caller,
            identity,
            facts,
        } = self.0.as_ref();
        Ok(identity.authorise(caller, permission, facts.clone())?)
    }

    /// The caller as `identity` knows him.
    pub(crate) fn known(&self) -> &iron_identity::Caller {
        &self.0.caller
    }

    pub(crate) fn tenant(&self) -> TenantId {
        self.0.caller.user.tenant_id
    }

    pub(crate) fn user(&self) -> UserId {
        self.0.caller.user.id
    }

    /// The caller of a request that has passed the gate.
    pub(crate) fn of(request: &Request) -> Option<Caller> {
        match request.extensions().get::<Who>() {
            Some(Who::Known(caller)) => Some(caller.clone()),
            _ => None,
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match parts.extensions.get::<Who>() {
            Some(Who::Known(caller)) => Ok(caller.clone()),
            Some(Who::Refused(problem)) => Err(problem.clone()),
            Some(Who::Nobody) | None => {
                let message = "no credential; send a token as `Authorization: Bearer …`";
                Err(Problem::new(ErrorKind::Unauthorized, message))
            }
        }
    }
}

/// The facts of a request, for the audit log.
pub(crate) struct Facts(pub(crate) RequestFacts);

impl FromRequestParts<Api> for Facts {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let context = parts.extensions.get::<RequestContext>().copied();
        let context =
            context.unwrap_or_else(|| RequestContext::read(&parts.headers, None, &api.environment));
        Ok(Facts(facts(
            &parts.headers,
            parts.method.as_str(),
            parts.uri.path(),
            &context,
        )))
    }
}

fn facts(headers: &HeaderMap, method: &str, path: &str, context: &RequestContext) -> RequestFacts {
    let agent = headers
        .get(USER_AGENT)
        .and_then(|value| value.to_str().ok());
    RequestFacts {
        request_id: context.id,
        method: method.to_owned(),
        endpoint: path.to_owned(),
        ip: context.address.map(|address| address.to_string()),
        user_agent: agent.map(|text| text.chars().take(300).collect()),
        trace_id: Some(context.trace.trace_id()),
    }
}

/// Looks at the credential of a request.
pub(crate) async fn identify(api: &Api, parts: &Parts, context: &RequestContext) -> Who {
    let Some(presented) = presented(&parts.headers, is_write(&parts.method)) else {
        return Who::Nobody;
    };
    let presented = match presented {
        Ok(presented) => presented,
        Err(problem) => return Who::Refused(problem),
    };
    let facts = facts(
        &parts.headers,
        parts.method.as_str(),
        parts.uri.path(),
        context,
    );
    match api.identity.authenticate(presented).await {
        Ok(caller) => {
            let identity = api.identity.clone();
            Who::Known(Caller(Arc::new(Known {
                caller,
                identity,
                facts,
            })))
        }
        Err(error) => Who::Refused(Failure::from(error).into()),
    }
}

/// The credential among the headers: `Authorization` first, then the cookie; an agent's token
/// is recognised where agents send it, so that its bearer learns what is wrong.
fn presented(headers: &HeaderMap, writes: bool) -> Option<Result<Presented<'_>, Problem>> {
    if let Some(value) = headers.get(AUTHORIZATION) {
        return Some(bearer(value).map(Presented::Bearer).ok_or_else(|| {
            let message = "the credential does not read; send `Authorization: Bearer …`";
            Problem::new(ErrorKind::InvalidToken, message)
        }));
    }
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let agents = text("x-api-key").or_else(|| text("api-key"));
    if let Some(token) = agents.filter(|token| token.starts_with("ic_")) {
        return Some(Ok(Presented::Bearer(token)));
    }
    let access = cookie(headers, ACCESS_COOKIE)?;
    Some(Ok(Presented::Cookie {
        access,
        csrf: text("x-csrf-token"),
        writes,
    }))
}

/// The token of an `Authorization` header.
pub(crate) fn bearer(value: &http::HeaderValue) -> Option<&str> {
    let (scheme, token) = value.to_str().ok()?.trim().split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim())
        .filter(|token| !token.is_empty())
}

/// A cookie by its name.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let pairs = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    pairs.flat_map(|text| text.split(';')).find_map(|pair| {
        let (found, value) = pair.trim().split_once('=')?;
        (found == name && !value.is_empty()).then_some(value)
    })
}
