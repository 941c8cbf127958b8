//! The audit log.
mod audit;
mod authorised;
mod entry;
mod error;
mod redact;
mod store;

pub use audit::Audit;
pub use authorised::{Authorised, Credential, Grounds, Reach, RequestFacts, Role, UnknownRole};
pub use entry::{Changes, Entry, Origin};
pub use error::{Error, KeyFailure};

/// The tables of this feature.
pub const MIGRATIONS: iron_store::Migrations = iron_store::migrations!("audit", "0001_records");
