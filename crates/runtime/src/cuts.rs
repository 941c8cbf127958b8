//! Streams that must end: a limit was lowered below what is under way, or their agent was ended.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use iron_primitives::{AgentId, TenantId};
use tokio::sync::{Notify, broadcast};

use crate::wallet::{Cut, Hold};

type Key = (TenantId, u64);

/// The streams under way, by their holds.
#[derive(Debug, Default)]
pub(crate) struct Cuts {
    streams: Mutex<HashMap<Key, (AgentId, Arc<Notify>)>>,
}

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

    pub(crate) fn watch(self: &Arc<Self>, hold: &Hold, agent: AgentId) -> Watched {
        let key = (hold.tenant, hold.id);
        let notify = Arc::new(Notify::new());
        self.streams().insert(key, (agent, notify.clone()));
        Watched {
            cuts: self.clone(),
            key,
            notify,
        }
    }

    /// Ends every stream of an agent.
    pub(crate) fn end(&self, agent: AgentId) {
        for (whose, stream) in self.streams().values() {
            if *whose == agent {
                stream.notify_one();
            }
        }
    }

    fn cut(&self, key: Key) {
        if let Some((_, stream)) = self.streams().get(&key) {
            stream.notify_one();
        }
    }

    fn streams(&self) -> MutexGuard<'_, HashMap<Key, (AgentId, Arc<Notify>)>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watched {
    /// Waits until the stream must end.
    pub(crate) async fn cut(&self) {
        self.notify.notified().await;
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.cuts.streams().remove(&self.key);
    }
}
