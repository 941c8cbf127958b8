//! What can go wrong.

use std::io;
use std::path::PathBuf;

use crate::Position;

/// The journal has stopped for ever, save for [`Stopped::Full`] and [`Stopped::Oversized`]: nothing more is taken, and what was not yet durable when it
/// stopped may be lost. Only a restart, which reads the folder again, helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Stopped {
    /// A write failed, most often because the disk is full.
    #[error("the journal has stopped: a write failed ({0}); free the disk and restart")]
    Write(io::ErrorKind),
    /// `fsync` failed. It is never tried again: after a failure the system may have dropped the
    /// very pages that were to be written, and a second call would lie.
    #[error(
        "the journal has stopped: the disk did not confirm a write ({0}); check the disk and restart"
    )]
    Sync(io::ErrorKind),
    /// The disk has no room for the next segment. The journal itself goes on: it takes what ends
    /// calls, and new ones as soon as there is room.
    #[error("the disk is full, nothing new is begun; free some room")]
    Full,
    /// The journal was closed in good order.
    #[error("the journal is closed")]
    Closed,
    /// The frame is larger than a segment may be. The journal itself goes on.
    #[error("the entry is larger than the {} MiB that a journal frame may have", crate::frame::MAX_PAYLOAD_BYTES >> 20)]
    Oversized,
}

/// Why a journal cannot be opened or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process has the folder.
    #[error("the journal in `{}` is in use by another process; stop it first", .folder.display())]
    Locked {
        /// The folder.
        folder: PathBuf,
    },
    /// The file system answered with an error.
    #[error("cannot {action} `{}`", .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The folder belongs to another instance.
    #[error(
        "the journal belongs to `{found}`, not to `{expected}`; give each instance its own folder"
    )]
    ForeignInstance {
        /// The instance that opened it now.
        expected: iron_primitives::InstanceId,
        /// The instance that wrote it.
        found: iron_primitives::InstanceId,
    },
    /// The segments were sealed under another encryption key.
    #[error(
        "segment {ordinal} cannot be opened with this encryption key; use the key it was written with"
    )]
    WrongKey {
        /// The segment.
        ordinal: u32,
    },
    /// Something that had been durable is no longer what was written.
    #[error(
        "the journal is damaged at {position}: {damage}; restore the folder, or give that place up with `iron audit repair`"
    )]
    Damaged {
        /// Where.
        position: Position,
        /// How.
        damage: Damage,
    },
    /// The records in the folder end before what a signed checkpoint vouches for.
    #[error(
        "the journal was rolled back: {stream} ends at record {found}, but checkpoint {checkpoint} vouches for {known}; restore the newest folder"
    )]
    RolledBack {
        /// Which chain.
        stream: crate::Stream,
        /// The last record in the folder.
        found: u64,
        /// The last record known.
        known: u64,
        /// The checkpoint that knows it.
        checkpoint: u64,
    },
    /// A line of the `checkpoints` file is not what this instance signed.
    #[error(
        "line {line} of the `checkpoints` file is not a checkpoint signed by this instance; restore the file"
    )]
    BadCheckpoint {
        /// The line, counted from one.
        line: usize,
    },
    /// A line of the `losses` file is not what this instance signed.
    #[error(
        "line {line} of the `losses` file is not signed by this instance; restore the file, or remove the line"
    )]
    BadLoss {
        /// The line, counted from one.
        line: usize,
    },
    /// A line of the `purges` file is not what this instance signed, or does not follow the one
    /// before it.
    #[error(
        "line {line} of the `purges` file is not signed by this instance in this place; restore the file"
    )]
    BadPurge {
        /// The line, counted from one.
        line: u64,
    },
    /// The cursor lies behind the end of the journal.
    #[error(
        "the journal ends at {end}, before the place {cursor} that was already read; the folder is older than the database"
    )]
    CursorAhead {
        /// Where reading was to go on.
        cursor: Position,
        /// Where the journal ends.
        end: Position,
    },
    /// One of the keys is not a key.
    #[error(transparent)]
    InvalidKey(#[from] InvalidKey),
}

/// How a durable part of the journal differs from what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// The header of a segment is not intact.
    #[error("the header of the segment is not intact")]
    Header,
    /// A segment between two others is not there.
    #[error("the segment is missing")]
    MissingSegment,
    /// A segment ends before it was sealed.
    #[error("the segment ends too early")]
    CutShort,
    /// A frame does not have the checksum it was written with.
    #[error("a frame has a wrong checksum")]
    Checksum,
    /// A frame was not sealed with the segment's key at this place.
    #[error("a frame is not authentic")]
    NotAuthentic,
    /// A frame is of a kind this version does not know.
    #[error("a frame has the unknown kind {0}; it was written by a newer version")]
    UnknownKind(u16),
    /// The inside of a frame does not have the shape of its kind.
    #[error("a frame of kind {0} has a malformed inside")]
    Malformed(u16),
    /// A record does not follow the one before it.
    #[error("a record does not follow the one before it")]
    BrokenChain,
}

/// The bytes do not form a key of the expected kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the key is not valid")]
pub struct InvalidKey;

/// The text is not a digest or key in hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected {digits} lower-case hexadecimal digits")]
pub struct InvalidHex {
    /// How many digits are expected.
    pub digits: usize,
}

/// Gives an I/O error its place.
pub(crate) trait At<T> {
    fn at(self, action: &'static str, path: &std::path::Path) -> Result<T, Error>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, action: &'static str, path: &std::path::Path) -> Result<T, Error> {
        self.map_err(|source| Error::Io {
            action,
            path: path.to_owned(),
            source,
        })
    }
}
