//! Usage in the words of each dialect. OpenAI's prompt tokens include what the cache gave
//! and took, Anthropic's input tokens do not; between them stand the disjoint buckets.

use serde_json::{Map, Value, json};

use crate::usage::{ServiceTier, Usage};

/// The `usage` of a chat completion, read.
pub(super) fn from_chat(usage: &Value) -> Usage {
    let number = |pointer: &str| usage.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
    let cache_read = number("/prompt_tokens_details/cached_tokens");
    let cache_write = number("/prompt_tokens_details/cache_write_tokens");
    let audio = number("/prompt_tokens_details/audio_tokens");
    let output = number("/completion_tokens");
    Usage {
        input: number("/prompt_tokens")
            .saturating_sub(cache_read)
            .saturating_sub(cache_write)
            .saturating_sub(audio),
        cache_read,
        cache_write_5m: cache_write,
        input_audio: audio,
        output,
        reasoning: number("/completion_tokens_details/reasoning_tokens").min(output),
        ..Usage::default()
    }
}

/// The `usage` of a chat completion.
pub(super) fn to_chat(usage: &Usage) -> Value {
    json!({
        "prompt_tokens": usage.input_total(),
        "completion_tokens": usage.output_total(),
        "total_tokens": usage.total(),
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read,
            "cache_write_tokens": written(usage),
        },
        "completion_tokens_details": { "reasoning_tokens": usage.reasoning },
    })
}

/// The `usage` of a response.
pub(super) fn to_responses(usage: &Usage) -> Value {
    json!({
        "input_tokens": usage.input_total(),
        "input_tokens_details": {
            "cached_tokens": usage.cache_read,
            "cache_write_tokens": written(usage),
        },
        "output_tokens": usage.output_total(),
        "output_tokens_details": { "reasoning_tokens": usage.reasoning },
        "total_tokens": usage.total(),
    })
}

/// The `usage` of a message.
pub(super) fn to_messages(usage: &Usage) -> Map<String, Value> {
    let mut out = Map::new();
    let mut put = |name: &str, value: Value| out.insert(name.to_owned(), value);
    put(
        "input_tokens",
        usage.input.saturating_add(usage.input_audio).into(),
    );
    put("cache_creation_input_tokens", written(usage).into());
    put("cache_read_input_tokens", usage.cache_read.into());
    put("output_tokens", usage.output_total().into());
    if usage.reasoning > 0 {
        put(
            "output_tokens_details",
            json!({ "thinking_tokens": usage.reasoning }),
        );
    }
    out
}

/// OpenAI's word for the tier that served an answer.
pub(super) fn tier_word(usage: &Usage) -> Option<&'static str> {
    match usage.tier? {
        ServiceTier::Standard => Some("default"),
        ServiceTier::Priority => Some("priority"),
        _ => None,
    }
}

const fn written(usage: &Usage) -> u64 {
    usage.cache_write_5m.saturating_add(usage.cache_write_1h)
}
