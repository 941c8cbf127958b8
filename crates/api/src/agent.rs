//! An agent that asks: known by its token, which stands in a header or in the body.

use std::sync::Arc;

use axum::extract::{FromRequest, Request};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;
use iron_audit::RequestFacts;
use iron_budget::Speaker;
use iron_net::RequestContext;
use iron_net::problem::Problem;
use iron_net::rate::Verdict;
use iron_primitives::{ErrorKind, TokenKind, TokenValue};
use iron_runtime::authority::{AuthFailure, Principal};
use serde::de::DeserializeOwned;
use serde_json::Value;
use utoipa::ToSchema;

use crate::caller::{Facts, Who, bearer, nobody};
use crate::gate::too_many;
use crate::input::{read_object, typed};
use crate::state::Api;

/// An agent with a good token.
#[derive(Clone)]
pub(crate) struct Agent(Arc<Known>);

struct Known {
    principal: Principal,
    token: TokenValue,
}

impl Agent {
    pub(crate) fn principal(&self) -> &Principal {
        &self.0.principal
    }

    /// The token itself, which is kept nowhere.
    pub(crate) fn token(&self) -> &TokenValue {
        &self.0.token
    }

    /// Who speaks, for the ledger.
    pub(crate) fn speaker(&self, request: RequestFacts) -> Speaker {
        Speaker {
            path: self.0.principal.path,
            token: self.0.principal.token,
            digest: self.0.token.digest(),
            request,
        }
    }
}

/// Whether a path is one of the budget protocol, which agents speak and nobody else.
pub(crate) fn is_protocol(path: &str) -> bool {
    let tail = path
        .strip_prefix("/api/v1/budget/")
        .or_else(|| path.strip_prefix("/api/budget/"));
    tail.is_some()
}

/// Looks at the credential in the headers of a request of the budget protocol.
pub(crate) async fn identify(api: &Api, headers: &HeaderMap) -> Who {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let presented = match headers.get(AUTHORIZATION) {
        Some(value) => match bearer(value) {
            Some(token) => token,
            None => {
                let message = "the credential does not read; send `Authorization: Bearer ic_…`";
                return Who::Refused(Problem::new(ErrorKind::InvalidToken, message));
            }
        },
        None => match text("x-api-key").or_else(|| text("api-key")) {
            Some(token) => token,
            None => return Who::Nobody,
        },
    };
    match known(api, presented).await {
        Ok(agent) => Who::Agent(agent),
        Err(problem) => Who::Refused(problem),
    }
}

async fn known(api: &Api, presented: &str) -> Result<Agent, Problem> {
    let wrong_type = || {
        let message = "this takes an agent's token (`ic_…`)";
        Problem::new(ErrorKind::WrongTokenType, message)
    };
    let Ok(token) = TokenValue::parse(presented) else {
        let session = presented.starts_with("eyJ") && presented.split('.').count() == 3;
        return Err(match session {
            true => wrong_type(),
            false => Problem::new(ErrorKind::InvalidToken, "the token is not valid"),
        });
    };
    if token.kind() != TokenKind::Ic {
        return Err(wrong_type());
    }
    let authority = &api.far.authority;
    let principal = match authority.authenticate(token.digest()).await {
        Ok(principal) => principal,
        Err(failure) => return Err(refused(failure)),
    };
    if principal
        .expires_at
        .is_some_and(|at| at <= api.environment.now())
    {
        return Err(refused(AuthFailure::Expired));
    }
    Ok(Agent(Arc::new(Known { principal, token })))
}

fn refused(failure: AuthFailure) -> Problem {
    let kind = match failure {
        AuthFailure::Unknown => ErrorKind::InvalidToken,
        AuthFailure::Expired => ErrorKind::TokenExpired,
        AuthFailure::Revoked => ErrorKind::TokenRevoked,
        AuthFailure::Unavailable => ErrorKind::ServiceUnavailable,
    };
    let problem = Problem::new(kind, failure.to_string());
    match failure {
        AuthFailure::Unavailable => problem.retry_after(1),
        _ => problem,
    }
}

/// A body of the budget protocol, whose agent is known.
pub(crate) struct Told<T> {
    pub(crate) agent: Agent,
    pub(crate) facts: RequestFacts,
    pub(crate) body: T,
}

impl<T: DeserializeOwned + ToSchema> FromRequest<Api> for Told<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        use axum::extract::FromRequestParts as _;
        let (mut parts, body) = request.into_parts();
        let Facts(facts) = Facts::from_request_parts(&mut parts, api).await?;
        let who = parts.extensions.get::<Who>().cloned();
        if let Some(Who::Refused(problem)) = who {
            return Err(problem);
        }
        let bytes = api.config.body.read(body).await?;
        let object = read_object(&parts.headers, &bytes);
        let agent = match who {
            Some(Who::Agent(agent)) => agent,
            // What is wrong with the body is for those to know who have shown who they are.
            _ => in_body(api, &parts, object.as_ref().ok()).await?,
        };
        let body = typed(&object?, &bytes)?;
        Ok(Told { agent, facts, body })
    }
}

/// The agent whose token stands in the body. Whoever guesses is counted by his address.
async fn in_body(api: &Api, parts: &Parts, object: Option<&Value>) -> Result<Agent, Problem> {
    let token = object.and_then(|object| object.get("ic_token")?.as_str());
    let problem = match token {
        None => nobody(),
        Some(token) => match known(api, token).await {
            Ok(agent) => return Ok(agent),
            Err(problem) => problem,
        },
    };
    let context = parts.extensions.get::<RequestContext>().copied();
    let context =
        context.unwrap_or_else(|| RequestContext::read(&parts.headers, None, &api.environment));
    match api.count_address(context.address_group()).await.0 {
        Verdict::Refused { retry_after } => {
            api.metrics.http.rate_limited.inc();
            Err(too_many(retry_after.as_millis().div_ceil(1000)))
        }
        Verdict::Admitted { .. } => Err(problem),
    }
}
