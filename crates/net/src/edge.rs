//! What every request passes, whichever face it is for: a number, a trace, a catcher of panics.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use futures_util::FutureExt as _;
use http::header::X_CONTENT_TYPE_OPTIONS;
use http::{HeaderName, HeaderValue};
use iron_primitives::{Environment, ErrorKind};

use crate::context::{Peer, RequestContext};
use crate::problem::{Cause, Problem};
use crate::proxies::TrustedProxies;

/// Where the request's number travels.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Where the trace travels.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Told about each answered request; called with the path, the status and the time it took.
pub trait Observer: Send + Sync {
    /// A response head is on its way.
    fn answered(&self, path: &str, status: u16, took: Duration);
    /// A handler panicked.
    fn panicked(&self);
}

/// What the edge needs.
#[derive(Clone)]
pub struct Edge {
    /// Time and randomness.
    pub environment: Environment,
    /// Which proxies tell the address of the client.
    pub proxies: TrustedProxies,
    /// Who counts, if anyone does.
    pub observer: Option<Arc<dyn Observer>>,
}

/// A handler panicked; the message stays in the log.
#[derive(Debug, thiserror::Error)]
#[error("a handler panicked: {message}")]
struct Panicked {
    message: String,
}

/// Puts the edge around a router: request id and trace in and out, panics caught, causes of
/// server errors written to the log beside the request id.
pub fn wrap(router: Router, edge: Edge) -> Router {
    router.layer(from_fn_with_state(edge, pass))
}

async fn pass(State(edge): State<Edge>, mut request: Request, next: Next) -> Response {
    let started = edge.environment.boot();
    let peer = request.extensions().get::<Peer>().copied();
    let mut context = RequestContext::read(request.headers(), peer, &edge.environment);
    context.address = context
        .address
        .map(|peer| edge.proxies.client(peer, request.headers()));
    request.extensions_mut().insert(context);
    let path = edge
        .observer
        .as_ref()
        .map(|_| request.uri().path().to_owned());
    let mut response = match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(panic) => {
            if let Some(observer) = &edge.observer {
                observer.panicked();
            }
            Problem::internal(Panicked {
                message: panic_message(panic.as_ref()),
            })
            .into_response()
        }
    };
    log_cause(&response, &context);
    stamp(&mut response, &context);
    if let (Some(observer), Some(path)) = (&edge.observer, path) {
        let took = edge.environment.boot().since(started);
        observer.answered(&path, response.status().as_u16(), took);
    }
    response
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default()
}

fn log_cause(response: &Response, context: &RequestContext) {
    let Some(cause) = response.extensions().get::<Cause>() else {
        return;
    };
    let code = response
        .extensions()
        .get::<ErrorKind>()
        .map_or("", |kind| kind.code());
    if response.status().is_server_error() {
        tracing::error!(request_id = %context.id, code, cause = %cause, "request failed");
    } else {
        tracing::debug!(request_id = %context.id, code, cause = %cause, "request refused");
    }
}

fn stamp(response: &mut Response, context: &RequestContext) {
    let headers = response.headers_mut();
    // No answer is to be taken for anything but what it says it is.
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(id) = HeaderValue::try_from(context.id.to_string()) {
        headers.insert(REQUEST_ID, id);
    }
    if let Ok(trace) = HeaderValue::try_from(context.trace.to_string()) {
        headers.insert(TRACEPARENT, trace);
    }
}
