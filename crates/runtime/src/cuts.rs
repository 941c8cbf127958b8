//! Streams that must end because a limit was lowered below what is under way: their holds are
//! named, the youngest first.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use iron_primitives::TenantId;
use tokio::sync::{Notify, broadcast};

use crate::wallet::{Cut, Hold};

type Key = (TenantId, u64);

/// The streams under way by their holds.
#[derive(Debug, Default)]
pub(crate) struct Cuts(Mutex<HashMap<Key, Arc<Notify>>>);

/// A stream under way, until it is dropped.
pub(crate) struct Watched {
    cuts: Arc<Cuts>,
    key: Key,
    notify: Arc<Notify>,
}

impl Cuts {
    /// Listens to the wallets for as long as there are any.
    pub(crate) fn listen(mut cuts: broadcast::Receiver<Cut>) -> Arc<Self> {
        let streams = Arc::new(Cuts::default());
        let told = streams.clone();
        tokio::spawn(async move {
            loop {
                match cuts.recv().await {
                    Ok(cut) => told.cut((cut.tenant, cut.hold)),
                    // What was missed is named again by the next exchange.
                    Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return,
                }
            }
        });
        streams
    }

    /// Watches a stream, whose hold may be too large for a lowered limit.
    pub(crate) fn watch(self: &Arc<Self>, hold: &Hold) -> Watched {
        let key = (hold.tenant, hold.id);
        let notify = Arc::new(Notify::new());
        self.streams().insert(key, notify.clone());
        Watched {
            cuts: self.clone(),
            key,
            notify,
        }
    }

    fn cut(&self, key: Key) {
        if let Some(notify) = self.streams().get(&key) {
            notify.notify_one();
        }
    }

    fn streams(&self) -> MutexGuard<'_, HashMap<Key, Arc<Notify>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watched {
    /// Waits until the limit is too low for the stream.
    pub(crate) async fn cut(&self) {
        self.notify.notified().await;
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.cuts.streams().remove(&self.key);
    }
}
