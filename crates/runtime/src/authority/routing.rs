//! Which provider is asked first, and which when that one fails.

use std::time::Duration;

use iron_net::breaker::{BreakerPolicy, ErrorRate};
use iron_primitives::ProviderId;

/// How the calls of an agent find a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routing {
    /// When providers that fail are left alone, and for how long.
    pub breaker: BreakerTerms,
    /// Whether another provider is asked after an attempt that may be billed although it brought no
    /// answer: then the agent may pay twice.
    pub after_send: bool,
    /// No attempt begins when a call has taken so long; whenever it is if absent.
    pub chain: Option<Duration>,
    /// Which of the providers that serve the model goes first.
    pub strategy: Strategy,
    /// What is asked when none of those that serve the model answers, in this order.
    pub fallbacks: Vec<Fallback>,
}

/// Which of several providers goes first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Strategy {
    /// The one that was assigned first.
    #[default]
    Order,
    /// Each in its turn by chance, as often as its weight says; 1 for those without.
    Weighted(Vec<(ProviderId, u32)>),
    /// The one with the lowest price.
    Cost,
    /// The one that has begun its answers soonest.
    Latency,
    /// The one with the fewest attempts of this server under way.
    LeastBusy,
}

/// Another model to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fallback {
    /// The model.
    pub model: String,
    /// The only provider that it is asked of; any that serves it if absent.
    pub provider: Option<ProviderId>,
}

/// When a provider that fails is left alone, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerTerms {
    /// After how many failures in a row; 0 for never.
    pub failures: u32,
    /// From how many failures among a hundred on; 0 for never.
    pub error_percent: u32,
    /// Among how many calls at the least these are counted.
    pub minimum_calls: u32,
    /// In which time.
    pub window: Duration,
    /// For how long the first time. Each probe that fails doubles that, up to thirty times as long.
    pub open: Duration,
}

impl BreakerTerms {
    /// The same for a breaker.
    pub fn policy(&self) -> BreakerPolicy {
        let rate = ErrorRate {
            percent: self.error_percent,
            at_least: self.minimum_calls,
            within: self.window,
        };
        BreakerPolicy {
            failures: self.failures,
            rate: (self.error_percent > 0).then_some(rate),
            open_for: self.open,
            longest: self.open.saturating_mul(30),
            probes: 1,
        }
    }
}

impl Default for BreakerTerms {
    fn default() -> Self {
        BreakerTerms {
            failures: 5,
            error_percent: 50,
            minimum_calls: 20,
            window: Duration::from_secs(30),
            open: Duration::from_secs(10),
        }
    }
}

impl Default for Routing {
    fn default() -> Self {
        Routing {
            breaker: BreakerTerms::default(),
            after_send: true,
            chain: Some(Duration::from_secs(300)),
            strategy: Strategy::Order,
            fallbacks: Vec::new(),
        }
    }
}
