//! What a router answers: the gateway for agents, health and metrics for those who run it.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::{HeaderMap, StatusCode, header};
use iron_api::MetricsAccess;
use iron_journal::Journal;
use iron_net::RequestContext;
use iron_net::edge::Edge;
use iron_net::problem::Problem;
use iron_primitives::{BootInstant, Environment, ErrorKind};
use iron_runtime::remote::RemoteAuthority;
use iron_sdk::system::{Health, HealthServices, HealthView, Live, ServiceHealth};
use iron_telemetry::{METRICS_CONTENT_TYPE, Metrics};
use tokio_util::sync::CancellationToken;

use super::Settings;
use crate::build;
use crate::server::faces::Counted;
use crate::server::plane::Plane;

/// What the answers are made from.
pub(super) struct Parts<'a> {
    pub(super) settings: &'a Settings,
    pub(super) plane: &'a Plane,
    pub(super) authority: Arc<RemoteAuthority>,
    pub(super) metrics: Metrics,
    pub(super) environment: Environment,
    pub(super) stopping: CancellationToken,
}

#[derive(Clone)]
struct Own {
    journal: Journal,
    authority: Arc<RemoteAuthority>,
    metrics: Metrics,
    access: MetricsAccess,
    environment: Environment,
    started_at: BootInstant,
    stopping: CancellationToken,
}

/// Every route of the router.
pub(super) fn router(parts: Parts<'_>) -> axum::Router {
    let own = Own {
        journal: parts.plane.journal.clone(),
        authority: parts.authority,
        metrics: parts.metrics.clone(),
        access: parts.settings.metrics.clone(),
        started_at: parts.environment.boot(),
        environment: parts.environment.clone(),
        stopping: parts.stopping,
    };
    let mut system = axum::Router::new().route("/metrics", get(metrics));
    for base in ["/api", "/api/v1"] {
        system = system
            .route(&format!("{base}/health"), get(health))
            .route(&format!("{base}/health/live"), get(live))
            .route(&format!("{base}/health/ready"), get(ready));
    }
    let system = system.fallback(no_route).with_state(own);
    let gateway =
        iron_gateway::router(parts.plane.runtime.clone(), iron_gateway::Config::default());
    let edge = Edge {
        environment: parts.environment,
        proxies: parts.settings.proxies.clone(),
        observer: Some(Arc::new(Counted(parts.metrics))),
    };
    iron_net::edge::wrap(gateway.merge(system), edge)
}

/// A router whose server is away still serves, with what it holds.
async fn health(State(own): State<Own>) -> Response {
    let writable = own.journal.stopped().is_none() && !own.journal.is_full();
    let reachable = own.authority.is_reachable();
    let word = |up| match up {
        true => ServiceHealth::Up,
        false => ServiceHealth::Down,
    };
    let (status, health) = match (writable, reachable) {
        (false, _) => (StatusCode::SERVICE_UNAVAILABLE, Health::Unhealthy),
        (true, false) => (StatusCode::OK, Health::Degraded),
        (true, true) => (StatusCode::OK, Health::Healthy),
    };
    let view = HealthView {
        status: health,
        version: build::VERSION.to_owned(),
        timestamp: own.environment.now(),
        uptime_seconds: own.environment.boot().since(own.started_at).as_secs(),
        services: HealthServices {
            database: ServiceHealth::Unused,
            cache: ServiceHealth::Unused,
            secrets: word(reachable),
            queue: word(writable),
        },
    };
    (status, axum::Json(view)).into_response()
}

async fn live(State(own): State<Own>) -> Response {
    axum::Json(Live {
        status: Health::Healthy,
        timestamp: own.environment.now(),
    })
    .into_response()
}

async fn ready(State(own): State<Own>) -> Response {
    if own.stopping.is_cancelled() {
        let message = "the router is shutting down; send calls elsewhere";
        return Problem::new(ErrorKind::ServiceUnavailable, message)
            .retry_after(5)
            .into_response();
    }
    health(State(own)).await
}

async fn metrics(
    State(own): State<Own>,
    context: Option<axum::Extension<RequestContext>>,
    headers: HeaderMap,
) -> Response {
    let address = context.and_then(|context| context.address);
    if !own.access.allows(address, &headers) {
        let message = "metrics are not for you; scrape from an allowed network or send the token";
        return Problem::new(ErrorKind::InsufficientPermissions, message).into_response();
    }
    let content_type = [(header::CONTENT_TYPE, METRICS_CONTENT_TYPE)];
    (content_type, own.metrics.render()).into_response()
}

async fn no_route() -> Problem {
    let message = "a router has no control plane; ask its server";
    Problem::new(ErrorKind::ResourceNotFound, message)
}
