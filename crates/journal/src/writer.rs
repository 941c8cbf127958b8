//! Writing frames: what the short lock of `append` guards.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use iron_primitives::Environment;

use crate::checkpoint::{CheckpointFile, Ledger};
use crate::frame::{FrameBuilder, Tag};
use crate::keys::{SealingKey, Signer};
use crate::loss::Holes;
use crate::record::Chains;
use crate::segment::{self, Segment, SegmentHeader};
use crate::sync::{Progress, lock};
use crate::{Error, Options, Position, Stopped};

/// No segment may grow beyond this: positions count offsets in 32 bits.
const MOST_SEGMENT_BYTES: u32 = 1 << 31;

/// What all handles, threads and readers share.
pub(crate) struct Shared {
    pub(crate) folder: PathBuf,
    pub(crate) options: Options,
    pub(crate) environment: Environment,
    pub(crate) wrapping: SealingKey,
    pub(crate) signer: Signer,
    pub(crate) incarnation: u64,
    pub(crate) writer: Mutex<Writer>,
    /// Something was written, or the journal finishes.
    pub(crate) written: Condvar,
    /// There is housekeeping to do.
    pub(crate) tidy: Condvar,
    pub(crate) progress: Progress,
    /// The disk has no room for the next segment.
    pub(crate) full: AtomicBool,
    pub(crate) checkpoints: Mutex<Checkpoints>,
    /// The ends of the segments that are complete.
    pub(crate) complete: Mutex<BTreeMap<u32, Position>>,
    /// The places that were given up before it was opened.
    pub(crate) holes: Holes,
    /// Held for as long as the journal is open.
    _lock: File,
}

/// The file of checkpoints and where it has come to.
pub(crate) struct Checkpoints {
    pub(crate) file: CheckpointFile,
    pub(crate) ledger: Ledger,
    /// Everything before is covered by a durable checkpoint.
    pub(crate) covered: Position,
    /// Whether this incarnation has made one yet.
    pub(crate) begun: bool,
}

impl Checkpoints {
    /// Reserves room for the next checkpoint, however many chains there are.
    pub(crate) fn make_room(&self) -> std::io::Result<()> {
        const HEAD_BYTES: u64 = 512;
        let heads = self.ledger.heads.len() as u64;
        self.file
            .reserve(heads.saturating_add(256).saturating_mul(HEAD_BYTES))
    }
}

/// All that the short lock of `append` guards.
pub(crate) struct Writer {
    pub(crate) segment: Segment,
    /// The next segment, made ahead of need.
    pub(crate) prepared: Option<Segment>,
    /// Files of completed segments that are not yet synced.
    dirty: Vec<Arc<File>>,
    pub(crate) builder: FrameBuilder,
    pub(crate) chains: Chains,
    /// The snapshots that recovery may begin at: since where, and the end of their frame.
    pub(crate) snapshots: Vec<(Position, Position)>,
    /// The sync thread sleeps and must be woken.
    pub(crate) sync_idle: bool,
    /// No more frames are taken from callers.
    pub(crate) closing: bool,
    /// No more frames are written at all: the threads end.
    pub(crate) finished: bool,
}

impl Writer {
    pub(crate) fn new(segment: Segment, chains: Chains) -> Self {
        Writer {
            segment,
            prepared: None,
            dirty: Vec::new(),
            builder: FrameBuilder::default(),
            chains,
            snapshots: Vec::new(),
            sync_idle: false,
            closing: false,
            finished: false,
        }
    }

    /// The place behind the last frame.
    pub(crate) fn end(&self) -> Position {
        self.segment.end()
    }

    /// The files to sync so that everything before the given place is durable.
    pub(crate) fn unsynced(&mut self) -> (Vec<Arc<File>>, Position) {
        let mut files = std::mem::take(&mut self.dirty);
        files.push(Arc::clone(&self.segment.file));
        (files, self.end())
    }
}

impl Shared {
    /// Writes the frame that stands in the builder.
    pub(crate) fn write(&self, writer: &mut Writer) -> Result<Position, Stopped> {
        let full = writer
            .segment
            .offset
            .saturating_add(writer.builder.frame_bytes() as u32)
            > self.options.segment_bytes;
        if full && let Some(next) = writer.prepared.take() {
            self.rotate(writer, next)?;
        }
        let before = writer.segment.offset;
        let Writer {
            segment, builder, ..
        } = writer;
        let position = self.write_to(segment, builder)?;
        // Half a segment ahead is early enough for housekeeping to make the next one.
        let half = self.options.segment_bytes / 2;
        if before <= half && writer.segment.offset > half {
            self.tidy.notify_one();
        }
        Ok(position)
    }

