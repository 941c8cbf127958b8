//! The audit log: what was done, by whom, and that nobody has changed it since.
//!
//! Words:
//! - [`Authorised`] is the evidence that an action was authorised. Each method of a feature
//!   demands one; only `identity` attests it.
//! - An [`Entry`] tells of one change in the control plane. [`Audit::write`] puts it into the
//!   **outbox**, in the transaction of the change itself.
//! - The [`Relay`] moves entries from the outbox to the journal, where each becomes a record of
//!   its tenant's chain. What is personal is sealed first, under the key of the person it is
//!   about ([`SubjectKeys`]).
//! - The [`Projector`] moves records from the journal to tables: entries of the log, calls
//!   ([`Call`]), counts ([`Usage`]), sums by what people ask for ([`Sums`]), and whatever else implements [`Projection`].
//! - A [`Shipment`] is what a runtime elsewhere sends of its own journal: the same records, taken by
//!   the same projections, after their chain was followed.
//! - The [`AuditLog`] is what people read and check.
//!
//! Invariants:
//! - **A change and its entry are committed together**, or neither is.
//! - **Each entry becomes exactly one record, each record is projected exactly once**, whatever
//!   crashes: the outbox row goes in the transaction that projects its record, and the place in
//!   the journal moves in that transaction too.
//! - **Only one process projects a journal**: the newest incarnation of its instance.
//! - **A record that cannot be projected blocks nothing**: it is set aside, and an alarm told.
//! - **No secret and no personal value in clear** stands in a record. Erasing a person destroys
//!   a key; the chain stays valid.
//!
//! The order at the start of a server is held by types: the relay wants the [`CaughtUp`] that
//! only a projector gives.
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use iron_audit::{Audit, Authorised, Entry, Error, Projector, Relay, SubjectKeys};
//! # async fn example(db: iron_store::Db, journal: iron_journal::Journal, authorised: Authorised,
//! #     keys: Arc<dyn SubjectKeys>, environment: iron_primitives::Environment) -> Result<(), Error> {
//! let audit = Audit::new(db.clone(), journal.instance(), environment);
//! let mut projector = Projector::open(audit.clone(), journal.clone(), Vec::new()).await?;
//! let caught_up = projector.catch_up().await?;
//! let relay = Relay::new(audit.clone(), journal, keys, caught_up);
//! tokio::spawn(projector.run());
//! tokio::spawn(relay.run());
//!
//! let mut tx = db.begin().await?;
//! let entry = Entry::new("agent.create", "agent").resource("agent_0192f0c1").status(201);
//! audit.write(&mut tx, &authorised, entry).await?;
//! tx.commit().await?;
//! # Ok(())
//! # }
//! ```

mod alarms;
mod arguments;
mod audit;
mod authorised;
mod bill;
mod body;
mod calls;
mod desk;
mod entries;
mod entry;
mod error;
mod failures;
mod intake;
mod projector;
mod query;
mod redact;
mod relay;
mod removal;
mod retention;
mod rollups;
mod spending;
mod store;
mod subject;
mod token_totals;
mod tool_calls;
mod usage;
mod verify;
mod violations;

pub use alarms::ViolationAlarm;
pub use audit::Audit;
pub use authorised::{Authorised, Credential, Grounds, Reach, RequestFacts, Role, UnknownRole};
pub use bill::BillLine;
pub use body::Item;
pub use calls::{Call, CallFilter};
pub use entry::{Changes, Entry, Origin};
pub use error::{Error, KeyFailure};
pub use failures::FailingAgent;
pub use intake::{Sent, Shipment};
pub use iron_primitives::{subject_of, subject_of_strangers};
pub use projector::{CaughtUp, Projection, ProjectionError, Projector};
pub use query::{AuditEntry, AuditLog, EntryFilter};
pub use redact::masked;
pub use relay::Relay;
pub use removal::Removal;
pub use retention::{Archive, LEAST_DAYS, Retention};
pub use rollups::{Dimension, RollupFilter, RollupQuery, RollupRow, Sketch, Spread, Sums};
pub use spending::{ModelUse, Spent};
pub use subject::{SubjectKey, SubjectKeys, Wanted};
pub use token_totals::{CountedBy, TokenFilter, TokenOrder, TokenTotal};
pub use tool_calls::{ToolCall, ToolCallFilter, ToolCallResult, UntoldCall};
pub use usage::{Usage, UsageOf};
pub use verify::{JournalPlace, Verified, VerifyRange};
pub use violations::{Violation, ViolationFilter};

/// The tables of this feature.
pub const MIGRATIONS: iron_store::Migrations = iron_store::migrations!(
    "audit",
    "0001_records",
    "0002_tenant_usage",
    "0003_heads",
    "0004_row_security",
    "0005_token_totals",
    "0006_violations",
    "0007_tool_calls",
    "0008_violation_alarms",
    "0009_allowed_tool_calls",
    "0010_rollups",
    "0011_rolled_up"
);
