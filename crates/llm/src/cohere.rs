//! Cohere: what it bills, into buckets that do not overlap.
//!
//! The package `cohere` 7.3.1 of PyPI, `Usage` of the chat of version 2, read 2026-11. `billed_units`
//! is what is paid for; `tokens` also counts what Cohere puts around a prompt and gives away, and
//! stands in where nothing else is told. Its numbers are floats on the wire.

use serde_json::Value;

use crate::usage::Usage;

/// Reads what of a chat is paid for; none unless all of it is told.
pub(crate) fn billed(told: &Value) -> Option<Usage> {
    let units = told.get("billed_units")?;
    count(units, "input_tokens").and(count(units, "output_tokens"))?;
    usage(told)
}

/// Reads what of embeddings is paid for.
pub(crate) fn billed_input(told: &Value) -> Option<Usage> {
    count(told.get("billed_units")?, "input_tokens")?;
    usage(told)
}

/// Reads `usage` as far as it is told, for whoever asks how long things were; none as long as it does
/// not say how long the prompt was.
pub(crate) fn usage(told: &Value) -> Option<Usage> {
    let of = |name: &str| {
        let billed = told
            .get("billed_units")
            .and_then(|units| count(units, name));
        billed.or_else(|| count(told.get("tokens")?, name))
    };
    let input = of("input_tokens")?;
    let output = of("output_tokens").unwrap_or(0);
    let cached = count(told, "cached_tokens").unwrap_or(0);
    if [input, output, cached].contains(&Usage::ABSURD) {
        return Some(Usage {
            input: Usage::ABSURD,
            ..Usage::default()
        });
    }
    let cache_read = cached.min(input);
    Some(Usage {
        input: input.saturating_sub(cache_read),
        cache_read,
        output,
        ..Usage::default()
    })
}

/// Reads what an answer with embeddings says it bills.
pub(crate) fn embed_usage(answer: &Value) -> Option<Usage> {
    usage(answer.get("meta")?)
}

/// Reads what an answer with ranked documents says it bills: searches, or tokens.
pub(crate) fn rerank_usage(meta: &Value) -> Option<Usage> {
    let billed = meta.get("billed_units")?;
    let (searches, tokens) = (count(billed, "search_units"), count(billed, "input_tokens"));
    searches.or(tokens)?;
    Some(Usage {
        input: tokens.unwrap_or(0),
        search_units: searches.unwrap_or(0),
        ..Usage::default()
    })
}

/// A count. What counts nothing becomes a count that no model can reach.
fn count(object: &Value, name: &str) -> Option<u64> {
    let value = object.get(name).filter(|value| !value.is_null())?;
    Some(whole(value).unwrap_or(Usage::ABSURD))
}

/// A whole number, also one that is written as a float (`5.0`).
pub(crate) fn whole(value: &Value) -> Option<u64> {
    if let Some(number) = value.as_u64() {
        return Some(number);
    }
    let text = value.as_number()?.to_string();
    let (whole, fraction) = text.split_once('.')?;
    let is_zero = fraction.bytes().all(|digit| digit == b'0');
    whole.parse().ok().filter(|_| is_zero)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_billed_counts_and_not_what_was_read() {
        let told = json!({"billed_units": {"input_tokens": 17.0, "output_tokens": 9},
            "tokens": {"input_tokens": 215, "output_tokens": 12}, "cached_tokens": 5});
        let expected = Usage {
            input: 12,
            cache_read: 5,
            output: 9,
            ..Usage::default()
        };
        assert_eq!(usage(&told), Some(expected));
        assert_eq!(billed(&told), Some(expected));
        let unbilled = json!({"tokens": {"input_tokens": 215, "output_tokens": 12}});
        assert_eq!(usage(&unbilled).map(|usage| usage.total()), Some(227));
        assert_eq!(billed(&unbilled), None);
        let half = json!({"billed_units": {"input_tokens": 17}, "tokens": {"output_tokens": 12}});
        assert_eq!(billed(&half), None);
        assert_eq!(billed_input(&half).map(|usage| usage.input), Some(17));
    }

    #[test]
    fn what_is_no_count_is_not_settled_by() {
        assert_eq!(usage(&json!({})), None);
        for value in [json!(-1), json!(1.5), json!("9")] {
            let told = json!({"billed_units": {"input_tokens": 1, "output_tokens": value}});
            assert_eq!(usage(&told).map(|usage| usage.input), Some(Usage::ABSURD));
        }
    }
}