    fn write_to(
        &self,
        segment: &mut Segment,
        builder: &mut FrameBuilder,
    ) -> Result<Position, Stopped> {
        let position = segment.end();
        let frame = builder.finish(&segment.key, position, self.progress.durable())?;
        let length = u32::try_from(frame.len()).map_err(|_| Stopped::Oversized)?;
        // Far beyond its size the disk must have failed to give the next segment.
        if segment.offset > MOST_SEGMENT_BYTES {
            let stopped = Stopped::Write(std::io::ErrorKind::FileTooLarge);
            self.progress.stop(stopped);
            return Err(stopped);
        }
        if let Err(error) = segment.file.write_all_at(frame, u64::from(segment.offset)) {
            tracing::error!(%error, "the journal has stopped: a write failed");
            let stopped = Stopped::Write(error.kind());
            self.progress.stop(stopped);
            return Err(stopped);
        }
        segment.offset = segment.offset.saturating_add(length);
        builder.shrink();
        Ok(segment.end())
    }

    /// Ends the present segment and goes on in the next. A segment for which no next one is made
    /// yet simply grows beyond its size: nobody waits for the disk here.
    fn rotate(&self, writer: &mut Writer, next: Segment) -> Result<(), Stopped> {
        let mut seal = FrameBuilder::default();
        seal.begin(Tag::Seal);
        let end = self.write_to(&mut writer.segment, &mut seal)?;
        lock(&self.complete).insert(writer.segment.ordinal, end);
        writer.dirty.push(Arc::clone(&writer.segment.file));
        writer.segment = next;
        self.tidy.notify_one();
        Ok(())
    }

    /// Makes a segment that follows a sealed one.
    pub(crate) fn create_segment(&self, ordinal: u32) -> Result<Segment, Stopped> {
        let header = SegmentHeader {
            ordinal,
            instance: self.options.instance,
            incarnation: self.incarnation,
            previous_end: 0,
        };
        let room = self.options.segment_bytes;
        let made = Segment::create(
            &self.folder,
            header,
            &self.wrapping,
            &self.environment,
            room,
        );
        made.map_err(|error| {
            if matches!(&error, Error::Io { source, .. } if segment::is_full(source)) {
                self.note_full();
                return Stopped::Full;
            }
            tracing::error!(%error, "the journal has stopped: no new segment");
            let stopped = match error {
                Error::Io { source, .. } => Stopped::Write(source.kind()),
                _ => Stopped::Write(std::io::ErrorKind::Other),
            };
            self.progress.stop(stopped);
            stopped
        })
    }

    /// The disk has no room.
    pub(crate) fn note_full(&self) {
        if !self.full.swap(true, Ordering::Relaxed) {
            tracing::error!("alarm: the disk is full, the journal begins nothing new");
        }
    }

    /// The disk has room again.
    pub(crate) fn note_room(&self) {
        if self.full.swap(false, Ordering::Relaxed) {
            tracing::warn!("the disk has room for the journal again");
        }
    }

    /// Takes the lock for a frame of a caller's.
    pub(crate) fn enter(&self) -> Result<MutexGuard<'_, Writer>, Stopped> {
        let writer = lock(&self.writer);
        if let Some(stopped) = self.progress.stopped() {
            return Err(stopped);
        }
        if writer.closing {
            return Err(Stopped::Closed);
        }
        Ok(writer)
    }

    /// Releases the lock and wakes the sync thread if it sleeps.
    pub(crate) fn leave(&self, mut writer: MutexGuard<'_, Writer>) {
        let wake = std::mem::take(&mut writer.sync_idle);
        drop(writer);
        if wake {
            self.written.notify_one();
        }
    }

    /// Appends a frame of the journal's own.
    pub(crate) fn append_own(&self, tag: Tag, payload: &[u8]) -> Result<Position, Stopped> {
        let mut writer = lock(&self.writer);
        if let Some(stopped) = self.progress.stopped() {
            return Err(stopped);
        }
        writer.builder.begin(tag).extend_from_slice(payload);
        let position = self.write(&mut writer);
        self.leave(writer);
        position
    }
}

/// Puts together what recovery has found.
pub(crate) struct Parts {
    pub(crate) folder: PathBuf,
    pub(crate) options: Options,
    pub(crate) environment: Environment,
    pub(crate) wrapping: SealingKey,
    pub(crate) signer: Signer,
    pub(crate) incarnation: u64,
    pub(crate) writer: Writer,
    pub(crate) checkpoints: Checkpoints,
    pub(crate) complete: BTreeMap<u32, Position>,
    pub(crate) holes: Holes,
    pub(crate) lock: File,
}

impl From<Parts> for Shared {
    fn from(parts: Parts) -> Self {
        let progress = Progress::new(parts.writer.end());
        Shared {
            folder: parts.folder,
            options: parts.options,
            environment: parts.environment,
            wrapping: parts.wrapping,
            signer: parts.signer,
            incarnation: parts.incarnation,
            writer: Mutex::new(parts.writer),
            written: Condvar::new(),
            tidy: Condvar::new(),
            progress,
            full: AtomicBool::new(false),
            checkpoints: Mutex::new(parts.checkpoints),
            complete: Mutex::new(parts.complete),
            holes: parts.holes,
            _lock: parts.lock,
        }
    }
}
