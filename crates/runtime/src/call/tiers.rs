//! Which provider is asked for which model: first, and next when that one fails.
//!
//! What comes into question are the providers that serve the model, and then what the agent falls back
//! on. Of them the first is taken whose circuit lets the call through:
//!
//! | | goes |
//! |---|---|
//! | the strategy of the agent | decides among providers of the same model |
//! | who fails often | behind others of the same model |
//! | who has asked to be left alone | behind everything else, yet is asked if nobody else is left |
//! | whose circuit is open | not at all |
//!
//! A request that names a provider, or something that is kept at one, goes nowhere else.

use std::sync::Arc;
use std::time::Duration;

use iron_llm::{Dialect, PriceBook, Usage};
use iron_primitives::{BootInstant, ProviderId, Refusal, TenantId};

use crate::Runtime;
use crate::authority::Strategy;
use crate::bearer::Bearer;
use crate::health::{Peer, Permit, Preference};

use super::choice::{Choice, allows, candidates, no_lane};

/// Where a call goes, and where it has been.
pub(super) struct Way {
    book: Arc<PriceBook>,
    /// The only provider that may be asked.
    only: Option<ProviderId>,
    /// Whether other models may be asked.
    other_models: bool,
    /// What was asked, with the model as it was asked for.
    tried: Vec<(ProviderId, Arc<str>)>,
    /// The leave for the attempt under way; none for what is not watched.
    pub(super) permit: Option<Permit>,
    /// How many came into question up to the one that is asked, from 1.
    pub(super) tier: u32,
    /// How often an attempt was repeated at the same place.
    pub(super) repeated: u32,
}

/// A provider that may be asked now.
pub(super) struct Tier {
    pub(super) choice: Choice,
    /// The model, where it is not the one that the caller asked for.
    pub(super) model: Option<String>,
    permit: Permit,
    number: u32,
}

/// What a search has come by.
struct Search<'a> {
    tenant: TenantId,
    way: &'a Way,
    now: BootInstant,
    /// How many were looked at.
    seen: u32,
    /// When the first open circuit lets somebody through.
    soonest: Option<Duration>,
    poor: Vec<Found>,
    paused: Vec<Found>,
}

struct Found {
    choice: Choice,
    peer: Arc<Peer>,
    model: Option<String>,
    number: u32,
}

impl Way {
    pub(super) const fn new(book: Arc<PriceBook>, only: Option<ProviderId>) -> Self {
        Way {
            book,
            only,
            other_models: true,
            tried: Vec::new(),
            permit: None,
            tier: 1,
            repeated: 0,
        }
    }

    /// A way that leads to no other model.
    pub(super) fn of_one_model(mut self) -> Self {
        self.other_models = false;
        self
    }

    /// Goes on to a provider; gives what it is asked for.
    pub(super) fn take(&mut self, tier: Tier) -> (Choice, Option<String>) {
        let asked = (
            tier.choice.lane().route.provider,
            tier.choice.shared_asked(),
        );
        self.tried.push(asked);
        (self.permit, self.tier) = (Some(tier.permit), tier.number);
        (tier.choice, tier.model)
    }

    /// Takes note that a provider is of no use for the call.
    pub(super) fn pass_over(&mut self, choice: &Choice) {
        let asked = (choice.lane().route.provider, choice.shared_asked());
        self.tried.push(asked);
    }
}

impl Search<'_> {
    fn was_tried(&self, choice: &Choice) -> bool {
        let provider = choice.lane().route.provider;
        let mut tried = self.way.tried.iter();
        tried.any(|(id, asked)| *id == provider && **asked == *choice.asked_as())
    }

    fn admitted(&mut self, found: Found) -> Option<Tier> {
        match found.peer.admit(self.now) {
            Ok(permit) => Some(Tier {
                choice: found.choice,
                model: found.model,
                permit,
                number: found.number,
            }),
            Err(wait) => {
                self.soonest = Some(self.soonest.map_or(wait, |soonest| soonest.min(wait)));
                None
            }
        }
    }
}

impl Runtime {
    /// The next provider to ask.
    ///
    /// # Errors
    /// [`Refusal::CircuitOpen`] if all are left alone; else why there is none.
    pub(super) fn next_tier(
        &self,
        bearer: &Bearer,
        dialect: Dialect,
        model: &str,
        way: &Way,
    ) -> Result<Tier, Refusal> {
        let routing = &bearer.principal.routing;
        let mut search = Search {
            tenant: bearer.principal.path.tenant,
            way,
            now: self.environment.boot(),
            seen: u32::try_from(way.tried.len()).unwrap_or(u32::MAX),
            soonest: None,
            poor: Vec::new(),
            paused: Vec::new(),
        };
        let lanes = candidates(bearer, &way.book, dialect, model, way.only);
        if let Some(tier) = self.first_of(lanes, &routing.strategy, None, &mut search) {
            return Ok(tier);
        }
        let elsewhere = way.other_models && way.only.is_none();
        for fallback in routing.fallbacks.iter().filter(|_| elsewhere) {
            let other = fallback.model.as_str();
            if !allows(bearer.principal.allowed_models.as_deref(), other) {
                continue;
            }
            let lanes = candidates(bearer, &way.book, dialect, other, fallback.provider);
            let named = (other != model).then_some(other);
            if let Some(tier) = self.first_of(lanes, &routing.strategy, named, &mut search) {
                return Ok(tier);
            }
        }
        let paused = std::mem::take(&mut search.paused);
        if let Some(tier) = paused.into_iter().find_map(|found| search.admitted(found)) {
            return Ok(tier);
        }
        match search.soonest {
            None => Err(no_lane(bearer, &way.book, model, way.only)),
            Some(wait) => Err(Refusal::CircuitOpen {
                model: model.to_owned(),
                reopens_at: self.environment.now().plus(wait),
            }),
        }
    }

