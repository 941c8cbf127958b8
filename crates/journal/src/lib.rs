//! The append-only journal of one instance: what it did, in order, so that nobody can change it
//! unseen.
//!
//! Words:
//! - A **segment** is a file of **frames**. Each frame is sealed (AES-256-GCM under the segment's
//!   own key) and checksummed (CRC32C). Its [`Position`] names it.
//! - Opaque frames ([`FrameKind`]) hold bytes that only their writer understands: holds, leases.
//! - A [`Record`] is a canonical JSON object in a chain. A **stream** is the chain of one tenant
//!   on one instance in one **incarnation**; it has no gaps, and begins where the tenant's stream
//!   of the earlier incarnation ended.
//! - A [`Checkpoint`] is a signed statement of how far all streams have come.
//!
//! Invariants:
//! - **What was taken survives the process**: [`Journal::append`] returns after the write. What
//!   was [`Journal::durable`] survives the power: after the `fsync`, which one thread calls for
//!   all. Nothing else waits for the disk: an append takes a short lock and microseconds.
//! - **The first failure is the last**: a failed write or `fsync` stops the journal for ever
//!   ([`Stopped`]); `fsync` is never tried again. A disk that fills is no failure: room is reserved
//!   ahead, and while there is none, what is under way ends and no reserve is taken.
//! - **A torn tail is cut, damage is refused.** Each frame says what was durable when it was
//!   written. So recovery can tell bytes that were never confirmed from bytes that were changed.
//! - **No nonce is used twice**: a segment's key is random, the nonce is the frame's position,
//!   and no recovered segment is ever written again.
//! - **A checkpoint is signed after what it covers is on disk**, so that it never accuses an
//!   honest journal.
//! - **A segment leaves only when nobody needs it**: projected, covered by a checkpoint, and
//!   behind the last lease snapshot. Its records stay as plain files, see
//!   [`Journal::retire`] and [`mod@verify`].
//! - **What is given up is said and signed** ([`Journal::repair`]): a gap that nobody has
//!   acknowledged stays a fault.
//!
//! - **What is purged leaves a signed tombstone** ([`Journal::purge`]), which the first record that
//!   is kept links to; and it goes only after the archive has taken it.
//!
//! In the folder stand `<ordinal>.segment`, `checkpoints`, `losses`, `purges`, `records/<ordinal>.ndjson` (the
//! archive, with `records/checkpoints-<number>` for older checkpoints) and `lock`.
//!
//! ```
//! use iron_journal::{canonical, Content, FrameKind, Journal, JournalKeys, Options};
//! # use iron_primitives::{Id, InstanceId, TenantId};
//! # use std::time::Duration;
//! # let environment = iron_testkit::TestEnvironment::seeded(1).environment;
//! # let folder = tempfile::tempdir()?;
//! # let (instance, tenant): (InstanceId, TenantId) = (environment.new_id(), environment.new_id());
//! let options = Options::new(instance, 1, JournalKeys::new([1; 32], [2; 32], [3; 32]));
//! let (journal, recovered) = Journal::open(folder.path(), options, environment)?;
//! assert!(recovered.frames.is_empty());
//!
//! journal.append(FrameKind::Reserve, b"hold 1: $0.02")?;
//! let body = canonical::to_vec(&serde_json::json!({ "kind": "call", "cost_nanos": 12_000_000 }))?;
//! let appended = journal.append_record(tenant, &body)?;
//! assert_eq!(appended.sequence, 1);
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! journal.durable(appended.position).await?;
//!
//! let mut reader = journal.read_from(Default::default())?;
//! let frames = reader.next_frames(10)?;
//! assert!(matches!(frames[1].content, Content::Record(_)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! journal.close()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod archive;
pub mod canonical;
mod checkpoint;
mod content;
mod error;
mod frame;
mod hash;
mod housekeeping;
mod journal;
mod keys;
mod loss;
mod position;
mod purge;
mod reader;
mod record;
mod recover;
mod repair;
mod segment;
mod signed;
mod sync;
pub mod verify;
mod writer;

pub use archive::RECORDS_FOLDER;
pub use checkpoint::{
    Checkpoint, FILE_NAME as CHECKPOINTS_FILE, NotACheckpoint, Statement, TenantHead,
};
pub use content::{Content, Frame};
pub use error::{Damage, Error, InvalidHex, InvalidKey, Stopped};
pub use frame::FrameKind;
pub use hash::Hash;
pub use journal::{Journal, Options};
pub use keys::{JournalKeys, PublicKey};
pub use loss::{FILE_NAME as LOSSES_FILE, Loss};
pub use position::{Cursor, Position};
pub use purge::{FILE_NAME as PURGES_FILE, Purge, PurgeError, PurgeTerms};
pub use reader::Reader;
pub use record::{Appended, Head, NotARecord, Record, Stream};
pub use recover::{Recovered, Torn};
pub use sync::{Durability, Fsync};
