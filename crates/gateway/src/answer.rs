//! Putting answers and refusals on the wire.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::Stream;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use iron_llm::{ErrorShape, errors};
use iron_net::problem::Problem;
use iron_net::rate::Standing;
use iron_primitives::{BudgetShortfall, ErrorKind, Refusal, RequestId, Timestamp};
use iron_runtime::call::{Body as ReplyBody, Chunks, Reply};

const COST: HeaderName = HeaderName::from_static("x-ironcage-cost-micros");
const REMAINING: HeaderName = HeaderName::from_static("x-ironcage-budget-remaining");
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Where Anthropic's SDK looks for it.
const ANTHROPIC_REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// What a client is told to wait when nothing says how long: an hour.
const LONG_WAIT_S: u64 = 3_600;

/// To whom an answer goes, and how they read it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader {
    pub(crate) shape: ErrorShape,
    pub(crate) id: RequestId,
    pub(crate) now: Timestamp,
}

impl Reader {
    /// An answer of a provider.
    pub(crate) fn reply(self, reply: Reply) -> Response {
        let body = match reply.body {
            ReplyBody::Whole(bytes) => Body::from(bytes),
            ReplyBody::Chunks(chunks) => Body::from_stream(Pieces(chunks)),
        };
        let mut response = Response::new(body);
        *response.status_mut() = reply.status;
        *response.headers_mut() = reply.headers;
        let headers = response.headers_mut();
        if let Some(cost) = reply.cost {
            headers.insert(COST, HeaderValue::from(cost.micros()));
        }
        if let Some(Ok(left)) = reply
            .remaining
            .map(|left| HeaderValue::try_from(left.to_string()))
        {
            headers.insert(REMAINING, left);
        }
        self.stamp(response)
    }

    /// A refusal of ours, in the shape that the caller's SDK knows.
    pub(crate) fn refusal(self, refusal: &Refusal) -> Response {
        let rendered = errors::render(self.shape, refusal, &self.id.to_string());
        let mut response = Response::new(Body::from(rendered.body));
        *response.status_mut() =
            StatusCode::from_u16(rendered.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, JSON);
        if !rendered.retry {
            headers.insert(SHOULD_RETRY, HeaderValue::from_static("false"));
        }
        if let Some(wait_s) = wait_s(refusal, self.now) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(wait_s));
        }
        if let Some(standing) = standing(refusal) {
            standing.write(headers);
        }
        self.stamp(response)
    }

    /// A body of ours.
    pub(crate) fn json(self, body: Vec<u8>) -> Response {
        let mut response = Response::new(Body::from(body));
        response.headers_mut().insert(header::CONTENT_TYPE, JSON);
        self.stamp(response)
    }

    /// A route that exists, with another method.
    pub(crate) fn wrong_method(self, method: &Method) -> Response {
        let message = format!("this route does not take `{method}`; see the `Allow` header");
        self.stamp(unrouted(self, ErrorKind::MethodNotAllowed, &message))
    }

    /// A route that does not exist.
    pub(crate) fn no_route(self, method: &Method, path: &str) -> Response {
        let shown: String = path.chars().take(200).collect();
        let message = format!("no route `{method} {shown}`; check the base URL of the client");
        self.stamp(unrouted(self, ErrorKind::ResourceNotFound, &message))
    }

    fn stamp(self, mut response: Response) -> Response {
        if let Ok(id) = HeaderValue::try_from(self.id.to_string()) {
            let headers = response.headers_mut();
            if self.shape == ErrorShape::Anthropic {
                headers.insert(ANTHROPIC_REQUEST_ID, id.clone());
            }
            headers.insert(REQUEST_ID, id);
        }
        response
    }
}

