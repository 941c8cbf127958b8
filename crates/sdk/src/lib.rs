//! The contract of the control plane: every object that crosses its wire, and a typed client.
//!
//! The server, the command line and the tests share these types, so that they cannot drift
//! apart; the OpenAPI document is made from them. Requests (`CreateAgent`, `UpdateUser`, …)
//! refuse unknown fields; views (`AgentView`, `ProviderView`, …) accept them, so that an old
//! client can talk to a newer server. A change tells apart a field that is left out, one that
//! is cleared with `null`, and one that is set: `None`, `Some(None)`, `Some(Some(value))`.
//!
//! Invariants: money is a JSON number with two decimals ([`Dollars`]) beside an exact integer
//! twin in micro-dollars; a secret ([`SecretText`]) never prints; the limits of every field
//! stand in its schema and nowhere else, and the server checks requests against that schema.
//!
//! ```
//! use iron_sdk::agents::UpdateAgent;
//!
//! let change: UpdateAgent = serde_json::from_str(r#"{"description": null, "budget": 12.50}"#)?;
//! assert_eq!(change.description, Some(None));
//! assert_eq!(change.name, None);
//! assert_eq!(change.budget.map(|budget| budget.0.to_string()), Some("12.50".to_owned()));
//! # Ok::<(), serde_json::Error>(())
//! ```

pub mod access;
pub mod agents;
pub mod analytics;
pub mod approvals;
pub mod audit;
pub mod auth;
pub mod billing;
pub mod budget;
pub mod budget_events;
pub mod budget_requests;
pub mod client;
pub mod decimal;
pub mod dollars;
pub mod exchange;
pub mod guardrails;
pub mod invitations;
pub mod json_text;
pub mod leases;
pub mod limits;
pub mod lists;
pub mod models;
pub mod notifications;
mod null;
pub mod policies;
pub mod pools;
pub mod problem;
pub mod projects;
pub mod providers;
pub mod quotas;
pub mod reconciliations;
pub mod runtimes;
pub mod schedules;
mod secret_text;
pub mod settings;
pub mod system;
pub mod teams;
pub mod tenants;
pub mod tokens;
pub mod tool_calls;
pub mod tools;
pub mod users;
mod words;

pub use client::Client;
pub use dollars::{BudgetAmount, Dollars};
pub use secret_text::SecretText;
pub(crate) use serde_json::{Map, Value};
