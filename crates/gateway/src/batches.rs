//! Batches, on the routes of OpenAI and of Anthropic.

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::{get, post};
use iron_llm::{BatchRoute, Dialect, ProviderKind};
use iron_runtime::call::{BatchErrand, Errand};

use crate::calls::Visit;
use crate::{Gateway, shape_of, wrong_method};

/// Their routes.
pub(crate) fn router() -> Router<Gateway> {
    let all = || get(serve).post(serve).fallback(wrong_method);
    let one = || get(serve).fallback(wrong_method);
    let stop = || post(serve).fallback(wrong_method);
    Router::new()
        .route("/v1/batches", all())
        .route("/v1/batches/{id}", one())
        .route("/v1/batches/{id}/cancel", stop())
        .route("/v1/messages/batches", all())
        .route("/v1/messages/batches/{id}", one())
        .route("/v1/messages/batches/{id}/cancel", stop())
        .route("/v1/messages/batches/{id}/results", one())
}

async fn serve(State(gateway): State<Gateway>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let visit = Visit::new(&parts, shape_of(&parts), gateway.runtime.environment());
    let path = parts.uri.path();
    let kind = match path.starts_with(BatchRoute::ANTHROPIC) {
        true => ProviderKind::Anthropic,
        false => ProviderKind::OpenAi,
    };
    let Some(route) = BatchRoute::of(kind, parts.method.as_str(), path) else {
        return visit.reader.wrong_method(&parts.method);
    };
    let query = parts.uri.query().map(str::to_owned);
    let errand = Errand::Batch(BatchErrand { kind, route, query });
    let dialect = kind.mother_tongue(Dialect::OpenAiChat);
    match gateway.errand(&visit, dialect, parts, body, errand).await {
        Ok(reply) => visit.reader.reply(reply),
        Err(refusal) => visit.reader.refusal(&refusal),
    }
}
