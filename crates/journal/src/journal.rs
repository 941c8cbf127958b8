//! The journal that is written: [`Journal`].

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use iron_primitives::{Environment, InstanceId, TenantId};

use crate::canonical;
use crate::checkpoint::{CheckpointFile, Ledger};
use crate::frame::{FrameBuilder, FrameKind, Tag};
use crate::keys::{JournalKeys, SealingKey, Signer};
use crate::record::{Appended, Chains};
use crate::segment::{Segment, SegmentHeader};
use crate::sync::{self, Durability, Progress, lock};
use crate::{Error, Position, PublicKey, Stopped, housekeeping};

/// No segment may grow beyond this: positions count offsets in 32 bits.
const MOST_SEGMENT_BYTES: u32 = 1 << 31;

/// How a journal is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whose journal it is.
    pub instance: InstanceId,
    /// The incarnation that the authority has issued. The journal takes it, or the one after the
    /// last it has seen in the folder, whichever is higher: see [`Journal::incarnation`].
    pub incarnation: u64,
    /// When an entry counts as safe.
    pub durability: Durability,
    /// The size at which a new segment is begun, in bytes.
    pub segment_bytes: u32,
    /// A checkpoint is signed after so many records …
    pub checkpoint_records: u64,
    /// … or after so long, if there was a record at all.
    pub checkpoint_interval: Duration,
    /// The instance's keys.
    pub keys: JournalKeys,
}

impl Options {
    /// Strict durability, segments of 16 MiB, a checkpoint each 10 000 records or 10 seconds.
    pub fn new(instance: InstanceId, incarnation: u64, keys: JournalKeys) -> Self {
        Options {
            instance,
            incarnation,
            durability: Durability::Strict,
            segment_bytes: 16 << 20,
            checkpoint_records: 10_000,
            checkpoint_interval: Duration::from_secs(10),
            keys,
        }
    }
}

/// The journal of one instance. Clones are handles to the same journal; dropping the last one
/// ends its threads after what was written is on disk.
#[derive(Clone)]
pub struct Journal {
    handle: Arc<Handle>,
}

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
    pub(crate) checkpoints: Mutex<Checkpoints>,
    /// The ends of the segments that are complete.
    pub(crate) complete: Mutex<BTreeMap<u32, Position>>,
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

/// All that the short lock of `append` guards.
pub(crate) struct Writer {
    pub(crate) segment: Segment,
    /// The next segment, made ahead of need.
    pub(crate) prepared: Option<Segment>,
    /// Files of completed segments that are not yet synced.
    dirty: Vec<Arc<File>>,
    builder: FrameBuilder,
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
    fn write(&self, writer: &mut Writer) -> Result<Position, Stopped> {
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
        Segment::create(&self.folder, header, &self.wrapping, &self.environment).map_err(|error| {
            tracing::error!(%error, "the journal has stopped: no new segment");
            let stopped = match error {
                Error::Io { source, .. } => Stopped::Write(source.kind()),
                _ => Stopped::Write(std::io::ErrorKind::Other),
            };
            self.progress.stop(stopped);
            stopped
        })
    }

