//! The two faces on one listener: the gateway for agents, the API for people.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use axum::Router;
use iron_api::{ApiState, Build};
use iron_approvals::Courier;
use iron_net::edge::{Edge, Observer};
use iron_net::rate::{SharedObserver, SharedRates};
use iron_net::server::ConnectionObserver;
use iron_primitives::Environment;
use iron_runtime::subject;
use iron_telemetry::{Metrics, Surface};
use iron_vault::Purpose;
use tokio_util::sync::CancellationToken;

use super::features::Features;
use super::plane::Plane;
use super::settings::Settings;

/// Where requests are counted for all servers together, if anywhere.
pub(super) fn shared_rates(settings: &Settings, metrics: &Metrics) -> Result<Option<SharedRates>> {
    let Some((url, patience)) = &settings.redis else {
        return Ok(None);
    };
    let observer = Arc::new(Counted(metrics.clone()));
    Ok(Some(SharedRates::at(url, *patience, observer)?))
}

/// What the control plane works with.
pub(super) fn api(
    settings: &Settings,
    shared_rates: Option<SharedRates>,
    features: &Features,
    plane: &Plane,
    metrics: &Metrics,
    environment: &Environment,
    leaving: &CancellationToken,
) -> ApiState {
    let (runtime, seeing) = (plane.runtime.clone(), plane.runtime.clone());
    let journal = plane.journal.clone();
    let master = features.master.clone();
    ApiState {
        identity: features.identity.clone(),
        agents: features.agents.clone(),
        providers: features.providers.clone(),
        models: features.models.clone(),
        limits: features.limits.clone(),
        pools: features.pools.clone(),
        profiles: features.profiles.clone(),
        tools: features.tools.clone(),
        policies: features.policies.clone(),
        requests: features.requests.clone(),
        ledger: features.ledger.clone(),
        paths: features.paths.clone(),
        far: features.far(),
        audit: features.audit.clone(),
        audit_log: features.log.clone(),
        projections: features.projections.clone(),
        reconciliations: features.reconciliations.clone(),
        approvals: features.approvals.clone(),
        access: features.access.clone(),
        files: features.files.clone(),
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
        pseudonym: Arc::new(move |tenant, name| {
            let key = master.derive(Purpose::TenantHash(tenant))?;
            Ok(hex::encode(subject::end_user_digest(&key, name)))
        }),
        notify: Arc::new(move |change| runtime.apply(change)),
        sight: Arc::new(move |tenant, provider| seeing.health_of(tenant, provider)),
        journal_writable: Arc::new(move || journal.stopped().is_none() && !journal.is_full()),
        draining: is_cancelled(leaving),
        started_at: environment.boot(),
        build: Build {
            version: crate::build::VERSION,
            commit: crate::build::COMMIT,
            timestamp: crate::build::TIME,
        },
        shared_rates,
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
    let gateway = iron_gateway::router_with(
        plane.runtime.clone(),
        iron_gateway::Config::default(),
        iron_api::once_for_agents(api.clone()),
    );
    // The API answers whatever nobody claims, so it comes last.
    iron_net::edge::wrap(gateway.merge(iron_api::router(api)), edge)
}

/// The URL of what listens there.
pub(crate) fn url(address: SocketAddr, has_tls: bool) -> String {
    let scheme = if has_tls { "https" } else { "http" };
    format!("{scheme}://{address}")
}

/// Asks whether it is so far.
pub(crate) fn is_cancelled(token: &CancellationToken) -> Arc<dyn Fn() -> bool + Send + Sync> {
    let token = token.clone();
    Arc::new(move || token.is_cancelled())
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
        _ if path.starts_with("/v1/") || path.starts_with("/providers/") => Surface::Gateway,
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

impl SharedObserver for Counted {
    fn shared(&self, yes: bool) {
        self.0.http.rates_shared.set(i64::from(yes));
    }

    fn alone(&self) {
        self.0.http.rates_alone.inc();
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
