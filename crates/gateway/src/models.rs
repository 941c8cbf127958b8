//! The models an agent may use, in the shape of the SDK that asks.

use axum::extract::{Path, Request, State};
use axum::response::Response;
use iron_llm::ErrorShape;
use iron_primitives::Refusal;
use iron_runtime::call::ModelOffer;
use serde_json::{Value, json};

use crate::calls::Visit;
use crate::credential::presented;
use crate::{Gateway, shape_of};

/// OpenAI's SDK demands a date for each model; nothing says one.
const CREATED_S: u64 = 0;
const CREATED_AT: &str = "1970-01-01T00:00:00Z";

/// `GET /v1/models`
pub(crate) async fn list(State(gateway): State<Gateway>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let shape = shape_of(&parts);
    let visit = Visit::new(&parts, shape, gateway.runtime.environment());
    match gateway
        .runtime
        .authenticate(presented(&parts.headers))
        .await
    {
        Ok(authenticated) => {
            let offers = gateway.runtime.models(&authenticated);
            visit
                .reader
                .json(list_body(shape, &offers).to_string().into_bytes())
        }
        Err(refusal) => visit.reader.refusal(&refusal),
    }
}

/// `GET /v1/models/{id}`; names of models may contain slashes.
pub(crate) async fn retrieve(
    State(gateway): State<Gateway>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let (parts, _) = request.into_parts();
    let shape = shape_of(&parts);
    let visit = Visit::new(&parts, shape, gateway.runtime.environment());
    match gateway
        .runtime
        .authenticate(presented(&parts.headers))
        .await
    {
        Ok(authenticated) => {
            let offers = gateway.runtime.models(&authenticated);
            match offers.iter().find(|offer| offer.name == id) {
                Some(offer) => visit
                    .reader
                    .json(view(shape, offer).to_string().into_bytes()),
                None => visit
                    .reader
                    .refusal(&Refusal::NotFound { resource: "model" }),
            }
        }
        Err(refusal) => visit.reader.refusal(&refusal),
    }
}

fn list_body(shape: ErrorShape, offers: &[ModelOffer]) -> Value {
    let data: Vec<Value> = offers.iter().map(|offer| view(shape, offer)).collect();
    match shape {
        ErrorShape::OpenAi | ErrorShape::Google | ErrorShape::Cohere | ErrorShape::Aws => {
            json!({ "object": "list", "data": data })
        }
        ErrorShape::Anthropic => {
            let name = |offer: Option<&ModelOffer>| offer.map(|offer| offer.name.clone());
            json!({
                "data": data,
                "has_more": false,
                "first_id": name(offers.first()),
                "last_id": name(offers.last()),
            })
        }
    }
}

fn view(shape: ErrorShape, offer: &ModelOffer) -> Value {
    match shape {
        ErrorShape::OpenAi | ErrorShape::Google | ErrorShape::Cohere | ErrorShape::Aws => json!({
            "id": offer.name,
            "object": "model",
            "created": CREATED_S,
            "owned_by": offer.kind.as_str(),
        }),
        ErrorShape::Anthropic => json!({
            "type": "model",
            "id": offer.name,
            "display_name": offer.name,
            "created_at": CREATED_AT,
        }),
    }
}
