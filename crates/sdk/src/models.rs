//! Models and what they cost.

use crate::{Map, Value, decimal::Decimal, providers::ProviderType, words::words};
use iron_primitives::{ProviderId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

words! {
    /// Where a price comes from.
    PriceSource {
        /// From the price book that is built in.
        Book = "book",
        /// From an imported list.
        Import = "import",
        /// Set by the tenant.
        Override = "override",
    }
}

/// A model and its price.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ModelView {
    /// The model's name.
    pub model: String,
    /// Who serves it.
    pub provider_type: ProviderType,
    /// What it costs.
    pub price: PriceView,
}

/// What a model costs, in dollars as decimal texts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PriceView {
    /// A million input tokens.
    pub input_per_million: String,
    /// A million output tokens, reasoning included unless it has a price of its own.
    pub output_per_million: String,
    /// A million output tokens of reasoning, where they cost other than the rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reasoning_per_million: Option<String>,
    /// A million input tokens read from a cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub cached_per_million: Option<String>,
    /// A million tokens written to a cache for 5 minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub cache_write_5m_per_million: Option<String>,
    /// A million tokens written to a cache for an hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub cache_write_1h_per_million: Option<String>,
    /// A call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub per_query: Option<String>,
    /// A search among up to a hundred documents, on top of tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub per_search: Option<String>,
    /// A picture of the input, or that is made, on top of its tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub per_image: Option<String>,
    /// A second of a recording that is heard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub per_second: Option<String>,
    /// A character of text that is spoken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub per_character: Option<String>,
    /// Prices above an amount of input.
    pub tiers: Vec<PriceTier>,
    /// Since when it applies; absent for the book that is built in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub effective_from: Option<Timestamp>,
    /// Where it comes from.
    pub source: PriceSource,
}

/// Prices above an amount of input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PriceTier {
    /// Applies when the input has more tokens than this.
    pub above_input_tokens: u64,
    /// A million input tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub input_per_million: Option<String>,
    /// A million output tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub output_per_million: Option<String>,
    /// A million output tokens of reasoning, where they cost other than the rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reasoning_per_million: Option<String>,
    /// A million input tokens read from a cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub cached_per_million: Option<String>,
    /// A million tokens written to a cache for 5 minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub cache_write_5m_per_million: Option<String>,
    /// A million tokens written to a cache for an hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub cache_write_1h_per_million: Option<String>,
}

/// A price of the tenant's own, in dollars as decimal texts; an explicit 0 is a price.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetPrice {
    /// Who serves the model, where several do; without it whoever makes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_type: Option<ProviderType>,
    /// A million input tokens.
    pub input_per_million: Decimal,
    /// A million output tokens.
    pub output_per_million: Decimal,
    /// A million output tokens of reasoning; as much as other output if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning_per_million: Option<Decimal>,
    /// A million input tokens read from a cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_per_million: Option<Decimal>,
    /// A million tokens written to a cache for 5 minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write_5m_per_million: Option<Decimal>,
    /// A million tokens written to a cache for an hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write_1h_per_million: Option<Decimal>,
    /// A call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_query: Option<Decimal>,
    /// A search among up to a hundred documents, on top of tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_search: Option<Decimal>,
    /// A picture of the input, or that is made, on top of its tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_image: Option<Decimal>,
    /// A second of a recording that is heard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_second: Option<Decimal>,
    /// A character of text that is spoken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_character: Option<Decimal>,
    /// Prices above an amount of input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_items = 0, max_items = 1)]
    pub tiers: Option<Vec<SetPriceTier>>,
    /// Since when it applies; now if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_from: Option<Timestamp>,
}

/// Prices above an amount of input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetPriceTier {
    /// Applies when the input has more tokens than this.
    pub above_input_tokens: u64,
    /// A million input tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_per_million: Option<Decimal>,
    /// A million output tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_per_million: Option<Decimal>,
    /// A million output tokens of reasoning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning_per_million: Option<Decimal>,
    /// A million input tokens read from a cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_per_million: Option<Decimal>,
    /// A million tokens written to a cache for 5 minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write_5m_per_million: Option<Decimal>,
    /// A million tokens written to a cache for an hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write_1h_per_million: Option<Decimal>,
}

/// Which models to list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ModelQuery {
    /// The page, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1)]
    pub page: Option<u32>,
    /// How many on a page; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 100)]
    pub per_page: Option<u32>,
    /// Only what this provider serves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_id: Option<ProviderId>,
    /// A part of the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(min_length = 1, max_length = 200)]
    pub model: Option<String>,
}

/// Whose price.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PriceQuery {
    /// Who serves the model; without it whoever makes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_type: Option<ProviderType>,
}

/// A public price list in LiteLLM's JSON format.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportPrices {
    /// The list: a model's name to its prices.
    #[schema(value_type = Object)]
    pub prices: Map<String, Value>,
}

/// What an import did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PricesImported {
    /// How many models have a price from it.
    pub imported: u64,
    /// What could not be read, at most 100.
    pub skipped: Vec<SkippedPrice>,
    /// How many could not be read.
    pub skipped_count: u64,
}

/// A model that was not imported.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SkippedPrice {
    /// The model's name.
    pub model: String,
    /// Why.
    pub reason: String,
}
