//! Streams that must end: a limit was lowered below what is under way, or their agent was ended.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use iron_primitives::{AgentId, TenantId};
use tokio::sync::{Notify, broadcast};

use crate::wallet::{Cut, Hold};

type Key = (TenantId, u64);

/// Why a stream must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// A limit was lowered below what is under way.
    BudgetLowered,
    /// Its agent was killed, or stopped and its grace is over.
    AgentEnded,
}

/// The streams under way, by their holds.
#[derive(Debug, Default)]
pub(crate) struct Cuts {
    streams: Mutex<HashMap<Key, Arc<Signal>>>,
}

/// How one stream is told.
#[derive(Debug)]
struct Signal {
    agent: AgentId,
    agent_ended: AtomicBool,
    notify: Notify,
}

/// A stream under way, until it is dropped.
pub(crate) struct Watched {
    cuts: Arc<Cuts>,
    key: Key,
    signal: Arc<Signal>,
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
        let signal = Arc::new(Signal {
            agent,
            agent_ended: AtomicBool::new(false),
            notify: Notify::new(),
        });
        self.streams().insert(key, signal.clone());
        Watched {
            cuts: self.clone(),
            key,
            signal,
        }
    }

    /// Ends every stream of an agent.
    pub(crate) fn end(&self, agent: AgentId) {
        for signal in self.streams().values() {
            if signal.agent == agent {
                signal.agent_ended.store(true, Ordering::Release);
                signal.notify.notify_one();
            }
        }
    }

    fn cut(&self, key: Key) {
        if let Some(signal) = self.streams().get(&key) {
            signal.notify.notify_one();
        }
    }

    fn streams(&self) -> MutexGuard<'_, HashMap<Key, Arc<Signal>>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watched {
    /// Waits until the stream must end, and says why.
    pub(crate) async fn cut(&self) -> Reason {
        self.signal.notify.notified().await;
        match self.signal.agent_ended.load(Ordering::Acquire) {
            true => Reason::AgentEnded,
            false => Reason::BudgetLowered,
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.cuts.streams().remove(&self.key);
    }
}
