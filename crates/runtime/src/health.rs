//! How it goes with the lanes: each provider of a tenant, for each model that it is asked for.
//!
//! A [`Peer`] is what this process has seen of one of them. It knows its breaker, whether the provider
//! has asked to be left alone, how fast it answers, and how many attempts are under way. Nothing is
//! shared between servers: each finds out for itself, within the few calls that a breaker takes to
//! open.
//!
//! Names of models come from clients, so that no more than [`MOST`] peers are known at a time. Those
//! about which there is nothing to tell make room; if there are none, the rest share one.

mod peer;
mod waits;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use iron_primitives::{BootInstant, ProviderId, TenantId};
use iron_telemetry::Gauge;

pub use peer::{Circuit, PeerView};
pub(crate) use peer::{Peer, Permit, Preference, Verdict};

/// The most peers that are known at a time.
const MOST: usize = 10_000;

type Place = (TenantId, ProviderId);

/// What is known of all lanes.
#[derive(Default)]
pub(crate) struct Health {
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    peers: HashMap<Place, HashMap<Arc<str>, Arc<Peer>>>,
    count: usize,
}

impl Health {
    /// The peer that a provider is when it is asked for a model. Where it is not known yet, `open`
    /// gives what counts the open circuits of its kind.
    pub(crate) fn peer(
        &self,
        place: Place,
        model: &Arc<str>,
        now: BootInstant,
        open: impl FnOnce() -> Gauge,
    ) -> Arc<Peer> {
        let mut known = self.known();
        if let Some(peer) = known.peers.get(&place).and_then(|models| models.get(model)) {
            return peer.clone();
        }
        if known.count >= MOST {
            known.make_room(now);
        }
        let model = match known.count < MOST {
            true => model.clone(),
            false => Arc::from(""),
        };
        let models = known.peers.entry(place).or_default();
        let before = models.len();
        let peer = models
            .entry(model)
            .or_insert_with(|| Arc::new(Peer::new(now, open())))
            .clone();
        let grown = models.len().saturating_sub(before);
        known.count = known.count.saturating_add(grown);
        peer
    }

    /// Forgets what is known of a provider, which has another key or another address.
    pub(crate) fn forget(&self, provider: ProviderId) {
        let mut known = self.known();
        known.peers.retain(|(_, id), _| *id != provider);
        known.count = known.peers.values().map(HashMap::len).sum();
    }

    /// What is known of a provider, for each model that it was asked for, in their order.
    pub(crate) fn of(&self, place: Place, now: BootInstant) -> Vec<PeerView> {
        let known = self.known();
        let models = known.peers.get(&place).into_iter().flatten();
        let mut views: Vec<_> = models
            .map(|(model, peer)| peer.view(model.clone(), now))
            .collect();
        views.sort_by(|a, b| a.model.cmp(&b.model));
        views
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn make_room(&mut self, now: BootInstant) {
        for models in self.peers.values_mut() {
            models.retain(|_, peer| Arc::strong_count(peer) > 1 || !peer.is_idle(now));
        }
        self.peers.retain(|_, models| !models.is_empty());
        self.count = self.peers.values().map(HashMap::len).sum();
    }
}

#[cfg(test)]
mod tests;
