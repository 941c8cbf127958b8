//! Since when batches are missing where they should be, as far as this process has asked.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use iron_primitives::{RequestId, Timestamp};

/// The batches that were missing whenever they were asked for, each with the first time.
#[derive(Debug, Default)]
pub(crate) struct Missed(Mutex<HashMap<RequestId, Timestamp>>);

impl Missed {
    /// Notes that a batch is missing now; gives for how long it has been.
    pub(crate) fn again(&self, batch: RequestId, now: Timestamp) -> Duration {
        let first = *self.all().entry(batch).or_insert(now);
        now.since(first)
    }

    /// A batch is not missing any more, or is not asked for again.
    pub(crate) fn found(&self, batch: RequestId) {
        self.all().remove(&batch);
    }

    fn all(&self) -> MutexGuard<'_, HashMap<RequestId, Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
