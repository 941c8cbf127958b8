//! The routes that reach a provider.

use std::net::IpAddr;

use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::HeaderMap;
use http::request::Parts;
use iron_llm::{Dialect, ErrorShape};
use iron_net::RequestContext;
use iron_primitives::{Environment, Refusal, RequestId};
use iron_runtime::call::{
    Attribution, Authenticated, CallRequest, Errand, Passing, Reply, StoredAction,
};

use crate::Gateway;
use crate::answer::Reader;
use crate::attribution::attribution;
use crate::credential::presented;

/// What the edge knows about a request, and how its sender reads answers.
pub(crate) struct Visit {
    context: RequestContext,
    /// The client chose the number itself, so it may not be unique.
    numbered: bool,
    pub(crate) reader: Reader,
}

/// By which route a request came.
pub(crate) struct Asked {
    pub(crate) dialect: Dialect,
    /// The provider that it names, on a route of that one.
    pub(crate) passing: Option<Box<Passing>>,
}

impl From<Dialect> for Asked {
    fn from(dialect: Dialect) -> Self {
        let passing = None;
        Asked { dialect, passing }
    }
}

impl Visit {
    pub(crate) fn new(parts: &Parts, shape: ErrorShape, environment: &Environment) -> Self {
        let known = parts.extensions.get::<RequestContext>().copied();
        let context =
            known.unwrap_or_else(|| RequestContext::read(&parts.headers, None, environment));
        let numbered = parts.headers.contains_key("x-request-id");
        let reader = Reader {
            shape,
            id: context.id,
            now: environment.now(),
        };
        Visit {
            context,
            numbered,
            reader,
        }
    }

    /// A number for the call that nobody else has.
    pub(crate) fn unique(&self, environment: &Environment) -> RequestId {
        match self.numbered {
            true => environment.new_id(),
            false => self.context.id,
        }
    }

    /// The number under which the client knows the request, if it gave it itself.
    pub(crate) fn edge_id(&self) -> Option<RequestId> {
        self.numbered.then_some(self.context.id)
    }

    pub(crate) const fn address(&self) -> Option<IpAddr> {
        self.context.address
    }

    pub(crate) fn trace(&self) -> Option<String> {
        Some(self.context.trace.trace_id())
    }

    pub(crate) fn request(
        &self,
        asked: Asked,
        headers: HeaderMap,
        attribution: Attribution,
        environment: &Environment,
    ) -> CallRequest {
        CallRequest {
            id: self.unique(environment),
            edge_id: self.edge_id(),
            dialect: asked.dialect,
            passing: asked.passing,
            headers,
            body: bytes::Bytes::new(),
            attribution,
            trace: self.trace(),
        }
    }
}

/// `POST` of any dialect.
pub(crate) async fn create(
    State(gateway): State<Gateway>,
    dialect: Dialect,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let visit = Visit::new(&parts, dialect.error_shape(), gateway.runtime.environment());
    match gateway.create(&visit, dialect, parts, body).await {
        Ok(reply) => visit.reader.reply(reply),
        Err(refusal) => visit.reader.refusal(&refusal),
    }
}

/// `POST /v1/messages/count_tokens`
pub(crate) async fn count_tokens(State(gateway): State<Gateway>, request: Request) -> Response {
    errand(gateway, Dialect::AnthropicMessages, request, |_| {
        Errand::CountTokens
    })
    .await
}

/// `GET /v1/responses/{id}`
pub(crate) async fn retrieve_response(
    State(gateway): State<Gateway>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    stored(gateway, StoredAction::Retrieve, id, request).await
}

/// `DELETE /v1/responses/{id}`
pub(crate) async fn delete_response(
    State(gateway): State<Gateway>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    stored(gateway, StoredAction::Delete, id, request).await
}

/// `POST /v1/responses/{id}/cancel`
pub(crate) async fn cancel_response(
    State(gateway): State<Gateway>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    stored(gateway, StoredAction::Cancel, id, request).await
}

async fn stored(gateway: Gateway, action: StoredAction, id: String, request: Request) -> Response {
    errand(gateway, Dialect::OpenAiResponses, request, |query| {
        Errand::Stored {
            action,
            id,
            query: query.map(str::to_owned),
        }
    })
    .await
}

async fn errand(
    gateway: Gateway,
    dialect: Dialect,
    request: Request,
    errand: impl FnOnce(Option<&str>) -> Errand,
) -> Response {
    let (parts, body) = request.into_parts();
    let visit = Visit::new(&parts, dialect.error_shape(), gateway.runtime.environment());
    let errand = errand(parts.uri.query());
    match gateway.errand(&visit, dialect, parts, body, errand).await {
        Ok(reply) => visit.reader.reply(reply),
        Err(refusal) => visit.reader.refusal(&refusal),
    }
}

impl Gateway {
    async fn create(
        &self,
        visit: &Visit,
        dialect: Dialect,
        parts: Parts,
        body: axum::body::Body,
    ) -> Result<Reply, Refusal> {
        let authenticated = self.runtime.authenticate(presented(&parts.headers)).await?;
        let (authenticated, request, _room) = self
            .receive(visit, dialect.into(), parts, body, authenticated)
            .await?;
        self.runtime.call(authenticated, request).await
    }

    pub(crate) async fn errand(
        &self,
        visit: &Visit,
        dialect: Dialect,
        parts: Parts,
        body: axum::body::Body,
        errand: Errand,
    ) -> Result<Reply, Refusal> {
        let authenticated = self.runtime.authenticate(presented(&parts.headers)).await?;
        let (authenticated, request, _room) = self
            .receive(visit, dialect.into(), parts, body, authenticated)
            .await?;
        self.runtime.run(authenticated, request, errand).await
    }

    /// Reads what an authenticated client sends. A refusal here is recorded, too.
    pub(crate) async fn receive(
        &self,
        visit: &Visit,
        asked: Asked,
        parts: Parts,
        body: axum::body::Body,
        authenticated: Authenticated,
    ) -> Result<
        (
            Authenticated,
            CallRequest,
            Option<tokio::sync::OwnedSemaphorePermit>,
        ),
        Refusal,
    > {
        let environment = self.runtime.environment();
        let labels = attribution(&parts.headers);
        let (labels, wrong_label) = match labels {
            Ok(labels) => (labels, None),
            Err(refusal) => (Attribution::default(), Some(refusal)),
        };
        let mut request = visit.request(asked, parts.headers, labels, environment);
        let taken = match wrong_label {
            Some(refusal) => Err(refusal),
            None => self.intake.take(body).await,
        };
        match taken {
            Ok(taken) => {
                request.body = taken.bytes;
                Ok((authenticated, request, taken.room))
            }
            Err(refusal) => Err(self.runtime.refuse(authenticated, request, refusal).await),
        }
    }
}
