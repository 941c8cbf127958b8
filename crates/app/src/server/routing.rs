//! Which provider the calls of an agent ask first, and what they fall back on: what its settings say,
//! and what is set for its tenant.

use std::time::Duration;

use iron_fleet::Strategy as Wanted;
use iron_runtime::authority::{BreakerTerms, Fallback, Routing, Strategy};

/// Both together, as the runtime wants them.
pub(super) fn routing(wanted: iron_fleet::Routing, set: iron_settings::Routing) -> Routing {
    let fallbacks = wanted.fallbacks.into_iter().map(|fallback| Fallback {
        model: fallback.model,
        provider: fallback.provider,
    });
    Routing {
        breaker: BreakerTerms {
            failures: set.breaker_failures,
            error_percent: set.breaker_error_percent,
            minimum_calls: set.breaker_minimum_calls,
            window: set.breaker_window.max(Duration::from_secs(1)),
            open: set.breaker_open.max(Duration::from_secs(1)),
        },
        after_send: set.fallback_after_send,
        chain: set.chain,
        strategy: match wanted.strategy {
            Wanted::Order => Strategy::Order,
            Wanted::Weighted => Strategy::Weighted(wanted.weights),
            Wanted::Cost => Strategy::Cost,
            Wanted::Latency => Strategy::Latency,
            Wanted::LeastBusy => Strategy::LeastBusy,
        },
        fallbacks: fallbacks.collect(),
    }
}
