//! Which provider answers when others fail.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::{PerText, counter};

/// Which provider answers when others fail.
#[derive(Debug)]
pub struct RoutingMetrics {
    /// `iron_fallbacks_total{tier}`: calls that another than the first choice answered, by how many
    /// were passed over: `2`, `3`, `4+`.
    pub fallbacks: PerText,
    /// `iron_retries_total`: attempts that were repeated at the same provider.
    pub retries: Counter,
    /// `iron_circuits_open{provider}`: models of providers that are left alone, or tried again with
    /// one call at a time, by the kind of the provider.
    pub circuits_open: PerText<Gauge>,
    /// `iron_circuits_opened_total{provider}`: how often that began.
    pub circuits_opened: PerText,
}

impl RoutingMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        RoutingMetrics {
            fallbacks: PerText::register(
                registry,
                "fallbacks",
                "Calls that another than the first choice answered, by its place",
                "tier",
            ),
            retries: counter(
                registry,
                "retries",
                "Attempts that were repeated at the same provider",
            ),
            circuits_open: PerText::register(
                registry,
                "circuits_open",
                "Models of providers whose circuit is not closed",
                "provider",
            ),
            circuits_opened: PerText::register(
                registry,
                "circuits_opened",
                "How often circuits of providers have opened",
                "provider",
            ),
        }
    }
}
