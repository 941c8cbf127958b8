//! Requests that may be sent twice and happen once.
//!
//! A POST with an `Idempotency-Key` claims its key in the database before it runs and leaves
//! its answer there, sealed, for 24 hours. The claim is an INSERT that only one of two equal
//! requests can win, on any instance. An answer that says "not now" (401, 408, 429, 5xx) gives
//! the key back, because nothing was done. A claim whose process died stays taken until it
//! expires: whether the change happened is not known, and doing it twice would be worse.

mod store;

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use http_body_util::BodyExt as _;
use iron_net::context::NothingDone;
use iron_net::problem::{JSON, Problem};
use iron_primitives::{AgentId, ErrorKind, TenantId, UserId};

use crate::agent;
use crate::caller::Who;
use crate::failure::Failure;
use crate::state::{Api, ApiState};
pub(crate) use store::OF_A_TENANT;
use store::{Claim, Stored};

/// How long an answer is kept.
pub(crate) const KEPT_FOR: Duration = Duration::from_secs(24 * 3600);

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Whose key it is and for what.
pub(crate) struct Place {
    pub(crate) tenant: TenantId,
    pub(crate) user: UserId,
    pub(crate) path: String,
    pub(crate) key: String,
    /// SHA-256 over method, path, query and body.
    pub(crate) fingerprint: Vec<u8>,
}

/// Runs the request once per key, or gives the first answer again.
pub(crate) async fn once(State(api): State<Api>, request: Request, next: Next) -> Response {
    let wanted = request.method() == Method::POST && request.headers().contains_key(&KEY);
    let Some(asker) = Asker::of(&request).filter(|_| wanted) else {
        return next.run(request).await;
    };
    run_once(&api, &asker, request, next)
        .await
        .unwrap_or_else(|failure| failure.into_response())
}

/// Runs calls of agents that are served beside this plane once per key: a layer for their routes. Who
/// bears no good token is left to the route itself.
pub fn once_for_agents(state: ApiState) -> impl FnOnce(Router) -> Router {
    let api = Api::new(state);
    |routes| routes.layer(from_fn_with_state(api, as_agent))
}

async fn as_agent(State(api): State<Api>, request: Request, next: Next) -> Response {
    if !request.headers().contains_key(&KEY) {
        return next.run(request).await;
    }
    let Who::Agent(agent) = agent::identify(&api, request.headers()).await else {
        return next.run(request).await;
    };
    let path = agent.principal().path;
    let asker = Asker {
        tenant: path.tenant,
        user: path.user,
        agent: Some(path.agent),
    };
    run_once(&api, &asker, request, next)
        .await
        .unwrap_or_else(|failure| failure.into_response())
}

/// Whose keys are told apart.
struct Asker {
    tenant: TenantId,
    user: UserId,
    /// An agent has keys of its own beside those of its owner.
    agent: Option<AgentId>,
}

impl Asker {
    fn of(request: &Request) -> Option<Asker> {
        match request.extensions().get::<Who>() {
            Some(Who::Known(caller)) => Some(Asker {
                tenant: caller.tenant(),
                user: caller.user(),
                agent: None,
            }),
            Some(Who::Agent(agent)) => {
                let path = agent.principal().path;
                Some(Asker {
                    tenant: path.tenant,
                    user: path.user,
                    agent: Some(path.agent),
                })
            }
            _ => None,
        }
    }
}

async fn run_once(
    api: &Api,
    asker: &Asker,
    request: Request,
    next: Next,
) -> Result<Response, Failure> {
    let (parts, body) = request.into_parts();
    let key = read_key(&parts.headers)?;
    let body = api.config.body.read(body).await?;
    let path = parts
        .uri
        .path_and_query()
        .map_or("/", |path| path.as_str())
        .to_owned();
    let fingerprint = fingerprint(&parts.method, &path, &body);
    let path = match asker.agent {
        None => path,
        Some(agent) => format!("{path}#{agent}"),
    };
    let place = Place {
        tenant: asker.tenant,
        user: asker.user,
        path,
        key,
        fingerprint,
    };
    match store::claim(api, &place).await? {
        Claim::Ours => {}
        Claim::Running => return Err(in_progress().into()),
        Claim::OtherBody => return Err(conflict().into()),
        Claim::Answered(stored) => return Ok(replay(stored)),
    }
    // From here on the client may leave: the claim must still get its answer.
    let api = api.clone();
    let running = tokio::spawn(iron_store::as_here(async move {
        let response = next.run(Request::from_parts(parts, Body::from(body))).await;
        keep(&api, &place, response).await
    }));
    running
        .await
        .map_err(|error| Failure::from(Problem::internal(error)))?
}

fn read_key(headers: &http::HeaderMap) -> Result<String, Problem> {
    let text = headers
        .get(&KEY)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let printable = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if text.is_empty() || text.len() > 128 || !printable || headers.get_all(&KEY).iter().count() > 1
    {
        return Err(Problem::field(
            "Idempotency-Key",
            "must be 1 to 128 printable characters, once",
        ));
    }
    Ok(text.to_owned())
}

fn fingerprint(method: &Method, path: &str, body: &Bytes) -> Vec<u8> {
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    for part in [
        method.as_str().as_bytes(),
        b" ",
        path.as_bytes(),
        b"\n",
        body,
    ] {
        context.update(part);
    }
    context.finish().as_ref().to_vec()
}

/// Keeps the answer, or gives the key back if nothing was done.
async fn keep(api: &Api, place: &Place, response: Response) -> Result<Response, Failure> {
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.map_err(Problem::internal)?.to_bytes();
    let undone = parts.extensions.get::<NothingDone>().is_some()
        || parts.status.is_server_error()
        || matches!(parts.status.as_u16(), 401 | 408 | 429)
        // The validation of a body can be repeated at no risk, and a mended body must get in.
        || parts.status == StatusCode::BAD_REQUEST;
    if undone {
        store::release(api, place).await?;
    } else {
        let location = parts
            .headers
            .get(header::LOCATION)
            .and_then(|value| value.to_str().ok());
        let stored = Stored {
            status: parts.status.as_u16(),
            location: location.map(str::to_owned),
            body: String::from_utf8_lossy(&bytes).into_owned(),
        };
        store::keep(api, place, stored).await?;
    }
    Ok(Response::from_parts(parts, Body::from(bytes)))
}

fn replay(stored: Stored) -> Response {
    let status = StatusCode::from_u16(stored.status).unwrap_or(StatusCode::OK);
    let mut response = (status, [(header::CONTENT_TYPE, JSON)], stored.body).into_response();
    if let Some(location) = stored
        .location
        .and_then(|text| HeaderValue::try_from(text).ok())
    {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
        .headers_mut()
        .insert(REPLAYED, HeaderValue::from_static("true"));
    response
}

fn in_progress() -> Problem {
    let message = "the first request with this idempotency key is still running; ask again later";
    Problem::new(ErrorKind::OperationInProgress, message).retry_after(1)
}

fn conflict() -> Problem {
    let message = "the idempotency key was used with another body; use a new key";
    Problem::new(ErrorKind::IdempotencyConflict, message)
}
