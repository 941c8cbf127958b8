//! The contract of the control plane: every object that crosses its wire.

pub mod agents;
pub mod audit;
pub mod auth;
pub mod decimal;
pub mod dollars;
pub mod leases;
pub mod limits;
pub mod lists;
pub mod models;
mod null;
pub mod problem;
pub mod projects;
pub mod providers;
mod secret_text;
pub mod system;
pub mod tenants;
pub mod tokens;
pub mod users;
mod words;

pub use dollars::{BudgetAmount, Dollars};
pub use secret_text::SecretText;
pub(crate) use serde_json::{Map, Value};
