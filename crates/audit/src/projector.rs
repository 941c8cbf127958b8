//! From the journal to the database, exactly once.
//!
//! The projector reads frames that are on disk and gives the records among them to the
//! projections, in one transaction with the place it has come to. A crash in between repeats
//! the batch from its begin, in full or not at all. Two processes cannot project one journal:
//! the row that holds the place names the incarnation, and only the newest may move it.
//!
//! A batch that a projection cannot take is taken record by record; the record at fault is put
//! into `journal_poison` with an alarm, and the journal goes on behind it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use iron_journal::{Content, Frame, Journal, Position, Reader};
use iron_store::Tx;

use crate::body::Item;
use crate::desk::{Desk, Failed};
use crate::entries::EntryProjection;
use crate::{Audit, Error};

/// How many frames make a batch.
const BATCH_FRAMES: usize = 1_024;
/// How often what has been projected is archived and removed from the journal.
const RETIRE_INTERVAL: Duration = Duration::from_secs(1);
/// How long after a failure of the database the batch is tried again.
const RETRY: Duration = Duration::from_millis(500);
/// For each unit of work so much rest: projecting must not take the processor from calls.
const REST_PER_WORK: u32 = 3;
/// So far behind, in bytes, there is no more rest.
const BEHIND_BYTES: u64 = 64 << 20;

/// Takes records into tables.
#[async_trait]
pub trait Projection: Send + Sync + 'static {
    /// Names the projection where a record is set aside.
    fn name(&self) -> &'static str;

    /// Takes records, in order, within the transaction. A record comes exactly once, unless the
    /// transaction is rolled back.
    ///
    /// # Errors
    /// A [`iron_store::Error`] that will pass is tried again; any other failure sets the record
    /// aside.
    async fn project(&self, tx: &mut Tx, items: &[Item]) -> Result<(), ProjectionError>;
}

/// Why a projection did not take records.
#[derive(Debug, thiserror::Error)]
pub enum ProjectionError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] iron_store::Error),
    /// A record does not have the shape of its kind.
    #[error("the record is malformed: {detail}")]
    Malformed {
        /// What is wrong with it.
        detail: String,
    },
    /// Some of the records are there already; each must be taken by itself.
    #[error("some of the records are there already")]
    Repeated,
}

impl ProjectionError {
    /// The failure of the database that will pass; else the error itself.
    pub(crate) fn passing(self) -> Result<Error, ProjectionError> {
        match self {
            ProjectionError::Store(
                error @ (iron_store::Error::Unavailable(_)
                | iron_store::Error::Conflict(_)
                | iron_store::Error::Migration(_)
                | iron_store::Error::Folder(_)),
            ) => Ok(error.into()),
            other => Err(other),
        }
    }
}

/// Proof that the journal has been projected to the end it had when the process began.
#[derive(Debug)]
pub struct CaughtUp(());

/// Projects one journal.
pub struct Projector {
    desk: Desk,
    journal: Journal,
    reader: Option<Reader>,
}

impl Projector {
    /// Takes over the projection of a journal, from where the database says it has come to.
    /// Entries and calls are projected always, and whatever else is given.
    ///
    /// # Errors
    /// [`Error::Superseded`] if a newer incarnation projects already; [`Error::Store`];
    /// [`Error::Journal`] if the journal ends before the place that was projected.
    pub async fn open(
        audit: Audit,
        journal: Journal,
        others: Vec<Arc<dyn Projection>>,
    ) -> Result<Self, Error> {
        let entries: Arc<dyn Projection> = Arc::new(EntryProjection::new(audit.instance));
        let first = vec![entries];
        let desk = Desk::claim(audit, journal.incarnation(), first, others).await?;
        let reader = journal.read_from(desk.cursor)?;
        Ok(Projector {
            desk,
            journal,
            reader: Some(reader),
        })
    }

    /// Waits until everything that is written now is on disk, and projects it. The relay may
    /// begin after it.
    ///
    /// # Errors
    /// As [`Projector::run_once`].
    pub async fn catch_up(&mut self) -> Result<CaughtUp, Error> {
        self.journal.synced(self.journal.position()).await?;
        while self.run_once().await? > 0 {}
        Ok(CaughtUp(()))
    }