/// A refusal on a route of ours, as the control plane tells it.
pub(crate) fn problem_of(refusal: &Refusal, now: Timestamp) -> Problem {
    let problem = match refusal {
        Refusal::InvalidField { field, problem } => Problem::field(field, problem),
        other => Problem::new(other.kind(), other.to_string()),
    };
    let problem = match wait_s(refusal, now) {
        Some(wait_s) => problem.retry_after(wait_s),
        None => problem,
    };
    match standing(refusal) {
        Some(standing) => problem.standing(standing),
        None => problem,
    }
}

/// How long a client should wait before it tries again.
fn wait_s(refusal: &Refusal, now: Timestamp) -> Option<u64> {
    match refusal {
        Refusal::Budget(_) if refusal.cured_by_waiting() => Some(1),
        Refusal::Budget(shortfall) => Some(until_reset_s(shortfall, now)),
        Refusal::RateLimited(shortfall) | Refusal::QuotaSpent(shortfall) => {
            Some(whole_seconds(shortfall.resets_at, now))
        }
        Refusal::CircuitOpen { reopens_at, .. } | Refusal::ToolUnavailable { reopens_at } => {
            Some(whole_seconds(*reopens_at, now))
        }
        _ if refusal.cured_by_waiting() => Some(1),
        _ => None,
    }
}

/// How the limit stands that refused, as the headers tell it.
fn standing(refusal: &Refusal) -> Option<Standing> {
    match refusal {
        Refusal::RateLimited(shortfall) | Refusal::QuotaSpent(shortfall) => Some(Standing {
            limit: shortfall.most,
            remaining: 0,
            resets_at: shortfall.resets_at,
        }),
        _ => None,
    }
}

/// Rounded up: whoever waits for so long finds room.
fn whole_seconds(until: Timestamp, now: Timestamp) -> u64 {
    let wait = until.since(now);
    let begun = u64::from(wait.subsec_nanos() > 0);
    wait.as_secs().saturating_add(begun).max(1)
}

fn until_reset_s(shortfall: &BudgetShortfall, now: Timestamp) -> u64 {
    let resets_at = shortfall.resets_at.map(|at| at.since(now).as_secs().max(1));
    resets_at.unwrap_or(LONG_WAIT_S)
}

/// A request that no route takes, in the caller's shape: it will fail however often it is sent.
fn unrouted(reader: Reader, kind: ErrorKind, message: &str) -> Response {
    let id = reader.id.to_string();
    let body = match reader.shape {
        ErrorShape::OpenAi => serde_json::json!({ "error": {
            "message": message,
            "type": "invalid_request_error",
            "param": null,
            "code": kind.code(),
            "request_id": id,
        }}),
        ErrorShape::Google => serde_json::json!({ "error": {
            "code": kind.status(),
            "message": message,
            "status": errors::google_word(kind.status()),
            "details": [{ "code": kind.code(), "request_id": id }],
        }}),
        ErrorShape::Aws => serde_json::json!({
            "__type": errors::aws_word(kind.status()),
            "message": message, "reason": kind.code(), "request_id": id,
        }),
        ErrorShape::Cohere => serde_json::json!({
            "message": message, "code": kind.code(), "request_id": id,
        }),
        ErrorShape::Anthropic => {
            let kind_word = match kind {
                ErrorKind::ResourceNotFound => "not_found_error",
                _ => "invalid_request_error",
            };
            let error = serde_json::json!({
                "type": kind_word, "message": message, "code": kind.code(),
            });
            serde_json::json!({ "type": "error", "error": error, "request_id": id })
        }
    };
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() =
        StatusCode::from_u16(kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, JSON);
    headers.insert(SHOULD_RETRY, HeaderValue::from_static("false"));
    response
}

/// The pieces of a stream, as the server takes them.
struct Pieces(Chunks);

/// A body that ended before its time: the connection ends with it, so that nobody takes it for whole.
#[derive(Debug, thiserror::Error)]
#[error("the provider's answer broke off")]
struct Broken;

impl Stream for Pieces {
    type Item = Result<Bytes, Broken>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next(context).map(|piece| match piece {
            None if self.0.is_broken() => Some(Err(Broken)),
            piece => piece.map(Ok),
        })
    }
}
