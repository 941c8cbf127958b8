//! The audit log.
mod audit;
mod authorised;
mod body;
mod calls;
mod entries;
mod entry;
mod error;
mod projector;
mod query;
mod redact;
mod relay;
mod store;
mod subject;
mod usage;

pub use audit::Audit;
pub use authorised::{Authorised, Credential, Grounds, Reach, RequestFacts, Role, UnknownRole};
pub use body::Item;
pub use calls::{Call, CallFilter};
pub use entry::{Changes, Entry, Origin};
pub use error::{Error, KeyFailure};

pub use projector::{CaughtUp, Projection, ProjectionError, Projector};
pub use query::{AuditEntry, AuditLog, EntryFilter};
pub use relay::Relay;
pub use subject::{SubjectKey, SubjectKeys, Wanted, subject_of, subject_of_strangers};
pub use usage::{Usage, UsageOf};

/// The tables of this feature.
pub const MIGRATIONS: iron_store::Migrations = iron_store::migrations!("audit", "0001_records");
