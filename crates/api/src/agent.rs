//! An agent that asks: known by its token, which stands in a header or in the body.

use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, Request};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;
use iron_audit::RequestFacts;
use iron_budget::Speaker;
use iron_net::RequestContext;
use iron_net::problem::Problem;
use iron_net::rate::{Excess, PaceLimit, Verdict};
use iron_primitives::{
    ErrorKind, RateShortfall, Refusal, Scope, TeamId, TenantId, Timestamp, TokenKind, TokenValue,
};
use iron_runtime::authority::{AgentState, AuthFailure, BookCalls, Principal};
use serde::de::DeserializeOwned;
use serde_json::Value;
use utoipa::ToSchema;

use crate::caller::{Caller, Facts, Who, bearer, nobody};
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

impl Agent {
    /// Refuses an agent that could call nothing.
    pub(crate) fn may_act(&self) -> Result<(), Problem> {
        let principal = self.principal();
        if principal.tenant_suspended {
            return Err(plain(&Refusal::TenantSuspended));
        }
        let state = principal.agent_state.as_str();
        if principal.agent_state != AgentState::Running {
            let refusal = Refusal::AgentNotRunning { state };
            return Err(plain(&refusal).detail("status", state));
        }
        Ok(())
    }
}

/// A refusal of the governed path, as the control plane tells it.
pub(crate) fn plain(refusal: &Refusal) -> Problem {
    Problem::new(refusal.kind(), refusal.to_string())
}

impl Api {
    /// Counts what an agent asks as a call: for the minute of its team, which each server counts
    /// beside calls unless servers share counters, and for the day of its tenant's plan.
    pub(crate) async fn count_agent(&self, agent: &Agent) -> Result<(), Problem> {
        let principal = agent.principal();
        let (boot, now) = (self.environment.boot(), self.environment.now());
        if let Some(team) = principal.path.team {
            let pace = principal.team_rules.pace;
            let entered = self.teams().enter(team, pace, boot, now).await;
            entered.map_err(|excess| too_fast(team, excess, now))?;
        }
        if let Some(limit) = principal.calls_per_day {
            let ask = BookCalls {
                tenant: principal.path.tenant,
                day: now.micros().div_euclid(DAY_MICROS),
                made: 0,
                want: 1,
            };
            let booked = self.far.authority.book_calls(ask).await;
            let booked = booked.map_err(Problem::unavailable)?;
            if booked.granted == 0 {
                return Err(day_over(principal.path.tenant, limit, ask.day, now));
            }
        }
        Ok(())
    }
}

const DAY_MICROS: i64 = 86_400_000_000;

fn too_fast(team: TeamId, excess: Excess, now: Timestamp) -> Problem {
    let shortfall = RateShortfall {
        scope: Scope::Team(team),
        limit: match excess.limit {
            PaceLimit::Requests => "requests_per_minute",
            PaceLimit::Weight => "tokens_per_minute",
        },
        most: excess.standing.limit,
        resets_at: excess.standing.resets_at,
    };
    waiting(shortfall, Refusal::RateLimited, now)
}

fn day_over(tenant: TenantId, limit: u32, day: i64, now: Timestamp) -> Problem {
    let tomorrow = day.saturating_add(1).saturating_mul(DAY_MICROS);
    let shortfall = RateShortfall {
        scope: Scope::Tenant(tenant),
        limit: "calls_per_day",
        most: limit,
        resets_at: Timestamp::from_micros(tomorrow),
    };
    waiting(shortfall, Refusal::QuotaSpent, now)
}

fn waiting(
    shortfall: RateShortfall,
    refusal: fn(Box<RateShortfall>) -> Refusal,
    now: Timestamp,
) -> Problem {
    let wait = shortfall.resets_at.since(now).as_secs().saturating_add(1);
    plain(&refusal(Box::new(shortfall))).retry_after(wait)
}

/// Whoever asks what people and agents may ask.
pub(crate) enum Asker {
    Person(Caller),
    Agent(Agent),
}

impl<S: Sync> FromRequestParts<S> for Asker {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match parts.extensions.get::<Who>() {
            Some(Who::Agent(agent)) => Ok(Asker::Agent(agent.clone())),
            _ => Caller::from_request_parts(parts, state)
                .await
                .map(Asker::Person),
        }
    }
}

/// Whether an agent asks here, by the form of its token, what people may ask too.
pub(crate) fn is_asking(path: &str, headers: &HeaderMap) -> bool {
    let token = headers
        .get(AUTHORIZATION)
        .and_then(bearer)
        .or_else(|| headers.get("x-api-key")?.to_str().ok())
        .or_else(|| headers.get("api-key")?.to_str().ok());
    path == "/api/v1/guardrails/check" && token.is_some_and(|token| token.starts_with("ic_"))
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
