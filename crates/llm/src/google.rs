//! Google: what it counts, into buckets that do not overlap, and how its service accounts ask for
//! tokens.
//!
//! ai.google.dev, `UsageMetadata` of `generateContent` (by excerpts, 2026-11). The prompt contains what the
//! cache gave; thoughts stand beside the candidates and are billed as output; what tools at the
//! provider read stands beside the prompt. A count that is zero is left out.

mod service_account;

use serde_json::Value;

pub use self::service_account::{SCOPE, ServiceAccount, ServiceAccountError};
use crate::usage::Usage;

/// Reads `usageMetadata`; none as long as it does not say how long the prompt was.
pub(crate) fn usage(metadata: &Value) -> Option<Usage> {
    let counts = [
        "promptTokenCount",
        "cachedContentTokenCount",
        "candidatesTokenCount",
        "thoughtsTokenCount",
        "toolUsePromptTokenCount",
        "totalTokenCount",
    ]
    .map(|name| count(metadata, name));
    if counts.contains(&Some(Usage::ABSURD)) {
        return Some(Usage {
            input: Usage::ABSURD,
            ..Usage::default()
        });
    }
    let [prompt, cached, candidates, thoughts, tools, total] = counts;
    let prompt = prompt?;
    let [cached, candidates, thoughts, tools, total] =
        [cached, candidates, thoughts, tools, total].map(Option::unwrap_or_default);
    let read = prompt.saturating_add(tools);
    // Some answers count the thoughts among the candidates; then the total is without them.
    let within = thoughts <= candidates && total == read.saturating_add(candidates);
    let beside = if within { 0 } else { thoughts };
    // What stands in the total alone was billed, too.
    let output = candidates
        .saturating_add(beside)
        .max(total.saturating_sub(read));
    let drawn = drawn(metadata).min(output);
    let cache_read = cached.min(prompt);
    let rest = read.saturating_sub(cache_read);
    let input_audio = audio(metadata).min(rest);
    Some(Usage {
        input: rest.saturating_sub(input_audio),
        cache_read,
        input_audio,
        output: output.saturating_sub(drawn),
        output_image: drawn,
        reasoning: thoughts.min(output.saturating_sub(drawn)),
        ..Usage::default()
    })
}

/// Whether a model embeds contents as Gemini's do, and not as the older ones of Vertex AI, which are
/// asked for predictions.
pub(crate) fn embeds_contents(model: &str) -> bool {
    model.starts_with("gemini")
}

/// Whether a model makes pictures by prediction, and not by generating content.
pub(crate) fn predicts_pictures(model: &str) -> bool {
    model.starts_with("imagen")
}

/// The pictures of an answer, in base64.
pub(crate) fn pictures(answer: &Value) -> impl Iterator<Item = &str> {
    let predicted = answer.get("predictions").and_then(Value::as_array);
    let predicted = predicted.into_iter().flatten();
    let predicted = predicted.filter_map(|one| one.get("bytesBase64Encoded")?.as_str());
    let candidates = answer.get("candidates").and_then(Value::as_array);
    let parts = candidates.into_iter().flatten().filter_map(|candidate| {
        let parts = candidate.pointer("/content/parts")?;
        parts.as_array()
    });
    let drawn = parts
        .flatten()
        .filter_map(|part| part.pointer("/inlineData/data")?.as_str());
    predicted.chain(drawn)
}

/// Reads how long the texts of an answer with embeddings were; none unless it says it of all.
pub(crate) fn embed_usage(answer: &Value) -> Option<Usage> {
    if let Some(metadata) = answer.get("usageMetadata") {
        let input = count(metadata, "promptTokenCount")?;
        return Some(Usage {
            input,
            ..Usage::default()
        });
    }
    let predictions = answer.get("predictions")?.as_array()?;
    let tokens = predictions.iter().map(|prediction| {
        let told = prediction.pointer("/embeddings/statistics/token_count")?;
        crate::cohere::whole(told)
    });
    let add = |sum: u64, tokens: Option<u64>| Some(sum.saturating_add(tokens?));
    let input = match predictions.is_empty() {
        true => None,
        false => tokens.into_iter().try_fold(0, add),
    }?;
    Some(Usage {
        input,
        ..Usage::default()
    })
}

/// How much of the prompt was sound.
fn audio(metadata: &Value) -> u64 {
    of_modality(metadata, "promptTokensDetails", "AUDIO")
}

/// How much of the candidates was pictures.
fn drawn(metadata: &Value) -> u64 {
    of_modality(metadata, "candidatesTokensDetails", "IMAGE")
}

fn of_modality(metadata: &Value, field: &str, modality: &str) -> u64 {
    let details = metadata.get(field).and_then(Value::as_array);
    let such = details
        .into_iter()
        .flatten()
        .filter(|of| of.get("modality").and_then(Value::as_str) == Some(modality));
    such.filter_map(|of| count(of, "tokenCount"))
        .fold(0, u64::saturating_add)
}

/// A count. What counts nothing becomes a count that no model can reach.
fn count(metadata: &Value, name: &str) -> Option<u64> {
    let value = metadata.get(name).filter(|value| !value.is_null())?;
    Some(value.as_u64().unwrap_or(Usage::ABSURD))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn counts_of_google_become_disjoint() {
        let told = json!({"promptTokenCount": 100, "cachedContentTokenCount": 40,
            "candidatesTokenCount": 7, "thoughtsTokenCount": 20, "toolUsePromptTokenCount": 3,
            "totalTokenCount": 130});
        let expected = Usage {
            input: 63,
            cache_read: 40,
            output: 27,
            reasoning: 20,
            ..Usage::default()
        };
        assert_eq!(usage(&told), Some(expected));
        let hidden =
            json!({"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 90});
        assert_eq!(usage(&hidden).map(|usage| usage.output), Some(80));
    }

    #[test]
    fn thoughts_among_the_candidates_count_once() {
        let output = |total: u64| {
            let told = json!({"promptTokenCount": 10, "candidatesTokenCount": 30,
                "thoughtsTokenCount": 20, "totalTokenCount": total});
            usage(&told).map(|usage| (usage.output, usage.reasoning))
        };
        assert_eq!(output(40), Some((30, 20)));
        assert_eq!(output(60), Some((50, 20)));
        assert_eq!(output(90), Some((80, 20)));
        assert_eq!(output(0), Some((50, 20)));
    }

    #[test]
    fn sound_in_the_prompt_has_its_own_bucket() {
        let told = json!({"promptTokenCount": 100, "candidatesTokenCount": 5,
            "totalTokenCount": 105, "promptTokensDetails": [
                {"modality": "TEXT", "tokenCount": 30}, {"modality": "AUDIO", "tokenCount": 70}]});
        let expected = Usage {
            input: 30,
            input_audio: 70,
            output: 5,
            ..Usage::default()
        };
        assert_eq!(usage(&told), Some(expected));
    }

    #[test]
    fn what_is_no_count_is_not_settled_by() {
        assert_eq!(usage(&json!({})), None);
        for value in [json!(-1), json!(1.5), json!("9")] {
            let told = json!({"promptTokenCount": 1, "candidatesTokenCount": value});
            assert_eq!(usage(&told).map(|usage| usage.input), Some(Usage::ABSURD));
        }
    }
}
