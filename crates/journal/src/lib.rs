//! The append-only journal of one instance.
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
mod position;
mod reader;
mod record;
mod recover;
mod segment;
mod sync;
pub mod verify;

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
pub use position::{Cursor, Position};
pub use reader::Reader;
pub use record::{Appended, Head, NotARecord, Record, Stream};
pub use recover::{Recovered, Torn};
pub use sync::Durability;
