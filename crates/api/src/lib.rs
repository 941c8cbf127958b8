//! The control plane's face: REST under `/api`, its OpenAPI document, health and metrics.
//!
//! A request passes the gate (`gate`: who, how often, which parameters), then its idempotency
//! key, then its handler. A handler reads its input as a whole, asks the caller for evidence
//! ([`iron_audit::Authorised`]) and hands that to one feature; what spans features passes one
//! transaction along. After the commit it tells the runtimes what has changed, so that a
//! revocation acts at once.
//!
//! Invariants:
//! - **One shape of errors**, framework rejections and unknown routes included, with every
//!   field that is wrong named at once.
//! - **The document is the check**: bodies and parameters are held against the OpenAPI schemas
//!   that are published; whatever is mounted is in the document.
//! - **Every answer carries** `X-RateLimit-*` (health, version and metrics excepted).
//! - **Nothing is answered before it is committed**, and nothing is told to runtimes before.
//!
//! ```
//! let document = iron_api::document();
//! assert_eq!(document["openapi"], "3.1.0");
//! assert_eq!(document["paths"]["/api/v1/agents/{agent_id}"]["get"]["operationId"], "get_agent");
//! ```

mod agent;
mod answer;
mod caller;
mod deprecation;
mod directory;
mod failure;
mod gate;
mod handlers;
mod idempotency;
mod input;
mod ip_token;
mod notices;
mod openapi;
mod probe;
mod query;
mod removal;
mod renewals;
mod routes;
mod state;
mod view;

use axum::Router;
use axum::middleware::from_fn_with_state;

pub use deprecation::notices::{NoticeError, announce_deprecations};
pub use directory::approvals;
pub use idempotency::once_for_agents;
pub use notices::agent_state;
pub use openapi::{document, document_3_0, printed};
pub use removal::{RemovalError, remove_due_tenants};
pub use renewals::remind_of_keys;
pub use state::{
    ApiState, Build, Config, Far, MetricsAccess, Notifier, Pseudonym, Question, Sight, terms_of,
};

use state::Api;

/// The tables of this plane.
pub const MIGRATIONS: iron_store::Migrations =
    iron_store::migrations!("api", "0001_idempotency", "0002_deprecation");

/// The control plane as a router. It answers every path that no other router claims.
pub fn router(state: ApiState) -> Router {
    let api = Api::new(state);
    let (router, _) = routes::all().split_for_parts();
    router
        .fallback(gate::no_route)
        .method_not_allowed_fallback(gate::no_method)
        .layer(from_fn_with_state(api.clone(), idempotency::once))
        .layer(from_fn_with_state(api.clone(), gate::pass))
        .with_state(api)
}
