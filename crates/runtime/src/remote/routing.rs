//! Between the words of the port and those of the wire, about who is asked.

use std::time::Duration;

use iron_sdk::runtimes::{RoutingStrategy, RuntimeFallback, RuntimeRouting, RuntimeWeight};

use crate::authority::{BreakerTerms, Fallback, Routing, Strategy};

/// What is sent of it.
pub(super) fn told(routing: Routing) -> RuntimeRouting {
    let (strategy, weights) = match routing.strategy {
        Strategy::Order => (RoutingStrategy::Order, Vec::new()),
        Strategy::Weighted(weights) => (RoutingStrategy::Weighted, weights),
        Strategy::Cost => (RoutingStrategy::Cost, Vec::new()),
        Strategy::Latency => (RoutingStrategy::Latency, Vec::new()),
        Strategy::LeastBusy => (RoutingStrategy::LeastBusy, Vec::new()),
    };
    let weights = weights.into_iter();
    let fallbacks = routing.fallbacks.into_iter();
    RuntimeRouting {
        breaker_failures: routing.breaker.failures,
        breaker_error_percent: routing.breaker.error_percent,
        breaker_minimum_calls: routing.breaker.minimum_calls,
        breaker_window_seconds: routing.breaker.window.as_secs(),
        breaker_open_seconds: routing.breaker.open.as_secs(),
        fallback_after_send: routing.after_send,
        chain_seconds: routing.chain.map_or(0, |chain| chain.as_secs()),
        strategy,
        weights: weights
            .map(|(provider, weight)| RuntimeWeight { provider, weight })
            .collect(),
        fallbacks: fallbacks
            .map(|Fallback { model, provider }| RuntimeFallback { model, provider })
            .collect(),
    }
}

/// What is made of what was sent.
pub(super) fn read(told: RuntimeRouting) -> Routing {
    let weights = told.weights.into_iter();
    let fallbacks = told.fallbacks.into_iter();
    Routing {
        breaker: BreakerTerms {
            failures: told.breaker_failures,
            error_percent: told.breaker_error_percent,
            minimum_calls: told.breaker_minimum_calls,
            window: Duration::from_secs(told.breaker_window_seconds),
            open: Duration::from_secs(told.breaker_open_seconds),
        },
        after_send: told.fallback_after_send,
        chain: (told.chain_seconds > 0).then(|| Duration::from_secs(told.chain_seconds)),
        strategy: match told.strategy {
            RoutingStrategy::Order => Strategy::Order,
            RoutingStrategy::Weighted => {
                Strategy::Weighted(weights.map(|one| (one.provider, one.weight)).collect())
            }
            RoutingStrategy::Cost => Strategy::Cost,
            RoutingStrategy::Latency => Strategy::Latency,
            RoutingStrategy::LeastBusy => Strategy::LeastBusy,
        },
        fallbacks: fallbacks
            .map(|RuntimeFallback { model, provider }| Fallback { model, provider })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use iron_testkit::TestEnvironment;

    use super::*;

    #[test]
    fn what_is_sent_comes_back() {
        let environment = TestEnvironment::new().environment;
        let (provider, model) = (environment.new_id(), "other".to_owned());
        let strategies = [
            Strategy::Order,
            Strategy::Weighted(vec![(provider, 3)]),
            Strategy::Cost,
            Strategy::Latency,
            Strategy::LeastBusy,
        ];
        for (chain, strategy) in [None, Some(Duration::from_secs(7))]
            .into_iter()
            .cycle()
            .zip(strategies)
        {
            let provider = chain.map(|_| provider);
            let routing = Routing {
                chain,
                strategy,
                after_send: chain.is_some(),
                fallbacks: vec![Fallback {
                    model: model.clone(),
                    provider,
                }],
                ..Routing::default()
            };
            assert_eq!(read(told(routing.clone())), routing);
        }
    }
}
