//! Where calls of tools are asked for.

use axum::Router;
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::{get, post};
use http::HeaderValue;
use http::header::CACHE_CONTROL;

use super::invoke::invoke;
use super::{authorize, available, results, wrong_method};
use crate::Gateway;

/// The routes, with something around the one by which tools are run. What they answer is for whoever
/// asked, and nobody else keeps it.
pub(crate) fn router(gateway: Gateway, around: impl FnOnce(Router) -> Router) -> Router {
    let invocations = Router::new().route(
        "/api/v1/tools/{tool_id}/invoke",
        post(invoke).fallback(wrong_method),
    );
    let invocations = around(invocations.with_state(gateway.clone()));
    Router::new()
        .route(
            "/api/v1/tools/authorize",
            post(authorize).fallback(wrong_method),
        )
        .route(
            "/api/v1/tools/results",
            post(results).fallback(wrong_method),
        )
        .route(
            "/api/v1/tools/available",
            get(available).fallback(wrong_method),
        )
        .with_state(gateway)
        .merge(invocations)
        .layer(map_response(not_kept))
}

async fn not_kept(mut response: Response) -> Response {
    let no_store = HeaderValue::from_static("no-store");
    response.headers_mut().insert(CACHE_CONTROL, no_store);
    response
}
