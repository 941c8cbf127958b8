//! What a check has found.

use std::fmt;
use std::path::PathBuf;

use crate::{Damage, Hash, Loss, Position, Purge, Stream};

/// What was checked, and what is wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// How many records were read.
    pub records: u64,
    /// How many of them a signed checkpoint covers.
    pub sealed_records: u64,
    /// How many checkpoints were read.
    pub checkpoints: u64,
    /// The number of the newest checkpoint.
    pub newest_checkpoint: Option<u64>,
    /// Whether the records' HMAC was checked.
    pub macs_checked: bool,
    /// The chains, in order.
    pub streams: Vec<StreamReport>,
    /// What was lost and is acknowledged under the trusted key; it is not among the faults.
    pub losses: Vec<Loss>,
    /// What was purged, as its tombstones say: each signed with the trusted key and following the
    /// one before it.
    pub purges: Vec<Purge>,
    /// What is wrong, in the order it was found. What merely follows from a fault is left out.
    pub faults: Vec<Fault>,
}

impl Report {
    /// Whether nothing is wrong.
    pub const fn is_valid(&self) -> bool {
        self.faults.is_empty()
    }

    /// What was found wrong first.
    pub fn first_fault(&self) -> Option<&Fault> {
        self.faults.first()
    }
}

/// What was read of one chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamReport {
    /// The chain.
    pub stream: Stream,
    /// How many records.
    pub records: u64,
    /// The first number.
    pub first: u64,
    /// The last number.
    pub last: u64,
    /// The hash of the last record.
    pub head: Hash,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// In which chain, if it can be told.
    pub stream: Option<Stream>,
    /// At which record, if it can be told.
    pub sequence: Option<u64>,
    /// What it is.
    pub reason: Reason,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(stream) = &self.stream {
            write!(f, "{stream}")?;
            if let Some(sequence) = self.sequence {
                write!(f, " record {sequence}")?;
            }
            f.write_str(": ")?;
        }
        write!(f, "{}", self.reason)
    }
}

/// What can be wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// A line is not a record in canonical form.
    #[error("line {line} of `{}` is not a record", .file.display())]
    NotARecord {
        /// The file.
        file: PathBuf,
        /// The line, counted from one.
        line: u64,
    },
    /// The content does not have the hash that stands beside it.
    #[error("the record was edited: it does not have its hash")]
    WrongHash,
    /// The HMAC was not made with the instance's key.
    #[error("the record was edited: its HMAC does not fit")]
    WrongMac,
    /// The record before it has another hash than it names.
    #[error("the record before it was edited or replaced: the hashes do not link")]
    BrokenLink,
    /// One or more records before it are not there.
    #[error("records were removed: {expected} was expected here")]
    Removed {
        /// The number that was expected.
        expected: u64,
    },
    /// It stands later than it should, or twice.
    #[error("the record was moved or repeated: {expected} was expected here")]
    Moved {
        /// The number that was expected.
        expected: u64,
    },
    /// The tenant's chain of the incarnation before is missing, or ends with another record.
    #[error("the chain of an earlier incarnation is missing or was cut off")]
    EarlierStreamMissing,
    /// A signed checkpoint names another hash.
    #[error("the record is not the one that checkpoint {checkpoint} vouches for")]
    DiffersFromCheckpoint {
        /// Its number.
        checkpoint: u64,
    },
    /// A signed checkpoint vouches for records that are not there.
    #[error("the end was cut off: checkpoint {checkpoint} vouches for records up to {known}")]
    CutOff {
        /// The last record that is known.
        known: u64,
        /// Who vouches for it.
        checkpoint: u64,
    },
    /// The incarnation had ended before this record.
    #[error("the record was added after its incarnation was closed")]
    BeyondClose,
    /// It belongs to another tenant than the bundle.
    #[error("the record belongs to another tenant")]
    ForeignTenant,
    /// A frame of the journal is not what was written.
    #[error("the journal is damaged at {position}: {damage}")]
    Damaged {
        /// Where.
        position: Position,
        /// How.
        damage: Damage,
    },
    /// A line of the checkpoints is not signed with the trusted key.
    #[error("line {line} of the checkpoints is not signed with the trusted key")]
    BadCheckpoint {
        /// The line, counted from one.
        line: u64,
    },
    /// A line about what was lost is not signed with the trusted key.
    #[error("line {line} of the losses is not signed with the trusted key")]
    BadLoss {
        /// The line, counted from one.
        line: u64,
    },
    /// A tombstone is not signed with the trusted key, or does not follow the one before it.
    #[error("line {line} of the purges is not signed with the trusted key in this place")]
    BadPurge {
        /// The line, counted from one.
        line: u64,
    },
    /// A tombstone names another record than a signed checkpoint.
    #[error(
        "the last record that was purged is not the one that checkpoint {checkpoint} vouches for"
    )]
    PurgedAnother {
        /// Its number.
        checkpoint: u64,
    },
    /// Checkpoints were removed or moved.
    #[error("checkpoint {expected} was expected, but {found} stands there")]
    CheckpointMissing {
        /// The number that was expected.
        expected: u64,
        /// The number that stands there.
        found: u64,
    },
    /// A checkpoint does not name the one before it.
    #[error("checkpoint {number} does not follow the one before it")]
    CheckpointNotLinked {
        /// Its number.
        number: u64,
    },
    /// The root of a checkpoint is not that of its heads.
    #[error("the tree of checkpoint {number} does not have the signed root")]
    WrongRoot {
        /// Its number.
        number: u64,
    },
    /// The folder knows nothing of a checkpoint that was kept elsewhere.
    #[error("the folder was set back: it ends before checkpoint {known}, which was kept elsewhere")]
    RolledBack {
        /// The checkpoint that was kept elsewhere.
        known: u64,
    },
    /// The folder has another checkpoint of the same number than the one kept elsewhere.
    #[error("history was replaced: checkpoint {number} is another one than was kept elsewhere")]
    Forked {
        /// The number.
        number: u64,
    },
}
