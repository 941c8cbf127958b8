//! The journal that is written: [`Journal`].

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use iron_primitives::{Environment, InstanceId, TenantId};

use crate::canonical;
use crate::frame::{FrameKind, Tag};
use crate::keys::JournalKeys;
use crate::record::Appended;
use crate::sync::{self, Durability, Fsync, lock};
use crate::writer::Shared;
use crate::{Error, Position, PublicKey, Stopped, housekeeping};

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
    /// How entries are brought to the disk.
    pub fsync: Fsync,
    /// The size at which a new segment is begun, in bytes.
    pub segment_bytes: u32,
    /// A checkpoint is signed after so many records …
    pub checkpoint_records: u64,
    /// … or after so long, if there was a record at all.
    pub checkpoint_interval: Duration,
    /// The size at which the file of checkpoints is archived and a new one begun, in bytes.
    pub checkpoint_file_bytes: u64,
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
            fsync: Fsync::default(),
            segment_bytes: 16 << 20,
            checkpoint_records: 10_000,
            checkpoint_interval: Duration::from_secs(10),
            checkpoint_file_bytes: 8 << 20,
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
        if kind == FrameKind::Reserve && self.is_full() {
            return Err(Stopped::Full);
        }
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

    /// Whether the disk has no room for the next segment. Nothing new is begun then; what is under
    /// way still finds room, and it ends by itself when there is room again.
    pub fn is_full(&self) -> bool {
        self.handle.shared.full.load(Ordering::Relaxed)
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
