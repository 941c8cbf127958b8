//! The two faces on one listener: the gateway for agents, the API for people.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use iron_api::{ApiState, Build};
use iron_approvals::Courier;
use iron_net::edge::{Edge, Observer};
use iron_net::server::ConnectionObserver;
use iron_primitives::Environment;
use iron_telemetry::{Metrics, Surface};
use tokio_util::sync::CancellationToken;

use super::features::Features;
use super::plane::Plane;
use super::settings::Settings;

/// What the control plane works with.
pub(super) fn api(
    settings: &Settings,
    features: &Features,
    plane: &Plane,
    metrics: &Metrics,
    environment: &Environment,
    stopping: &CancellationToken,
) -> ApiState {
    let runtime = plane.runtime.clone();
    let journal = plane.journal.clone();
    let draining = stopping.clone();
    ApiState {
        identity: features.identity.clone(),
        agents: features.agents.clone(),
        providers: features.providers.clone(),
        models: features.models.clone(),
        limits: features.limits.clone(),
        pools: features.pools.clone(),
        requests: features.requests.clone(),
        ledger: features.ledger.clone(),
        paths: features.paths.clone(),
        far: features.far(),
        audit: features.audit.clone(),
        audit_log: features.log.clone(),
        projections: features.projections.clone(),
        reconciliations: features.reconciliations.clone(),
        access: features.access.clone(),
        channels: features.channels.clone(),
        courier: Courier::new(
            features.channels.clone(),
            plane.egress.clone(),
            metrics.clone(),
        ),
        egress: plane.egress.clone(),
        vault: features.vault.clone(),
        settings: features.settings.clone(),
        db: features.db.clone(),
        environment: environment.clone(),
        metrics: metrics.clone(),
        notify: Arc::new(move |change| runtime.apply(change)),
        journal_writable: Arc::new(move || journal.stopped().is_none() && !journal.is_full()),
        draining: Arc::new(move || draining.is_cancelled()),
        started_at: environment.boot(),
        build: Build {
            version: crate::build::VERSION,
            commit: crate::build::COMMIT,
            timestamp: crate::build::TIME,
        },
        config: settings.api.clone(),
    }
}

/// Every route of the server.
pub(super) fn router(
    settings: &Settings,
    api: ApiState,
    plane: &Plane,
    metrics: &Metrics,
    environment: &Environment,
) -> Router {
    let edge = Edge {
        environment: environment.clone(),
        proxies: settings.proxies.clone(),
        observer: Some(Arc::new(Counted(metrics.clone()))),
    };
    let gateway = iron_gateway::router(plane.runtime.clone(), iron_gateway::Config::default());
    // The API answers whatever nobody claims, so it comes last.
    iron_net::edge::wrap(gateway.merge(iron_api::router(api)), edge)
}

/// Counts connections.
pub(crate) fn connections(metrics: &Metrics) -> Arc<dyn ConnectionObserver> {
    Arc::new(Counted(metrics.clone()))
}

pub(crate) struct Counted(pub(crate) Metrics);

fn surface(path: &str) -> Surface {
    const SYSTEM: [&str; 5] = [
        "/metrics",
        "/api/health",
        "/api/version",
        "/api/v1/health",
        "/api/v1/version",
    ];
    match path {
        _ if path.starts_with("/v1/") => Surface::Gateway,
        _ if SYSTEM.iter().any(|system| path.starts_with(system)) => Surface::System,
        _ => Surface::Api,
    }
}

impl Observer for Counted {
    fn answered(&self, path: &str, status: u16, took: Duration) {
        self.0.http.answered(surface(path), status, took);
    }

    fn panicked(&self) {
        self.0.http.panics.inc();
    }
}

impl ConnectionObserver for Counted {
    fn opened(&self) {
        self.0.http.connections_open.inc();
    }

    fn closed(&self) {
        self.0.http.connections_open.dec();
    }

    fn refused(&self) {
        self.0.http.connections_refused.inc();
    }
}
