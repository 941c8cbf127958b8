//! Which threads have read what strangers may have written, as far as this instance knows.

use std::time::Duration;

use iron_primitives::AgentId;
use moka::sync::Cache;

use crate::bearer::Bearer;

/// The most threads that are remembered.
const MOST: u64 = 1_000_000;
/// How long a thread is remembered after it has read.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3_600);

/// The threads that have read.
#[derive(Debug)]
pub(crate) struct Taints(Cache<Thread, ()>);

/// A conversation of an agent, by its keyed hash; all that it says nothing about are one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Thread {
    pub(crate) agent: AgentId,
    pub(crate) conversation: Option<[u8; 32]>,
}

impl Thread {
    /// The thread of an agent's conversation.
    pub(crate) fn of(bearer: &Bearer, conversation: Option<&str>) -> Self {
        let hash = |name: &str| {
            let parts = std::iter::once(name.as_bytes());
            bearer.keyed_hash("conversation", parts)
        };
        Thread {
            agent: bearer.principal.path.agent,
            conversation: conversation.map(hash),
        }
    }
}

impl Taints {
    pub(crate) fn new() -> Self {
        let threads = Cache::builder().max_capacity(MOST).time_to_live(KEPT);
        Taints(threads.build())
    }

    pub(crate) fn mark(&self, thread: Thread) {
        self.0.insert(thread, ());
    }

    pub(crate) fn has(&self, thread: &Thread) -> bool {
        self.0.contains_key(thread)
    }
}
