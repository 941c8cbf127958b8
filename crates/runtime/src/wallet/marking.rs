//! The task that promises watermarks to the disk, and the snapshots that let the journal
//! forget.

use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use iron_journal::{FrameKind, Position, Stopped};

use super::frames::{LeaseMark, LeaseNote, ProcessNote, Snapshot};
use super::{Inner, Wallet};

/// How often the whole picture is written.
const SNAPSHOT_EVERY: Duration = Duration::from_secs(30);
/// Between two looks at how far the disk has followed.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

pub(super) fn spawn(inner: &Arc<Inner>) {
    let weak = Arc::downgrade(inner);
    tokio::spawn(run(weak));
}

async fn run(weak: Weak<Inner>) {
    loop {
        let Some(inner) = weak.upgrade() else { return };
        let busy = inner.mark().await;
        if !busy {
            // Woken by need; the time limit only lets a dropped wallet end this task.
            let _ = tokio::time::timeout(Duration::from_secs(1), inner.marks_due.notified()).await;
        }
    }
}

impl Inner {
    /// Names this process in the journal, durably. Whether that could be done.
    pub(super) async fn introduce(&self) -> bool {
        let note = LeaseNote {
            process: self.process(),
            marks: Vec::new(),
        };
        let durable = match self.note(&note) {
            Ok(position) => self.on_disk(position).await,
            Err(stopped) => Err(stopped),
        };
        if let Err(stopped) = durable {
            tracing::error!(%stopped, "the journal takes no notes, so no money is used");
        }
        durable.is_ok()
    }

    /// Writes the watermarks that will be needed and waits for the disk. Whether there were any.
    async fn mark(&self) -> bool {
        let mut due: Vec<(Arc<Wallet>, Vec<LeaseMark>)> = Vec::new();
        for wallet in self.wallets() {
            let marks = wallet.desk().book.marks();
            if !marks.is_empty() {
                due.push((wallet, marks));
            }
        }
        if due.is_empty() {
            return false;
        }
        let marks = due
            .iter()
            .flat_map(|(_, marks)| marks.iter().copied())
            .collect();
        let durable = match self.note(&LeaseNote {
            process: self.process(),
            marks,
        }) {
            Ok(position) => self.on_disk(position).await,
            Err(stopped) => Err(stopped),
        };
        for (wallet, marks) in &due {
            let mut desk = wallet.desk();
            match durable {
                Ok(()) => {
                    desk.book.marked(marks);
                    desk.pump(&self.environment);
                }
                Err(_) => desk.book.unmarked(marks),
            }
        }
        if let Err(stopped) = durable {
            tracing::error!(%stopped, "the journal takes no watermarks, so no more money is used");
            return false;
        }
        true
    }

    fn note(&self, note: &LeaseNote) -> Result<Position, Stopped> {
        // A note holds ids and numbers only; it cannot fail to serialise.
        let bytes = serde_json::to_vec(note).unwrap_or_default();
        self.journal.append(FrameKind::Lease, &bytes)
    }

    /// Waits for the disk itself, whatever durability records have: money is never relaxed.
    async fn on_disk(&self, position: Position) -> Result<(), Stopped> {
        self.journal.durable(position).await?;
        while self.journal.durable_position() < position {
            if let Some(stopped) = self.journal.stopped() {
                return Err(stopped);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Ok(())
    }

    fn process(&self) -> ProcessNote {
        let link = self.link();
        ProcessNote {
            incarnation: link.owner.incarnation.incarnation,
            boot_id: link.owner.boot_id.clone(),
            generation: link.owner.incarnation.generation,
            seen: link.owner.seen,
        }
    }

    /// Writes the whole picture now and then, so that older segments need not be kept.
    ///
    /// It holds since a place that lies a whole interval back: the record of a hold that is
    /// open in the picture may have been appended a moment before, but never that long.
    pub(super) fn snapshot_if_due(&self) {
        let now = self.environment.boot();
        let since = {
            let mut snapshots = self
                .snapshots
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if now < snapshots.at.plus(SNAPSHOT_EVERY) {
                return;
            }
            snapshots.at = now;
            std::mem::replace(&mut snapshots.since, self.journal.position())
        };
        if since == self.journal.position() {
            return;
        }
        let (mut leases, mut holds) = (Vec::new(), Vec::new());
        for wallet in self.wallets() {
            let (more_leases, more_holds) = wallet.desk().book.picture();
            leases.extend(more_leases);
            holds.extend(more_holds);
        }
        let (earlier, witnessed) = {
            let link = self.link();
            (link.earlier().to_vec(), link.witnessed().to_vec())
        };
        let picture = Snapshot {
            process: self.process(),
            leases,
            holds,
            earlier,
            witnessed,
        };
        let bytes = serde_json::to_vec(&picture).unwrap_or_default();
        if let Err(stopped) = self.journal.append_snapshot(since, &bytes) {
            tracing::error!(%stopped, "a snapshot of the leases could not be written");
        }
    }
}
