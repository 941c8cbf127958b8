//! The runtime's faces: routes that OpenAI's and Anthropic's SDKs know.
//!
//! A program changes its base URL and its key, and nothing else: requests come in the dialect
//! of its SDK, answers and errors go back in it. What happens between is the governed call of
//! [`iron_runtime`]; here a request is received, with an end to its size and patience, and an
//! answer is put on the wire.
//!
//! | route | |
//! |---|---|
//! | `POST /v1/chat/completions`, `/v1/responses`, `/v1/completions`, `/v1/embeddings` | OpenAI |
//! | `POST /v1/rerank` | Cohere's, and that of Together and Jina |
//! | `POST /v1/audio/speech`, `/v1/audio/transcriptions`, `/v1/audio/translations` | OpenAI |
//! | `POST /v1/images/generations`, `/v1/images/edits`, `/v1/images/variations` | OpenAI |
//! | `GET`, `DELETE /v1/responses/{id}`, `POST /v1/responses/{id}/cancel` | OpenAI |
//! | `POST /v1/messages`, `/v1/messages/count_tokens` | Anthropic |
//! | `POST`, `GET /v1/files`; `GET`, `DELETE /v1/files/{id}`; `GET /v1/files/{id}/content` | both; with `anthropic-version` Anthropic's |
//! | `POST`, `GET /v1/batches`; `GET /v1/batches/{id}`; `POST /v1/batches/{id}/cancel` | OpenAI |
//! | the same under `/v1/messages/batches`; `GET /v1/messages/batches/{id}/results` | Anthropic |
//! | `GET /v1/models`, `/v1/models/{id}` | both; with `anthropic-version` in Anthropic's shape |
//! | `/providers/{name}/…` | the provider's own |
//! | `POST /api/v1/tools/authorize`, `/api/v1/tools/results`, `/api/v1/tools/{id}/invoke` | ours: calls of tools |
//!
//! Headers of ours on answers: `X-Request-Id`; `X-IronCage-Cost-Micros`, on answers that are
//! not streamed (the cost of a stream is known only after its last byte, and no byte of it is
//! changed to say so: it stands in the record); `X-IronCage-Budget-Remaining`, dollars left in
//! the tightest budget on the agent's path as far as this instance knows, for a stream as it
//! was before it; `X-IronCage-Tool-Calls`, what an answer proposes and may not be called;
//! `x-should-retry: false` on refusals that waiting cannot cure.
//!
//! Invariants:
//! - **The token is checked before the body is read**, so that a stranger cannot fill memory.
//! - **Bodies under way are bounded together**, not only each ([`Config::buffered_bytes`]).
//! - **No error tells** a cause, an address, or a key.

mod answer;
mod attribution;
mod batches;
mod calls;
mod config;
mod credential;
mod files;
mod intake;
mod models;
mod providers;
mod tools;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::from_fn;
use axum::response::Response;
use axum::routing::{any, get, post};
use http::request::Parts;
use iron_llm::{Dialect, ErrorShape, FileRoute};
use iron_runtime::Runtime;

use calls::Visit;
pub use config::Config;
use intake::Intake;

/// What the routes share.
#[derive(Clone)]
pub(crate) struct Gateway {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) intake: Arc<Intake>,
}

/// The routes, to be wrapped in the HTTP edge of the server. Answers are not kept for calls that are
/// repeated.
pub fn router(runtime: Arc<Runtime>, config: Config) -> Router {
    let refused = |invocations: Router| invocations.layer(from_fn(tools::keeps_no_answers));
    router_with(runtime, config, refused)
}

