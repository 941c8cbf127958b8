//! What a provider says it counted, in buckets that do not overlap.
//!
//! Providers overlap theirs: OpenAI's `prompt_tokens` contains the cached and the written
//! tokens, Anthropic's `input_tokens` contains neither. Each reader of a dialect maps into
//! the disjoint buckets here, so that a price is one multiplication per bucket.

use serde::{Deserialize, Serialize};

/// The class of service an attempt was, or may be, billed at.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum ServiceTier {
    /// The list price.
    #[default]
    Standard,
    /// Slower and cheaper.
    Flex,
    /// Within a day, cheaper.
    Batch,
    /// Faster and dearer.
    Priority,
    /// Anthropic's `speed: "fast"`.
    Fast,
    /// OpenAI's fastest and dearest.
    Ultrafast,
}

impl ServiceTier {
    /// All tiers.
    pub const ALL: [ServiceTier; 6] = [
        ServiceTier::Standard,
        ServiceTier::Flex,
        ServiceTier::Batch,
        ServiceTier::Priority,
        ServiceTier::Fast,
        ServiceTier::Ultrafast,
    ];

    /// The word in the price book.
    pub const fn as_str(self) -> &'static str {
        match self {
            ServiceTier::Standard => "standard",
            ServiceTier::Flex => "flex",
            ServiceTier::Batch => "batch",
            ServiceTier::Priority => "priority",
            ServiceTier::Fast => "fast",
            ServiceTier::Ultrafast => "ultrafast",
        }
    }

    /// The tier a provider's answer names. `auto` names none.
    pub fn from_answer(word: &str) -> Option<ServiceTier> {
        match word {
            "default" | "standard" | "scale" => Some(ServiceTier::Standard),
            "flex" => Some(ServiceTier::Flex),
            "batch" => Some(ServiceTier::Batch),
            "priority" => Some(ServiceTier::Priority),
            "fast" => Some(ServiceTier::Fast),
            "ultrafast" => Some(ServiceTier::Ultrafast),
            _ => None,
        }
    }
}

/// Disjoint counts of one attempt, and the two facts that move their prices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Input tokens billed at the full rate: text, and images where these cost the same, neither
    /// read from nor written to a cache.
    pub input: u64,
    /// Input tokens read from a cache.
    pub cache_read: u64,
    /// Input tokens written to a short-lived cache (five minutes; OpenAI's default).
    pub cache_write_5m: u64,
    /// Input tokens written to a long-lived cache (an hour; OpenAI's beyond twelve hours).
    pub cache_write_1h: u64,
    /// Audio tokens of the input.
    pub input_audio: u64,
    /// Tokens of pictures in the input, where they have a price of their own.
    pub input_image: u64,
    /// Output tokens, the reasoning and rejected predictions included.
    pub output: u64,
    /// Audio tokens of the output.
    pub output_audio: u64,
    /// Tokens of pictures that were made, where they have a price of their own.
    pub output_image: u64,
    /// How many of `output` were reasoning. Billed once: at a price of its own, or as output.
    pub reasoning: u64,
    /// Pictures that are billed one by one: those that were made, or those of the input, which no
    /// provider reports.
    pub images: u64,
    /// Characters of text that was spoken. No provider reports them: they are those of the request.
    pub characters: u64,
    /// Seconds of a recording that was heard, where they are billed.
    pub seconds: u64,
    /// Searches of the web that are billed one by one.
    pub web_searches: u64,
    /// Searches among documents that are billed one by one: a query with up to a hundred of them.
    pub search_units: u64,
    /// The tier that served it; none where the provider did not say.
    pub tier: Option<ServiceTier>,
    /// Whether a regional surcharge applies; none where the provider did not say.
    pub regional: Option<bool>,
}

impl Usage {
    /// Stands for what a provider has put where a count belongs and is none.
    pub const ABSURD: u64 = u64::MAX;

    /// All input tokens: what decides whether a long-context rate applies.
    pub const fn input_total(&self) -> u64 {
        self.input
            .saturating_add(self.cache_read)
            .saturating_add(self.cache_write_5m)
            .saturating_add(self.cache_write_1h)
            .saturating_add(self.input_audio)
            .saturating_add(self.input_image)
    }

    /// All output tokens.
    pub const fn output_total(&self) -> u64 {
        self.output
            .saturating_add(self.output_audio)
            .saturating_add(self.output_image)
    }

    /// All tokens.
    pub const fn total(&self) -> u64 {
        self.input_total().saturating_add(self.output_total())
    }
}
