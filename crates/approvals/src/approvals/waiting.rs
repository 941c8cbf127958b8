//! Waiting until people have decided.
//!
//! On the server where somebody decides, those who wait are woken at once. What is decided on
//! another server is looked for [`LOOK_EVERY`], by one task and one query for all who wait here,
//! which lives as long as there are any.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use iron_primitives::{ApprovalId, TenantId};
use iron_store::{Db, as_platform};
use tokio::sync::Notify;

use super::{Approval, Approvals, store};
use crate::Error;

/// How often it is looked for what other servers have decided.
const LOOK_EVERY: Duration = Duration::from_millis(400);
/// So many are asked for in one query.
const AT_ONCE: usize = 500;

/// Those who wait on this server.
#[derive(Clone, Default)]
pub(super) struct Waiting(Arc<Mutex<Board>>);

#[derive(Default)]
struct Board {
    bells: HashMap<ApprovalId, (usize, Arc<Notify>)>,
    is_looked_for: bool,
}

impl Waiting {
    fn board(&self) -> MutexGuard<'_, Board> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes those who wait for this one.
    pub(super) fn wake(&self, id: ApprovalId) {
        if let Some((_, bell)) = self.board().bells.get(&id) {
            bell.notify_waiters();
        }
    }

    /// Takes a seat; says whether somebody has to look what other servers decide.
    fn sit(&self, id: ApprovalId) -> (Seat, bool) {
        let mut board = self.board();
        let (sitting, bell) = board.bells.entry(id).or_default();
        *sitting += 1;
        let bell = bell.clone();
        let first = !std::mem::replace(&mut board.is_looked_for, true);
        let waiting = self.clone();
        (Seat { id, bell, waiting }, first)
    }

    async fn look(self, db: Db) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let ids: Vec<_> = {
                let mut board = self.board();
                if board.bells.is_empty() {
                    board.is_looked_for = false;
                    return;
                }
                board.bells.keys().copied().collect()
            };
            for some in ids.chunks(AT_ONCE) {
                match store::ended(&db, some).await {
                    Ok(ended) => ended.into_iter().for_each(|id| self.wake(id)),
                    Err(error) => {
                        tracing::warn!(%error, "what other servers decide cannot be seen now");
                    }
                }
            }
        }
    }
}

/// A place among those who wait.
struct Seat {
    id: ApprovalId,
    bell: Arc<Notify>,
    waiting: Waiting,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut board = self.waiting.board();
        if let Some((sitting, _)) = board.bells.get_mut(&self.id) {
            *sitting -= 1;
            if *sitting == 0 {
                board.bells.remove(&self.id);
            }
        }
    }
}

impl Approvals {
    /// Waits until an approval is decided or has expired, but no longer than this; gives it as it
    /// stands then. A decision on this server is heard at once, one elsewhere within half a second.
    ///
    /// # Errors
    /// [`Error::NoApproval`]; [`Error::Store`] if the database fails.
    pub async fn wait(
        &self,
        tenant: TenantId,
        id: ApprovalId,
        at_most: Duration,
    ) -> Result<Approval, Error> {
        let deadline = tokio::time::Instant::now() + at_most;
        let (seat, first) = self.waiting.sit(id);
        if first {
            let look = self.waiting.clone().look(self.db.clone());
            tokio::spawn(as_platform(look));
        }
        loop {
            // Listened to before looking: what is decided in between is heard.
            let bell = seat.bell.notified();
            tokio::pin!(bell);
            bell.as_mut().enable();
            let found = self.find(tenant, id).await?;
            if !found.is_pending() || tokio::time::Instant::now() >= deadline {
                return Ok(found);
            }
            let left = found.expires_at.since(self.environment.now());
            let end = deadline.min(tokio::time::Instant::now() + left);
            let _ = tokio::time::timeout_at(end, bell).await;
        }
    }
}