    /// The first of several providers of the same model that may be asked.
    fn first_of(
        &self,
        lanes: impl Iterator<Item = Choice>,
        strategy: &Strategy,
        model: Option<&str>,
        search: &mut Search<'_>,
    ) -> Option<Tier> {
        let found = match strategy {
            Strategy::Order => self.first_good(lanes, model, search),
            other => {
                let sorted = self.sorted(lanes, other, search);
                self.first_good(sorted.into_iter(), model, search)
            }
        };
        let poor = std::mem::take(&mut search.poor);
        found.or_else(|| poor.into_iter().find_map(|found| search.admitted(found)))
    }

    fn first_good(
        &self,
        lanes: impl Iterator<Item = Choice>,
        model: Option<&str>,
        search: &mut Search<'_>,
    ) -> Option<Tier> {
        for choice in lanes {
            if search.was_tried(&choice) {
                continue;
            }
            search.seen = search.seen.saturating_add(1);
            let peer = self.peer_of(search.tenant, &choice, search.now);
            let preference = peer.standing(search.now);
            let found = Found {
                choice,
                peer,
                model: model.map(str::to_owned),
                number: search.seen,
            };
            match preference {
                Preference::Good => {
                    if let Some(tier) = search.admitted(found) {
                        return Some(tier);
                    }
                }
                Preference::Poor => search.poor.push(found),
                Preference::Paused => search.paused.push(found),
            }
        }
        None
    }

    fn peer_of(&self, tenant: TenantId, choice: &Choice, now: BootInstant) -> Arc<Peer> {
        let place = (tenant, choice.lane().route.provider);
        let kind = choice.lane().route.kind.as_str();
        let open = || self.metrics.routing.circuits_open.of(kind);
        self.health.peer(place, &choice.shared_asked(), now, open)
    }

    /// The providers as a strategy wants them, the best first.
    fn sorted(
        &self,
        lanes: impl Iterator<Item = Choice>,
        strategy: &Strategy,
        search: &Search<'_>,
    ) -> Vec<Choice> {
        let rank = |choice: &Choice| {
            let peer = || self.peer_of(search.tenant, choice, search.now);
            match strategy {
                Strategy::Order => 0,
                Strategy::Weighted(weights) => self.lot(weights, choice.lane().route.provider),
                Strategy::Cost => price_of(choice),
                Strategy::Latency => peer().wait_us(),
                Strategy::LeastBusy => u64::from(peer().in_flight()),
            }
        };
        let mut ranked: Vec<_> = lanes.map(|choice| (rank(&choice), choice)).collect();
        ranked.sort_by_key(|(rank, _)| *rank);
        ranked.into_iter().map(|(_, choice)| choice).collect()
    }

    /// A lot for a provider: the smallest of several is drawn as often as its weight says. It is the
    /// time until something happens that happens so often, as long as nothing is remembered.
    fn lot(&self, weights: &[(ProviderId, u32)], provider: ProviderId) -> u64 {
        let own = weights.iter().find(|(id, _)| *id == provider);
        let weight = own.map_or(1, |(_, weight)| *weight);
        if weight == 0 {
            return u64::MAX;
        }
        let drawn = u32::from_le_bytes(self.environment.random());
        let chance = (f64::from(drawn) + 1.0) / (f64::from(u32::MAX) + 1.0);
        let time = -chance.ln() / f64::from(weight);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and 23 times the scale, of which fractions do not matter"
        )]
        let lot = (time * LOT_SCALE) as u64;
        lot
    }
}

const LOT_SCALE: f64 = 1e12;

/// What a thousand tokens each way cost, in nano-dollars; of models that are paid for otherwise, what
/// they make in a usual call.
fn price_of(choice: &Choice) -> u64 {
    let usage = Usage {
        input: 1_000,
        output: 1_000,
        images: 1,
        characters: 1_000,
        seconds: 60,
        search_units: 1,
        ..Usage::default()
    };
    let cost = choice.model.cost(&usage).map(|cost| cost.nanos());
    cost.ok()
        .and_then(|nanos| u64::try_from(nanos).ok())
        .unwrap_or(u64::MAX)
}
