//! Durability: one thread that calls `fsync` for all, and those who wait for it.

use std::collections::BTreeMap;
use std::fs::File;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use crate::writer::Shared;
use crate::{Position, Stopped};

/// When an entry counts as safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// [`crate::Journal::durable`] waits for the disk.
    #[default]
    Strict,
    /// [`crate::Journal::durable`] answers at once; the disk follows within 5 ms. A killed
    /// process loses nothing, a power cut up to 5 ms of entries.
    Relaxed,
}

/// How the bytes of a file are brought to the disk: [`File::sync_data`]. A simulation puts a disk
/// of its own in the place, which stalls, fails or has its power cut.
#[derive(Clone)]
pub struct Fsync(Arc<FsyncFile>);

type FsyncFile = dyn Fn(&File) -> io::Result<()> + Send + Sync;

impl Fsync {
    /// A simulated one. It is called on a thread of the journal's, one call at a time.
    pub fn simulated(sync: impl Fn(&File) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Fsync(Arc::new(sync))
    }

    fn all(&self, files: &[Arc<File>]) -> io::Result<()> {
        files.iter().try_for_each(|file| (self.0)(file))
    }
}

impl Default for Fsync {
    fn default() -> Self {
        Fsync::simulated(File::sync_data)
    }
}

impl std::fmt::Debug for Fsync {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fsync")
    }
}

/// How long relaxed durability gathers before it calls `fsync`.
const RELAXED_GATHER: Duration = Duration::from_millis(5);

/// Takes a lock also after a panic of its last holder: what it guards is replaced as a whole or
/// not at all, so it is never half done.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How far the disk has followed, and who waits for it.
#[derive(Default)]
pub(crate) struct Progress {
    durable: AtomicU64,
    stopped: OnceLock<Stopped>,
    has_stopped: AtomicBool,
    /// Sorted by position, so that those who are served stand in front.
    waiting: Mutex<BTreeMap<(Position, u64), Waker>>,
    tickets: AtomicU64,
}

impl Progress {
    pub(crate) fn new(durable: Position) -> Self {
        Progress {
            durable: AtomicU64::new(durable.to_u64()),
            ..Progress::default()
        }
    }

    pub(crate) fn durable(&self) -> Position {
        Position::from_u64(self.durable.load(Ordering::Acquire))
    }

    pub(crate) fn stopped(&self) -> Option<Stopped> {
        if !self.has_stopped.load(Ordering::Acquire) {
            return None;
        }
        self.stopped.get().copied()
    }

    /// Everything before `position` is on disk.
    pub(crate) fn publish(&self, position: Position) {
        self.durable.fetch_max(position.to_u64(), Ordering::AcqRel);
        let served = {
            let mut waiting = lock(&self.waiting);
            let rest = waiting.split_off(&(position, u64::MAX));
            std::mem::replace(&mut *waiting, rest)
        };
        for waker in served.into_values() {
            waker.wake();
        }
    }

    /// Nothing more will happen. The first reason stays.
    pub(crate) fn stop(&self, reason: Stopped) {
        let _ = self.stopped.set(reason);
        self.has_stopped.store(true, Ordering::Release);
        let all = std::mem::take(&mut *lock(&self.waiting));
        for waker in all.into_values() {
            waker.wake();
        }
    }

    /// Waits until everything before `position` is on disk.
    pub(crate) fn reached(&self, position: Position) -> Reached<'_> {
        Reached {
            progress: self,
            position,
            ticket: None,
        }
    }

    fn check(&self, position: Position) -> Option<Result<(), Stopped>> {
        if self.durable() >= position {
            return Some(Ok(()));
        }
        self.stopped().map(Err)
    }
}

/// The future of [`Progress::reached`].
pub(crate) struct Reached<'a> {
    progress: &'a Progress,
    position: Position,
    ticket: Option<u64>,
}

impl Future for Reached<'_> {
    type Output = Result<(), Stopped>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(result) = self.progress.check(self.position) {
            return Poll::Ready(result);
        }
        let ticket = match self.ticket {
            Some(ticket) => ticket,
            None => self.progress.tickets.fetch_add(1, Ordering::Relaxed),
        };
        self.ticket = Some(ticket);
        let mut waiting = lock(&self.progress.waiting);
        waiting.insert((self.position, ticket), context.waker().clone());
        // Whoever publishes does so before it takes this lock: look once more under it.
        match self.progress.check(self.position) {
            Some(result) => Poll::Ready(result),
            None => Poll::Pending,
        }
    }
}

impl Drop for Reached<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            lock(&self.progress.waiting).remove(&(self.position, ticket));
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits on this thread.
pub(crate) fn wait<F: Future + Unpin>(mut future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match Pin::new(&mut future).poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// The body of the thread that calls `fsync`: whatever was written while one call ran is covered
/// by the next, so that a slow disk makes groups larger, not the queue longer.
pub(crate) fn run(shared: &Shared, durability: Durability) {
    loop {
        let mut writer = lock(&shared.writer);
        while writer.end() <= shared.progress.durable() && !writer.finished {
            writer.sync_idle = true;
            writer = shared
                .written
                .wait(writer)
                .unwrap_or_else(PoisonError::into_inner);
        }
        writer.sync_idle = false;
        if durability == Durability::Relaxed && !writer.finished {
            drop(writer);
            std::thread::sleep(RELAXED_GATHER);
            writer = lock(&shared.writer);
        }
        let finished = writer.finished;
        let (files, end) = writer.unsynced();
        drop(writer);
        if let Err(error) = shared.options.fsync.all(&files) {
            tracing::error!(%error, "the journal has stopped: fsync failed");
            shared.progress.stop(Stopped::Sync(error.kind()));
            return;
        }
        shared.progress.publish(end);
        if finished {
            return;
        }
    }
}
