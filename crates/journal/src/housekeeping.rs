//! What happens beside the appends: checkpoints, the next segment, the end.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use iron_primitives::TenantId;

use crate::checkpoint::{self, Checkpoint, FULL_EVERY, Statement, TenantHead};
use crate::frame::Tag;
use crate::sync::{lock, wait};
use crate::writer::{Checkpoints, Shared, Writer};
use crate::{Hash, Head, Position, Stopped};

/// How often a disk without room is asked again.
const FULL_RETRY: Duration = Duration::from_millis(500);

/// The body of the housekeeping thread.
pub(crate) fn run(shared: &Shared) {
    let mut not_before = Instant::now();
    loop {
        match next_task(shared, not_before) {
            Task::End => return,
            Task::Prepare(ordinal) => match shared.create_segment(ordinal) {
                Ok(segment) => {
                    lock(&shared.writer).prepared = Some(segment);
                    shared.note_room();
                }
                Err(Stopped::Full) => not_before = Instant::now() + FULL_RETRY,
                Err(_) => return,
            },
            Task::Checkpoint => match checkpoint(shared, false) {
                Ok(_) => {}
                Err(Stopped::Full) => not_before = Instant::now() + FULL_RETRY,
                Err(_) => return,
            },
        }
    }
}

enum Task {
    Prepare(u32),
    Checkpoint,
    End,
}

/// Sleeps until there is something to do.
fn next_task(shared: &Shared, not_before: Instant) -> Task {
    let options = &shared.options;
    let mut writer = lock(&shared.writer);
    let mut rested = false;
    loop {
        if writer.finished || shared.progress.stopped().is_some() {
            return Task::End;
        }
        let half_full = writer.segment.offset > options.segment_bytes / 2;
        let wanted = writer.prepared.is_none() && half_full;
        // A disk that was full is left alone for a moment.
        let rests = Instant::now() < not_before;
        if wanted && !rests {
            return Task::Prepare(writer.segment.ordinal.saturating_add(1));
        }
        let unsealed = writer.chains.unsealed;
        let due = unsealed >= options.checkpoint_records || (rested && unsealed > 0);
        if due && !rests {
            return Task::Checkpoint;
        }
        let patience = if rests {
            FULL_RETRY
        } else {
            options.checkpoint_interval
        };
        let (guard, timeout) = shared
            .tidy
            .wait_timeout(writer, patience)
            .unwrap_or_else(PoisonError::into_inner);
        writer = guard;
        rested = timeout.timed_out();
    }
}

/// What a checkpoint will cover, taken under the lock of the writer.
struct Covered {
    heads: std::collections::BTreeMap<TenantId, Head>,
    changed: Vec<TenantHead>,
    position: Position,
}

fn covered(writer: &mut Writer) -> Covered {
    let heads = writer.chains.heads.clone();
    let changed = std::mem::take(&mut writer.chains.changed);
    writer.chains.unsealed = 0;
    let changed = changed
        .into_iter()
        .filter_map(|tenant| {
            heads.get(&tenant).map(|head| TenantHead {
                tenant,
                head: *head,
            })
        })
        .collect();
    Covered {
        heads,
        changed,
        position: writer.end(),
    }
}

/// Signs a checkpoint over all that is written. It is made only after what it covers is on disk:
/// a checkpoint that knew more than the disk would accuse an honest journal of a roll-back.
pub(crate) fn checkpoint(shared: &Shared, closes: bool) -> Result<Option<Checkpoint>, Stopped> {
    let mut checkpoints = lock(&shared.checkpoints);
    if !closes {
        if lock(&shared.writer).chains.changed.is_empty() {
            return Ok(None);
        }
        if let Err(error) = checkpoints.make_room() {
            shared.note_full();
            tracing::debug!(%error, "no checkpoint without room for it");
            return Err(Stopped::Full);
        }
        note_room_if_any(shared);
    }
    let covered = {
        let mut writer = lock(&shared.writer);
        if writer.chains.changed.is_empty() && !closes {
            return Ok(None);
        }
        covered(&mut writer)
    };
    wait(shared.progress.reached(covered.position))?;
    let turns = checkpoints.file.bytes() > shared.options.checkpoint_file_bytes;
    let statement = statement(shared, &checkpoints, &covered, (closes, turns));
    let checkpoint = Checkpoint::sign(statement, &shared.signer).map_err(|_| Stopped::Oversized)?;
    let tag = if closes { Tag::Close } else { Tag::Checkpoint };
    let end = shared.append_own(tag, checkpoint.line())?;
    wait(shared.progress.reached(end))?;
    let last = checkpoints.ledger.number;
    let kept = match turns {
        true => checkpoints.file.turn(last, &checkpoint),
        false => checkpoints.file.append(&checkpoint),
    };
    if let Err(error) = kept {
        tracing::error!(%error, "the journal has stopped: a checkpoint could not be written");
        let stopped = Stopped::Write(std::io::ErrorKind::Other);
        shared.progress.stop(stopped);
        return Err(stopped);
    }
    checkpoints.ledger.apply(&checkpoint);
    checkpoints.covered = covered.position;
    checkpoints.begun = true;
    note_room_if_any(shared);
    Ok(Some(checkpoint))
}

/// The disk has room again, if no segment waits for it, either.
fn note_room_if_any(shared: &Shared) {
    let writer = lock(&shared.writer);
    if writer.prepared.is_some() || writer.segment.offset <= shared.options.segment_bytes / 2 {
        shared.note_room();
    }
}

fn statement(
    shared: &Shared,
    checkpoints: &Checkpoints,
    covered: &Covered,
    (closes, turns): (bool, bool),
) -> Statement {
    let number = checkpoints.ledger.number.saturating_add(1);
    let full = !checkpoints.begun || closes || turns || number.is_multiple_of(FULL_EVERY);
    let all = || {
        covered.heads.iter().map(|(tenant, head)| TenantHead {
            tenant: *tenant,
            head: *head,
        })
    };
    Statement {
        at_micros: shared.environment.now().micros(),
        closes,
        full,
        heads: if full {
            all().collect()
        } else {
            covered.changed.clone()
        },
        incarnation: shared.incarnation,
        instance: shared.options.instance,
        number,
        position: covered.position,
        previous: checkpoints.ledger.hash.unwrap_or(Hash::ZERO),
        root: checkpoint::root(&covered.heads),
        tree_size: covered.heads.len() as u64,
        version: 1,
    }
}

/// Takes no more entries, signs the closing checkpoint and seals the segment.
pub(crate) fn close(shared: &Shared) -> Result<(), Stopped> {
    {
        let mut writer = lock(&shared.writer);
        if let Some(stopped) = shared.progress.stopped() {
            return Err(stopped);
        }
        if std::mem::replace(&mut writer.closing, true) {
            return Err(Stopped::Closed);
        }
    }
    checkpoint(shared, true)?;
    let end = shared.append_own(Tag::Seal, &[])?;
    wait(shared.progress.reached(end))
}