    /// Takes the lock for a frame of a caller's.
    fn enter(&self) -> Result<std::sync::MutexGuard<'_, Writer>, Stopped> {
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
    fn leave(&self, mut writer: std::sync::MutexGuard<'_, Writer>) {
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

impl Journal {
    /// Opens or creates the journal in a folder. Blocks: it reads all segments.
    ///
    /// # Errors
    /// See [`Error`]: another process has the folder, it cannot be read or written, the keys are
    /// wrong, or what was durable is no longer what was written.
    pub fn open(
        folder: &Path,
        options: Options,
        environment: Environment,
    ) -> Result<(Journal, crate::Recovered), Error> {
        let (shared, recovered) = crate::recover::open(folder, options, environment)?;
        let shared = Arc::new(shared);
        let threads = [
            spawn("journal-sync", &shared, |shared| {
                sync::run(shared, shared.options.durability)
            }),
            spawn("journal-tidy", &shared, housekeeping::run),
        ];
        let threads = threads
            .into_iter()
            .collect::<std::io::Result<Vec<_>>>()
            .map_err(|source| Error::Io {
                action: "start a thread for",
                path: folder.to_owned(),
                source,
            });
        let handle = Handle {
            shared,
            threads: Mutex::new(Vec::new()),
        };
        *lock(&handle.threads) = threads?;
        Ok((
            Journal {
                handle: Arc::new(handle),
            },
            recovered,
        ))
    }

    /// Appends an entry. When this returns, the entry survives the death of the process; wait for
    /// [`Journal::durable`] for it to survive a power cut.
    ///
    /// Takes microseconds and never waits for the disk.
    pub fn append(&self, kind: FrameKind, payload: &[u8]) -> Result<Position, Stopped> {
        if kind == FrameKind::LeaseSnapshot {
            return self.append_snapshot(self.position(), payload);
        }
        let shared = &*self.handle.shared;
        let mut writer = shared.enter()?;
        writer
            .builder
            .begin(Tag::Opaque(kind))
            .extend_from_slice(payload);
        let position = shared.write(&mut writer);
        shared.leave(writer);
        position
    }

    /// Appends the complete picture of all leases and open holds, as it was at `since`.
    ///
    /// Recovery gives all frames from `since` on, this one among them, so a picture may be taken
    /// while calls go on: read [`Journal::position`] first, then gather, then append. Segments
    /// before `since` can be retired.
    pub fn append_snapshot(&self, since: Position, payload: &[u8]) -> Result<Position, Stopped> {
        let shared = &*self.handle.shared;
        let mut writer = shared.enter()?;
        let buffer = writer.builder.begin(Tag::Opaque(FrameKind::LeaseSnapshot));
        buffer.extend_from_slice(&since.to_u64().to_le_bytes());
        buffer.extend_from_slice(payload);
        let position = shared.write(&mut writer);
        if let Ok(position) = position {
            // Of those that are on disk only the newest matters.
            let durable = shared.progress.durable();
            let newest = writer
                .snapshots
                .iter()
                .rposition(|(_, end)| *end <= durable);
            writer.snapshots.drain(..newest.unwrap_or(0));
            writer.snapshots.push((since, position));
        }
        shared.leave(writer);
        position
    }

    /// Appends a record to the tenant's chain.
    pub fn append_record(
        &self,
        tenant: TenantId,
        body: &canonical::Object,
    ) -> Result<Appended, Stopped> {
        let shared = &*self.handle.shared;
        let mut guard = shared.enter()?;
        let writer = &mut *guard;
        let buffer = writer.builder.begin(Tag::Record);
        let link = writer.chains.write_next(tenant, body, buffer);
        let position = match shared.write(writer) {
            Ok(position) => position,
            Err(stopped) => {
                shared.leave(guard);
                return Err(stopped);
            }
        };
        writer.chains.advance(&link, position);
        let due = writer.chains.unsealed == shared.options.checkpoint_records;
        shared.leave(guard);
        if due {
            shared.tidy.notify_one();
        }
        Ok(Appended {
            position,
            stream: link.stream,
            sequence: link.sequence,
            hash: link.hash,
        })
    }

    /// Waits until everything before `position` is on disk; with relaxed durability answers at
    /// once.
    pub async fn durable(&self, position: Position) -> Result<(), Stopped> {
        let shared = &*self.handle.shared;
        if shared.options.durability == Durability::Relaxed {
            return shared.progress.stopped().map_or(Ok(()), Err);
        }
        shared.progress.reached(position).await
    }

    /// Waits until everything before `position` is on disk, whatever the durability.
    pub async fn synced(&self, position: Position) -> Result<(), Stopped> {
        self.handle.shared.progress.reached(position).await
    }

    /// The place behind the last entry.
    pub fn position(&self) -> Position {
        lock(&self.handle.shared.writer).end()
    }

    /// How far the disk has followed.
    pub fn durable_position(&self) -> Position {
        self.handle.shared.progress.durable()
    }

    /// About how many durable bytes stand behind a cursor.
    pub fn bytes_behind(&self, cursor: crate::Cursor) -> u64 {
        let durable = self.durable_position();
        let segments = u64::from(durable.ordinal().saturating_sub(cursor.ordinal()));
        let whole = segments.saturating_mul(u64::from(self.handle.shared.options.segment_bytes));
        (whole + u64::from(durable.offset())).saturating_sub(u64::from(cursor.offset()))
    }

    /// Why the journal takes nothing more, if it has stopped.
    pub fn stopped(&self) -> Option<Stopped> {
        self.handle.shared.progress.stopped()
    }

    /// The incarnation that writes: part of every stream's name.
    pub fn incarnation(&self) -> u64 {
        self.handle.shared.incarnation
    }

    /// The instance that writes.
    pub fn instance(&self) -> InstanceId {
        self.handle.shared.options.instance
    }

    /// The key that others check the checkpoints with.
    pub fn public_key(&self) -> PublicKey {
        self.handle.shared.signer.public()
    }

    /// Signs a checkpoint over everything that is written now, and waits until it is durable.
    /// Blocks. Gives `None` if nothing has been recorded since the last one.
    pub fn checkpoint(&self) -> Result<Option<crate::Checkpoint>, Stopped> {
        housekeeping::checkpoint(&self.handle.shared, false)
    }

    /// Ends the incarnation in good order: signs the closing checkpoint, seals the segment, waits
    /// for the disk. Blocks. After it, every append answers [`Stopped::Closed`].
    pub fn close(&self) -> Result<(), Stopped> {
        housekeeping::close(&self.handle.shared)?;
        self.handle.end_threads();
        self.handle.shared.progress.stop(Stopped::Closed);
        Ok(())
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.handle.shared
    }
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Journal({}/{})", self.instance(), self.incarnation())
    }
}

fn spawn(
    name: &str,
    shared: &Arc<Shared>,
    body: impl FnOnce(&Shared) + Send + 'static,
) -> std::io::Result<JoinHandle<()>> {
    let shared = Arc::clone(shared);
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || body(&shared))
}

/// Owns the threads.
struct Handle {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Handle {
    /// Lets the threads finish what is written, and waits for them.
    fn end_threads(&self) {
        lock(&self.shared.writer).finished = true;
        self.shared.written.notify_all();
        self.shared.tidy.notify_all();
        for thread in std::mem::take(&mut *lock(&self.threads)) {
            if thread.join().is_err() {
                tracing::error!("a thread of the journal has panicked");
            }
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.end_threads();
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
            checkpoints: Mutex::new(parts.checkpoints),
            complete: Mutex::new(parts.complete),
            _lock: parts.lock,
        }
    }
}