/// As [`router`], with something around the route by which tools are run: it may keep answers for
/// calls that come twice.
pub fn router_with(
    runtime: Arc<Runtime>,
    config: Config,
    around: impl FnOnce(Router) -> Router,
) -> Router {
    let gateway = Gateway {
        runtime,
        intake: Arc::new(Intake::new(config)),
    };
    let create = |dialect: Dialect| {
        post(move |state, request| calls::create(state, dialect, request)).fallback(wrong_method)
    };
    let routes = Dialect::PICTURES
        .into_iter()
        .fold(Router::new(), |routes, dialect| {
            routes.route(dialect.path(), create(dialect))
        });
    let tools = tools::router(gateway.clone(), around);
    routes
        .route(Dialect::OpenAiChat.path(), create(Dialect::OpenAiChat))
        .route(
            Dialect::OpenAiCompletions.path(),
            create(Dialect::OpenAiCompletions),
        )
        .route(
            Dialect::OpenAiEmbeddings.path(),
            create(Dialect::OpenAiEmbeddings),
        )
        .route(
            Dialect::OpenAiResponses.path(),
            create(Dialect::OpenAiResponses),
        )
        .route(
            Dialect::AnthropicMessages.path(),
            create(Dialect::AnthropicMessages),
        )
        .route(Dialect::Rerank.path(), create(Dialect::Rerank))
        .route(
            "/v1/messages/count_tokens",
            post(calls::count_tokens).fallback(wrong_method),
        )
        .route(
            "/v1/responses/{id}",
            get(calls::retrieve_response)
                .delete(calls::delete_response)
                .fallback(wrong_method),
        )
        .route(
            "/v1/responses/{id}/cancel",
            post(calls::cancel_response).fallback(wrong_method),
        )
        .route(Dialect::OpenAiSpeech.path(), create(Dialect::OpenAiSpeech))
        .route(
            Dialect::OpenAiTranscriptions.path(),
            create(Dialect::OpenAiTranscriptions),
        )
        .route(
            Dialect::OpenAiTranslations.path(),
            create(Dialect::OpenAiTranslations),
        )
        .route(
            FileRoute::PATH,
            get(files::serve).post(files::serve).fallback(wrong_method),
        )
        .route(
            "/v1/files/{id}",
            get(files::serve)
                .delete(files::serve)
                .fallback(wrong_method),
        )
        .route(
            "/v1/files/{id}/content",
            get(files::serve).fallback(wrong_method),
        )
        .merge(batches::router())
        .route("/v1/models", get(models::list).fallback(wrong_method))
        .route(
            "/v1/models/{*id}",
            get(models::retrieve).fallback(wrong_method),
        )
        .route("/providers/{name}/{*route}", any(providers::pass))
        // Whatever else an SDK asks for is refused in its own words.
        .route("/providers", any(no_route))
        .route("/providers/", any(no_route))
        .route("/providers/{name}", any(no_route))
        .route("/v1", any(no_route))
        .route("/v1/", any(no_route))
        .route("/v1/{*rest}", any(no_route))
        .with_state(gateway)
        .merge(tools)
}

/// The answer to a route that exists, with another method; the `Allow` header names those it has.
async fn wrong_method(State(gateway): State<Gateway>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let shape = shape_of(&parts);
    let visit = Visit::new(&parts, shape, gateway.runtime.environment());
    visit.reader.wrong_method(&parts.method)
}

/// The answer to a route that does not exist.
async fn no_route(State(gateway): State<Gateway>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let shape = shape_of(&parts);
    let visit = Visit::new(&parts, shape, gateway.runtime.environment());
    visit.reader.no_route(&parts.method, parts.uri.path())
}

/// Who asks by Anthropic's routes, or names the version of Anthropic's dialect as its SDK always
/// does, reads Anthropic's errors; who shows its key as Google's SDKs do, Google's.
pub(crate) fn shape_of(parts: &Parts) -> ErrorShape {
    let path = parts.uri.path();
    let messages = path == "/v1/messages" || path.starts_with("/v1/messages/");
    let names = |header| parts.headers.contains_key(header);
    match () {
        () if messages || names("anthropic-version") => ErrorShape::Anthropic,
        () if names("x-goog-api-key") => ErrorShape::Google,
        () if names("amz-sdk-invocation-id") || names("x-amz-date") => ErrorShape::Aws,
        () => ErrorShape::OpenAi,
    }
}
