//! Whom agents may call, and what it costs: providers, models, prices.
//!
//! Words:
//! - A [`Provider`] is an account at somebody who serves models: a kind, an address, a key.
//! - Its *key* is sealed before it is stored and never leaves in clear but towards the provider
//!   itself ([`Providers::credential`]). [`Seal`] is the ability to do so, which this crate takes
//!   from outside.
//! - A tenant's *price book* is the built-in one, with the tenant's imports put over it, with the
//!   tenant's own prices put over those. [`Models::book`] gives it without touching the database.
//!
//! Invariants:
//! - **No key in clear** stands in a row, an answer, an audit entry or a log line.
//! - **A sealed key opens in its own place only**: tenant, provider and version are bound to it.
//! - **A stored key is never sent to an address that its giver did not name**: who moves a
//!   provider sends the key again.
//! - **A price is exact**: decimals of the wire become whole pico-dollars or are refused.
//! - **A provider of another tenant does not exist.**
//!
//! ```
//! use iron_catalog::Prices;
//!
//! let prices = Prices { input_per_million: "0.15".into(), output_per_million: "0.60".into(), ..Prices::default() };
//! assert!(prices.read().is_ok());
//! ```

mod error;
mod model;
mod models;
mod prices;
mod providers;
mod store;

pub use error::{Error, SealFailure};
pub use model::{
    CallProvider, Credential, KeySource, NewProvider, Provider, ProviderChange, ProviderFilter,
};
pub use models::{Imported, ListedModel, ListedPrice, Models, PriceOrigin};
pub use prices::{PriceTier, Prices};
pub use providers::{Providers, Seal};

/// The tables of this feature.
pub const MIGRATIONS: iron_store::Migrations =
    iron_store::migrations!("catalog", "0001_catalog", "0002_config");

/// The fields by which a list of providers can be sorted, with their columns.
pub const SORTABLE: &[(&str, &str)] = &[
    ("name", "name"),
    ("created_at", "created_at"),
    ("updated_at", "updated_at"),
];
