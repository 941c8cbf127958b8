//! Whom an agent's calls ask first, and what they fall back on.

use clap::{Args, ValueEnum};

/// Which provider is asked first, and what is asked when it fails.
#[derive(Debug, Args, Clone, Default)]
pub(crate) struct RoutingArgs {
    /// A model to fall back on, as MODEL or MODEL=PROVIDER; repeat, the order counts; `none` for
    /// nothing
    #[arg(long = "fall-back-on", value_name = "MODEL")]
    pub(crate) fallbacks: Vec<String>,
    /// Which of the providers that serve a model goes first
    #[arg(long, value_enum)]
    pub(crate) strategy: Option<RoutingWord>,
    /// With `--strategy weighted`, how often a provider goes first, as PROVIDER=NUMBER; repeat
    #[arg(long = "weight", value_name = "PROVIDER=NUMBER", requires = "strategy")]
    pub(crate) weights: Vec<String>,
}

/// Which provider goes first.
#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum RoutingWord {
    /// The one that was assigned first
    Order,
    /// By chance, as often as weights say
    Weighted,
    /// The one with the lowest price
    Cost,
    /// The one that has begun its answers soonest
    Latency,
    /// The one with the fewest calls under way
    LeastBusy,
}

impl RoutingWord {
    /// The word in settings.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            RoutingWord::Order => "order",
            RoutingWord::Weighted => "weighted",
            RoutingWord::Cost => "cost",
            RoutingWord::Latency => "latency",
            RoutingWord::LeastBusy => "least_busy",
        }
    }
}
