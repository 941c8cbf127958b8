//! Health, version, metrics and the document.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use iron_net::RequestContext;
use iron_net::problem::{JSON, Problem};
use iron_primitives::ErrorKind;
use iron_sdk::system::{
    BuildView, Health, HealthServices, HealthView, Live, ServiceHealth, VersionView,
};
use iron_store::sql;
use iron_telemetry::METRICS_CONTENT_TYPE;

use crate::answer::Answer;
use crate::input::CONTRACT;
use crate::state::Api;

/// How the server is, all in all.
#[utoipa::path(get, path = "/health", tag = "system", responses(
    (status = 200, description = "Healthy or degraded", body = HealthView),
    (status = 503, description = "Unhealthy", body = HealthView),
))]
pub(crate) async fn get_health(State(api): State<Api>) -> Response {
    let services = HealthServices {
        database: up_or_down(sql("SELECT 1 AS one").fetch_one(&api.db).await.is_ok()),
        cache: match &api.shared_rates {
            None => ServiceHealth::Unused,
            Some(shared) => up_or_down(shared.is_counting()),
        },
        secrets: ServiceHealth::Up,
        queue: up_or_down((api.journal_writable)()),
    };
    let all_up = services.database == ServiceHealth::Up && services.queue == ServiceHealth::Up;
    let view = HealthView {
        status: match (all_up, services.cache) {
            (false, _) => Health::Unhealthy,
            // Each server counts requests by itself meanwhile.
            (true, ServiceHealth::Down) => Health::Degraded,
            (true, _) => Health::Healthy,
        },
        version: api.build.version.to_owned(),
        timestamp: api.environment.now(),
        uptime_seconds: api.environment.boot().since(api.started_at).as_secs(),
        services,
    };
    let status = if all_up {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Answer(view).into_response().into_body())
        .into_response()
        .with_json()
}

/// Whether the process answers at all.
#[utoipa::path(get, path = "/health/live", tag = "system", responses(
    (status = 200, description = "It does", body = Live),
))]
pub(crate) async fn get_live(State(api): State<Api>) -> Answer<Live> {
    Answer(Live {
        status: Health::Healthy,
        timestamp: api.environment.now(),
    })
}

/// Whether calls can be served now.
#[utoipa::path(get, path = "/health/ready", tag = "system", responses(
    (status = 200, description = "They can", body = HealthView),
    (status = 503, description = "They cannot", body = HealthView),
))]
pub(crate) async fn get_ready(state: State<Api>) -> Response {
    if (state.draining)() {
        let message = "the server is shutting down; send calls elsewhere";
        return Problem::new(ErrorKind::ServiceUnavailable, message)
            .retry_after(5)
            .into_response();
    }
    get_health(state).await
}

const fn up_or_down(up: bool) -> ServiceHealth {
    if up {
        ServiceHealth::Up
    } else {
        ServiceHealth::Down
    }
}

/// Which versions there are.
#[utoipa::path(get, path = "/version", tag = "system", responses(
    (status = 200, description = "The versions", body = VersionView),
))]
pub(crate) async fn get_version(State(api): State<Api>) -> Answer<VersionView> {
    Answer(VersionView {
        current_version: "v1".to_owned(),
        supported_versions: vec!["v1".to_owned()],
        deprecated_versions: Vec::new(),
        latest_endpoint: "/api/v1".to_owned(),
        build: BuildView {
            version: api.build.version.to_owned(),
            commit: api.build.commit.to_owned(),
            timestamp: api.build.timestamp.to_owned(),
        },
    })
}

/// This document, OpenAPI 3.1.
#[utoipa::path(get, path = "/openapi.json", tag = "system", responses(
    (status = 200, description = "OpenAPI 3.1", body = Object),
))]
pub(crate) async fn get_openapi() -> Response {
    CONTRACT.text.as_str().into_response().with_json()
}

/// This document, OpenAPI 3.0.3.
#[utoipa::path(get, path = "/openapi-3.0.json", tag = "system", responses(
    (status = 200, description = "OpenAPI 3.0.3", body = Object),
))]
pub(crate) async fn get_openapi_3_0() -> Response {
    CONTRACT.text_3_0.as_str().into_response().with_json()
}

/// This document as a page for people.
#[utoipa::path(get, path = "/docs", tag = "system", responses(
    (status = 200, description = "A page", body = String, content_type = "text/html"),
))]
pub(crate) async fn get_docs() -> Response {
    const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; \
                          script-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; \
                          frame-ancestors 'none'";
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (HeaderName::from_static("content-security-policy"), POLICY),
    ];
    (headers, include_str!("../docs.html")).into_response()
}

/// What a Prometheus server scrapes.
#[utoipa::path(get, path = "/metrics", tag = "system", responses(
    (status = 200, description = "OpenMetrics text", body = String,
        content_type = "application/openmetrics-text"),
))]
pub(crate) async fn get_metrics(
    State(api): State<Api>,
    context: Option<axum::Extension<RequestContext>>,
    headers: HeaderMap,
) -> Response {
    let address = context.and_then(|context| context.address);
    if !api.config.metrics.allows(address, &headers) {
        let message = "metrics are not for you; scrape from an allowed network or send the token";
        return Problem::new(ErrorKind::InsufficientPermissions, message).into_response();
    }
    (
        [(header::CONTENT_TYPE, METRICS_CONTENT_TYPE)],
        api.metrics.render(),
    )
        .into_response()
}

trait WithJson {
    fn with_json(self) -> Response;
}

impl WithJson for Response {
    fn with_json(mut self) -> Response {
        self.headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::clone(&JSON));
        self
    }
}
