//! Reading LiteLLM's `model_prices_and_context_window.json`.

use std::collections::BTreeMap;

use iron_primitives::UnitPrice;
use serde_json::value::RawValue;

use super::decimal::dollars_per_unit;
use super::file::{Stated, complete, unreadable};
use super::{Abilities, ImageRule, Mode, Model, Price, PriceBook, PriceError, TierRates};
use crate::kind::ProviderKind;
use crate::usage::ServiceTier;

/// What an import brought.
#[derive(Debug, Clone)]
pub struct Import {
    /// The models that were read.
    pub models: Vec<Model>,
    /// The rows that were not, and why.
    pub skipped: Vec<(String, Skipped)>,
}

/// Why a row was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Skipped {
    /// A provider that is not served.
    Provider(String),
    /// Not a model for text: images, video, speech.
    Mode(String),
    /// No price for input or output tokens.
    NoPrice,
    /// A price that is no exact amount of pico-dollars.
    Unusable(PriceError),
}

/// One row: field name → JSON text of its value. Numbers stay text, so that none is rounded.
type Row = BTreeMap<String, Box<RawValue>>;

const BUCKETS: [(&str, Bucket); 9] = [
    (
        "cache_creation_input_token_cost_above_12hr",
        Bucket::CacheWriteLong,
    ),
    (
        "cache_creation_input_token_cost_above_1hr",
        Bucket::CacheWriteLong,
    ),
    ("cache_creation_input_token_cost", Bucket::CacheWrite),
    ("cache_read_input_token_cost", Bucket::CacheRead),
    ("input_cost_per_audio_token", Bucket::InputAudio),
    ("output_cost_per_audio_token", Bucket::OutputAudio),
    ("input_cost_per_token", Bucket::Input),
    ("output_cost_per_reasoning_token", Bucket::Reasoning),
    ("output_cost_per_token", Bucket::Output),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Bucket {
    Input,
    Output,
    CacheRead,
    CacheWrite,
    CacheWriteLong,
    Reasoning,
    InputAudio,
    OutputAudio,
}

type Prices = BTreeMap<Bucket, UnitPrice>;

impl PriceBook {
    /// Reads LiteLLM's price list. Rows that cannot be used are listed, never guessed.
    ///
    /// Models of the providers that are served keep their kind; those of servers that one runs
    /// oneself (`ollama`, `hosted_vllm`, `vllm`, `lm_studio`, `llamafile`) become local.
    ///
    /// # Errors
    /// [`PriceError::Unreadable`] if it is no JSON object of objects.
    pub fn import_litellm(json: &str) -> Result<Import, PriceError> {
        let rows: BTreeMap<String, Row> =
            serde_json::from_str(json).map_err(|error| unreadable(&error))?;
        let mut import = Import {
            models: Vec::new(),
            skipped: Vec::new(),
        };
        for (name, row) in &rows {
            match read_row(name, row) {
                Ok(model) => import.models.push(model),
                Err(why) => import.skipped.push((name.clone(), why)),
            }
        }
        Ok(import)
    }
}

fn read_row(name: &str, row: &Row) -> Result<Model, Skipped> {
    let provider = word(row, "litellm_provider").unwrap_or_default();
    let kind = match provider.as_str() {
        "openai" | "text-completion-openai" => ProviderKind::OpenAi,
        "anthropic" => ProviderKind::Anthropic,
        "azure" | "azure_text" => ProviderKind::AzureOpenAi,
        "together_ai" => ProviderKind::Together,
        "huggingface" => ProviderKind::HuggingFace,
        "ai21" => ProviderKind::Ai21,
        "cohere" | "cohere_chat" => ProviderKind::Cohere,
        "gemini" => ProviderKind::Google,
        "vertex_ai-language-models" => ProviderKind::Vertex,
        "replicate" => ProviderKind::Replicate,
        "bedrock" | "bedrock_converse" => ProviderKind::AwsBedrock,
        "ollama" | "ollama_chat" | "hosted_vllm" | "vllm" | "lm_studio" | "llamafile" => {
            ProviderKind::Local
        }
        _ => return Err(Skipped::Provider(provider)),
    };
    let mode_word = word(row, "mode").unwrap_or_default();
    let mode = match mode_word.as_str() {
        "chat" => Mode::Chat,
        "responses" => Mode::Responses,
        "completion" => Mode::Completion,
        "embedding" => Mode::Embedding,
        "rerank" => Mode::Rerank,
        _ => return Err(Skipped::Mode(mode_word)),
    };
    let name = name.strip_prefix(&format!("{provider}/")).unwrap_or(name);
    Ok(Model {
        kind,
        name: name.to_owned(),
        mode,
        context: number(row, "max_input_tokens").max(number(row, "max_tokens")),
        max_output: number(row, "max_output_tokens"),
        encoding: None,
        images: flag(row, "supports_vision").then_some(match kind {
            ProviderKind::Anthropic => ImageRule::Most(4784),
            // What is not told is never more than a model can read.
            ProviderKind::AwsBedrock => ImageRule::Most(match name.contains("anthropic.") {
                true => 4784,
                false => number(row, "max_input_tokens").unwrap_or(u64::MAX),
            }),
            _ => ImageRule::Patches {
                most: 10_000,
                original: 10_000,
                permille: 2460,
            },
        }),
        draws: None,
        abilities: Abilities {
            vision: flag(row, "supports_vision"),
            files: flag(row, "supports_pdf_input"),
            audio_input: flag(row, "supports_audio_input"),
            audio_output: flag(row, "supports_audio_output"),
            tools: flag(row, "supports_function_calling"),
            reasoning: flag(row, "supports_reasoning"),
            json_schema: flag(row, "supports_response_schema"),
            prompt_cache: flag(row, "supports_prompt_caching"),
        },
        price: price(name, kind, mode, row)?,
        simulated: false,
        source: word(row, "source").or_else(|| Some("litellm".to_owned())),
        retires_on: word(row, "deprecation_date"),
    })
}

fn price(name: &str, kind: ProviderKind, mode: Mode, row: &Row) -> Result<Price, Skipped> {
    let mut base: BTreeMap<ServiceTier, Prices> = BTreeMap::new();
    let mut long: BTreeMap<ServiceTier, Prices> = BTreeMap::new();
    let mut above = None;
    for (field, value) in row {
        let Some((bucket, rest)) = bucket(field) else {
            continue;
        };
        let Some((tier, threshold)) = terms(rest) else {
            continue;
        };
        if value.get() == "null" {
            continue;
        }
        let price = amount(name, field, value.get())?;
        // Of several thresholds the lowest counts, with the dearest of their prices.
        above = [above, threshold].into_iter().flatten().min();
        let prices = if threshold.is_some() {
            &mut long
        } else {
            &mut base
        };
        let slot = prices.entry(tier).or_default().entry(bucket).or_default();
        *slot = price.max(*slot);
    }
    let mut tiers = BTreeMap::new();
    for (tier, prices) in &base {
        let Some(rates) = rates((kind, name), mode, prices) else {
            continue;
        };
        let above_threshold = long.get(tier).map(|more| {
            let mut all = prices.clone();
            all.extend(more);
            all
        });
        let long = above_threshold
            .and_then(|prices| self::rates((kind, name), mode, &prices))
            .map(|long| long.dearer(&rates));
        tiers.insert(*tier, TierRates { base: rates, long });
    }
    if !tiers.contains_key(&ServiceTier::Standard) {
        return Err(Skipped::NoPrice);
    }
    Ok(Price {
        tiers,
        long_context_above: above,
        web_search: searches(name, row)?,
        search_unit: match mode {
            Mode::Rerank => fee(name, row, &["input_cost_per_query"])?,
            _ => UnitPrice::FREE,
        },
        request: match mode {
            Mode::Rerank => fee(name, row, &["input_cost_per_request"])?,
            _ => fee(
                name,
                row,
                &["input_cost_per_request", "input_cost_per_query"],
            )?,
        },
        image: fee(name, row, &["input_cost_per_image"])?,
        pictures: Vec::new(),
        second: UnitPrice::FREE,
        character: UnitPrice::FREE,
        regional_permille: None,
    })
}

fn amount(name: &str, field: &str, text: &str) -> Result<UnitPrice, Skipped> {
    dollars_per_unit(text).map_err(|source| {
        Skipped::Unusable(PriceError::NotAPrice {
            model: name.to_owned(),
            bucket: field.to_owned(),
            value: text.to_owned(),
            source,
        })
    })
}

/// The dearest that these fields state for one and the same thing; nothing if they are absent.
fn fee(name: &str, row: &Row, fields: &[&str]) -> Result<UnitPrice, Skipped> {
    let stated = fields
        .iter()
        .filter_map(|field| Some((field, row.get(*field)?)))
        .filter(|(_, value)| value.get() != "null");
    stated
        .map(|(field, value)| amount(name, field, value.get()))
        .try_fold(UnitPrice::FREE, |dearest, price| Ok(dearest.max(price?)))
}

/// A search of the web at the dearest size of its context, where the list prices it.
fn searches(name: &str, row: &Row) -> Result<Option<UnitPrice>, Skipped> {
    let field = "search_context_cost_per_query";
    let Some(value) = row.get(field) else {
        return Ok(None);
    };
    let sizes: BTreeMap<String, Box<RawValue>> =
        serde_json::from_str(value.get()).unwrap_or_default();
    let prices = sizes.values().map(|price| amount(name, field, price.get()));
    let prices = prices.collect::<Result<Vec<_>, _>>()?;
    Ok(prices.into_iter().max())
}

fn rates((kind, name): (ProviderKind, &str), mode: Mode, prices: &Prices) -> Option<super::Rates> {
    let of = |bucket| prices.get(&bucket).copied();
    let is_silent = matches!(mode, Mode::Embedding | Mode::Rerank);
    let output = of(Bucket::Output).or(is_silent.then_some(UnitPrice::FREE));
    Some(complete(
        kind,
        name,
        Stated {
            input: of(Bucket::Input)?,
            output: output?,
            cache_read: of(Bucket::CacheRead),
            cache_write_5m: of(Bucket::CacheWrite),
            cache_write_1h: of(Bucket::CacheWriteLong),
            reasoning: of(Bucket::Reasoning),
            input_audio: of(Bucket::InputAudio),
            output_audio: of(Bucket::OutputAudio),
            input_image: None,
            output_image: None,
        },
    ))
}

fn bucket(field: &str) -> Option<(Bucket, &str)> {
    BUCKETS
        .iter()
        .find_map(|(prefix, bucket)| Some((*bucket, field.strip_prefix(prefix)?)))
}

/// Reads what follows the bucket: `_above_272k_tokens`, `_priority`, both or neither.
fn terms(rest: &str) -> Option<(ServiceTier, Option<u64>)> {
    let (threshold, rest) = match rest.strip_prefix("_above_") {
        Some(rest) => {
            let (thousands, rest) = rest.split_once("k_tokens")?;
            (
                Some(thousands.parse::<u64>().ok()?.checked_mul(1000)?),
                rest,
            )
        }
        None => (None, rest),
    };
    let tier = match rest {
        "" => ServiceTier::Standard,
        "_flex" => ServiceTier::Flex,
        "_batches" => ServiceTier::Batch,
        "_priority" => ServiceTier::Priority,
        "_ultrafast" => ServiceTier::Ultrafast,
        _ => return None,
    };
    Some((tier, threshold))
}

fn word(row: &Row, field: &str) -> Option<String> {
    serde_json::from_str(row.get(field)?.get()).ok()
}

fn number(row: &Row, field: &str) -> Option<u64> {
    row.get(field)?.get().parse().ok()
}

fn flag(row: &Row, field: &str) -> bool {
    row.get(field).is_some_and(|value| value.get() == "true")
}

#[cfg(test)]
mod tests;
