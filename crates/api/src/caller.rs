//! Who asks, and the evidence of what he may do.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::header::{AUTHORIZATION, COOKIE, USER_AGENT};
use http::request::Parts;
use iron_audit::{Authorised, Origin, RequestFacts};
use iron_fleet::Runtime;
use iron_identity::{Identity, Permission, Presented};
use iron_net::problem::Problem;
use iron_net::{ClientCertificate, RequestContext};
use iron_primitives::{ErrorKind, RuntimeId, TenantId, TokenKind, TokenValue, UserId};

use crate::agent::Agent;
use crate::failure::Failure;
use crate::input::is_write;
use crate::state::Api;

/// The cookie with the access token.
pub(crate) const ACCESS_COOKIE: &str = "iron_access";
/// The cookie with the refresh token.
pub(crate) const REFRESH_COOKIE: &str = "iron_refresh";

/// Where client certificates say who asks; anywhere else they say nothing.
const OF_RUNTIMES: &str = "/api/v1/runtimes/";

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
    /// The good key of a runtime.
    Runtime(Runner),
    /// The good token of an agent, where agents are heard.
    Agent(Agent),
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

    /// Who it was and in which request, for an entry about something that needs no permission.
    pub(crate) fn origin(&self) -> Origin {
        Origin {
            tenant: self.tenant(),
            user: Some(self.user()),
            request: Some(self.0.facts.clone()),
        }
    }
}

/// A runtime elsewhere that has shown its key.
#[derive(Clone)]
pub(crate) struct Runner(Arc<Runtime>);

impl Runner {
    pub(crate) fn runtime(&self) -> &Runtime {
        &self.0
    }

    /// The runtime, if it is the one that the path names.
    pub(crate) fn enrolled(&self, id: RuntimeId) -> Result<&Runtime, Problem> {
        if self.0.id == id {
            return Ok(&self.0);
        }
        let message = "the key is of another runtime";
        Err(Problem::new(ErrorKind::InsufficientPermissions, message))
    }
}

impl<S: Sync> FromRequestParts<S> for Runner {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match parts.extensions.get::<Who>() {
            Some(Who::Runtime(runner)) => Ok(runner.clone()),
            Some(Who::Known(_)) => {
                let message = "this is for runtimes; `iron router` asks it with its key";
                Err(Problem::new(ErrorKind::InsufficientPermissions, message))
            }
            Some(Who::Refused(problem)) => Err(problem.clone()),
            Some(Who::Nobody | Who::Agent(_)) | None => Err(nobody()),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match parts.extensions.get::<Who>() {
            Some(Who::Known(caller)) => Ok(caller.clone()),
            Some(Who::Refused(problem)) => Err(problem.clone()),
            Some(Who::Runtime(_)) => {
                let message = "the key of a runtime opens nothing here";
                Err(Problem::new(ErrorKind::WrongTokenType, message))
            }
            Some(Who::Nobody | Who::Agent(_)) | None => Err(nobody()),
        }
    }
}

pub(crate) fn nobody() -> Problem {
    let message = "no credential; send a token as `Authorization: Bearer …`";
    Problem::new(ErrorKind::Unauthorized, message)
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
    let certificate = parts.extensions.get::<ClientCertificate>().copied();
    let Some(presented) = presented(&parts.headers, is_write(&parts.method)) else {
        return match certificate {
            Some(certificate) if parts.uri.path().starts_with(OF_RUNTIMES) => {
                certified(api, certificate).await
            }
            _ => Who::Nobody,
        };
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
    if let Presented::Bearer(text) = presented
        && let Ok(key) = TokenValue::parse(text)
        && key.kind() == TokenKind::Runtime
    {
        return runner(api, &key, certificate).await;
    }
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

/// Whose client certificate this is.
async fn certified(api: &Api, certificate: ClientCertificate) -> Who {
    let fingerprint = certificate.fingerprint();
    match api.far.runtimes.by_certificate(&fingerprint).await {
        Err(error) => Who::Refused(Failure::from(error).into()),
        Ok(None) => {
            let message = format!(
                "no runtime has the client certificate with the SHA-256 `{fingerprint}`; an admin adds it with `iron runtimes update`"
            );
            Who::Refused(Problem::new(ErrorKind::InvalidToken, message))
        }
        Ok(Some(runtime)) if runtime.revoked_at.is_some() => {
            let message = "the runtime of this client certificate was revoked";
            Who::Refused(Problem::new(ErrorKind::TokenRevoked, message))
        }
        Ok(Some(runtime)) => Who::Runtime(Runner(Arc::new(runtime))),
    }
}

/// Whose key this is. Of a runtime with client certificates the key alone says nothing.
async fn runner(api: &Api, key: &TokenValue, certificate: Option<ClientCertificate>) -> Who {
    let shown = certificate.map(|certificate| certificate.fingerprint());
    let found = match api.far.runtimes.by_key(key.digest()).await {
        Ok(found) => found,
        Err(error) => return Who::Refused(Failure::from(error).into()),
    };
    let refused = |kind, message: &str| Who::Refused(Problem::new(kind, message));
    match found {
        None => refused(ErrorKind::InvalidToken, "no runtime has this key"),
        Some(runtime) if runtime.revoked_at.is_some() => refused(
            ErrorKind::TokenRevoked,
            "the key of this runtime was revoked",
        ),
        Some(runtime) if runtime.certificates.is_empty() => Who::Runtime(Runner(Arc::new(runtime))),
        Some(runtime) => match shown {
            Some(shown) if runtime.certificates.contains(&shown) => {
                Who::Runtime(Runner(Arc::new(runtime)))
            }
            Some(_) => refused(
                ErrorKind::InvalidToken,
                "the client certificate is not one of this runtime",
            ),
            None => refused(
                ErrorKind::InvalidToken,
                "this runtime must show one of its client certificates; its key alone opens nothing",
            ),
        },
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
