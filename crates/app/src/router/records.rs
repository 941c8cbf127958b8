//! Records on their way to the server.
//!
//! The server says how far it has come; everything behind that place of the journal is sent in
//! order, and sent again until it is taken. What is taken may leave the journal for its archive.
//! So nothing but the journal itself has to be remembered, through restarts and absences.

use std::time::{Duration, Instant};

use iron_journal::{Content, Frame, Journal, Position, Reader};
use iron_primitives::RuntimeId;
use iron_sdk::Client;
use iron_sdk::client::Error;
use iron_sdk::runtimes::{ShipRecords, ShippedRecord};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How many frames are read at once.
const BATCH_FRAMES: usize = 512;
/// About so many bytes are sent at once.
const BATCH_BYTES: usize = 4 << 20;
/// How long after a failure it is tried again.
const RETRY: Duration = Duration::from_millis(500);
/// How often what was taken is archived and removed from the journal.
const RETIRE_INTERVAL: Duration = Duration::from_secs(1);

/// The task that sends.
pub(super) struct Shipping {
    journal: Journal,
    taken: watch::Receiver<Position>,
    task: JoinHandle<()>,
}

impl Shipping {
    pub(super) fn start(
        client: Client,
        id: RuntimeId,
        journal: Journal,
        fatal: CancellationToken,
    ) -> Self {
        let (told, taken) = watch::channel(Position::START);
        let mut shipper = Shipper {
            client,
            id,
            journal: journal.clone(),
            taken: told,
            retired: Instant::now(),
            silent: false,
        };
        let task = tokio::spawn(async move {
            if shipper.run().await == End::Dismissed {
                fatal.cancel();
            }
        });
        Shipping {
            journal,
            taken,
            task,
        }
    }

    /// Waits until all that stands in the journal is taken, but no longer than this; says whether
    /// it is.
    pub(super) async fn stop(mut self, patience: Duration) -> bool {
        let end = self.journal.position();
        let all = self.taken.wait_for(|taken| *taken >= end);
        let all = tokio::time::timeout(patience, all).await;
        self.task.abort();
        matches!(all, Ok(Ok(_)))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The server does not know the key any more, or a newer process sends.
    Dismissed,
    /// The journal takes nothing more.
    Stopped,
}

/// Why a round ended before the journal did.
enum Broken {
    Over(End),
    /// To be tried again, from where the server says.
    Again,
}

struct Shipper {
    client: Client,
    id: RuntimeId,
    journal: Journal,
    taken: watch::Sender<Position>,
    retired: Instant,
    /// Whether it was told that records cannot be sent.
    silent: bool,
}

impl Shipper {
    async fn run(&mut self) -> End {
        loop {
            if let Err(Broken::Over(end)) = self.round().await {
                return end;
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    /// Asks where to begin, and sends from there on until something fails.
    async fn round(&mut self) -> Result<(), Broken> {
        let start = Position::START;
        let mut at = self.send(start, start, Vec::new()).await?;
        let mut reader = self.journal.read_from(at).map_err(|error| {
            tracing::error!(%error, "alarm: the journal does not go on where its server has come to");
            Broken::Again
        })?;
        loop {
            self.reached(at).await;
            reader
                .ready()
                .await
                .map_err(|_| Broken::Over(End::Stopped))?;
            let (again, frames) = read(reader).await?;
            reader = again;
            let (records, to, all) = batch(frames, at)?;
            let taken = self.send(at, to, records).await?;
            if taken != to || !all {
                // It stands elsewhere, or the reader is ahead of what was sent.
                reader = self.journal.read_from(taken).map_err(|_| Broken::Again)?;
            }
            at = taken;
        }
    }

    /// Sends what stands between two places; gives the place that the server has come to.
    async fn send(
        &mut self,
        from: Position,
        to: Position,
        records: Vec<ShippedRecord>,
    ) -> Result<Position, Broken> {
        let body = ShipRecords {
            incarnation: self.journal.incarnation(),
            from: from.to_u64(),
            to: to.to_u64(),
            records,
        };
        match self.client.ship_records(self.id, &body).await {
            Ok(answer) => {
                if std::mem::take(&mut self.silent) {
                    tracing::info!("records reach the server again");
                }
                Ok(Position::from_u64(answer.position))
            }
            Err(Error::Refused(refused)) if matches!(refused.status, 401 | 409) => {
                tracing::error!(code = refused.code, %refused, "the server takes no more records");
                Err(Broken::Over(End::Dismissed))
            }
            Err(error) => {
                if !std::mem::replace(&mut self.silent, true) {
                    tracing::warn!(%error, "records cannot be sent; they wait in the journal");
                }
                Err(Broken::Again)
            }
        }
    }

    /// Lets the journal drop what was taken.
    async fn reached(&mut self, at: Position) {
        self.taken.send_replace(at);
        if self.retired.elapsed() < RETIRE_INTERVAL {
            return;
        }
        self.retired = Instant::now();
        let journal = self.journal.clone();
        let retired = tokio::task::spawn_blocking(move || journal.retire(at)).await;
        if let Ok(Err(error)) = retired {
            tracing::error!(%error, "segments of the journal cannot be archived");
        }
    }
}

/// Reads the next frames, on a thread that may block.
async fn read(mut reader: Reader) -> Result<(Reader, Vec<Frame>), Broken> {
    let read = tokio::task::spawn_blocking(move || {
        let frames = reader.next_frames(BATCH_FRAMES);
        (reader, frames)
    });
    // A task that was aborted means that the process is ending.
    let (reader, frames) = read.await.map_err(|_| Broken::Over(End::Stopped))?;
    match frames {
        Ok(frames) => Ok((reader, frames)),
        Err(error) => {
            tracing::error!(%error, "alarm: the journal cannot be read, its records wait");
            Err(Broken::Again)
        }
    }
}

/// The records among some frames, as many as fit; the place behind them, and whether that is
/// the end of the frames.
fn batch(
    frames: Vec<Frame>,
    from: Position,
) -> Result<(Vec<ShippedRecord>, Position, bool), Broken> {
    let (mut records, mut to, mut bytes) = (Vec::new(), from, 0_usize);
    for frame in frames {
        if let Content::Record(record) = &frame.content {
            bytes = bytes.saturating_add(record.envelope().len());
            if bytes > BATCH_BYTES && !records.is_empty() {
                return Ok((records, to, false));
            }
            let envelope = std::str::from_utf8(record.envelope()).map_err(|_| Broken::Again)?;
            records.push(ShippedRecord {
                envelope: envelope.to_owned(),
                mac: record.mac.to_string(),
                next: frame.next.to_u64(),
            });
        }
        to = frame.next;
    }
    Ok((records, to, true))
}
