//! Which providers are asked about their batches now.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use iron_primitives::ProviderId;

/// The providers that this process is asking, each once.
#[derive(Debug, Default)]
pub(crate) struct Asking(Mutex<HashSet<ProviderId>>);

/// A provider that is being asked, until this is dropped.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    asking: &'a Asking,
    provider: ProviderId,
}

impl Asking {
    /// The turn to ask a provider; none if somebody has it.
    pub(crate) fn begin(&self, provider: ProviderId) -> Option<Turn<'_>> {
        let is_free = self.all().insert(provider);
        is_free.then_some(Turn {
            asking: self,
            provider,
        })
    }

    fn all(&self) -> MutexGuard<'_, HashSet<ProviderId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.asking.all().remove(&self.provider);
    }
}
