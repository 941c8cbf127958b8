//! Whether a session goes on with what it does.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::limits::memory_used;
use crate::pool::Permit;

/// How much more memory SQLite may use in this process than when a statement began, in bytes. It counts
/// all sessions together: nothing tells what one of them uses to sort and to join.
const MOST_MEMORY: i64 = 32 << 20;

/// What a session and the thread that works for it both see. It ends with the later of them, and so does
/// the seat that it holds.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// Nobody waits any more.
    unwanted: AtomicBool,
    /// Too much memory was used.
    crowded: AtomicBool,
    memory_before: AtomicI64,
    seat: Mutex<Option<Arc<Permit>>>,
}

impl Watch {
    /// A statement begins.
    pub(super) fn begin(&self) {
        self.crowded.store(false, Ordering::Relaxed);
        self.memory_before.store(memory_used(), Ordering::Relaxed);
    }

    /// What is done is of no more use.
    pub(super) fn end(&self) {
        self.unwanted.store(true, Ordering::Relaxed);
    }

    /// Holds a seat, or gives it back.
    pub(super) fn sit(&self, seat: Option<Arc<Permit>>) {
        *self.seat.lock().unwrap_or_else(PoisonError::into_inner) = seat;
    }

    /// Whether too much memory has ended the statement.
    pub(super) fn is_crowded(&self) -> bool {
        self.crowded.load(Ordering::Relaxed)
    }

    /// Whether the statement may take further steps.
    pub(super) fn goes_on(&self) -> bool {
        if self.unwanted.load(Ordering::Relaxed) {
            return false;
        }
        let before = self.memory_before.load(Ordering::Relaxed);
        let crowded = memory_used().saturating_sub(before) > MOST_MEMORY;
        if crowded {
            self.crowded.store(true, Ordering::Relaxed);
        }
        !crowded
    }
}
