//! Tokens and cost by provider kind and model: open labels, bounded in number.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};

use prometheus_client::encoding::{EncodeLabelSet, LabelSetEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// The most pairs of provider and model that are told apart.
const MOST_MODELS: usize = 1000;
const OTHER: &str = "other";

/// The handles of one provider kind and model.
#[derive(Debug, Clone)]
pub struct ModelMetrics {
    /// `iron_model_calls_total{provider,model}`.
    pub calls: Counter,
    /// `iron_tokens_total{…,bucket="input"}`: neither read from nor written to a cache.
    pub input_tokens: Counter,
    /// `iron_tokens_total{…,bucket="cache_read"}`.
    pub cache_read_tokens: Counter,
    /// `iron_tokens_total{…,bucket="cache_write"}`: both lifetimes together.
    pub cache_write_tokens: Counter,
    /// `iron_tokens_total{…,bucket="output"}`: reasoning included.
    pub output_tokens: Counter,
    /// `iron_cost_nanodollars_total{provider,model}`: settled cost.
    pub cost_nanos: Counter,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct ModelLabels {
    provider: String,
    model: String,
    bucket: Option<&'static str>,
}

impl EncodeLabelSet for ModelLabels {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> Result<(), fmt::Error> {
        [
            ("provider", self.provider.as_str()),
            ("model", self.model.as_str()),
        ]
        .encode(encoder)?;
        match self.bucket {
            Some(bucket) => [("bucket", bucket)].encode(encoder),
            None => Ok(()),
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Models {
    calls: Family<ModelLabels, Counter>,
    tokens: Family<ModelLabels, Counter>,
    cost: Family<ModelLabels, Counter>,
    known: AtomicUsize,
}

impl Models {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let models = Models::default();
        registry.register(
            "model_calls",
            "Dispatched attempts by model",
            models.calls.clone(),
        );
        registry.register(
            "tokens",
            "Tokens by model and bucket",
            models.tokens.clone(),
        );
        registry.register(
            "cost_nanodollars",
            "Settled cost by model",
            models.cost.clone(),
        );
        models
    }

    pub(super) fn resolve(&self, provider: &str, model: &str) -> ModelMetrics {
        let labels = |bucket| ModelLabels {
            provider: provider.to_owned(),
            model: model.to_owned(),
            bucket,
        };
        let new = self.calls.get(&labels(None)).is_none();
        if new && self.known.fetch_add(1, Ordering::Relaxed) >= MOST_MODELS {
            // The count stays at its bound, or a long-lived process would wrap around.
            self.known.store(MOST_MODELS, Ordering::Relaxed);
            if (provider, model) != (OTHER, OTHER) {
                return self.resolve(OTHER, OTHER);
            }
        }
        let tokens = |bucket| self.tokens.get_or_create(&labels(Some(bucket))).clone();
        ModelMetrics {
            calls: self.calls.get_or_create(&labels(None)).clone(),
            input_tokens: tokens("input"),
            cache_read_tokens: tokens("cache_read"),
            cache_write_tokens: tokens("cache_write"),
            output_tokens: tokens("output"),
            cost_nanos: self.cost.get_or_create(&labels(None)).clone(),
        }
    }
}