    /// Projects until the journal stops or a newer incarnation takes over; what is on disk is
    /// projected first. Failures of the database are logged and tried again.
    pub async fn run(mut self) -> Error {
        let mut retired = Instant::now();
        loop {
            if let Err(end) = self.ready().await {
                return end;
            }
            let begun = Instant::now();
            match self.run_once().await {
                Ok(_) => {}
                Err(end @ (Error::Superseded | Error::Stopped(_))) => return end,
                Err(error) => {
                    tracing::error!(%error, "alarm: records cannot be projected");
                    tokio::time::sleep(RETRY).await;
                }
            }
            if retired.elapsed() > RETIRE_INTERVAL {
                retired = Instant::now();
                self.retire().await;
            }
            if self.journal.bytes_behind(self.desk.cursor) < BEHIND_BYTES {
                tokio::time::sleep(begun.elapsed() * REST_PER_WORK).await;
            }
        }
    }

    async fn ready(&self) -> Result<(), Error> {
        match &self.reader {
            Some(reader) => Ok(reader.ready().await?),
            None => Ok(()),
        }
    }

    /// Projects one batch; gives the number of frames.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails, then nothing of the batch has happened;
    /// [`Error::Journal`] if the journal cannot be read; [`Error::Superseded`].
    pub async fn run_once(&mut self) -> Result<usize, Error> {
        let frames = self.read().await?;
        let Some(last) = frames.last() else {
            return Ok(0);
        };
        let (next, count) = (last.next, frames.len());
        let batch = Batch::of(frames);
        match self.desk.project(&batch.items, next).await {
            Ok(()) => {}
            Err(Failed::Retry(error)) => {
                self.reader = None;
                return Err(error);
            }
            Err(Failed::OneByOne) => {
                self.project_each(batch, next)
                    .await
                    .inspect_err(|_| self.reader = None)?;
            }
        }
        Ok(count)
    }

    /// Reads the next frames, on a thread that may block.
    async fn read(&mut self) -> Result<Vec<Frame>, Error> {
        let mut reader = match self.reader.take() {
            Some(reader) => reader,
            None => {
                // Also a commit that failed may have happened: ask where the database stands.
                self.desk.claim_again().await?;
                self.journal.read_from(self.desk.cursor)?
            }
        };
        let read = tokio::task::spawn_blocking(move || {
            let frames = reader.next_frames(BATCH_FRAMES);
            (reader, frames)
        });
        let Ok((reader, frames)) = read.await else {
            // The runtime is going down.
            return Err(Error::Superseded);
        };
        let frames = frames?;
        self.reader = Some(reader);
        Ok(frames)
    }

    /// Projects the records of a batch one by one, and moves the place behind its last frame.
    async fn project_each(&mut self, batch: Batch, next: Position) -> Result<(), Error> {
        for (item, end) in batch.items.into_iter().zip(batch.ends) {
            self.desk.project_alone(item, end).await?;
        }
        if self.desk.cursor < next {
            self.desk.pass_over(next).await?;
        }
        Ok(())
    }

    /// Lets the journal drop what is projected.
    async fn retire(&self) {
        let (journal, cursor) = (self.journal.clone(), self.desk.cursor);
        let retired = tokio::task::spawn_blocking(move || journal.retire(cursor)).await;
        if let Ok(Err(error)) = retired {
            tracing::error!(%error, "segments of the journal cannot be archived");
        }
    }
}

/// The records of some frames, each with the place behind it.
struct Batch {
    items: Vec<Item>,
    ends: Vec<Position>,
}

impl Batch {
    fn of(frames: Vec<Frame>) -> Self {
        let mut batch = Batch {
            items: Vec::new(),
            ends: Vec::new(),
        };
        for frame in frames {
            if let Content::Record(record) = frame.content {
                batch.items.push(Item::read(record));
                batch.ends.push(frame.next);
            }
        }
        batch
    }
}

impl std::fmt::Debug for Projector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Projector")
            .field("journal", &self.journal)
            .finish_non_exhaustive()
    }
}
