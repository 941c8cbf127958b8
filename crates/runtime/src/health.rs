//! How it goes with the lanes: each provider of a tenant, for each model that it is asked for.
//!
//! A [`Peer`] is what this process has seen of one of them. It knows its breaker, whether the provider
//! has asked to be left alone, how fast it answers, and how many attempts are under way. Nothing is
//! shared between servers: each finds out for itself, within the few calls that a breaker takes to
//! open.
//!
//! Names of models come from clients, so that no more than [`MOST_MODELS`] of a provider are known at a
//! time, and no long ones. Those about which there is nothing to tell make room for others of the same
//! provider; if there are none, the rest share one peer. What one tenant invents costs no other his.

mod peer;
mod waits;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use iron_primitives::{BootInstant, ProviderId, TenantId};
use iron_telemetry::Gauge;

pub use peer::{Circuit, PeerView};
pub(crate) use peer::{Peer, Permit, Preference, Verdict};

/// The most models of one provider of a tenant that are known at a time, but for the shared peer.
const MOST_MODELS: usize = 200;
/// The longest name that is kept, in bytes; real ones are shorter.
const LONGEST_NAME: usize = 128;
/// How long nobody looks for room after there was none: to look takes time with each model.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// The name under which all others share a peer.
const SHARED: &str = "";

type Place = (TenantId, ProviderId);

/// What is known of all lanes.
#[derive(Default)]
pub(crate) struct Health {
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    places: HashMap<Place, Models>,
}

/// The peers that one provider is, by model.
#[derive(Default)]
struct Models {
    peers: HashMap<Arc<str>, Arc<Peer>>,
    no_room_until: Option<BootInstant>,
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
        let models = known.places.entry(place).or_default();
        if let Some(peer) = models.peers.get(model) {
            return peer.clone();
        }
        let model = match models.takes(model, now) {
            true => model.clone(),
            false => Arc::from(SHARED),
        };
        let new = || Arc::new(Peer::new(now, open()));
        models.peers.entry(model).or_insert_with(new).clone()
    }

    /// Forgets what is known of a provider, which has another key or another address.
    pub(crate) fn forget(&self, provider: ProviderId) {
        let mut known = self.known();
        known.places.retain(|(_, id), _| *id != provider);
    }

    /// What is known of a provider, for each model that it was asked for, in their order.
    pub(crate) fn of(&self, place: Place, now: BootInstant) -> Vec<PeerView> {
        let known = self.known();
        let models = known.places.get(&place).map(|models| &models.peers);
        let mut views: Vec<_> = models
            .into_iter()
            .flatten()
            .map(|(model, peer)| peer.view(model.clone(), now))
            .collect();
        views.sort_by(|a, b| a.model.cmp(&b.model));
        views
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Models {
    /// Whether a model that is not known gets a peer of its own.
    fn takes(&mut self, model: &str, now: BootInstant) -> bool {
        model.len() <= LONGEST_NAME && (self.own() < MOST_MODELS || self.makes_room(now))
    }

    /// How many models have a peer of their own.
    fn own(&self) -> usize {
        let shared = usize::from(self.peers.contains_key(SHARED));
        self.peers.len().saturating_sub(shared)
    }

    fn makes_room(&mut self, now: BootInstant) -> bool {
        if self.no_room_until.is_some_and(|until| now < until) {
            return false;
        }
        self.peers
            .retain(|_, peer| Arc::strong_count(peer) > 1 || !peer.is_idle(now));
        let room = self.own() < MOST_MODELS;
        self.no_room_until = (!room).then(|| now.plus(LOOK_AGAIN));
        room
    }
}

#[cfg(test)]
mod tests;
